"""An error of the server or the network is not "full": it passes through unchanged.

It never calls ``on_full``.  While a slot is given back, it never hides the body's own error.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import fakeredis
import pytest
import redis
import redis.asyncio
import redis.asyncio.retry
import redis.backoff
import redis.retry

from py_cachify import CachifyPoolFullError, init_cachify, pool, pooled
from tests.support.stores import AsyncDictClient, AsyncDriver, Clients, DictClient, Driver, SyncDriver


pytestmark = pytest.mark.quick


class Unreliable(NamedTuple):
    """The clients of a store that can be cut off, and what they raise then."""

    clients: Clients
    error: type[Exception]
    cut: Callable[[], None]
    mend: Callable[[], None]


class Refusing(DictClient):
    """A plain client whose network can be down."""

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False

    def get(self, name: str) -> Any:
        self._call()
        return super().get(name)

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        self._call()
        return super().set(name, value, ex=ex, nx=nx)

    def delete(self, *names: str) -> None:
        self._call()
        super().delete(*names)

    def _call(self) -> None:
        if self.is_down:
            raise OSError('the network is down')


@pytest.fixture(params=['fakeredis', 'plain'])
def unreliable(request: pytest.FixtureRequest) -> Unreliable:
    """The global pools' clients on an empty store, which works until it is cut off."""
    if request.param == 'fakeredis':
        server = fakeredis.FakeServer()
        clients = Clients(fakeredis.FakeRedis(server=server), fakeredis.FakeAsyncRedis(server=server), None)
        made = Unreliable(
            clients,
            redis.ConnectionError,
            lambda: setattr(server, 'connected', False),
            lambda: setattr(server, 'connected', True),
        )
    else:
        client = Refusing()
        made = Unreliable(
            Clients(client, AsyncDictClient(client), None),
            OSError,
            lambda: setattr(client, 'is_down', True),
            lambda: setattr(client, 'is_down', False),
        )
    init_cachify(made.clients.sync, made.clients.asynchronous)
    return made


@pytest.fixture(params=['sync', 'async'])
def on_either_side(request: pytest.FixtureRequest, unreliable: Unreliable) -> Driver:
    """Threads, then asyncio."""
    return SyncDriver() if request.param == 'sync' else AsyncDriver(unreliable.clients)


def _never(*_: Any, **__: Any) -> None:
    raise AssertionError('an error of the server was taken for a full pool')


# --- while a slot is taken


def test_a_server_that_is_down_is_not_a_full_pool(unreliable: Unreliable, on_either_side: Driver) -> None:
    """The client's error is raised by ``with`` and ``size()``, and the body does not run."""

    async def body() -> None:
        one = pool('reports', max_size=1)
        unreliable.cut()
        with pytest.raises(unreliable.error):
            async with on_either_side.hold(one):
                raise AssertionError('the body ran without a slot')
        with pytest.raises(unreliable.error):
            await on_either_side.size(one)
        unreliable.mend()
        async with on_either_side.hold(one):
            assert await on_either_side.size(one) == 1

    on_either_side.run(body())


@pytest.mark.parametrize('raise_on_full', [False, True])
def test_an_error_of_the_server_does_not_call_on_full(unreliable: Unreliable, raise_on_full: bool) -> None:
    """A decorated function raises it too: neither it nor ``on_full`` is called."""

    @pooled('reports', max_size=1, on_full=_never, raise_on_full=raise_on_full)
    def report() -> None:
        raise AssertionError('the function ran without a slot')

    @pooled('reports', max_size=1, on_full=_never, raise_on_full=raise_on_full)
    async def areport() -> None:
        raise AssertionError('the function ran without a slot')

    async def asynchronously() -> None:
        with pytest.raises(unreliable.error):
            await areport()
        with pytest.raises(unreliable.error):
            await areport.size()

    unreliable.cut()
    with pytest.raises(unreliable.error):
        report()
    with pytest.raises(unreliable.error):
        report.size()
    AsyncDriver(unreliable.clients).run(asynchronously())


