"""Distributions have the means of their draws, and are read and written as text."""

import gzip
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from scipy.integrate import quad
from scipy.stats import expon, lognorm, norm, uniform
from scipy.stats import pareto as pareto_law

from simulations import (
    Clients,
    Constant,
    Empirical,
    Exponential,
    Holding,
    Lognormal,
    Mixture,
    Network,
    Pareto,
    Retry,
    Uniform,
    mean_interval,
    parse_holding,
)
from simulations.faults import Crash
from tests.support.distributions import HOLDINGS, SECONDS


TEXTS = [
    'exp:1.5',
    'const:2',
    'uniform:0.5:3',
    'uniform:2:2',
    'lognormal:0.2:0.8',
    'lognormal:-3:0.01',
    'pareto:2.5:1',
    'pareto:3.25:0.3',
    'values:0.2:1.5:1.5:7',
    'mix:0.9*exp:0.5+0.1*uniform:2:9',
    'mix:3*values:0:1+1*const:0.5+2*pareto:2.5:0.3',
]


@pytest.mark.parametrize('text', TEXTS)
@pytest.mark.parametrize('slot_exp', [0.4, 1.0, 2.5, 40.0])
def test_the_means_are_those_of_many_draws(text: str, slot_exp: float) -> None:
    """E[S], E[min(S, T)], E[max(S-T, 0)] as formulas lie in the 99.9 % interval of 40,000 draws."""
    holding = parse_holding(text)
    stream = random.Random(11)
    draws = [holding.draw(stream) for _ in range(40_000)]
    rounding = 1e-9

    for closed, values in (
        (holding.mean(), draws),
        (holding.mean_until(slot_exp), [min(draw, slot_exp) for draw in draws]),
        (holding.mean_beyond(slot_exp), [max(draw - slot_exp, 0.0) for draw in draws]),
    ):
        measured = mean_interval(values, 0.999)
        # A sample with hardly a draw beyond the expiry says nothing about so small a mean.
        assert measured.low - rounding <= closed <= measured.high + rounding + closed * (max(values) < slot_exp)


@pytest.mark.parametrize(
    ('holding', 'law'),
    [
        (Exponential(1.5), expon(scale=1.5)),
        (Uniform(0.5, 3), uniform(loc=0.5, scale=2.5)),
        (Lognormal(0.2, 0.8), lognorm(s=0.8, scale=math.exp(0.2))),
        (Pareto(2.5, 2), pareto_law(2.5, scale=2)),
        (Pareto(1.1, 2), pareto_law(1.1, scale=2)),
    ],
)
@pytest.mark.parametrize('slot_exp', [0.1, 0.75, 2.0, 2.9, 30.0, 3000.0])
def test_the_means_are_the_integrals_of_another_package(holding: Holding, law: Any, slot_exp: float) -> None:
    """They agree to many digits up to the expiry, and beyond it if the integral converges."""
    below = law.expect(lambda seconds: seconds, ub=min(slot_exp, law.support()[1])) if law.cdf(slot_exp) else 0.0
    until = below + slot_exp * law.sf(slot_exp)

    assert holding.mean() == pytest.approx(law.mean(), rel=1e-12, abs=0)
    assert holding.mean_until(slot_exp) == pytest.approx(until, rel=1e-7, abs=0)
    assert holding.mean_beyond(slot_exp) == pytest.approx(law.mean() - until, rel=1e-6, abs=1e-7 * law.mean())


@given(HOLDINGS, SECONDS, SECONDS)
@settings(max_examples=300)
def test_what_an_expiry_cuts_off_and_what_it_leaves_make_the_whole(holding: Holding, one: float, two: float) -> None:
    """Both parts are non-negative and monotone in the expiry, and the ends are the mean and 0."""
    shorter, longer = sorted((one, two))
    mean = holding.mean()
    rounding = 1e-9 * mean

    assert holding.mean_until(one) + holding.mean_beyond(one) == pytest.approx(mean, rel=1e-9, abs=0)
    assert 0 <= holding.mean_until(shorter) <= holding.mean_until(longer) + rounding
    assert 0 <= holding.mean_beyond(longer) <= holding.mean_beyond(shorter) + rounding
    assert holding.mean_until(one) <= min(one, mean) * (1 + 1e-9)
    assert (holding.mean_until(0), holding.mean_beyond(0)) == (0, mean)
    assert (holding.mean_until(math.inf), holding.mean_beyond(math.inf)) == (mean, 0)


