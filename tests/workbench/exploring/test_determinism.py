"""A schedule with another outcome the second time is a failure itself, whatever it showed."""

import itertools
import random
from typing import Any

import pytest

from py_cachify.backends.memory import MemoryBackend
from py_cachify.commands import Command, Steps, TakeSlot
from py_cachify.protocols import ATOMIC, Lease
from simulations.exploring import Move, Schedule, Scope, explore, replay_schedule, subject
from simulations.exploring.following import Made, Trail, difference, follow_moves
from simulations.exploring.states import Machine
from simulations.exploring.worlds import MemoryWorld


SMALL = Scope(clients=2, max_size=1, faults=1)


class _Drifting(MemoryWorld):
    """A store that wrongly refuses each n-th acquire; its counter is in no snapshot."""

    def __init__(self, every: int) -> None:
        super().__init__(MemoryBackend)
        self._every = every
        self._count = itertools.count(1)

    def perform(self, command: Command[Any], offset: float) -> Any:
        answer = super().perform(command, offset)
        return False if isinstance(command, TakeSlot) and next(self._count) % self._every == 0 else answer


def _undecided() -> Any:
    """Return the atomic protocol with a token that it draws anew each time."""
    stream = random.Random(1)

    def acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
        own = f'{token}-{stream.random()}'
        granted = yield from TakeSlot(key, own, max_size, slot_exp)
        return Lease(key, own) if granted else None

    return ATOMIC._replace(acquire=acquire)


@pytest.mark.parametrize('every', [3, 7, 13])
@pytest.mark.parametrize('schedules', [None, 200])
def test_a_store_that_decides_by_what_is_in_no_state_is_found_out(schedules: int | None, every: int) -> None:
    """Both searches catch it, and do not report the promise that it seems to break."""
    found = explore(subject('memory'), SMALL, schedules=schedules, world=_Drifting(every))

    assert found.violation is not None
    assert found.violation.reason.startswith('not deterministic: ')
    assert len(found.violation.story) == len(found.violation.schedule.moves)


@pytest.mark.parametrize('schedules', [None, 200])
def test_a_protocol_that_draws_its_tokens_is_found_out(schedules: int | None) -> None:
    """No promise is broken: only the token differs, in the samples that are made twice."""
    undecided = subject('memory')._replace(protocol=_undecided())
    found = explore(undecided, SMALL._replace(faults=0), schedules=schedules)

    assert found.violation is not None
    assert found.violation.reason.startswith('not deterministic: move 1 came out as "Client ')


def test_a_schedule_that_cannot_be_made_twice_is_found_out() -> None:
    """The client has already finished when the move is made the second time."""
    machine = Machine(subject('memory'), Scope(clients=1, max_size=1, faults=0))
    trail = follow_moves(machine, [Move('step', 0), Move('step', 0)])
    assert difference(machine, trail) is None
    longer = Trail((*trail.made, Made(Move('step', 0), trail.made[-1].happened, trail.made[-1].state)), None)

    found = difference(machine, longer)
    assert found is not None
    assert found.moves == 3
    assert found.reason == ('not deterministic: move 3 cannot be made the second time: client 0 has finished')


def test_another_state_is_found_out_although_the_client_is_told_the_same() -> None:
    """The reason names the part that differs; a different end is reported as well."""
    machine = Machine(subject('memory'), Scope(clients=1, max_size=1, faults=0))
    trail = follow_moves(machine, [Move('step', 0), Move('step', 0)])
    [first, last] = trail.made
    other = Trail((first._replace(state=first.state._replace(store=((), (('x', 'y', 1.0),)))), last), None)

    found = difference(machine, other)
    assert found is not None
    assert found.reason == 'not deterministic: move 1 looked the same but left another state the second time (store)'
    found = difference(machine, trail._replace(wrong='it burns'))
    assert found is not None
    assert found.reason == (
        'not deterministic: after the last move, "it burns" the first time and "nothing goes wrong" the second'
    )


def test_a_replay_is_made_twice_as_well() -> None:
    """A saved schedule is therefore evidence on any store."""
    schedule = Schedule('memory', 2, 1, 10, 1, (Move('step', 0), Move('step', 0), Move('step', 1)))
    assert replay_schedule(schedule) is None
    failure = replay_schedule(schedule, _Drifting(3))

    assert failure is not None
    assert failure.reason.startswith('not deterministic: move 1 came out as')


@pytest.mark.parametrize(
    ('name', 'scope'),
    [('memory', SMALL), ('nx', SMALL._replace(pauses=False)), ('check-then-add', None), ('short-lock', None)],
)
def test_nothing_of_the_kind_is_found_in_what_is_deterministic(name: str, scope: Scope | None) -> None:
    """This holds whatever else goes wrong.

    Other tests show that the shipped protocols pass in larger scopes.
    """
    for schedules in (None, 150):
        violation = explore(subject(name), scope, schedules=schedules, seed=2).violation
        assert violation is None or 'not deterministic' not in violation.reason
