"""A worker: the process that jobs run in, and its way to the server."""

import math
import random
from collections.abc import Callable, Generator
from typing import Any

import simpy

from py_cachify.commands import Command
from simulations.engine.stepwise.ledger import Pool
from simulations.engine.stepwise.server import Gone, Server
from simulations.engine.timers import After
from simulations.faults.connection import LostConnectionError
from simulations.faults.network import Network


Waiting = Generator[simpy.Event, Any, Any]
"""Part of a process of SimPy."""


class Request:
    """A command on its way.

    Attributes:
        answered: happens when the reply has arrived.
        reply: what it says.
        gone: whether it says that there is no server.
        on_the_way: whether the server may yet carry it out.
        landed: called when that is over.
        carried_out: when the server answered it.
    """

    __slots__ = ('answered', 'carried_out', 'gone', 'landed', 'on_the_way', 'reply')

    def __init__(self, env: simpy.Environment) -> None:
        self.answered = env.event()
        self.reply: Any = None
        self.gone = False
        self.on_the_way = False
        self.carried_out = math.inf
        self.landed: Callable[[], None] = _nothing


class Worker:
    """One worker.

    Args:
        number: from 0.
        env: virtual time.
        network: between it and the server.
        server: whom it asks.
        seed: of the run: each worker draws latencies and losses from a stream of its own.

    Attributes:
        jobs: the processes of SimPy that run in it.
        ahead: seconds by which its own clock is ahead.
        cut: how many faults keep everything from passing between it and the server.
        slower: seconds that each leg takes longer.
        lost_requests, lost_replies: the shares of each that do not arrive, by each fault.
        on_the_way: requests that may yet reach the server.
    """

    def __init__(self, number: int, env: simpy.Environment, network: Network, server: Server, seed: int) -> None:
        self.number = number
        self._env = env
        self._network = network
        self._server = server
        self._legs = random.Random(f'{seed} network {number}')
        self.jobs: dict[simpy.Process, None] = {}
        self.ahead = 0.0
        self.cut = 0
        self.slower = 0.0
        self.lost_requests: list[float] = []
        self.lost_replies: list[float] = []
        self.on_the_way = 0
        self._dead = 0
        self._paused = 0
        self._goes_on = env.event()

    @property
    def alive(self) -> bool:
        """Whether jobs can run in it."""
        return not self._dead

    def die(self) -> None:
        """It is gone with all that runs in it."""
        self._dead += 1
        for job in list(self.jobs):
            job.interrupt()

    def come_back(self) -> None:
        """Another process takes its place."""
        self._dead -= 1

    def pause(self) -> None:
        """It stands still."""
        if not self._paused:
            self._goes_on = self._env.event()
        self._paused += 1

    def go_on(self) -> None:
        """It goes on."""
        self._paused -= 1
        if not self._paused:
            self._goes_on.succeed()

    def awake(self) -> Waiting:
        """Wait until it does not stand still."""
        while self._paused:
            yield self._goes_on

    def ask(self, command: Command[Any], pool: Pool, requests: list[Request]) -> Waiting:
        """Send a command and wait for the reply, which is the result; every request sent is added to ``requests``.

        Raises:
            LostConnectionError: none came, however often the driver asked.
        """
        network = self._network
        for attempt in range(network.retries + 1):
            if attempt and network.pause:
                yield self._env.timeout(network.pause)
                yield from self.awake()
            request = Request(self._env)
            requests.append(request)
            self._send(command, pool, request)
            if not request.answered.triggered:
                yield request.answered | self._env.timeout(network.timeout)
                yield from self.awake()
            if request.answered.triggered and not request.gone:
                return request.reply
        raise LostConnectionError('connection lost')

    def _send(self, command: Command[Any], pool: Pool, request: Request) -> None:
        law, legs = self._network.law, self._legs
        # Always four draws: a fault does not shift what befalls the others.
        there, back, share_there, share_back = law.draw(legs), law.draw(legs), legs.random(), legs.random()

        def arrive(_: Any = None) -> None:
            self._server.receive(command, pool, self._env.now + self.ahead, reply)

        def reply(answer: Any) -> None:
            request.on_the_way = False
            request.carried_out = self._env.now
            request.landed()
            if self.cut or share_back < lost(self.lost_replies):
                return
            self._after(back + self.slower, lambda _=None: deliver(answer))

        def deliver(answer: Any) -> None:
            request.gone = isinstance(answer, Gone)
            request.reply = answer
            request.answered.succeed()

        if self.cut or share_there < lost(self.lost_requests):
            return
        request.on_the_way = True
        self._after(there + self.slower, arrive)

    def _after(self, delay: float, do: Any) -> None:
        """Do it after so many seconds; at once where these are none."""
        if not delay:
            do()
            return
        self.on_the_way += 1

        def done(_: Any) -> None:
            self.on_the_way -= 1
            do()

        After(self._env, delay, done)


def _nothing() -> None:
    """Do nothing."""


def lost(shares: list[float]) -> float:
    """The share that some independent faults lose together."""
    return 1 - math.prod(1 - share for share in shares)
