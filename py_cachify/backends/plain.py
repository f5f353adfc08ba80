"""Backends for any client that keeps the plain contract of :mod:`py_cachify.clients`.

Each slot is one name in the store.
"""

import inspect
from typing import Any, ClassVar

from py_cachify.backends._loops import another_loop, belongs_to_another_loop
from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.clients import AsyncClient, SyncClient
from py_cachify.commands import Command, DeleteName, GetValue, SetIfAbsent
from py_cachify.protocols import INDEXED, SlotProtocol


class PlainBackend(Backend):
    """Performs commands on a synchronous client."""

    protocol: ClassVar[SlotProtocol] = INDEXED

    def __init__(self, client: SyncClient) -> None:
        self._client = client

    def perform(self, command: Command[Any]) -> Any:
        match command:
            case SetIfAbsent(name, value, ex):
                return _truth(self._client.set(name, value, ex=ex, nx=True))
            case GetValue(name):
                return _text(self._client.get(name))
            case DeleteName(name):
                self._client.delete(name)
                return None
            case _:
                raise TypeError(f'the plain backend cannot perform {command!r}')


class AsyncPlainBackend(AsyncBackend):
    """Performs commands on an asynchronous client."""

    protocol: ClassVar[SlotProtocol] = INDEXED

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def aperform(self, command: Command[Any]) -> Any:
        try:
            match command:
                case SetIfAbsent(name, value, ex):
                    return bool(await self._client.set(name, value, ex=ex, nx=True))
                case GetValue(name):
                    return _text(await self._client.get(name))
                case DeleteName(name):
                    await self._client.delete(name)
                    return None
                case _:
                    raise TypeError(f'the plain backend cannot perform {command!r}')
        except RuntimeError as error:
            if belongs_to_another_loop(error):
                # Not sent again as with scripts, because a second `set` could take a second name.
                raise another_loop(self._client) from error
            raise


def _truth(answer: Any) -> bool:
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        raise TypeError('sync_client returned an awaitable: pass this client as async_client')
    return bool(answer)


def _text(value: Any) -> str | None:
    """Return a value as text: a client may return bytes; anything else is no holder's token."""
    if value is None or isinstance(value, str):
        return value
    return value.decode(errors='replace') if isinstance(value, bytes) else repr(value)
