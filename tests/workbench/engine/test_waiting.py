"""Jobs that wait for a slot, in virtual time, in runs whose commands take no time."""

import random
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_cachify import MemoryClient
from py_cachify.backends.memory import MemoryBackend
from simulations import InvariantError, Leave, Poisson, Retry, Scenario, Trace, replay
from simulations.history.events import Event
from simulations.stores.store import Store


pytestmark = pytest.mark.quick


def told(history: Iterable[Event]) -> list[tuple[float, str, int]]:
    return [(event.time, event.what, event.job) for event in history]


def test_a_waiting_job_gets_the_slot_when_it_is_released(anywhere: str) -> None:
    """The first to wait is the first to be served; the waiting time is of all jobs."""
    result = replay(Trace([(0, 4), (1, 2), (2, 1)]), max_size=1, wait=None, store=anywhere, audit=True)

    assert told(result.history) == [
        (0, 'granted', 0),
        (1, 'queued', 1),
        (2, 'queued', 2),
        (4, 'released', 0),
        (4, 'served', 1),
        (4, 'granted', 1),
        (6, 'released', 1),
        (6, 'served', 2),
        (6, 'granted', 2),
        (7, 'released', 2),
    ]
    figures = result.figures
    assert (figures.granted, figures.refused, figures.timed_out, figures.overtakings) == (3, 0, 0, 0)
    assert (figures.wait_mean, figures.wait_mean_granted, figures.wait_longest) == ((3 + 4) / 3, (3 + 4) / 3, 4)
    assert (figures.wait_p50, figures.wait_p95, figures.waited_share) == (3, 4, 2 / 3)
    assert (figures.queue_peak, figures.granted_later) == (2, 0)


def test_a_job_whose_time_is_up_is_refused(anywhere: str) -> None:
    """Its waiting time counts, although it gets no slot; `refused` counts it as well."""
    result = replay(Trace([(0, 9), (1, 1)]), max_size=1, wait=3, store=anywhere, audit=True)

    assert told(result.history) == [
        (0, 'granted', 0),
        (1, 'queued', 1),
        (4, 'timed out', 1),
        (4, 'refused', 1),
        (9, 'released', 0),
    ]
    figures = result.figures
    assert (figures.refused, figures.timed_out, figures.timed_out_share) == (1, 1, 1 / 2)
    assert (figures.wait_mean, figures.wait_mean_granted, figures.wait_longest) == (1.5, 0, 3)


def test_a_slot_that_is_released_at_the_instant_at_which_a_wait_ends_is_taken(anywhere: str) -> None:
    """Bodies end before jobs give up, as they end before jobs ask."""
    result = replay(Trace([(0, 4), (1, 1)]), max_size=1, wait=3, store=anywhere)

    assert (result.figures.timed_out, result.figures.wait_longest) == (0, 3)


def test_what_a_refused_job_does_applies_after_its_wait(anywhere: str) -> None:
    """It pauses, asks again, and waits again, with the same patience."""
    result = replay(
        Trace([(0, 9), (1, 1)]), max_size=1, wait=3, on_refusal=Retry('const:2', tries=2), store=anywhere, audit=True
    )

    assert told(result.history)[1:] == [
        (1, 'queued', 1),
        (4, 'timed out', 1),
        (4, 'retrying', 1),
        (6, 'queued', 1),
        (9, 'released', 0),
        (9, 'served', 1),
        (9, 'granted', 1),
        (10, 'released', 1),
    ]
    figures = result.figures
    assert (figures.attempts, figures.timed_out, figures.refused, figures.granted_later) == (3, 1, 0, 1)
    assert figures.wait_longest == 8


def test_a_crowded_queue_refuses_at_once(anywhere: str) -> None:
    """With `max_waiting=1`, the second job that would wait does not; it has not waited."""
    result = replay(Trace([(0, 9), (1, 1), (2, 1)]), max_size=1, wait=None, max_waiting=1, store=anywhere, audit=True)

    assert told(result.history)[:3] == [(0, 'granted', 0), (1, 'queued', 1), (2, 'refused', 2)]
    assert (result.figures.refused, result.figures.timed_out, result.figures.queue_peak) == (1, 0, 1)
    assert result.figures.waited_share == 1 / 3


