"""Ask a world for the outcome of a command in a given state of the store.

The outcome depends only on the state and the command, so it is remembered: most schedules differ in
what the clients know, and few in what the store does. To check this, the world carries out each
command the first and the second time that its outcome is needed.
"""

from typing import Any

from py_cachify.commands import Command
from simulations.exploring.worlds import Snapshot, World


_SOME_INSTANT = 1000.3125
"""A fraction, so that a store that cuts instants to whole seconds ends slots too early.

It is a sum of powers of two, so instants from there on are exact.
"""


class DifferentOutcomeError(Exception):
    """A command had another outcome the second time, in the same state."""


class _Known:
    """An outcome, and whether the world has confirmed it."""

    __slots__ = ('after', 'answer', 'confirmed')

    def __init__(self, answer: Any, after: Snapshot) -> None:
        self.answer = answer
        self.after = after
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
        self.start = 0.0 if self.shows_time else _SOME_INSTANT
        self._known: dict[tuple[Any, ...], _Known] = {}
        self._later: dict[tuple[Snapshot, float, float], Snapshot] = {}
        # What the world contains at present, and at which instant.
        self._there: tuple[Snapshot, float] | None = None
        self.clear()

    def clear(self) -> None:
        """Empty the store: a server may contain slots of another exploration."""
        self._there = None
        self._world.restore(self._nothing)

    def ask(
        self, store: Snapshot, now: float, command: Command[Any], offset: float, anew: bool
    ) -> tuple[Any, Snapshot]:
        """Return the answer to a command and the store after it.

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
            known = self._known[key] = _Known(*self._carry_out(store, now, command, offset))
        elif not known.confirmed:
            answer, after = self._carry_out(store, now, command, offset)
            if answer != known.answer:
                raise DifferentOutcomeError(
                    f'the store answered {known.answer!r} to {command} the first time and {answer!r} the second'
                )
            if after != known.after:
                raise DifferentOutcomeError(f'{command} left another state of the store the second time')
            known.confirmed = True
        return known.answer, known.after

    def _carry_out(self, store: Snapshot, now: float, command: Command[Any], offset: float) -> tuple[Any, Snapshot]:
        answer = self._world_at(store, now).perform(command, offset)
        return answer, self._look()

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
