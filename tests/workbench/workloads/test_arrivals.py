"""Laws of arrivals have the counts of the closed forms, and are read and written as text."""

import itertools
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import kstest

from simulations import (
    Arrivals,
    Bursty,
    Clients,
    Constant,
    Exponential,
    Periodic,
    PoissonArrivals,
    Recorded,
    Trace,
    Varying,
    mean_interval,
    parse_arrivals,
)


SIGMAS = 5
TEXTS = [
    'poisson:6',
    'poisson:0.25',
    'periodic:2',
    'periodic:10:7',
    'periodic:10:7:2.5',
    'periodic:10:1:10',
    'bursty:1:6:20:0.5',
    'bursty:0:5:3:1:0.5:2',
    'varying:60:1:1:8:8',
    'varying:7:0:5:0.5',
]
RATES = st.floats(1e-3, 1e3)
SECONDS = st.floats(-3, 4).map(lambda power: 10**power)
LAWS: st.SearchStrategy[Arrivals | Clients] = st.one_of(
    st.builds(PoissonArrivals, RATES),
    st.builds(
        lambda interval, together, share: Periodic(interval, together, interval * share),
        SECONDS,
        st.integers(1, 1000),
        st.floats(0, 1),
    ),
    st.builds(
        Bursty,
        st.lists(st.tuples(st.just(0.0) | RATES, SECONDS), min_size=1, max_size=4).map(lambda s: [(1.0, 2.0), *s]),
    ),
    st.builds(
        Varying, SECONDS, st.lists(st.just(0.0) | RATES, min_size=1, max_size=9).map(lambda rates: (3.0, *rates))
    ),
    st.builds(Clients, st.integers(1, 1000), st.sampled_from(['exp:1', 'mix:1*const:1+2*exp:3', 'uniform:0:1'])),
)


def law(text: str) -> Arrivals:
    arrivals = parse_arrivals(text)
    assert not isinstance(arrivals, Clients)
    return arrivals


def instants_until(arrivals: Arrivals, horizon: float, seed: int = 1) -> list[float]:
    return list(itertools.takewhile(lambda now: now < horizon, arrivals.instants(random.Random(seed))))


@pytest.mark.parametrize('text', TEXTS)
def test_so_many_arrive_as_the_rate_says(text: str) -> None:
    """The rate lies in the 5 sigma interval of the mean number in 400 windows."""
    arrivals = law(text)
    window = 12 * (arrivals.period or 10)
    counts, _ = np.histogram(instants_until(arrivals, 400 * window), 400, (0, 400 * window))
    spread = counts.std() / math.sqrt(len(counts))

    assert abs(counts.mean() / window - arrivals.rate()) <= SIGMAS * spread / window + 1e-9


@given(LAWS.filter(lambda arrivals: not isinstance(arrivals, Clients)), st.integers(0, 2**32))
def test_instants_come_in_order_from_zero_on_and_are_the_same_each_time(arrivals: Arrivals, seed: int) -> None:
    """No instant is before 0 or out of order, and the random stream alone decides them."""
    some = list(itertools.islice(arrivals.instants(random.Random(seed)), 200))

    assert len(some) == 200
    assert some[0] >= 0
    assert all(earlier <= later for earlier, later in itertools.pairwise(some))
    assert some == list(itertools.islice(arrivals.instants(random.Random(seed)), 200))


def test_poisson_arrivals_are_exponential_times_apart() -> None:
    """A Kolmogorov-Smirnov test of 20,000 of them sees no difference."""
    some = list(itertools.islice(PoissonArrivals(4).instants(random.Random(2)), 20_000))

    assert kstest(np.diff([0, *some]), 'expon', args=(0, 1 / 4)).pvalue > 1e-4


