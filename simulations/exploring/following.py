"""Make a schedule happen, repeat and compare it, and shorten one that goes wrong.

The states of a schedule contain everything that decides how it continues, so it has the same
outcome each time. A schedule that does not is reported as a failure itself, because it would be no
evidence of anything.
"""

from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

from simulations.exploring.moves import Move
from simulations.exploring.narrative import sentence
from simulations.exploring.states import Happened, ImpossibleMoveError, Machine, State


class Made(NamedTuple):
    """One move: its outcome, and the state that it led to."""

    move: Move
    happened: Happened
    state: State


class Trail(NamedTuple):
    """A schedule that was made to happen, and what goes wrong in it, if anything."""

    made: tuple[Made, ...]
    wrong: str | None

    @property
    def moves(self) -> tuple[Move, ...]:
        """The moves."""
        return tuple(each.move for each in self.made)

    @property
    def story(self) -> tuple[Happened, ...]:
        """The outcome of each move."""
        return tuple(each.happened for each in self.made)


class Difference(NamedTuple):
    """Where a repeated schedule differs: after how many moves, and how, in a sentence."""

    moves: int
    reason: str


def follow_moves(machine: Machine, moves: Iterable[Move], strict: bool = True) -> Trail:
    """Make these moves, up to the point where the schedule goes wrong.

    Moves that cannot be made are left out, or raise ``ValueError`` if ``strict``.
    """
    made: list[Made] = []
    state = machine.start()
    for move in moves:
        try:
            state, happened, wrong = machine.make(state, move, anew=True)
        except ImpossibleMoveError as error:
            if strict:
                raise ValueError(f'move {len(made) + 1}, {move.do}, cannot be made: {error}') from None
            continue
        made.append(Made(move, happened, state))
        if wrong:
            return Trail(tuple(made), wrong)
    return Trail(tuple(made), _end(machine, state))


def _end(machine: Machine, state: State) -> str | None:
    """Return what is wrong after the last move, if anything."""
    return machine.left_behind(state, anew=True) if state.over else machine.hangs(state, anew=True)


def difference(machine: Machine, trail: Trail) -> Difference | None:
    """Repeat a trail and return the first move with a different outcome, if there is one."""
    state, wrong = machine.start(), None
    for number, (move, before, then) in enumerate(trail.made, 1):
        try:
            state, happened, wrong = machine.make(state, move, anew=True)
        except ImpossibleMoveError as error:
            return Difference(number, f'not deterministic: move {number} cannot be made the second time: {error}')
        if (how := differs((then, before), (state, happened))) is not None:
            return Difference(number, f'not deterministic: move {number} {how}')
    if not wrong:
        wrong = _end(machine, state)
    if wrong != trail.wrong:
        end = f'"{trail.wrong or "nothing goes wrong"}" the first time and "{wrong or "nothing goes wrong"}" the second'
        return Difference(len(trail.made), f'not deterministic: after the last move, {end}')
    return None


def differs(first: tuple[State, Happened], second: tuple[State, Happened]) -> str | None:
    """Return how two outcomes of one move differ; ``None`` if they agree."""
    if first[1] != second[1]:
        return f'came out as "{sentence(first[1])}" the first time and as "{sentence(second[1])}" the second'
    if first[0] != second[0]:
        parts = [name for name in State._fields if getattr(first[0], name) != getattr(second[0], name)]
        return f'looked the same but left another state the second time ({", ".join(parts)})'
    return None


def shrink(machine: Machine, trail: Trail) -> Trail:
    """Remove what a failing schedule does not need, until no one or two moves can be left out."""
    while (shorter := _shorter(machine, trail)) is not None:
        trail = shorter
    return trail


def _shorter(machine: Machine, trail: Trail) -> Trail | None:
    moves = trail.moves
    places = range(len(moves))
    # A lock and its removal, or a late request and its arrival, can only be left out together.
    for left_out in (*((place,) for place in places), *combinations(places, 2)):
        kept = [move for place, move in enumerate(moves) if place not in left_out]
        shorter = follow_moves(machine, kept, strict=False)
        if shorter.wrong and len(shorter.made) < len(moves):
            return shorter
    return None
