"""Bugs that show only between two expiries or in late requests are found."""

from typing import Any

import pytest
from matplotlib.figure import Figure

from simulations.exploring import Schedule, Scope, explore, replay_schedule
from simulations.exploring.moves import FAULTS, LATE, LOSE_REQUEST
from tests.workbench.exploring.planted import PLANTED, NoExpiry, Right, WholeSeconds, right


BOTH = '2 clients hold a slot of a pool of 1 at the same time: A1, B1'
GONE = 'the release of {} reported its slot as gone although it had not expired'
FOUND = {
    'stale_after_milliseconds': (3, BOTH),
    'stale_at_half': (3, BOTH),
    'stale_at_the_end': (3, BOTH),
    'stale_in_the_middle': (3, BOTH),
    'refusal_renews': (5, 'A1 released a slot that it no longer held'),
    'hasty_release': (3, GONE.format('A1')),
    'forgetful_size': (5, 'at the end 0 of 2 slots were taken instead of 1'),
    'window': (6, GONE.format('B1')),
    'whole_seconds': (6, GONE.format('B1')),
    'repeat_renews': (5, 'A1 released a slot that it no longer held'),
    'short_tombstone': (4, 'at the end 1 of 1 slot was taken instead of 0'),
    'late_renewal': (9, 'B1 released a slot that it no longer held'),
    'late_deletion': (7, GONE.format('B1')),
    'reused_token': (5, GONE.format('A2')),
}


def test_there_is_an_outcome_for_each_bug() -> None:
    """The table lists every planted bug."""
    assert FOUND.keys() == PLANTED.keys()
    assert len(PLANTED) > 10


@pytest.mark.parametrize('name', PLANTED)
def test_a_planted_bug_is_found(name: str) -> None:
    """The schedule is a shortest one, and shows the bug again by the name to use by hand."""
    found = explore(PLANTED[name])

    assert found.violation is not None
    assert (len(found.violation.schedule.moves), found.violation.reason) == FOUND[name]
    schedule = found.violation.schedule._replace(protocol=f'tests.workbench.exploring.planted:{name}')
    again = replay_schedule(Schedule.from_json(schedule.to_json()))
    assert again is not None
    assert again.story == found.violation.story
    assert found.violation.plot(Figure().add_subplot()).texts


@pytest.mark.parametrize('name', PLANTED)
def test_without_these_moves_it_is_not_found(name: str) -> None:
    """Time passes only to the next expiry, and requests arrive immediately or never."""
    planted = PLANTED[name]
    scope = planted.scope._replace(between=0, faults=1, kinds=FAULTS)

    assert explore(planted, scope).violation is None


def test_each_stop_between_two_expiries_finds_what_the_other_misses() -> None:
    """Half-way is neither just before an expiry, nor the other way round."""
    middle, end = (explore(PLANTED[name]).violation for name in ('stale_in_the_middle', 'stale_at_the_end'))
    assert middle is not None
    assert end is not None

    assert [move.do for move in middle.schedule.moves] == ['step', 'wait half', 'step']
    assert [move.do for move in end.schedule.moves] == ['step', 'wait almost', 'step']


def test_a_store_that_hides_its_expiries_is_judged_as_well() -> None:
    """The judge knows when the slots of clients expire, and waits for those of late requests."""
    scope = Scope(clients=2, max_size=1, faults=2, kinds=(LATE, LOSE_REQUEST))
    found = explore(right._replace(world=NoExpiry), scope)

    assert found.violation is None, found
    assert found.states > 1000


def test_a_store_that_never_comes_to_rest_is_refused() -> None:
    """The search would wait for ever until its last slot has expired."""

    class Restless(Right):
        def next_expiry(self, snapshot: tuple[Any, ...]) -> float | None:
            return 1.0

    with pytest.raises(ValueError, match='let next_expiry of its world return None once nothing is left'):
        explore(right._replace(world=Restless), Scope(clients=1, max_size=1, faults=0, between=0))


def test_a_store_that_hides_the_time_the_time_and_cuts_it_to_whole_seconds_is_found() -> None:
    """Time stands still there at an instant that is not a whole second."""

    class Hidden(WholeSeconds):
        shows_time = False

    planted = PLANTED['whole_seconds']
    found = explore(planted._replace(world=Hidden), planted.scope._replace(clients=1, between=0))
    assert found.violation is not None
    assert found.violation.reason == GONE.format('A1')


def test_nothing_is_found_in_the_same_store_without_a_bug() -> None:
    """Late requests, overtaken ones and instants between expiries are judged as they should be."""
    found = explore(right)

    assert found.violation is None, found
    assert found.complete
