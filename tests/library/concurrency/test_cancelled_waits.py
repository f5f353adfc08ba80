"""A task that is cancelled while it waits for an answer burns no processor, and does not wait long.

anyio repeats a cancellation in each turn of the event loop until its task ends.
"""

import asyncio
import socket as sockets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any

import anyio
import pytest
import redis
import redis.asyncio
from starlette.responses import StreamingResponse

from py_cachify import init_cachify, pool
from py_cachify.backends.atomic import AsyncAtomicBackend
from tests.support.stores import AsyncDictClient, DictClient


class CountingLoop(asyncio.SelectorEventLoop):
    """An event loop that counts its turns."""

    turns = 0

    def _run_once(self) -> None:
        self.turns += 1
        super()._run_once()  # type: ignore[misc]  # not in the stubs


Work = Callable[[], Coroutine[Any, Any, None]]


async def by_timeout(work: Work) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            await work()


async def by_anyio_scope(work: Work) -> None:
    with anyio.move_on_after(0.05) as scope:
        await work()
    assert scope.cancelled_caught


async def by_anyio_group(work: Work) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work)
        await anyio.sleep(0.05)
        tasks.cancel_scope.cancel()


async def by_a_disconnected_browser(work: Work) -> None:
    """Starlette cancels a response that nobody receives any longer."""

    async def content() -> AsyncIterator[bytes]:
        await work()
        yield b''

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.05)
        return {'type': 'http.disconnect'}

    async def send(_: Any) -> None:
        pass

    await StreamingResponse(content())({'type': 'http', 'asgi': {'spec_version': '2.3'}}, receive, send)


every_way = pytest.mark.parametrize('cancel', [by_timeout, by_anyio_scope, by_anyio_group, by_a_disconnected_browser])


@pytest.fixture
def silent_port() -> Iterator[int]:
    """The port of a server that accepts connections and never answers."""
    with sockets.socket() as silent:
        silent.bind(('127.0.0.1', 0))
        silent.listen(50)
        yield silent.getsockname()[1]


@every_way
def test_a_wait_for_a_silent_server_does_not_spin(cancel: Callable[[Work], Awaitable[None]], silent_port: int) -> None:
    """It takes a few turns of the loop, until the client gives up; before, it took thousands."""

    async def main() -> None:
        client = redis.asyncio.Redis(port=silent_port, socket_timeout=1, retry=None)  # type: ignore[arg-type]
        init_cachify(async_client=client)
        one = pool('reports', max_size=1)

        async def work() -> None:
            async with one:
                raise AssertionError('granted')

        await cancel(work)
        await client.aclose()

    loop = CountingLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
        assert loop.turns < 500


class AnswersAllButTheFirst:
    """A client of the real server that never answers its first request."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.asked = 0

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        return await self._client.execute_command(*args, **options)

    async def eval(self, *args: Any) -> Any:
        return await self._client.eval(*args)

    async def evalsha(self, *args: Any) -> Any:
        self.asked += 1
        if self.asked == 1:
            await asyncio.Event().wait()
        return await self._client.evalsha(*args)


@every_way
def test_a_cancelled_acquire_does_not_wait_for_a_late_answer(
    cancel: Callable[[Work], Awaitable[None]], socket: str, server: 'redis.Redis'
) -> None:
    """The request is given up after a moment and undone; the undo is not cancelled again."""

    async def main() -> None:
        async with redis.asyncio.Redis(unix_socket_path=socket) as client:
            late: Any = AnswersAllButTheFirst(client)
            init_cachify(async_client=late)
            one = pool('reports', max_size=1)

            async def work() -> None:
                async with one:
                    raise AssertionError('granted')

            await cancel(work)
            assert late.asked == 2
            assert await one.asize() == 0
            async with one:
                assert await one.asize() == 1

    asyncio.run(main())
    [tombstones] = server.keys()
    assert b'~undone~' in tombstones


@every_way
def test_an_answer_in_time_is_waited_for(
    cancel: Callable[[Work], Awaitable[None]], monkeypatch: pytest.MonkeyPatch, socket: str, server: 'redis.Redis'
) -> None:
    """The slot is given back without a tombstone, and the connection stays in use."""
    monkeypatch.setattr(AsyncAtomicBackend, 'patience', 60.0)

    async def main() -> None:
        async with redis.asyncio.Redis(unix_socket_path=socket) as client:
            slow: Any = Slow(client)
            init_cachify(async_client=slow)
            one = pool('reports', max_size=1)

            async def work() -> None:
                async with one:
                    raise AssertionError('the body of a cancelled task ran')

            await cancel(work)
            assert slow.answered
            assert await one.asize() == 0

    asyncio.run(main())
    assert server.keys() == []


class Slow(AnswersAllButTheFirst):
    """A client that answers its first request after the cancellation."""

    answered = False

    async def evalsha(self, *args: Any) -> Any:
        reply = await self._client.evalsha(*args)
        if not self.answered:
            await asyncio.sleep(0.2)
            self.answered = True
        return reply


def test_a_plain_client_is_waited_for_however_late_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its late ``set`` would take a slot, and nothing could refuse it."""
    opened = asyncio.Event()

    class Late(AsyncDictClient):
        async def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
            await opened.wait()
            return await super().set(name, value, ex, nx)

    async def main() -> None:
        init_cachify(async_client=Late(DictClient()))
        one = pool('reports', max_size=1)
        task = asyncio.create_task(one.__aenter__())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0.3)
        assert not task.done()
        opened.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await one.asize() == 0

    asyncio.run(main())


@every_way
def test_what_follows_the_wait_is_cancelled_as_usual(cancel: Callable[[Work], Awaitable[None]], socket: str) -> None:
    """The wait is shielded; the code after it is not, nor is another wait of the same task."""
    seen: list[str] = []

    async def main() -> None:
        async with redis.asyncio.Redis(unix_socket_path=socket) as client:
            late: Any = AnswersAllButTheFirst(client)
            init_cachify(async_client=late)

            async def work() -> None:
                try:
                    async with pool('reports', max_size=1):
                        seen.append('granted')
                finally:
                    if cancel is not by_timeout:
                        # Within anyio, each further wait is cancelled too.
                        with pytest.raises(asyncio.CancelledError):
                            await asyncio.sleep(60)
                    seen.append('cleaned up')

            await cancel(work)
            await asyncio.sleep(0)

    asyncio.run(main())
    assert seen == ['cleaned up']