def test_periodic_arrivals_come_by_the_clock() -> None:
    """One or several arrive at each instant, or within their spread and no later."""
    assert instants_until(Periodic(2.5), 10) == [0, 2.5, 5, 7.5]
    assert instants_until(Periodic(3, 2), 9) == [0, 0, 3, 3, 6, 6]
    spread = np.array(instants_until(Periodic(10, 50, 4), 10_000))

    assert len(spread) == 50 * 1000
    assert set(np.floor(spread / 10)) == set(range(1000))
    assert (spread % 10 < 4).all()
    assert kstest(spread % 10, 'uniform', args=(0, 4)).pvalue > 1e-4


def test_a_spread_as_long_as_the_interval_leaves_no_gap() -> None:
    """No job arrives before a job of the previous interval."""
    some = np.array(instants_until(Periodic(0.1, 3, 0.1), 100))

    assert (np.diff(some) >= 0).all()
    assert some == pytest.approx(np.repeat(np.arange(1000) / 10 + 0.05, 3), abs=0.05 + 1e-9)
    assert len(some) == 3000


@pytest.mark.parametrize('text', ['bursty:1:6:20:0.5', 'bursty:0:2:6:1', 'bursty:5:1:5:3', 'bursty:0:5:3:1:0.5:2'])
def test_bursts_spread_the_counts_as_the_closed_form_says(text: str) -> None:
    """The index of dispersion agrees in long windows, in separate runs and from the beginning."""
    arrivals = law(text)
    assert isinstance(arrivals, Bursty)
    window = 300 * sum(mean for _, mean in arrivals.states)
    counts = [len(instants_until(arrivals, window, seed)) for seed in range(400)]
    measured = mean_interval(
        [(count - arrivals.rate() * window) ** 2 / (arrivals.rate() * window) for count in counts], 0.999999
    )

    assert measured.low <= arrivals.index_of_dispersion() * 1.002
    assert measured.high >= arrivals.index_of_dispersion() * 0.998


@pytest.mark.parametrize('window', [0.2, 1, 5, 40])
def test_bursts_are_steady_from_the_first_instant_on(window: float) -> None:
    """The first seconds already have the mean and variance of the stationary process."""
    arrivals = Bursty(((1, 6), (20, 0.5)))
    expected = arrivals.rate() * window
    counts = [len(instants_until(arrivals, window, seed)) for seed in range(20_000)]
    mean = mean_interval(counts, 0.999999)
    spread = mean_interval([(count - expected) ** 2 / expected for count in counts], 0.999999)

    assert mean.low <= expected <= mean.high
    assert spread.low <= arrivals.index_of_dispersion(window) <= spread.high


def test_the_index_of_dispersion_has_the_form_of_its_source() -> None:
    """It equals the formula of Heffes and Lucantoni for two states, and 1 without bursts."""
    one, two, leave_one, leave_two = 3.0, 11.0, 1 / 4, 1 / 0.7
    arrivals = Bursty(((one, 1 / leave_one), (two, 1 / leave_two)))
    change = leave_one + leave_two
    beyond = 2 * (one - two) ** 2 * leave_one * leave_two / (change**2 * (one * leave_two + two * leave_one))

    assert arrivals.index_of_dispersion() == pytest.approx(1 + beyond, rel=1e-12)
    for window in (1e-3, 0.5, 7.0):
        part = 1 - (1 - math.exp(-change * window)) / (change * window)
        assert arrivals.index_of_dispersion(window) == pytest.approx(1 + beyond * part, rel=1e-9)
    assert arrivals.index_of_dispersion(0) == 1
    assert Bursty(((5, 1), (5, 3), (5, 2))).index_of_dispersion() == 1


def test_a_varying_rate_is_linear_between_its_points_and_closes_its_circle() -> None:
    """In 3,000 periods, the arrivals in each twelfth of a period match the integral of the rate."""
    arrivals = Varying(60, (1, 1, 8, 0.5, 0))
    folded = np.array(instants_until(arrivals, 3000 * 60)) % 60
    counts, edges = np.histogram(folded, 12, (0, 60))
    points, rates = np.arange(6) * 12, [*arrivals.rates, arrivals.rates[0]]
    expected = [
        3000
        * quad(lambda now: np.interp(now, points, rates), low, high, points=points[(points > low) & (points < high)])[0]
        for low, high in itertools.pairwise(edges)
    ]

    assert np.abs(counts - expected).max() <= SIGMAS * math.sqrt(max(expected))
    assert (np.abs(counts - expected) <= SIGMAS * np.sqrt(expected)).all()


