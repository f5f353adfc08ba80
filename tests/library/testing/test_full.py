"""A pool that a test keeps full behaves as any full pool does."""

import asyncio
import socket
import threading
from collections.abc import Callable

import pytest

from py_cachify import (
    CachifyDeadlockError,
    CachifyPoolFullError,
    CachifyPoolTimeoutError,
    MemoryClient,
    init_cachify,
    pool,
    pooled,
)
from py_cachify.testing import Pools
from py_cachify.testing._store import MOST_STAND_INS


pytestmark = pytest.mark.quick


@pytest.mark.parametrize('max_size', [1, 3, 5000])
def test_every_acquire_is_refused_whatever_it_allows(cachify_pools: Pools, max_size: int) -> None:
    one = pool('reports', max_size=max_size)
    with cachify_pools.full('reports'):
        with pytest.raises(CachifyPoolFullError, match=f'all {max_size} slots|its only slot'):
            one.__enter__()
        assert one.size() == cachify_pools.size('reports') == max_size
    with one:
        assert one.size() == 1


def test_asyncio_is_refused_too(cachify_pools: Pools) -> None:
    async def attempt() -> None:
        async with pool('reports', max_size=2):
            pass

    with cachify_pools.full('reports'):
        with pytest.raises(CachifyPoolFullError):
            asyncio.run(attempt())
    asyncio.run(attempt())


def test_two_sizes_for_one_key_are_both_refused(cachify_pools: Pools) -> None:
    """The larger one, which would find free slots beside what the smaller one can take."""
    with cachify_pools.full('reports'):
        for max_size in (2, 5, 3):
            with pytest.raises(CachifyPoolFullError):
                pool('reports', max_size=max_size).acquire()
        assert cachify_pools.size('reports') == 5


def test_another_key_of_a_template_is_not_full(cachify_pools: Pools) -> None:
    @pooled('mail-{user_id}', max_size=2, on_full=lambda user_id: f'{user_id} later')
    def send_mail(user_id: int) -> str:
        return f'{user_id} sent'

    with cachify_pools.full('mail-7'):
        assert send_mail(7) == '7 later'
        assert send_mail(8) == '8 sent'
        assert send_mail.size(7) == 2
    assert send_mail(7) == '7 sent'


def test_the_size_and_the_holders_show_a_full_pool_before_the_first_attempt(cachify_pools: Pools) -> None:
    with cachify_pools.full('reports'):
        assert pool('reports', max_size=3).size() == 3
        assert {holder.label for holder in pool('reports', max_size=3).holders()} == {'kept full by a test'}
    assert pool('reports', max_size=3).holders() == []
    with cachify_pools.full('reports', max_size=4):
        assert cachify_pools.size('reports') == len(cachify_pools.holders('reports')) == 4


def test_a_holder_keeps_its_slot_and_what_it_gives_back_is_taken(cachify_pools: Pools) -> None:
    one = pool('reports', max_size=2, label='import of 14:00')
    slot = one.acquire()
    with cachify_pools.full('reports'):
        assert one.size() == 2
        assert [holder.label for holder in cachify_pools.holders('reports')][:1] == ['import of 14:00']
        assert slot.release()
        with pytest.raises(CachifyPoolFullError):
            one.acquire()
    assert one.size() == 0


def test_full_within_full_ends_with_the_outer_one(cachify_pools: Pools) -> None:
    one = pool('reports', max_size=1)
    with cachify_pools.full('reports'):
        with cachify_pools.full('reports'):
            pass
        with pytest.raises(CachifyPoolFullError):
            one.acquire()
    one.acquire().release()


def test_full_ends_although_the_test_raises(cachify_pools: Pools) -> None:
    with pytest.raises(LookupError), cachify_pools.full('reports'):
        raise LookupError
    assert pool('reports', max_size=1).size() == 0


def test_the_queue_is_bounded_as_ever(cachify_pools: Pools) -> None:
    def wait() -> None:
        with pool('reports', max_size=1, wait=10):
            pass

    with cachify_pools.full('reports'):
        thread = threading.Thread(target=wait)
        thread.start()
        cachify_pools.wait_until_queued('reports')
        with pytest.raises(CachifyPoolFullError, match='max_waiting=1 wait already'):
            pool('reports', max_size=1, wait=10, max_waiting=1).acquire()
    thread.join()


