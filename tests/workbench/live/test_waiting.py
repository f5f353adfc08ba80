"""Live runs whose jobs wait: what they keep, what they count, and what is judged."""

import argparse
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from simulations import Retry, Scenario
from simulations.cli.live import configure, request
from simulations.faults import Crash, Fault, Pause
from simulations.history.events import QUEUE, WHATS, Event
from simulations.judging import FAILED, GRANTED, REFUSED, Terms, judge
from simulations.live import LiveResult, live
from simulations.live.outcome.attempts import Attempt, Clock, calls_of
from simulations.live.outcome.compare import WAITING
from simulations.live.outcome.course import course_of
from simulations.live.outcome.queueing import IDLE, idle_slots, overtaken, patience_of, wrong_refusals
from simulations.live.plan import NANO, Plan
from simulations.live.schedule import schedule
from simulations.live.supervisor.accidents import Accident
from simulations.live.supervisor.lookout import Look
from simulations.live.view import Moment, lines
from simulations.workloads.patience import Patience, as_wait
from tests.support.broken_scripts import BREAK


pytestmark = pytest.mark.usefixtures('running_server')

SCENARIO = Scenario(
    title='A queue',
    arrivals='poisson:40',
    holding='exp:0.1',
    max_size=4,
    slot_exp=20.0,
    wait=None,
    workers=2,
    jobs=120,
)
"""A load of four for four slots: many jobs wait."""
OPTIONS = ('store', 'tasks', 'threads', 'speed', 'show', 'compare')


def lived(*faults: Fault, **changes: Any) -> LiveResult:
    """Run tasks, or threads, on a server or in memory."""
    options: dict[str, Any] = {'tasks': 60, 'speed': 2.0, 'compare': False}
    options |= {name: changes.pop(name) for name in OPTIONS if name in changes}
    return live(SCENARIO.replace(faults=faults, **changes), **options)


def queue_of(result: LiveResult) -> list[int]:
    """Return how many wait after each event."""
    waiting, course = 0, []
    for event in result.history:
        waiting += QUEUE.get(WHATS.index(event.what), 0)
        course.append(waiting)
    return course


@pytest.mark.parametrize('options', [{'tasks': None, 'threads': 30}, {}], ids=['threads', 'tasks'])
def test_who_waits_for_as_long_as_it_takes_is_never_refused(options: dict[str, Any]) -> None:
    """All are served, every promise is kept, and nothing is left."""
    moments: list[Moment] = []
    result = lived(**options, show=moments.append)
    course = queue_of(result)

    assert result.violations == []
    assert result.figures.granted == result.figures.jobs == 120
    assert result.figures.refused == result.measured.leaked == 0
    assert max(course) > 2
    assert min(course) == course[-1] == 0
    assert result.measured.sampled_peak <= 4
    assert max(moment.waiting or 0 for moment in moments) > 0 == moments[-1].waiting


def test_the_figures_of_waiting_are_compared_with_the_simulation() -> None:
    """Each with its interval, in the report and in JSON; the same jobs wait in both runs."""
    result = lived(wait='exp:0.5', wait_within=0.1, jobs=300, compare=True)
    comparison, figures = result.comparison, result.figures
    assert comparison is not None
    assert result.simulated is not None
    told = comparison.to_json()

    assert set(comparison.within) == set(WAITING)
    assert figures.queue_mean > 0 < figures.wait_mean < figures.wait_p95 <= figures.wait_longest
    assert 0 < figures.waited_share < 1 > (figures.served_within or 0.0) > 0
    assert figures.timed_out == sum(event.what == 'timed out' for event in result.history) > 0
    for name in WAITING:
        assert comparison.live.waiting[name].value == getattr(figures, name) == told['live'][name]
        assert comparison.simulated.waiting[name].value == getattr(result.simulated.figures, name)
        within = comparison.within[name]
        if name == 'wait_p99':
            # Of 300 jobs, it may be that none waited for so long.
            assert told['simulated'][f'{name}_ci'] is within is told['within'][name] is None
        else:
            low, high = told['simulated'][f'{name}_ci']
            assert within is told['within'][name] is (low <= told['live'][name] <= high)
        assert WAITING[name][0] in str(comparison)
    assert "the simulation's intervals: waiting time" in str(comparison)


