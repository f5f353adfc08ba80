"""A request in a cancelled task is completed first; what the client itself cancels is cancelled."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio
import pytest

from py_cachify._cancellation import Request


async def _in_a_task(work: Coroutine[Any, Any, Any], *cancel_after: int) -> tuple[Request[Any], bool]:
    """Await a request in a task that is cancelled after these turns; was it interrupted?"""
    request = Request(work)

    async def caller() -> None:
        await request

    task = asyncio.create_task(caller())
    for turns in cancel_after:
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel('by the test')
    await task
    return request, request.interruption is not None


def _run(work: Callable[[], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        return await work()

    return asyncio.run(main())


async def _reply(replies: 'asyncio.Queue[str]') -> str:
    first = await replies.get()
    await asyncio.sleep(0)
    return first + await replies.get()


@pytest.mark.parametrize('cancel_after', [(), (0,), (1,), (2,), (1, 0, 0), (1, 3, 1)])
def test_a_request_is_ended_whenever_its_task_is_cancelled(cancel_after: tuple[int, ...]) -> None:
    """Before it begins, while it waits, and repeatedly: it records the cancellation and ends."""

    async def work() -> None:
        replies: asyncio.Queue[str] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        loop.call_later(0.02, replies.put_nowait, 'a')
        loop.call_later(0.04, replies.put_nowait, 'b')
        if cancel_after == (0,):
            # A task that is cancelled before its first step never reaches the request.
            with pytest.raises(asyncio.CancelledError):
                await _in_a_task(coroutine := _reply(replies), 0)
            coroutine.close()
            return
        request, interrupted = await _in_a_task(_reply(replies), *cancel_after)
        assert request.result() == 'ab'
        assert interrupted == bool(cancel_after)
        if request.interruption is not None:
            assert request.interruption.args == ('by the test',)

    _run(work)


def test_a_cancellation_during_a_bare_turn_of_the_loop_is_kept_back_as_well() -> None:
    """``asyncio.sleep(0)`` waits for no future; the request still continues."""

    async def turns() -> str:
        for _ in range(5):
            await asyncio.sleep(0)
        return 'done'

    async def work() -> None:
        request, interrupted = await _in_a_task(turns(), 3)
        assert (request.result(), interrupted) == ('done', True)

    _run(work)


async def _timeout() -> None:
    async with asyncio.timeout(0.01):
        await asyncio.Event().wait()


async def _wait_for() -> None:
    await asyncio.wait_for(asyncio.Event().wait(), 0.01)


async def _timeout_that_is_over() -> None:
    async with asyncio.timeout(0):
        await asyncio.Event().wait()


@pytest.mark.parametrize('client', [_timeout, _wait_for, _timeout_that_is_over])
@pytest.mark.parametrize('cancel_after', [(), (2,)])
def test_the_clients_own_time_out_ends_a_request(
    client: Callable[[], Coroutine[Any, Any, None]], cancel_after: tuple[int, ...]
) -> None:
    """It cancels the current task, which is the request, even while the outer task is cancelled."""

    async def work() -> None:
        request, interrupted = await _in_a_task(client(), *cancel_after)
        assert isinstance(request.exception(), TimeoutError)
        assert not request.cancelled()
        assert interrupted == bool(cancel_after)

    _run(work)


def test_a_time_out_around_a_request_waits_for_it_and_is_a_time_out_then() -> None:
    """The outer ``asyncio.timeout`` withdraws its cancellation once the request allows it."""

    async def in_time(request: Request[str]) -> None:
        async with asyncio.timeout(0.01):
            await request
            assert request.interruption is not None
            raise request.interruption

    async def work() -> str:
        request = Request(asyncio.sleep(0.05, 'reply'))
        with pytest.raises(TimeoutError):
            await in_time(request)
        current = asyncio.current_task()
        assert current is not None
        assert current.cancelling() == 0
        return request.result()

    assert _run(work) == 'reply'


def test_a_client_may_use_a_task_group() -> None:
    """A failing task cancels the others and the request, which reports the failure."""

    async def fails() -> None:
        raise ZeroDivisionError

    async def client() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())
            await asyncio.Event().wait()

    async def work() -> None:
        request, interrupted = await _in_a_task(client())
        assert isinstance(request.exception(), ExceptionGroup)
        assert not interrupted

    _run(work)


async def _cancels_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel('by itself')
    await asyncio.Event().wait()


async def _fail_after() -> None:
    with anyio.fail_after(0.01):
        await anyio.Event().wait()


async def _move_on_after_within_a_shield() -> None:
    with anyio.CancelScope(shield=True), anyio.move_on_after(0.01):
        await anyio.Event().wait()
    raise TimeoutError


@pytest.mark.parametrize('client', [_fail_after, _move_on_after_within_a_shield])
def test_the_scopes_of_anyio_end_a_request(client: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """They need more from a task than asyncio does."""

    async def work() -> None:
        request, interrupted = await _in_a_task(client())
        assert isinstance(request.exception(), TimeoutError)
        assert not interrupted

    _run(work)


def test_a_request_that_is_cancelled_while_it_runs_is_so_at_its_next_wait() -> None:
    """Not after that wait has ended, which may be never."""

    async def work() -> None:
        request, interrupted = await _in_a_task(_cancels_itself())
        assert request.cancelled()
        assert str(request.exception()) == 'by itself'
        assert not interrupted

    _run(work)


def test_a_time_out_in_the_turn_in_which_its_wait_fails_is_a_time_out_and_no_more() -> None:
    """The client's next wait is not cancelled again."""

    async def work() -> None:
        loop = asyncio.get_running_loop()

        async def client() -> str:
            reader: asyncio.Future[str] = loop.create_future()
            request = asyncio.current_task()
            assert request is not None

            def lose_and_time_out() -> None:
                reader.set_exception(OSError('lost'))
                request.cancel()

            loop.call_later(0.01, lose_and_time_out)
            try:
                await reader
            except asyncio.CancelledError:
                request.uncancel()
            except OSError:
                raise AssertionError('a task would have been cancelled') from None
            await asyncio.sleep(0.01)
            return 'tried again'

        request, interrupted = await _in_a_task(client())
        assert not interrupted
        assert request.result() == 'tried again'

    _run(work)


