"""After a test all is as before it, whatever it did."""

import asyncio
import gc
import threading
import weakref

import pytest

from py_cachify import CachifyInitError, MemoryClient, init_cachify, observe, pool, pooled
from py_cachify._deadlocks import held
from py_cachify._settings import Settings, global_place, global_settings
from py_cachify._waiters import _abandoned, _waiters
from py_cachify.testing import Pools, pools_for_tests


pytestmark = pytest.mark.quick

AT_THE_TOP = pool('reports', max_size=2)


@pooled('mail-{user_id}', max_size=2)
def send_mail(user_id: int) -> int:
    """A function that was decorated before any test."""
    return send_mail.size(user_id)


def _use_pools() -> None:
    with AT_THE_TOP:
        assert AT_THE_TOP.size() == 1
    assert send_mail(7) == 1


def test_without_settings_there_are_none_afterwards() -> None:
    with pools_for_tests():
        _use_pools()
    assert global_place() is None
    with pytest.raises(CachifyInitError):
        AT_THE_TOP.size()
    with pytest.raises(CachifyInitError):
        send_mail(7)


def test_the_settings_are_the_same_object_afterwards() -> None:
    init_cachify(MemoryClient(), prefix='app-', default_pool_slot_expiration=30)
    place, settings = global_place(), global_settings()

    def fail() -> None:
        with pools_for_tests() as pools:
            _use_pools()
            pools.use()
            init_cachify(prefix='other-')
            pools.use()
            _use_pools()
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert global_place() is place
    assert global_settings() is settings


def test_pools_made_before_use_the_memory_and_then_no_longer() -> None:
    client = MemoryClient()
    init_cachify(client)
    _use_pools()
    outside = AT_THE_TOP.acquire()
    with pools_for_tests() as pools:
        assert AT_THE_TOP.size() == 0
        with AT_THE_TOP, AT_THE_TOP:
            assert len(client.contents().slots['PYC-reports']) == 1
        with pools.full('reports'), pools.full('mail-7'):
            assert send_mail(7) is None
            assert outside.release()
            assert client.contents().slots == {}
    with AT_THE_TOP:
        assert client.count_slots('PYC-reports') == 1
    assert send_mail(7) == 1


def test_prefix_life_and_anonymity_stay() -> None:
    init_cachify(prefix='app-', default_pool_slot_expiration=30, identify=False)
    with pools_for_tests() as pools, AT_THE_TOP as slot:
        [holder] = pools.holders('reports')
        assert (holder.host, holder.pid, slot.remaining) == (None, None, 30)
        assert global_settings().prefix == 'app-'


def test_listeners_hear_of_it_and_stay() -> None:
    init_cachify()
    kinds: list[str] = []
    with observe(lambda event: kinds.append(event.kind)):
        before: Settings = global_settings()
        with pools_for_tests() as pools:
            _use_pools()
        assert [event.kind for event in pools.events] == kinds == ['granted', 'released'] * 2
        assert global_settings() is before
        _use_pools()
        assert len(kinds) == 8
        assert len(pools.events) == 4


def test_a_listener_that_left_meanwhile_does_not_come_back() -> None:
    init_cachify()
    kinds: list[str] = []
    observation = observe(lambda event: kinds.append(event.kind))
    with pools_for_tests():
        observation.stop()
    _use_pools()
    assert kinds == []


def test_a_listener_that_came_meanwhile_stays() -> None:
    init_cachify()
    kinds: list[str] = []
    with pools_for_tests():
        observation = observe(lambda event: kinds.append(event.kind))
    with observation:
        _use_pools()
    assert kinds == ['granted', 'released'] * 2


def test_slots_that_were_left_held_hold_nothing_afterwards() -> None:
    init_cachify()
    with pools_for_tests():
        left = pool('reports', max_size=2, wait=10).acquire()
        entered = pool('reports', max_size=2, wait=10)
        entered.__enter__()
    assert AT_THE_TOP.size() == 0
    assert held == {}
    assert left.release()