def test_the_time_of_a_job_that_waited_counts_from_its_arrival() -> None:
    """To its grant or until it left, pauses between attempts included; else it is 0."""
    again = IN_VAIN._replace(attempt=2, called=8.0, queued=8.1, returned=13.0)
    late = Attempt(6, 1, '', 0, 2.0, 2.9, GRANTED, left=4.0, ended=4.1, ending='released')
    observer = course_of([HOLDER, WAITED, IN_VAIN, again, late], None, [], within=1.0).observer
    figures = observer.observed(1, (0, 0.0, 0.0), steady=False, pace=None, waits=True).figures

    assert figures.wait_mean == pytest.approx((29.2 + 11.0) / 4)
    assert figures.wait_mean_granted == pytest.approx(29.2 / 3)
    assert figures.waited_share == figures.served_within == 0.5
    assert figures.timed_out == 2


@pytest.mark.parametrize('store', ['valkey', 'memory'])
@pytest.mark.parametrize('options', [{'tasks': None, 'threads': 30}, {}], ids=['threads', 'tasks'])
def test_each_job_has_a_patience_of_its_own(store: str, options: dict[str, Any]) -> None:
    """Whose time is up is refused, and not before."""
    result = lived(wait='exp:0.1', store=store, workers=1 if store == 'memory' else 2, **options)
    whats = Counter(event.what for event in result.history)

    assert result.violations == []
    assert whats['timed out'] == whats['refused'] == result.judgement.refusals > 0
    assert whats['queued'] == whats['timed out'] + whats['served']
    assert whats['served'] > 0
    assert queue_of(result)[-1] == 0
    # In scenario seconds: if it were not divided by the speed, all would have waited twice as long.
    drawn = Patience(SCENARIO.seed, as_wait('exp:0.1'))
    patience = [drawn.draw() or 0.0 for _ in range(120)]
    queued = {event.job: event.time for event in result.history if event.what == 'queued'}
    left = {event.job: event.time for event in result.history if event.what == 'timed out'}
    assert min((left[job] - queued[job]) / patience[job] for job in left if patience[job] > 0.05) < 1.5


