"""Choose how a client's store is used, by the kind of client alone.

The choice is the same in every process and never changes while a program runs: two processes that
counted in two ways would break the pool's promise.
"""

import inspect
from typing import Any, NamedTuple

from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.backends.memory import MemoryBackend, MemoryClient
from py_cachify.backends.plain import AsyncPlainBackend, PlainBackend


MEMORY = 'in memory'
SCRIPTED = 'by scripts, as Redis or Valkey'
PLAIN = 'by one name for each slot, as a plain client'


class Backends(NamedTuple):
    """The two sides of one store; ``None`` where no client was given."""

    sync: Backend | None
    asynchronous: AsyncBackend | MemoryBackend | None


def choose_backends(sync_client: Any, async_client: Any) -> Backends:
    """Look at the clients that were given and refuse what cannot work together.

    Raises:
        TypeError: a client lacks a method, or was given for the wrong side.
        ValueError: the two clients would count the slots of one pool in two ways.
    """
    if sync_client is None and async_client is None:
        sync_client = MemoryClient()
    kinds = {
        name: _kind(name, client)
        for name, client in (('sync_client', sync_client), ('async_client', async_client))
        if client is not None
    }
    if MEMORY in kinds.values():
        return _memory_backends(sync_client, async_client)
    if len(set(kinds.values())) > 1:
        raise ValueError(
            'sync_client and async_client would count the slots of one pool in two ways: '
            + ', '.join(f'{name} {kind}' for name, kind in kinds.items())
            + '. Give two clients of the same kind.'
        )
    _check_side('sync_client', sync_client, wants_async=False)
    _check_side('async_client', async_client, wants_async=True)
    if SCRIPTED in kinds.values():
        # Only now: a program that keeps its pools in memory reads no scripts.
        from py_cachify.backends.redis import AsyncRedisBackend, RedisBackend

        return Backends(
            None if sync_client is None else RedisBackend(sync_client),
            None if async_client is None else AsyncRedisBackend(async_client),
        )
    return Backends(
        None if sync_client is None else PlainBackend(sync_client),
        None if async_client is None else AsyncPlainBackend(async_client),
    )


def _memory_backends(sync_client: Any, async_client: Any) -> Backends:
    given = [client for client in (sync_client, async_client) if client is not None]
    if any(client is not given[0] for client in given):
        raise ValueError(
            f'sync_client and async_client are two separate stores, {sync_client!r} and {async_client!r}:'
            ' give one MemoryClient, it serves both sides'
        )
    backend = MemoryBackend(given[0])
    return Backends(backend, backend)


def _kind(name: str, client: Any) -> str:
    if isinstance(client, type):
        raise TypeError(f'{name} must be a client, not the class {client.__name__}: make an instance of it')
    if isinstance(client, MemoryClient):
        return MEMORY
    if _has(client, 'eval') and _has(client, 'evalsha'):
        return SCRIPTED
    missing = [method for method in ('get', 'set', 'delete') if not _has(client, method)]
    if missing:
        raise TypeError(
            f'{name} must have the methods get, set and delete; {_kind_of(client)} has no {" and no ".join(missing)}'
        )
    return PLAIN


def _kind_of(client: Any) -> str:
    """Its class, as the text of a client itself can be a page."""
    return f'a {type(client).__module__}.{type(client).__qualname__}'


def _has(client: Any, method: str) -> bool:
    return callable(getattr(client, method, None))


def _check_side(name: str, client: Any, *, wants_async: bool) -> None:
    if client is None:
        return
    # What redis-py and its relatives await at the bottom; their commands are plain functions on both sides.
    method = next(getattr(client, at) for at in ('execute_command', 'evalsha', 'get') if _has(client, at))
    is_async = inspect.iscoroutinefunction(method) or _promises_an_awaitable(method)
    if is_async and not wants_async:
        raise TypeError(
            f'{name} must be a synchronous client, {_kind_of(client)} is asynchronous: pass it as async_client'
        )
    # An object that can be called, a mock for one, does not show what it returns.
    if not is_async and wants_async and inspect.isfunction(inspect.unwrap(getattr(method, '__func__', method))):
        raise TypeError(
            f'{name} must be an asynchronous client, {_kind_of(client)} is synchronous: pass it as sync_client'
            ' (or declare its methods with async def, or as returning an Awaitable)'
        )


def _promises_an_awaitable(method: Any) -> bool:
    returned = str(getattr(method, '__annotations__', {}).get('return', ''))
    return any(kind in returned for kind in ('Awaitable', 'Coroutine', 'Future'))