def test_a_slot_that_expires_goes_to_the_first_waiter_at_once(anywhere: str) -> None:
    """Nothing is released, so the waiter itself asks at the instant of the expiry."""
    result = replay(Trace([(0, 9), (1, 2), (2, 1)]), max_size=1, slot_exp=4, wait=None, store=anywhere, audit=True)

    assert told(result.history)[3:6] == [(4, 'expired', 0), (4, 'served', 1), (4, 'granted', 1)]


def test_the_slot_of_a_crashed_holder_goes_to_the_first_waiter(anywhere: str) -> None:
    """It is free when it expires, and not before."""
    result = replay(
        Trace([(0, 4), (1, 1)]), max_size=1, slot_exp=10, wait=None, crash_probability=1, store=anywhere, audit=True
    )

    assert [(time, what) for time, what, job in told(result.history) if job == 1][:3] == [
        (1, 'queued'),
        (10, 'served'),
        (10, 'granted'),
    ]


def test_more_slots_than_one_request_may_give_away_are_all_given_away_at_once(anywhere: str) -> None:
    """150 slots expire at one instant, and 150 jobs wait: all of them begin then."""
    jobs = [(0.0, 9.0)] * 150 + [(1.0, 1.0)] * 150
    result = replay(Trace(jobs), max_size=150, slot_exp=4, wait=None, store=anywhere, audit=True)

    served = [(time, job) for time, what, job in told(result.history) if what == 'served']
    assert served == [(4, job) for job in range(150, 300)]


def test_a_long_wait_on_a_server_loses_no_place(anywhere: str) -> None:
    """A store takes a waiter for dead that is silent for long, so waiters ask again."""
    result = replay(Trace([(0, 500), (1, 5), (2, 5), (3, 5)]), max_size=1, wait=None, store=anywhere, audit=True)

    assert [job for _, what, job in told(result.history) if what == 'served'] == [1, 2, 3]
    assert result.figures.wait_longest == 507


MODELS: dict[str, dict[str, Any]] = {
    'as long as it takes': {'wait': 'none'},
    'a number of seconds': {'wait': 0.5},
    'a patience of each job': {'wait': 'exp:0.5'},
    'some do not wait': {'wait': 'mix:0.5*const:0+0.5*const:2'},
    'a short queue': {'wait': 'none', 'max_waiting': 2},
    'slots that expire': {'wait': 1, 'slot_exp': 0.5, 'arrivals': 'poisson:15'},
    'slots that never expire': {'wait': 'exp:1', 'slot_exp': None},
    'renewal and crashes': {'wait': 'none', 'slot_exp': 0.5, 'renew_for': None, 'crash_probability': 0.05},
    'crashes': {'wait': 'exp:2', 'slot_exp': 5, 'crash_probability': 0.05},
    'retries': {'wait': 'exp:0.3', 'on_refusal': Retry('exp:1', tries=3)},
    'several pools': {'wait': 'none', 'keys': 'zipf:5:1', 'max_size': 2},
    'clients': {'wait': 0.2, 'arrivals': 'clients:20:exp:2'},
    'batches': {'wait': 2, 'arrivals': 'periodic:5:20'},
}


@pytest.mark.parametrize('name', MODELS)
def test_the_history_is_the_same_on_every_store(name: str, socket: str) -> None:
    """Byte for byte: memory, fakeredis and a server give the same slots to the same jobs."""
    base: dict[str, Any] = {
        'arrivals': 'poisson:5',
        'holding': 'exp:1',
        'max_size': 5,
        'slot_exp': 600.0,
        'jobs': 600,
        'seed': 3,
    }
    scenario = Scenario(**base | MODELS[name])
    runs = [scenario.replay(store=store, audit=True) for store in ('memory', 'fakeredis', f'unix://{socket}')]

    assert len({run.history_hash for run in runs}) == 1
    assert runs[0].figures.waited_share > 0.03


