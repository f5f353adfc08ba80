"""Let a job wait for its turn in the queue, in virtual time.

It makes the library's decisions (``py_cachify/pauses.py``): when a waiter asks again, and when its
time is up.  What it hears from others only saves time:

* A request of its own worker gave it a slot; the reply says so.
* A request of another worker keeps a slot for it for a short time, and a message says so.  A
  message travels like a reply: it takes time, and may be lost.
* The server is back after it was down, so messages may have been lost: it asks.

A worker hears messages from its start, and its clock is one that never jumps.
"""

import math
import random
from collections.abc import Callable, Generator
from typing import Any

import simpy

from py_cachify.commands import AwaitTurn, Turn
from py_cachify.pauses import Pauses


class Waiter:
    """The wait of one attempt to get a slot.

    Args:
        env: virtual time.
        wait: for how many seconds it waits at most; ``None`` for any time.
        stream: the random stream from which its pauses are drawn.
        awake: waits until its worker is not suspended.
        queued: called once, when it learns that it is in the queue.

    Attributes:
        is_queued: whether it knows that it is in the queue.
        granted_at: an instant before it was given a slot, once it was told so.
    """

    def __init__(
        self,
        env: simpy.Environment,
        wait: float | None,
        stream: random.Random,
        awake: Callable[[], Generator[simpy.Event, Any, Any]],
        queued: Callable[[], None],
    ) -> None:
        self._env = env
        self._reached = -math.inf
        self._pauses = Pauses(wait, self._now, False, _is_told, stream=stream)
        self._awake = awake
        self._queued = queued
        self.is_queued = False
        self._turn: Turn | None = None
        self._told = env.event()
        self.granted_at = env.now

    def _now(self) -> float:
        return max(self._env.now, self._reached)

    def tell(self, turn: Turn, asked: float | None = None) -> None:
        """Let it stop waiting; ``GRANTED`` counts more than any other reason.

        Args:
            turn: the reason.
            asked: with ``GRANTED``, when the request was sent that gave it a slot.
        """
        if self._turn is None or turn is Turn.GRANTED:
            self._turn = turn
        if asked is not None:
            self.granted_at = asked
        if not self._told.triggered:
            self._told.succeed()

    def await_turn(self, turn: AwaitTurn) -> Generator[simpy.Event, Any, Turn]:
        """Wait until there is a reason to ask again, or none to wait any longer; return it."""
        if not self.is_queued:
            self.is_queued = True
            self._queued()
        left = self._pauses.until - self._now()
        pause = self._pauses.after(turn)
        if isinstance(pause, Turn):
            return pause
        if self._turn is None:
            self._told = self._env.event()
            yield self._told if pause is None else self._told | self._env.timeout(pause)
            yield from self._awake()
            if self._turn is None and pause == left:
                # Sums of instants differ in the last digits, and its time is up.
                self._reached = self._pauses.until
        told, self._turn = self._turn, None
        if told is Turn.GRANTED:
            return told
        return Turn.OVER if self._pauses.is_over() else Turn.ASK


def _is_told() -> bool:
    """Return whether messages tell the waiter."""
    return True
