"""``init_cachify()``, which says where pools are kept, and ``Cachify``, the pools of one store."""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Literal, Never, TypeVar, overload

from py_cachify._decorator_types import AnyFunction, AsyncFunction, Decorator, NeverReturned
from py_cachify._keys import KeyTemplate
from py_cachify._options import OnLost, RenewFor, check_renewable, make_options
from py_cachify._settings import Place, Settings, global_settings, set_global_place
from py_cachify._spec import SlotSpec
from py_cachify._waiting import make_waiting
from py_cachify.arguments import (
    UNSET,
    SlotExp,
    UnsetType,
    Wait,
    check_flag,
    check_key,
    check_life,
    check_max_size,
    check_prefix,
    check_slot_exp,
)
from py_cachify.backends._choose import choose_backends, make_anonymous
from py_cachify.backends._opened import OpenedClients, open_clients
from py_cachify.backends.base import AsyncBackend
from py_cachify.backends.memory import MemoryClient
from py_cachify.clients import AsyncClient, SyncClient
from py_cachify.decorators import label_maker, make_decorator
from py_cachify.errors import CachifyInitError
from py_cachify.events import Listener
from py_cachify.observing import Audience, Observation
from py_cachify.pools import pool


A = TypeVar('A', bound=Awaitable[Any])
F = TypeVar('F')

logger = logging.getLogger('py_cachify')


