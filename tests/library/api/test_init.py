"""``init_cachify()``: which clients fit together, what it refuses, where slots are given back."""

import asyncio
import math
import threading
from collections.abc import Awaitable, Callable
from typing import Any
from unittest import mock

import fakeredis
import pytest
import redis
import redis.asyncio

from py_cachify import (
    UNSET,
    CachifyInitError,
    CachifyPoolFullError,
    MemoryClient,
    init_cachify,
    pool,
    pooled,
)
from py_cachify._settings import Settings, global_settings
from py_cachify._spec import SlotSpec
from py_cachify.clients import AsyncClient, SyncClient
from tests.support.stores import CENTURY, AsyncDictClient, DictClient, VirtualClock


pytestmark = pytest.mark.quick


# --- which clients


def test_without_clients_both_sides_share_one_memory() -> None:
    """A thread counts the slot that a task took."""
    init_cachify()
    one = pool('reports', max_size=1)

    async def main() -> None:
        async with one:
            assert (one.size(), await one.asize()) == (1, 1)

    asyncio.run(main())


@pytest.mark.parametrize('side', ['sync_client', 'async_client'])
def test_a_memory_client_for_one_side_serves_both(side: str) -> None:
    """Whichever side it was passed for; and two instances over one such client share it."""
    client = MemoryClient()
    local = init_cachify(**{side: client}, is_global=False)  # type: ignore[arg-type]
    init_cachify(client, client)

    async def main() -> None:
        async with local.pool('reports', max_size=1) as entered:
            assert entered.size() == 1
            assert await pool('reports', max_size=1).asize() == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ('given', 'missing', 'client'),
    [
        ('async_client', 'sync_client', fakeredis.FakeAsyncRedis()),
        ('sync_client', 'async_client', fakeredis.FakeRedis()),
        ('async_client', 'sync_client', AsyncDictClient(DictClient())),
        ('sync_client', 'async_client', DictClient()),
    ],
)
def test_a_side_without_client_refuses_at_use(given: str, missing: str, client: Any) -> None:
    """The error names the missing argument, and no second store is opened silently."""
    init_cachify(**{given: client})
    one = pool('reports', max_size=1)

    @pooled('reports', max_size=1)
    def function() -> None: ...

    @pooled('reports', max_size=1)
    async def afunction() -> None: ...

    def sync_uses() -> None:
        for use in (one.__enter__, one.size, function, function.size):
            with pytest.raises(CachifyInitError, match=f'{missing}='):
                use()

    async def async_uses() -> None:
        for use in (one.__aenter__, one.asize, afunction, afunction.size):
            with pytest.raises(CachifyInitError, match=f'{missing}='):
                await use()

    if missing == 'sync_client':
        sync_uses()
    else:
        asyncio.run(async_uses())


@pytest.mark.parametrize(
    ('sync_client', 'async_client'),
    [
        (fakeredis.FakeRedis(), AsyncDictClient(DictClient())),
        (DictClient(), fakeredis.FakeAsyncRedis()),
        (MemoryClient(), fakeredis.FakeAsyncRedis()),
        (DictClient(), MemoryClient()),
        (MemoryClient(), MemoryClient()),
    ],
    ids=['redis+plain', 'plain+redis', 'memory+redis', 'plain+memory', 'memory+another memory'],
)
def test_clients_that_would_count_apart_are_refused(sync_client: Any, async_client: Any) -> None:
    """One scripted and one plain, or two separate memories."""
    with pytest.raises(ValueError, match='sync_client and async_client'):
        init_cachify(sync_client, async_client)
    with pytest.raises(CachifyInitError):
        pool('reports', max_size=1).size()


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'sync_client': redis.asyncio.Redis()}, 'sync_client must be a synchronous client'),
        ({'async_client': redis.Redis()}, 'async_client must be an asynchronous client'),
        ({'sync_client': fakeredis.FakeAsyncRedis()}, 'sync_client must be a synchronous client'),
        ({'async_client': fakeredis.FakeRedis()}, 'async_client must be an asynchronous client'),
        ({'sync_client': AsyncDictClient(DictClient())}, 'sync_client must be a synchronous client'),
        ({'async_client': DictClient()}, 'async_client must be an asynchronous client'),
        ({'sync_client': redis.asyncio.Redis(), 'async_client': redis.Redis()}, 'sync_client must be'),
    ],
)
def test_a_client_for_the_wrong_side_is_refused(arguments: dict[str, Any], message: str) -> None:
    """Immediately, and the error names the argument."""
    with pytest.raises(TypeError, match=message):
        init_cachify(**arguments)


