"""Each example of the API reference, copied from the page, on every store.

The page calls ``init_cachify()`` without clients.  Each example runs here as it is (``page``: in
memory), and again on every store, with an ``init_cachify`` that has clients by default.  The tests
supply what the page leaves open (``do_work``, ``handle_full``).
"""

import ast
import functools
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

import py_cachify
from py_cachify import CachifyInitError, CachifyPoolFullError, MemoryClient, init_cachify
from tests.conftest import place_of
from tests.support.stores import STORES, AsyncDriver, Clients, make_clients


@pytest.fixture(params=['page', *STORES])
def clients(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    """The default clients of ``init_cachify()`` on each store; none for the page as it is."""
    if request.param == 'page':
        yield Clients(None, None, None)
        return
    made = make_clients(request.param, place_of(request.param, request))
    monkeypatch.setattr(
        py_cachify,
        'init_cachify',
        functools.partial(init_cachify, sync_client=made.sync, async_client=made.asynchronous),
    )
    yield made
    if hasattr(made.sync, 'close'):
        made.sync.close()


@pytest.fixture
def asynchronously(clients: Clients) -> AsyncDriver:
    """Runs a coroutine to its result, and closes the connections of its loop."""
    return AsyncDriver(clients)


class Names:
    """The names that an example has defined."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.__dict__ = names


async def _execute(example: str, **supplied: Any) -> Any:
    names = {'__name__': 'example', **supplied}
    code = compile(example, 'API reference', 'exec', flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)
    if inspect.isawaitable(result):
        await result
    return Names(names)


CONTEXT_MANAGERS = (
    """
async with pool(key='worker-pool', max_size=10):
    # Up to 10 concurrent executions across all processes
    await do_work()
""",
    """
with pool(key='worker-pool', max_size=10):
    # Synchronous work within pool capacity
    do_work()
""",
)


def test_the_context_managers(asynchronously: AsyncDriver) -> None:
    """Each body runs in one slot of ten; the eleventh holder is refused."""
    sizes: list[int] = []
    workers = py_cachify.pool(key='worker-pool', max_size=10)

    async def ado_work() -> None:
        sizes.append(await workers.asize())

    async def main() -> None:
        py_cachify.init_cachify()
        await _execute(CONTEXT_MANAGERS[0], pool=py_cachify.pool, do_work=ado_work)
        await _execute(CONTEXT_MANAGERS[1], pool=py_cachify.pool, do_work=lambda: sizes.append(workers.size()))
        assert sizes == [1, 1]
        assert (workers.size(), await workers.asize()) == (0, 0)

    asynchronously.run(main())


INSTANCE_METHOD = """
from py_cachify import init_cachify, pool


init_cachify()


# Create pool instance
worker_pool = pool(key='worker', max_size=5)


# Use instance method as decorator
@worker_pool.pooled(on_full=handle_full)
async def process_task(data: str) -> str:
    return f'processed-{data}'
"""


def test_the_instance_method_pooled(asynchronously: AsyncDriver) -> None:
    """It runs in the instance's pool; if that is full, ``handle_full`` receives its arguments."""

    def handle_full(*args: Any, **kwargs: Any) -> Any:
        return 'full', args, kwargs

    async def main() -> None:
        page = await _execute(INSTANCE_METHOD, handle_full=handle_full)
        assert await page.process_task('a') == 'processed-a'
        async with page.worker_pool, page.worker_pool, page.worker_pool, page.worker_pool:
            assert await page.process_task('a') == 'processed-a'
            async with page.worker_pool:
                assert await page.process_task.size('a') == 5
                assert await page.process_task('a') == ('full', ('a',), {})
                assert await page.process_task(data='b') == ('full', (), {'data': 'b'})
                with pytest.raises(TypeError, match="multiple values for argument 'data'"):
                    await page.process_task('a', data='b')
        assert await page.worker_pool.asize() == 0

    asynchronously.run(main())


ATTACHED_SIZE = """
from py_cachify import init_cachify, pooled


init_cachify()


@pooled(key='api-pool-{user_id}', max_size=5)
async def call_api(user_id: str) -> dict:
    return {'user_id': user_id}


async def main():
    # Check occupancy for user_id='123'
    occupancy = await call_api.size(user_id='123')
    print(f'Pool occupancy: {occupancy}')
"""


def test_the_attached_size(asynchronously: AsyncDriver, capsys: pytest.CaptureFixture[str]) -> None:
    """It counts the pool that a call with those arguments would use, and no other."""

    async def main() -> None:
        page = await _execute(ATTACHED_SIZE)
        assert await page.call_api('123') == {'user_id': '123'}
        await page.main()
        three = py_cachify.pool(key='api-pool-123', max_size=5)
        async with three, three, three, py_cachify.pool(key='api-pool-124', max_size=5):
            await page.main()

    asynchronously.run(main())
    assert capsys.readouterr().out.splitlines() == ['Pool occupancy: 0', 'Pool occupancy: 3']


INSTANCES = """
from py_cachify import init_cachify


# Global initialization
init_cachify()


# Local instance with independent pools
local_cachify = init_cachify(is_global=False, prefix='LOCAL-')


# Instance-based pool
local_pool = local_cachify.pool(key='local-worker', max_size=3)


async with local_pool:
    # Uses local instance, not global
    pass


# Instance-based decorator
@local_cachify.pooled(key='local-task', max_size=2)
async def local_task():
    pass
"""


def test_the_instances(asynchronously: AsyncDriver) -> None:
    """The local pools are independent of the global ones, on one client, by their prefix."""

    async def main() -> None:
        page = await _execute(INSTANCES)
        of_global = py_cachify.pool(key='local-worker', max_size=3)
        async with page.local_pool:
            assert (await page.local_pool.asize(), await of_global.asize()) == (1, 0)
        async with of_global:
            assert (await page.local_pool.asize(), await of_global.asize()) == (0, 1)
        task_pool = page.local_cachify.pool(key='local-task', max_size=2)
        async with task_pool, task_pool:
            assert await page.local_task.size() == 2
            assert await py_cachify.pool(key='local-task', max_size=2).asize() == 0

    asynchronously.run(main())


ERROR_HANDLING = """
import asyncio

from py_cachify import init_cachify, pool, CachifyPoolFullError


init_cachify()


async def attempt_work(worker_pool) -> None:
    try:
        async with worker_pool:
            print('Acquired slot and working')
            await asyncio.sleep(1)
    except CachifyPoolFullError:
        print('Pool full - skipping work')


async def main():
    worker_pool = pool(key='work-pool', max_size=2)

    # Try to run 4 workers in a pool of 2
    await asyncio.gather(*[attempt_work(worker_pool) for _ in range(4)])


if __name__ == '__main__':
    asyncio.run(main())
"""


def test_the_context_manager_with_error_handling(
    asynchronously: AsyncDriver, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two of the four work and two find the pool full."""

    async def main() -> None:
        page = await _execute(ERROR_HANDLING)
        await page.main()
        assert await py_cachify.pool(key='work-pool', max_size=2).asize() == 0

    asynchronously.run(main())
    assert sorted(capsys.readouterr().out.splitlines()) == [
        *['Acquired slot and working'] * 2,
        *['Pool full - skipping work'] * 2,
    ]


CALLBACK = """
from py_cachify import init_cachify, pooled


init_cachify()


def reschedule(*args, **kwargs):
    # Callback receives same args/kwargs as original function
    task_id = kwargs.get('task_id')
    print(f'Rescheduling task {task_id}')
    return {'rescheduled': True, 'task_id': task_id}


@pooled(key='task-pool', max_size=3, on_full=reschedule)
async def process_task(task_id: str) -> dict:
    return {'completed': True, 'task_id': task_id}
"""


def test_the_decorator_with_callback(asynchronously: AsyncDriver, capsys: pytest.CaptureFixture[str]) -> None:
    """The callback receives the refused call's arguments; its result is the call's result."""

    async def main() -> None:
        page = await _execute(CALLBACK)
        assert await page.process_task(task_id='7') == {'completed': True, 'task_id': '7'}
        three = py_cachify.pool(key='task-pool', max_size=3)
        async with three, three, three:
            assert await page.process_task(task_id='8') == {'rescheduled': True, 'task_id': '8'}

    asynchronously.run(main())
    assert capsys.readouterr().out.splitlines() == ['Rescheduling task 8']


DYNAMIC_KEYS = """
from py_cachify import init_cachify, pooled


init_cachify()


@pooled(key='user-limit-{user_id}', max_size=5, raise_on_full=True)
async def user_operation(user_id: str, data: str) -> dict:
    # Each user_id gets their own pool of size 5
    return {'user_id': user_id, 'processed': data}


async def main():
    # Different pools: 'user-limit-1' and 'user-limit-2'
    await user_operation(user_id='1', data='a')
    await user_operation(user_id='2', data='b')
"""


def test_the_dynamic_keys(asynchronously: AsyncDriver) -> None:
    """Each user has a pool of five: a full one refuses that user and no other."""

    async def main() -> None:
        page = await _execute(DYNAMIC_KEYS)
        await page.main()
        of_first = py_cachify.pool(key='user-limit-1', max_size=5)
        async with of_first, of_first, of_first, of_first, of_first:
            with pytest.raises(CachifyPoolFullError, match="'user-limit-1' is full: all 5 slots"):
                await page.user_operation(user_id='1', data='a')
            assert await page.user_operation(user_id='2', data='b') == {'user_id': '2', 'processed': 'b'}
            assert await page.user_operation.size(user_id='1') == 5

    asynchronously.run(main())


def test_the_signatures_of_the_page() -> None:
    """Every parameter has the name and the position that the page gives it."""
    for function, names in (
        (py_cachify.pool, ['key', 'max_size', 'slot_exp']),
        (py_cachify.pooled, ['key', 'max_size', 'on_full', 'raise_on_full', 'slot_exp']),
        (py_cachify.Cachify.pool, ['self', 'key', 'max_size', 'slot_exp']),
        (py_cachify.Cachify.pooled, ['self', 'key', 'max_size', 'on_full', 'raise_on_full', 'slot_exp']),
        (py_cachify.pool.pooled, ['self', 'on_full', 'raise_on_full']),
    ):
        parameters = inspect.signature(function).parameters
        by_position = [name for name, parameter in parameters.items() if parameter.kind is not parameter.KEYWORD_ONLY]
        assert by_position == names
        # What was added since is keyword-only.
        assert list(parameters)[: len(names)] == names
    parameters = inspect.signature(py_cachify.pooled).parameters
    assert parameters['on_full'].default is None
    assert parameters['raise_on_full'].default is False
    assert parameters['slot_exp'].default is py_cachify.UNSET
    assert inspect.signature(py_cachify.pool).parameters['slot_exp'].default is py_cachify.UNSET
    of_instance = inspect.signature(py_cachify.pool.pooled).parameters
    assert (of_instance['on_full'].default, of_instance['raise_on_full'].default) == (None, False)
    assert isinstance(py_cachify.UNSET, py_cachify.UnsetType)
    assert isinstance(py_cachify.pooled('reports', 1)(lambda: None), py_cachify.WrappedFunctionPool)


def test_the_signature_of_init_cachify() -> None:
    """Two clients by position or by name, the rest by name only, with the page's defaults.

    What is for locks and caches is accepted, and is ignored; ``identify`` is not on the page.
    """
    parameters = inspect.signature(init_cachify).parameters
    ignored = ['default_lock_expiration', 'default_cache_ttl', 'lock_poll_interval']
    assert {name: each.default for name, each in parameters.items()} == {
        'sync_client': None,
        'async_client': None,
        'prefix': 'PYC-',
        'default_pool_slot_expiration': 600,
        'is_global': True,
        'identify': True,
        **dict.fromkeys(ignored, py_cachify.UNSET),
    }
    by_name_only = [name for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY]
    documented = ['prefix', 'default_pool_slot_expiration', 'is_global']
    assert by_name_only == [*documented, 'identify', *ignored] == list(parameters)[2:]


def test_a_local_instance_does_not_initialize_the_global_functions() -> None:
    """``CachifyInitError`` if ``init_cachify()`` was not called with ``is_global=True``."""
    init_cachify(is_global=False)
    with pytest.raises(CachifyInitError):
        py_cachify.pool(key='reports', max_size=1).size()


def test_the_example_of_the_memory_client() -> None:
    """The text of the example, but half a minute passes without waiting."""
    text = inspect.cleandoc(MemoryClient.__doc__ or '')
    source = textwrap.dedent(text[text.index('    now = 0.0') :])
    exec(source, {'init_cachify': init_cachify, 'MemoryClient': MemoryClient, 'pool': py_cachify.pool})


def test_the_page_runs_as_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    """The example with ``asyncio.run``, as ``__main__``."""
    exec(compile(ERROR_HANDLING, 'API reference', 'exec'), {'__name__': '__main__'})
    assert len(capsys.readouterr().out.splitlines()) == 4
