"""The connection between a client and its store: lost messages and cancelled tasks."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, TypeVar


R = TypeVar('R')


class Fate(Enum):
    """What happens to a request."""

    ARRIVES = 'it arrives, and so does its reply'
    REQUEST_LOST = 'the store never sees it'
    REPLY_LOST = 'the store carries it out, but the reply is lost'
    CANCELLED_BEFORE = 'the waiting task is cancelled before the store sees it'
    CANCELLED_AFTER = 'the waiting task is cancelled after the store has carried it out'

    def __repr__(self) -> str:
        return self.name


LOSSES = (Fate.REQUEST_LOST, Fate.REPLY_LOST)
CANCELLATIONS = (Fate.CANCELLED_BEFORE, Fate.CANCELLED_AFTER)


class Wire:
    """The connection that each request passes through.

    Attributes:
        fates: what happens to the next requests; all later ones arrive.
        met: what happened so far, each with the method that was called.
        victim: the task that a planned cancellation cancels.
    """

    def __init__(self) -> None:
        self.victim: asyncio.Task[Any] | None = None
        self.plan([])

    def plan(self, fates: list[Fate]) -> None:
        """Decide what happens to the next requests."""
        self.fates = list(fates)
        self.met: list[tuple[str, Fate]] = []

    def lost(self) -> list[tuple[str, Fate]]:
        """Return the requests and replies that were lost, each with its method."""
        return [(method, fate) for method, fate in self.met if fate in LOSSES]

    def performed_unheard(self) -> bool:
        """Return whether the store carried out a change but its reply was lost."""
        return any(method != 'get' and fate is Fate.REPLY_LOST for method, fate in self.met)

    def was_cancelled(self) -> bool:
        """Return whether a planned cancellation took place."""
        return any(fate in CANCELLATIONS for _, fate in self.met)

    def send(self, method: str, request: Callable[[], R]) -> R:
        """Pass on a request from a thread."""
        fate = self._next(method)
        if fate is Fate.REQUEST_LOST:
            raise ConnectionError(fate.value)
        reply = self._answer(fate, request)
        if fate is Fate.REPLY_LOST:
            raise ConnectionError(fate.value)
        return reply

    async def asend(self, method: str, request: Callable[[], Awaitable[R]]) -> R:
        """Pass on a request from a task."""
        fate = self._next(method)
        # As on every network, other tasks run meanwhile.
        await asyncio.sleep(0)
        if fate is Fate.CANCELLED_BEFORE:
            await self._cancel()
        if fate is Fate.REQUEST_LOST:
            raise ConnectionError(fate.value)
        try:
            reply = await request()
        except Exception:
            self._not_met(fate)
            raise
        if fate is Fate.CANCELLED_AFTER:
            await self._cancel()
        if fate is Fate.REPLY_LOST:
            raise ConnectionError(fate.value)
        return reply

    def _next(self, method: str) -> Fate:
        fate = self.fates.pop(0) if self.fates else Fate.ARRIVES
        self.met.append((method, fate))
        return fate

    def _answer(self, fate: Fate, request: Callable[[], R]) -> R:
        try:
            return request()
        except Exception:
            self._not_met(fate)
            raise

    def _not_met(self, fate: Fate) -> None:
        # The server does not know the script. The client sends the request in another form, and
        # only that one counts.
        if fate is not Fate.CANCELLED_BEFORE:
            self.met.pop()
            self.fates.insert(0, fate)

    async def _cancel(self) -> None:
        """Cancel the waiting task from outside, one turn before its wait would end."""
        loop = asyncio.get_running_loop()
        reply = loop.create_future()
        assert self.victim is not None
        loop.call_soon(self.victim.cancel)
        loop.call_soon(_end, reply)
        await reply


def _end(reply: 'asyncio.Future[None]') -> None:
    if not reply.done():
        reply.set_result(None)


class ScriptedWire:
    """A client of a server that runs scripts, for threads."""

    def __init__(self, client: Any, wire: Wire) -> None:
        self._client = client
        self._wire = wire

    def eval(self, *arguments: Any) -> Any:
        return self._wire.send('eval', lambda: self._client.eval(*arguments))

    def evalsha(self, *arguments: Any) -> Any:
        return self._wire.send('evalsha', lambda: self._client.evalsha(*arguments))


class AsyncScriptedWire:
    """A client of a server that runs scripts, for tasks."""

    def __init__(self, client: Any, wire: Wire) -> None:
        self._client = client
        self._wire = wire

    async def eval(self, *arguments: Any) -> Any:
        return await self._wire.asend('eval', lambda: self._client.eval(*arguments))

    async def evalsha(self, *arguments: Any) -> Any:
        return await self._wire.asend('evalsha', lambda: self._client.evalsha(*arguments))


class PlainWire:
    """A client of a store that keeps the plain contract, for threads."""

    def __init__(self, client: Any, wire: Wire) -> None:
        self._client = client
        self._wire = wire

    def get(self, name: str) -> Any:
        return self._wire.send('get', lambda: self._client.get(name))

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> Any:
        return self._wire.send('set', lambda: self._client.set(name, value, ex=ex, nx=nx))

    def delete(self, *names: str) -> Any:
        return self._wire.send('delete', lambda: self._client.delete(*names))


class AsyncPlainWire:
    """A client of a store that keeps the plain contract, for tasks."""

    def __init__(self, client: Any, wire: Wire) -> None:
        self._client = client
        self._wire = wire

    async def get(self, name: str) -> Any:
        return await self._wire.asend('get', lambda: _awaited(self._client.get(name)))

    async def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> Any:
        return await self._wire.asend('set', lambda: _awaited(self._client.set(name, value, ex=ex, nx=nx)))

    async def delete(self, *names: str) -> Any:
        return await self._wire.asend('delete', lambda: _awaited(self._client.delete(*names)))


async def _awaited(reply: Any) -> Any:
    return reply