@settings(max_examples=60, deadline=None)
@given(
    jobs=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5)), min_size=1, max_size=25),
    max_size=st.integers(1, 3),
    patience=st.none() | st.integers(1, 6),
)
def test_a_queue_serves_as_a_queue_by_hand_does(
    jobs: list[tuple[int, int]], max_size: int, patience: int | None
) -> None:
    """The waiting times equal those of a model of a few lines that knows no store and no events."""
    jobs = sorted(jobs, key=lambda job: job[0])
    result = replay(Trace(jobs), max_size=max_size, wait=patience, audit=True)

    # Whole seconds make ties: what is free at an instant can be taken at that instant.
    free = [0] * max_size
    waits = []
    for arrival, holding in jobs:
        begin = max(arrival, min(free))
        if patience is not None and begin - arrival > patience:
            waits.append(patience)
            continue
        free[free.index(min(free))] = begin + holding
        waits.append(begin - arrival)
    figures = result.figures
    assert figures.wait_mean == pytest.approx(np.mean(waits))
    assert figures.wait_longest == pytest.approx(max(waits))
    assert figures.overtakings == 0
    outcomes = Counter(what for _, what, _ in told(result.history))
    assert outcomes['queued'] == outcomes['served'] + outcomes['timed out']


def test_waiting_draws_nothing_from_the_streams_of_the_jobs() -> None:
    """With and without patience, the same jobs arrive and hold their slots for the same time."""
    base = Scenario(arrivals='poisson:2', holding='exp:1', max_size=50, jobs=300)
    runs = [base.replace(wait=wait).replay() for wait in (0, 'exp:5', None)]

    assert len({run.history_hash for run in runs}) == 1


def test_retrying_lets_others_pass_and_a_queue_does_not() -> None:
    """Overtakings count grants that passed a job which had arrived earlier."""
    base = Scenario(arrivals='poisson:4.5', holding='exp:1', max_size=5, jobs=3000)
    retrying = base.replace(on_refusal=Retry('exp:0.5')).replay().figures
    waiting = base.replace(wait=None).replay().figures

    assert waiting.overtakings == 0 < 300 < retrying.overtakings
    assert waiting.wait_p99 < retrying.wait_p99


def test_jobs_that_wait_for_what_is_never_freed_are_refused_before_the_run() -> None:
    """Without expiry, a crash would let others wait forever."""
    with pytest.raises(ValueError, match='jobs would wait forever: set slot_exp, or wait to a number'):
        replay(Trace([(0, 1)]), max_size=1, wait=None, crash_probability=0.1)
    assert replay(Trace([(0, 1)]), max_size=1, wait=5, crash_probability=0.1).figures.granted == 1


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'wait': -1}, 'wait must be 0 or more and at most'),
        ({'wait': 'soon'}, 'wait must be a number of seconds, none, or a distribution of patience such as exp:5'),
        ({'wait': 'pareto:0.5:1'}, 'wait must have a finite mean'),
        ({'max_waiting': 3}, 'max_waiting needs jobs that wait, but wait is 0'),
        ({'wait': 1, 'max_waiting': 0}, 'max_waiting must be at least 1'),
        ({'wait_within': -1}, 'wait_within must be'),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Any], message: str) -> None:
    """Each message names the argument and what is allowed."""
    with pytest.raises((TypeError, ValueError), match=message):
        replay(Trace([(0, 1)]), max_size=1, **arguments)


def test_the_share_of_jobs_served_in_time_counts_waits_of_exactly_that_time() -> None:
    """Waits are 0, 1 and 2 s: within a second, two of three have a slot."""
    jobs = Trace([(0, 1), (0, 1), (0, 1)])

    assert replay(jobs, max_size=1, wait=None, wait_within=1).figures.served_within == 2 / 3
    assert replay(jobs, max_size=1, wait=1, wait_within=1).figures.served_within == 2 / 3
    assert replay(jobs, max_size=1, wait=None).figures.served_within is None


class _StoreWith(Store):
    """A store in memory whose client is broken."""

    def __init__(self, client: type[MemoryClient]) -> None:
        super().__init__('broken')
        self._broken = client

    def backend(self, clock: Any) -> MemoryBackend:
        return MemoryBackend(self._broken(clock))


class _LastFirst(MemoryClient):
    """Serves the last waiter first."""

    def _grant(self, key: str, now: float, asking: str | None = None) -> bool:
        queue = self._queues.get(key)
        if queue is not None:
            self._queues[key] = dict(reversed(queue.items()))
        return super()._grant(key, now, asking)


class _Forgetful(MemoryClient):
    """Gives a released slot to nobody."""

    def drop_slot(self, key: str, token: str) -> bool:
        kept, self._queues = self._queues, {}
        try:
            return super().drop_slot(key, token)
        finally:
            self._queues = kept


