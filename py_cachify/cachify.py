"""``init_cachify``: give the pools a store."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Never, TypeVar, overload

from py_cachify._decorator_types import AnyFunction, AsyncFunction, Decorator, NeverReturned
from py_cachify._keys import KeyTemplate
from py_cachify._settings import Settings, global_settings, set_global_settings
from py_cachify.arguments import (
    UNSET,
    UnsetType,
    check_expiration,
    check_flag,
    check_key,
    check_max_size,
    check_prefix,
    check_slot_exp,
)
from py_cachify.backends._choose import choose_backends
from py_cachify.backends.memory import MemoryClient
from py_cachify.clients import AsyncClient, SyncClient
from py_cachify.decorators import make_decorator
from py_cachify.errors import CachifyInitError
from py_cachify.pools import pool


A = TypeVar('A', bound=Awaitable[Any])
F = TypeVar('F')


class Cachify:
    """Pools on a store of their own; made by ``init_cachify()``.

    Example::

        reports = init_cachify(redis.Redis(), prefix='reports-', is_global=False)

        with reports.pool('yearly', max_size=2): ...

        @reports.pooled('mail-{user_id}', max_size=1)
        def send_mail(user_id): ...
    """

    def __init__(self, settings: Callable[[], Settings]) -> None:
        """``settings`` is asked at each use, as those of the global pools may come later, or change."""
        self._settings = settings

    def pool(self, key: str, max_size: int, slot_exp: float | UnsetType | None = UNSET) -> pool:
        """The pool ``key`` on this store; see :class:`py_cachify.pool`."""
        made = pool(key, max_size, slot_exp)
        made._settings = self._settings  # noqa: SLF001 - a pool made by its class is global
        return made

    def __repr__(self) -> str:
        try:
            return f'<Cachify with the prefix {self._settings().prefix!r}>'
        except CachifyInitError:
            return '<Cachify without a client yet>'

    @overload
    def pooled(
        self,
        key: str,
        max_size: int,
        on_full: Callable[..., Any] | None = ...,
        *,
        raise_on_full: Literal[True],
        slot_exp: float | UnsetType | None = ...,
    ) -> Decorator[Never, AnyFunction]: ...
    @overload
    def pooled(
        self,
        key: str,
        max_size: int,
        on_full: Callable[..., Any] | None,
        raise_on_full: Literal[True],
        slot_exp: float | UnsetType | None = ...,
    ) -> Decorator[Never, AnyFunction]: ...
    @overload
    def pooled(
        self,
        key: str,
        max_size: int,
        on_full: None = ...,
        raise_on_full: bool = ...,
        slot_exp: float | UnsetType | None = ...,
    ) -> Decorator[None, AnyFunction]: ...
    @overload
    def pooled(
        self,
        key: str,
        max_size: int,
        on_full: Callable[..., NeverReturned],
        raise_on_full: bool = ...,
        slot_exp: float | UnsetType | None = ...,
    ) -> Decorator[Any, AnyFunction]: ...
    @overload
    def pooled(  # type: ignore[overload-overlap]  # the first that fits is meant
        self,
        key: str,
        max_size: int,
        on_full: Callable[..., A],
        raise_on_full: bool = ...,
        slot_exp: float | UnsetType | None = ...,
    ) -> Decorator[A, AsyncFunction]: ...
    @overload
    def pooled(
        self,
        key: str,
        max_size: int,
        on_full: Callable[..., F],
        raise_on_full: bool = ...,
        slot_exp: float | UnsetType | None = ...,
    ) -> Decorator[F, AnyFunction]: ...
    def pooled(
        self,
        key: str,
        max_size: int,
        on_full: Callable[..., Any] | None = None,
        raise_on_full: bool = False,
        slot_exp: float | UnsetType | None = UNSET,
    ) -> Any:
        """Make a decorator for a function, sync or async, whose every call takes a slot of a pool.

        A call that finds the pool full does not run the function.  It returns ``None``, or what ``on_full``
        returns, or raises ``CachifyPoolFullError``.  It never waits.

        Args:
            key: names the pool; a format string over the function's parameters, such as
                ``'mail-{user.id}'``: each distinct key has its own pool (see :mod:`py_cachify._keys`).
            max_size: how many calls may run at a time with the same key, at least 1.
            on_full: called with the very arguments of a refused call (``self`` included); what it returns is the
                call's result.  For an ``async`` function it may be async.
            raise_on_full: raise ``CachifyPoolFullError`` instead, whatever ``on_full`` is.
            slot_exp: the life of a slot in seconds, as for :class:`py_cachify.pool`.

        Raises:
            TypeError, ValueError: an argument is wrong, or the key names what the function's signature
                cannot supply; when the function is decorated, not when it is called.  A call raises them
                where no key can be made of its arguments.

        A generator function is refused: its body runs after the call, so write ``with pool(...)`` inside it.
        Methods, class methods and static methods are decorated like functions.  Write ``@pooled`` above
        ``@classmethod``: below it, from Python 3.13 on, ``size`` would need the class as its first argument.

        Example::

            @pooled('mail-{user_id}', max_size=2, on_full=try_later)
            def send_mail(user_id, text): ...

            send_mail.size(user_id=7)           # slots taken in the pool 'mail-7'
        """
        template = check_key(key)
        return make_decorator(
            lambda function: KeyTemplate(template, function).key,
            self._settings,
            check_max_size(max_size),
            check_slot_exp(slot_exp),
            on_full,
            raise_on_full,
        )


pooled = Cachify(global_settings).pooled


def init_cachify(
    sync_client: SyncClient | None = None,
    async_client: AsyncClient | MemoryClient | None = None,
    *,
    prefix: str = 'PYC-',
    default_pool_slot_expiration: float | None = 600,
    is_global: bool = True,
) -> Cachify:
    """Say where pools are kept.

    Args:
        sync_client: for threads: ``redis.Redis``, ``valkey.Valkey``, ``fakeredis.FakeRedis``, a cluster or
            sentinel client, a ``MemoryClient``, or any client that keeps the plain contract (see
            :mod:`py_cachify.clients`).
        async_client: for asyncio: the same of ``redis.asyncio`` and so on.  With neither, both sides
            share one new ``MemoryClient``; a ``MemoryClient`` given for one side serves both.  With
            another client for one side only, a pool used on the other side raises ``CachifyInitError``.
        prefix: stands before every key in the store.
        default_pool_slot_expiration: the life of a slot in seconds where a pool does not say; ``None``
            for ever.
        is_global: let the global ``pool`` and ``@pooled`` use this store from now on.  Slots that are
            held by then are still given back where they were taken.

    Returns:
        The store with ``pool`` and ``pooled`` of its own.

    Raises:
        TypeError: a client lacks a method or has one that cannot be called as it will be, a client was
            given for the wrong side, or an argument is of the wrong type.
        ValueError: the two clients count in two ways (one Redis, one plain), or an argument is out of
            range.

    Example::

        init_cachify(redis.Redis(), redis.asyncio.Redis())
    """
    checked_prefix = check_prefix(prefix)
    expiration = check_expiration('default_pool_slot_expiration', default_pool_slot_expiration)
    wants_global = check_flag('is_global', is_global)
    settings = Settings(choose_backends(sync_client, async_client), checked_prefix, expiration)
    if wants_global:
        set_global_settings(settings)
    return Cachify(lambda: settings)
