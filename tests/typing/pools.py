"""The pool and ``init_cachify``: what they take, and what they give."""

import contextlib
import os
from datetime import timedelta
from typing import assert_type

import fakeredis
import redis
import redis.asyncio

from py_cachify import (
    UNSET,
    AsyncClient,
    Cachify,
    CachifyDeadlockError,
    CachifyError,
    CachifyPoolFullError,
    CachifyPoolTimeoutError,
    Event,
    Holder,
    MemoryClient,
    Slot,
    SyncClient,
    current_slot,
    init_cachify,
    pool,
)
from py_cachify.testing import ManualClock, Pools, pools_for_tests
from tests.support.stores import AsyncDictClient, DictClient


async def of_what_is_opened_by_a_url(cachify: Cachify) -> None:
    """It can be closed, for threads alone or for both sides."""
    cachify.close()
    await cachify.aclose()
    with contextlib.closing(cachify) as closed:
        assert_type(closed, Cachify)
    async with contextlib.aclosing(cachify) as aclosed:
        assert_type(aclosed, Cachify)


async def of_a_pool() -> None:
    """Both sides of it."""
    one = pool('reports', max_size=1, slot_exp=60)
    with one as entered:
        assert_type(entered, Slot)
    async with one as aentered:
        assert_type(aentered, Slot)
    assert_type(one.size(), int)
    assert_type(await one.asize(), int)
    for slot_exp in (1, 0.5, timedelta(minutes=2), None, UNSET):
        pool(key='reports', max_size=1, slot_exp=slot_exp)
    pool('reports')  # type: ignore[call-arg]
    pool(7, max_size=1)  # type: ignore[arg-type]
    pool('reports', max_size=1.5)  # type: ignore[arg-type]
    pool('reports', max_size=1, slot_exp='60')  # type: ignore[arg-type]


async def of_a_pool_that_waits(cachify: Cachify) -> None:
    """How long, how many; by name alone."""
    for wait in (0, 10, 0.5, timedelta(seconds=10), None):
        assert_type(pool('reports', max_size=1, wait=wait), pool)
        assert_type(cachify.pool('reports', max_size=1, wait=wait, max_waiting=100), pool)
    one = pool('reports', max_size=1, wait=None, max_waiting=None)
    with one as entered:
        assert_type(entered, Slot)
    async with one as aentered:
        assert_type(aentered, Slot)
    assert_type(one.queue_size(), int)
    assert_type(await one.aqueue_size(), int)
    pool('reports', max_size=1, wait='10')  # type: ignore[arg-type]
    pool('reports', max_size=1, wait=UNSET)  # type: ignore[arg-type]
    pool('reports', max_size=1, max_waiting=1.5)  # type: ignore[arg-type]
    pool('reports', 1, 60, 10)  # type: ignore[call-arg]
    cachify.pool('reports', max_size=1, wait='10')  # type: ignore[arg-type]
    cachify.pool('reports', max_size=1, max_waiting='10')  # type: ignore[arg-type]
    cachify.pool('reports', 1, 60, 10)  # type: ignore[call-arg]


async def what_is_known_of_a_slot() -> None:
    one = pool('reports', max_size=1, slot_exp=60, renew_for=timedelta(hours=1), on_lost='raise', fence=True)
    with one as slot:
        assert_type(slot.remaining, float)
        assert_type(slot.lost, bool)
        assert_type(slot.fence, int | None)
        assert_type(slot.release(), bool)
    assert_type(one.acquire(wait=5), Slot)
    assert_type(await one.aacquire(wait=None), Slot)
    assert_type(current_slot(), Slot | None)
    elsewhere = one.slot('token')
    assert_type(elsewhere.remaining, None)
    assert_type(await elsewhere.arelease(), bool)
    assert_type(one.holders()[0], Holder)
    assert_type((await one.aqueue())[0].rank, int)
    pool('reports', 1, on_lost='other')  # type: ignore[arg-type]
    pool('reports', 1, 60, 3600)  # type: ignore[call-arg]


