"""Simulate a worker, the process in which jobs run, and its connection to the server."""

import math
import random
from collections.abc import Callable, Generator, Sequence
from typing import Any

import simpy

from py_cachify.commands import Command, Turn
from simulations.engine.stepwise.ledger import Pool
from simulations.engine.stepwise.server import Gone, Server
from simulations.engine.stepwise.waiter import Waiter
from simulations.engine.timers import After
from simulations.faults.connection import LostConnectionError
from simulations.faults.network import Network


Waiting = Generator[simpy.Event, Any, Any]
"""Part of a SimPy process."""


class Request:
    """A command sent to the server.

    Attributes:
        answered: the event of the arrival of the reply.
        reply: the reply.
        gone: whether the reply says that the server is down.
        on_the_way: whether the server may still carry the command out.
        landed: called once it no longer may.
        sent: the instant at which it was sent.
        carried_out: the instant at which the server answered.
        given_up: whether the worker no longer waits for the reply.
    """

    __slots__ = ('answered', 'carried_out', 'given_up', 'gone', 'landed', 'on_the_way', 'reply', 'sent')

    def __init__(self, env: simpy.Environment) -> None:
        self.answered = env.event()
        self.reply: Any = None
        self.gone = False
        self.on_the_way = False
        self.sent = env.now
        self.carried_out = math.inf
        self.given_up = False
        self.landed: Callable[[], None] = _nothing


class Worker:
    """A worker of a run.

    Args:
        number: its number, from 0.
        env: virtual time.
        network: the network between the worker and the server.
        server: the server.
        seed: the seed of the run; each worker draws latencies and losses from its own stream.

    Attributes:
        jobs: the SimPy processes that run in it.
        ahead: the seconds by which its clock is ahead.
        cut: the number of faults that currently cut it off from the server.
        slower: the extra seconds of each request and each reply.
        lost_requests, lost_replies, lost_messages: for each current fault, the share that does not
            arrive. Of the messages to waiters, those that are lost like replies do not arrive
            either.
        on_the_way: the number of requests that may still reach the server, and of replies and
            messages that may still reach the worker.
        waiters: the waits of its jobs, by ticket.
    """

    def __init__(self, number: int, env: simpy.Environment, network: Network, server: Server, seed: int) -> None:
        self.number = number
        self._env = env
        self._network = network
        self._server = server
        self._legs = random.Random(f'{seed} network {number}')
        # Their own stream, so that they do not shift the chance of the requests.
        self._messages = random.Random(f'{seed} messages {number}')
        self._lives = 0
        self.waiters: dict[str, Waiter] = {}
        self.jobs: dict[simpy.Process, None] = {}
        self.ahead = 0.0
        self.cut = 0
        self.slower = 0.0
        self.lost_requests: list[float] = []
        self.lost_replies: list[float] = []
        self.lost_messages: list[float] = []
        self.on_the_way = 0
        self._dead = 0
        self._paused = 0
        self._resumed = env.event()

    @property
    def name(self) -> str:
        """The name of its process; one that takes the place of a dead one has another."""
        return f'worker-{self.number}' + (f'-{self._lives}' if self._lives else '')

    @property
    def alive(self) -> bool:
        """Whether jobs can run in it."""
        return not self._dead

    def die(self) -> None:
        """Die with everything that runs in it."""
        self._dead += 1
        self._lives += 1
        self.waiters.clear()
        for job in list(self.jobs):
            job.interrupt()

    def come_back(self) -> None:
        """Let another process take its place."""
        self._dead -= 1

    def pause(self) -> None:
        """Suspend the worker."""
        if not self._paused:
            self._resumed = self._env.event()
        self._paused += 1

    def resume(self) -> None:
        """Resume the worker."""
        self._paused -= 1
        if not self._paused:
            self._resumed.succeed()

    def awake(self) -> Waiting:
        """Wait until the worker is not suspended."""
        while self._paused:
            yield self._resumed

    def ask(self, command: Command[Any], pool: Pool, requests: list[Request]) -> Waiting:
        """Send a command and return its reply; each request sent is added to ``requests``.

        Raises:
            LostConnectionError: no reply came to any of the client library's attempts.
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
            request.given_up = True
        raise LostConnectionError('connection lost')

    def _send(self, command: Command[Any], pool: Pool, request: Request) -> None:
        law, legs = self._network.law, self._legs
        # Always four draws, so that a fault does not shift the other requests' chance.
        there, back, share_there, share_back = law.draw(legs), law.draw(legs), legs.random(), legs.random()

        def arrive(_: Any = None) -> None:
            self._server.receive(command, pool, self._env.now + self.ahead, reply)

        def reply(answer: Any, named: Sequence[str] = ()) -> None:
            request.on_the_way = False
            request.carried_out = self._env.now
            request.landed()
            if self.cut or share_back < lost(self.lost_replies):
                return
            self._after(back + self.slower, lambda _=None: deliver(answer, named))

        def deliver(answer: Any, named: Sequence[str]) -> None:
            for ticket in () if request.given_up else named:
                self._tell(ticket, Turn.GRANTED, request.sent)
            request.gone = isinstance(answer, Gone)
            request.reply = answer
            request.answered.succeed()

        if self.cut or share_there < lost(self.lost_requests):
            return
        request.on_the_way = True
        self._after(there + self.slower, arrive)

    def hear(self, ticket: str) -> None:
        """Receive the message that a ticket may have a slot, unless it is lost."""
        self._receive(lambda: self._tell(ticket, Turn.ASK))

    def hear_again(self) -> None:
        """Listen again to messages, because the server is back: some may have been lost."""

        def ask() -> None:
            for waiter in list(self.waiters.values()):
                if waiter.is_queued:
                    waiter.tell(Turn.ASK)

        self._receive(ask)

    def _receive(self, do: Callable[[], None]) -> None:
        delay, share = self._network.law.draw(self._messages), self._messages.random()
        if not self.cut and share >= lost([*self.lost_replies, *self.lost_messages]):
            self._after(delay + self.slower, lambda _=None: do())

    def _tell(self, ticket: str, turn: Turn, asked: float | None = None) -> None:
        waiter = self.waiters.get(ticket)
        if waiter is not None:
            waiter.tell(turn, asked)

    def _after(self, delay: float, do: Any) -> None:
        """Call ``do`` after ``delay`` seconds, immediately if they are 0."""
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
    """Return the share that several independent faults lose together."""
    return 1 - math.prod(1 - share for share in shares)
