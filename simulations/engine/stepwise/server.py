"""Simulate the server: it carries out commands, pauses, restarts, and loses data."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import simpy

from py_cachify.commands import MAX_GRANTS, Command, ListWaiting, RenewSlots
from simulations.engine.stepwise.ledger import Ledger, Pool
from simulations.engine.stepwise.lines import Lines
from simulations.judging import Loss
from simulations.stores.contents import Contents, Slots


class Gone:
    """The reply of a server that is down."""


GONE = Gone()

Answer = Callable[[Any, Sequence[str]], None]
"""Receives the reply, and the tickets of the asking worker to which the command gave slots."""
Data = dict[str, Slots]
"""The slots of each pool."""


class Server:
    """The server of a run.

    Args:
        env: virtual time.

    Attributes:
        ahead: the seconds by which its clock is ahead of virtual time.
        losses: its losses of writes.
        jumps: the jumps of its clock, as (instant, seconds).
        ledger: inspects the store after each command.
        lines: follows the queues; ``None`` if jobs do not wait.
        post: sends the message that a ticket may have a slot.
        on_return: called when the server is back after it was down.
    """

    ledger: Ledger
    lines: Lines | None = None

    def __init__(self, env: simpy.Environment) -> None:
        self._env = env
        self.ahead = 0.0
        self._down = 0
        self._still = 0
        self._waiting: list[tuple[Command[Any], Pool, float, Answer]] = []
        self.losses: list[Loss] = []
        self.jumps: list[tuple[float, float]] = []
        self.post: Callable[[str], None] = _nobody
        self.on_return: list[Callable[[], None]] = []

    def open(self, contents: Contents, ledger: Ledger) -> None:
        """Connect the server to a store and a ledger."""
        self._contents = contents
        self.ledger = ledger

    @property
    def busy(self) -> bool:
        """Whether requests wait to be carried out."""
        return bool(self._waiting)

    def clock(self) -> float:
        """Return the present instant by the server's own clock."""
        return self._env.now + self.ahead

    def receive(self, command: Command[Any], pool: Pool, own_now: float, answer: Answer) -> None:
        """Carry out a request, or keep it while the server is paused, or reply that it is down."""
        if self._down:
            answer(GONE, ())
        elif self._still:
            self._waiting.append((command, pool, own_now, answer))
        else:
            self._carry_out(command, pool, own_now, answer)

    def _carry_out(self, command: Command[Any], pool: Pool, own_now: float, answer: Answer) -> None:
        # Slots that expire at this very instant are gone before the command runs.
        self.ledger.observe(pool)
        reply = self._contents.perform(command, own_now)
        renewals = command.renewals if isinstance(command, RenewSlots) else ()
        new = self.ledger.observe(pool, [token for token, _ in renewals])
        if self.lines is None:
            answer(reply, ())
            return
        named = self._contents.named
        self.lines.after(pool, command, reply, new)
        self._wake(pool, new, own_now)
        answer(reply, named)

    def _wake(self, pool: Pool, new: Sequence[str], own_now: float) -> None:
        """Send the messages to those who may have got a slot by the last command."""
        for ticket in sorted(pool.claims.intersection(new), key=self.ledger.turn):
            self.post(ticket)
        if len(new) >= MAX_GRANTS and len(pool.slots) < self.ledger.max_size:
            # The rest is left to the next waiter.
            waiting = self._contents.perform(ListWaiting(self.ledger.name(pool)), own_now)
            for ticket in waiting[:1]:
                self.post(ticket)

    def pause(self) -> None:
        """Stop answering."""
        self._still += 1

    def resume(self) -> None:
        """Answer again, first the requests that waited, in order."""
        self._still -= 1
        if not self._still:
            waiting, self._waiting = self._waiting, []
            for request in waiting:
                self._carry_out(*request)

    def go_down(self) -> None:
        """Go down, and drop the requests that were read but not carried out."""
        self._down += 1
        waiting, self._waiting = self._waiting, []
        for *_, answer in waiting:
            answer(GONE, ())
        self._contents.forget_scripts()

    def come_up(self) -> None:
        """Come up again."""
        self._down -= 1
        if not self._down:
            for hear in self.on_return:
                hear()

    def note_loss(self, missing: float) -> None:
        """Record that the writes of the last ``missing`` seconds before now are lost."""
        self.losses.append(Loss(self._env.now, missing))

    def data(self, missing: float) -> Data:
        """Return the data of ``missing`` seconds ago; empty pools if ``missing`` is infinite."""
        instant, pools = self._env.now - missing, self.ledger.pools.values()
        return {pool.key: {} if math.isinf(missing) else self.ledger.held_at(pool, instant) for pool in pools}

    def replace_data(self, data: Data) -> None:
        """Replace the data on the server; who waits returns to the queue by asking again."""
        for pool in self.ledger.pools.values():
            self._contents.put(self.ledger.name(pool), data.get(pool.key, {}), self.ledger.max_size)
            self.ledger.observe(pool)
        if self.lines is not None:
            self.lines.forget()

    def jump(self, by: float) -> None:
        """Make the clock jump ahead by ``by`` seconds, or back if they are negative."""
        self.ahead += by
        self.jumps.append((self._env.now, by))
        self.ledger.clock_jumped()
        if self.lines is not None:
            self.lines.clock_jumped()

    def forget_scripts(self) -> None:
        """Forget the scripts, as ``SCRIPT FLUSH`` does."""
        self._contents.forget_scripts()


def _nobody(_ticket: str) -> None:
    """Send no message."""
