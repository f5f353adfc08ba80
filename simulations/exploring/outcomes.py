"""Ask a world for the outcome of a command in a given state of the store.

The outcome depends only on the state and the command, so it is remembered: most schedules differ in
what the clients know, and few in what the store does. To check this, the world carries out each
command the first and the second time that its outcome is needed.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from py_cachify.commands import Command
from simulations.exploring.clients import short
from simulations.exploring.worlds import Snapshot, World
from simulations.judging.queues import Standing


SOME_INSTANT = 1000.3125
"""A fraction, so that a store that cuts instants to whole seconds ends slots too early.

It is a sum of powers of two, so instants from there on are exact.
"""


class DifferentOutcomeError(Exception):
    """A command had another outcome the second time, in the same state."""


class Outcome(NamedTuple):
    """The outcome of a command.

    Attributes:
        answer: the answer.
        after: the store after it.
        named: the tickets of the asking process that got a slot by it.
    """

    answer: Any
    after: Snapshot
    named: tuple[str, ...] = ()


class _Known:
    """An outcome, and whether the world has confirmed it."""

    __slots__ = ('confirmed', 'outcome')

    def __init__(self, outcome: 'Outcome') -> None:
        self.outcome = outcome
        self.confirmed = False


class Outcomes:
    """The outcomes of commands in one world.

    Args:
        world: the world.
        nothing: the snapshot of the empty store.

    Attributes:
        shows_time: whether an answer can depend on the absolute time.
        start: the first instant.
    """

    def __init__(self, world: World, nothing: Snapshot) -> None:
        self._world = world
        self._nothing = nothing
        self.shows_time: bool = getattr(world, 'shows_time', True)
        self.start = 0.0 if self.shows_time else SOME_INSTANT
        self._known: dict[tuple[Any, ...], _Known] = {}
        self._standings: dict[Snapshot, Standing] = {}
        self._later: dict[tuple[Snapshot, float, float], Snapshot] = {}
        # What the world contains at present, and at which instant.
        self._there: tuple[Snapshot, float] | None = None
        self.clear()

    def clear(self) -> None:
        """Empty the store: a server may contain slots of another exploration."""
        self._there = None
        self._world.restore(self._nothing)

    def ask(self, store: Snapshot, now: float, command: Command[Any], offset: float, anew: bool) -> Outcome:
        """Return the outcome of a command.

        Args:
            store: the state of the store.
            now: the instant.
            command: the command.
            offset: the seconds by which the client's own clock is ahead.
            anew: ask the world whatever is known, and return its answer.

        Raises:
            DifferentOutcomeError: the second outcome is not the first one.
        """
        key = (store, now, command, offset)
        try:
            known = self._known.get(key)
        except TypeError:
            # A command that cannot be hashed is asked each time.
            return self._carry_out(store, now, command, offset)
        if anew:
            return self._carry_out(store, now, command, offset)
        if known is None:
            known = self._known[key] = _Known(self._carry_out(store, now, command, offset))
        elif not known.confirmed:
            outcome, first = self._carry_out(store, now, command, offset), known.outcome
            if outcome.answer != first.answer:
                raise DifferentOutcomeError(
                    f'the store answered {first.answer!r} to {command} the first time and {outcome.answer!r} the second'
                )
            if outcome.after != first.after:
                raise DifferentOutcomeError(f'{command} left another state of the store the second time')
            if outcome.named != first.named:
                raise DifferentOutcomeError(f'{command} gave slots to other tickets the second time')
            known.confirmed = True
        return known.outcome

    def _carry_out(self, store: Snapshot, now: float, command: Command[Any], offset: float) -> Outcome:
        world = self._world_at(store, now)
        answer = world.perform(command, offset)
        return Outcome(answer, self._look(), getattr(world, 'named', ()))

    @property
    def can_block(self) -> bool:
        """Whether a client can wait within a command."""
        return hasattr(self._world, 'blocked')

    def blocked(self, command: Command[Any] | None, store: Snapshot) -> bool | None:
        """Return whether a command must wait in this state; ``None`` if it never waits."""
        world: Any = self._world
        blocked: bool | None = None if command is None else world.blocked(command, store)
        return blocked

    def places(self, store: Snapshot) -> list[float]:
        """Return the places in the queue, relative to the present."""
        world: Any = self._world
        return list(world.places(store))

    def with_places(self, store: Snapshot, new: Mapping[float, float]) -> Snapshot:
        """Return the store with other places in the queue."""
        world: Any = self._world
        after: Snapshot = world.with_places(store, new)
        return after

    def standing(self, store: Snapshot) -> Standing:
        """Return who has a slot and who waits."""
        if (known := self._standings.get(store)) is None:
            world: Any = self._world
            slots, claims, queue = world.standing(store)
            known = self._standings[store] = Standing(
                {short(token): left for token, left in slots.items()},
                {short(token): left for token, left in claims.items()},
                frozenset(short(ticket) for ticket in queue),
            )
        return known

    def after(self, store: Snapshot, now: float, seconds: float) -> Snapshot:
        """Return the store after some time."""
        key = (store, now, seconds)
        if (known := self._later.get(key)) is None:
            self._world_at(store, now).now = now + seconds
            known = self._later[key] = self._look()
        return known

    def _world_at(self, store: Snapshot, now: float) -> World:
        # Usually this is the state that was just reached, and the store is already in it.
        there, self._there = self._there, None
        if there is None or there[0] is not store or there[1] != now:
            self._world.now = now
            self._world.restore(store)
        return self._world

    def next_expiry(self, store: Snapshot) -> float | None:
        """Return the seconds until something in the store expires."""
        return self._world.next_expiry(store)

    def _look(self) -> Snapshot:
        store = self._world.snapshot()
        self._there = (store, self._world.now)
        return store
