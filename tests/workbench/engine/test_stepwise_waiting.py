"""Jobs that wait where commands take time and faults happen: when they are served, and by whom."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from py_cachify.commands import CLAIM, DEADLINE, HEARTBEAT, Queued, Refusal
from simulations import InvariantError, Result, Retry, Scenario, Trace, replay
from simulations.engine.stepwise.worker import Worker
from simulations.faults import (
    Crash,
    Failover,
    Fault,
    FlushScripts,
    LoseMessages,
    LoseReplies,
    LoseRequests,
    Partition,
    Pause,
    Restart,
    ServerClock,
    ServerPause,
    Slow,
    WorkerClock,
)
from simulations.faults.network import Network
from simulations.stores.shared_memory import SharedMemory
from simulations.stores.store import open_store


STEADY = Network(latency=0.1, timeout=1.0)
BUSY = Scenario(
    title='busy',
    arrivals='poisson:5',
    holding='exp:1',
    max_size=5,
    slot_exp=8.0,
    wait=None,
    jobs=250,
    workers=3,
    network=Network(latency='exp:0.01', timeout=0.5, retries=1),
)
PROMISED: tuple[Fault, ...] = (
    Crash(every='exp:20', lasting=2),
    Pause(every='exp:20', lasting='exp:3'),
    Slow(every='exp:30', lasting=3, by=0.4),
    LoseRequests(every='exp:20', lasting=5, share=0.3, workers='all'),
    LoseReplies(every='exp:20', lasting=5, share=0.3, workers='all'),
    Partition(every='exp:30', lasting=2),
    WorkerClock(every='exp:30', by=5.0),
    ServerPause(every='exp:30', lasting=1),
    Restart(every='exp:40', lasting=1),
    FlushScripts(every='exp:10'),
    ServerClock(every='exp:40', by=2.0, lasting=5),
    ServerClock(every='exp:40', by=-2.0, lasting=5),
)
LOSING: tuple[Fault, ...] = (
    Restart(every='exp:40', lasting=1, data='lost'),
    Failover(every='exp:40', lasting=1, missing=1.0),
)
SCENARIOS = {
    'plain': BUSY,
    'impatient': BUSY.replace(
        arrivals='poisson:8',
        wait='exp:1',
        max_waiting=6,
        on_refusal=Retry('exp:1', tries=2),
        faults=(*PROMISED[:6], *LOSING),
    ),
    'renewed': BUSY.replace(slot_exp=2.0, renew_for=None, faults=PROMISED),
}


def events(result: Result, *whats: str) -> list[tuple[float, str, int]]:
    """Return the rounded instant, the kind and the job of each event."""
    return [
        (round(event.time, 6), event.what, event.job) for event in result.history if not whats or event.what in whats
    ]


def began(result: Result, job: int) -> float:
    """Return the instant at which the body of a job began."""
    return next(event.time for event in result.history if event.what == 'began' and event.job == job)


# --- one after the other


def test_a_request_of_its_own_worker_gives_it_the_slot_and_a_message_tells_that_of_another() -> None:
    """The first learns it by the reply to the release; the second hears a message and asks."""
    trace = Trace([(0.0, 10.0), (1.0, 10.0), (2.0, 10.0)])
    alone = replay(trace, max_size=1, wait=None, network=STEADY)
    assert events(alone, 'queued') == [(1.2, 'queued', 1), (2.2, 'queued', 2)]
    # It ends at 10.2, the release arrives 0.1 s later, and so does the reply.
    assert events(alone, 'ended', 'taken', 'served', 'began')[2:7] == [
        *((10.2, 'ended', 0), (10.3, 'taken', 1), (10.4, 'served', 1), (10.4, 'began', 1)),
        (20.4, 'ended', 1),
    ]
    apart = replay(trace, max_size=1, wait=None, network=STEADY, workers=3)
    # The slot is kept for it at 10.3, it hears so at 10.4, and asks.
    assert events(apart, 'ended', 'taken', 'served', 'began')[2:7] == [
        *((10.2, 'ended', 0), (10.3, 'taken', 1), (10.6, 'served', 1), (10.6, 'began', 1)),
        (20.6, 'ended', 1),
    ]


def test_a_job_waits_as_long_as_its_patience_lasts_and_is_then_refused() -> None:
    result = replay(Trace([(0.0, 10.0), (1.0, 1.0), (2.0, 1.0)]), max_size=1, wait=3.0, network=STEADY, workers=2)
    # Its time is counted from its first request; then it leaves, which takes a round trip.
    assert events(result, 'timed out', 'refused') == [
        *((4.2, 'timed out', 1), (4.2, 'refused', 1)),
        *((5.2, 'timed out', 2), (5.2, 'refused', 2)),
    ]
    assert (result.figures.refused, result.figures.timed_out) == (2, 2)


def test_one_too_many_is_refused_at_once() -> None:
    trace = Trace([(0.0, 10.0), (1.0, 1.0), (2.0, 1.0), (3.0, 1.0)])
    result = replay(trace, max_size=1, wait=None, max_waiting=1, network=STEADY, workers=2)
    assert events(result, 'queued', 'refused') == [(1.2, 'queued', 1), (2.2, 'refused', 2), (3.2, 'refused', 3)]
    assert [call.answer for call in result.calls if call.what == 'acquire' and call.answer != 'granted'] == (
        ['crowded'] * 2
    )


def test_a_job_that_timed_out_asks_again_and_waits_again() -> None:
    trace = Trace([(0.0, 6.0), (1.0, 1.0)])
    result = replay(trace, max_size=1, wait=2.0, on_refusal=Retry('const:1', tries=3), network=STEADY, workers=2)
    assert [what for _, what, job in events(result) if job == 1] == [
        *('queued', 'timed out', 'retrying', 'queued', 'taken', 'served', 'began', 'ended', 'freed'),
    ]
    assert result.figures.wait_mean == pytest.approx((began(result, 1) - 1.0) / 2)


def test_a_lost_message_is_made_up_for_when_the_waiter_asks_by_itself() -> None:
    """It asks again within the time of a claim, because it is the next one."""
    trace = Trace([(0.0, 10.0), (1.0, 10.0)])
    losing = LoseMessages(at=9.0, lasting=3.0, workers=1)
    result = replay(trace, max_size=1, slot_exp=60, wait=None, network=STEADY, workers=2, faults=[losing])
    assert events(result, 'taken')[1] == (10.3, 'taken', 1)
    assert 10.6 < began(result, 1) < 10.3 + CLAIM
    assert Counter(what for _, what, _ in events(result))['recovered'] == 0
    elsewhere = LoseMessages(at=9.0, lasting=3.0, workers=0)
    result = replay(trace, max_size=1, slot_exp=60, wait=None, network=STEADY, workers=2, faults=[elsewhere])
    assert began(result, 1) == pytest.approx(10.6)


def test_a_server_that_is_back_is_asked_by_all_who_wait() -> None:
    """What was published while it was down is lost, and a slot may have expired."""
    trace = Trace([(0.0, 100.0), (1.0, 1.0), (2.0, 1.0)])
    restart = Restart(at=10.0, lasting=0.2, data='lost')
    result = replay(trace, max_size=1, slot_exp=60, wait=None, network=STEADY, workers=3, faults=[restart])
    assert events(result, 'taken')[1] == (10.4, 'taken', 1)


def test_a_suspended_worker_hears_of_its_slot_when_it_resumes() -> None:
    """The slot is kept for it meanwhile, and then given to it again."""
    trace = Trace([(0.0, 4.0), (1.0, 1.0)])
    short = Pause(at=2.0, lasting=3.0, workers=1)
    result = replay(trace, max_size=1, slot_exp=60, wait=None, network=STEADY, workers=2, faults=[short])
    assert events(result, 'taken', 'began')[2:] == [(4.3, 'taken', 1), (5.2, 'began', 1)]
    long = Pause(at=2.0, lasting=6.0, workers=1)
    result = replay(trace, max_size=1, slot_exp=60, wait=None, network=STEADY, workers=2, faults=[long])
    assert events(result, 'taken', 'recovered', 'began')[2:] == [
        *((4.3, 'taken', 1), (6.3, 'recovered', 1), (8.1, 'taken', 1), (8.4, 'began', 1)),
    ]


def test_a_waiter_that_died_costs_those_behind_it_a_claim_and_a_heartbeat_at_most() -> None:
    trace = Trace([(0.0, 4.0), (1.0, 1.0), (2.0, 1.0)])
    crash = Crash(at=3.0, lasting=1.0, workers=1)
    result = replay(trace, max_size=1, slot_exp=60, wait=None, network=STEADY, workers=3, faults=[crash])
    assert [what for _, what, job in events(result) if job == 1] == [
        *('queued', 'withdrew', 'failed', 'taken', 'recovered'),
    ]
    freed = next(event.time for event in result.history if event.what == 'freed' and event.job == 0)
    assert CLAIM < began(result, 2) - freed < CLAIM + HEARTBEAT
    # One that had died long before is passed over.
    trace = Trace([(0.0, 30.0), (1.0, 1.0), (2.0, 1.0)])
    result = replay(trace, max_size=1, slot_exp=60, wait=None, network=STEADY, workers=3, faults=[crash])
    assert began(result, 2) < 30.0 + CLAIM
    assert [what for _, what, job in events(result) if job == 1] == ['queued', 'withdrew', 'failed']
    assert DEADLINE < 27.0


def test_the_process_that_follows_a_dead_one_is_another() -> None:
    """So a slot is only kept for the dead waiter, and not given to it for a whole life."""
    trace = Trace([(0.0, 100.0), (1.0, 1.0), (6.0, 100.0), (7.0, 1.0)])
    crash = Crash(at=3.0, lasting=1.0, workers=1)
    result = replay(trace, max_size=1, slot_exp=12.0, wait=None, network=STEADY, workers=2, faults=[crash])
    assert [what for _, what, job in events(result) if job == 1][-2:] == ['taken', 'recovered']
    taken, recovered = (
        next(event.time for event in result.history if (event.what, event.job) == (what, 1))
        for what in ('taken', 'recovered')
    )
    assert recovered - taken == pytest.approx(CLAIM)


def test_a_suspended_worker_asks_nothing() -> None:
    """The message arrives while it is suspended, and it asks afterwards."""
    trace = Trace([(0.0, 4.0), (1.0, 1.0)])
    pause = Pause(at=4.35, lasting=1.0, workers=1)
    result = replay(trace, max_size=1, slot_exp=60, wait=None, network=STEADY, workers=2, faults=[pause])
    assert events(result, 'taken', 'began')[2:] == [(4.3, 'taken', 1), (5.55, 'began', 1)]


def test_claims_are_among_what_a_failover_brings_back() -> None:
    """As claims, so the slot has its full life from when its waiter asks."""
    trace = Trace([(0.0, 4.0), (1.0, 20.0)])
    failover = Failover(at=4.5, lasting=0.5, missing=0.15)
    faults = [failover, LoseMessages(at=4.0, lasting=1.0, workers='all')]
    result = replay(trace, max_size=1, slot_exp=10.0, wait=None, network=STEADY, workers=2, faults=faults)
    expired = next(event.time for event in result.history if (event.what, event.job) == ('expired', 1))
    assert expired == pytest.approx(began(result, 1) - 0.1 + 10.0)


# --- many jobs


@pytest.mark.parametrize(
    'changes',
    [
        {'wait': None},
        {'wait': 'exp:0.5', 'max_waiting': 5},
        {'wait': 0.5, 'on_refusal': Retry('const:0.7', tries=4)},
        {'wait': None, 'slot_exp': None, 'max_size': 2, 'arrivals': 'poisson:1.8'},
    ],
    ids=['none', 'impatient', 'retrying', 'for ever'],
)
def test_where_commands_take_no_time_it_is_the_run_of_the_quick_engine(changes: dict[str, Any]) -> None:
    """One worker, and nothing expires before it is released."""
    scenario = BUSY.replace(network=None, workers=1, holding='uniform:0.5:1.5', jobs=500, **changes)
    quick, slow = scenario.replay(), scenario.replace(network=Network()).replay()
    names = {'began': 'granted', 'ended': 'released', 'taken': None, 'freed': None}
    joined = sorted((t, job, names.get(what, what) or '') for t, what, job in events(slow) if names.get(what, what))

    assert joined == sorted((t, job, what) for t, what, job in events(quick))
    assert slow.figures.wait_mean == pytest.approx(quick.figures.wait_mean)
    assert slow.figures.timed_out == quick.figures.timed_out


@pytest.mark.parametrize('name', SCENARIOS)
def test_memory_and_the_scripts_have_the_same_history(name: str, running_server: Path) -> None:
    scenario = SCENARIOS[name]
    hashes = {store: scenario.replay(store=store).history_hash for store in ('memory', 'fakeredis')}
    with open_store(f'unix://{running_server}') as store:
        hashes['valkey'] = scenario.replay(store=store).history_hash
    assert len(set(hashes.values())) == 1, hashes


@pytest.mark.parametrize('name', SCENARIOS)
def test_each_wait_ends_and_its_outcome_follows_at_once(name: str) -> None:
    result = SCENARIOS[name].replace(jobs=1000).replay(store='memory')
    outcomes = {
        'served': ('began', 'began late'),
        'timed out': ('refused', 'retrying'),
        'withdrew': ('failed',),
    }
    rows, waiting = list(result.history), set[int]()
    for event, following in zip(rows, [*rows[1:], None], strict=True):
        if event.what == 'queued':
            assert event.job not in waiting
            waiting.add(event.job)
        elif event.what in outcomes:
            waiting.remove(event.job)
            assert following is not None
            assert (following.job, following.time) == (event.job, event.time)
            assert following.what in outcomes[event.what]
    assert not waiting
    counts = Counter(event.what for event in rows)
    assert counts['queued'] > 300
    assert not result.violations


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize(
    'changes',
    [
        {'wait': None, 'faults': PROMISED},
        {'wait': None, 'faults': (*PROMISED, *LOSING), 'renew_for': None, 'slot_exp': 2.0},
        {'wait': 'exp:2', 'faults': (*PROMISED, *LOSING), 'max_waiting': 10},
        {'wait': 1.0, 'arrivals': 'poisson:20', 'max_size': 20},
    ],
    ids=['promised faults', 'losing ones, renewed', 'impatient', 'no faults'],
)
def test_the_queue_keeps_its_promises(changes: dict[str, Any], seed: int) -> None:
    """Nobody overtakes, no slot is left free, and no refusal is dishonest, whatever fails."""
    result = BUSY.replace(jobs=600, seed=seed, **changes).replay(store='memory')
    assert result.violations == []


def test_a_run_is_the_same_a_second_time() -> None:
    scenario = SCENARIOS['impatient']
    first = scenario.replay(store='memory').history_hash
    assert scenario.replay(store='memory').history_hash == first
    assert scenario.replace(seed=1).replay(store='memory').history_hash != first


def test_lost_messages_cost_only_time() -> None:
    """Waiters ask by themselves often enough, even if all messages to all of them are lost."""
    heard = BUSY.replace(jobs=600).replay(store='memory')
    losing = LoseMessages(at=0.0, lasting=10_000.0, workers='all')
    deaf = BUSY.replace(jobs=600, faults=(losing,)).replay(store='memory')
    assert deaf.figures.granted == heard.figures.granted == 600
    assert not deaf.violations
    assert heard.figures.wait_mean < deaf.figures.wait_mean
    assert max(event.time for event in deaf.history) < 4 * max(event.time for event in heard.history)


def test_messages_have_their_own_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run in which no slot is kept for another worker does not depend on them."""
    alone = BUSY.replace(workers=1)
    first = alone.replay(store='memory').history_hash
    monkeypatch.setattr(Worker, 'hear', lambda _worker, _ticket: None)
    assert alone.replay(store='memory').history_hash == first


