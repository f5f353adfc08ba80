"""Live runs whose workers renew their slots: what they keep, what they lose, and what is judged."""

from pathlib import Path
from typing import Any

import pytest

from simulations import Scenario
from simulations.faults import Crash, Fault, Pause
from simulations.judging import FAILED, GRANTED, TOO_LATE, Terms, judge
from simulations.live import LiveResult, live
from simulations.live.outcome.attempts import Attempt, calls_of
from simulations.live.outcome.course import Pause as Paused
from simulations.live.outcome.course import course_of
from simulations.live.plan import Plan
from tests.support.broken_scripts import BREAK


pytestmark = pytest.mark.usefixtures('running_server')

SCENARIO = Scenario(
    title='Long bodies',
    arrivals='poisson:12',
    holding='uniform:0.5:1.5',
    max_size=8,
    slot_exp=0.5,
    renew_for=None,
    workers=2,
    horizon=3.0,
)


def lived(*faults: Fault, speed: float = 1.0, **changes: Any) -> LiveResult:
    """Run threads, or tasks, on a server or in memory."""
    options = {name: changes.pop(name) for name in ('store', 'tasks') if name in changes}
    return live(SCENARIO.replace(faults=faults, **changes), threads=10, compare=False, speed=speed, **options)


@pytest.mark.parametrize('tasks', [None, 10], ids=['threads', 'tasks'])
def test_bodies_of_many_lives_keep_their_slots(tasks: int | None) -> None:
    """Holders that crash alone are renewed until then, and nothing is left at the end."""
    result = lived(tasks=tasks, crash_probability=0.1, slot_exp=1.0, holding='uniform:1:3')

    assert result.violations == []
    assert result.measured.leaked == 0
    assert result.figures.renewals > result.figures.granted > 10
    assert result.figures.crashed > 0
    assert result.measured.sampled_peak <= 8


def test_in_memory_slots_are_renewed_too() -> None:
    """One process, no server."""
    result = lived(store='memory', workers=1, slot_exp=1.0, crash_probability=0.1)

    assert result.violations == []
    assert result.measured.leaked == 0


def test_a_worker_that_stands_still_loses_its_slots() -> None:
    """Its holders are told, their bodies run on, and others run beside them."""
    result = lived(Pause(at=1.0, lasting=1.5, workers=0), holding='uniform:1:4')
    figures = result.figures

    assert result.violations == []
    assert figures.lost >= 1
    assert figures.lost_running >= figures.lost_running_longest > 0.5
    assert {'renewals', 'lost', 'lost_running', 'lost_running_longest'} <= result.to_json().keys()
    assert 'while their bodies ran; these ran on for' in str(result)


def test_the_slots_of_killed_holders_are_back_within_one_life() -> None:
    """The dead renew nothing, however long their bodies would have taken."""
    result = lived(Crash(at=(1.0, 2.0), lasting=0.05, workers='one'), slot_exp=1.0, holding='const:5', max_size=20)
    recoveries = result.measured.recoveries

    assert result.violations == []
    assert len(recoveries.left) > 2
    assert recoveries.left.max() < 1.1


