"""A task queue runs decorated functions in its workers, and requeues a refused task."""

import asyncio
import inspect
import threading
from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO

from py_cachify import init_cachify, pool, pooled


ENOUGH = 30
"""In seconds: longer than any wait of a test."""

SOON = 20
"""In milliseconds: the delay before a refused task is tried again."""

NAMES = ['a', 'b', 'c', 'd', 'e', 'f']


@pytest.fixture
def broker(socket: str) -> Iterator[dramatiq.Broker]:
    """A queue on the real server, which also holds the pools."""
    with redis.Redis(unix_socket_path=socket) as queue, redis.Redis(unix_socket_path=socket) as pools:
        broker = RedisBroker(client=queue)  # type: ignore[no-untyped-call]
        broker.add_middleware(AsyncIO())
        init_cachify(pools)
        yield broker
        broker.close()


class Desk:
    """Where the tasks of a test report what happens to them, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self.most_at_once = 0
        self.done: list[str] = []
        self.one_was_refused = threading.Event()
        self.all_are_done = threading.Event()

    def begin(self) -> None:
        with self._lock:
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)

    def end(self, name: str) -> None:
        with self._lock:
            self._running -= 1
            self.done.append(name)
            if len(self.done) == len(NAMES):
                self.all_are_done.set()

    def hold(self, name: str) -> None:
        """A body that ends only after another task was refused."""
        self.begin()
        assert self.one_was_refused.wait(ENOUGH)
        self.end(name)

    async def ahold(self, name: str) -> None:
        """An ``async`` body that does so, and lets the other tasks of the loop run."""
        self.begin()
        assert await asyncio.to_thread(self.one_was_refused.wait, ENOUGH)
        self.end(name)


def send_all_and_work(broker: dramatiq.Broker, desk: Desk, task: 'dramatiq.Actor[Any, Any]') -> None:
    """Enqueue the tasks and let a worker of four threads run them all."""
    for name in NAMES:
        task.send(name, copies=2)
    worker = dramatiq.Worker(broker, worker_threads=4, worker_timeout=10)
    worker.start()
    try:
        assert desk.all_are_done.wait(ENOUGH)
    finally:
        worker.stop()
    assert sorted(desk.done) == NAMES
    assert desk.most_at_once == 1


def test_a_refused_task_is_put_back_and_runs_later(broker: dramatiq.Broker) -> None:
    """``on_full`` receives the task's arguments; no more run at once than the pool allows."""
    desk = Desk()

    def put_back(*args: Any, **kwargs: Any) -> None:
        desk.one_was_refused.set()
        report.send_with_options(args=args, kwargs=kwargs, delay=SOON)

    @dramatiq.actor(broker=broker)
    @pooled('reports', max_size=1, on_full=put_back)
    def report(name: str, *, copies: int) -> None:
        assert copies == 2
        desk.hold(name)

    send_all_and_work(broker, desk, report)
    function: Any = report.fn
    assert function.size('a') == pool('reports', max_size=1).size() == 0


def test_a_refused_async_task_is_put_back_and_runs_later(broker: dramatiq.Broker) -> None:
    """The queue runs an ``async`` task and its ``async`` ``on_full`` on its loop."""
    init_cachify()
    desk = Desk()

    async def put_back(*args: Any, **kwargs: Any) -> None:
        desk.one_was_refused.set()
        report.send_with_options(args=args, kwargs=kwargs, delay=SOON)

    @dramatiq.actor(broker=broker)
    @pooled('reports', max_size=1, on_full=put_back)
    async def report(name: str, *, copies: int) -> None:
        assert copies == 2
        await desk.ahold(name)

    send_all_and_work(broker, desk, report)
    assert pool('reports', max_size=1).size() == 0


def test_a_task_that_raises_on_full_is_tried_again_by_the_queue(broker: dramatiq.Broker) -> None:
    """To the queue a refusal is an error like any other, which it retries in its own way."""
    desk = Desk()

    @dramatiq.actor(broker=broker, max_retries=1000, min_backoff=SOON, max_backoff=SOON)
    def refused(name: str, *, copies: int) -> None:
        try:
            report(name, copies=copies)
        finally:
            desk.one_was_refused.set()

    @pooled('reports', max_size=1, raise_on_full=True)
    def report(name: str, *, copies: int) -> None:
        desk.hold(name)

    send_all_and_work(broker, desk, refused)
    assert pool('reports', max_size=1).size() == 0


def test_a_queue_that_checks_arguments_lets_those_of_the_function_pass() -> None:
    """Celery does so before it sends a task; of an object it asks ``__call__``, with ``self``."""

    @pooled('reports', max_size=1)
    def report(name: str, copies: int = 1) -> None: ...

    @pooled('reports', max_size=1)
    async def areport(name: str, copies: int = 1) -> None: ...

    class Printer:
        @pooled('reports', max_size=1)
        def method(self, name: str, copies: int = 1) -> None: ...

        @pooled('reports', max_size=1)
        async def amethod(self, name: str, copies: int = 1) -> None: ...

    functions: list[Any] = [report, areport, Printer().method, Printer().amethod]
    for function in functions:
        asked = function if inspect.isfunction(function) else function.__call__
        parameters = inspect.getfullargspec(asked)
        assert not parameters.args
        assert parameters.varargs
        assert parameters.varkw
        inspect.signature(asked).bind('a', copies=2)
