"""A web framework runs a generator dependency in two threads: each request still has its slot."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import httpx
import pytest
import redis
from fastapi import BackgroundTasks, Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from py_cachify import CachifyPoolFullError, MemoryClient, WrappedFunctionPool, init_cachify, pool, pooled


REQUESTS = 60
SIZE = 8


def application(slots: pool) -> FastAPI:
    """An app with limits on three routes: a sync dependency, an async one, and a decorator."""
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
    """Return the status of many requests at once, of different lengths."""
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
    """Some are served, the others get 429, and in the end the pool is empty."""

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


class Order(BaseModel):
    """The body of a request."""

    name: str
    pages: int = 1


class Counter:
    """Handlers and dependencies that are methods."""

    def __init__(self, name: str) -> None:
        self.name = name

    @pooled('counter-{self.name}', max_size=1)
    def order(self, order: Order, x_urgent: Annotated[bool, Header()] = False) -> dict[str, object]:
        return {'order': order.name * order.pages, 'urgent': x_urgent, 'thread': threading.get_ident()}

    @pooled('counter-{self.name}', max_size=1)
    async def aorder(self, order: Order, x_urgent: Annotated[bool, Header()] = False) -> dict[str, object]:
        return {'order': order.name * order.pages, 'urgent': x_urgent, 'thread': threading.get_ident()}


@pooled('tokens', max_size=1)
def token(authorization: Annotated[str, Header()]) -> str:
    """A dependency, in a thread of the framework."""
    return f'{authorization} {threading.get_ident() != threading.main_thread().ident}'


@pooled('tokens', max_size=1)
async def atoken(authorization: Annotated[str, Header()]) -> str:
    """A dependency, on the event loop."""
    return f'{authorization} {threading.get_ident() != threading.main_thread().ident}'


@pooled('shops-{number}', max_size=1, on_full=lambda number: f'closed: {number}')
def shop(number: int) -> str:
    """A handler that can be refused."""
    return f'open: {number}'


def in_the_background(done: list[str]) -> Any:
    """Background tasks of a handler, sync and async."""

    @pooled('background', max_size=1)
    def later(name: str) -> None:
        done.append(f'{name} {threading.get_ident() != threading.main_thread().ident}')

    @pooled('background', max_size=1)
    async def alater(name: str) -> None:
        done.append(f'{name} {threading.get_ident() != threading.main_thread().ident}')

    async def handler(tasks: BackgroundTasks) -> None:
        tasks.add_task(later, 'sync')
        tasks.add_task(alater, name='async')

    return handler


def test_decorated_handlers_dependencies_and_tasks_are_called_as_they_would_be() -> None:
    """A sync one in a thread, an async one on the loop, each with its own parameters."""
    init_cachify()
    done: list[str] = []
    app = FastAPI()
    counter = Counter('a')
    app.post('/orders')(counter.order)
    app.post('/aorders')(counter.aorder)
    app.get('/shops/{number}')(shop)
    app.get('/background')(in_the_background(done))

    @app.get('/tokens')
    async def tokens(one: Annotated[str, Depends(token)], other: Annotated[str, Depends(atoken)]) -> list[str]:
        return [one, other]

    async def main() -> None:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url='http://pools') as client:
            for path, is_elsewhere in (('/orders', True), ('/aorders', False)):
                order = {'name': 'ab', 'pages': 2}
                answer = (await client.post(path, json=order, headers={'x-urgent': 'true'})).json()
                assert (answer['order'], answer['urgent']) == ('abab', True)
                assert (answer['thread'] != threading.get_ident()) == is_elsewhere
                assert (await client.post(path, json={'pages': 2})).status_code == 422
            assert (await client.get('/tokens', headers={'authorization': 'me'})).json() == ['me True', 'me False']
            assert (await client.get('/tokens')).status_code == 422
            async with pool('shops-7', max_size=1):
                assert (await client.get('/shops/7')).json() == 'closed: 7'
                assert (await client.get('/shops/8')).json() == 'open: 8'
            assert (await client.get('/shops/many')).status_code == 422
            assert (await client.get('/background')).status_code == 200
            assert done == ['sync True', 'async False']

    asyncio.run(main())


def test_the_schema_of_a_decorated_handler_is_that_of_the_function() -> None:
    """The framework documents the same parameters, body and description as without a pool."""

    def described(decorate: Any) -> Any:
        def order(number: int, order: Order, urgent: bool = False) -> str:
            """Order something."""
            return order.name

        async def aorder(number: int, order: Order, urgent: bool = False) -> str:
            """Order something, later."""
            return order.name

        app = FastAPI()
        for function in (order, aorder):
            app.post(f'/{function.__name__}/{{number}}', response_model=str)(decorate(function))
        return app.openapi()

    assert described(pooled('orders-{number}', max_size=1)) == described(lambda function: function)


def test_a_starlette_route_calls_a_decorated_function() -> None:
    """It takes a callable object for an application of its own, so only a real function will do."""
    init_cachify()

    @pooled('home', max_size=1, on_full=lambda request: PlainTextResponse('full', 429))
    async def home(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(await home.size(request)))

    @pooled('plain', max_size=1, on_full=lambda request: PlainTextResponse('full', 429))
    def plain(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(plain.size(request)))

    async def main() -> None:
        transport = httpx.ASGITransport(app=Starlette(routes=[Route('/home', home), Route('/plain', plain)]))
        async with httpx.AsyncClient(transport=transport, base_url='http://test') as client:
            for path in ('home', 'plain'):
                answer = await client.get(f'/{path}')
                assert (answer.status_code, answer.text) == (200, '1')
                async with pool(path, max_size=1):
                    answer = await client.get(f'/{path}')
                    assert (answer.status_code, answer.text) == (429, 'full')

    asyncio.run(main())


def test_a_pydantic_model_has_pooled_methods() -> None:
    """With one line of configuration; ``size`` knows the object."""
    init_cachify()

    class Report(BaseModel):
        model_config = ConfigDict(ignored_types=(WrappedFunctionPool,))
        name: str

        @pooled('model-{self.name}', max_size=1)
        def write(self, text: str) -> str:
            return f'{self.name}: {text}'

    report = Report(name='a')
    assert list(Report.model_fields) == ['name']
    assert report.write('text') == 'a: text'
    with pool('model-a', max_size=1):
        assert report.write('text') is None
        assert (report.write.size('text'), Report(name='b').write.size('text')) == (1, 0)
