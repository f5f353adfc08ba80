"""Choose the backend for a client, by the kind of client alone.

The choice is the same in every process and never changes while a program runs, because two
processes that count in different ways would break the pool's promise.
"""

import inspect
import re
from typing import Any, NamedTuple

from py_cachify._signatures import annotated_result, signature_of
from py_cachify.arguments import is_a, kind_of, shown
from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.backends.memory import MemoryBackend, MemoryClient
from py_cachify.backends.plain import AsyncPlainBackend, PlainBackend
from py_cachify.tokens import new_anonymous_token


MEMORY = 'in memory'
SCRIPTED = 'with scripts, as for Redis or Valkey'
PLAIN = 'with one name for each slot, as for a plain client'

PLAIN_CALLS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    'get': (('name',), {}),
    'set': (('name', 'value'), {'ex': 1, 'nx': True}),
    'delete': (('name',), {}),
}
"""The positional and keyword arguments with which each method of the plain contract is called."""

SCRIPT_CALL = ('script', 2, 'key', 'key', 'token', 'max_size', 'life')
"""The arguments with which an acquire calls ``eval``, and ``evalsha`` with a digest first."""


class Backends(NamedTuple):
    """The two sides of one store; ``None`` where no client was given."""

    sync: Backend | None
    asynchronous: AsyncBackend | MemoryBackend | None


def choose_backends(sync_client: Any, async_client: Any) -> Backends:
    """Return the backends for these clients; refuse clients that cannot work together.

    Raises:
        TypeError: a client lacks a method, has a method that does not accept the arguments it would
            get, or was passed for the wrong side.
        ValueError: the two clients would count the slots of one pool in different ways.
    """
    backends = _choose(sync_client, async_client)
    store = object()
    for backend in backends:
        if backend is not None:
            backend.store = store
    return backends


def _choose(sync_client: Any, async_client: Any) -> Backends:
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
            'sync_client and async_client would count the slots of one pool in different ways ('
            + '; '.join(f'{name} {kind}' for name, kind in kinds.items())
            + '): pass two clients of the same kind'
        )
    _check_side('sync_client', sync_client, wants_async=False)
    _check_side('async_client', async_client, wants_async=True)
    if SCRIPTED in kinds.values():
        # Imported only here, so that a program with pools in memory reads no scripts.
        from py_cachify.backends.redis import AsyncRedisBackend, RedisBackend

        return Backends(
            None if sync_client is None else RedisBackend(sync_client),
            None if async_client is None else AsyncRedisBackend(async_client),
        )
    return Backends(
        None if sync_client is None else PlainBackend(sync_client),
        None if async_client is None else AsyncPlainBackend(async_client),
    )


_EXAMPLES = {'sync_client': 'redis.Redis()', 'async_client': 'redis.asyncio.Redis()'}
_DJANGO_EXAMPLES = {**_EXAMPLES, 'sync_client': 'django_redis.get_redis_connection()'}
_URLS = {'sync_client': ', or a URL as a str', 'async_client': ''}


def _memory_backends(sync_client: Any, async_client: Any) -> Backends:
    clients = [client for client in (sync_client, async_client) if client is not None]
    if any(client is not clients[0] for client in clients):
        raise ValueError(
            f'sync_client and async_client are two separate stores, a {kind_of(sync_client)} and a'
            f' {kind_of(async_client)}: pass one MemoryClient for both, or clients of one server'
        )
    backend = MemoryBackend(clients[0])
    return Backends(backend, backend)


