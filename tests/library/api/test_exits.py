"""Which slot an exit gives back, if one pool object was entered many times.

Slots look alike, so the tests distinguish them by their expiry.  The first is taken at 0 s, the
second at 5 s, each for 10 s.  What is left at 12 s shows whose slot was given back.
"""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from types import FrameType
from typing import Any

import pytest

from py_cachify import MemoryClient, init_cachify, pool
from py_cachify import _entries as entries
from py_cachify import _process as process
from py_cachify._deadlocks import current_owner
from py_cachify._entries import Entries, LockedEntries
from tests.support.stores import Clients, VirtualClock, slots_in


pytestmark = pytest.mark.quick


def _unread() -> dict[int, FrameType]:
    raise AssertionError('without the lock, frames that other threads execute must not be read')


@pytest.fixture(params=[True, False], ids=['with the GIL', 'without the GIL'])
def clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    """The clock of the global store; pools created from now on have the GIL or lack it."""
    monkeypatch.setattr(entries, 'MAY_LACK_GIL', not request.param)
    if not request.param:
        monkeypatch.setattr(sys, '_current_frames', _unread)
    clock = VirtualClock()
    init_cachify(MemoryClient(clock))
    return clock


def _holding(of: pool) -> Iterator[None]:
    with of:
        yield


def _in_another_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@pytest.mark.parametrize('leaves', [0, 1])
def test_a_generator_that_ends_in_another_thread_gives_back_its_own_slot(clock: VirtualClock, leaves: int) -> None:
    """A web framework runs a dependency up to ``yield`` in one thread, and the rest in another."""
    two = pool('reports', max_size=2, slot_exp=10)
    holders = [_holding(two), _holding(two)]
    for holder in holders:
        next(holder)
        clock.now += 5
    _in_another_thread(lambda: next(holders[leaves], None))
    assert two.size() == 1 - (leaves == 1)  # at 10 s the first has expired
    clock.now = 12
    assert two.size() == (1 if leaves == 0 else 0)
    next(holders[1 - leaves], None)
    assert two.size() == 0


@pytest.mark.parametrize('leaves', [0, 1])
def test_a_task_gives_back_its_own_slot(clock: VirtualClock, leaves: int) -> None:
    """Two tasks hold slots of one pool object; whichever ends first gives back its own."""
    two = pool('reports', max_size=2, slot_exp=10)

    async def hold(until: asyncio.Event) -> None:
        async with two:
            await until.wait()

    async def main() -> None:
        ends = [asyncio.Event(), asyncio.Event()]
        tasks = []
        for end in ends:
            tasks.append(asyncio.create_task(hold(end)))
            await asyncio.sleep(0)
            clock.now += 5
        clock.now = 9
        assert await two.asize() == 2
        ends[leaves].set()
        await tasks[leaves]
        assert await two.asize() == 1
        clock.now = 12
        assert await two.asize() == (1 if leaves == 0 else 0)
        ends[1 - leaves].set()
        await tasks[1 - leaves]
        assert await two.asize() == 0

    asyncio.run(main())


@pytest.mark.parametrize('leaves', [0, 1])
def test_a_thread_with_an_exit_stack_gives_back_its_own_slot(clock: VirtualClock, leaves: int) -> None:
    """An ``ExitStack`` enters in one frame and exits in another; the thread identifies its slot."""
    two = pool('reports', max_size=2, slot_exp=10)
    entered, ends = threading.Semaphore(0), [threading.Event(), threading.Event()]

    def hold(until: threading.Event) -> None:
        with ExitStack() as stack:
            stack.enter_context(two)
            entered.release()
            until.wait(10)  # an end even if the test has failed

    threads = [threading.Thread(target=hold, args=(end,)) for end in ends]
    for thread in threads:
        thread.start()
        entered.acquire()
        clock.now += 5
    clock.now = 9
    ends[leaves].set()
    threads[leaves].join()
    assert two.size() == 1
    clock.now = 12
    assert two.size() == (1 if leaves == 0 else 0)
    ends[1 - leaves].set()
    threads[1 - leaves].join()
    assert two.size() == 0


def test_a_task_with_an_exit_stack_gives_back_its_own_slot(clock: VirtualClock) -> None:
    """Likewise for ``AsyncExitStack`` and tasks: the first task leaves while the second stays."""
    two = pool('reports', max_size=2, slot_exp=10)

    async def hold(until: asyncio.Event) -> None:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(two)
            await until.wait()

    async def main() -> None:
        first, second = asyncio.Event(), asyncio.Event()
        one = asyncio.create_task(hold(first))
        await asyncio.sleep(0)
        clock.now = 5
        other = asyncio.create_task(hold(second))
        await asyncio.sleep(0)
        first.set()
        await one
        clock.now = 12
        assert await two.asize() == 1
        second.set()
        await other
        assert await two.asize() == 0

    asyncio.run(main())


