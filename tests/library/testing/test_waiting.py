"""A test knows when its threads and tasks wait, and when they have stopped."""

import asyncio
import re
import threading

import pytest

from py_cachify import CachifyPoolTimeoutError, pool
from py_cachify.testing import Pools


pytestmark = pytest.mark.quick


def test_advance_returns_when_the_threads_have_left(cachify_pools: Pools) -> None:
    """However many there are, and however late they begin to wait by this clock."""
    late: list[float] = []

    def wait(seconds: float) -> None:
        with pytest.raises(CachifyPoolTimeoutError) as raised:
            pool('reports', max_size=1, wait=seconds).acquire()
        late.append(raised.value.waited)

    with cachify_pools.full('reports'):
        threads = [threading.Thread(target=wait, args=[seconds]) for seconds in (1, 2, 3, 50)]
        for thread in threads:
            thread.start()
        cachify_pools.wait_until_queued('reports', 4)
        cachify_pools.advance(10)
        assert cachify_pools.queue_size('reports') == 1
        cachify_pools.advance(40)
        assert cachify_pools.queue_size('reports') == 0
    for thread in threads:
        thread.join()
    assert sorted(late) == [1, 2, 3, 50]


def test_a_slot_that_expires_goes_to_the_waiter(cachify_pools: Pools) -> None:
    remaining: list[float] = []

    def wait() -> None:
        with pool('reports', max_size=1, slot_exp=20, wait=60) as slot:
            remaining.append(slot.remaining)

    pool('reports', max_size=1, slot_exp=30).acquire()
    thread = threading.Thread(target=wait)
    thread.start()
    cachify_pools.wait_until_queued('reports')
    cachify_pools.advance(30)
    thread.join()
    assert remaining == [20]
    assert [(event.kind, event.waited) for event in cachify_pools.events] == [
        ('granted', 0),
        ('granted', 30),
        ('released', 30),
    ]


def test_too_few_waiters_are_counted_in_the_error(cachify_pools: Pools) -> None:
    words = "pool 'reports': 0 of 2 waiters are in the queue after 0.01 s: start them in threads or tasks"
    with pytest.raises(TimeoutError, match=re.escape(words)):
        cachify_pools.wait_until_queued('reports', 2, timeout=0.01)
    with pytest.raises(TimeoutError, match=re.escape(words)):
        asyncio.run(cachify_pools.await_until_queued('reports', 2, timeout=0.01))


def test_tasks_and_threads_wait_in_one_queue(cachify_pools: Pools) -> None:
    async def wait() -> None:
        async with pool('reports', max_size=1, wait=10):
            pass

    def wait_in_thread() -> None:
        with pool('reports', max_size=1, wait=10):
            pass

    async def test() -> tuple[BaseException | None, ...]:
        with cachify_pools.full('reports'):
            waiters = asyncio.gather(wait(), asyncio.to_thread(wait_in_thread), wait(), return_exceptions=True)
            await cachify_pools.await_until_queued('reports', 3)
            await cachify_pools.aadvance(10)
            assert cachify_pools.queue_size('reports') == 0
        return await waiters

    assert [type(error) for error in asyncio.run(test())] == [CachifyPoolTimeoutError] * 3


def test_a_thread_may_move_the_clock_for_the_tasks_of_another(cachify_pools: Pools) -> None:
    async def wait() -> None:
        async with pool('reports', max_size=1, wait=10):
            pass

    def run() -> None:
        with pytest.raises(CachifyPoolTimeoutError):
            asyncio.run(wait())

    with cachify_pools.full('reports'):
        thread = threading.Thread(target=run)
        thread.start()
        cachify_pools.wait_until_queued('reports')
        cachify_pools.advance(10)
        assert cachify_pools.queue_size('reports') == 0
        thread.join()


@pytest.mark.parametrize(
    ('number', 'timeout', 'error', 'words'),
    [
        (0, 1, ValueError, 'number must be at least 1, got 0'),
        (True, 1, TypeError, 'number must be a whole number of waiters, not True'),
        (1, 'long', TypeError, "timeout must be a number of seconds, not 'long'"),
        (1, -1, ValueError, 'timeout must be finite, and 0 or more, got -1'),
        (1, float('nan'), ValueError, 'timeout must be finite, and 0 or more, got nan'),
    ],
)
def test_a_wrong_argument_is_refused(
    cachify_pools: Pools, number: int, timeout: float, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=re.escape(words)):
        cachify_pools.wait_until_queued('reports', number, timeout=timeout)
