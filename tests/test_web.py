"""A web framework runs a generator dependency in one thread first and then in another: each request has its slot."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

import httpx
import pytest
import redis
from fastapi import Depends, FastAPI, HTTPException

from py_cachify import CachifyPoolFullError, MemoryClient, init_cachify, pool, pooled


REQUESTS = 60
SIZE = 8


def application(slots: pool) -> FastAPI:
    """An app with a limit on two of its ways, by a sync and an async dependency, and on a third by a decorator."""
    app = FastAPI()

    def in_threads() -> Iterator[None]:
        try:
            with slots:
                yield
        except CachifyPoolFullError as full:
            raise HTTPException(429, str(full)) from full

    async def in_tasks() -> AsyncIterator[None]:
        try:
            async with slots:
                yield
        except CachifyPoolFullError as full:
            raise HTTPException(429, str(full)) from full

    @app.get('/threads')
    def threads(_: Annotated[None, Depends(in_threads)], hold: float = 0.0) -> int:
        asyncio.run(asyncio.sleep(hold))
        return slots.size()

    @app.get('/tasks')
    async def tasks(_: Annotated[None, Depends(in_tasks)], hold: float = 0.0) -> int:
        await asyncio.sleep(hold)
        return await slots.asize()

    @app.get('/decorated/{name}')
    @pooled('web-{name}', max_size=2, raise_on_full=True)
    async def decorated(name: str, hold: float = 0.0) -> str:
        await asyncio.sleep(hold)
        return name

    return app


async def gets(app: FastAPI, path: str) -> list[int]:
    """The status of many requests at once, of different lengths."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url='http://pools') as client:
        answers = await asyncio.gather(
            *(client.get(path, params={'hold': 0.001 * (number % 7)}) for number in range(REQUESTS))
        )
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize('path', ['/threads', '/tasks'])
@pytest.mark.parametrize('store', ['memory', 'valkey'])
def test_a_generator_dependency_gives_each_request_a_slot_of_its_own(
    store: str, path: str, request: pytest.FixtureRequest
) -> None:
    """Some are served, the others get 429, and when all are done the pool is empty."""

    async def main() -> None:
        if store == 'memory':
            init_cachify(MemoryClient())
            await run()
            return
        socket = request.getfixturevalue('socket')
        async with redis.asyncio.Redis(unix_socket_path=socket) as asynchronous:
            with redis.Redis(unix_socket_path=socket) as sync:
                init_cachify(sync, asynchronous)
                await run()

    async def run() -> None:
        slots = pool('web', max_size=SIZE, slot_exp=60)
        for _ in range(3):
            answers = await gets(application(slots), path)
            assert set(answers) <= {200, 429}
            assert answers.count(200) >= SIZE
            assert await slots.asize() == 0
            assert not slots._entries
            assert not slots._async_entries

    asyncio.run(main())


def test_a_decorated_handler_keeps_its_signature() -> None:
    """The framework reads its parameters and runs it as the coroutine function that it is."""
    init_cachify()

    async def main() -> None:
        app = application(pool('web', max_size=SIZE))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url='http://pools') as client:
            assert (await client.get('/decorated/a', params={'hold': 0})).json() == 'a'
            assert (await client.get('/decorated/a', params={'hold': 'long'})).status_code == 422

    asyncio.run(main())