def test_under_the_plain_contract_jobs_ask_again_and_again() -> None:
    """In no order, and with pauses that depend on the seed alone."""
    polling = BUSY.replace(protocol='nx', wait=4.0, jobs=200)
    first = polling.replay(store='memory')
    assert first.history_hash == polling.replay(store='memory').history_hash
    assert first.history_hash != polling.replace(seed=1).replay(store='memory').history_hash
    assert first.figures.timed_out > 0
    assert {'queued', 'served', 'timed out'} <= {event.what for event in first.history}
    queued = [event.job for event in first.history if event.what == 'queued']
    served = [event.job for event in first.history if event.what == 'served']
    assert served != [job for job in queued if job in served]


# --- stores that do it wrong


def last_first(store: Any, key: str) -> None:
    queue = store._queues.get(key)
    if queue and len(queue) > 2:
        store._queues[key] = dict(reversed(queue.items()))


def test_a_store_that_grants_in_another_order_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    grant = SharedMemory._grant

    def otherwise(self: Any, key: str, now: float, asking: str | None = None) -> bool:
        last_first(self, key)
        return grant(self, key, now, asking)

    monkeypatch.setattr(SharedMemory, '_grant', otherwise)
    with pytest.raises(InvariantError, match='order violated'):
        BUSY.replay(store='memory')