@pytest.mark.parametrize('scale', [1, 0.01])
def test_a_varying_rate_is_sampled_by_inversion(scale: float) -> None:
    """Each arrival takes one exponential number, whose sum is the cumulative rate there.

    This holds for long runs, and if whole periods pass without an arrival.
    """
    arrivals = Varying(10, (2 * scale, 6 * scale, 0, scale))
    stream = random.Random(4)
    sums = np.cumsum([stream.expovariate(1) for _ in range(5000)])
    points = np.linspace(0, 10, 5)
    rates = np.array([*arrivals.rates, arrivals.rates[0]])

    def cumulated(now: float) -> float:
        periods, within = divmod(now, 10)
        knots = np.concatenate([points[points < within], [within]])
        return float(periods * 22.5 * scale + np.trapezoid(np.interp(knots, points, rates), knots))

    some = itertools.islice(arrivals.instants(random.Random(4)), 5000)

    assert [cumulated(now) for now in some] == pytest.approx(sums, rel=1e-9)


def test_a_higher_rate_sees_the_same_chance() -> None:
    """With twice the rate over half the time, every arrival comes at half its instant."""
    slow = itertools.islice(Varying(60, (1, 4, 2)).instants(random.Random(5)), 1000)
    fast = itertools.islice(Varying(30, (2, 8, 4)).instants(random.Random(5)), 1000)

    assert [2 * now for now in fast] == pytest.approx(list(slow), rel=1e-12)


def test_a_function_of_time_is_sampled_over_its_period() -> None:
    """The points are equally spaced from 0, by default one for each five minutes of a day."""
    day = Varying.sampled(lambda now: 5 - 4 * math.cos(2 * math.pi * now / 86400), period=86400)

    assert len(day.rates) == 288
    assert (day.rates[0], day.rates[72], day.rates[144]) == pytest.approx((1, 5, 9))
    assert day.rate() == pytest.approx(5)
    assert parse_arrivals(str(day)) == day
    assert Varying.sampled(lambda now: now, 6, points=3) == Varying(6, (0, 2, 4))


def test_recorded_arrivals_come_from_zero_on_and_end(tmp_path: Path) -> None:
    """They are sorted, and the text names a file relative to the scenario."""
    Trace([(65, 1), (60, 9), (61, 3)]).to_csv(tmp_path / 'jobs.csv')
    arrivals = law_in('trace:jobs.csv', tmp_path)

    assert list(arrivals.instants(random.Random(1))) == [0, 1, 5]
    assert (str(arrivals), arrivals.words()) == ('trace:jobs.csv', 'the 3 arrivals of jobs.csv')
    assert arrivals.rate() == 0.4
    assert arrivals == Recorded([5, 6, 10]) != Recorded([5, 6, 11])
    assert hash(arrivals) == hash(Recorded([5, 6, 10]))
    assert math.isinf(Recorded([7, 7]).rate())
    assert (str(Recorded([7])), repr(arrivals)) == ('1 recorded arrivals', '<Recorded trace:jobs.csv>')


def test_many_recorded_arrivals_are_gone_through_piece_by_piece() -> None:
    """Nothing is lost or repeated between two chunks."""
    assert list(Recorded(range(10_000)).instants(random.Random())) == list(range(10_000))


def law_in(text: str, folder: Path) -> Arrivals:
    arrivals = parse_arrivals(text, folder)
    assert not isinstance(arrivals, Clients)
    return arrivals