@pytest.mark.parametrize('shape', [0.1, 0.5, 0.9, 0.999999, 1.0, 1.000001])
@pytest.mark.parametrize('slot_exp', [0.5, 2.0, 3.0, 1e4])
def test_an_expiry_bounds_a_holding_time_whose_mean_is_infinite(shape: float, slot_exp: float) -> None:
    """E[min(S, T)] is the integral of P(S > x) up to T, also where E[S] is infinite."""
    holding = Pareto(shape, 2)
    above, _ = quad(lambda seconds: (2 / seconds) ** shape, 2, max(2, slot_exp), epsabs=0)

    assert holding.mean_until(slot_exp) == pytest.approx(min(2, slot_exp) + above, rel=1e-9, abs=0)
    assert math.isinf(holding.mean()) == math.isinf(holding.mean_beyond(slot_exp)) == (shape <= 1)
    assert holding.mean_until(math.inf) == holding.mean_beyond(0) == holding.mean()
    stream = random.Random(3)
    assert all(2 <= holding.draw(stream) < math.inf for _ in range(1000))


def test_a_mixture_may_have_an_infinite_mean() -> None:
    """One part suffices, and the expiry bounds it."""
    mixture = parse_holding('mix:3*const:1+1*pareto:0.9:1')

    assert mixture.mean() == mixture.mean_beyond(2) == math.inf
    assert mixture.mean_until(2) == pytest.approx(0.75 + Pareto(0.9, 1).mean_until(2) / 4, rel=1e-15)


@pytest.mark.parametrize(
    ('make', 'name'),
    [
        (lambda: Retry('pareto:1:1'), 'pause'),
        (lambda: Clients(3, 'pareto:1:1'), 'thinking'),
        (lambda: Network(latency='pareto:1:1'), 'latency'),
        (lambda: Crash(every='pareto:1:1'), 'every'),
        (lambda: Crash(at=1.0, lasting='pareto:1:1'), 'lasting'),
    ],
)
def test_every_other_duration_has_a_finite_mean(make: Callable[[], object], name: str) -> None:
    """Only a slot has an expiry that bounds it."""
    with pytest.raises(ValueError, match=f'^{name} must have a finite mean, but that of pareto:1:1 is infinite$'):
        make()


def test_far_out_the_rest_keeps_its_digits() -> None:
    """The part beyond a late expiry is exact even if it vanishes next to the mean as a float."""
    assert Exponential(1).mean_beyond(100) == pytest.approx(math.exp(-100), rel=1e-12, abs=0)
    assert Pareto(6, 1).mean_beyond(1e6) == pytest.approx(1e-30 / 5, rel=1e-12, abs=0)
    beyond, _ = quad(lambda power: norm.sf(power) * math.exp(power), math.log(1e6), 30, epsabs=0)
    assert Lognormal(0, 1).mean_beyond(1e6) == pytest.approx(beyond, rel=1e-9, abs=0)


@given(HOLDINGS)
def test_a_holding_time_is_written_as_it_is_read(holding: Holding) -> None:
    """Every digit is kept, so the line that repeats a run repeats it exactly."""
    assert parse_holding(str(holding)) == holding
    assert parse_holding(str(holding)).draw(random.Random(1)) == holding.draw(random.Random(1)) >= 0


