"""Known values, simulations without shared code, and the reasons why theory does not apply."""

import heapq
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from simulations import (
    Expectation,
    Job,
    Leave,
    OnRefusal,
    Poisson,
    Retry,
    Synthetic,
    Trace,
    Turn,
    Workload,
    bundled_trace,
    erlang_b,
    erlang_c,
    expect,
    mean_interval,
    mean_wait,
    parse_holding,
    queue_system,
    replay,
    retrials,
    wait_beyond,
)
from simulations.conditions import Conditions
from simulations.faults.network import Network
from simulations.results.outside import outside
from simulations.theory.expectation import MOST_STATES, MOST_THAT_RETRY, expect_renewed
from simulations.theory.renewal import even_spacing, poisson_spacing, renewal_loss


pytestmark = pytest.mark.quick


def expected(
    workload: Workload,
    max_size: int,
    slot_exp: float | None = None,
    on_refusal: OnRefusal = Leave(),  # noqa: B008 - it is frozen
    crash_probability: float = 0.0,
) -> Expectation:
    found = expect(workload, max_size, slot_exp, on_refusal, crash_probability)
    assert isinstance(found, Expectation), found
    return found


def reason(
    workload: Workload,
    max_size: int = 5,
    slot_exp: float | None = None,
    on_refusal: OnRefusal = Leave(),  # noqa: B008 - it is frozen
    crash_probability: float = 0.0,
) -> str:
    found = expect(workload, max_size, slot_exp, on_refusal, crash_probability)
    assert isinstance(found, str), found
    assert found.endswith('.')
    assert found[0].isupper() or found[0].isdigit()
    return found


def synthetic(
    arrivals: str, holding: str = 'exp:1', keys: str | None = None, jobs: int = 10, seed: int = 0
) -> Synthetic:
    return Synthetic(arrivals, holding, keys, jobs=jobs, seed=seed)


@pytest.mark.parametrize(
    ('rate', 'max_size', 'slot_exp', 'crashing', 'refused', 'overrun'),
    [
        (6, 5, 0.5, 0.0, 0.05965, 3.422),
        (12, 10, 1.0, 0.0, 0.10324, 3.959),
        (3, 5, 4.0, 0.2, 0.26476, 0.03232),
        (3, 5, None, 0.0, 0.110054, 0.0),
        (3, 5, 600, 0.0, 0.110054, 0.0),
    ],
)
def test_poisson_arrivals_that_leave_meet_the_known_values(
    rate: float, max_size: int, slot_exp: float | None, crashing: float, refused: float, overrun: float
) -> None:
    """Expiry and crashes are included; a negligible overrun is 0."""
    found = expected(Poisson(rate, 'exp:1', jobs=10), max_size, slot_exp, crash_probability=crashing)

    assert found.refusal_share == found.attempts_refusal_share == pytest.approx(refused, abs=1e-5)
    assert found.overrun_mean == pytest.approx(overrun, abs=6e-4)
    assert found.overrun_mean == 0 or overrun
    assert found.wait_mean is None
    assert found.occupancy_distribution is not None
    assert len(found.occupancy_distribution) == max_size + 1
    assert found.occupancy_distribution[-1] == pytest.approx(found.refusal_share, rel=1e-12)
    mean = sum(busy * share for busy, share in enumerate(found.occupancy_distribution))
    assert found.occupancy_mean == pytest.approx(mean, rel=1e-12)


def test_a_report_says_whose_formula_it_is_and_for_which_load() -> None:
    """The formula fits in one line."""
    at_expiry = expected(Poisson(6, 'exp:1', jobs=10), 5, 0.5)

    assert at_expiry.formula == "Erlang's loss system M/G/5/5 at an offered load of 2.361 erlangs"
    assert at_expiry.offered_load == pytest.approx(2.36082, abs=1e-5)
    assert expected(synthetic('poisson:6', keys='zipf:1000'), 2).formula == (
        "Erlang's loss system M/G/2/2 for each of 1,000 pools, at a total offered load of 6 erlangs"
    )
    assert expected(synthetic('clients:10:exp:2'), 5).formula == (
        "Engset's system of 10 clients on 5 slots, each free one offering 0.5 erlangs"
    )
    assert expected(synthetic('poisson:3'), 5, None, Retry('exp:2')).formula == (
        'M/M/5 with retries after exp:2 s, at an offered load of 3 erlangs'
    )
    assert expected(synthetic('periodic:0.5'), 5).formula == (
        "Takacs' loss system D/M/5/5 at an offered load of 2 erlangs"
    )