def test_what_is_steady_and_what_repeats_itself() -> None:
    """A steady law can be averaged after a warm-up; equal batches count as steady."""
    steady = {text: law(text).steady for text in TEXTS}
    periods = {text: law(text).period for text in TEXTS if law(text).period is not None}

    assert [text for text in TEXTS if not steady[text]] == [
        'varying:60:1:1:8:8',
        'varying:7:0:5:0.5',
    ]
    assert periods == {
        'periodic:2': 2,
        'periodic:10:7': 10,
        'periodic:10:7:2.5': 10,
        'periodic:10:1:10': 10,
        'varying:60:1:1:8:8': 60,
        'varying:7:0:5:0.5': 7,
    }
    assert not Recorded([1]).steady
    assert Clients(3, 'exp:1').steady


@given(LAWS)
def test_arrivals_are_written_as_they_are_read(arrivals: Arrivals | Clients) -> None:
    """Every digit is kept, so the line that repeats a run repeats it exactly."""
    assert parse_arrivals(str(arrivals)) == arrivals


@pytest.mark.parametrize('text', [*TEXTS, 'clients:40:exp:10', 'clients:1:mix:0.5*exp:1+0.5*const:3'])
def test_the_text_of_arrivals_is_their_own(text: str) -> None:
    """The text is what a person would write."""
    assert str(parse_arrivals(text)) == text


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('poisson:6', 'Poisson arrivals, 6 a second'),
        ('periodic:2', 'an arrival every 2 s'),
        ('periodic:60:5', '5 arrivals every 60 s, all together'),
        ('periodic:60:5:3', '5 arrivals every 60 s, within 3 s'),
        ('bursty:1:60:20:5', 'bursty arrivals, 1 a second for 60 s, then 20 a second for 5 s, on average'),
        ('varying:60:1:8', 'arrivals at 1 to 8 a second, varying over 60 s'),
        ('clients:40:exp:10', '40 clients that think for exp:10'),
        ('clients:1:const:2', '1 client that thinks for const:2'),
    ],
)
def test_a_report_says_in_words_how_jobs_arrive(text: str, words: str) -> None:
    """The words include the units."""
    assert parse_arrivals(text).words() == words


def test_clients_think_as_given_or_as_written(tmp_path: Path) -> None:
    """The thinking time is an object or a text; its file is relative to the scenario."""
    (tmp_path / 'thinking.txt').write_text('1\n3\n')

    assert Clients(4, 'exp:2') == Clients(4, Exponential(2)) != Clients(5, 'exp:2')
    assert Clients(4, 'exp:2').number == 4
    assert parse_arrivals('clients:2:file:thinking.txt', tmp_path) == Clients(2, f'file:{tmp_path / "thinking.txt"}')


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        (
            'gamma:1',
            r"arrivals 'gamma:1': write poisson:RATE, periodic:INTERVAL\[:TOGETHER.*bursty.* or clients:NUMBER",
        ),
        ('', 'write poisson:RATE'),
        ('poisson', "arrivals 'poisson': write poisson:RATE"),
        ('poisson:1:2', 'write poisson:RATE'),
        ('poisson:often', 'write poisson:RATE, with numbers'),
        ('poisson:nan', 'write poisson:RATE, with finite numbers'),
        ('poisson:0', 'rate must be finite and more than 0 arrivals a second, got 0'),
        ('periodic:', 'write periodic:INTERVAL'),
        ('periodic:0', 'interval must be finite and more than 0, got 0'),
        ('periodic:1e-320:2', 'interval is too short'),
        ('periodic:1:2.5', 'write periodic:INTERVAL.*, with a whole number of jobs'),
        ('periodic:1:0', 'together must be at least 1, got 0'),
        ('periodic:1:2:3', 'spread must be at most the interval of 1 s, got 3'),
        ('periodic:1:2:-3', 'spread must be finite and at least 0, got -3'),
        ('periodic:1:2:1:1', 'write periodic:INTERVAL'),
        ('bursty:1:2', 'write bursty:RATE:MEAN:RATE:MEAN'),
        ('bursty:1:2:3', 'write bursty:RATE:MEAN:RATE:MEAN'),
        ('bursty:1:2:3:4:5', 'write bursty:RATE:MEAN:RATE:MEAN'),
        ('bursty:1:2:-3:4', 'rate must be finite and at least 0, got -3'),
        ('bursty:1:2:3:0', 'mean must be finite and more than 0, got 0'),
        ('bursty:0:2:0:1', 'at least one rate must be more than 0'),
        ('bursty:1e308:9:1:1', 'a rate is too large'),
        ('varying:60:1', 'write varying:PERIOD:RATE:RATE'),
        ('varying:0:1:2', 'period must be finite and more than 0, got 0'),
        ('varying:60:1:-2', 'rate must be finite and at least 0, got -2'),
        ('varying:60:0:0', 'rates must not all be 0'),
        ('varying:60:1e308:1e308', 'so large that the arrivals in 60 s do not fit a float'),
        ('trace:', 'write trace:PATH'),
        ('trace:nowhere.csv', 'cannot read the trace nowhere.csv'),
        ('clients:3', 'write clients:NUMBER:FORM'),
        ('clients:many:exp:1', 'with a whole number of jobs'),
        ('clients:0:exp:1', 'number must be at least 1, got 0'),
        ('clients:3:gamma:1', "holding 'gamma:1': write exp:MEAN"),
        ('clients:3:const:0', 'thinking must have a mean of at least a nanosecond, got const:0'),
    ],
)
def test_arrivals_that_cannot_be_read_say_how_to_write_them(text: str, complaint: str) -> None:
    """The error says what is wrong and shows the right form."""
    with pytest.raises(ValueError, match=complaint):
        parse_arrivals(text)