def test_a_store_that_serves_the_dead_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SharedMemory, '_drop_silent', lambda *_: None)
    trace = Trace([(0.0, 30.0), (1.0, 1.0), (2.0, 1.0)])
    crash = Crash(at=3.0, lasting=1.0, workers=1)
    with pytest.raises(InvariantError, match='although it no longer waits'):
        replay(trace, max_size=1, slot_exp=60, wait=None, network=STEADY, workers=3, faults=[crash])


def test_a_store_that_leaves_a_slot_free_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    grant = SharedMemory._grant
    calls = iter(range(1_000_000))

    def forgetful(self: Any, key: str, now: float, asking: str | None = None) -> bool:
        return key in self._queues if next(calls) % 7 == 0 else grant(self, key, now, asking)

    monkeypatch.setattr(SharedMemory, '_grant', forgetful)
    with pytest.raises(InvariantError, match='waiting violated'):
        BUSY.replay(store='memory')


def test_a_store_that_lets_too_many_wait_or_too_few_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    join = SharedMemory.join_queue
    for off in (-1, 1):

        def wrong(
            self: Any, key: str, token: str, size: int, life: float | None, most: int, off: int = off
        ) -> bool | Refusal | Queued:
            return join(self, key, token, size, life, most + off)

        monkeypatch.setattr(SharedMemory, 'join_queue', wrong)
        with pytest.raises(InvariantError, match='crowd violated'):
            BUSY.replace(max_waiting=4).replay(store='memory')


def test_a_store_that_refuses_for_no_reason_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SharedMemory, 'join_queue', lambda *_: Refusal.CROWDED)
    with pytest.raises(InvariantError, match='crowd violated'):
        BUSY.replace(max_waiting=4).replay(store='memory')


def test_waiters_that_do_not_ask_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slot that expires is given to the next one that asks."""
    monkeypatch.setattr('py_cachify.pauses.Pauses._pause', lambda *_: 14.0)
    trace = Trace([(0.0, 1.0), (1.0, 1.0), (2.0, 1.0)])
    with pytest.raises(InvariantError, match='a slot was free for'):
        replay(trace, max_size=1, slot_exp=3.0, wait=None, network=STEADY, workers=3, crash_probability=1.0)
