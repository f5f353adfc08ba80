"""An acquire that arrives after its own undo takes no slot; what still can go wrong is named.

The undo leaves a tombstone.  Every store with whole decisions keeps it in the same way.
"""

import asyncio
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from py_cachify import Cachify, CachifyPoolFullError, MemoryClient, init_cachify, pool
from py_cachify.backends import redis as redis_module
from py_cachify.backends._answers import read_grant
from py_cachify.backends.base import Backend
from py_cachify.backends.plain import PlainBackend
from py_cachify.backends.pool_keys import pool_keys
from py_cachify.backends.redis import RedisBackend
from py_cachify.commands import (
    MAX_TOMBSTONES,
    TOMBSTONE_LIFE,
    CountSlots,
    DropSlot,
    ListSlots,
    Refusal,
    SetIfAbsent,
    TakeSlot,
    UndoSlot,
)
from py_cachify.drivers import run
from py_cachify.protocols import ATOMIC, INDEXED
from tests.conftest import place_of
from tests.support.stores import SERVERS, Clients, Driver, VirtualClock, backend_in_virtual_time


pytestmark = pytest.mark.quick

HOUR = 3600.0
NOW = 1_700_000_000.0

on_all_servers = pytest.mark.parametrize('store', SERVERS)
on_the_real_server = pytest.mark.parametrize('store', ['valkey'])
slot_exps = pytest.mark.parametrize('slot_exp', [60.0, None])


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOW)


@pytest.fixture(params=['memory', *SERVERS])
def backend(request: pytest.FixtureRequest, clock: VirtualClock) -> Iterator[Backend]:
    """Each store that carries out whole decisions, in virtual time."""
    with backend_in_virtual_time(request.param, place_of(request.param, request), clock) as backend:
        # The first refusal of a script that the server does not know would leave a tombstone.
        backend.perform(TakeSlot('known', 'a', 1, None))
        backend.perform(DropSlot('known', 'a'))
        yield backend


def free_slots(backend: Backend, max_size: int = 3) -> int:
    """Return how many slots a pool of three still grants, and give them back."""
    granted = [f'new {number}' for number in range(9) if backend.perform(TakeSlot('k', f'new {number}', max_size, 60))]
    for token in granted:
        assert backend.perform(DropSlot('k', token)) is True
    return len(granted)


# --- what the undo prevents


@slot_exps
def test_an_acquire_that_arrives_after_its_undo_takes_no_slot(backend: Backend, slot_exp: float | None) -> None:
    """Driven as a client drives it: the connection is lost, the undo arrives, then the request."""
    steps = ATOMIC.acquire('k', 'late', 3, slot_exp)
    request = next(steps)
    undo = steps.throw(ConnectionError('timed out'))
    reply = backend.perform(undo)
    assert reply is False
    with pytest.raises(ConnectionError):
        steps.send(reply)

    assert backend.perform(request) is False
    assert backend.perform(CountSlots('k')) == 0
    assert free_slots(backend) == 3


@slot_exps
def test_a_second_copy_of_an_undone_acquire_takes_no_slot(backend: Backend, slot_exp: float | None) -> None:
    """The client repeated it: one copy was granted, then undone; the other arrives after that."""
    take = TakeSlot('k', 'late', 3, slot_exp)
    assert [backend.perform(take), backend.perform(take)] == [True, True]
    assert backend.perform(UndoSlot('k', 'late')) is True
    assert backend.perform(CountSlots('k')) == 0
    assert [backend.perform(take), backend.perform(take)] == [False, False]
    assert backend.perform(CountSlots('k')) == 0


@slot_exps
def test_an_undo_frees_its_own_slot_only(backend: Backend, slot_exp: float | None) -> None:
    """Other slots of the pool stay; so do those of the same token elsewhere."""
    for key, token in (('k', 'a'), ('k', 'b'), ('another', 'a')):
        assert backend.perform(TakeSlot(key, token, 3, slot_exp)) is True
    assert backend.perform(UndoSlot('k', 'a')) is True
    assert (backend.perform(CountSlots('k')), backend.perform(CountSlots('another'))) == (1, 1)
    assert backend.perform(TakeSlot('another', 'c', 3, slot_exp)) is True
    assert backend.perform(DropSlot('k', 'b')) is True