def of_a_refusal(full: CachifyPoolFullError) -> None:
    """Which pool, how large, and why."""
    assert_type(full.key, str)
    assert_type(full.max_size, int)
    assert_type(full.reason, str)


def of_a_time_out() -> None:
    """It is caught as a refusal, and made like one."""
    try:
        pool('reports', max_size=1, wait=1).__enter__()
    except CachifyPoolTimeoutError as late:
        assert_type(late.waited, float)
        assert_type(late.key, str)
        _full: CachifyPoolFullError = late
    except CachifyDeadlockError as stuck:
        _error: CachifyError = stuck
        _refusal: CachifyPoolFullError = stuck  # type: ignore[assignment]
    raise CachifyPoolTimeoutError('reports', 3, 10.5)


def wrong_time_outs() -> None:
    """It needs a size with its key, and seconds that are a number."""
    CachifyPoolTimeoutError()
    CachifyPoolTimeoutError('all printers are busy')
    CachifyPoolTimeoutError('reports', 3)
    CachifyPoolTimeoutError('reports', '3')  # type: ignore[call-overload]
    CachifyPoolTimeoutError('reports', 3, 'long')  # type: ignore[call-overload]


def of_memory_in_time_that_a_test_moves() -> None:
    """The clock can be called, moved, and asked for a call."""
    clock = ManualClock(start=0.0)
    init_cachify(MemoryClient(clock=clock))
    assert_type(clock(), float)
    clock.advance(10)
    clock.call_at(clock() + 1, lambda: None)()
    clock.advance('10')  # type: ignore[arg-type]
    clock.call_at(1, None)  # type: ignore[arg-type]


def of_clients() -> None:
    """``redis``, ``redis.asyncio``, a memory client and plain clients are all accepted."""
    sync: list[SyncClient] = [MemoryClient(), DictClient(), fakeredis.FakeRedis(), redis.Redis()]
    asynchronous: list[AsyncClient | MemoryClient] = [
        MemoryClient(),
        AsyncDictClient(DictClient()),
        fakeredis.FakeAsyncRedis(),
        redis.asyncio.Redis(),
    ]
    assert_type(init_cachify(sync[0], asynchronous[0], prefix='a', default_pool_slot_expiration=None), Cachify)
    init_cachify(async_client=MemoryClient(), default_pool_slot_expiration=timedelta(minutes=10))
    assert_type(init_cachify('redis://localhost', prefix='a'), Cachify)
    init_cachify(sync_client=os.environ.get('REDIS_URL'))
    init_cachify(default_lock_expiration=30, default_cache_ttl=60, lock_poll_interval=0.1)
    init_cachify(None, 'redis://localhost')  # type: ignore[arg-type]
    init_cachify(b'redis://localhost')  # type: ignore[arg-type]
    init_cachify(lock_expiration=30)  # type: ignore[call-arg]
    init_cachify({})  # type: ignore[arg-type]
    init_cachify(async_client=DictClient())  # type: ignore[arg-type]
    init_cachify(AsyncDictClient(DictClient()), prefix=None)  # type: ignore[arg-type]
    init_cachify(None, None, 'PYC-')  # type: ignore[call-arg]


async def of_the_pools_of_a_test(cachify: Cachify) -> None:
    """With and without pytest; both sides of what waits."""
    with pools_for_tests() as pools:
        assert_type(pools, Pools)
    assert_type(pools.clock, ManualClock)
    assert_type(pools.cachify, Cachify)
    assert_type(pools.use(), Pools)
    assert_type(pools.use(cachify), Pools)
    with pools.full('reports') as nothing:
        assert_type(nothing, None)
    pools.full('reports', 3, time_passes=True)
    pools.full(7)  # type: ignore[arg-type]
    pools.full('reports', 3, True)  # type: ignore[call-arg]
    pools.advance(0.5)
    await pools.aadvance(10)
    pools.wait_until_queued('reports', 2, timeout=1)
    await pools.await_until_queued('reports')
    assert_type(pools.lose('reports'), int)
    assert_type(pools.size('reports'), int)
    assert_type(pools.holders('reports'), list[Holder])
    assert_type(pools.events, list[Event])
    pools.use('reports')  # type: ignore[arg-type]
