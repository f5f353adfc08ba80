"""huey runs decorated functions in the threads of its consumer, and retries a refused task."""

import signal
import threading
from collections.abc import Iterator
from typing import Any

import huey
import pytest
from huey.exceptions import RetryTask
from huey.signals import SIGNAL_RETRYING

from py_cachify import init_cachify, pool, pooled
from tests.library.frameworks.shared_desk import ENOUGH, NAMES, SIZE, empty_desk, hold, most_at_once, note_refusal


@pytest.fixture
def queue(socket: str) -> Iterator[Any]:
    """A queue on the real server."""
    # By default, a refusal that will be retried counts as the result of the task.
    queue = huey.RedisHuey(url=f'unix://{socket}', blocking=False, store_intermediate_errors=False)
    yield queue
    queue.storage.conn.connection_pool.disconnect()


@pytest.fixture
def consumer(queue: Any) -> Iterator[Any]:
    """A consumer of three threads, which also sets handlers of signals."""
    consumer = queue.create_consumer(workers=SIZE + 1, periodic=False, initial_delay=0.01, max_delay=0.01)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    there = set(threading.enumerate())
    consumer.start()
    yield consumer
    consumer.stop(graceful=True)
    # stop() does not wait for the scheduler, which may be opening a connection.
    for thread in set(threading.enumerate()) - there:
        thread.join(ENOUGH)
    for number, handler in before.items():
        signal.signal(number, handler)


def check(socket: str, queue: Any, report: Any) -> None:
    """Send tasks and wait for their results; no more run at once than the pool allows."""

    @queue.signal(SIGNAL_RETRYING)
    def note(*_: Any) -> None:
        note_refusal()

    with empty_desk(socket) as server:
        init_cachify(server)
        results = [report(name) for name in NAMES]
        done = [result.get(blocking=True, timeout=ENOUGH) for result in results]
        assert done == [f'{name} is done' for name in NAMES]
        assert most_at_once(server) == SIZE
        assert report.func.size('a') == pool('huey', max_size=SIZE).size() == 0


def test_a_refused_task_is_retried(socket: str, queue: Any, consumer: Any) -> None:
    """The task has the name of the function."""

    @queue.task(retries=10_000)
    @pooled('huey', max_size=SIZE, raise_on_full=True)
    def report(name: str) -> str:
        return hold(name)

    assert report.task_class.__name__ == 'report'
    check(socket, queue, report)


def test_a_refused_task_asks_for_a_retry(socket: str, queue: Any, consumer: Any) -> None:
    """Then the queue does not count its retries."""

    def try_again(name: str) -> None:
        raise RetryTask

    @queue.task()
    @pooled('huey', max_size=SIZE, on_full=try_again)
    def report(name: str) -> str:
        return hold(name)

    check(socket, queue, report)