def test_crashes_without_an_expiry_take_every_slot() -> None:
    """In the long run every job is refused."""
    found = expected(Poisson(3, 'exp:1', jobs=10), 5, None, crash_probability=0.1)

    assert (found.refusal_share, found.occupancy_mean, found.overrun_mean) == (1, 5, 0)
    assert found.occupancy_distribution == (0, 0, 0, 0, 0, 1)


def test_each_of_many_pools_is_a_loss_system_of_its_own() -> None:
    """Refusal shares are weighted by arrivals; live slots and overruns add up."""
    found = expected(synthetic('poisson:12', 'exp:1', 'zipf:3:1'), 4, 0.8, crash_probability=0.1)
    parts = [
        expected(Poisson(rate, 'exp:1', jobs=1), 4, 0.8, crash_probability=0.1) for rate in (72 / 11, 36 / 11, 24 / 11)
    ]
    weights = (6 / 11, 3 / 11, 2 / 11)

    assert found.refusal_share == pytest.approx(
        sum(weight * part.refusal_share for weight, part in zip(weights, parts, strict=True)), rel=1e-12
    )
    assert found.occupancy_mean == pytest.approx(sum(part.occupancy_mean for part in parts), rel=1e-12)
    assert found.overrun_mean == pytest.approx(sum(part.overrun_mean or 0 for part in parts), rel=1e-12)
    assert found.offered_load == pytest.approx(sum(part.offered_load or 0 for part in parts), rel=1e-12)
    assert found.occupancy_distribution is None


def test_equal_pools_are_as_one_with_its_part_of_the_load() -> None:
    """This holds for any number of pools."""
    found = expected(synthetic('poisson:3000', keys='zipf:1000:0'), 5)

    assert found.refusal_share == pytest.approx(erlang_b(5, 3.0), rel=1e-9)
    assert found.occupancy_mean == pytest.approx(3000 * (1 - erlang_b(5, 3.0)), rel=1e-9)
    assert expected(synthetic('poisson:3', keys='zipf:1'), 5).occupancy_distribution is not None


def test_many_pools_refuse_as_often_as_replayed() -> None:
    """The expected share lies in the 99.9 % interval of 20 runs of 3,000 jobs in three pools."""
    workloads = [synthetic('poisson:12', 'exp:1', 'zipf:3:1', 3000, seed) for seed in range(20)]
    shares = [replay(workload, max_size=4, slot_exp=0.8).figures.refusal_share for workload in workloads]
    measured = mean_interval(shares, 0.999)

    assert measured.low <= expected(workloads[0], 4, 0.8).refusal_share <= measured.high
    assert measured.high - measured.low < 0.02


def test_clients_that_leave_meet_the_known_values() -> None:
    """By Engset's formula, the share refused is below the share of the time that all are busy."""
    found = expected(synthetic('clients:10:const:2', 'exp:1'), 5)

    assert found.refusal_share == found.attempts_refusal_share == pytest.approx(0.106961, abs=1e-6)
    assert found.occupancy_distribution is not None
    assert found.occupancy_distribution[-1] == pytest.approx(0.147887, abs=1e-6)
    assert found.offered_load == pytest.approx(10 / 3)
    assert (found.overrun_mean, found.wait_mean) == (0, None)


@pytest.mark.parametrize('holding', ['exp:1', 'const:1', 'pareto:2.5:0.6'])
def test_clients_are_refused_as_often_as_their_turns_say(holding: str) -> None:
    """A simulation of ten clients without any theory, 30 runs, agrees for any distribution."""
    workloads = [synthetic('clients:10:uniform:0:4', holding, seed=seed) for seed in range(30)]
    shares, occupancies = zip(*(_clients_by_hand(workload, 5, 1000.0) for workload in workloads), strict=True)
    share, occupancy = mean_interval(shares, 0.999), mean_interval(occupancies, 0.999)
    found = expected(workloads[0], 5)

    assert share.low <= found.refusal_share <= share.high
    assert occupancy.low <= found.occupancy_mean <= occupancy.high


def _clients_by_hand(workload: Synthetic, slots: int, horizon: float) -> tuple[float, float]:
    """Return the share of refused requests and the mean number of busy slots, from 50 s on."""
    assert workload.clients is not None
    turns = [workload.turns(client) for client in range(workload.clients.number)]
    current = [next(each) for each in turns]
    events = [(turn.thinking, client, 'asks') for client, turn in enumerate(current)]
    heapq.heapify(events)
    busy, refused, asked, area, before = 0, 0, 0, 0.0, 50.0
    while events[0][0] < horizon:
        now, client, what = heapq.heappop(events)
        if now > 50:
            area += busy * (now - before)
            before = now
        if what == 'asks':
            asked += now > 50
            if busy < slots:
                busy += 1
                heapq.heappush(events, (now + current[client].holding, client, 'ends'))
                continue
            refused += now > 50
        else:
            busy -= 1
        current[client] = next(turns[client])
        heapq.heappush(events, (now + current[client].thinking, client, 'asks'))
    return refused / asked, area / (before - 50)