@pytest.mark.parametrize('argument', ['sync_client', 'async_client'])
@pytest.mark.parametrize(
    ('client', 'message'),
    [
        (redis.Redis, "not a class: pass an instance of <class 'redis"),
        (MemoryClient, "not a class: pass an instance of <class 'py_cachify"),
        (object(), 'lacks get and set and delete'),
        ({}, 'lacks set and delete'),
        (b'redis://localhost', 'it lacks get and set and delete'),
        (0, 'it lacks get and set and delete'),
    ],
    ids=['a class', 'the memory class', 'an object', 'a dictionary', 'bytes', 'zero'],
)
def test_what_is_no_client_is_refused(argument: str, client: Any, message: str) -> None:
    """A class instead of an instance, and an object that lacks methods, which the error names."""
    with pytest.raises(TypeError, match=message) as refusal:
        init_cachify(**{argument: client})
    assert str(refusal.value).startswith(argument)


class OtherContract:
    """A client of another kind of cache: its methods have the same names and other parameters."""

    def get(self, name: str) -> Any: ...

    def set(self, name: str, value: Any, timeout: int = 0) -> None: ...

    def delete(self, name: str) -> None: ...


class KeysAndArguments:
    """Scripts as upstash-redis 1.8.0 runs them, annotated alike on both of its sides."""

    def eval(self, script: str, keys: list[str] | None = None, args: list[str] | None = None) -> Awaitable[Any] | Any:
        raise AssertionError('not needed')

    def evalsha(self, sha1: str, keys: list[str] | None = None, args: list[str] | None = None) -> Awaitable[Any] | Any:
        raise AssertionError('not needed')

    def get(self, key: str) -> Awaitable[Any] | Any: ...

    def set(self, key: str, value: str, nx: bool | None = None, ex: int | None = None) -> Awaitable[Any] | Any: ...

    def delete(self, *keys: str) -> Awaitable[Any] | Any: ...


class KeysAndArgumentsLater(KeysAndArguments):
    """Scripts as coredis 6.9.0 runs them: the commands return requests to be awaited."""

    async def execute_command(self, command: Awaitable[Any]) -> Any: ...


class OneOddScript(KeysAndArguments):
    """Its ``evalsha`` is right, and its ``eval`` is not."""

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any: ...  # type: ignore[override]


@pytest.mark.parametrize('argument', ['sync_client', 'async_client'])
@pytest.mark.parametrize(
    ('client', 'call'),
    [
        (KeysAndArguments(), r'evalsha must accept the arguments \(sha, numkeys, \*keys_and_args\)'),
        (KeysAndArgumentsLater(), r'evalsha must accept the arguments \(sha, numkeys, \*keys_and_args\)'),
        (OneOddScript(), r'eval must accept the arguments \(script, numkeys, \*keys_and_args\)'),
        (mock.create_autospec(KeysAndArguments, instance=True), 'evalsha must accept the arguments .*'),
    ],
    ids=['upstash', 'coredis', 'eval', 'a mock of upstash'],
)
def test_a_client_that_runs_scripts_in_another_way_is_refused(argument: str, client: Any, call: str) -> None:
    """Immediately, and never with the advice to pass it for the other side."""
    with pytest.raises(
        TypeError, match=rf'^{argument}\.{call}, as in redis-py, but the method of a .*: pass a'
    ) as refusal:
        init_cachify(**{argument: client})
    assert 'pass it as' not in str(refusal.value)


