"""Clients that wait: the shipped queue keeps its promises, and the explorer sees a broken one."""

import pytest

from simulations.exploring import Move, Schedule, explore, replay_schedule, subject
from simulations.exploring.moves import CRASH, LATE, LOSE_REPLY, STEP, TIME_OUT, WAIT
from simulations.exploring.subjects import WAITING


SMALL = [
    ('redis-wait', {'clients': 3, 'faults': 0}),
    ('redis-wait', {'clients': 2}),
    ('redis-wait', {'clients': 2, 'slot_exp': None}),
    ('redis-wait', {'max_size': 2, 'kinds': (CRASH,)}),
    ('redis-wait-together', {'clients': 3, 'faults': 0}),
    ('redis-wait-together', {'clients': 2}),
    ('redis-wait-mixed', {'faults': 0}),
    ('redis-wait-sizes', {'faults': 0}),
    ('redis-wait-bounded', {}),
    ('memory-wait', {'faults': 1}),
]


@pytest.mark.parametrize(('name', 'scope'), SMALL)
def test_nothing_goes_wrong_while_clients_wait(name: str, scope: dict[str, object]) -> None:
    """Each scope is a part of the subject's own, which takes up to a minute."""
    known = subject(name)
    found = explore(known, known.scope._replace(**scope))  # type: ignore[arg-type]  # of any field

    assert found.complete
    assert found.violation is None, str(found)


def test_every_subject_that_waits_is_searched() -> None:
    """The list above leaves out none."""
    assert {name for name, _ in SMALL} == {each.name for each in WAITING}


def test_random_schedules_of_a_longer_queue_keep_every_promise() -> None:
    """Two slots, and up to two waiters."""
    known = subject('redis-wait')
    scope = known.scope._replace(clients=4, max_size=2, faults=2)
    found = explore(known, scope, schedules=100, seed=1)

    assert found.schedules == 100
    assert found.violation is None, str(found)


def test_a_saved_schedule_with_a_wait_is_replayed() -> None:
    """The time of a waiter can be up, and the file says so."""
    moves = (Move(STEP, 0), Move(STEP, 1), Move(TIME_OUT, 1), Move(STEP, 1), Move(STEP, 0))
    schedule = Schedule('redis-wait', 2, 1, 10, 1, moves)

    assert Schedule.from_json(schedule.to_json()) == schedule
    assert replay_schedule(schedule) is None


@pytest.mark.parametrize(
    ('moves', 'why'),
    [
        ((Move(TIME_OUT, 0),), 'does not wait'),
        ((Move(STEP, 0), Move(STEP, 1), Move(STEP, 0), Move(LOSE_REPLY, 1)), 'sends nothing'),
    ],
)
def test_a_move_that_no_waiter_makes_is_refused(moves: tuple[Move, ...], why: str) -> None:
    """A client that was told of its slot does not ask for it."""
    with pytest.raises(ValueError, match=why):
        replay_schedule(Schedule('redis-wait-together', 2, 1, 10, 1, moves))


def test_a_lost_request_does_not_end_a_wait() -> None:
    """The late one changes nothing either."""
    moves = [Move(STEP, 0), Move(STEP, 1), Move(LATE, 1), Move(STEP, 0), Move(STEP, 1), Move(STEP, 1)]

    assert replay_schedule(Schedule('redis-wait', 2, 1, 10, 1, (*moves, Move('arrive', 1), Move(WAIT)))) is None