def test_jobs_that_retry_meet_the_known_values() -> None:
    """The values are the share of first attempts that find all busy, and of all attempts."""
    for pause, busy in (('exp:10', 0.16416), ('exp:1', 0.18275), ('exp:0.1', 0.21838)):
        found = expected(Poisson(3, 'exp:1', jobs=10), 5, None, Retry(pause))
        assert found.refusal_share == pytest.approx(busy, abs=1e-5)
    system = retrials(5, 3.0, 1 / 6, 2.0)
    slow = expected(Poisson(1.5, 'exp:2', jobs=10), 5, 600, Retry('exp:6'))

    assert (slow.refusal_share, slow.attempts_refusal_share) == pytest.approx((system.all_busy, system.refusal_share))
    assert slow.wait_mean == pytest.approx(system.wait_mean)
    assert (slow.offered_load, slow.occupancy_mean, slow.overrun_mean) == (3, 3, 0)
    assert slow.occupancy_distribution is None


@pytest.mark.parametrize('servers', [1, 2, 5, 30, 200])
@pytest.mark.parametrize('load', [0.1, 1.0, 4.5, 40.0, 250.0])
def test_renewal_loss_with_poisson_arrivals_is_erlang_b(servers: int, load: float) -> None:
    """The known case holds in any unit of time."""
    assert renewal_loss(servers, poisson_spacing(load)) == pytest.approx(erlang_b(servers, load), rel=1e-11, abs=1e-300)
    assert renewal_loss(servers, poisson_spacing(load / 7), 7.0) == pytest.approx(
        erlang_b(servers, load), rel=1e-11, abs=1e-300
    )


def test_renewal_loss_has_its_limits() -> None:
    """One server refuses a job while the previous one holds; without arrivals it refuses none."""
    for interval in (1e-3, 0.7, 5.0, 100.0):
        assert renewal_loss(1, even_spacing(interval)) == pytest.approx(2.718281828459045**-interval, rel=1e-12)
    assert renewal_loss(5, even_spacing(1e9)) == 0
    assert renewal_loss(3, poisson_spacing(0)) == 0


def test_evenly_spaced_arrivals_are_refused_as_often_as_counted_by_hand() -> None:
    """A simulation without any theory, 30 runs of 3,000 jobs, agrees."""
    workloads = [synthetic('periodic:0.25', 'exp:1', jobs=3000, seed=seed) for seed in range(30)]
    measured = mean_interval([_loss_by_hand(workload, 4) for workload in workloads], 0.999)
    found = expected(workloads[0], 4)

    assert measured.low <= found.refusal_share <= measured.high
    assert found.refusal_share < erlang_b(4, 4.0) - 0.05
    assert found.occupancy_mean == pytest.approx(4 * (1 - found.refusal_share))
    assert found.occupancy_distribution is None


def _loss_by_hand(workload: Workload, slots: int) -> float:
    ends: list[float] = []
    seen: Counter[bool] = Counter()
    for job in workload:
        while ends and ends[0] <= job.arrival:
            heapq.heappop(ends)
        granted = len(ends) < slots
        if granted:
            heapq.heappush(ends, job.arrival + job.holding)
        # The first jobs find the pool emptier than the later ones.
        if job.arrival > 20:
            seen[granted] += 1
    return seen[False] / seen.total()


SAME_LOAD = 'with Poisson arrivals of the same mean load, {load} erlangs, {share:.2%} would be refused'


@pytest.mark.parametrize(
    ('arrivals', 'holding', 'why'),
    [
        ('bursty:1:1:5:1', 'exp:1', 'No simple theory covers bursty arrivals; '),
        (
            'varying:60:1:5',
            'exp:1',
            'The arrivals vary with time, so there is no long run; ',
        ),
        ('periodic:10:30', 'exp:1', 'Theory covers periodic arrivals only if they are evenly spaced; '),
        ('periodic:1:3:1', 'exp:1', 'Theory covers periodic arrivals only if they are evenly spaced; '),
        (
            'periodic:0.3333333333333333',
            'const:1',
            'Theory covers evenly spaced arrivals only for one pool with exponential',
        ),
    ],
)
def test_where_theory_has_no_answer_it_tells_that_of_poisson_arrivals(arrivals: str, holding: str, why: str) -> None:
    """The comparison at the same mean load shows how much the arrivals matter."""
    said = reason(synthetic(arrivals, holding))

    assert said.startswith(why)
    assert SAME_LOAD.format(load=3, share=erlang_b(5, 3)) in said