def test_an_undo_says_whether_there_was_a_slot(backend: Backend, clock: VirtualClock) -> None:
    """As a release does: not if it was never taken, was undone before, or has expired."""
    assert backend.perform(UndoSlot('k', 'a')) is False
    backend.perform(TakeSlot('k', 'b', 3, 60))
    assert [backend.perform(UndoSlot('k', 'b')), backend.perform(UndoSlot('k', 'b'))] == [True, False]
    backend.perform(TakeSlot('k', 'c', 3, 60))
    clock.now += 60
    assert backend.perform(UndoSlot('k', 'c')) is False


def test_a_tombstone_is_counted_nowhere(backend: Backend) -> None:
    """It takes no room, has no remaining time, and cannot be released."""
    for number in range(5):
        backend.perform(UndoSlot('k', f'undone {number}'))
    assert backend.perform(CountSlots('k')) == 0
    assert backend.perform(ListSlots('k')) == ()
    assert backend.perform(DropSlot('k', 'undone 0')) is False
    assert backend.perform(TakeSlot('k', 'undone 0', 3, None)) is False
    assert free_slots(backend) == 3


def test_a_tombstone_is_no_refusal_for_others(backend: Backend) -> None:
    """In a full pool the holder who asks again is granted, and an undone token is refused."""
    backend.perform(UndoSlot('k', 'undone'))
    take = TakeSlot('k', 'a', 1, None)
    assert [backend.perform(take), backend.perform(take)] == [True, True]
    assert backend.perform(TakeSlot('k', 'b', 1, None)) is False
    assert backend.perform(TakeSlot('k', 'undone', 1, None)) is False
    assert backend.perform(CountSlots('k')) == 1


# --- how long


def test_an_acquire_that_arrives_after_its_tombstone_has_gone_takes_a_slot(
    backend: Backend, clock: VirtualClock
) -> None:
    """A named limit: an hour after the undo, to the instant, it is forgotten."""
    assert TOMBSTONE_LIFE == HOUR
    backend.perform(UndoSlot('k', 'late'))
    clock.now = math.nextafter(NOW + HOUR, 0)
    assert backend.perform(TakeSlot('k', 'late', 3, None)) is False
    clock.now = NOW + HOUR
    assert backend.perform(TakeSlot('k', 'late', 3, None)) is True


def test_an_undo_that_is_repeated_counts_from_the_last(backend: Backend, clock: VirtualClock) -> None:
    backend.perform(UndoSlot('k', 'late'))
    clock.now += HOUR - 1
    backend.perform(UndoSlot('k', 'late'))
    clock.now += HOUR - 1
    assert backend.perform(TakeSlot('k', 'late', 3, None)) is False