def test_a_test_within_a_test() -> None:
    with pools_for_tests() as outer, AT_THE_TOP:
        with pools_for_tests() as inner:
            assert AT_THE_TOP.size() == 0
            with inner.full('reports'):
                assert outer.clock is not inner.clock
        assert outer.size('reports') == 1


@pytest.mark.parametrize('wait', [10, None])
def test_threads_that_still_wait_are_woken(wait: float | None) -> None:
    raised: list[BaseException] = []

    def work() -> None:
        try:
            pool('reports', max_size=1, wait=wait).acquire()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    with pools_for_tests() as pools:
        pool('reports', max_size=1).acquire()
        for thread in threads:
            thread.start()
        pools.wait_until_queued('reports', 3)
    for thread in threads:
        thread.join()
    assert [type(error) for error in raised] == [RuntimeError] * 3
    assert 'has ended' in str(raised[0])
    assert (_waiters, _abandoned) == ({}, {})


def test_tasks_that_still_wait_are_woken_or_forgotten() -> None:
    """A loop that runs on wakes them; one that was closed cannot."""

    async def wait() -> None:
        async with pool('reports', max_size=1, wait=None):
            pass

    async def test() -> None:
        with pools_for_tests() as pools:
            pool('reports', max_size=1).acquire()
            task = asyncio.create_task(wait())
            await pools.await_until_queued('reports')
        with pytest.raises(RuntimeError, match='has ended'):
            await task

    asyncio.run(test())
    with pools_for_tests() as pools:
        loop = asyncio.new_event_loop()
        pool('reports', max_size=1).acquire()
        task = loop.create_task(wait())
        loop.run_until_complete(pools.await_until_queued('reports'))
        loop.close()
    assert _abandoned == {}
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # left on purpose
    del task
    gc.collect()
    assert _waiters == {}


def test_the_pools_of_a_test_are_refused_afterwards() -> None:
    with pools_for_tests() as pools:
        cachify = pools.cachify
        with cachify.pool('reports', max_size=1):
            assert pools.size('reports') == 1
    for use in (pools.use, lambda: pools.size('reports'), pools.full('reports').__enter__):
        with pytest.raises(RuntimeError, match='has ended'):
            use()


def test_a_cachify_of_the_program_is_taken_over_and_given_back() -> None:
    """With its own prefix, also in functions that it has decorated before."""
    client = MemoryClient()
    reports = init_cachify(client, prefix='reports-', is_global=False)
    yearly = reports.pooled('yearly', max_size=1, on_full=lambda: 'later')(lambda: 'made')

    with pools_for_tests() as pools:
        taken = pools.use(reports)
        with taken.full('yearly'):
            assert yearly() == 'later'
            assert pools.size('yearly') == 0
        assert yearly() == 'made'
        with reports.pool('yearly', max_size=1):
            assert taken.size('yearly') == 1
            assert client.contents().slots == {}
    with reports.pool('yearly', max_size=1):
        assert client.count_slots('reports-yearly') == 1


def test_what_is_no_cachify_is_not_taken_over() -> None:
    with pools_for_tests() as pools, pytest.raises(TypeError, match='cachify must be what'):
        pools.use('reports')  # type: ignore[arg-type]


def test_nothing_keeps_the_memory_alive() -> None:
    def use() -> 'weakref.ref[object]':
        with pools_for_tests() as pools:
            with pools.full('reports'):
                pass
            with pool('reports', max_size=1, renew_for=None, slot_exp=5):
                pools.advance(30)
            return weakref.ref(pools._store)

    store = use()
    gc.collect()
    assert store() is None


def test_a_forgotten_slot_is_named_if_the_test_asks(cachify_pools: Pools) -> None:
    slot = pool('reports', max_size=1, label='import of 14:00').acquire()
    with cachify_pools.full('import', max_size=3), pytest.raises(AssertionError) as raised:
        cachify_pools.assert_all_released()
    assert str(raised.value) == "slots were not given back: pool 'reports': 1 held by 'import of 14:00'"
    slot.release()
    cachify_pools.assert_all_released()
