"""Choose how a client's store is used, by the kind of client alone.

The choice is the same in every process and never changes while a program runs: two processes that
counted in two ways would break the pool's promise.
"""

import inspect
from typing import Any, NamedTuple

from py_cachify._signatures import annotated_result, signature_of
from py_cachify.arguments import is_a, kind_of, shown
from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.backends.memory import MemoryBackend, MemoryClient
from py_cachify.backends.plain import AsyncPlainBackend, PlainBackend


MEMORY = 'in memory'
SCRIPTED = 'by scripts, as Redis or Valkey'
PLAIN = 'by one name for each slot, as a plain client'

PLAIN_CALLS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    'get': (('name',), {}),
    'set': (('name', 'value'), {'ex': 1, 'nx': True}),
    'delete': (('name',), {}),
}
"""How the methods of the plain contract are called."""


class Backends(NamedTuple):
    """The two sides of one store; ``None`` where no client was given."""

    sync: Backend | None
    asynchronous: AsyncBackend | MemoryBackend | None


def choose_backends(sync_client: Any, async_client: Any) -> Backends:
    """Look at the clients that were given and refuse what cannot work together.

    Raises:
        TypeError: a client lacks a method, has one that cannot be called as it will be, or was given for
            the wrong side.
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
            f'sync_client and async_client are two separate stores, {shown(sync_client)} and {shown(async_client)}:'
            ' give one MemoryClient, it serves both sides'
        )
    backend = MemoryBackend(given[0])
    return Backends(backend, backend)


def _kind(name: str, client: Any) -> str:
    if is_a(client, type):
        raise TypeError(f'{name} must be a client, not a class: make an instance of {shown(client)}')
    try:
        # A proxy of one as well, but not what merely says that it is one.
        if isinstance(client, MemoryClient) and callable(getattr(client, 'take_slot', None)):
            return MEMORY
        methods = {method: getattr(client, method, None) for method in ('eval', 'evalsha', *PLAIN_CALLS)}
    except Exception as error:
        # Such as a proxy, of which there is nothing to ask where it was made.
        raise TypeError(f'{name} must be a client; a {kind_of(client)} could not be asked: {shown(error)}') from error
    if callable(methods['eval']) and callable(methods['evalsha']):
        return SCRIPTED
    missing = [method for method in PLAIN_CALLS if not callable(methods[method])]
    if missing:
        raise TypeError(
            f'{name} must have the methods get, set and delete; a {kind_of(client)} has no {" and no ".join(missing)}'
        )
    for method, (arguments, named) in PLAIN_CALLS.items():
        if not _takes(methods[method], arguments, named):
            called = ', '.join([*map(repr, arguments), *(f'{each}={value!r}' for each, value in named.items())])
            raise TypeError(f'{name}.{method} must take ({called}); that of a {kind_of(client)} does not')
    return PLAIN


def _takes(method: Any, arguments: tuple[str, ...], named: dict[str, Any]) -> bool:
    """Whether a method can be called so; whichever does not tell is believed."""
    try:
        signature = signature_of(method)
    except Exception:
        return True
    try:
        signature.bind(*arguments, **named)
    except TypeError:
        return False
    return True


def _check_side(name: str, client: Any, *, wants_async: bool) -> None:
    if client is None:
        return
    is_async = _is_async(client)
    if is_async is True and not wants_async:
        raise TypeError(
            f'{name} must be a synchronous client, a {kind_of(client)} is asynchronous: pass it as async_client'
        )
    if is_async is False and wants_async:
        raise TypeError(
            f'{name} must be an asynchronous client, a {kind_of(client)} is synchronous: pass it as sync_client'
            ' (or declare its methods with async def, or as returning an Awaitable)'
        )


def _is_async(client: Any) -> bool | None:
    """Whether a client has to be awaited; ``None`` where that shows only when it is called."""
    try:
        # What redis-py and its relatives await at the bottom; their commands are plain functions on both sides.
        names = ('execute_command', 'evalsha', 'get')
        method = next(found for name in names if callable(found := getattr(client, name, None)))
        if inspect.iscoroutinefunction(method) or _promises_an_awaitable(method):
            return True
        # An object that can be called, a mock for one, does not show what it returns.
        return False if inspect.isfunction(inspect.unwrap(getattr(method, '__func__', method))) else None
    except Exception:
        return None


def _promises_an_awaitable(method: Any) -> bool:
    result = annotated_result(method)
    return any(kind in result for kind in ('Awaitable', 'Coroutine', 'Future'))