def test_a_request_may_make_requests() -> None:
    """A client that uses a pool itself, and whose own connection is closed."""

    async def work() -> None:
        reader: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def read() -> str:
            return await reader

        async def client() -> bool:
            inner = Request(read())
            await inner
            return inner.cancelled()

        asyncio.get_running_loop().call_later(0.01, reader.cancel)
        request, interrupted = await _in_a_task(client())
        assert (request.result(), interrupted) == (True, False)

    _run(work)


def test_what_a_request_waits_for_may_be_cancelled() -> None:
    """Closing a connection cancels its readers: then the request is cancelled, but not its task."""

    async def work() -> None:
        loop = asyncio.get_running_loop()
        reader: asyncio.Future[str] = loop.create_future()

        async def read() -> str:
            return await reader

        loop.call_later(0.01, reader.cancel)
        request, interrupted = await _in_a_task(read())
        assert request.cancelled()
        assert not interrupted

    _run(work)


def test_the_current_task_is_the_request_within_and_the_task_outside() -> None:
    """At each step, also after an error."""

    async def work() -> None:
        seen: list[Any] = []

        async def client() -> None:
            seen.append(asyncio.current_task())
            await asyncio.sleep(0)
            seen.append(asyncio.current_task())
            raise ZeroDivisionError

        outer = asyncio.current_task()
        request = Request(client())
        await request
        assert asyncio.current_task() is outer
        assert seen == [request, request]
        with pytest.raises(ZeroDivisionError):
            request.result()

    _run(work)


def test_a_request_that_is_thrown_away_is_closed() -> None:
    """Like any coroutine: its ``finally`` runs at once, even while others refer to the request."""
    ends: list[str] = []
    requests: list[Request[None]] = []

    async def client() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append('closed')

    async def caller() -> None:
        requests.append(Request(client()))
        await requests[0]

    async def work() -> None:
        coroutine = caller()
        coroutine.send(None)
        coroutine.close()
        assert ends == ['closed']

    _run(work)