def test_the_holding_time_counts_from_the_grant() -> None:
    """However long the job waited before."""
    result = lived(holding='const:0.4', arrivals='poisson:20', jobs=60)
    began = {event.job: event.time for event in result.history if event.what == 'granted'}
    bodies = sorted(event.time - began[event.job] for event in result.history if event.what == 'released')

    assert sum(event.what == 'queued' for event in result.history) > 20
    assert bodies[len(bodies) // 2] > 0.2


def test_only_so_many_may_wait_and_others_ask_again_later() -> None:
    """Those that find the queue full never join it."""
    result = lived(wait=30.0, max_waiting=2, on_refusal=Retry('exp:0.2', tries=3), tasks=None, threads=30)
    whats = Counter(event.what for event in result.history)

    assert result.violations == []
    assert whats['retrying'] > 0 == whats['timed out']
    # The two of the store, and those that have a slot and do not know it yet.
    assert max(queue_of(result)) <= 2 + 4


def test_holders_that_crash_alone_are_outwaited() -> None:
    """The next in the queue gets the slot when it expires."""
    result = lived(crash_probability=0.1, slot_exp=1.0)

    assert result.violations == []
    assert result.figures.recovered == result.figures.crashed > 0
    assert result.figures.granted == 120


def test_clients_wait_too() -> None:
    """Each client is patient in its own way."""
    result = lived(arrivals='clients:10:exp:0.1', wait='uniform:0.05:0.5', speed=4.0)

    assert result.violations == []
    assert result.figures.jobs == 120
    assert sum(event.what == 'queued' for event in result.history) > 0


def test_killed_waiters_leave_nothing() -> None:
    """Neither a place in the queue nor a slot; the others are served."""
    result = lived(Crash(at=(0.5, 1.0, 1.5), lasting=0.1, workers='one'), holding='exp:0.2', slot_exp=2.0)
    whats = Counter(event.what for event in result.history)

    assert result.violations == []
    # On a busy machine a worker may still be starting when it is to be killed again.
    assert 1 <= result.measured.killed <= 3
    assert whats['withdrew'] > 0
    assert whats['queued'] == whats['served'] + whats['withdrew']
    assert queue_of(result)[-1] == result.measured.leaked == 0


def test_waiters_that_stand_still_come_back() -> None:
    """A stopped process loses claims, but no job."""
    result = lived(Pause(at=1.0, lasting=5.0, workers=0), speed=1.0)

    assert result.violations == []
    assert result.figures.granted == 120


def test_the_view_shows_how_many_wait() -> None:
    """Where jobs do not wait, it says nothing of it."""
    moment = Moment(0.0, 2.0, 3, 5, 3, 10, 2, 0, 0, 5.0, 1.0, 0.001, 2)

    assert '3/5 slots, 3 bodies running' in lines(moment)[0]
    assert 'waiting' not in lines(moment)[0]
    assert lines(moment._replace(waiting=7))[0].endswith('3 bodies running, 7 waiting')


LAST_FIRST = b"'ZRANGEBYSCORE', KEYS[2], '(0', '+inf'", b"'ZREVRANGEBYSCORE', KEYS[2], '+inf', '(0'"
"""The last in the queue is served first."""
TURNED_AWAY = b"if ARGV[4] ~= '' and redis.call('ZCOUNT'", b"ARGV[4] = '3' if redis.call('ZCOUNT'"
"""Some are turned away although any number may wait."""
LEFT_BEHIND = b"redis.call('ZREM', KEYS[2], ARGV[1], '!' .. ARGV[1])", b"redis.call('PING')"
"""Those that leave stay in the queue, and slots are kept for them."""


def test_the_command_takes_and_repeats_the_options() -> None:
    """Those of the pool, as in a simulation."""
    parser = argparse.ArgumentParser()
    configure(parser)
    given = ['--wait', 'exp:0.5', '--max-waiting', '20', '--wait-within', '0.2']
    scenario, words = request(parser.parse_args(given))

    assert (str(scenario.wait), scenario.max_waiting, scenario.wait_within) == ('exp:0.5', 20, 0.2)
    assert ' '.join(given) in ' '.join(words)
    assert request(parser.parse_args(['--wait', 'none']))[0].wait is None


@pytest.mark.parametrize(
    ('wait', 'change', 'rule'),
    [(1.0, LAST_FIRST, 'order'), (None, TURNED_AWAY, 'wait'), (0.1, LEFT_BEHIND, 'size')],
    ids=['last come, first served', 'turned away', 'left behind'],
)
def test_a_broken_queue_is_found(
    wait: float | None, change: tuple[bytes, bytes], rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what the workers asked and were answered, or by what is left at the end."""
    (tmp_path / 'sitecustomize.py').write_text(BREAK.format(old=change[0], new=change[1]))
    monkeypatch.setenv('PYTHONPATH', str(tmp_path), prepend=':')
    result = lived(arrivals='poisson:60', jobs=180, speed=1.0, wait=wait)

    assert rule in {violation.rule for violation in result.violations}


# --- what is computed from the notes of the workers


def clock(**changes: Any) -> Clock:
    """Return a clock whose scenario seconds are ours."""
    fields = {'processes': 1, 'threads': 1, 'tasks': None, 'speed': 1.0, 'span': None, 'store': 'valkey'}
    scenario = SCENARIO.replace(**({'slot_exp': 60.0, 'max_size': 1} | changes))
    return Clock(Plan(scenario=scenario, prefix='', folder=Path(), **fields), 0, 0.0)  # type: ignore[arg-type]


HOLDER = Attempt(0, 1, '', 0, 0.0, 0.1, GRANTED, left=30.0, ended=30.1, ending='released')
WAITED = Attempt(
    1, 1, '', 0, 1.0, 30.2, GRANTED, left=40.0, ended=40.1, ending='released', queued=1.1, taken=30.1, since=28.1
)
IN_VAIN = Attempt(2, 1, '', 0, 2.0, 7.0, REFUSED, queued=2.1, timed_out=True)
NOT_AT_ALL = Attempt(3, 1, '', 0, 2.0, 2.1, REFUSED)


def events(attempts: Sequence[Attempt], slot_exp: float | None) -> list[Event]:
    """Return the history of these attempts."""
    history = course_of(attempts, slot_exp, []).observer.history
    assert history is not None
    return list(history)


def looks(since: float, until: float, size: int) -> list[Look]:
    """Return looks at the pool, ten a second."""
    instants = [round((since + step / 10) * NANO) for step in range(round((until - since) * 10))]
    return [Look(instant, instant + 1000, 'pool', size) for instant in instants]


def test_a_slot_lives_from_the_request_that_gave_it() -> None:
    """It does not expire while its job still waits, and the life of a late one is judged."""
    late = WAITED._replace(left=31.0, ended=31.1, ending='too late')
    plan = clock(slot_exp=5.0, max_size=2).plan

    def history(attempt: Attempt) -> list[tuple[float, str]]:
        return [(event.time, event.what) for event in events([attempt], 5.0)]

    assert history(WAITED._replace(ending='too late')) == [
        (1.1, 'queued'),
        (30.2, 'served'),
        (30.2, 'granted'),
        (pytest.approx(35.1), 'expired'),
        (40.0, 'overran'),
    ]
    assert WAITED.expires(5.0, False) == pytest.approx((33.1, 35.2))
    assert [each.rule for each in judge(calls_of([late], False, False, plan), Terms(2, 5.0)).violations] == [
        'own release'
    ]


def test_whoever_leaves_the_queue_is_seen_to_leave_it() -> None:
    """After a time-out, an error or a death."""
    failed = IN_VAIN._replace(answer=FAILED, timed_out=False, withdrew=5.0)
    dead = failed._replace(returned=math.inf, answer='unknown')

    def history(*attempts: Attempt) -> list[tuple[float, str]]:
        return [(event.time, event.what) for event in events(attempts, None)]

    assert history(IN_VAIN) == [(2.1, 'queued'), (7.0, 'timed out'), (7.0, 'refused')]
    again = IN_VAIN._replace(attempt=2, called=8.0, queued=None, returned=8.1, timed_out=False)
    assert history(IN_VAIN, again)[1:] == [(7.0, 'timed out'), (7.0, 'retrying'), (8.1, 'refused')]
    assert history(failed) == history(dead) == [(2.1, 'queued'), (5.0, 'withdrew'), (5.0, 'failed')]


def test_a_refusal_is_honest_if_others_had_or_wanted_the_slots() -> None:
    """Those that waited in vain count, but not the one that is judged."""
    plan = clock().plan

    def rules(*attempts: Attempt, waiting: bool = True) -> list[str]:
        calls = calls_of(attempts, False, False, plan)
        return [violation.rule for violation in judge(calls, Terms(1, 60.0, waiting=waiting)).violations]

    other = IN_VAIN._replace(job=4)
    assert rules(HOLDER, IN_VAIN) == rules(IN_VAIN, other) == []
    assert rules(IN_VAIN) == ['honest refusal']
    assert rules(IN_VAIN, other._replace(called=8.0, returned=13.0)) == ['honest refusal', 'honest refusal']
    assert rules(NOT_AT_ALL, waiting=False) == ['honest refusal']


def test_a_refusal_comes_when_the_time_is_up_or_the_queue_is_full() -> None:
    """Not before, and not at all for one that waits for as long as it takes."""

    def words(*attempts: Attempt, **changes: Any) -> list[str]:
        return [violation.detail for violation in wrong_refusals(attempts, clock(**changes))]

    assert words(HOLDER, IN_VAIN, wait=5.0) == words(IN_VAIN, NOT_AT_ALL, wait=5.0, max_waiting=1) == []
    assert 'although it waits for 5.01 s' in words(IN_VAIN, wait=5.01)[0]
    assert 'although it waits for ever' in words(IN_VAIN, wait=None)[0]
    assert words(NOT_AT_ALL, wait=5.0)[0].endswith('without waiting')
    assert 'fewer than max_waiting=2' in words(HOLDER, IN_VAIN, NOT_AT_ALL, wait=5.0, max_waiting=2)[0]
    drawn = patience_of([IN_VAIN], clock(wait='exp:1'))
    dues = schedule(clock(wait='exp:1').plan).shares[0]
    assert [drawn[job] for job in range(3)] == [due.patience for due in dues[:3]]


def test_one_that_asked_later_must_not_be_served_while_another_surely_waits() -> None:
    """What is uncertain is not judged: claims, slow processes, accidents, and what nobody saw."""
    passed = Attempt(5, 1, '', 0, 3.0, 3.1, GRANTED, left=4.0, ended=4.1, ending='released')
    seen = looks(0, 50, 1)

    def order(
        *attempts: Attempt, at: list[Look] = seen, slow: tuple[int, ...] = (), accidents: tuple[Accident, ...] = ()
    ) -> list[str]:
        return [each.rule for each in overtaken(attempts, at, slow, accidents, clock(wait=5.0))]

    assert order(IN_VAIN, passed) == order(WAITED, passed) == ['order']
    assert order(IN_VAIN, passed._replace(key='other')) == []
    # They asked at the same time, or the other had its time-out, or may have had its slot, by then.
    assert order(IN_VAIN, passed._replace(called=2.05)) == []
    assert order(IN_VAIN, passed._replace(returned=7.01)) == []
    assert order(WAITED._replace(taken=5.0, returned=5.1), passed) == []
    assert order(WAITED._replace(taken=None), passed) == []
    # Its process may have been silent for too long.
    assert order(WAITED, passed._replace(called=20.0, returned=20.1)) == []
    assert order(IN_VAIN, passed, at=looks(0, 2, 1) + looks(4, 50, 1)) == []
    assert order(IN_VAIN, passed, slow=(3 * NANO,)) == []
    assert order(IN_VAIN, passed, accidents=(Accident('pause', NANO, 2 * NANO, (0,)),)) == []
    assert order(IN_VAIN, passed, accidents=(Accident('crash', NANO, 2 * NANO, (0,)),)) == ['order']


def test_no_slot_stays_free_beside_a_waiter() -> None:
    """Longer than a claim, a heartbeat and some seconds for a busy machine."""

    def rules(*seen: Look, accidents: tuple[Accident, ...] = ()) -> list[str]:
        return [each.rule for each in idle_slots([WAITED], seen, accidents, clock())]

    free = looks(5.0, 5.5 + IDLE, 0)
    assert rules(*free) == ['idle slot']
    assert rules(*looks(5.0, 4.9 + IDLE, 0)) == []
    assert rules(*free[:50], *looks(10.0, 10.1, 1), *free[51:]) == []
    assert rules(*looks(25.0, 50.0, 0)) == []
    assert rules(*free, accidents=(Accident('server pause', 3 * NANO, 6 * NANO),)) == []