@pytest.mark.parametrize('text', ['exp:0.123456789', 'const:0', 'uniform:1:2.5', 'lognormal:-0.5:1.25', *TEXTS])
def test_the_text_of_a_holding_time_is_its_own(text: str) -> None:
    """The text is what a person would write."""
    assert str(parse_holding(text)) == text


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        ('gamma:1', 'write exp:MEAN, const:X, uniform:A:B, lognormal:MU:SIGMA, pareto:SHAPE:MIN, values:A:B:...'),
        ('exp', 'write exp:MEAN'),
        ('exp:1:2', 'write exp:MEAN'),
        ('exp:fast', 'write exp:MEAN, with numbers'),
        ('exp:nan', 'with finite numbers'),
        ('exp:0', 'its mean must be more than 0'),
        ('const:-1', 'it must be at least 0'),
        ('uniform:3:1', 'it needs 0 <= low <= high'),
        ('lognormal:0:0', 'sigma must be more than 0'),
        ('lognormal:800:1', 'too large'),
        ('pareto:0.05:1', 'its shape must be at least 0.1'),
        ('pareto:2:0', 'its minimum must be more than 0'),
        ('pareto:1.5:1e308', 'does not fit a float'),
        ('values:', 'write values:A:B:..., with numbers'),
        ('values:1:-2', 'values must be finite and at least 0, got -2.0'),
        ('values:1e308:1e308', 'does not fit a float'),
        ('file:', 'write file:PATH'),
        ('file:nowhere.txt', 'cannot read the holding times nowhere.txt'),
        ('mix:', r'write mix:WEIGHT\*FORM\+..., a weight and a star before each form'),
        ('mix:exp:1', 'a weight and a star before each form'),
        ('mix:x*exp:1', 'with numbers'),
        ('mix:0*exp:1', 'weight must be finite and more than 0, got 0.0'),
        ('mix:1*exp:1+2*gamma:1', "'gamma:1': write exp:MEAN"),
        ('mix:1*mix:1*exp:1', r'must not be a mixture: list the parts of mix:1\*exp:1 instead'),
    ],
)
def test_a_holding_time_that_cannot_be_read_says_how_to_write_it(text: str, complaint: str) -> None:
    """The error names the text and the right form."""
    with pytest.raises(ValueError, match=complaint) as error:
        parse_holding(text)
    assert text.split(':')[0].replace('mix', '') in str(error.value)


@pytest.mark.parametrize(
    ('call', 'kind', 'complaint'),
    [
        (lambda: Exponential('1'), TypeError, "seconds must be a number, not '1'"),  # type: ignore[arg-type]
        (lambda: Exponential(math.inf), ValueError, 'seconds must be finite, got inf'),
        (lambda: Lognormal(0, math.nan), ValueError, 'sigma must be a number, got nan'),
        (lambda: Uniform(0, True), TypeError, 'high must be a number, not True'),
        (lambda: Empirical([]), ValueError, 'values must hold at least one holding time'),
        (lambda: Empirical([1, math.inf]), ValueError, 'values must be finite and at least 0, got inf'),
        (lambda: Empirical(['1']), TypeError, "values must be a number, not '1'"),  # type: ignore[list-item]
        (lambda: Mixture(()), ValueError, 'a mixture needs at least one part'),
        (lambda: Mixture(((1, 'exp:1'),)), TypeError, "must be a distribution, not 'exp:1'"),  # type: ignore[arg-type]
        (lambda: Mixture((1, 2)), TypeError, 'parts must be pairs of a weight'),  # type: ignore[arg-type]
        (lambda: parse_holding(5), TypeError, "must be a string such as 'exp:1', not 5"),  # type: ignore[arg-type]
        (lambda: Exponential(1).mean_until(-1), ValueError, 'slot_exp must be at least 0, got -1'),
        (lambda: Pareto(2, 1).mean_beyond(math.nan), ValueError, 'slot_exp must be a number, got nan'),
    ],
)
def test_a_wrong_number_is_refused(call: Callable[[], Any], kind: type[Exception], complaint: str) -> None:
    """The error names the parameter and its value."""
    with pytest.raises(kind, match=complaint):
        call()


