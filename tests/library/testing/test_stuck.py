"""A wait that nothing can end does not stop the test for ever."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from py_cachify import CachifyPoolTimeoutError, pool, pooled
from py_cachify.testing import Pools


pytestmark = pytest.mark.quick


def _in_a_thread() -> None:
    with pool('reports', max_size=1), pool('reports', max_size=1, wait=5):
        pass


def _after_a_wait() -> None:
    with pool('reports', max_size=1, wait=5), pool('reports', max_size=1, wait=5):
        pass


def _with_every_slot() -> None:
    with pool('reports', max_size=2), pool('reports', max_size=2), pool('reports', max_size=2, wait=5):
        pass


def _in_a_function() -> None:
    @pooled('reports', max_size=1, wait=5, raise_on_full=True)
    def make_report(depth: int) -> None:
        make_report(depth + 1)

    make_report(0)


async def _twice() -> None:
    async with pool('reports', max_size=1), pool('reports', max_size=1, wait=5):
        pass


def _in_a_task() -> None:
    asyncio.run(_twice())


def _around_a_loop() -> None:
    async def wait() -> None:
        async with pool('reports', max_size=1, wait=5):
            pass

    with pool('reports', max_size=1):
        asyncio.run(wait())


@pytest.mark.parametrize(
    'use', [_in_a_thread, _after_a_wait, _with_every_slot, _in_a_function, _in_a_task, _around_a_loop]
)
def test_a_wait_for_a_slot_that_the_waiter_holds_ends_when_its_time_is_up(
    cachify_pools: Pools, use: Callable[[], None]
) -> None:
    with pytest.raises(CachifyPoolTimeoutError) as late:
        use()
    assert late.value.waited == cachify_pools.clock() == 5
    cachify_pools.assert_all_released()


def test_a_slot_of_its_own_that_expires_goes_to_the_waiter_with_its_full_life(cachify_pools: Pools) -> None:
    with pool('reports', max_size=1, slot_exp=30) as own, pool('reports', max_size=1, slot_exp=20, wait=60) as slot:
        assert (own.lost, slot.remaining, cachify_pools.clock()) == (True, 20, 30)


def test_the_clock_stands_still_if_another_thread_holds_a_slot(cachify_pools: Pools) -> None:
    """It may give it back."""
    held, given_back = threading.Event(), threading.Event()

    def work() -> None:
        with pool('reports', max_size=2):
            held.set()
            cachify_pools.wait_until_queued('reports')
            given_back.set()

    thread = threading.Thread(target=work)
    thread.start()
    held.wait()
    with pool('reports', max_size=2), pool('reports', max_size=2, wait=5):
        assert given_back.is_set()
    thread.join()
    assert cachify_pools.clock() == 0


def _wait_in(errors: list[BaseException], wait: float | None = 60) -> threading.Thread:
    def work() -> None:
        try:
            pool('reports', max_size=1, wait=wait).acquire().release()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize('wait', [60, None])
def test_a_thread_that_the_test_joins_gets_an_error(cachify_pools: Pools, wait: float | None) -> None:
    cachify_pools.patience = 0.5
    errors: list[BaseException] = []
    with cachify_pools.full('reports'):
        _wait_in(errors, wait).join()
        assert cachify_pools.queue_size('reports') == 0
    assert [type(error) for error in errors] == [RuntimeError]
    assert 'has lasted 0.5 real seconds' in str(errors[0])
    assert 'advance()' in str(errors[0])
    assert 'time_passes=True' in str(errors[0])
    assert cachify_pools.clock() == 0


def test_a_wait_for_what_the_test_has_acquired_gets_an_error(cachify_pools: Pools) -> None:
    """Another thread might release it, so this is not decided at once."""
    cachify_pools.patience = 0.5
    slot = pool('reports', max_size=1).acquire()
    with pytest.raises(RuntimeError, match='set patience of its pools to None'):
        pool('reports', max_size=1, wait=60).acquire()
    assert slot.release()
    assert cachify_pools.queue_size('reports') == 0


def test_a_task_that_the_test_awaits_gets_an_error(cachify_pools: Pools) -> None:
    async def wait() -> None:
        async with pool('reports', max_size=1, wait=60):
            pass

    async def test() -> None:
        async with pool('reports', max_size=1):
            await asyncio.create_task(wait())

    cachify_pools.patience = 0.5
    with pytest.raises(RuntimeError, match=r'has lasted 0\.5 real seconds'):
        asyncio.run(test())
    cachify_pools.assert_all_released()


def test_two_threads_that_wait_for_each_other_get_an_error(cachify_pools: Pools) -> None:
    cachify_pools.patience = 0.5
    errors: list[BaseException] = []
    both = threading.Barrier(2)

    def work(first: str, second: str) -> None:
        with pool(first, max_size=1):
            both.wait()
            try:
                pool(second, max_size=1, wait=60).acquire().release()
            except RuntimeError as error:
                errors.append(error)

    threads = [threading.Thread(target=work, args=keys) for keys in (('a', 'b'), ('b', 'a'))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors


def test_a_slot_that_another_thread_holds_for_long_is_waited_for(cachify_pools: Pools) -> None:
    cachify_pools.patience = 0.5
    held = threading.Event()

    def work() -> None:
        with pool('reports', max_size=1):
            held.set()
            time.sleep(2)

    holder = threading.Thread(target=work)
    holder.start()
    held.wait()
    errors: list[BaseException] = []
    _wait_in(errors).join()
    holder.join()
    assert errors == []


@pytest.mark.parametrize('way', ['without patience', 'in a debugger'])
def test_a_test_may_stand_still(cachify_pools: Pools, way: str) -> None:
    cachify_pools.patience = None if way == 'without patience' else 0.5
    look_on = {'time': time, '__name__': 'pdb' if way == 'in a debugger' else __name__}
    exec('def look_on(): time.sleep(2)', look_on)
    errors: list[BaseException] = []
    with cachify_pools.full('reports'):
        thread = _wait_in(errors)
        look_on['look_on']()  # type: ignore[operator]
    thread.join()
    assert errors == []


def test_a_wrong_patience_is_refused(cachify_pools: Pools) -> None:
    assert cachify_pools.patience == 10
    for wrong, error in (('long', TypeError), (True, TypeError), (0, ValueError), (float('inf'), ValueError)):
        with pytest.raises(error, match='patience must be'):
            cachify_pools.patience = wrong  # type: ignore[assignment]
    assert cachify_pools.patience == 10