class RedisLike:
    """Passes on whatever it is given, to a client that it does not show."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **kwargs: getattr(self._client, name)(*args, **kwargs)


class Opaque(RedisLike):
    """A client whose methods have no signature that Python could read."""

    class Method:
        __signature__ = 'unknown'

        def __init__(self, method: Any) -> None:
            self.method = method

        def __call__(self, *args: Any) -> Any:
            return self.method(*args)

    def __getattr__(self, name: str) -> Any:
        return self.Method(getattr(self._client, name))


@pytest.mark.parametrize(
    'client',
    [
        fakeredis.FakeRedis(),
        fakeredis.FakeStrictRedis(),
        fakeredis.FakeValkey(),
        RedisLike(fakeredis.FakeRedis()),
        Opaque(fakeredis.FakeRedis()),
        mock.Mock(wraps=fakeredis.FakeRedis()),
        mock.create_autospec(redis.Redis, instance=True),
    ],
    ids=['fakeredis', 'strict', 'valkey', 'a proxy', 'unknown signatures', 'a mock', 'a mock with a specification'],
)
def test_a_client_that_runs_scripts_as_redis_does_is_accepted(client: Any) -> None:
    """Whoever passes the calls on, also if nobody can tell what its methods accept."""
    if isinstance(client, mock.NonCallableMagicMock):
        real = fakeredis.FakeRedis()
        client.configure_mock(**{'eval.side_effect': real.eval, 'evalsha.side_effect': real.evalsha})
    init_cachify(client)
    with pool('reports', max_size=1) as reports:
        assert reports.size() == 1


class AnsweringBoth(DictClient):
    """A client for threads, with annotations that allow both sides."""

    def get(self, name: str) -> Awaitable[Any] | Any:
        return super().get(name)


def test_an_annotation_that_allows_both_sides_decides_nothing() -> None:
    """Only an annotation that promises an awaitable in any case shows an asynchronous client."""
    init_cachify(AnsweringBoth())
    with pool('reports', max_size=1) as reports:
        assert reports.size() == 1


class DjangoRedis(type('BaseCache', (), {'__module__': 'django.core.cache.backends.base'})):  # type: ignore[misc]
    """The methods of django-redis 7.0.0, which accept everything and pass it on."""

    def get(self, key: str, default: Any = None, version: Any = None, client: Any = None) -> Any: ...

    def set(self, *args: Any, **kwargs: Any) -> Any: ...

    def delete(self, *args: Any, **kwargs: Any) -> Any: ...


class ConnectionProxy:
    """What ``django.core.cache.cache`` is."""

    def __getattr__(self, name: str) -> Any:
        return getattr(DjangoRedis(), name)


@pytest.mark.parametrize('client', [DjangoRedis(), ConnectionProxy()], ids=['a cache', 'the proxy of it'])
@pytest.mark.parametrize(
    ('argument', 'remedy'),
    [('sync_client', r'django_redis\.get_redis_connection\(\)'), ('async_client', r'redis\.asyncio\.Redis\(\)')],
)
def test_a_django_cache_is_refused_whatever_its_methods_seem_to_accept(client: Any, argument: str, remedy: str) -> None:
    """The error says what to pass instead."""
    with pytest.raises(TypeError, match=rf'^{argument} must be .*, not a Django cache, .* such as {remedy}$'):
        init_cachify(**{argument: client})


class Unbound:
    """A proxy of a client that does not exist yet."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError('working outside of an application')


def test_a_client_whose_methods_take_something_else_is_refused() -> None:
    """Immediately, not at the first slot; the error shows how the method would be called."""
    client: Any = OtherContract()
    with pytest.raises(
        TypeError,
        match=r"sync_client\.set must accept the arguments \('name', 'value', ex=1, nx=True\), but the method of a",
    ):
        init_cachify(client)


def test_what_merely_says_that_it_is_a_memory_client_is_refused() -> None:
    """A proxy of one is accepted, because it has the methods."""

    class Claim:
        __class__ = MemoryClient  # type: ignore[assignment]  # that is the lie

    class Proxy(Claim):
        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

    client = MemoryClient()
    with pytest.raises(TypeError, match=r'sync_client must be a client, such as redis\.Redis'):
        init_cachify(Claim())  # type: ignore[arg-type]
    with init_cachify(Proxy()).pool('reports', max_size=1):
        assert client.count_slots('PYC-reports') == 1


def test_a_client_that_cannot_be_looked_at_is_refused() -> None:
    """The error contains what it raised."""
    client: Any = Unbound()
    with pytest.raises(
        TypeError, match=r'async_client must be a client, but looking up the methods of a .*Unbound raised RuntimeError'
    ):
        init_cachify(async_client=client)


# --- global or not


def test_a_local_instance_is_not_global() -> None:
    """``is_global=False`` leaves the global functions unchanged, here without a client."""
    local = init_cachify(is_global=False)
    with local.pool('reports', max_size=1) as entered:
        assert entered.size() == 1
    with pytest.raises(CachifyInitError, match=r'init_cachify\(\)'):
        pool('reports', max_size=1).size()