def test_a_recorded_trace_is_compared_with_poisson_arrivals_of_its_load() -> None:
    """The rate is that between first and last arrival; a job counts for as long as its slot."""
    trace = Trace([(second, 4.0 if second % 2 else 2.0) for second in range(101)])

    assert reason(trace, 3, 3.0).startswith('Recorded arrivals follow no known law; ')
    load = (50 * 3 + 51 * 2) / 101
    assert SAME_LOAD.format(load='2.495', share=erlang_b(3, load)) in reason(trace, 3, 3.0)
    assert SAME_LOAD.format(load='81.29', share=0) in reason(bundled_trace(), 200, 3 * 86400.0)


@pytest.mark.parametrize(
    'trace', [Trace([]), Trace([(1, 1)]), Trace([(1, 1), (1, 1)]), Trace([(0, 1, 'a'), (1, 1, 'b')])]
)
def test_a_trace_without_a_rate_or_with_many_pools_is_compared_with_nothing(trace: Trace) -> None:
    """There is no comparison to make."""
    assert reason(trace) == 'Recorded arrivals follow no known law.'
    assert reason(Trace([(0, 1), (1, 1)]), on_refusal=Retry()) == 'Recorded arrivals follow no known law.'


@pytest.mark.parametrize(
    ('said', 'why'),
    [
        (lambda: reason(synthetic('clients:9:exp:1'), 5, None, Retry()), 'but these retry'),
        (lambda: reason(synthetic('clients:9:exp:1', keys='zipf:3')), 'of one pool, but these choose among 3'),
        (
            lambda: reason(synthetic('clients:9:exp:1'), 5, 2.0),
            'but slots expire after 2 s, while some bodies still run',
        ),
        (lambda: reason(synthetic('clients:9:exp:1'), 5, 60, crash_probability=0.1), 'but 10 % of the holders crash'),
        (
            lambda: reason(synthetic('clients:9:const:1', 'const:1')),
            'thinking and holding times take only single values',
        ),
        (lambda: reason(synthetic('bursty:1:1:2:2'), 5, None, Retry()), 'for Poisson arrivals, but these are bursty'),
        (lambda: reason(synthetic('poisson:1', keys='zipf:3'), 5, None, Retry()), 'for one pool, but there are 3'),
        (
            lambda: reason(synthetic('poisson:1', 'const:1'), 5, None, Retry()),
            'exponential holding times, but these are const',
        ),
        (lambda: reason(synthetic('poisson:1'), 5, None, Retry('const:1')), 'a refused job retries after const:1 s'),
        (lambda: reason(synthetic('poisson:1'), 5, None, Retry(factor=2)), 'doubled each time'),
        (lambda: reason(synthetic('poisson:1'), 5, None, Retry(longest=2)), 'at most 2 s'),
        (lambda: reason(synthetic('poisson:1'), 5, None, Retry(jitter=0.5)), 'shortened at random'),
        (lambda: reason(synthetic('poisson:1'), 5, None, Retry(tries=2)), 'at most 2 attempts'),
        (lambda: reason(synthetic('poisson:1'), 5, 2.0, Retry()), 'but slots expire after 2 s'),
        (lambda: reason(synthetic('poisson:1'), 5, 60.0, Retry(), 0.2), 'but 20 % of the holders crash'),
        (lambda: reason(synthetic('poisson:6'), 5, None, Retry()), 'there is no long run'),
        (lambda: reason(synthetic('poisson:1'), MOST_THAT_RETRY + 1, None, Retry()), 'for at most 500 slots'),
        (lambda: reason(synthetic('poisson:4.9999'), 5, None, Retry('exp:1000')), 'is too long: retry_rate'),
        (lambda: reason(synthetic('periodic:1', keys='zipf:3')), 'for one pool'),
        (lambda: reason(synthetic('periodic:1'), 5, 2.0), 'that no expiry and no crash changes'),
        (lambda: reason(synthetic('poisson:1'), 5, None, _Sulk()), 'for jobs whose on_refusal is _Sulk'),
        (lambda: reason(synthetic('clients:8:const:1', 'values:1:2'), 5), 'take only single values'),
        (
            lambda: reason(synthetic('clients:8:values:1:2', 'mix:1*const:1+2*uniform:3:3'), 5),
            'take only single values',
        ),
        (lambda: reason(_Other()), 'for a workload of type _Other'),
        (lambda: reason(Synthetic(_Law(), 'exp:1', jobs=1)), 'for arrivals of my own; with Poisson arrivals'),
    ],
)
def test_why_theory_does_not_apply_is_said_in_a_sentence(said: Callable[[], str], why: str) -> None:
    """The sentence names the obstacle."""
    assert why in said()