class Cachify:
    """One store and its pools, as returned by ``init_cachify()``.

    If ``init_cachify()`` received a URL, :meth:`close` and :meth:`aclose` close its connections.

    Example::

        reports = init_cachify('redis://localhost', prefix='reports-', is_global=False)

        with reports.pool('yearly', max_size=2): ...

        @reports.pooled('mail-{user_id}', max_size=1)
        def send_mail(user_id): ...
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        opened: OpenedClients | None = None,
        audience: Audience | None = None,
    ) -> None:
        """Keep ``settings``, a function that is called on each use because settings may change.

        ``opened`` are the clients that :meth:`close` and :meth:`aclose` close, and ``audience`` is
        where :meth:`observe` adds listeners.
        """
        self._settings = settings
        self._opened = opened
        self._audience = audience

    def pool(
        self,
        key: str,
        max_size: int,
        slot_exp: SlotExp = UNSET,
        *,
        wait: Wait = 0,
        max_waiting: int | None = None,
        renew_for: RenewFor = 0,
        on_lost: OnLost = 'log',
        fence: bool = False,
        label: str = '',
    ) -> pool:
        """Return the pool ``key`` in this store; see :class:`py_cachify.pool`."""
        local = pool(
            key,
            max_size,
            slot_exp,
            wait=wait,
            max_waiting=max_waiting,
            renew_for=renew_for,
            on_lost=on_lost,
            fence=fence,
            label=label,
        )
        local._settings = self._settings  # noqa: SLF001 - a new pool is global
        return local

    def observe(self, listener: Listener) -> Observation:
        """Tell a listener what happens in the pools of this object; see ``observe()``.

        The global ``pool`` and ``@pooled`` belong to the object of the last global
        ``init_cachify()``.

        Example::

            with reports.observe(print):
                make_report()
        """
        if self._audience is None:
            raise TypeError('this object has no settings of its own: use py_cachify.observe(), which hears all pools')
        return self._audience.observe(listener)

    def close(self) -> None:
        """Close the connections that ``init_cachify(url)`` opened for threads.

        Clients that you passed yourself stay open, because they are yours to close.  Connections
        for asyncio are closed by :meth:`aclose`, or when their event loop ends.

        Call it when no pool is in use: a request that is on its way may fail.  You may call it more
        than once.  A slot that is still held stays taken, and giving it back, like any later use of
        a pool, opens a new connection.

        Example::

            with contextlib.closing(init_cachify('redis://localhost')):
                main()
        """
        if self._opened is not None:
            backend = self._settings().backends.sync
            if backend is not None:
                backend.stop_listening()
            self._opened.close()

    async def aclose(self) -> None:
        """Close the connections that ``init_cachify(url)`` opened for threads and for asyncio.

        Only connections of the running event loop are closed; those of another loop are closed when
        that loop ends.  In all else it is like :meth:`close`.

        Example::

            async with contextlib.aclosing(init_cachify('redis://localhost')):
                await main()
        """
        if self._opened is not None:
            self.close()
            backend = self._settings().backends.asynchronous
            if isinstance(backend, AsyncBackend):
                await backend.stop_listening()
            await self._opened.aclose()

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
        slot_exp: SlotExp = ...,
        wait: Wait = ...,
        max_waiting: int | None = ...,
        renew_for: RenewFor = ...,
        on_lost: OnLost = ...,
        fence: bool = ...,
        label: str = ...,
    ) -> Decorator[Never, AnyFunction]: ...
    @overload
    def pooled(
        self,
        key: str,
        max_size: int,
        on_full: Callable[..., Any] | None,
        raise_on_full: Literal[True],
        slot_exp: SlotExp = ...,
        *,
        wait: Wait = ...,
        max_waiting: int | None = ...,
        renew_for: RenewFor = ...,
        on_lost: OnLost = ...,
        fence: bool = ...,
        label: str = ...,
    ) -> Decorator[Never, AnyFunction]: ...
    @overload
    def pooled(
        self,
        key: str,
        max_size: int,
        on_full: None = ...,
        raise_on_full: bool = ...,
        slot_exp: SlotExp = ...,
        *,
        wait: Wait = ...,
        max_waiting: int | None = ...,
        renew_for: RenewFor = ...,
        on_lost: OnLost = ...,
        fence: bool = ...,
        label: str = ...,
    ) -> Decorator[None, AnyFunction]: ...
    @overload
    def pooled(
        self,
        key: str,
        max_size: int,
        on_full: Callable[..., NeverReturned],
        raise_on_full: bool = ...,
        slot_exp: SlotExp = ...,
        *,
        wait: Wait = ...,
        max_waiting: int | None = ...,
        renew_for: RenewFor = ...,
        on_lost: OnLost = ...,
        fence: bool = ...,
        label: str = ...,
    ) -> Decorator[Any, AnyFunction]: ...
    @overload
    def pooled(  # type: ignore[overload-overlap]  # the first match counts
        self,
        key: str,
        max_size: int,
        on_full: Callable[..., A],
        raise_on_full: bool = ...,
        slot_exp: SlotExp = ...,
        *,
        wait: Wait = ...,
        max_waiting: int | None = ...,
        renew_for: RenewFor = ...,
        on_lost: OnLost = ...,
        fence: bool = ...,
        label: str = ...,
    ) -> Decorator[A, AsyncFunction]: ...
    @overload
    def pooled(
        self,
        key: str,
        max_size: int,
        on_full: Callable[..., F],
        raise_on_full: bool = ...,
        slot_exp: SlotExp = ...,
        *,
        wait: Wait = ...,
        max_waiting: int | None = ...,
        renew_for: RenewFor = ...,
        on_lost: OnLost = ...,
        fence: bool = ...,
        label: str = ...,
    ) -> Decorator[F, AnyFunction]: ...
    def pooled(
        self,
        key: str,
        max_size: int,
        on_full: Callable[..., Any] | None = None,
        raise_on_full: bool = False,
        slot_exp: SlotExp = UNSET,
        *,
        wait: Wait = 0,
        max_waiting: int | None = None,
        renew_for: RenewFor = 0,
        on_lost: OnLost = 'log',
        fence: bool = False,
        label: str = '',
    ) -> Any:
        """Return a decorator for a sync or async function, whose calls each take a slot of a pool.

        A call that finds the pool full does not run the function.  It returns ``None`` or what
        ``on_full`` returns, or raises ``CachifyPoolFullError``.  With ``wait``, it waits first.

        Args:
            key: the name of the pool: a format string over the function's parameters, such as
                ``'mail-{user.id}'``; ``{}`` and ``{0}`` are the parameters by position, not
                counting ``self``.  Each distinct key has its own pool (see
                :mod:`py_cachify._keys`).
            max_size: the number of slots, at least 1: how many calls with the same key may hold one
                at the same time.
            on_full: called with exactly the arguments of a refused call (including ``self``); its
                result is the result of the call.  For an ``async`` function it may be async.
            raise_on_full: raise ``CachifyPoolFullError`` instead, whatever ``on_full`` is.
            slot_exp: the life of a slot in seconds or as a ``timedelta``, as for
                :class:`py_cachify.pool`.
            wait, max_waiting: how long a call waits for a slot, and how many may wait at most, as
                for :class:`py_cachify.pool`.  A call that waited in vain counts as refused.
            renew_for, on_lost, fence: how the slot of a call is held, as for
                :class:`py_cachify.pool`; the function finds its slot by ``current_slot()``.
            label: who holds the slot, for people: a format string like the key.

        Raises:
            TypeError, ValueError: an argument is wrong, or the key names something that the
                function's signature cannot supply.  They are raised when the function is decorated,
                not when it is called.  A call raises them only if its arguments cannot make a key,
                or if the function does not take them, whether the pool is full or not.

        A generator function is refused because its body runs after the call, and so is a function
        that is decorated with ``contextlib.contextmanager`` or ``asynccontextmanager``: use ``with
        pool(...)`` inside it.  Methods, class methods and static methods are decorated like
        functions.  Write ``@pooled`` above ``@classmethod``.  Below it, from Python 3.13 on,
        ``size`` would need the class as its first argument.

        Example::

            @pooled('mail-{user_id}', max_size=2, on_full=try_later)
            def send_mail(user_id, text): ...

            send_mail.size(user_id=7)           # slots taken in the pool 'mail-7'
        """
        template = check_key(key)
        size, life, waiting = check_max_size(max_size), check_slot_exp(slot_exp), make_waiting(wait, max_waiting)
        options = make_options(renew_for, on_lost, fence, label)
        check_renewable(options.renew_for, life)

        def pool_of(spec: SlotSpec) -> pool:
            return self.pool(
                spec.name, size, life, **({} if waiting is None else waiting._asdict()), **spec.options.given()
            )

        return make_decorator(
            lambda function, skipped: KeyTemplate(template, function, skipped=skipped).key,
            self._settings,
            size,
            life,
            on_full,
            raise_on_full,
            waiting,
            options,
            label_maker(options.label),
            pool_of,
            template,
        )


pooled = Cachify(global_settings).pooled


def init_cachify(
    sync_client: SyncClient | str | None = None,
    async_client: AsyncClient | MemoryClient | None = None,
    *,
    prefix: str = 'PYC-',
    default_pool_slot_expiration: float | timedelta | None = 600,
    is_global: bool = True,
    identify: bool = True,
    default_lock_expiration: float | UnsetType | None = UNSET,
    default_cache_ttl: float | UnsetType | None = UNSET,
    lock_poll_interval: float | UnsetType | None = UNSET,
) -> Cachify:
    """Set where pools are kept, and return the pools of that store.

    Args:
        sync_client: a URL, or the client for threads.

            A URL serves both threads and asyncio, and needs the extra ``redis``:
            ``redis://user:password@host:6379/0``, ``rediss://`` for TLS, ``unix:///path/to/socket``
            (``valkey://`` and ``valkeys://`` mean the same as the first two).  Options follow a
            ``?``, as for ``redis.Redis.from_url()``: a request waits for its answer for up to
            5 seconds (``socket_timeout``).  An event loop opens at most eight connections, however
            many tasks it has, and one more to listen if tasks wait for slots; threads open as many
            as they need.  Nothing connects before the first pool is used.

            A client is ``redis.Redis``, ``valkey.Valkey``, ``fakeredis.FakeRedis``, a cluster or
            sentinel client, a ``MemoryClient``, or any client that fulfils the plain contract (see
            :mod:`py_cachify.clients`).
        async_client: the client for asyncio: the counterpart of one of these, from
            ``redis.asyncio`` and so on.  Without any client, both sides share one new
            ``MemoryClient``.  A ``MemoryClient`` for one side serves both.  With any other client
            for one side only, a pool that is used on the other side raises ``CachifyInitError``.
        prefix: text that is put before every key in the store.
        default_pool_slot_expiration: the life of a slot in seconds, or as a ``timedelta``, for
            pools without ``slot_exp``; with ``None`` it never expires.
        is_global: make the global ``pool`` and ``@pooled`` use this store from now on.  Slots that
            are already held are still given back where they were taken, and the connections of an
            earlier call stay open: to close them, call ``close()`` of the object that it returned.
        identify: whether slots say on which machine and in which process their holder is, for
            ``holders()`` and ``queue()``.
        default_lock_expiration, default_cache_ttl, lock_poll_interval: accepted and ignored, so
            that a program written for py-cachify that uses only pools starts unchanged.  A debug
            record names those that were passed.

    Returns:
        A :class:`Cachify`, whose ``pool`` and ``pooled`` use this store.

    Raises:
        TypeError: a client lacks a method or has a method that does not accept the arguments it
            would get, a client was passed for the wrong side or beside a URL, or an argument has
            the wrong type.
        ValueError: the two clients count in different ways (one Redis, one plain) or are separate
            stores (a ``MemoryClient`` and another client), a URL is malformed, or an argument is
            out of range.  The error does not show the URL, because it may contain a password.
        ModuleNotFoundError: a URL was passed, and the package ``redis`` is not installed.

    Example::

        init_cachify('redis://localhost')
        init_cachify(redis.Redis(), redis.asyncio.Redis())  # or with clients of your own
    """
    checked_prefix = check_prefix(prefix)
    expiration = check_life('default_pool_slot_expiration', default_pool_slot_expiration)
    checked_is_global = check_flag('is_global', is_global)
    opened = open_clients(sync_client, async_client)
    backends = (
        choose_backends(sync_client, async_client)
        if opened is None
        else choose_backends(opened.sync, opened.asynchronous)
    )
    if not check_flag('identify', identify):
        make_anonymous(backends)
    settings = Settings(backends, checked_prefix, expiration, identify)
    _log_ignored(
        default_lock_expiration=default_lock_expiration,
        default_cache_ttl=default_cache_ttl,
        lock_poll_interval=lock_poll_interval,
    )
    place = Place(settings)
    if checked_is_global:
        set_global_place(place)
    return Cachify(place.current, opened, place)


def _log_ignored(**arguments: object) -> None:
    names = [name for name, value in arguments.items() if value is not UNSET]
    if names:
        logger.debug('init_cachify() ignored %s, because this library has only pools', ', '.join(names))
