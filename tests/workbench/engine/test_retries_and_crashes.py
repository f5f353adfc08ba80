"""Retries, crashing holders, clients and replications, in virtual time."""

import itertools
from typing import Any

import pytest

from simulations import InvariantError, Poisson, StoppingRule, Trace, replay
from simulations.engine.replications import replicate, seeds
from simulations.history.events import Event
from simulations.workloads.refusals import Retry
from simulations.workloads.synthetic import Synthetic


pytestmark = pytest.mark.quick


def events(*rows: tuple[float, str, int, int, int]) -> list[Event]:
    return [Event(time, what, job, '', occupancy, running) for time, what, job, occupancy, running in rows]


def test_a_refused_job_asks_again_after_its_pause(anywhere: str) -> None:
    """Refused at 1 and 2, a job is granted a slot at 4, the instant at which it is released."""
    result = replay(
        Trace([(0, 4), (1, 1)]), max_size=1, on_refusal=Retry('const:1', factor=2), store=anywhere, audit=True
    )

    assert list(result.history) == events(
        (0, 'granted', 0, 1, 1),
        (1, 'retrying', 1, 1, 1),
        (2, 'retrying', 1, 1, 1),
        (4, 'released', 0, 0, 0),
        (4, 'granted', 1, 1, 1),
        (5, 'released', 1, 0, 0),
    )
    figures = result.figures
    assert (figures.jobs, figures.granted, figures.refused, figures.attempts, figures.retries) == (2, 2, 0, 4, 2)
    assert (figures.refusal_share, figures.attempts_refusal_share) == (0, 1 / 2)
    assert (figures.granted_later, figures.wait_mean, figures.wait_longest) == (1, 1.5, 3)


def test_a_slot_that_is_released_when_a_pause_ends_can_be_taken_by_it() -> None:
    """This holds although the pause was scheduled before the end of the body."""
    run = replay(Trace([(0, 3), (1, 5), (3, 1)]), max_size=1, on_refusal=Retry('const:3'))

    assert [(event.time, event.job) for event in run.history if event.what == 'granted'] == [(0, 0), (3, 2), (4, 1)]


def test_a_job_gives_up_after_so_many_attempts() -> None:
    """It then counts as refused once; its attempts are counted separately."""
    figures = replay(Trace([(0, 9), (1, 1)]), max_size=1, on_refusal=Retry('const:1', tries=3)).figures

    assert (figures.jobs, figures.granted, figures.refused, figures.attempts, figures.retries) == (2, 1, 1, 4, 2)
    assert (figures.refusal_share, figures.attempts_refusal_share) == (1 / 2, 3 / 4)


def test_a_crashed_holder_never_releases_and_its_slot_comes_back_when_it_expires(anywhere: str) -> None:
    """The body stops at the crash and the slot stays taken until it expires; nothing overruns."""
    result = replay(Trace([(0, 4)]), max_size=1, slot_exp=10, crash_probability=1, store=anywhere, audit=True)
    granted, crashed, recovered = result.history

    assert (granted.time, granted.what) == (0, 'granted')
    assert 0 <= crashed.time < 4
    assert crashed == Event(crashed.time, 'crashed', 0, '', 1, 0)
    assert recovered == Event(10, 'recovered', 0, '', 0, 0)
    figures = result.figures
    assert (figures.crashed, figures.recovered, figures.overrun_peak, figures.expired_while_running) == (1, 1, 0, 0)
    assert figures.recovery_mean == figures.recovery_longest == 10 - crashed.time


def test_a_crashed_holder_had_its_slot_until_the_crash() -> None:
    """A holder crashes before its slot expires, so a crash never causes an overrun."""
    run = replay(Trace([(20 * number, 100) for number in range(50)]), max_size=1, slot_exp=10, crash_probability=1)

    assert run.figures.crashed == run.figures.recovered == run.figures.granted == 50
    assert run.figures.overrun_peak == 0