class _Sulk:
    def pause(self, n: int, stream: random.Random) -> float | None:
        return None


class _Law:
    steady, period = True, None

    def instants(self, stream: random.Random) -> Iterator[float]:
        return iter([1.0])

    def rate(self) -> float:
        return 3.0

    def words(self) -> str:
        return 'arrivals of my own'

    def times(self, factor: float) -> '_Law':
        return self


class _Other:
    """A user-defined workload."""

    name = 'other jobs'
    expected_jobs = 1
    skipped: ClassVar[dict[str, int]] = {}
    steady = False
    period = horizon = clients = None

    def __iter__(self) -> Iterator[Job]:
        return iter([Job(0, 1)])

    def turns(self, client: int) -> Iterator[Turn]:
        raise TypeError


def test_a_pool_of_any_size_is_answered_at_once() -> None:
    """It does not list all states."""
    large = 2**31 - 1

    assert expected(Poisson(6, 'exp:1', jobs=1), large).occupancy_distribution is None
    assert expected(synthetic('clients:9:exp:1'), large).occupancy_distribution is None
    assert expected(Poisson(6, 'exp:1', jobs=1), MOST_STATES).occupancy_distribution is not None
    assert reason(synthetic('periodic:1'), large)


@pytest.mark.parametrize(
    ('arguments', 'complaint'),
    [
        ((0, None), 'max_size must be at least 1, got 0'),
        ((5, -1.0), 'slot_exp must be more than 0'),
        ((5, None, Leave(), 2.0), 'crash_probability must be between 0 and 1, got 2.0'),
    ],
)
def test_a_pool_that_cannot_be_is_refused(arguments: tuple[int, float | None], complaint: str) -> None:
    """The error names the argument and its value."""
    with pytest.raises(ValueError, match=complaint):
        expect(Poisson(6, 'exp:1', jobs=1), *arguments)


def test_an_expiry_bounds_holding_times_of_infinite_mean() -> None:
    """Refusals and occupancy follow E[min(S, T)]; the bodies beyond their slot have no mean."""
    heavy = Poisson(3, 'pareto:0.9:1', jobs=1)
    theory = expected(heavy, 5, slot_exp=5)
    load = 3 * heavy.holding.mean_until(5)

    assert theory.offered_load == pytest.approx(load)
    assert theory.refusal_share == pytest.approx(erlang_b(5, load))
    assert theory.overrun_mean is None
    assert expected(heavy, 5, slot_exp=5, crash_probability=1).overrun_mean == 0


def test_holding_times_of_infinite_mean_need_an_expiry() -> None:
    """Without one there is no long run, and no run."""
    heavy = Poisson(3, 'pareto:0.9:1', jobs=1)

    assert 'the mean holding time of pareto:0.9:1 is infinite, and slots never expire' in reason(heavy, slot_exp=None)
    assert 'slots expire after 9 s' in reason(Synthetic('clients:9:exp:1', 'pareto:1:1', jobs=1), slot_exp=9)
    with pytest.raises(ValueError, match=r'holding pareto:0.9:1 has an infinite mean, so .* set slot_exp'):
        replay(heavy, max_size=5, slot_exp=None)


def test_slots_that_never_come_back_are_an_infinite_load() -> None:
    """In words, and as None, so that JSON has no infinity."""
    theory = expected(Poisson(3, 'exp:1', jobs=1), 5, crash_probability=0.1)

    assert theory.formula == "Erlang's loss system M/G/5/5 at an infinite offered load"
    assert (theory.offered_load, theory.refusal_share, theory.occupancy_mean) == (None, 1, 5)


# --- renewal


def test_a_renewed_slot_is_occupied_as_long_as_its_body_runs() -> None:
    """As if slots never expired, whatever their life; for clients and retries as well."""
    for workload, on_refusal in (
        (synthetic('poisson:3'), Leave()),
        (synthetic('clients:10:exp:2'), Leave()),
        (synthetic('poisson:3'), Retry('exp:1')),
    ):
        conditions = Conditions(max_size=5, slot_exp=0.5, renew_for=None, on_refusal=on_refusal)

        assert conditions.expect(workload) == expected(workload, 5, None, on_refusal)
        assert conditions.expect(workload) != Conditions(max_size=5, slot_exp=0.5, on_refusal=on_refusal).expect(
            workload
        )