def test_local_instances_do_not_share_with_the_global_one() -> None:
    """Each has its own client, here its own memory."""
    init_cachify()
    local = init_cachify(is_global=False)
    with local.pool('reports', max_size=1):
        assert pool('reports', max_size=1).size() == 0


def test_the_returned_instance_and_the_global_functions_share_one_client() -> None:
    """With ``is_global=True``, also for the decorated functions of both."""
    cachify = init_cachify()

    @pooled('reports', max_size=1)
    def function() -> int:
        return local.size()

    @cachify.pooled('reports', max_size=1)
    def local() -> int:
        return function.size()

    assert (function(), local()) == (1, 1)
    with pool('reports', max_size=1):
        assert cachify.pool('reports', max_size=1).size() == 1


def test_pools_and_functions_can_be_made_before_init() -> None:
    """Nothing is looked up before the first use, which works only after ``init_cachify()``."""
    one = pool('reports', max_size=1)

    @pooled('reports', max_size=1)
    def function() -> str:
        return 'done'

    @one.pooled()
    async def afunction() -> str:
        return 'done'

    for use in (one.__enter__, one.size, function, function.size):
        with pytest.raises(CachifyInitError, match=r'call init_cachify\(\) before'):
            use()
    for ause in (one.__aenter__, one.asize, afunction, afunction.size):
        with pytest.raises(CachifyInitError, match=r'call init_cachify\(\) before'):
            asyncio.run(ause())
    init_cachify()
    assert (function(), asyncio.run(afunction())) == ('done', 'done')
    with one:
        assert one.size() == 1


def test_a_slot_goes_back_where_it_was_taken() -> None:
    """Even if ``init_cachify()`` was called again in between; new entries use the new store."""
    old, new = MemoryClient(), MemoryClient()
    init_cachify(old)
    two = pool('reports', max_size=2)
    with two:
        init_cachify(new)
        with two:
            assert (old.count_slots('PYC-reports'), new.count_slots('PYC-reports')) == (1, 1)
        assert (old.count_slots('PYC-reports'), new.count_slots('PYC-reports')) == (1, 0)
    assert (old.count_slots('PYC-reports'), new.count_slots('PYC-reports')) == (0, 0)


def test_an_instance_keeps_its_client_when_the_global_one_changes() -> None:
    """A ``Cachify`` always uses the store of its own ``init_cachify()``."""
    first = init_cachify()
    with first.pool('reports', max_size=1) as entered:
        init_cachify()
        assert entered.size() == 1
        assert pool('reports', max_size=1).size() == 0


# --- clients of other kinds


class AwaitableClient:
    """A plain client with plain methods that return awaitables, as ``AsyncClient`` allows."""

    def __init__(self) -> None:
        self.client = AsyncDictClient(DictClient())

    def get(self, name: str) -> Awaitable[Any]:
        return self.client.get(name)

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> Awaitable[Any]:
        return self.client.set(name, value, ex=ex, nx=nx)

    def delete(self, *names: str) -> Awaitable[Any]:
        return self.client.delete(*names)


def test_a_plain_client_may_return_awaitables_from_plain_functions() -> None:
    """``AsyncClient`` requires awaitables, not coroutine functions."""
    init_cachify(async_client=AwaitableClient())

    async def main() -> None:
        async with pool('reports', max_size=1) as entered:
            assert await entered.asize() == 1

    asyncio.run(main())


class ScriptsOnly:
    """A client that has only ``evalsha`` and ``eval``."""

    def __init__(self, client: 'redis.Redis') -> None:
        self._client = client

    def evalsha(self, digest: str, count: int, *arguments: str) -> Any:
        return self._client.evalsha(digest, count, *arguments)

    def eval(self, text: str, count: int, *arguments: str) -> Any:
        return self._client.eval(text, count, *arguments)


def test_a_client_with_scripts_needs_no_other_method() -> None:
    """Only ``evalsha`` and ``eval`` are called."""
    client: Any = ScriptsOnly(fakeredis.FakeRedis(server=fakeredis.FakeServer()))
    init_cachify(client)
    with pool('reports', max_size=1) as reports:
        assert reports.size() == 1


class Bytes(DictClient):
    """A plain client that returns bytes, as many do, and answers ``set`` with 1 or ``None``."""

    def get(self, name: str) -> Any:
        value = super().get(name)
        return None if value is None else value.encode()

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> Any:
        return 1 if super().set(name, value, ex=ex, nx=nx) else None


