"""A loop that ends cancels every task, including those that await the server's answer."""

import asyncio

import pytest

from py_cachify import CachifyPoolFullError, init_cachify, pool, pooled
from tests.support.stores import Clients


@pytest.mark.parametrize('store', ['fakeredis', 'plain'], indirect=True)
@pytest.mark.parametrize('turns', range(4))
@pytest.mark.parametrize('decorated', [False, True])
def test_a_body_that_ends_as_its_loop_ends_gives_its_slot_back(clients: Clients, turns: int, decorated: bool) -> None:
    """Whether its release was not begun, begun or sent when ``asyncio.run`` cancelled all tasks."""
    init_cachify(clients.sync, clients.asynchronous)
    one = pool('reports', max_size=1, slot_exp=None)

    async def main(head_start: int) -> None:
        entered, end = asyncio.Event(), asyncio.Event()

        async def body() -> None:
            entered.set()
            await end.wait()
            for _ in range(turns):
                await asyncio.sleep(0)

        async def hold() -> None:
            async with one:
                await body()

        task = asyncio.create_task(one.pooled()(body)() if decorated else hold())
        await entered.wait()
        end.set()
        for _ in range(head_start):
            await asyncio.sleep(0)
        assert isinstance(task, asyncio.Task)  # a loop keeps no strong reference to its tasks

    for head_start in range(8):
        asyncio.run(main(head_start))
        assert one.size() == 0, f'a slot stays forever if the loop ends {head_start} turns later'


@pytest.mark.parametrize('store', ['fakeredis', 'plain'], indirect=True)
def test_a_task_that_is_cancelled_as_its_loop_ends_does_not_go_on(clients: Clients) -> None:
    """A release keeps the cancellation, or a worker with one slot after another never ends."""
    init_cachify(clients.sync, clients.asynchronous)
    one = pool('reports', max_size=1, slot_exp=None)

    async def main(head_start: int) -> 'asyncio.Task[None]':
        entered, end = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            async with one:
                entered.set()
                await end.wait()
            await asyncio.sleep(0.001)

        task = asyncio.create_task(work())
        await entered.wait()
        end.set()
        for _ in range(head_start):
            await asyncio.sleep(0)
        assert not task.done()
        return task

    for head_start in range(3):
        task = asyncio.run(main(head_start))
        assert task.cancelled(), f'it went on where the loop ended {head_start} turns later'
        assert one.size() == 0


@pytest.mark.parametrize('store', ['fakeredis', 'plain'], indirect=True)
def test_an_acquire_that_is_under_way_as_its_loop_ends_leaves_no_slot(clients: Clients) -> None:
    """At any point: granted but not yet known, or not yet requested."""
    init_cachify(clients.sync, clients.asynchronous)

    @pooled('reports', max_size=1, slot_exp=None, raise_on_full=True)
    async def hold() -> None:
        await asyncio.Event().wait()

    async def main(head_start: int) -> None:
        task = asyncio.create_task(hold())
        for _ in range(head_start):
            await asyncio.sleep(0)
        assert not task.done()

    for head_start in range(20):
        asyncio.run(main(head_start))
        with pool('reports', max_size=1) as entered:
            assert entered.size() == 1
    with pytest.raises(CachifyPoolFullError), pool('reports', max_size=1), pool('reports', max_size=1):
        pass


@pytest.mark.parametrize('store', ['fakeredis', 'plain'], indirect=True)
def test_a_coroutine_that_is_closed_without_a_loop_says_that_its_slot_stays(
    clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing can carry out a request then; no error hides the close; the log names the slot."""
    init_cachify(clients.sync, clients.asynchronous)
    one = pool('reports', max_size=1, slot_exp=60)

    async def hold() -> None:
        async with one:
            await asyncio.Event().wait()

    loop = asyncio.new_event_loop()
    task = loop.create_task(hold())
    loop.run_until_complete(asyncio.sleep(0.1))
    assert one.size() == 1
    coroutine = task.get_coro()
    assert coroutine is not None
    coroutine.close()
    assert 'no event loop is running' in caplog.text
    task.cancel()
    loop.run_until_complete(asyncio.wait([task]))
    assert isinstance(task.exception(), RuntimeError)
    loop.close()
