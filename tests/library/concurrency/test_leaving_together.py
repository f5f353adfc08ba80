"""Slots that are left at the same instant are all given back, however few connections there are.

A release that the client could not send is requested again; an acquire that it could not send
needs no undo.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import redis
import redis.asyncio

from py_cachify import Slot, init_cachify, pool
from py_cachify import _retries as retries_module
from py_cachify._retries import QUICK_FAILURE, Retries
from py_cachify._unsent import LONGEST_PAUSE, UNSENT_LIMIT
from tests.support.stores import DictClient


# --- on a real server


@pytest.mark.parametrize(
    ('tasks', 'slot_exp', 'options'),
    [(40, 600, {'max_connections': 2}), (250, 600, {}), (5000, 600, {}), (1000, None, {'socket_timeout': 60})],
    ids=['two connections', 'the default client', 'five thousand', 'a thousand slots for ever'],
)
def test_tasks_that_leave_together_leave_nothing(
    socket: str, tasks: int, slot_exp: float | None, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """All exits end without an error or a warning, and the pool is empty.

    The client waits long for answers, because a busy machine may take longer than its default.
    """

    async def main() -> int:
        client = redis.asyncio.Redis(unix_socket_path=socket, **options)
        init_cachify(async_client=client)
        go, all_are_in, entering = asyncio.Event(), asyncio.Event(), asyncio.Semaphore(1)
        entered: list[Slot] = []

        async def body() -> None:
            one = pool('reports', max_size=tasks, slot_exp=slot_exp)
            async with entering:
                entered.append(await one.__aenter__())
            if len(entered) == tasks:
                all_are_in.set()
            await go.wait()
            await one.__aexit__(None, None, None)

        running = [asyncio.create_task(body()) for _ in range(tasks)]
        await asyncio.wait_for(all_are_in.wait(), 60)
        go.set()
        await asyncio.gather(*running)
        left = await pool('reports', max_size=tasks).asize()
        await client.aclose()
        return left

    assert asyncio.run(main()) == 0
    assert caplog.text == ''


@pytest.mark.parametrize('slot_exp', [600, None])
def test_threads_that_leave_together_leave_nothing(
    socket: str, slot_exp: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    client = redis.Redis(unix_socket_path=socket, max_connections=2)
    init_cachify(client)
    entering, together = threading.Lock(), threading.Barrier(60)
    left: list[bool] = []

    def body() -> None:
        one = pool('reports', max_size=60, slot_exp=slot_exp)
        with entering:
            one.__enter__()
        together.wait()
        one.__exit__(None, None, None)
        left.append(True)

    threads = [threading.Thread(target=body) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(left) == 60
    assert pool('reports', max_size=60).size() == 0
    assert caplog.text == ''
    client.close()


@pytest.fixture
def crowded(socket: str) -> 'Iterator[redis.Redis]':
    """A client with one connection, which is in use."""
    with redis.Redis(unix_socket_path=socket, max_connections=1) as client:
        client.ping()
        connections: Any = client.connection_pool
        connection = connections.get_connection()
        yield client
        connections.release(connection)


def test_an_acquire_that_was_never_sent_leaves_no_doubt(
    crowded: 'redis.Redis', caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the error nor the log says that a slot may stay taken."""
    caplog.set_level(logging.INFO, 'py_cachify')
    init_cachify(crowded)
    with pytest.raises(redis.exceptions.MaxConnectionsError) as raised, pool('reports', max_size=1):
        raise AssertionError('the body ran without a slot')
    assert not hasattr(raised.value, '__notes__')
    assert 'was never sent, so no slot stays taken' in caplog.text


def test_a_blocking_pool_that_ran_out_is_recognised(socket: str, caplog: pytest.LogCaptureFixture) -> None:
    """Its error has no class of its own."""
    blocking: Any = redis.BlockingConnectionPool
    waiting = blocking(connection_class=redis.UnixDomainSocketConnection, path=socket, max_connections=1, timeout=0.01)
    client = redis.Redis(connection_pool=waiting)
    connection = waiting.get_connection()
    init_cachify(client)
    with pytest.raises(redis.ConnectionError, match='No connection available') as raised, pool('reports', max_size=1):
        raise AssertionError('the body ran without a slot')
    assert not hasattr(raised.value, '__notes__')
    waiting.release(connection)

    one = pool('reports', max_size=1, slot_exp=None)
    one.__enter__()
    connection = waiting.get_connection()
    threading.Timer(0.3, waiting.release, [connection]).start()
    one.__exit__(None, None, None)
    assert one.size() == 0
    assert caplog.text == ''
    client.close()


# --- the decision


class MaxConnectionsError(ConnectionError):
    """As other client packages have one."""


class Crowded(DictClient):
    """A client that finds its connections in use some times before a delete, or always."""

    def __init__(self, refusals: float) -> None:
        super().__init__()
        self.refusals = refusals

    def delete(self, *names: str) -> None:
        self.refusals -= 1
        if self.refusals >= 0:
            raise MaxConnectionsError('Too many connections')
        super().delete(*names)