def test_a_plain_client_may_give_back_bytes(caplog: pytest.LogCaptureFixture) -> None:
    """And any true or false value for ``set``: slots are still counted, refused and given back."""
    client = Bytes()
    init_cachify(client)
    one = pool('reports', max_size=1)
    with one:
        assert one.size() == 1
        with pytest.raises(CachifyPoolFullError), one:
            pass
    assert one.size() == 0
    assert not client.values
    assert not caplog.records


def test_an_entry_keeps_to_its_settings_while_another_thread_enters_with_others() -> None:
    """Without the GIL, the other thread may come between any two reads of the pool's attributes."""
    init_cachify(prefix='here-')
    here = global_settings()
    init_cachify(prefix='there-')
    there = global_settings()

    class Raced(pool):
        _kept: tuple[Settings | None, SlotSpec | None]

        @property
        def _spec(self) -> tuple[Settings | None, SlotSpec | None]:
            """Each time it is read, the other thread changes it."""
            kept, self._kept = self._kept, (there, there.slot_spec('reports', 1, None))
            return kept

        @_spec.setter
        def _spec(self, kept: tuple[Settings | None, SlotSpec | None]) -> None:
            self._kept = kept

    raced = Raced('reports', max_size=1)
    for kept in (here, there):
        raced._spec = kept, kept.slot_spec('reports', 1, None)
        assert raced._spec_for(here).key == 'here-reports'


def test_the_global_store_is_the_programs_not_the_threads() -> None:
    """All threads see the ``init_cachify()`` of one."""
    client = MemoryClient()
    thread = threading.Thread(target=init_cachify, args=(client,))
    thread.start()
    thread.join()
    with pool('reports', max_size=1):
        assert client.count_slots('PYC-reports') == 1


@pytest.mark.parametrize('made', ['pooled', 'pool.pooled', 'Cachify.pooled', 'Cachify.pool.pooled'])
@pytest.mark.parametrize(('own', 'life'), [(UNSET, 45), (90, 90), (None, CENTURY)])
def test_the_slot_of_a_call_lives_as_long_as_that_of_a_pool(made: str, own: Any, life: float) -> None:
    """A decorated function uses its own expiration, or the default of its ``init_cachify()``."""
    clock = VirtualClock()
    other_default = 7
    local = init_cachify(MemoryClient(clock), default_pool_slot_expiration=45, is_global=not made.startswith('Cachify'))
    if made.startswith('Cachify'):
        init_cachify(default_pool_slot_expiration=other_default)
    decorators: dict[str, Callable[[], Any]] = {
        'pooled': lambda: pooled('reports', max_size=1, slot_exp=own),
        'pool.pooled': lambda: pool('reports', max_size=1, slot_exp=own).pooled(),
        'Cachify.pooled': lambda: local.pooled('reports', max_size=1, slot_exp=own),
        'Cachify.pool.pooled': lambda: local.pool('reports', max_size=1, slot_exp=own).pooled(),
    }

    @decorators[made]()  # type: ignore[untyped-decorator]
    def function() -> list[int]:
        sizes = []
        for clock.now in (life - 0.5, life):
            sizes.append(function.size())
        return sizes

    assert function() == [1, 1 if own is None else 0]


@pytest.mark.parametrize(('slot_exp', 'life'), [(30, 30), (30.0, 30), (29.001, 30), (0.001, 1), (None, math.inf)])
def test_a_plain_client_is_given_whole_seconds(slot_exp: float | None, life: float) -> None:
    """A fraction of a second is rounded up: a slot never lives shorter than requested."""
    client = DictClient(VirtualClock())
    init_cachify(client, prefix='')
    with pool('reports', max_size=1, slot_exp=slot_exp):
        ((name, (_, until)),) = client.values.items()
    assert (name, until) == ('reports:0', life)


@pytest.mark.parametrize('base', [SyncClient, AsyncClient])
@pytest.mark.parametrize('forgotten', ['get', 'set', 'delete'])
def test_a_client_that_inherits_the_contract_and_forgets_a_method_is_refused(base: type, forgotten: str) -> None:
    """The inherited method would do nothing; without ``set`` the pool would always be full."""
    methods = {name: lambda *_args, **_kwargs: True for name in ('get', 'set', 'delete')}
    complete = type('Complete', (base,), methods)
    assert isinstance(complete(), complete)
    del methods[forgotten]
    with pytest.raises(TypeError, match=f"abstract.* '?{forgotten}"):
        type('Incomplete', (base,), methods)()
