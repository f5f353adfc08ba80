"""Define what each kind of fault does in virtual time.

Each effect is a context manager that begins the fault and, at the end, undoes it.  A fault of
several workers hits them in the order given and ends in the same order.  The random streams of a
run depend on that order.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from simulations.engine.stepwise.server import Server
from simulations.engine.stepwise.worker import Worker
from simulations.faults import (
    Crash,
    Failover,
    Fault,
    FlushScripts,
    LoseMessages,
    LoseReplies,
    LoseRequests,
    Partition,
    Pause,
    Restart,
    ServerClock,
    ServerPause,
    Slow,
    WorkerClock,
)


def effect(fault: Fault, workers: Sequence[Worker], server: Server) -> AbstractContextManager[None]:
    """Return the context manager within which ``fault`` affects ``workers`` or the server."""
    for kind in type(fault).__mro__:
        if kind in ON_WORKERS:
            return ON_WORKERS[kind](fault, workers)
        if kind in ON_SERVER:
            return ON_SERVER[kind](fault, server)
    raise TypeError(f'the fault {fault.kind!r} has no effect in virtual time: choose one of simulations.faults.KINDS')


# --- workers


@contextmanager
def _crash(_: Crash, workers: Sequence[Worker]) -> Iterator[None]:
    for worker in workers:
        worker.die()
    yield
    for worker in workers:
        worker.come_back()


@contextmanager
def _pause(_: Pause, workers: Sequence[Worker]) -> Iterator[None]:
    for worker in workers:
        worker.pause()
    yield
    for worker in workers:
        worker.resume()


@contextmanager
def _slow(fault: Slow, workers: Sequence[Worker]) -> Iterator[None]:
    for worker in workers:
        worker.slower += fault.by
    yield
    for worker in workers:
        worker.slower -= fault.by


@contextmanager
def _lose_requests(fault: LoseRequests, workers: Sequence[Worker]) -> Iterator[None]:
    for worker in workers:
        worker.lost_requests.append(fault.share)
    yield
    for worker in workers:
        worker.lost_requests.remove(fault.share)


@contextmanager
def _lose_replies(fault: LoseReplies, workers: Sequence[Worker]) -> Iterator[None]:
    for worker in workers:
        worker.lost_replies.append(fault.share)
    yield
    for worker in workers:
        worker.lost_replies.remove(fault.share)


@contextmanager
def _lose_messages(fault: LoseMessages, workers: Sequence[Worker]) -> Iterator[None]:
    for worker in workers:
        worker.lost_messages.append(fault.share)
    yield
    for worker in workers:
        worker.lost_messages.remove(fault.share)


@contextmanager
def _partition(_: Partition, workers: Sequence[Worker]) -> Iterator[None]:
    for worker in workers:
        worker.cut += 1
    yield
    for worker in workers:
        worker.cut -= 1


@contextmanager
def _worker_clock(fault: WorkerClock, workers: Sequence[Worker]) -> Iterator[None]:
    for worker in workers:
        worker.ahead += fault.by
    yield
    if _ends(fault):
        for worker in workers:
            worker.ahead -= fault.by


# --- the server


@contextmanager
def _server_clock(fault: ServerClock, server: Server) -> Iterator[None]:
    server.jump(fault.by)
    yield
    if _ends(fault):
        server.jump(-fault.by)


@contextmanager
def _server_pause(_: ServerPause, server: Server) -> Iterator[None]:
    server.pause()
    yield
    server.resume()


@contextmanager
def _restart(fault: Restart, server: Server) -> Iterator[None]:
    server.go_down()
    if fault.data == 'lost':
        server.note_loss(math.inf)
        server.replace_data(server.data(math.inf))
    yield
    server.come_up()


@contextmanager
def _failover(fault: Failover, server: Server) -> Iterator[None]:
    server.go_down()
    server.note_loss(fault.missing)
    replica = server.data(fault.missing)
    yield
    server.replace_data(replica)
    server.come_up()


@contextmanager
def _flush_scripts(_: FlushScripts, server: Server) -> Iterator[None]:
    server.forget_scripts()
    yield


def _ends(fault: Fault) -> bool:
    """Return whether a jump of a clock has a length, and so is not permanent."""
    return str(fault.lasting) != 'const:0'


ON_WORKERS: Mapping[type, Callable[[Any, Sequence[Worker]], AbstractContextManager[None]]] = {
    Crash: _crash,
    Pause: _pause,
    Slow: _slow,
    LoseRequests: _lose_requests,
    LoseReplies: _lose_replies,
    LoseMessages: _lose_messages,
    Partition: _partition,
    WorkerClock: _worker_clock,
}
"""The effects of faults of workers, by kind."""

ON_SERVER: Mapping[type, Callable[[Any, Server], AbstractContextManager[None]]] = {
    ServerClock: _server_clock,
    ServerPause: _server_pause,
    Restart: _restart,
    Failover: _failover,
    FlushScripts: _flush_scripts,
}
"""The effects of faults of the server, by kind."""