def test_a_stack_that_is_closed_in_another_thread_gives_back_one_slot_for_each_entry(clock: VirtualClock) -> None:
    """Neither frame nor thread is the same: the oldest slots are given back, one for each exit."""
    three = pool('reports', max_size=3, slot_exp=10)
    with ExitStack() as stack:
        stack.enter_context(three)
        stack.enter_context(three)
        with three:
            moved = stack.pop_all()
            _in_another_thread(moved.close)
            assert three.size() == 1
        assert three.size() == 0


def test_of_several_that_cannot_be_told_apart_the_oldest_goes(clock: VirtualClock) -> None:
    """Whoever stays then keeps at least the time that it was promised."""
    two = pool('reports', max_size=2, slot_exp=10)

    def enter() -> None:
        two.__enter__()

    enter()
    clock.now = 5
    enter()
    clock.now = 9
    _in_another_thread(lambda: two.__exit__(None, None, None))
    clock.now = 12
    assert two.size() == 1
    two.__exit__(None, None, None)
    assert two.size() == 0


def test_a_pool_that_was_not_entered_cannot_be_left(clock: VirtualClock) -> None:
    """It raises an error instead of giving back another holder's slot."""
    one = pool('reports', max_size=1)
    with one:
        pass
    with pytest.raises(RuntimeError, match='more often than it was entered'):
        one.__exit__(None, None, None)


@pytest.mark.usefixtures('cachify')
def test_a_stack_that_is_closed_inside_a_with_gives_back_its_own(clients: Clients) -> None:
    """The ``with`` that is still running keeps its slot, although it is the thread's newest."""
    three = pool('reports', max_size=3, slot_exp=None)
    with ExitStack() as stack:
        stack.enter_context(three)
        [older] = slots_in(clients, 'PYC-reports')
        with three:
            [newer] = slots_in(clients, 'PYC-reports') - {older}
            stack.close()
            assert slots_in(clients, 'PYC-reports') == {newer}
    assert three.size() == 0


def test_a_pool_may_be_left_where_no_frame_is() -> None:
    """For example by ``atexit``, which calls from outside all Python code."""
    program = (
        'import atexit\n'
        'from py_cachify import init_cachify, pool\n'
        'init_cachify()\n'
        'one = pool("reports", max_size=1)\n'
        'atexit.register(lambda: print(one.size()))\n'
        'one.__enter__()\n'
        'atexit.register(one.__exit__, None, None, None)\n'
    )
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ('0\n', '')


@pytest.mark.parametrize(
    ('discarded', 'meanwhile', 'left'),
    [
        ('of the stack', 'leaves', 0),
        ('of the stack', 'enters', 2),
        ('of the other thread', 'leaves', 1),
        ('of the other thread', 'enters', 2),
    ],
)
def test_a_stack_that_is_closed_undoes_nothing_that_another_thread_does(
    discarded: str, meanwhile: str, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While all entries are scanned, a frame of another thread may exit, or enter again."""
    opened: Entries[str] = Entries()
    frames = [sys._getframe(), next(_frames())]
    opened.add(frames[1], 'of the other thread', current_owner())
    opened.add(frames[0], 'of the stack', current_owner())
    happened: list[bool] = []

    def without(newest: Any, held: str) -> Any:
        rest = entries._without_really(newest, held)  # type: ignore[attr-defined]
        if newest[2] == 'of the other thread' and not happened:
            happened.append(True)
            if meanwhile == 'leaves':
                opened.claim(frames[1], [])
            else:
                opened.add(frames[1], 'of the other thread too', current_owner())
        return rest

    monkeypatch.setattr(entries, '_without_really', entries._without, raising=False)
    monkeypatch.setattr(entries, '_without', without)
    opened.discard(discarded)
    assert len(opened) == left


def _frames() -> Iterator[FrameType]:
    yield sys._getframe()


class _Guarded(dict[Any, Any]):
    """A dictionary that is read and changed only under the lock of the entries."""

    def get(self, key: Any, default: Any = None) -> Any:
        self._check()
        return super().get(key, default)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._check()
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        self._check()
        super().__delitem__(key)

    @staticmethod
    def _check() -> None:
        assert process.entries_lock._is_owned()  # type: ignore[attr-defined]


def test_without_the_gil_every_change_takes_the_lock() -> None:
    """Otherwise a frame that enters or exits would undo what another thread changed."""
    opened: LockedEntries[str] = LockedEntries()
    opened._newest = _Guarded()
    # The generator is kept: on Python 3.12 the frame of a dead one names its last caller.
    frames = _frames()
    here, there = sys._getframe(), next(frames)
    for held in ('first', 'second', 'third'):
        opened.add(here, held, current_owner())
    leave_in_turn: list[list[str]] = [[], [], []]
    for frame, claimed in zip((here, there, here), leave_in_turn, strict=True):
        opened.claim(frame, claimed)

    assert leave_in_turn == [['third'], ['second'], ['first']]
    assert not opened
    assert not process.entries_lock._is_owned()  # type: ignore[attr-defined]