def test_nobody_listens_on_the_socket(tmp_path: Path) -> None:
    """Likewise with real clients of a server that does not exist."""
    nowhere = str(tmp_path / 's')
    once: dict[str, Any] = {'unix_socket_path': nowhere}
    sync: Any = redis.Redis(**once, retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0))
    asynchronous: Any = redis.asyncio.Redis(**once, retry=redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 0))
    init_cachify(sync, asynchronous)
    one = pool('reports', max_size=1)

    @one.pooled(on_full=_never)
    def report() -> None:
        raise AssertionError('the function ran without a slot')

    @one.pooled(on_full=_never)
    async def areport() -> None:
        raise AssertionError('the function ran without a slot')

    async def asynchronously() -> None:
        with pytest.raises(redis.ConnectionError, match='connecting to'):
            await areport()
        with pytest.raises(redis.ConnectionError, match='connecting to'):
            await one.asize()
        with pytest.raises(redis.ConnectionError, match='connecting to'):
            async with one:
                pass
        await asynchronous.aclose()

    with pytest.raises(redis.ConnectionError, match='connecting to'):
        report()
    with pytest.raises(redis.ConnectionError, match='connecting to'):
        one.size()
    with pytest.raises(redis.ConnectionError, match='connecting to') as raised, one:
        pass
    # It may have reached the server, and could not be undone either.
    assert 'may stay taken' in raised.value.__notes__[0]
    asyncio.run(asynchronously())
    sync.close()


def test_a_server_that_does_not_answer_is_not_a_full_pool(socket: str, server: 'redis.Redis') -> None:
    """A timeout says nothing about the pool."""
    hasty: Any = redis.Redis(
        unix_socket_path=socket, socket_timeout=0.1, retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    )
    hasty.ping()
    init_cachify(hasty)
    one = pool('reports', max_size=1)
    server.client_pause(60_000, all=False)  # all writes, except the end of the pause
    try:
        with pytest.raises(redis.TimeoutError):
            one.pooled(on_full=_never)(_never)()
    finally:
        server.client_unpause()
        hasty.close()


def test_a_full_pool_is_no_error_of_the_server(unreliable: Unreliable, on_either_side: Driver) -> None:
    """Conversely, a server that works and refuses is a full pool."""

    async def body() -> None:
        one = pool('reports', max_size=1)
        async with on_either_side.hold(one):
            with pytest.raises(CachifyPoolFullError):
                async with on_either_side.hold(one):
                    pass

    on_either_side.run(body())


# --- while a slot is given back


