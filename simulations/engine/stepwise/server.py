"""The server in virtual time: it carries out commands, stands still, is gone, forgets."""

import math
from collections.abc import Callable
from typing import Any

import simpy

from py_cachify.commands import Command
from simulations.engine.stepwise.ledger import Ledger, Pool
from simulations.judging import Loss
from simulations.stores.contents import Contents, Slots


class Gone:
    """What a client is told whose server is not there."""


GONE = Gone()

Answer = Callable[[Any], None]
Data = dict[str, Slots]
"""The slots of each pool."""


class Server:
    """One server.

    Args:
        env: virtual time.
        contents: the store on it.

    Attributes:
        ahead: seconds by which its clock is ahead of virtual time.
        losses: when it lost writes.
        jumps: (instant, seconds) of each jump of its clock.
        ledger: looks into it after each command.
    """

    ledger: Ledger

    def __init__(self, env: simpy.Environment) -> None:
        self._env = env
        self.ahead = 0.0
        self._down = 0
        self._still = 0
        self._waiting: list[tuple[Command[Any], Pool, float, Answer]] = []
        self.losses: list[Loss] = []
        self.jumps: list[tuple[float, float]] = []

    def open(self, contents: Contents, ledger: Ledger) -> None:
        """Put a store on it."""
        self._contents = contents
        self.ledger = ledger

    @property
    def busy(self) -> bool:
        """Whether it has requests that it has yet to carry out."""
        return bool(self._waiting)

    def clock(self) -> float:
        """The present instant, as it believes."""
        return self._env.now + self.ahead

    def receive(self, command: Command[Any], pool: Pool, own_now: float, answer: Answer) -> None:
        """A request arrives."""
        if self._down:
            answer(GONE)
        elif self._still:
            self._waiting.append((command, pool, own_now, answer))
        else:
            self._carry_out(command, pool, own_now, answer)

    def _carry_out(self, command: Command[Any], pool: Pool, own_now: float, answer: Answer) -> None:
        # Slots that end at this very instant are gone before it.
        self.ledger.observe(pool)
        reply = self._contents.perform(command, own_now)
        self.ledger.observe(pool)
        answer(reply)

    def stand_still(self) -> None:
        """It answers nobody."""
        self._still += 1

    def go_on(self) -> None:
        """It answers those who waited, in order."""
        self._still -= 1
        if not self._still:
            waiting, self._waiting = self._waiting, []
            for request in waiting:
                self._carry_out(*request)

    def go_down(self) -> None:
        """It is gone, with the requests that it had read and not carried out."""
        self._down += 1
        waiting, self._waiting = self._waiting, []
        for *_, answer in waiting:
            answer(GONE)
        self._contents.forget_scripts()

    def come_up(self) -> None:
        """It is back."""
        self._down -= 1

    def loses_writes(self, missing: float) -> None:
        """Take down that the writes of the last ``missing`` seconds are lost, from this instant on."""
        self.losses.append(Loss(self._env.now, missing))

    def data(self, missing: float) -> Data:
        """What was on it so many seconds ago; nothing if they are infinite."""
        instant, pools = self._env.now - missing, self.ledger.pools.values()
        return {pool.key: {} if math.isinf(missing) else self.ledger.held_at(pool, instant) for pool in pools}

    def go_on_with(self, data: Data) -> None:
        """Let this be what is on it."""
        for pool in self.ledger.pools.values():
            self._contents.put(self.ledger.name(pool), data.get(pool.key, {}), self.ledger.max_size)
            self.ledger.observe(pool)

    def jump(self, by: float) -> None:
        """Its clock jumps."""
        self.ahead += by
        self.jumps.append((self._env.now, by))
        self.ledger.clock_jumped()

    def forget_scripts(self) -> None:
        """As ``SCRIPT FLUSH`` does."""
        self._contents.forget_scripts()