def test_measured_values_are_drawn_with_equal_weight() -> None:
    """Each value is drawn equally often, no other value appears, and the means are exact."""
    holding = Empirical([4, 1, 1, 2])
    stream = random.Random(3)
    draws = [holding.draw(stream) for _ in range(8000)]

    assert set(draws) == {1, 2, 4}
    assert draws.count(1) / 8000 == pytest.approx(0.5, abs=0.03)
    assert draws.count(4) / 8000 == pytest.approx(0.25, abs=0.03)
    assert (holding.mean(), holding.mean_until(1.5), holding.mean_beyond(1.5)) == (2, 1.25, 0.75)
    assert len(holding) == 4
    assert holding == Empirical([1, 1, 2, 4]) != Empirical([1, 2, 4])
    assert hash(holding) == hash(Empirical([1, 1, 2, 4]))


def test_more_values_than_one_would_write_are_told_by_their_number() -> None:
    """A report does not list a thousand numbers."""
    assert str(Empirical([2] * 100)).count(':') == 100
    assert str(Empirical([2] * 1000)) == '1,000 values of mean 2'
    assert repr(Empirical([2, 3])) == '<Empirical values:2:3>'


def test_values_may_come_from_a_file_beside_the_scenario(tmp_path: Path) -> None:
    """The text repeats the given path and is read relative to the folder; gzip is recognised."""
    (tmp_path / 'c++ jobs.txt').write_text('# seconds\n3\n\n 0.5\n1e1\n')
    (tmp_path / 'packed').write_bytes(gzip.compress(b'1\r\n2\r\n'))
    holding = parse_holding('file:c++ jobs.txt', tmp_path)
    mixed = parse_holding('mix:0.5*file:c++ jobs.txt + 0.5*file:packed', tmp_path)

    assert holding == Empirical([0.5, 3, 10])
    assert str(holding) == 'file:c++ jobs.txt'
    assert mixed.mean() == 3
    assert parse_holding(str(mixed), tmp_path) == mixed
    assert parse_holding(f'file:{tmp_path / "packed"}') == Empirical([1, 2])


@pytest.mark.parametrize(
    ('content', 'complaint'),
    [
        (b'1\n2,5\n', "line 2 of .*jobs.txt is '2,5': write one holding time"),
        (b'1\n-2\n', "line 2 of .*jobs.txt is '-2': write one holding time"),
        (b'inf\n', "line 1 of .*jobs.txt is 'inf': write one holding time"),
        (b'# nothing\n', 'values must hold at least one holding time'),
        (b'\x1f\x8b\x08\x00 not gzip', 'cannot read the holding times .*jobs.txt'),
        (gzip.compress(b'1\n' * 1000, mtime=0)[:-9], 'cannot read the holding times .*jobs.txt'),
    ],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    """The error names the line, because a distribution that silently lacks values is wrong."""
    (tmp_path / 'jobs.txt').write_bytes(content)

    with pytest.raises(ValueError, match=complaint):
        parse_holding('file:jobs.txt', tmp_path)


def test_a_mixture_draws_each_part_by_its_weight() -> None:
    """The weights need not sum to 1."""
    holding = Mixture(((3, Constant(1)), (1, Constant(30))))
    stream = random.Random(3)
    draws = [holding.draw(stream) for _ in range(8000)]

    assert draws.count(1) / 8000 == pytest.approx(0.75, abs=0.02)
    assert (holding.mean(), holding.mean_until(2), holding.mean_beyond(2)) == (8.25, 1.25, 7)


def test_a_plus_in_a_number_parts_nothing() -> None:
    """Large numbers, such as 1e+20, contain a plus."""
    holding = Mixture(((1e20, Constant(1e22)), (2, Exponential(1e-20)), (1e17, Constant(0))))

    assert str(holding) == 'mix:1e+20*const:1e+22+2*exp:1e-20+1e+17*const:0'
    assert parse_holding(str(holding)) == holding
