"""A fork copies what a process holds, but not the right to give it back.

The slots that a parent took stay its own, and a child makes its own tokens.  Each test forks in a
new process, where no other thread runs and every warning is an error.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from py_cachify import MemoryClient, init_cachify, pool
from py_cachify import _process as process
from py_cachify.testing import ManualClock
from py_cachify.tokens import make_terms, new_token
from tests.support.paths import ROOT
from tests.support.stores import make_clients


pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='this system cannot fork')


def _in_a_fresh_process(function: Callable[..., dict[str, Any]], *args: str, warnings: str = 'error') -> dict[str, Any]:
    """Return the result of this module's ``function(*args)`` in a new process, with its log."""
    call = f'test_fork.{function.__name__}(*{args!r})'
    program = f'import json; from tests.library.concurrency import test_fork; print(json.dumps({call}))'
    done = subprocess.run(
        [sys.executable, '-W', warnings, '-c', program],
        cwd=ROOT,
        env=os.environ | {'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found | {'logged': done.stderr}


def _in_a_child(body: Callable[[], Any], patience: float = 30, fork: Callable[[], int] = os.fork) -> Any:
    """Return the result of ``body()`` in a forked child; ``'stuck'`` if that does not end."""
    reading, writing = os.pipe()
    child = fork()
    if child == 0:
        try:
            os.write(writing, json.dumps(body()).encode())
        except BaseException as error:
            os.write(writing, json.dumps(repr(error)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    until = time.monotonic() + patience
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(reading)
            return 'stuck'
        time.sleep(0.005)
    with os.fdopen(reading) as reader:
        return json.load(reader)


def leave_in_the_child(store: str, socket: str) -> dict[str, Any]:
    """Fork inside ``with``, and leave it in the child first."""
    clients = make_clients(store, socket)
    init_cachify(clients.sync)
    few = pool('reports', max_size=3)
    found: dict[str, Any] = {}

    def leave() -> Any:
        # What the child's copy of the `with` statement does at its end.
        few.__exit__(None, None, None)
        after = few.size()
        with few:
            return [after, few.size()]

    with few:
        found['child after leaving, and in a slot of its own'] = _in_a_child(leave)
        found['parent after the child has gone'] = few.size()
    found['parent after leaving'] = few.size()
    if store != 'memory':
        clients.sync.close()
    return found


def leave_by_the_statement_itself(store: str, socket: str) -> dict[str, Any]:
    """Fork inside ``with``, and let parent and child run to its end."""
    clients = make_clients(store, socket)
    init_cachify(clients.sync)
    few = pool('reports', max_size=3)
    reading, writing = os.pipe()
    with few:
        child = os.fork()
        if child != 0:
            os.waitpid(child, 0)
            while_held = few.size()
    if child == 0:
        os.write(writing, json.dumps(few.size()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as reader:
        in_the_child = json.load(reader)
    found = {'child': in_the_child, 'parent while it held': while_held, 'parent after leaving': few.size()}
    if store != 'memory':
        clients.sync.close()
    return found


def leave_asynchronously_in_the_child(store: str, socket: str) -> dict[str, Any]:
    """Fork inside ``async with``, and leave it in the child, where no event loop runs."""
    import asyncio

    clients = make_clients(store, socket)
    init_cachify(None, clients.asynchronous)
    few = pool('reports', max_size=3)
    found: dict[str, Any] = {}

    def leave() -> str:
        try:
            few.__aexit__(None, None, None).__await__().__next__()
        except StopIteration:
            return 'left at once'
        return 'asked for something'

    async def main() -> None:
        async with few:
            found['child'] = _in_a_child(leave)
            found['parent after the child has gone'] = await few.asize()
        found['parent after leaving'] = await few.asize()
        if store != 'memory':
            await clients.asynchronous.aclose()

    asyncio.run(main())
    return found


def use_a_url_on_both_sides(socket: str) -> dict[str, Any]:
    """Fork while slots are held over connections that were opened from a URL, and use them."""
    import asyncio

    cachify = init_cachify(f'unix://{socket}')
    few = pool('reports', max_size=9)
    ids: list[int] = []

    async def in_a_loop() -> int:
        async with few:
            return await few.asize()

    def use() -> list[Any]:
        with few:
            sizes = few.size(), asyncio.run(in_a_loop())
        ids.append(cachify._opened.sync.client_id())  # type: ignore[union-attr]
        return [*sizes, ids[-1]]

    def use_and_close() -> list[Any]:
        used = use()
        cachify.close()
        return used

    with few:
        *before, own = use()
        *child, of_child = _in_a_child(use_and_close)
        *after, still_own = use()
    left = few.size()
    cachify.close()
    return {
        'parent before, child, parent after': [before, child, after],
        'the parent keeps its connection': own == still_own,
        'the child has one of its own': own != of_child,
        'left': left,
    }


def make_tokens() -> dict[str, Any]:
    """Tokens of a parent and of two children, one forked by the other."""

    def some() -> list[str]:
        return [new_token(os.getpid(), make_terms(1, None)) for _ in range(100)]

    before = some()
    child, grandchild = _in_a_child(lambda: [some(), _in_a_child(some)])
    return {'made by parent, child, grandchild': [before + some(), child, grandchild]}


def fork_behind_pythons_back(store: str, socket: str) -> dict[str, Any]:
    """Take slots in a child that was forked in C, while none is held, and in its parent."""
    clients = make_clients(store, socket)
    init_cachify(clients.sync)
    few = pool('reports', max_size=3)

    def use() -> list[Any]:
        with few as slot:
            held = few.size()
        return [slot.token.split(':')[1], held, few.size()]

    def fork_in_c() -> int:
        # With the lock of the interpreter held, as by a server; no hook of Python runs.
        return int(ctypes.PyDLL(None).fork())

    before = use()
    child = _in_a_child(use, fork=fork_in_c)
    after = use()
    if store != 'memory':
        clients.sync.close()
    return {'before': before, 'child': child, 'after': after}


def fork_while_another_thread_has_the_entries() -> dict[str, Any]:
    """Fork while a thread that the child will lack is entering a pool: the fork waits for it."""
    init_cachify(MemoryClient())
    few = pool('reports', max_size=3)
    locked, done = threading.Event(), threading.Event()

    def enter() -> None:
        with process.entries_lock:
            locked.set()
            done.wait(1)

    def use() -> int:
        with few:
            return few.size()

    thread = threading.Thread(target=enter)
    thread.start()
    locked.wait()
    found = _in_a_child(use, patience=5)
    done.set()
    thread.join()
    return {'child': found}


def fork_while_another_thread_asks_the_memory() -> dict[str, Any]:
    """Fork while a thread that the child will not have is in a request to the memory store."""
    asked, done, through = threading.Event(), threading.Event(), threading.Event()

    def clock() -> float:
        if threading.current_thread() is not threading.main_thread():
            asked.set()
            done.wait(1)
            through.set()
        return 0.0

    init_cachify(MemoryClient(clock))
    few = pool('reports', max_size=3)
    thread = threading.Thread(target=few.size)
    thread.start()
    asked.wait()
    found = _in_a_child(lambda: [few.size(), through.is_set()], patience=3)
    done.set()
    thread.join()
    return {'child': found}


def fork_in_many_threads_at_once() -> dict[str, Any]:
    """Three threads fork while two others create pools and stores, and use them."""
    over = threading.Event()
    children: list[Any] = []

    def use() -> None:
        while not over.is_set():
            init_cachify(MemoryClient(), is_global=False).pool('reports', max_size=3).size()
            with pool('reports', max_size=9):
                pass

    def fork() -> None:
        for _ in range(20):
            children.append(_in_a_child(lambda: pool('reports', max_size=9).size() < 9, patience=20))

    init_cachify()
    users = [threading.Thread(target=use) for _ in range(2)]
    forkers = [threading.Thread(target=fork) for _ in range(3)]
    for thread in users + forkers:
        thread.start()
    for thread in forkers:
        thread.join()
    over.set()
    for thread in users:
        thread.join()
    return {'children': children}


def test_threads_may_fork_at_the_same_time() -> None:
    """Neither a parent nor a child is stuck, whatever other threads create meanwhile."""
    children = _in_a_fresh_process(fork_in_many_threads_at_once, warnings='ignore')['children']
    assert children == [True] * 60


def fork_while_stores_use_their_clocks() -> dict[str, Any]:
    """While each of some stores is in use, and about to schedule a call of its clock."""
    clocks = [ManualClock() for _ in range(8)]
    stores = [MemoryClient(clock=clock) for clock in clocks]
    children: list[Any] = []

    def use(clock: ManualClock, store: MemoryClient, began: threading.Event) -> None:
        with store.lock:
            began.set()
            time.sleep(0.05)
            clock.call_at(1.0, bool)

    for clock, store in zip(clocks, stores, strict=True):
        began = threading.Event()
        thread = threading.Thread(target=use, args=(clock, store, began))
        thread.start()
        began.wait()
        children.append(_in_a_child(lambda: True, patience=20))
        thread.join()
    return {'children': children}


def test_a_fork_takes_the_locks_in_the_order_in_which_others_take_them() -> None:
    """A store that waiters use has its lock when it takes that of its clock."""
    assert _in_a_fresh_process(fork_while_stores_use_their_clocks, warnings='ignore')['children'] == [True] * 8


def test_a_child_that_leaves_does_not_release_the_parents_slot_in_memory() -> None:
    """The child continues with a copy of the store, in which the parent's slot stays taken."""
    assert _in_a_fresh_process(leave_in_the_child, 'memory', '') == {
        'child after leaving, and in a slot of its own': [1, 2],
        'parent after the child has gone': 1,
        'parent after leaving': 0,
        'logged': '',
    }


def test_a_child_that_leaves_does_not_release_the_parents_slot_on_a_server(socket: str) -> None:
    """Parent and child share the store: the slot is freed when the parent leaves, and only then."""
    assert _in_a_fresh_process(leave_in_the_child, 'valkey', socket) == {
        'child after leaving, and in a slot of its own': [1, 2],
        'parent after the child has gone': 1,
        'parent after leaving': 0,
        'logged': '',
    }


@pytest.mark.parametrize('store', ['memory', 'valkey'])
def test_both_may_run_to_the_end_of_the_statement(store: str, socket: str) -> None:
    """The child's end of the ``with`` is silent; the parent's gives the slot back, in time."""
    assert _in_a_fresh_process(leave_by_the_statement_itself, store, socket) == {
        'child': 1,
        'parent while it held': 1,
        'parent after leaving': 0,
        'logged': '',
    }


@pytest.mark.parametrize('store', ['memory', 'valkey'])
def test_a_child_that_leaves_asynchronously_asks_for_nothing(store: str, socket: str) -> None:
    """Likewise for ``async with``: the child has no loop to send a request, and needs none."""
    assert _in_a_fresh_process(leave_asynchronously_in_the_child, store, socket) == {
        'child': 'left at once',
        'parent after the child has gone': 1,
        'parent after leaving': 0,
        'logged': '',
    }


def test_a_child_opens_connections_of_its_own_from_a_url(socket: str) -> None:
    """Its requests and its ``close()`` do not touch those of the parent."""
    assert _in_a_fresh_process(use_a_url_on_both_sides, socket) == {
        'parent before, child, parent after': [[2, 3]] * 3,
        'the parent keeps its connection': True,
        'the child has one of its own': True,
        'left': 0,
        'logged': '',
    }


def test_a_child_makes_tokens_of_its_own() -> None:
    """A parent, its child and its grandchild share no token."""
    made = _in_a_fresh_process(make_tokens)['made by parent, child, grandchild']
    assert [len(tokens) for tokens in made] == [200, 100, 100]
    assert len({token for tokens in made for token in tokens}) == 400


@pytest.mark.parametrize('store', ['memory', 'valkey'])
def test_a_child_that_python_did_not_notice_uses_slots_of_its_own(store: str, socket: str) -> None:
    """It has tokens with its own id, and gives back what it takes."""
    found = _in_a_fresh_process(fork_behind_pythons_back, store, socket)
    processes = [found[when][0] for when in ('before', 'child', 'after')]
    assert processes[0] == processes[2]
    assert processes[1] != processes[0]
    assert [found[when][1:] for when in ('before', 'child', 'after')] == [[1, 0]] * 3
    assert found['logged'] == ''


def test_a_lock_that_another_thread_held_does_not_stay_locked_in_a_child() -> None:
    """The child enters and leaves pools, although the parent's other thread was doing so."""
    assert _in_a_fresh_process(fork_while_another_thread_has_the_entries, warnings='ignore')['child'] == 1


def test_the_memorys_lock_does_not_stay_locked_in_a_child() -> None:
    """The child's copy of the store is consistent: the fork waited for the other thread."""
    assert _in_a_fresh_process(fork_while_another_thread_asks_the_memory, warnings='ignore')['child'] == [0, True]