def test_renewal_for_longer_than_any_body_is_renewal_without_end() -> None:
    """The longest body takes two seconds."""
    workload = synthetic('poisson:3', 'uniform:0:2')

    assert Conditions(max_size=5, slot_exp=0.5, renew_for=2).expect(workload) == expected(workload, 5)


@pytest.mark.parametrize(
    ('more', 'words'),
    [
        ({'renew_for': 1.9}, 'some bodies run for longer than the 1.9 s for which slots are renewed'),
        ({'renew_for': None, 'crash_probability': 0.02}, '2 % of the holders crash'),
        ({'renew_for': None, 'network': Network()}, 'without faults whose commands take no time'),
    ],
)
def test_theory_does_not_cover_other_renewed_pools(more: dict[str, Any], words: str) -> None:
    """The report says why, and shows no value."""
    found = Conditions(max_size=5, slot_exp=0.5, **more).expect(synthetic('poisson:3', 'uniform:0:2'))

    assert isinstance(found, str)
    assert words in found


def test_a_renewed_trace_is_compared_with_slots_that_never_expire() -> None:
    """Unless its longest job outlives the renewals."""
    trace = Trace([(0, 1), (1, 4), (2, 1)])
    never = reason(trace, 2)

    assert Conditions(max_size=2, slot_exp=0.5, renew_for=None).expect(trace) == never
    assert Conditions(max_size=2, slot_exp=0.5, renew_for=4).expect(trace) == never
    assert 'some bodies run for longer' in str(Conditions(max_size=2, slot_exp=0.5, renew_for=3).expect(trace))


def test_a_pool_of_renewed_slots_remembers_bodies_and_the_slots_of_the_dead() -> None:
    """Its memory is that of never expiring slots, and longer if holders crash."""
    workload = synthetic('poisson:3')
    forever = Conditions(max_size=5).pace(workload)
    renewed = Conditions(max_size=5, slot_exp=60.0, renew_for=None).pace(workload)
    crashing = Conditions(max_size=5, slot_exp=60.0, renew_for=None, crash_probability=0.1).pace(workload)
    assert forever is not None
    assert renewed is not None
    assert crashing is not None

    assert renewed.memory == forever.memory
    # One holder in ten leaves a slot for about a minute, and most taken slots are such.
    assert 20 < crashing.memory < 60
    assert crashing.settled(0.01) > 10 * renewed.settled(0.01)


def queued(
    workload: Workload, max_size: int = 5, slot_exp: float | None = None, crashing: float = 0.0, **more: Any
) -> Expectation:
    found = expect(workload, max_size, slot_exp, Leave(), crashing, **more)
    assert isinstance(found, Expectation), found
    return found


def no_queue(workload: Workload, max_size: int = 5, slot_exp: float | None = None, **more: Any) -> str:
    found = expect(workload, max_size, slot_exp, **more)
    assert isinstance(found, str), found
    assert found.endswith('.')
    return found


THREE = Poisson(3, 'exp:1', jobs=9)


def test_jobs_that_wait_for_as_long_as_it_takes_are_erlangs_queue() -> None:
    """Nothing is refused, so it does not matter what refused jobs would do."""
    found = queued(THREE, wait=None)

    assert found == expect(THREE, 5, None, Retry('exp:1'), wait='none')
    assert found.formula == "Erlang's queue M/M/5, at an offered load of 3 erlangs"
    assert (found.refusal_share, found.attempts_refusal_share, found.timed_out_share, found.exact) == (0, 0, 0, True)
    assert found.occupancy_mean == pytest.approx(3)
    assert found.wait_mean == found.wait_mean_granted == pytest.approx(mean_wait(5, 3.0))
    assert found.waited_share == pytest.approx(erlang_c(5, 3.0))
    assert found.queue_mean == pytest.approx(3 * mean_wait(5, 3.0))
    assert found.wait_distribution is not None
    assert found.wait_distribution.beyond(1.0) == pytest.approx(wait_beyond(5, 3.0, 1.0))
    assert found.occupancy_distribution is not None
    assert sum(occupied * share for occupied, share in enumerate(found.occupancy_distribution)) == pytest.approx(3)