def test_what_was_released_long_ago_is_forgotten_and_what_is_held_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that discards the expiries of released slots reaches the same verdicts."""
    jobs = Poisson(6, 'mix:0.9*exp:0.1+0.1*uniform:5:60', jobs=2000, seed=1)
    plain = replay(jobs, max_size=20, slot_exp=30)
    monkeypatch.setattr('simulations.judging.model.FEW_EXPIRIES', 8)
    forgetful = replay(jobs, max_size=20, slot_exp=30)

    assert forgetful.history_hash == plain.history_hash
    assert plain.figures.expired_while_running > 50


def test_a_slot_without_expiry_is_lost_with_its_holder(anywhere: str) -> None:
    """The report says that the pool is full of slots without holders; the store is left clean."""
    result = replay(
        Trace([(number, 0.5) for number in range(5)]), max_size=2, crash_probability=1, store=anywhere, audit=True
    )

    assert (result.figures.crashed, result.figures.recovered, result.figures.refused) == (2, 0, 3)
    assert 'taken forever because slots never expire' in str(result)


def test_jobs_that_would_try_for_ever_are_refused_beforehand() -> None:
    """A run would not end if crashed holders kept their slots and jobs retried without limit."""
    with pytest.raises(ValueError, match='jobs would retry forever'):
        replay(Trace([(0, 1)]), max_size=1, crash_probability=0.1, on_refusal=Retry('exp:1'))
    with pytest.raises(TypeError, match=r'on_refusal must be Leave\(\) or Retry'):
        replay(Trace([(0, 1)]), max_size=1, on_refusal='retry')  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='crash_probability must be'):
        replay(Trace([(0, 1)]), max_size=1, crash_probability=1.5)


def test_another_crash_probability_crashes_the_same_jobs_and_more() -> None:
    """A job that crashes at 10 % also crashes at 20 %, after the same share of its life."""
    jobs = Trace([(10 * number, 5) for number in range(300)])

    def crashes(probability: float, seed: int = 1) -> dict[int, float]:
        history = replay(jobs, max_size=9, slot_exp=9, crash_probability=probability, seed=seed).history
        return {event.job: event.time for event in history if event.what == 'crashed'}

    few, many = crashes(0.1), crashes(0.2)
    assert few.items() < many.items()
    assert 10 < len(few) < len(many) < 100
    assert crashes(0.1, seed=2).keys() != few.keys()


def test_pauses_of_one_job_do_not_depend_on_those_of_another() -> None:
    """A job that asks more often does not change the pauses of the others."""
    trace = Trace([(0, 100), (1, 1), (40, 1)])
    once = replay(trace, max_size=1, on_refusal=Retry('exp:1', tries=2)).history
    often = replay(trace, max_size=1, on_refusal=Retry('exp:1', tries=9)).history

    for job in (1, 2):
        asked_once = [event.time for event in once if event.job == job]
        asked_often = [event.time for event in often if event.job == job]
        assert asked_often[:2] == asked_once
        assert len(asked_often) == 9
    first, second = (
        next(event.time for event in once if event.job == job and event.what == 'refused') for job in (1, 2)
    )
    assert first - 1 != second - 40


def test_each_client_asks_again_only_after_its_body_has_ended(anywhere: str) -> None:
    """There are never more jobs than clients, and each client thinks between two jobs."""
    workload = Synthetic('clients:3:const:2', 'const:1', jobs=9)
    result = replay(workload, max_size=1, store=anywhere, audit=True)

    assert result.figures.jobs == 9
    asked = [event.time for event in result.history if event.what in ('granted', 'refused')]
    assert asked == [2, 2, 2, 4, 4, 5, 6, 7, 8]
    assert result.figures.running_peak == 1


def test_clients_stop_asking_at_the_horizon() -> None:
    """Clients that hold a slot at the horizon finish their jobs."""
    result = replay(Synthetic('clients:2:const:2', 'const:10', horizon=15), max_size=2)

    assert [(event.time, event.what) for event in result.history] == [
        (2, 'granted'),
        (2, 'granted'),
        (12, 'released'),
        (12, 'released'),
        (14, 'granted'),
        (14, 'granted'),
        (24, 'released'),
        (24, 'released'),
    ]


def test_replications_are_independent_and_begin_with_the_run_itself() -> None:
    """Runs of two seeds have no seed in common."""
    some, others = (list(itertools.islice(seeds(seed), 50)) for seed in (0, 1))

    assert (some[0], others[0]) == (0, 1)
    assert len({*some, *others}) == 100


def test_replications_are_one_result() -> None:
    """Counts are added, shares averaged, peaks maximised; more runs narrow the interval."""

    def run(seed: int) -> Any:
        return replay(Poisson(6, 'exp:1', horizon=80, seed=seed), max_size=5, slot_exp=0.5, history=False)

    single = [run(seed) for seed in itertools.islice(seeds(3), 10)]
    few, many = replicate(run, 10, seed=3), replicate(run, 40, seed=3)

    assert few.replications == 10
    jobs = sum(each.figures.jobs for each in single)
    assert few.figures.jobs == jobs
    assert few.figures.refused == sum(each.figures.refused for each in single)
    refused = sum(each.estimates.series.refused.sum() for each in single)
    counted = sum(each.estimates.series.jobs.sum() for each in single)
    assert few.figures.refusal_share == pytest.approx(refused / counted, rel=1e-12)
    assert 0.8 * jobs < counted < jobs
    assert few.figures.overrun_peak == max(each.figures.overrun_peak for each in single)
    lengths = [each.figures.measured for each in single]
    assert few.figures.occupancy_mean == pytest.approx(
        sum(each.figures.occupancy_mean * length for each, length in zip(single, lengths, strict=True)) / sum(lengths),
        rel=0.01,
    )
    assert few.occupancy_shares.sum() == pytest.approx(1)
    assert few.estimates.refusal_share
    assert many.estimates.refusal_share
    assert many.estimates.refusal_share.half_width < few.estimates.refusal_share.half_width
    assert '10 independent runs' in str(few)
    assert few.history_hash != single[0].history_hash


def test_replications_stop_when_the_interval_is_narrow_enough() -> None:
    """If they reach their limit first, the result says so."""

    def run(seed: int) -> Any:
        return replay(Poisson(6, 'exp:1', jobs=500, seed=seed), max_size=5, slot_exp=0.5, history=False)

    found = replicate(run, rule=StoppingRule(half_width=0.01))
    assert found.estimates.refusal_share
    assert found.estimates.refusal_share.half_width <= 0.01
    assert 10 <= found.replications < 200
    assert found.estimates.sound

    cut_short = replicate(run, rule=StoppingRule(half_width=0.0001, at_most=12))
    assert cut_short.replications == 12
    assert 'was not reached' in str(cut_short)
    assert not cut_short.estimates.sound


def test_a_promise_broken_in_one_replication_ends_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error carries the run in which the promise was broken."""
    from py_cachify import MemoryClient

    take = MemoryClient.take_slot
    monkeypatch.setattr(
        MemoryClient, 'take_slot', lambda self, key, token, size, life: take(self, key, token, size + 1, life)
    )
    with pytest.raises(InvariantError, match='occupancy violated'):
        replicate(lambda seed: replay(Poisson(6, 'exp:1', jobs=500, seed=seed), max_size=2), 3)


@pytest.mark.parametrize(
    'endless',
    [
        lambda: replay(Trace([(1.4e9, 9), (1.4e9, 1)]), max_size=1, on_refusal=Retry('const:1e-8')),
        lambda: replay(Trace([(1e6, 9), (1e6, 1)]), max_size=1, on_refusal=Retry('values:5e-11:1e-8')),
    ],
    ids=['by the clock of today', 'one of two'],
)
def test_pauses_that_do_not_move_the_clock_are_refused(endless: Any) -> None:
    """Virtual time would stand still, and the run would not end."""
    with pytest.raises(ValueError, match=r'is too short: at .* it does not move the clock'):
        endless()


def test_pauses_and_thinking_that_take_no_time_are_refused_beforehand() -> None:
    """The shortest mean allowed is a nanosecond."""
    with pytest.raises(ValueError, match='pause must have a mean of at least a nanosecond, got const:1e-17'):
        Retry('const:1e-17')
    with pytest.raises(ValueError, match='thinking must have a mean of at least a nanosecond'):
        Synthetic('clients:2:const:1e-300', 'const:1', horizon=9)
