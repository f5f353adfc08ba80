"""Ctrl-C at any moment: no slot stays, as far as Python allows.

The limit: Python may raise the interrupt as ``__exit__`` begins, or as a decorated call begins to
give its slot back, where nothing can catch it.  Then the slot is freed when it expires.  A program
that only enters and leaves a pool is hit there by about one interrupt in twelve in memory, and in a
thousand on a server.
"""

import asyncio
import itertools
import json
import linecache
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from py_cachify import MemoryClient, init_cachify, pool, pooled
from py_cachify import _process as process
from py_cachify._entries import Entries
from tests.support.stores import AsyncDictClient, DictClient


PROGRAM = """
import json, logging, random, signal, sys
import redis
from py_cachify import CachifyPoolFullError, MemoryClient, init_cachify, pool, pooled

socket, seed = sys.argv[1], int(sys.argv[2])
logging.disable()
# An interrupt within the client can cost it a connection.
client = redis.Redis(unix_socket_path=socket, max_connections=100_000) if socket else None
init_cachify(client)
few = pool('reports', max_size=10_000, slot_exp=600)
body = pooled('reports', max_size=10_000, slot_exp=600)(lambda: None)
stream = random.Random(seed)
interrupts, inside = 0, 0
signal.signal(signal.SIGALRM, signal.default_int_handler)
while interrupts < 1500:
    try:
        # Again after a while: Python swallows an interrupt that falls into a finalizer, the client's for one.
        signal.setitimer(signal.ITIMER_REAL, stream.uniform(0.00002, 0.0012 if socket else 0.0002), 0.05)
        while True:
            with few:
                pass
            body()
    except KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0)
        interrupts += 1
print(json.dumps({'interrupts': interrupts, 'left': few.size(), 'open': len(few._entries)}))
"""


@pytest.mark.parametrize(('store', 'most_left'), [('memory', 250), ('valkey', 15)])
def test_an_interrupt_leaves_no_slot_but_for_the_named_limit(
    store: str, most_left: int, request: pytest.FixtureRequest
) -> None:
    """Interrupted 1,500 times at random moments: acquire, body and release end, or are undone."""
    socket = request.getfixturevalue('socket') if store == 'valkey' else ''
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM, socket, '11'], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    print(found)
    assert found['interrupts'] == 1500
    assert found['left'] <= most_left


def _leaks(use: Callable[[], None], client: Any) -> tuple[int, set[str]]:
    """Interrupt ``use`` at each line of the library; return their number and where a slot stays."""
    leaks: set[str] = set()
    for number in itertools.count(1):
        found = _interrupted_at(number, use)
        # A tracer can stop a thread at the end of a `with lock`, before it unlocks; no signal can.
        process.entries_lock = threading.RLock()
        if found is None:
            return number - 1, leaks
        if pool('reports', max_size=3).size():
            leaks.add(found)
            client.__init__()
            shared._entries = Entries()
    raise AssertionError('unreachable')


def _interrupted_at(number: int, use: Callable[[], None]) -> str | None:
    """Raise ``KeyboardInterrupt`` at that line of the library; return its place, or ``None``."""
    count, where = 0, None

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count, where
        if '/py_cachify/' not in frame.f_code.co_filename:
            return trace if event == 'call' else None
        count += event == 'line'
        if count == number and where is None:
            line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
            where = f'{Path(frame.f_code.co_filename).name}: {frame.f_code.co_name}: {line}'
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    try:
        sys.settrace(trace)
        use()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return where


shared = pool('reports', max_size=3, slot_exp=None)


def _enter_and_leave() -> None:
    with shared:
        pass


@pooled('reports', max_size=3, slot_exp=None)
def _report() -> None:
    pass


@pytest.mark.parametrize('use', [_enter_and_leave, _report])
@pytest.mark.parametrize('client', [MemoryClient(), DictClient()], ids=['memory', 'plain'])
def test_an_interrupt_at_each_line_in_turn_leaves_a_slot_only_where_it_is_named(
    use: Callable[[], None], client: Any
) -> None:
    """More than fifty lines; slots stay only at those that no ``try`` can reach."""
    init_cachify(client)
    lines, leaks = _leaks(use, client)
    assert lines > 50
    named = (
        # As the result is passed to the caller.
        'drivers.py: run: except StopIteration',
        'drivers.py: run: return done.value',
        # Before the first statement, and just before and after the body.
        'pools.py: __exit__: ',
        'decorators.py: _run: ',
        '_slots.py: give_back: try:',
    )
    assert {leak for leak in leaks if not leak.startswith(named)} == set()


class InterruptedRelease(DictClient):
    """Some of its calls of ``delete`` are interrupted, and the others fail."""

    def __init__(self, *interrupted: int) -> None:
        super().__init__()
        self.deletes, self.interrupted = 0, interrupted

    def delete(self, *names: str) -> None:
        self.deletes += 1
        raise KeyboardInterrupt if self.deletes in self.interrupted else ConnectionError('the server is gone')


def _in_a_with(slot_exp: float | None) -> None:
    with pool('reports', max_size=3, slot_exp=slot_exp):
        pass


def _in_a_call(slot_exp: float | None) -> None:
    pooled('reports', max_size=3, slot_exp=slot_exp)(lambda: None)()


async def _from_asyncio(slot_exp: float | None) -> None:
    async with pool('reports', max_size=3, slot_exp=slot_exp):
        pass


@pytest.mark.parametrize('slot_exp', [None, 60])
@pytest.mark.parametrize('use', [_in_a_with, _in_a_call, _from_asyncio])
@pytest.mark.parametrize('interrupted', [(1,), (1, 3)], ids=str)
def test_an_interrupt_is_raised_although_the_slot_could_not_be_given_back_after_it(
    use: Callable[[float | None], Any],
    slot_exp: float | None,
    interrupted: tuple[int, ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One record says that the slot may stay taken; the interrupt is not lost to the error.

    A second interrupt may arrive while the slot is given back after the first.
    """
    client = InterruptedRelease(*interrupted)
    init_cachify(client, AsyncDictClient(client))

    with pytest.raises(KeyboardInterrupt) as raised:
        asyncio.run(use(slot_exp)) if use is _from_asyncio else use(slot_exp)

    [record] = caplog.records
    assert 'a slot could not be given back' in record.getMessage()
    (token, _), *others = client.values.values()
    assert not others
    assert token in record.getMessage()
    assert 'the server is gone' in '\n'.join([record.getMessage(), *raised.value.__notes__])