def test_a_pool_remembers_only_so_many_undone_acquires(
    backend: Backend, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A named limit: beyond it the one undone longest ago is forgotten; each pool has its own."""
    assert int(redis_module._TOMBSTONES[1]) == MAX_TOMBSTONES == 10_000
    monkeypatch.setattr('py_cachify.backends.memory.MAX_TOMBSTONES', 3)
    monkeypatch.setattr(redis_module, '_TOMBSTONES', (redis_module._TOMBSTONES[0], b'3'))
    for token in ('first', 'second', 'third', 'first'):
        backend.perform(UndoSlot('k', token))
        backend.perform(UndoSlot('another', 'x'))
        clock.now += 1
    assert backend.perform(TakeSlot('k', 'second', 9, None)) is False
    backend.perform(UndoSlot('k', 'fourth'))
    granted = {
        token: backend.perform(TakeSlot('k', token, 9, None)) for token in ('first', 'second', 'third', 'fourth')
    }
    assert granted == {'first': False, 'second': True, 'third': False, 'fourth': False}


# --- what stays behind


@on_all_servers
def test_the_tombstones_of_a_pool_go_by_themselves(clients: Clients) -> None:
    """Their key expires with the last of them; those that have expired leave with the next undo."""
    backend = RedisBackend(clients.sync)
    keys = pool_keys('k')
    backend.perform(TakeSlot('k', 'a', 3, None))
    backend.perform(UndoSlot('k', 'a'))
    assert clients.sync.keys() == [keys.undone]
    assert 3_590_000 < clients.sync.pttl(keys.undone) <= 3_600_001
    clients.sync.zadd(keys.undone, {'expired': 1.0})
    backend.perform(UndoSlot('k', 'b'))
    assert set(clients.sync.zrange(keys.undone, 0, -1)) == {b'a', b'b'}


@on_all_servers
def test_in_virtual_time_the_tombstones_have_a_real_day(clients: Clients) -> None:
    """Like the slots of a simulation: a server does not know virtual time."""
    backend = RedisBackend(clients.sync, VirtualClock(1000.0))
    backend.perform(UndoSlot('k', 'a'))
    assert 86_300_000 < clients.sync.pttl(pool_keys('k').undone) <= 86_400_000


def test_memory_forgets_expired_tombstones_of_all_pools() -> None:
    """The next acquire or undo of any pool drops them."""
    clock = VirtualClock(NOW)
    client = MemoryClient(clock)
    uses: list[Callable[[], bool | Refusal]] = [
        lambda: client.take_slot('other', 'b', 1, 1),
        lambda: client.undo_slot('other', 'c'),
    ]
    for next_use in uses:
        client.undo_slot('k', 'a')
        assert set(client.contents().tombstones) == {'k'}
        clock.now += HOUR
        next_use()
        assert 'k' not in client.contents().tombstones
        clock.now += HOUR


@pytest.mark.parametrize('store', ['memory', *SERVERS])
def test_without_a_failure_there_is_no_tombstone(driver: Driver, cachify: Cachify, clients: Clients) -> None:
    """Releases, refusals and overruns leave none."""

    async def body() -> None:
        for slot_exp in (60, None):
            one = pool('reports', max_size=1, slot_exp=slot_exp)
            async with driver.hold(one):
                with pytest.raises(CachifyPoolFullError):
                    async with driver.hold(one):
                        pass
        async with driver.hold(pool('reports', max_size=1, slot_exp=0.05)):
            clients.outlive(0.05)
        if isinstance(clients.sync, MemoryClient):
            assert not clients.sync.contents().tombstones
        else:
            assert clients.sync.keys() == []

    driver.run(body())


@on_the_real_server
@slot_exps
def test_an_undo_frees_its_slot_on_a_server_that_is_out_of_memory(
    clients: Clients, server: 'redis.Redis', slot_exp: float | None
) -> None:
    """Such a server refuses whatever adds data; the slot goes, and the tombstone is left."""
    backend = RedisBackend(clients.sync)
    backend.perform(TakeSlot('k', 'a', 3, slot_exp))
    backend.perform(UndoSlot('k', 'so that the script is known'))
    server.config_set('maxmemory', 1)
    try:
        with pytest.raises(redis.RedisError, match='memory'):
            backend.perform(TakeSlot('an empty pool', 'b', 3, slot_exp))
        assert backend.perform(UndoSlot('k', 'a')) is True
        assert backend.perform(CountSlots('k')) == 0
    finally:
        server.config_set('maxmemory', 0)
    assert backend.perform(TakeSlot('k', 'a', 3, slot_exp)) is False


# --- whole pools, over a connection that delivers requests late


class LateClient:
    """A client that gives up its first request, which arrives only when told."""

    def __init__(self, client: Any) -> None:
        self.asked = 0
        self._client = client
        self._held_back: tuple[Any, ...] = ()

    def evalsha(self, *args: Any) -> Any:
        self.asked += 1
        if self.asked == 1:
            self._held_back = args
            raise redis.TimeoutError('timed out')
        return self._client.evalsha(*args)

    def eval(self, *args: Any) -> Any:
        return self._client.eval(*args)

    def arrives(self) -> bool | Refusal:
        """Let the request arrive, and return the decision in the server's answer."""
        _, keys, *rest = self._held_back
        token = rest[keys]
        decision = read_grant(self._client.evalsha(*self._held_back), token, False)
        assert decision is not None
        return decision


class AsyncLateClient(LateClient):
    """The same over an asynchronous client."""

    async def evalsha(self, *args: Any) -> Any:
        return super().evalsha(*args)

    async def eval(self, *args: Any) -> Any:
        return super().eval(*args)


@on_all_servers
@slot_exps
@pytest.mark.parametrize('side', ['sync', 'async'])
def test_a_pool_whose_acquire_arrives_late_stays_empty(clients: Clients, side: str, slot_exp: float | None) -> None:
    """With one request for the undo, and none besides."""
    init_cachify(clients.sync)
    with pool('reports', max_size=1, slot_exp=slot_exp):
        pass  # the server knows the script of an acquire
    late: Any = LateClient(clients.sync) if side == 'sync' else AsyncLateClient(clients.sync)
    cachify = init_cachify(late) if side == 'sync' else init_cachify(async_client=late)
    one = cachify.pool('reports', max_size=1, slot_exp=slot_exp)

    def enter() -> None:
        with one:
            raise AssertionError('the body ran')

    async def aenter() -> None:
        async with one:
            raise AssertionError('the body ran')

    with pytest.raises(redis.TimeoutError):
        enter() if side == 'sync' else asyncio.run(aenter())
    assert late.asked == 2
    assert not late.arrives()
    init_cachify(clients.sync)
    assert pool('reports', max_size=1).size() == 0
    with pool('reports', max_size=1):
        pass


# --- named limits


def test_a_second_copy_of_an_acquire_that_arrives_after_its_refusal_or_its_release_takes_a_slot(
    backend: Backend,
) -> None:
    """A named limit: neither leaves a tombstone, or each call would leave one."""
    granted, refused = TakeSlot('k', 'a', 1, None), TakeSlot('k', 'b', 1, None)
    assert [backend.perform(granted), backend.perform(refused)] == [True, False]
    assert backend.perform(DropSlot('k', 'a')) is True
    assert backend.perform(refused) is True
    assert backend.perform(DropSlot('k', 'b')) is True
    assert backend.perform(granted) is True


def test_a_set_that_arrives_after_its_own_undo_takes_a_slot_that_nobody_knows_of() -> None:
    """A named limit of the plain contract: whatever could stop it would itself be a taken slot."""
    backend = PlainBackend(MemoryClient(VirtualClock(NOW)))
    steps = INDEXED.acquire('k', 'late', 3, None)
    request = next(steps)
    assert isinstance(request, SetIfAbsent)
    reply = backend.perform(steps.throw(ConnectionError('timed out')))
    with pytest.raises(ConnectionError):
        steps.send(reply)
    assert backend.perform(request) is True
    assert run(INDEXED.size('k', 3), backend.perform) == 1


OLD_ACQUIRE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local taken = redis.call('ZCARD', KEYS[1])
if taken > 0 then
  taken = taken - redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
  if taken >= tonumber(ARGV[2]) then
    return redis.call('ZSCORE', KEYS[1], ARGV[1]) and 1 or 0
  end
end
local expiry = ARGV[3] == '' and 'inf' or now + ARGV[3]
redis.call('ZADD', KEYS[1], 'NX', expiry, ARGV[1])
return 1
"""
"""What the releases before tombstones send, except for the expiry of the key."""


@on_all_servers
def test_an_older_release_on_the_same_server_counts_the_same_slots(clients: Clients) -> None:
    """It knows no tombstones, so its own late acquires are not refused, and disturbs none."""
    backend = RedisBackend(clients.sync)

    def take_with_old(token: str, max_size: int) -> bool:
        return bool(clients.sync.eval(OLD_ACQUIRE, 1, b'k', token.encode(), max_size, b'60'))

    backend.perform(UndoSlot('k', 'undone'))
    assert take_with_old('old', 2) is True
    assert backend.perform(TakeSlot('k', 'new', 2, 60)) is True
    assert take_with_old('old too', 2) is False
    assert backend.perform(TakeSlot('k', 'new too', 2, 60)) is False
    assert backend.perform(CountSlots('k')) == 2
    assert backend.perform(UndoSlot('k', 'old')) is True
    assert backend.perform(TakeSlot('k', 'undone', 2, 60)) is False
    assert take_with_old('undone', 2) is True