def test_at_its_end_the_waiters_get_the_slots_in_their_order(cachify_pools: Pools) -> None:
    served = []
    one = pool('reports', max_size=1, wait=None)

    def wait(number: int) -> None:
        with one:
            served.append(number)

    threads = [threading.Thread(target=wait, args=[number]) for number in range(5)]
    with cachify_pools.full('reports'):
        for number, thread in enumerate(threads, 1):
            thread.start()
            cachify_pools.wait_until_queued('reports', number)
        assert served == []
    for thread in threads:
        thread.join()
    assert served == [0, 1, 2, 3, 4]


def test_a_wait_of_the_test_itself_ends_when_its_time_is_up(cachify_pools: Pools) -> None:
    """No thread could move the clock, so it moves."""
    with cachify_pools.full('reports'), pytest.raises(CachifyPoolTimeoutError) as late:
        pool('reports', max_size=1, wait=10).acquire()
    assert late.value.waited == 10
    assert cachify_pools.clock() == 10


def test_a_slot_that_expires_during_that_wait_does_not_end_it(cachify_pools: Pools) -> None:
    pool('reports', max_size=1, slot_exp=5).acquire()
    with cachify_pools.full('reports'), pytest.raises(CachifyPoolTimeoutError) as late:
        pool('reports', max_size=1, wait=10).acquire()
    assert late.value.waited == 10


async def _wait(wait: float | None) -> None:
    async with pool('reports', max_size=2, wait=wait):
        pass


def _in_a_task(pools: Pools, wait: float | None) -> None:
    async def test() -> None:
        with pools.full('reports'):
            await _wait(wait)

    asyncio.run(test())


def _around_a_loop(pools: Pools, wait: float | None) -> None:
    with pools.full('reports'):
        asyncio.run(_wait(wait))


def _in_a_thread(pools: Pools, wait: float | None) -> None:
    with pools.full('reports'):
        pool('reports', max_size=2, wait=wait).acquire()


WAYS: list[Callable[[Pools, float | None], None]] = [_in_a_thread, _in_a_task, _around_a_loop]


@pytest.mark.parametrize('use', WAYS)
def test_threads_and_tasks_that_keep_their_pool_full_time_out(
    cachify_pools: Pools, use: Callable[[Pools, float | None], None]
) -> None:
    with pytest.raises(CachifyPoolTimeoutError):
        use(cachify_pools, 10)
    assert cachify_pools.clock() == 10
    assert cachify_pools.size('reports') == 0


@pytest.mark.parametrize('use', WAYS)
def test_an_endless_wait_for_oneself_is_a_deadlock(
    cachify_pools: Pools, use: Callable[[Pools, float | None], None]
) -> None:
    """Also if a body holds one of the slots, because the pool stays full when it gives it back."""
    slot = pool('reports', max_size=2).acquire()
    with pytest.raises(CachifyDeadlockError, match=r'full\(\) of the test keeps all 2 slots taken'):
        use(cachify_pools, None)
    assert slot.release()


def test_the_clock_stands_still_for_a_task_that_the_test_can_see(cachify_pools: Pools) -> None:
    async def test() -> None:
        with cachify_pools.full('reports'):
            task = asyncio.create_task(_wait(10))
            await cachify_pools.await_until_queued('reports')
            assert cachify_pools.clock() == 0
            await cachify_pools.aadvance(9)
            assert not task.done()
            await cachify_pools.aadvance(1)
            assert cachify_pools.queue_size('reports') == 0
            with pytest.raises(CachifyPoolTimeoutError):
                await task

    asyncio.run(test())


def test_the_clock_stands_still_if_another_task_of_the_loop_can_move_it(cachify_pools: Pools) -> None:
    async def test() -> None:
        task = asyncio.create_task(_wait(10))
        await cachify_pools.await_until_queued('reports')
        assert cachify_pools.clock() == 0
        await cachify_pools.aadvance(10)
        with pytest.raises(CachifyPoolTimeoutError):
            await task

    with cachify_pools.full('reports'):
        asyncio.run(test())


def test_a_blocking_wait_in_a_loop_is_a_deadlock(cachify_pools: Pools) -> None:
    """It stops the task that could end it."""

    async def test() -> None:
        with cachify_pools.full('reports'):
            pool('reports', max_size=2, wait=10).acquire()

    with pytest.raises(CachifyDeadlockError, match=r'full\(\) of the test keeps .* use `async with`'):
        asyncio.run(test())


