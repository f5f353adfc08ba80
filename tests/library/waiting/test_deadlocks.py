"""Who waits for itself is told so, where that can be seen; who blocks a loop is warned."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from py_cachify import Cachify, CachifyDeadlockError, CachifyPoolTimeoutError, init_cachify, pool, pooled
from tests.library.waiting.crowd import LIMIT, Thread, until
from tests.support.stores import AsyncDriver, Clients, Driver


pytestmark = [pytest.mark.quick, pytest.mark.usefixtures('cachify')]


def of_size(max_size: int, wait: Any = None, **options: Any) -> pool:
    return pool('reports', max_size=max_size, wait=wait, **options)


@pytest.fixture(autouse=True)
def _nobody_was_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('py_cachify._waiting._warned_of_blocking', False)


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    """Runs a function in another thread."""
    with ThreadPoolExecutor(1) as made:
        yield made


def run_or_fail(run: Callable[[], object]) -> None:
    """Run a test that would wait for itself forever if nobody told it."""
    errors: list[BaseException] = []

    def noted() -> None:
        try:
            run()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=noted, daemon=True)
    thread.start()
    thread.join(LIMIT / 3)
    assert not thread.is_alive(), 'it waits for itself'
    if errors:
        raise errors[0]


async def nested(driver: Driver, pools: list[pool], body: Callable[[], Awaitable[None]]) -> None:
    """Enter one pool after the other, each in a function that is executing meanwhile."""
    if not pools:
        await body()
    elif driver.name == 'sync':
        with pools[0]:
            await nested(driver, pools[1:], body)
    else:
        async with pools[0]:
            await nested(driver, pools[1:], body)


# --- with wait=None, who holds all slots itself


@pytest.mark.parametrize('max_size', [1, 3])
@pytest.mark.parametrize('waits', [False, True])
def test_who_holds_all_slots_does_not_wait_for_one_more(driver: Driver, max_size: int, waits: bool) -> None:
    """Whether the pool that took them waits or not; it keeps them, and nothing else is taken."""
    holding = of_size(max_size, None if waits else 0)
    who = 'thread' if driver.name == 'sync' else 'task'
    slots = 'the only slot' if max_size == 1 else f'all {max_size} slots'

    async def one_more() -> None:
        with pytest.raises(CachifyDeadlockError) as refused:
            async with driver.hold(of_size(max_size)):
                raise AssertionError('the body ran')
        assert str(refused.value) == (
            f"pool 'PYC-reports': this {who} holds {slots} itself and would wait forever: give a slot back before you"
            ' wait for another one'
        )
        assert await driver.size(holding) == max_size

    async def body() -> None:
        await nested(driver, [holding] * max_size, one_more)
        assert await driver.size(holding) == 0
        async with driver.hold(of_size(max_size)):
            assert await driver.size(holding) == 1

    run_or_fail(lambda: driver.run(body()))


def test_a_function_that_calls_itself_is_told(driver: Driver) -> None:
    """A decorated function that waits, with one slot."""

    @pooled(key='reports', max_size=1, wait=None)
    def work(depth: int) -> int | None:
        return work(depth - 1) if depth else 0

    @pooled(key='reports', max_size=1, wait=None)
    async def awork(depth: int) -> int | None:
        return await awork(depth - 1) if depth else 0

    async def body() -> None:
        call = work if driver.name == 'sync' else awork
        with pytest.raises(CachifyDeadlockError):
            await driver.result(call(1))
        assert await driver.result(call(0)) == 0
        assert await driver.size(of_size(1)) == 0

    run_or_fail(lambda: driver.run(body()))


def test_with_a_number_of_seconds_it_waits_so_long(driver: Driver) -> None:
    """A time-out is no deadlock."""

    async def body() -> None:
        async with driver.hold(of_size(1)):
            with pytest.raises(CachifyPoolTimeoutError):
                async with driver.hold(of_size(1, 0.02)):
                    pass

    driver.run(body())


def test_who_holds_some_of_the_slots_waits(driver: Driver) -> None:
    """Another thread holds the other one, and gives it back."""

    async def body() -> None:
        async with driver.hold(of_size(2)):
            other = Thread(of_size(2))
            assert other.entered.wait(LIMIT)
            other.leave()
            async with driver.hold(of_size(2)):
                assert await driver.size(of_size(2)) == 2

    driver.run(body())


def test_what_was_given_back_is_not_held(driver: Driver) -> None:
    """Neither is the slot of another key."""

    async def body() -> None:
        async with driver.hold(of_size(1)):
            pass
        async with driver.hold(pool('other', max_size=1)):
            other = Thread(of_size(1, 0))
            assert other.entered.wait(LIMIT)
            other.leave()
            async with driver.hold(of_size(1)):
                pass

    driver.run(body())


def test_what_an_interrupt_gave_back_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C between the grant and the body; the thread could not wait for this pool any more."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr('py_cachify._entries.Entries.add', interrupt)
        with pytest.raises(KeyboardInterrupt), of_size(1):
            raise AssertionError('the body ran')
    other = Thread(of_size(1, 0))
    assert other.entered.wait(LIMIT)
    other.leave()
    with of_size(1):
        assert of_size(1).size() == 1


def test_a_waiter_does_not_go_through_the_pools_of_the_others(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where each task makes the pool it waits for, twice as many would take four times as long."""
    asked: list[pool] = []

    def note(of: pool) -> tuple[()]:
        asked.append(of)
        return ()

    async def wait() -> None:
        async with of_size(2):
            await asyncio.sleep(0)

    async def crowd() -> None:
        await asyncio.gather(*(wait() for _ in range(40)))

    monkeypatch.setattr(pool, '_known_slots', note)
    AsyncDriver(clients).run(crowd())
    assert not [of for of in asked if of._waiting is not None]