class _Shy(MemoryClient):
    """Queues a job although a slot is free."""

    def join_queue(self, key: str, token: str, max_size: int, *rest: Any) -> Any:
        return super().join_queue(key, token, max_size - 1, *rest)


class _Generous(MemoryClient):
    """Lets one more wait than it was told."""

    def join_queue(self, key: str, token: str, max_size: int, slot_exp: Any, max_waiting: int | None) -> Any:
        return super().join_queue(key, token, max_size, slot_exp, max_waiting and max_waiting - 1)


@pytest.mark.parametrize(
    ('broken', 'rule', 'arguments'),
    [
        (_LastFirst, 'order', {}),
        (_Forgetful, 'waiting', {}),
        (_Shy, 'waiting', {}),
        (_Generous, 'honest refusal', {'max_waiting': 2}),
    ],
)
def test_a_queue_that_breaks_a_promise_is_caught(
    broken: type[MemoryClient], rule: str, arguments: dict[str, Any]
) -> None:
    """The run stops at the first broken promise and names it."""
    jobs = Trace([(0, 5), (0, 5), (1, 1), (2, 1), (3, 1), (4, 1)])
    assert not replay(jobs, max_size=2, wait=None, on_refusal=Leave(), **arguments).violations

    with pytest.raises(InvariantError) as caught:
        replay(jobs, max_size=2, wait=None, store=_StoreWith(broken), **arguments)

    assert caught.value.violation.rule == rule


def test_intervals_of_waiting_times_hold_the_values_of_theory() -> None:
    """M/M/5 at four erlangs: the mean wait and the share that waits, by Erlang C."""
    from simulations import erlang_c, mean_wait

    run = replay(Poisson(4, 'exp:1', jobs=40_000, seed=2), max_size=5, wait=None, history=False)

    intervals = run.estimates.intervals
    assert mean_wait(5, 4.0) in intervals['wait_mean']
    assert erlang_c(5, 4.0) in intervals['waited_share']
    assert 4 * mean_wait(5, 4.0) in intervals['queue_mean']
    assert intervals['wait_p50'].low <= run.figures.wait_p50 <= intervals['wait_p50'].high


def test_quantiles_of_a_long_run_are_as_exact_as_their_buckets() -> None:
    """They differ from those of the sorted waiting times by less than one per cent."""
    run = replay(Trace(_burst(4000)), max_size=3, wait=None)
    queued = {event.job: event.time for event in run.history if event.what == 'queued'}
    waits = sorted(
        [event.time - queued[event.job] for event in run.history if event.what == 'served']
        + [0.0] * (run.figures.jobs - len(queued))
    )
    for name, share in (('wait_p50', 0.5), ('wait_p95', 0.95), ('wait_p99', 0.99)):
        exact = waits[int(np.ceil(share * len(waits))) - 1]
        assert getattr(run.figures, name) == pytest.approx(exact, rel=0.01)


def test_a_quantile_that_no_job_may_have_reached_has_no_interval() -> None:
    """The longest wait is below it in .99^500 = 0.7 % of all runs, or .99^560 = 0.4 %."""
    few, more = (replay(Trace(_burst(jobs)), max_size=3, wait=None).estimates.intervals for jobs in (500, 560))

    assert 'wait_p99' not in few
    assert {'wait_p50', 'wait_p95'} <= few.keys()
    assert more['wait_p99'].low < more['wait_p99'].high


def test_a_quantile_at_the_patience_of_all_jobs_is_that_patience() -> None:
    """A third of the jobs time out after exactly 2 s, and others wait nearly as long."""
    run = replay(Poisson(8, 'exp:1', jobs=4000, seed=1), max_size=5, wait=2)

    assert run.figures.timed_out_share > 0.3
    assert run.figures.wait_p95 == run.figures.wait_p99 == pytest.approx(2, rel=1e-12)
    assert 1.9 < run.figures.wait_p50 < 2


def _burst(jobs: int) -> list[tuple[float, float]]:
    stream = random.Random(5)
    now, found = 0.0, []
    for _ in range(jobs):
        now += stream.expovariate(2.9)
        found.append((now, stream.expovariate(1)))
    return found
