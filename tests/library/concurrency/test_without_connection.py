"""What happens while the rest of the program uses all connections of an asynchronous client."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis.asyncio
import valkey.asyncio

from py_cachify import _unsent as unsent_module
from py_cachify import init_cachify, pool
from py_cachify.backends import _batches as batches_module


PACKAGES: dict[str, Any] = {'redis': redis, 'valkey': valkey}


@pytest.fixture(params=PACKAGES)
def package(request: pytest.FixtureRequest) -> Any:
    """The packages say in different ways that no connection is free."""
    return PACKAGES[request.param]


def client_of(package: Any, socket: str) -> Any:
    return getattr(package.asyncio, package.__name__.capitalize())(unix_socket_path=socket, max_connections=2)


@asynccontextmanager
async def crowded(client: Any) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Use all connections of a client; yield what sets one free."""
    connections = client.connection_pool
    taken = [
        await connections.get_connection(*_ARGUMENTS[type(connections).__module__.partition('.')[0]]) for _ in '12'
    ]

    async def free_one() -> None:
        await connections.release(taken.pop())

    yield free_one
    for one in taken:
        await connections.release(one)


_ARGUMENTS = {'redis': (), 'valkey': ('_',)}


def run(package: Any, socket: str, test: Callable[[Any], Awaitable[None]]) -> None:
    """Run ``test(client)`` with a client of two connections."""

    async def main() -> None:
        client = client_of(package, socket)
        init_cachify(async_client=client)
        try:
            await asyncio.wait_for(test(client), 30)
        finally:
            await client.aclose()

    asyncio.run(main())


def test_many_tasks_need_no_more_connections_than_there_are(
    package: Any, socket: str, server: 'redis.Redis', caplog: pytest.LogCaptureFixture
) -> None:
    """300 tasks on two connections: no error, no record, no slot that stays."""

    async def test(_: Any) -> None:
        async def hold() -> None:
            async with pool('reports', max_size=300):
                await asyncio.sleep(0)

        await asyncio.gather(*(hold() for _ in range(300)))

    run(package, socket, test)
    assert caplog.text == ''
    assert server.zcard('PYC-reports') == 0


def test_they_wait_until_one_is_free(package: Any, socket: str) -> None:
    """To acquire, to look, and to give back."""

    async def test(client: Any) -> None:
        one = pool('reports', max_size=1)

        async def hold() -> None:
            async with one:
                pass

        for ask in (hold, one.asize):
            async with crowded(client) as free_one:
                asking = asyncio.ensure_future(ask())
                await asyncio.sleep(0.05)
                assert not asking.done()
                await free_one()
                await asking
        await one.__aenter__()
        async with crowded(client) as free_one:
            leaving = asyncio.ensure_future(one.__aexit__(None, None, None))
            await asyncio.sleep(0.05)
            assert not leaving.done()
            await free_one()
            await leaving
        assert await one.asize() == 0

    run(package, socket, test)


def test_a_cancelled_acquire_that_was_never_sent_ends_soon(
    package: Any, socket: str, server: 'redis.Redis', caplog: pytest.LogCaptureFixture
) -> None:
    """There is nothing to undo: it leaves no tombstone, and no doubt."""
    caplog.set_level(logging.INFO, 'py_cachify')

    async def test(client: Any) -> None:
        async with crowded(client):
            for _ in range(2):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05), pool('reports', max_size=1):
                        raise AssertionError('the body ran without a slot')
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await pool('reports', max_size=1).asize()

    run(package, socket, test)
    assert [record.levelname for record in caplog.records] == ['INFO', 'INFO']
    assert caplog.text.count('was never sent, so no slot stays taken') == 2
    assert server.keys() == []


@pytest.mark.parametrize('wait', [0.2, None])
def test_a_wait_does_not_last_longer_than_it_may(
    package: Any, socket: str, wait: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with the client's own error, because nobody knows whether the pool is full."""
    if wait is None:
        monkeypatch.setattr(batches_module, 'UNSENT_LIMIT', 0.2)

    async def test(client: Any) -> None:
        async with crowded(client):
            loop = asyncio.get_running_loop()
            began = loop.time()
            with pytest.raises(package.ConnectionError):
                async with pool('reports', max_size=1, wait=wait):
                    raise AssertionError('the body ran without a slot')
            assert loop.time() - began >= 0.2

    run(package, socket, test)


def test_a_slot_is_not_given_back_longer_than_it_lives(
    package: Any, socket: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The exit ends when there is nothing left to give back."""

    async def test(client: Any) -> None:
        one = pool('reports', max_size=1, slot_exp=0.3)
        await one.__aenter__()
        async with crowded(client):
            await one.__aexit__(None, None, None)

    run(package, socket, test)
    assert 'a slot could not be given back' in caplog.text


def test_a_cancelled_release_that_fails_ends_cancelled(
    package: Any, socket: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its failure is logged, and it is the cause."""

    async def test(client: Any) -> None:
        slot = await pool('reports', max_size=1, slot_exp=0.3).aacquire()
        async with crowded(client):
            leaving = asyncio.ensure_future(slot.arelease())
            await asyncio.sleep(0.05)
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError) as raised:
                await leaving
            assert isinstance(raised.value.__cause__, package.ConnectionError)

    run(package, socket, test)
    assert 'a slot could not be given back' in caplog.text


def test_threads_are_told_at_once_and_still_give_back(
    package: Any, socket: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An acquire of a thread fails and leaves no doubt; a release is tried until one is free."""
    client: Any = getattr(package, package.__name__.capitalize())(unix_socket_path=socket, max_connections=1)
    init_cachify(client)
    one = pool('reports', max_size=1, slot_exp=0.2)
    one.__enter__()
    connection = client.connection_pool.get_connection(*_ARGUMENTS[package.__name__])
    with pytest.raises(package.ConnectionError) as raised, pool('others', max_size=1):
        raise AssertionError('the body ran without a slot')
    assert not hasattr(raised.value, '__notes__')
    assert caplog.text == ''
    one.__exit__(None, None, None)
    client.connection_pool.release(connection)
    client.close()
    assert caplog.text.count('a slot could not be given back') == 1
    assert unsent_module.was_never_sent(raised.value)