def test_another_prefix_is_another_pool(driver: Driver, clients: Clients) -> None:
    """The same key in it is held by somebody else."""
    local = init_cachify(clients.sync, clients.asynchronous, prefix='LOCAL-', is_global=False)

    async def body() -> None:
        async with driver.hold(local.pool('reports', max_size=1)):
            async with driver.hold(of_size(1)):
                pass

    driver.run(body())


def test_the_tasks_of_one_loop_wait_for_each_other(clients: Clients) -> None:
    """Only a task that holds the slot itself is refused; others get it when it leaves."""

    async def visit(of: pool) -> None:
        async with of:
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.wait_for(asyncio.gather(*(visit(of_size(1)) for _ in range(5))), LIMIT)

    AsyncDriver(clients).run(main())


# --- a `with` in the thread of an event loop


def test_a_with_that_stops_the_tasks_it_waits_for_is_refused(clients: Clients) -> None:
    """Whatever ``wait`` is: no task can give its slot back meanwhile."""

    async def hold(of: pool, entered: asyncio.Event, leave: asyncio.Event) -> None:
        async with of:
            entered.set()
            await leave.wait()

    async def main() -> None:
        leave = asyncio.Event()
        tasks = []
        for _ in range(2):
            entered = asyncio.Event()
            tasks.append(asyncio.create_task(hold(of_size(2, 0), entered, leave)))
            await entered.wait()
        for wait in (0.1, None):
            with pytest.raises(CachifyDeadlockError, match='tasks of the event loop that this thread runs hold all 2'):
                with of_size(2, wait):
                    raise AssertionError('the body ran')
        assert await of_size(2).asize() == 2
        leave.set()
        await asyncio.gather(*tasks)
        assert await of_size(2).asize() == 0

    run_or_fail(lambda: AsyncDriver(clients).run(main()))


def test_any_other_with_in_the_thread_of_a_loop_waits_and_is_logged_once(
    clients: Clients, caplog: pytest.LogCaptureFixture, thread: ThreadPoolExecutor
) -> None:
    """Notebooks run on a loop: a thread gives the slot back while the loop stands still."""

    def give_back(stack: ExitStack) -> None:
        until(lambda: any('event loop' in record.getMessage() for record in caplog.records))
        stack.close()

    async def main() -> None:
        for _ in range(2):
            stack = ExitStack()
            thread.submit(stack.enter_context, of_size(1, 0)).result()
            left = thread.submit(give_back, stack)
            with of_size(1):
                pass
            left.result()

    AsyncDriver(clients).run(main())
    records = [record for record in caplog.records if record.name == 'py_cachify']
    assert [(record.levelno, record.args) for record in records] == [(logging.WARNING, ('PYC-reports',))]
    assert 'use `async with` there (this is logged once)' in records[0].getMessage()


def test_a_with_that_need_not_wait_is_not_logged(clients: Clients, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        with of_size(2), of_size(2, LIMIT):
            pass

    AsyncDriver(clients).run(main())
    assert not caplog.records


def test_a_task_that_waits_is_not_logged(cachify: Cachify, clients: Clients, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with of_size(1):
            with pytest.raises(CachifyPoolTimeoutError):
                async with of_size(1, 0.02):
                    pass

    AsyncDriver(clients).run(main())
    assert not caplog.records


def test_a_generator_that_the_same_thread_has_begun_does_not_count() -> None:
    """A web framework runs the halves of a dependency for one request in any of its threads.

    So the thread of a suspended generator may serve another request, which is right to wait.
    """
    served = []

    def dependency() -> Generator[None]:
        with of_size(1):
            yield

    def serve_two() -> None:
        first = dependency()
        next(first)
        other = threading.Thread(target=first.close)
        threading.Timer(0.05, other.start).start()
        with of_size(1):
            served.append('the second request')

    run_or_fail(serve_two)
    assert served == ['the second request']
