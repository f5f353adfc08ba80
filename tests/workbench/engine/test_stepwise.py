"""Runs with commands that take time and with faults: their events, and the promises they keep."""

import math
from collections import Counter
from typing import Any

import pytest
import simpy

from py_cachify import protocols
from py_cachify.commands import TakeSlot
from simulations import InvariantError, Result, Retry, Scenario, Trace, open_store, replay
from simulations.engine.determinism import first_difference, replay_twice
from simulations.engine.stepwise.effects import ON_SERVER, ON_WORKERS
from simulations.engine.stepwise.server import Server
from simulations.engine.stepwise.worker import Worker, lost
from simulations.faults import (
    KINDS,
    Crash,
    Failover,
    Fault,
    FlushScripts,
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
from simulations.stores.protocols import PROTOCOLS


QUICK = Network(latency=0.001, timeout=1.0)
BUSY = Scenario(
    title='busy',
    arrivals='poisson:6',
    holding='exp:1',
    max_size=5,
    slot_exp=3.0,
    jobs=1000,
    workers=4,
    network=Network(latency='exp:0.01', timeout=0.5, retries=1),
)
PROMISED = (
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
"""The faults that all shipped protocols survive."""
LOSING = (Restart(every='exp:40', lasting=1, data='lost'), Failover(every='exp:40', lasting=1, missing=1.0))
"""The faults that make a store lose writes."""


def events(result: Result, *whats: str) -> list[tuple[float, str, int]]:
    """Return the rounded instant, the kind and the job of each event."""
    return [
        (round(event.time, 6), event.what, event.job) for event in result.history if not whats or event.what in whats
    ]


# --- the parts of a run


@pytest.mark.parametrize('crashing', [0.0, 0.1])
@pytest.mark.parametrize('retry', [None, Retry('const:0.7', tries=4)])
def test_where_commands_take_no_time_it_is_the_run_of_the_quick_engine(crashing: float, retry: Retry | None) -> None:
    """The histories agree event by event, apart from the names of the events that split."""
    scenario = BUSY.replace(network=None, crash_probability=crashing)
    scenario = scenario if retry is None else scenario.replace(on_refusal=retry)
    quick, slow = scenario.replay(), scenario.replace(network=Network()).replay()
    names = {'began': 'granted', 'ended': 'released', 'taken': None, 'freed': None}
    joined = [(t, names.get(what, what), job) for t, what, job in events(slow) if names.get(what, what)]

    assert joined == events(quick)
    assert slow.figures._replace(recovery_mean=0.0) == quick.figures._replace(recovery_mean=0.0)
    assert slow.figures.recovery_mean == pytest.approx(quick.figures.recovery_mean)


def test_a_request_and_its_reply_take_a_latency_each() -> None:
    """The slot is taken after the request, the body begins after the reply; releases likewise."""
    result = replay(Trace([(0, 5)]), max_size=1, slot_exp=60, network=Network(latency=0.25))

    assert events(result) == [(0.25, 'taken', 0), (0.5, 'began', 0), (5.5, 'ended', 0), (5.75, 'freed', 0)]
    assert [(call.called, call.returned) for call in result.calls] == [(0, 0.5), (5.5, 6.0)]


def test_others_commands_fall_in_between() -> None:
    """A job is refused if it asks while a release is on its way."""
    jobs = Trace([(0, 1), (2.1, 1), (3.1, 1)])
    result = replay(jobs, max_size=1, slot_exp=60, network=Network(latency=0.5))

    # Job 0 ends at 2, and its slot is free at 2.5; job 1 asks there at 2.6.
    assert [event.what for event in result.history if event.job == 1] == ['taken', 'began', 'ended', 'freed']
    assert [event.what for event in result.history if event.job == 2] == ['refused']


def test_jobs_are_dealt_to_the_workers_by_turns() -> None:
    """Each call records its worker."""
    result = replay(Trace([(n, 0.5) for n in range(6)]), max_size=1, slot_exp=60, workers=3, network=QUICK)

    assert [call.worker for call in result.calls if call.what == 'acquire'] == [0, 1, 2, 0, 1, 2]


# --- each kind of fault


def test_a_crash_takes_all_that_runs_in_a_worker_and_its_slots_come_back() -> None:
    """Other workers are unaffected, and receive the jobs until the worker is replaced."""
    jobs = Trace([(0, 20), (1, 20), (2, 20), (5.5, 1), (6, 1), (7.5, 1), (8, 1)])
    result = replay(jobs, max_size=5, slot_exp=10, workers=2, network=QUICK, faults=[Crash(at=5, workers=0, lasting=2)])

    assert events(result, 'crashed', 'recovered') == [
        (5.0, 'crashed', 0),
        (5.0, 'crashed', 2),
        (10.001, 'recovered', 0),
        (12.001, 'recovered', 2),
    ]
    assert {call.token: call.worker for call in result.calls if call.token in '3456'} == {
        '3': 1,
        '4': 1,
        '5': 1,
        '6': 0,
    }
    assert (result.figures.crashed, result.figures.recovered) == (2, 2)
    assert result.figures.recovery_longest == pytest.approx(7.001)


def test_a_job_whose_worker_dies_while_it_asks_has_failed() -> None:
    """Its slot, of which it never learned, is freed by expiry."""
    result = replay(Trace([(0, 1)]), max_size=1, slot_exp=10, network=Network(latency=1.0), faults=[Crash(at=1.5)])

    assert events(result) == [(1.0, 'taken', 0), (1.5, 'failed', 0), (11.0, 'recovered', 0)]
    [call] = result.calls
    assert (call.answer, call.returned) == ('unknown', math.inf)


def test_in_a_pause_everything_waits_and_slots_expire_under_their_bodies() -> None:
    """A body due to end during the pause ends with it, after its slot has expired."""
    result = replay(
        Trace([(0, 6), (7, 1), (16, 1)]),
        max_size=1,
        slot_exp=10,
        workers=2,
        network=QUICK,
        faults=[Pause(at=5, lasting=15, workers=0)],
    )

    assert events(result, 'expired', 'overran') == [(10.001, 'expired', 0), (20.0, 'overran', 0)]
    # Job 2 is in the paused worker as well, and asks when the pause ends.
    assert next((call.called, call.answer) for call in result.calls if call.token == '2') == (20.0, 'granted')
    assert result.figures.expired_while_running == 1


def test_a_slow_network_adds_to_both_ways() -> None:
    """Requests and replies take longer while the fault lasts."""
    faults = [Slow(at=10, lasting=5, by=0.3)]
    result = replay(Trace([(0, 1), (12, 1), (20, 1)]), max_size=1, slot_exp=60, network=QUICK, faults=faults)

    asked = [round(call.returned - call.called, 6) for call in result.calls if call.what == 'acquire']
    assert asked == [0.002, 0.602, 0.002]


@pytest.mark.parametrize(
    ('fault', 'taken'),
    [
        (LoseRequests(at=0, lasting=1.5), False),
        (LoseReplies(at=0, lasting=1.5), True),
        (Partition(at=0, lasting=1.5), False),
    ],
)
def test_a_job_that_gets_no_answer_fails_after_the_time_out_and_leaves_nothing(fault: Any, taken: bool) -> None:
    """Whether the request or the reply was lost, the protocol undoes what may have happened."""
    result = replay(Trace([(0, 1)]), max_size=1, slot_exp=60, network=QUICK, faults=[fault])

    undone = [(0.001, 'taken', 0), (1.001, 'freed', 0)] if taken else []
    assert events(result) == [*undone, (2.0, 'failed', 0)]
    assert (result.figures.failed, result.figures.jobs, result.figures.recovered) == (1, 1, 0)


def test_a_driver_asks_again_by_itself() -> None:
    """The repeated request carries the same token, which is granted its own slot."""
    faults = [LoseReplies(at=0, lasting=0.5)]
    result = replay(
        Trace([(0, 1)]), max_size=1, slot_exp=60, network=Network(latency=0.001, timeout=1, retries=1), faults=faults
    )

    assert events(result) == [(0.001, 'taken', 0), (1.002, 'began', 0), (2.002, 'ended', 0), (2.003, 'freed', 0)]
    assert [call.repeated for call in result.calls] == [True, False]


def test_a_driver_pauses_before_it_asks_again() -> None:
    """The pause is that of the network."""
    faults = [LoseReplies(at=0, lasting=0.5)]
    network = Network(latency=0.001, timeout=1, retries=1, pause=0.5)
    result = replay(Trace([(0, 1)]), max_size=1, slot_exp=60, network=network, faults=faults)

    assert events(result, 'began') == [(1.502, 'began', 0)]


@pytest.mark.parametrize(
    'scenario',
    [
        Scenario(
            arrivals='periodic:1', holding='const:0', max_size=1, slot_exp=10, jobs=20, network=Network(latency=0.1)
        ),
        Scenario(
            arrivals='poisson:3',
            holding='const:1',
            max_size=2,
            slot_exp=0.5,
            jobs=300,
            seed=2,
            workers=5,
            network=Network(latency='exp:0.5', timeout=0.5, retries=1),
        ),
        Scenario(
            arrivals='poisson:4',
            holding='const:1',
            max_size=1,
            slot_exp=1,
            jobs=300,
            workers=3,
            network=Network(latency=0.01, timeout=2, retries=2),
            faults=[LoseReplies(every='exp:3', lasting='exp:2', workers='all', share=0.5)],
        ),
        Scenario(
            arrivals='poisson:3',
            holding='exp:1',
            max_size=1,
            slot_exp=2,
            jobs=500,
            protocol='nx',
            network=Network(latency='exp:0.1'),
        ),
    ],
    ids=['bodies of no length', 'slow requests', 'lost replies', 'plain contract'],
)
def test_nothing_is_called_wrong_that_is_not(scenario: Scenario) -> None:
    """Zero-length bodies, late requests and expiries between commands break no promise."""
    assert scenario.replay().violations == []


def test_what_happens_at_one_instant_is_in_one_order_on_every_store() -> None:
    """This includes slots that a failover restores."""
    scenario = Scenario(
        arrivals='periodic:1:12',
        holding='const:2',
        max_size=12,
        jobs=100,
        seed=3,
        network=Network(),
        faults=[Failover(every='const:2.5', missing=1)],
    )

    assert scenario.replay().history_hash == scenario.replay(store='fakeredis').history_hash


HELD_BACK: dict[str, Any] = {
    'network': Network(latency=0.1, timeout=0.5),
    'faults': [Slow(at=0, lasting=0.3, by=2.0)],
}
"""The first request arrives after 2.1 seconds, long after its undo."""


@pytest.mark.parametrize('store', ['memory', 'fakeredis'])
@pytest.mark.parametrize('slot_exp', [10, None])
def test_a_request_that_the_network_holds_back_takes_nothing_after_its_undo(store: str, slot_exp: float | None) -> None:
    """The next job finds the pool empty, and nothing of the run stays on the server."""
    with open_store(store) as opened:
        result = replay(Trace([(0, 1), (4, 1)]), max_size=1, slot_exp=slot_exp, store=opened, **HELD_BACK)
        assert opened._client is None or opened._client.keys() == []

    assert events(result, 'failed', 'refused', 'taken') == [(0.7, 'failed', 0), (4.1, 'taken', 1)]
    call = next(call for call in result.calls if call.answer == 'failed')
    assert call.settled == 2.1


def test_a_request_that_the_network_holds_back_may_overtake_its_undo_under_the_plain_contract() -> None:
    """A named limit: the slot of a failed acquire is taken after its undo, until it expires."""
    result = replay(Trace([(0, 1)]), max_size=1, slot_exp=10, protocol='nx', **HELD_BACK)

    assert events(result) == [(0.7, 'failed', 0), (2.1, 'taken', 0), (12.1, 'recovered', 0)]
    [call] = result.calls
    assert (call.answer, call.settled) == ('unknown', 2.1)


def test_a_server_that_lost_its_data_has_forgotten_what_was_undone() -> None:
    """A request that arrives after that takes a slot, and is judged as one of unknown outcome."""
    faults = [*HELD_BACK['faults'], Restart(at=1, lasting=0.1, data='lost')]
    jobs = Trace([(0, 1), (4, 1)])
    result = replay(jobs, max_size=1, slot_exp=10, network=HELD_BACK['network'], faults=faults)

    assert events(result, 'failed', 'refused', 'taken') == [(0.7, 'failed', 0), (2.1, 'taken', 0), (4.2, 'refused', 1)]
    assert [call.answer for call in result.calls] == ['unknown', 'refused']
    assert not result.violations


def test_a_server_that_stands_still_answers_everyone_afterwards_in_order() -> None:
    """Nothing is lost if the time-out is long enough."""
    faults = [ServerPause(at=1, lasting=3)]
    network = Network(latency=0.1, timeout=10)
    result = replay(Trace([(0, 9), (2, 9), (2.5, 9)]), max_size=2, slot_exp=60, network=network, faults=faults)

    assert events(result, 'began', 'refused') == [(0.2, 'began', 0), (4.1, 'began', 1), (4.1, 'refused', 2)]


def test_a_restarted_server_has_its_data_still_or_none() -> None:
    """It answers nobody while it is down."""
    jobs = Trace([(0, 9), (5.5, 1), (8, 1)])
    kept, lost = (
        replay(jobs, max_size=1, slot_exp=60, network=QUICK, faults=[Restart(at=5, lasting=1, data=data)])
        for data in ('kept', 'lost')
    )

    assert events(kept, 'failed', 'refused') == [(5.504, 'failed', 1), (8.002, 'refused', 2)]
    assert events(lost, 'vanished', 'overran') == [(5.0, 'vanished', 0), (9.002, 'overran', 0)]
    assert [what for _, what, job in events(lost) if job == 2] == ['taken', 'began', 'ended', 'freed']


def test_a_failover_goes_back_to_what_the_replica_knew() -> None:
    """Both a grant and a release of the last seconds are lost."""
    jobs = Trace([(0, 3.5), (4.2, 5), (6, 1)])
    faults = [Failover(at=5, lasting=0.5, missing=2)]
    result = replay(jobs, max_size=1, slot_exp=20, network=QUICK, faults=faults)

    assert events(result) == [
        (0.001, 'taken', 0),
        (0.002, 'began', 0),
        (3.502, 'ended', 0),
        (3.503, 'freed', 0),
        (4.201, 'taken', 1),
        (4.202, 'began', 1),
        (5.5, 'vanished', 1),
        (5.5, 'restored', 0),
        (6.002, 'refused', 2),
        (9.202, 'overran', 1),
        (20.001, 'recovered', 0),
    ]
    assert [limit.rule for limit in result.judgement.limits] == ['lost writes']  # type: ignore[union-attr]


def test_more_than_max_size_may_be_told_that_they_hold_a_slot_when_writes_are_lost() -> None:
    """This is a named limit, not a violation; the occupancy itself is never exceeded."""
    jobs = Trace([(0, 9), (2, 9)])
    result = replay(jobs, max_size=1, slot_exp=60, network=QUICK, faults=[Restart(at=1, data='lost')])

    judgement = result.judgement
    assert judgement is not None
    assert result.violations == []
    assert judgement.most == 2
    assert judgement.limits[0][::2] == (
        'lost writes',
        '2 clients hold a slot at the same time, but max_size is 1: 0, 1',
    )


def test_a_server_whose_clock_jumps_lets_slots_expire_by_it() -> None:
    """After a jump ahead they expire sooner; if the clock goes back, a holder regains its slot."""
    jobs = Trace([(0, 12)])
    ahead = replay(jobs, max_size=1, slot_exp=10, network=QUICK, faults=[ServerClock(at=5, by=6)])
    back = replay(jobs, max_size=1, slot_exp=10, network=QUICK, faults=[ServerClock(at=5, by=-6)])
    both = replay(jobs, max_size=1, slot_exp=10, network=QUICK, faults=[ServerClock(at=5, by=6, lasting=2)])

    assert events(ahead, 'expired', 'ended', 'overran') == [(5.0, 'expired', 0), (12.002, 'overran', 0)]
    assert events(back, 'expired', 'ended', 'overran') == [(12.002, 'ended', 0)]
    assert events(both, 'expired', 'regained') == [(5.0, 'expired', 0), (7.0, 'regained', 0), (10.001, 'expired', 0)]


def test_the_clocks_of_workers_do_not_matter() -> None:
    """The store's clock decides, and a pool that uses the worker's clock is caught."""
    slow = BUSY.replace(jobs=300)
    faults = [WorkerClock(every='exp:10', by=4.0), WorkerClock(every='exp:10', by=-4.0)]

    assert slow.replay().history_hash == slow.replace(faults=faults).replay().history_hash
    with pytest.raises(InvariantError):
        slow.replace(faults=faults, protocol='client-clock').replay()


def test_scripts_that_are_flushed_are_sent_again() -> None:
    """The clients see no difference."""
    with open_store('fakeredis') as store:
        one = BUSY.replace(jobs=200).replay(store=store)
        two = BUSY.replace(jobs=200, faults=[FlushScripts(every='const:0.5')]).replay(store=store)

    assert len(two.episodes) > 50
    assert one.history_hash == two.history_hash


def test_faults_follow_the_seed_and_each_has_a_stream_of_its_own() -> None:
    """Adding a fault does not shift the others."""
    one, same = (BUSY.replace(faults=PROMISED[:3]).replay() for _ in range(2))
    more = BUSY.replace(faults=PROMISED[:4]).replay()
    other = BUSY.replace(faults=PROMISED[:3], seed=2).replay()

    assert list(one.episodes) == list(same.episodes)
    assert [each for each in more.episodes if each.kind != 'lose requests'][:20] == list(one.episodes)[:20]
    assert list(other.episodes) != list(one.episodes)


def test_what_is_on_its_way_when_the_way_is_cut_does_not_come_back() -> None:
    """A request already on the network arrives, but its reply is lost."""
    network = Network(latency=0.2, timeout=1.0)
    result = replay(Trace([(0, 1)]), max_size=1, slot_exp=60, network=network, faults=[Partition(at=0.1, lasting=0.5)])

    assert events(result) == [(0.2, 'taken', 0), (1.2, 'freed', 0), (1.4, 'failed', 0)]


def test_what_two_faults_lose_they_lose_independently() -> None:
    """One fault loses half of what the other leaves."""
    worker = Worker(0, simpy.Environment(), Network(), Server(simpy.Environment()), seed=0)
    worker.lost_replies += [0.5, 0.5]

    assert lost(worker.lost_replies) == 0.75
    assert lost([]) == 0


def test_a_fault_that_loses_nothing_shifts_nothing() -> None:
    """The draws for each request do not depend on the faults."""
    faults = [LoseRequests(at=5, lasting=50, share=1e-12, workers='all'), LoseReplies(at=5, lasting=50, share=1e-12)]

    assert BUSY.replace(jobs=300, faults=faults).replay().history_hash == BUSY.replace(jobs=300).replay().history_hash


def test_a_server_that_goes_down_while_it_stands_still_tells_those_who_wait() -> None:
    """Waiting clients learn of it before their time-out, and their requests are dropped."""
    faults = [ServerPause(at=1, lasting=5), Restart(at=2, lasting=10)]
    network = Network(latency=0.1, timeout=60)
    result = replay(Trace([(0, 0.1), (1.5, 1)]), max_size=1, slot_exp=60, network=network, faults=faults)

    # It learns of it at 2.1, and again when it undoes the acquire.
    assert events(result)[-1] == (2.3, 'failed', 1)


def test_a_reply_that_comes_in_a_pause_is_read_after_it() -> None:
    """The body begins after the pause."""
    result = replay(
        Trace([(0, 1)]), max_size=1, slot_exp=60, network=Network(latency=0.5), faults=[Pause(at=0.6, lasting=3)]
    )

    assert events(result, 'began') == [(3.6, 'began', 0)]


def test_a_slot_that_ends_at_the_instant_at_which_its_body_does_has_expired() -> None:
    """The slot is gone at that very instant, so the body has outlived it."""
    result = replay(Trace([(0, 9.5)]), max_size=1, slot_exp=10, network=Network(latency=0.5))

    # Taken at .5 and begun at 1, so both end at 10.5.
    assert [what for _, what, _ in events(result)] == ['taken', 'began', 'expired', 'overran']


def test_of_two_slots_that_one_holder_took_the_last_one_counts() -> None:
    """If a driver repeated a plain acquire, the body overruns once both slots are gone."""
    network = Network(latency=0.1, timeout=0.5, retries=1)
    faults = [LoseReplies(at=0, lasting=0.3)]
    result = replay(Trace([(0, 20)]), max_size=9, slot_exp=10, network=network, faults=faults, protocol='nx')

    assert events(result) == [
        (0.1, 'taken', 0),
        (0.8, 'restored', 0),
        (0.9, 'began', 0),
        (10.1, 'recovered', 0),
        (10.8, 'expired', 0),
        (20.9, 'overran', 0),
    ]


def test_who_is_refused_and_gets_a_slot_afterwards_was_refused_honestly() -> None:
    """The driver's first request arrives after its last, and before the refusal reaches it."""
    network = Network(latency=0.1, timeout=0.5, retries=1)
    faults = [Slow(at=0, lasting=0.3, by=0.55, workers=1)]
    jobs = Trace([(0, 0.32), (0.01, 1)])
    result = replay(jobs, max_size=1, slot_exp=10, workers=2, network=network, faults=faults)

    assert [event for event in events(result) if event[2] == 1] == [
        (0.66, 'taken', 1),
        (0.71, 'refused', 1),
        (10.66, 'recovered', 1),
    ]
    assert result.linearity is not None
    assert (result.violations, result.linearity.why_not_all) == ([], '')


def test_the_verdict_says_how_many_calls_were_judged() -> None:
    """After a loss of data nobody knows what the store contains, so the check of the order ends."""
    lost = BUSY.replace(faults=[Restart(at=5, lasting=1, data='lost')], jobs=300).replay()
    kept = BUSY.replace(faults=[], jobs=300).replay()
    assert lost.linearity is not None
    assert kept.linearity is not None
    verdicts = [str(result).rpartition('verdict')[2] for result in (lost, kept)]

    assert lost.linearity.judged < lost.linearity.calls / 2
    part = f'the order of only {lost.linearity.judged} of {lost.linearity.calls} calls judged (11%): the store lost'
    assert part in verdicts[0]
    assert f'the order of all {kept.linearity.calls} calls judged' in verdicts[1]


@pytest.mark.parametrize('fault', [FlushScripts(at=1), Restart(at=1), Failover(at=1)])
def test_scripts_are_really_forgotten(fault: Any) -> None:
    """The server itself forgets them, once for each fault."""
    with open_store('fakeredis') as store:
        flushed = []
        flush = store._client.script_flush
        store._client.script_flush = lambda: flushed.append(flush())
        replay(Trace([(0, 5)]), max_size=1, slot_exp=10, network=QUICK, faults=[fault], store=store)

    assert flushed == [True]


def test_every_kind_of_fault_has_an_effect_in_virtual_time() -> None:
    """A kind without an effect raises an error that names it, and is not ignored."""

    class Flood(Fault):
        kind = 'flood'

    assert {*ON_WORKERS, *ON_SERVER} == {*KINDS.values()}
    assert not ON_WORKERS.keys() & ON_SERVER.keys()
    with pytest.raises(TypeError, match="'flood' has no effect in virtual time"):
        replay(Trace([(0, 2)]), max_size=1, faults=[Flood(at=1.0)])


def test_a_special_case_of_a_fault_has_the_effect_of_its_kind() -> None:
    """A subclass of a fault, written for a study, has the effect of its base class."""

    class LongPause(Pause):
        pass

    ends = [
        replay(Trace([(0, 2)]), max_size=1, slot_exp=9.0, faults=[kind(at=1.0, lasting=3.0)]).history.times[-1]
        for kind in (Pause, LongPause)
    ]

    assert ends == [4.0, 4.0]


def test_nothing_new_goes_wrong_when_all_jobs_are_gone() -> None:
    """The remaining slots expire, and the run ends."""
    faults = [Crash(at=1, lasting=0), Restart(every='const:0.7')]
    result = replay(Trace([(0, 5)]), max_size=1, slot_exp=100, network=QUICK, faults=faults)

    assert events(result)[-1] == (100.001, 'recovered', 0)
    assert max(episode.first for episode in result.episodes) < 2


# --- the promises


STORES = ('memory', 'fakeredis', 'valkey')


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> str:
    """Each store."""
    if request.param == 'valkey':
        request.getfixturevalue('server')
    return str(request.param)


def test_whatever_goes_wrong_what_is_promised_holds_and_all_stores_agree(store: str) -> None:
    """With all kinds of faults together, all stores produce the same correct history."""
    result = BUSY.replace(jobs=400, faults=PROMISED + LOSING).replay(store=store, audit=True)

    assert result.violations == []
    assert result.history_hash == BUSY.replace(jobs=400, faults=PROMISED + LOSING).replay().history_hash
    assert len({episode.kind for episode in result.episodes}) >= 10


@pytest.mark.parametrize('seed', range(6))
def test_what_all_survive_breaks_no_promise(seed: int) -> None:
    """No limit appears either, and every slot taken is freed."""
    scenario = BUSY.replace(faults=PROMISED, seed=seed)
    result = scenario.replay(audit=True)
    judgement = result.judgement

    assert judgement is not None
    assert (result.violations, judgement.limits) == ([], [])
    assert judgement.grants > 400
    assert judgement.unknown > 10
    assert result.figures.occupancy_peak == scenario.max_size
    counts = Counter(event.what for event in result.history)
    assert counts['taken'] + counts['regained'] + counts['restored'] == sum(
        counts[what] for what in ('freed', 'expired', 'recovered', 'vanished')
    )


@pytest.mark.parametrize('seed', range(3))
def test_a_slot_that_nobody_uses_is_back_no_later_than_its_expiry(seed: int) -> None:
    """Crashed holders, lost releases and delayed acquires leave no slot taken permanently."""
    faults = [fault for fault in PROMISED if not isinstance(fault, ServerClock)]
    figures = BUSY.replace(faults=faults, seed=seed).replay().figures

    assert figures.recovered > 10
    assert figures.recovery_longest <= 3.0 + 1e-9


@pytest.mark.parametrize('seed', range(4))
def test_the_plain_contract_shows_its_named_limits_only(seed: int) -> None:
    """Its occupancy is never exceeded, whatever happens."""
    result = BUSY.replace(faults=PROMISED, seed=seed, protocol='nx').replay()
    judgement = result.judgement

    assert judgement is not None
    assert result.violations == []
    assert {limit.rule for limit in judgement.limits} <= {'spurious refusal', 'not its own', 'taken twice'}


def test_under_the_plain_contract_a_life_is_in_whole_seconds() -> None:
    """A fraction is rounded up, and the judge takes this into account."""
    result = replay(Trace([(0, 2.8)]), max_size=1, slot_exp=2.5, network=QUICK, protocol='nx')

    assert [what for _, what, _ in events(result)] == ['taken', 'began', 'ended', 'freed']
    assert result.violations == []


@pytest.mark.parametrize(
    ('protocol', 'max_size', 'rules'),
    [
        ('check-then-add', 5, {'occupancy', 'grants'}),
        ('blind-release', 1, {'grants', 'own release'}),
        ('client-clock', 5, {'grants', 'own release'}),
        ('delete-by-index', 3, {'own release'}),
        ('retried-acquire', 5, {'own slot', 'undone'}),
    ],
)
def test_a_broken_pool_is_found_out_by_the_promises_that_it_breaks(
    protocol: str, max_size: int, rules: set[str]
) -> None:
    """The run continues to its end, so that all violations are counted."""
    faults = [fault for fault in PROMISED if not isinstance(fault, ServerClock)]
    with pytest.raises(InvariantError) as found:
        BUSY.replace(protocol=protocol, max_size=max_size, faults=faults, jobs=3000).replay()

    assert rules <= {violation.rule for violation in found.value.result.violations}
    assert found.value.result.figures.jobs == 3000


@pytest.mark.parametrize('name', PROTOCOLS)
def test_another_protocol_is_for_memory(name: str) -> None:
    """A server runs the Lua scripts only."""
    with pytest.raises(ValueError, match='runs in memory only, but the store is fakeredis'):
        BUSY.replace(protocol=name).replay(store='fakeredis')


def test_a_pool_that_does_not_undo_is_not_excused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An acquire that reports a definite failure must leave no slot behind."""

    def acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Any:
        granted = yield from TakeSlot(key, token, max_size, slot_exp)
        return protocols.Lease(key, token) if granted else None

    careless = protocols.ATOMIC._replace(acquire=acquire)
    monkeypatch.setattr('py_cachify.backends.memory.MemoryBackend.protocol', careless)
    faults = [LoseReplies(every='exp:5', lasting=1, share=1.0, workers='all')]

    with pytest.raises(InvariantError, match='undone violated'):
        BUSY.replace(faults=faults, network=Network(latency=0.01, timeout=0.5), slot_exp=20.0).replay()


# --- repeated runs


def test_a_run_done_twice_is_compared_event_by_event() -> None:
    """Both runs are equal, with faults of all kinds."""
    result = replay_twice(lambda: BUSY.replace(faults=PROMISED, jobs=300).replay())

    assert result.violations == []


def test_chance_that_no_seed_governs_is_found_out() -> None:
    """The error names the first event that differs, in both runs."""
    seeds = iter([1, 2])

    with pytest.raises(InvariantError, match=r'determinism violated at .* s: event 0 is job 0 taken at') as found:
        replay_twice(lambda: BUSY.replace(jobs=50).replay(seed=next(seeds)))
    assert found.value.result.violations


def test_a_history_that_ends_early_differs_as_well() -> None:
    """The first difference is at its end."""
    one, other = (BUSY.replace(jobs=jobs).replay() for jobs in (50, 51))
    short, long = (replay(Trace([(0, 1)] * n), max_size=3).history for n in (1, 2))

    assert first_difference(short, short) is None
    assert first_difference(one.history, other.history) is not None
    assert first_difference(short, long) == 1