@pytest.mark.parametrize(
    ('call', 'kind', 'complaint'),
    [
        (lambda: parse_arrivals(6), TypeError, "must be a string such as 'poisson:6', not 6"),  # type: ignore[arg-type]
        (lambda: PoissonArrivals('6'), TypeError, "rate must be a number, not '6'"),  # type: ignore[arg-type]
        (
            lambda: PoissonArrivals(math.inf),
            ValueError,
            'rate must be finite and more than 0 .*, got inf',
        ),
        (lambda: Periodic(1, True), TypeError, 'together must be a whole number, not True'),
        (lambda: Bursty(((1, 2),)), ValueError, 'need at least two states'),
        (lambda: Bursty((1, 2)), TypeError, 'states must be pairs'),  # type: ignore[arg-type]
        (lambda: Bursty(((1, 2), (3, 4), (0, 1))).index_of_dispersion(9), ValueError, 'window must be infinite'),
        (lambda: Bursty(((1, 2), (3, 4))).index_of_dispersion(-9), ValueError, 'window must be at least 0, got -9'),
        (lambda: Varying(60, (1,)), ValueError, r'need at least two rates, got \(1.0,\)'),
        (lambda: Varying.sampled(lambda now: -now, 60), ValueError, 'rate must be finite and at least 0'),
        (lambda: Varying.sampled(lambda now: 1, 60, points=1), ValueError, 'points must be at least 2, got 1'),
        (lambda: Recorded([]), ValueError, 'instants must hold at least one arrival'),
        (lambda: Recorded(['1']), TypeError, "instants must be a number, not '1'"),  # type: ignore[list-item]
        (lambda: Recorded([0, math.inf]), ValueError, 'must be finite'),
        (lambda: Recorded([-1e308, 1e308]), ValueError, 'must be finite, and so must the time between'),
        (lambda: Clients(2, 5), TypeError, "thinking must be a distribution, or a string such as 'exp:1', not 5"),  # type: ignore[arg-type]
        (lambda: Clients(2, Constant(0)), ValueError, 'thinking must have a mean of at least a nanosecond'),
    ],
)
def test_a_law_that_cannot_be_is_refused(call: Callable[[], Any], kind: type[Exception], complaint: str) -> None:
    """The constructor raises an error that names the argument and its value."""
    with pytest.raises(kind, match=complaint):
        call()