def test_a_release_that_is_sent_late_is_neither_a_failure_nor_an_overrun(caplog: pytest.LogCaptureFixture) -> None:
    init_cachify(Crowded(refusals=5))
    one = pool('reports', max_size=1)
    with one:
        pass
    assert one.size() == 0
    assert caplog.text == ''


def test_after_the_limit_the_failure_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As with any failed release; a slot for ever raises it."""
    monkeypatch.setattr(retries_module, 'UNSENT_LIMIT', 0.05)
    init_cachify(Crowded(refusals=float('inf')))
    with pool('reports', max_size=2):
        pass
    assert 'a slot could not be given back (MaxConnectionsError' in caplog.text
    with pytest.raises(MaxConnectionsError), pool('reports', max_size=2, slot_exp=None):
        pass


def test_a_release_that_cannot_be_sent_gives_up_when_its_slot_expires(caplog: pytest.LogCaptureFixture) -> None:
    """There is nothing left to give back, and the exit need not last 30 s."""
    init_cachify(Crowded(refusals=float('inf')))
    with pool('reports', max_size=1, slot_exp=0.05):
        pass
    assert 'a slot could not be given back' in caplog.text


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the time that the decision sees; it begins at 0."""
    now = [0.0]
    monkeypatch.setattr(retries_module, 'time', SimpleNamespace(monotonic=lambda: now[0]))

    def set_to(instant: float) -> None:
        now[0] = instant

    return set_to


@pytest.mark.parametrize(('expires', 'end'), [(None, UNSENT_LIMIT), (600.0, UNSENT_LIMIT), (5.0, 5.0)])
def test_an_unsent_release_has_30_s_or_the_life_of_its_slot(
    clock: Callable[[float], None], expires: float | None, end: float
) -> None:
    """The pauses grow to a limit and never lead beyond the end; nothing may have arrived."""
    retries = Retries(0.0, expires)
    pauses = [retries.pause_after(MaxConnectionsError()) or 0.0 for _ in range(50)]
    assert 0 < pauses[0] <= 0.001
    assert LONGEST_PAUSE / 2 <= max(pauses) <= LONGEST_PAUSE
    clock(end - 0.0001)
    last = retries.pause_after(MaxConnectionsError())
    assert last is not None
    assert last <= 0.0001 + 1e-9
    clock(end)
    assert retries.pause_after(MaxConnectionsError()) is None
    assert not retries.may_have_arrived


def test_another_error_keeps_its_bound_however_long_the_release_was_unsent(clock: Callable[[float], None]) -> None:
    """Once more, and only if this very request failed quickly."""
    retries = Retries(0.0, None)
    assert retries.pause_after(MaxConnectionsError()) is not None
    clock(20.0)
    retries.begin()
    clock(20.0 + QUICK_FAILURE / 2)
    assert retries.pause_after(ConnectionError()) == 0
    assert retries.may_have_arrived
    assert retries.pause_after(ConnectionError()) is None

    slow = Retries(0.0, None)
    assert slow.pause_after(ConnectionError()) is None
    assert not slow.may_have_arrived


def test_a_cluster_client_may_have_sent_what_it_says_it_could_not(caplog: pytest.LogCaptureFixture) -> None:
    """It repeats requests itself, and notes the node on the error: the acquire is undone."""
    caplog.set_level(logging.INFO, 'py_cachify')

    class Cluster(DictClient):
        def set(self, *args: Any, **kwargs: Any) -> Any:
            super().set(*args, **kwargs)
            error = MaxConnectionsError()
            error.connection = 'the node'  # type: ignore[attr-defined]
            raise error

    init_cachify(Cluster())
    one = pool('reports', max_size=1)
    with pytest.raises(MaxConnectionsError), one:
        raise AssertionError('the body ran without a slot')
    assert one.size() == 0
    assert 'and was undone' in caplog.text


def test_a_cancelled_task_waits_to_give_its_slot_back(socket: str, caplog: pytest.LogCaptureFixture) -> None:
    """Until a connection is free; then it is cancelled."""

    async def main() -> None:
        client = redis.asyncio.Redis(unix_socket_path=socket, max_connections=1)
        init_cachify(async_client=client)
        one = pool('reports', max_size=1, slot_exp=None)
        await one.__aenter__()
        connections: Any = client.connection_pool
        connection = await connections.get_connection()
        leaving = asyncio.create_task(one.__aexit__(None, None, None))
        await asyncio.sleep(0.02)
        for _ in range(3):
            leaving.cancel()
            await asyncio.sleep(0.02)
        assert not leaving.done()
        await connections.release(connection)
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert await one.asize() == 0
        await client.aclose()

    asyncio.run(main())
    assert caplog.text == ''