def _kind(name: str, client: Any) -> str:
    if is_a(client, type):
        raise TypeError(f'{name} must be a client, not a class: pass an instance of {shown(client)}')
    try:
        # Accept a proxy of a MemoryClient too, but not an object that merely claims to be one.
        if isinstance(client, MemoryClient) and callable(getattr(client, 'take_slot', None)):
            return MEMORY
        methods = {method: getattr(client, method, None) for method in ('eval', 'evalsha', *PLAIN_CALLS)}
    except Exception as error:
        # For example a proxy whose client does not exist yet.
        raise TypeError(
            f'{name} must be a client, but looking up the methods of a {kind_of(client)} raised {shown(error)}:'
            ' pass the client itself, once it exists'
        ) from error
    if callable(methods['eval']) and callable(methods['evalsha']):
        _check_scripts(name, client, methods)
        return SCRIPTED
    missing = [method for method in PLAIN_CALLS if not callable(methods[method])]
    if missing:
        raise TypeError(
            f'{name} must be a client, such as {_EXAMPLES[name]} or MemoryClient(){_URLS[name]}, not a'
            f' {kind_of(client)}: it lacks {" and ".join(missing)}'
        )
    if _is_django_cache(methods['set']):
        raise TypeError(
            f'{name} must be a client, such as {_EXAMPLES[name]}, not a Django cache, whose set takes a timeout instead'
            f' of ex: pass a client of the server behind the cache, such as {_DJANGO_EXAMPLES[name]}'
        )
    for method, (arguments, named) in PLAIN_CALLS.items():
        if not _accepts(methods[method], arguments, named):
            called = ', '.join([*map(repr, arguments), *(f'{each}={value!r}' for each, value in named.items())])
            raise TypeError(
                f'{name}.{method} must accept the arguments ({called}), but the method of a {kind_of(client)} does not:'
                f' pass a client such as {_EXAMPLES[name]}, or wrap this one (see py_cachify.clients)'
            )
    return PLAIN


def _check_scripts(name: str, client: Any, methods: dict[str, Any]) -> None:
    """Refuse a client whose scripts take other arguments than those of redis-py."""
    for method, first in (('evalsha', 'sha'), ('eval', 'script')):
        if not _accepts(methods[method], SCRIPT_CALL, {}):
            raise TypeError(
                f'{name}.{method} must accept the arguments ({first}, numkeys, *keys_and_args), as in redis-py, but the'
                f' method of a {kind_of(client)} does not: pass a client such as {_EXAMPLES[name]}, or wrap this one'
                ' in a client that has only get, set and delete (see py_cachify.clients)'
            )


def _is_django_cache(method: Any) -> bool:
    """Return whether this is a method of a Django cache, which may not show what it accepts."""
    # By name, because Django is not imported here.  ``django.core.cache.cache`` is a proxy, but its
    # methods are those of the cache.
    kinds = type(getattr(method, '__self__', None)).__mro__
    return any((kind.__module__, kind.__name__) == ('django.core.cache.backends.base', 'BaseCache') for kind in kinds)


def _accepts(method: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """Return whether a method accepts these arguments; true if its signature is unknown."""
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
            f'{name} must be a synchronous client, but a {kind_of(client)} is asynchronous: pass it as async_client'
        )
    if is_async is False and wants_async:
        raise TypeError(
            f'{name} must be an asynchronous client, but a {kind_of(client)} is synchronous: pass it as sync_client'
            ' (or declare its methods with async def, or as returning an Awaitable)'
        )


def _is_async(client: Any) -> bool | None:
    """Return whether a client must be awaited; ``None`` if only a call can show it."""
    try:
        # In redis-py and its relatives the commands are plain functions on both sides; these are
        # what the asynchronous side awaits in the end.
        names = ('execute_command', 'evalsha', 'get')
        method = next(found for name in names if callable(found := getattr(client, name, None)))
        promise = _is_coroutine_function(method) or _promises_an_awaitable(method)
        if promise is not False:
            return promise
        # A callable object, such as a mock, does not show what it returns.
        return False if inspect.isfunction(inspect.unwrap(getattr(method, '__func__', method))) else None
    except Exception:
        return None


def _is_coroutine_function(method: Any) -> bool:
    # A mock with a specification has a ``__code__`` whose flags are a mock as well.
    flags = getattr(getattr(method, '__code__', None), 'co_flags', 0)
    return isinstance(flags, int) and inspect.iscoroutinefunction(method)


def _promises_an_awaitable(method: Any) -> bool | None:
    """Return what the annotation of the result says; ``None`` if it allows both."""
    outside = annotated = annotated_result(method)
    while outside != (outside := re.sub(r'\[[^][]*\]', '', outside)):
        pass
    if re.search(r'\||Union|Optional', outside):
        return None if _AWAITABLE.search(annotated) else False
    return bool(_AWAITABLE.search(outside))


_AWAITABLE = re.compile('Awaitable|Coroutine|Future')


def make_anonymous(backends: Backends) -> None:
    """Let the tokens of these backends leave out on which machine and in which process they are."""
    for backend in (backends.sync, backends.asynchronous):
        if backend is not None:
            backend.identify = False
            backend.new_token = new_anonymous_token