@pytest.mark.parametrize(
    ('old', 'new', 'faults', 'rules'),
    [
        (b'now + life', b'now + life * 10', (), {'size', 'at rest'}),
        (b'now + life', b'now + life * 2', (Crash(at=1.5, lasting=0.05, workers=0),), {'renewal'}),
        (b"redis.call('ZADD', KEYS[1], 'XX', until_then, token)", b"redis.call('ZREM', KEYS[1], token)", (), {'size'}),
    ],
    ids=['too long a life', 'too long a life after death', 'a slot that a renewal removes'],
)
def test_broken_renewals_are_found_out(
    old: bytes, new: bytes, faults: tuple[Fault, ...], rules: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what the server counts and holds, compared with what its holders know."""
    (tmp_path / 'sitecustomize.py').write_text(BREAK.format(old=old, new=new))
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    result = lived(*faults, crash_probability=0.2, slot_exp=1.0, holding='const:1.5', max_size=20)

    assert rules <= {violation.rule for violation in result.violations}


# --- what is computed from the notes of the workers


def plan(**changes: Any) -> Plan:
    """Return a plan in scenario seconds that pass as fast as ours."""
    fields = {'processes': 1, 'threads': 1, 'tasks': None, 'speed': 1.0, 'span': None, 'store': 'memory'}
    scenario = SCENARIO.replace(**({'slot_exp': 3.0, 'max_size': 1} | changes))
    return Plan(scenario=scenario, prefix='', folder=Path(), **fields)  # type: ignore[arg-type]


def rules(*attempts: Attempt, **changes: Any) -> list[str]:
    """Return the rules that these attempts break."""
    calls = calls_of(attempts, False, False, plan(**changes))
    return [violation.rule for violation in judge(calls, Terms(1, 3.0)).violations]


HELD = Attempt(0, 1, '', 0, 0.0, 0.1, GRANTED, left=10.0, ended=10.1, ending='released', until=12.0)
"""A holder that knew at the end of its body that it had its slot until 12 s."""
LOST = HELD._replace(until=None, lost=7.0, ending=TOO_LATE)
KILLED = HELD._replace(left=None, until=None, ended=float('inf'), ending='unknown', died=8.0, killed=True)
NEXT = Attempt(1, 1, '', 0, 9.0, 9.1, GRANTED, left=9.5, ended=9.6, ending='released', until=12.0)


def test_a_renewed_lease_lasts_until_its_release() -> None:
    """Who gets a slot meanwhile is one too many; without renewal both would be right."""
    assert rules(HELD) == []
    assert rules(HELD._replace(ending=TOO_LATE)) == ['own release']
    assert rules(HELD, NEXT._replace(called=10.1, returned=10.2, left=11.0, ended=11.1)) == []
    assert HELD.expires(3.0, True) == (12.0, 13.0)
    assert HELD.expires(3.0, False) == (3.0, 3.1)


def test_who_loses_a_slot_or_dies_proves_nothing_about_its_last_life() -> None:
    """The next holder may have its slot, and may be refused, for a life from then on."""
    refused = NEXT._replace(answer='refused', left=None, until=None)

    for gone, over in ((LOST, 7.0), (KILLED, 8.0)):
        assert rules(gone, NEXT) == []
        assert rules(gone, refused) == []
        later = refused._replace(called=over + 3.5, returned=over + 3.6)
        assert rules(gone, later) == ['honest refusal']
        assert gone.expires(3.0, True) == (3.0, over + 3.0)


def test_an_acquire_that_failed_renews_nothing() -> None:
    """Its slot lives for one life at most."""
    failed = Attempt(0, 1, '', 0, 0.0, 0.1, FAILED)
    refused = Attempt(1, 1, '', 0, 4.0, 4.1, 'refused')

    assert rules(failed, refused) == ['honest refusal']


def test_the_history_has_the_losses() -> None:
    """In a paused process a slot is assumed to last two thirds of a life more."""
    noticed = course_of([LOST], 3.0, [], [])
    paused = course_of([LOST], 3.0, [], [Paused(0, 4.0), Paused(1, 1.0)])
    killed = course_of([KILLED], 3.0, [], [])

    def history(course: Any) -> list[tuple[float, str]]:
        return [(event.time, event.what) for event in course.observer.history]

    assert history(noticed) == [(0.1, 'granted'), (7.0, 'expired'), (7.0, 'lost'), (10.0, 'overran')]
    assert history(paused) == [(0.1, 'granted'), (6.0, 'expired'), (6.0, 'lost'), (10.0, 'overran')]
    assert history(killed) == [(0.1, 'granted'), (8.0, 'crashed'), (10.0, 'recovered')]
    assert [what for _, what in history(course_of([HELD], 3.0, [], []))] == ['granted', 'released']