def test_a_failing_release_does_not_hide_the_bodys_error(
    unreliable: Unreliable, on_either_side: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    """The body's error is raised and the failed release is logged, with or without an expiry."""

    async def fail_while_cut_off(of: pool) -> None:
        async with on_either_side.hold(of):
            unreliable.cut()
            raise ZeroDivisionError('of the body')

    async def body() -> None:
        for slot_exp in (60, None):
            with pytest.raises(ZeroDivisionError, match='of the body'):
                await fail_while_cut_off(pool('reports', max_size=9, slot_exp=slot_exp))
            unreliable.mend()

    on_either_side.run(body())
    with_expiry, without = _warnings(caplog)
    assert "pool 'PYC-reports': a slot could not be given back" in with_expiry
    assert 'until it expires, within 60 s' in with_expiry
    assert 'forever' in without


def test_a_failing_release_after_a_clean_body_is_a_warning(
    unreliable: Unreliable, on_either_side: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    """The slot's expiry frees it, so the body's result does not become a failure."""

    async def body() -> None:
        async with on_either_side.hold(pool('reports', max_size=1, slot_exp=60)):
            unreliable.cut()
        unreliable.mend()
        assert await on_either_side.size(pool('reports', max_size=1)) == 1

    on_either_side.run(body())
    (warning,) = _warnings(caplog)
    assert "pool 'PYC-reports': a slot could not be given back" in warning


def test_without_expiry_a_failing_release_after_a_clean_body_is_raised(
    unreliable: Unreliable, on_either_side: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing would free it: the slot stays forever, so the caller must know."""

    async def body() -> None:
        with pytest.raises(unreliable.error):
            async with on_either_side.hold(pool('reports', max_size=1, slot_exp=None)):
                unreliable.cut()

    on_either_side.run(body())
    assert _warnings(caplog) == []


def test_a_decorated_function_is_no_different(unreliable: Unreliable, caplog: pytest.LogCaptureFixture) -> None:
    """The call returns its result, or raises its error, although the release failed."""

    @pooled('reports', max_size=9, slot_exp=60)
    def report(*, fails: bool) -> str:
        unreliable.cut()
        if fails:
            raise ZeroDivisionError
        return 'the result'

    @pooled('reports', max_size=9, slot_exp=60)
    async def areport(*, fails: bool) -> str:
        return report.__wrapped__(fails=fails)  # type: ignore[no-any-return]

    async def asynchronously() -> None:
        unreliable.mend()
        assert await areport(fails=False) == 'the result'
        unreliable.mend()
        with pytest.raises(ZeroDivisionError):
            await areport(fails=True)

    assert report(fails=False) == 'the result'
    unreliable.mend()
    with pytest.raises(ZeroDivisionError):
        report(fails=True)
    AsyncDriver(unreliable.clients).run(asynchronously())
    assert len(_warnings(caplog)) == 4


@pytest.mark.parametrize('raises', [False, True])
def test_without_expiry_a_decorated_function_raises_a_failing_release(unreliable: Unreliable, raises: bool) -> None:
    """Unless it raised its own error."""

    @pooled('reports', max_size=9, slot_exp=None)
    def report() -> None:
        unreliable.cut()
        if raises:
            raise ZeroDivisionError

    @pooled('reports', max_size=9, slot_exp=None)
    async def areport() -> None:
        report.__wrapped__()

    async def asynchronously() -> None:
        with pytest.raises(expected):
            await areport()

    expected = ZeroDivisionError if raises else unreliable.error
    with pytest.raises(expected):
        report()
    unreliable.mend()
    AsyncDriver(unreliable.clients).run(asynchronously())


def test_the_bodys_own_refusal_is_not_taken_for_this_pools(unreliable: Unreliable) -> None:
    """A ``CachifyPoolFullError`` from another pool further down is raised by the body unchanged."""

    @pooled('outer', max_size=1, on_full=_never)
    def outer() -> None:
        raise CachifyPoolFullError('inner', 7)

    with pytest.raises(CachifyPoolFullError) as refusal:
        outer()
    assert (refusal.value.key, refusal.value.max_size) == ('inner', 7)


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the library has logged."""
    ours = [record for record in caplog.records if record.name == 'py_cachify']
    assert all(record.levelno == logging.WARNING for record in ours)
    return [record.getMessage() for record in ours]


class Wrapped:
    """A client in a wrapper that does not show what it returns."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def evalsha(self, *args: Any) -> Any:
        return self._client.evalsha(*args)

    def eval(self, *args: Any) -> Any:
        return self._client.eval(*args)


def test_an_answer_that_is_merely_true_is_no_grant(server: 'redis.Redis') -> None:
    """A pipeline answers with itself: nobody is admitted."""
    with server.pipeline() as pipeline:
        init_cachify(Wrapped(pipeline))  # type: ignore[arg-type]
        with pytest.raises(TypeError, match='pass the client itself, not a pipeline'), pool('reports', max_size=1):
            raise AssertionError('the body ran')


def test_a_plain_client_that_has_to_be_awaited_grants_nothing_to_a_thread() -> None:
    """A coroutine is true as well."""

    class Disguised(DictClient):
        def set(self, *args: Any, **kwargs: Any) -> Any:
            return asyncio.sleep(0, True)

    init_cachify(Disguised())
    with pytest.raises(TypeError, match='pass this client as async_client'), pool('reports', max_size=1):
        raise AssertionError('the body ran')