@pytest.mark.parametrize(
    ('wait', 'max_waiting', 'formula'),
    [
        (2, None, 'The queue M/M/5+D with a patience of 2 s'),
        ('exp:2', None, 'Erlang A, M/M/5+M with patience exp:2 s'),
        ('exp:2', 3, 'Erlang A, M/M/5/8+M with patience exp:2 s'),
        ('uniform:0:2', 3, 'The queue M/M/5/8+G with patience uniform:0:2 s'),
        (None, 3, 'The bounded queue M/M/5/8'),
    ],
)
def test_patience_and_a_bound_on_the_queue_have_their_formulas(
    wait: Any, max_waiting: int | None, formula: str
) -> None:
    """The figures are those of the formula, also with renewal, and refusals count time-outs."""
    law = Poisson(6, 'exp:1', jobs=9)
    found = queued(law, wait=wait, max_waiting=max_waiting)
    patience = None if wait is None else parse_holding(wait if isinstance(wait, str) else f'const:{wait}')
    system = queue_system(6, 1.0, 5, patience=patience, max_waiting=max_waiting)

    assert found.formula == f'{formula}, at an offered load of 6 erlangs'
    assert found == expect_renewed(law, 5, None, wait=wait, max_waiting=max_waiting)
    assert found.refusal_share == found.attempts_refusal_share == system.refusal_share > 0
    assert found.timed_out_share == system.timed_out_share <= found.refusal_share
    assert (found.wait_mean, found.wait_mean_granted) == pytest.approx((system.wait_mean, system.wait_mean_granted))
    assert (found.waited_share, found.queue_mean) == (system.waited_share, system.queue_mean)
    assert found.occupancy_mean == system.occupancy_mean
    assert found.occupancy_distribution is not None
    assert sum(n * share for n, share in enumerate(found.occupancy_distribution)) == pytest.approx(found.occupancy_mean)


def test_the_queues_of_several_pools_are_computed_separately() -> None:
    """Each job counts once, and the queues are added up."""
    law = Synthetic('poisson:6', 'exp:1', jobs=9, keys='zipf:3:1')
    patience = parse_holding('exp:1')
    found, parts = queued(law, wait='exp:1'), [queue_system(6 * s, 1.0, 5, patience=patience) for s in zipf(3)]

    assert found.formula.endswith('for each of 3 pools, at a total offered load of 6 erlangs')
    assert found.queue_mean == pytest.approx(sum(part.queue_mean for part in parts))
    assert found.occupancy_mean == pytest.approx(sum(part.occupancy_mean for part in parts))
    for figure in ('refusal_share', 'wait_mean', 'waited_share', 'timed_out_share'):
        mixed = sum(s * getattr(part, figure) for s, part in zip(zipf(3), parts, strict=True))
        assert getattr(found, figure) == pytest.approx(mixed), figure
    served = sum(s * (1 - part.refusal_share) * part.wait_mean_granted for s, part in zip(zipf(3), parts, strict=True))
    assert found.wait_mean_granted == pytest.approx(served / (1 - found.refusal_share))
    assert found.wait_distribution is not None
    assert found.wait_distribution.beyond(0.2) == pytest.approx(
        sum(s * part.wait.beyond(0.2) for s, part in zip(zipf(3), parts, strict=True))
    )


def zipf(pools: int) -> list[float]:
    weights = [1 / rank for rank in range(1, pools + 1)]
    return [weight / sum(weights) for weight in weights]


def test_at_one_slot_the_mean_wait_is_exact_for_any_holding_time_and_expiry() -> None:
    """Pollaczek and Khinchine's formula, with the time that a job occupies its slot."""
    constant = queued(Poisson(0.5, 'const:1', jobs=9), 1, wait=None)
    expiring = queued(Poisson(0.8, 'exp:1', jobs=9), 1, 2.0, wait=None)
    crashing = queued(Poisson(0.3, 'exp:1', jobs=9), 1, 2.0, 0.1, wait=None)

    assert constant.formula == "Pollaczek and Khinchine's M/G/1, at an offered load of 0.5 erlangs"
    assert (constant.wait_mean, constant.waited_share, constant.queue_mean) == (0.5, 0.5, 0.25)
    assert (constant.exact, constant.wait_distribution) == (True, None)
    mean, square = 1 - math.exp(-2), 2 * (1 - 3 * math.exp(-2))
    assert expiring.wait_mean == pytest.approx(0.8 * square / (2 * (1 - 0.8 * mean)))
    assert expiring.overrun_mean == pytest.approx(0.8 * math.exp(-2))
    mean, square = 0.9 * mean + 0.2, 0.9 * square + 0.4
    assert crashing.wait_mean == pytest.approx(0.3 * square / (2 * (1 - 0.3 * mean)))
    assert crashing.occupancy_mean == pytest.approx(0.3 * mean)


