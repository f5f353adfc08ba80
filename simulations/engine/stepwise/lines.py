"""Follow the queues of a run from outside, and judge who gets a slot."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import simpy

from py_cachify.commands import Command, Queued, Refusal
from simulations.engine.stepwise.ledger import Pool
from simulations.judging.line import CROWDED, Asked, Line
from simulations.judging.queues import NO, QUEUED, YES
from simulations.judging.violation import Violation


class Lines:
    """The queues of a run.

    Args:
        env: virtual time.
        clock: the store's clock.
        max_size: the number of slots of each pool.
        max_waiting: how many may wait already when one more is queued; ``None`` for any number.
        free_limit: for how many seconds a slot may be free beside somebody who waits.
        violations: the list to which violations are added.
    """

    def __init__(
        self,
        env: simpy.Environment,
        clock: Callable[[], float],
        max_size: int,
        max_waiting: int | None,
        free_limit: float,
        violations: list[Violation],
    ) -> None:
        self._env = env
        self._clock = clock
        self._max_size = max_size
        self._max_waiting = max_waiting
        self._free_limit = free_limit
        self._violations = violations
        self._lines: dict[str, Line] = {}

    def after(self, pool: Pool, command: Command[Any], reply: Any, new: Sequence[str]) -> None:
        """Judge a command that the store has carried out.

        Args:
            pool: the pool, as it is now.
            command: the command.
            reply: the reply to it.
            new: the tokens of the slots that it gave.
        """
        token = getattr(command, 'token', None)
        if token is None:
            return
        line = self._lines.get(pool.key)
        if line is None:
            line = self._lines[pool.key] = Line(self._max_size, self._max_waiting, self._free_limit)
        now = self._env.now
        asked = Asked(type(command).__name__, token, _answer(reply), reply.place if isinstance(reply, Queued) else 0.0)
        where = f' (pool {pool.key!r})' if pool.key else ''
        free_since = None if line.is_empty else self._free_since(pool, now)
        for rule, words in line.after(now, asked, pool.slots, new, reading=self._clock(), free_since=free_since):
            self._violations.append(Violation(rule, now, words + where))

    def _free_since(self, pool: Pool, now: float) -> float | None:
        """Return since when a slot has been free, apart from what happens now."""
        since = None
        for instant, level in reversed(pool.levels):
            if instant < now and level >= self._max_size:
                break
            since = instant
        return None if since is None or since >= now else since

    def forget(self) -> None:
        """Note that the store has lost writes, and all queues with them."""
        for line in self._lines.values():
            line.forget()

    def clock_jumped(self) -> None:
        """Note that the store's clock has jumped."""
        for line in self._lines.values():
            line.clock_jumped()

    def levels(self) -> Mapping[str, Sequence[tuple[float, int]]]:
        """Return for each pool how many waited, from which instant on."""
        return {key: line.levels for key, line in self._lines.items()}


def _answer(reply: Any) -> str:
    if isinstance(reply, Queued):
        return QUEUED
    if reply is Refusal.CROWDED:
        return CROWDED
    return YES if reply else NO