def test_a_blocking_wait_of_another_task_of_the_loop_times_out(cachify_pools: Pools) -> None:
    """It stops the task that could move the clock."""

    async def block() -> None:
        pool('reports', max_size=2, wait=10).acquire()

    async def test() -> None:
        with cachify_pools.full('reports'), pytest.raises(CachifyPoolTimeoutError):
            await asyncio.create_task(block())

    asyncio.run(test())
    assert cachify_pools.clock() == 10


def test_time_passes_for_a_thread_whose_answer_the_test_awaits(cachify_pools: Pools) -> None:
    """As a test client does for a handler of a web framework."""
    answers = []

    def handle() -> None:
        with pytest.raises(CachifyPoolTimeoutError) as late:
            pool('reports', max_size=1, wait=10).acquire()
        answers.append(late.value.waited)

    with cachify_pools.full('reports', time_passes=True):
        threads = [threading.Thread(target=handle) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(answers) == 8
    assert min(answers) == 10


def test_an_endless_wait_in_a_pool_whose_time_passes_names_that(cachify_pools: Pools) -> None:
    raised: list[BaseException] = []

    def handle() -> None:
        with pytest.raises(CachifyDeadlockError) as error:
            pool('reports', max_size=1, wait=None).acquire()
        raised.append(error.value)

    with cachify_pools.full('reports', time_passes=True):
        thread = threading.Thread(target=handle)
        thread.start()
        thread.join()
    assert 'full(time_passes=True) of the test keeps the only slot taken' in str(raised[0])


def test_a_pool_of_very_many_slots_is_refused_in_words(cachify_pools: Pools) -> None:
    with cachify_pools.full('reports'), pytest.raises(ValueError, match=r"'PYC-reports' was used with max_size=10{9}"):
        pool('reports', max_size=1_000_000_000).acquire()
    assert MOST_STAND_INS < 1_000_000_000


def test_a_size_that_is_too_large_leaves_the_pool_as_it_was(cachify_pools: Pools) -> None:
    with pytest.raises(ValueError, match='use a max_size of at most'), cachify_pools.full('reports', 1_000_000_000):
        pass
    pool('reports', max_size=1).acquire().release()


def test_the_size_is_known_from_the_last_use_in_the_test(cachify_pools: Pools) -> None:
    with pool('reports', max_size=5), pool('reports', max_size=3):
        pass
    with cachify_pools.full('reports'):
        assert cachify_pools.size('reports') == len(cachify_pools.holders('reports')) == 3


def test_a_size_that_nobody_has_said_is_not_made_up(cachify_pools: Pools) -> None:
    with cachify_pools.full('reports'):
        for look in (cachify_pools.size, cachify_pools.holders):
            with pytest.raises(ValueError, match=r"full\('reports', max_size=\.\.\.\)"):
                look('reports')
        with pytest.raises(CachifyPoolFullError):
            pool('reports', max_size=2).acquire()
        assert cachify_pools.size('reports') == 2


def test_a_key_with_the_prefix_is_refused(cachify_pools: Pools) -> None:
    with pytest.raises(ValueError, match="write 'reports' instead of 'PYC-reports'"), cachify_pools.full('PYC-reports'):
        pass
    with pool('PYC-reports', max_size=1):
        assert cachify_pools.size('PYC-reports') == 1


def test_pools_of_a_later_init_cachify_are_in_memory_too(cachify_pools: Pools) -> None:
    client = MemoryClient()
    later = init_cachify(client, prefix='later-', default_pool_slot_expiration=30, identify=False)
    with cachify_pools.full('reports'), pytest.raises(CachifyPoolFullError):
        pool('reports', max_size=1).acquire()
    with later.pool('reports', max_size=1) as slot:
        [holder] = cachify_pools.holders('reports')
        assert (holder.host, slot.remaining) == (None, 30)
        assert client.contents().slots == {}
    with later.pool('reports', max_size=1), pytest.raises(CachifyPoolFullError):
        pool('reports', max_size=1).acquire()


def test_a_later_init_cachify_contacts_no_server(cachify_pools: Pools) -> None:
    """Nor does it after the test, because what was before the test is restored."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        server.setblocking(False)
        init_cachify(f'redis://127.0.0.1:{server.getsockname()[1]}')

        async def use() -> None:
            async with pool('reports', max_size=1):
                pass

        asyncio.run(use())
        with pool('reports', max_size=1):
            assert cachify_pools.size('reports') == 1
        with pytest.raises(BlockingIOError):
            server.accept()