def test_for_more_slots_the_mean_wait_is_an_approximation_and_says_so() -> None:
    """What is not refused is exact all the same; evenly spaced arrivals wait less."""
    constant = queued(Poisson(3, 'const:1', jobs=9), wait=None)
    evenly = queued(Synthetic('periodic:0.25', 'exp:1', jobs=9), wait=None)

    assert constant.formula == "Allen and Cunneen's approximation for M/G/5, at an offered load of 3 erlangs"
    assert evenly.formula == "Allen and Cunneen's approximation for D/G/5, at an offered load of 4 erlangs"
    for found, load in ((constant, 3), (evenly, 4)):
        assert (found.exact, found.refusal_share, found.waited_share, found.wait_distribution) == (False, 0, None, None)
        assert found.occupancy_mean == pytest.approx(load)
        assert found.wait_mean == pytest.approx(mean_wait(5, load) / 2)
        assert found.queue_mean == pytest.approx(load * mean_wait(5, load) / 2)


@pytest.mark.parametrize(
    ('workload', 'more', 'words'),
    [
        (Poisson(5, 'exp:1', jobs=9), {'wait': None}, '5 erlangs are offered to 5 slots, and every job waits'),
        (Poisson(6, 'const:1', jobs=9), {'wait': None}, '6 erlangs are offered to 5 slots, and every job waits'),
        (THREE, {'wait': 1, 'on_refusal': Retry('exp:1')}, 'No simple theory covers jobs that wait in a queue for a'),
        (Poisson(3, 'const:1', jobs=9), {'wait': 1}, 'but the holding times are const:1'),
        (THREE, {'wait': 1, 'slot_exp': 2.0}, 'but slots expire after 2 s, while some bodies still run'),
        (THREE, {'wait': None, 'crash_probability': 0.1}, 'the slots of crashed holders never expire'),
        (Poisson(3, 'pareto:1.5:0.1', jobs=9), {'wait': None}, 'The mean waiting time is infinite'),
        (Synthetic('clients:10:exp:2', 'exp:1', jobs=9), {'wait': 1}, 'No formula here covers clients that wait'),
        (Synthetic('bursty:1:1:5:1', 'exp:1', jobs=9), {'wait': 1}, 'Theory covers queues only for Poisson arrivals'),
        (Synthetic('periodic:0.25', 'exp:1', jobs=9), {'wait': 1}, 'but the arrivals are an arrival every 0.25 s'),
        (THREE, {'wait': None, 'max_waiting': 100_001}, 'for at most 100,000 jobs, but it is 100,001'),
        (Trace([(0, 1), (1, 1), (2, 1)]), {'wait': 1}, 'Recorded arrivals follow no known law.'),
        (Synthetic('poisson:3', 'exp:1', jobs=9, keys='zipf:400:1'), {'wait': 1}, '400 exceed the limit of 300'),
    ],
)
def test_a_queue_without_a_formula_has_a_reason(workload: Workload, more: dict[str, Any], words: str) -> None:
    """Expiry is among them: min(S, T) is not exponential."""
    assert words in no_queue(workload, **more)


def test_without_a_queue_nothing_is_said_of_one() -> None:
    """Jobs that leave at once have no waiting time, jobs that retry have one and no queue."""
    leaving, retrying = expected(THREE, 5), expected(THREE, 5, on_refusal=Retry('exp:1'))

    assert leaving == queued(THREE, wait=0)
    for found in (leaving, retrying):
        assert (found.waited_share, found.timed_out_share, found.queue_mean, found.wait_distribution) == (None,) * 4
    assert (leaving.wait_mean, leaving.wait_mean_granted) == (None, None)
    assert retrying.wait_mean == retrying.wait_mean_granted


def test_the_queue_is_compared_with_exact_theory_only() -> None:
    """A wrong waiting time raises a caveat, an approximate one does not."""
    law = Poisson(3, 'exp:1', jobs=4000)
    estimates = replay(law, max_size=5, wait=None, seed=1, store='memory').estimates
    wrong = queued(law, wait=None)._replace(wait_mean=100.0)

    assert [each.figure for each in outside(estimates, wrong, leaves=True)] == ['wait_mean']
    assert outside(estimates, wrong._replace(exact=False), leaves=True) == ()
    assert outside(estimates, queued(law, wait=None), leaves=True) == ()
