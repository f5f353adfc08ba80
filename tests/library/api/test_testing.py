"""``py_cachify.testing``: a clock that a test moves."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_cachify import MemoryClient, init_cachify, pool
from py_cachify.testing import ManualClock


pytestmark = pytest.mark.quick


def test_a_slot_expires_when_the_clock_is_moved() -> None:
    """At exactly the end of its life it is gone."""
    clock = ManualClock()
    init_cachify(MemoryClient(clock=clock))
    one = pool('reports', max_size=1, slot_exp=30)
    one.__enter__()

    clock.advance(29.999)
    assert one.size() == 1
    clock.advance(0.001)
    assert one.size() == 0


def test_it_starts_where_it_is_told_and_stands_still() -> None:
    clock = ManualClock(start=100)
    assert (clock(), clock()) == (100.0, 100.0)
    clock.advance(0)
    clock.advance(2.5)
    assert clock() == 102.5
    assert repr(clock) == '<ManualClock at 102.5 s>'


@given(instants=st.lists(st.floats(0, 10), max_size=8), steps=st.lists(st.floats(0, 4), max_size=8))
def test_each_call_is_made_once_at_its_instant_and_in_order(instants: list[float], steps: list[float]) -> None:
    """However time passes; calls for one instant keep the order in which they were scheduled."""
    clock = ManualClock()
    made: list[tuple[float, float, int]] = []
    for number, instant in enumerate(instants):
        clock.call_at(instant, lambda instant=instant, number=number: made.append((clock(), instant, number)))  # type: ignore[misc]
    for step in steps:
        clock.advance(step)

    due = sorted((instant, number) for number, instant in enumerate(instants) if instant <= clock())
    assert [(instant, number) for _, instant, number in made] == due
    assert all(now == instant for now, instant, _ in made)


def test_a_call_may_schedule_another_one_that_is_made_too() -> None:
    """In the same advance, if it is due by then."""
    clock = ManualClock()
    made: list[float] = []

    def tick() -> None:
        made.append(clock())
        clock.call_at(clock() + 2, tick)

    clock.call_at(1, tick)
    clock.advance(6)
    assert made == [1, 3, 5]
    assert clock() == 6


def test_an_instant_that_was_reached_is_called_at_once() -> None:
    """Otherwise a thread that asks too late would wait forever."""
    clock = ManualClock(start=5)
    made: list[float] = []
    clock.call_at(5, lambda: made.append(clock()))
    clock.call_at(-1, lambda: made.append(clock()))
    assert made == [5, 5]


def test_a_cancelled_call_is_not_made() -> None:
    """It may be cancelled more than once, and after it was made."""
    clock = ManualClock()
    made: list[str] = []
    first, second = clock.call_at(1, lambda: made.append('first')), clock.call_at(1, lambda: made.append('second'))
    first()
    first()
    clock.advance(1)
    second()
    assert made == ['second']


def test_a_call_that_raises_stops_time_and_loses_no_other_call() -> None:
    clock = ManualClock()
    made: list[float] = []

    def fail() -> None:
        raise LookupError('a bug')

    clock.call_at(1, fail)
    clock.call_at(2, lambda: made.append(clock()))
    with pytest.raises(LookupError, match='a bug'):
        clock.advance(5)
    assert (clock(), made) == (1, [])
    clock.advance(1)
    assert made == [2]


def test_time_moves_in_one_place_at_a_time() -> None:
    """Within a call, and from another thread, it cannot be moved."""
    clock = ManualClock()
    refused: list[str] = []

    def move() -> None:
        with pytest.raises(RuntimeError, match='already under way') as raised:
            clock.advance(1)
        refused.append(str(raised.value))

    def move_from_another_thread() -> None:
        thread = threading.Thread(target=move)
        thread.start()
        thread.join()

    clock.call_at(1, move)
    clock.call_at(2, move_from_another_thread)
    clock.advance(3)
    assert len(refused) == 2
    assert clock() == 3


def test_a_thread_can_wait_for_an_instant() -> None:
    """A call may release a thread that schedules the next one."""
    clock = ManualClock()
    seen: list[float] = []
    woken = [threading.Event() for _ in range(3)]
    asked = threading.Semaphore(0)

    def wait() -> None:
        for number, event in enumerate(woken, 1):
            clock.call_at(number, event.set)
            asked.release()
            assert event.wait(60)
            seen.append(clock())

    thread = threading.Thread(target=wait)
    thread.start()
    for _ in woken:
        assert asked.acquire(timeout=60)
        clock.advance(1)
    thread.join(60)
    assert seen == [1, 2, 3]


def _nothing() -> None:
    pass


@pytest.mark.parametrize(
    ('use', 'error', 'words'),
    [
        (lambda: ManualClock(start='now'), TypeError, "start must be a number of seconds, not 'now'"),  # type: ignore[arg-type]
        (lambda: ManualClock(start=float('nan')), ValueError, 'start must be finite, got nan'),
        (lambda: ManualClock().advance(-1), ValueError, 'seconds must be 0 or more'),
        (lambda: ManualClock().advance(True), TypeError, 'seconds must be a number of seconds, not True'),
        (lambda: ManualClock().advance(float('inf')), ValueError, 'seconds must be finite, got inf'),
        (lambda: ManualClock().call_at(float('inf'), _nothing), ValueError, 'instant must be finite, got inf'),
        (lambda: ManualClock().call_at(1, 'ring'), TypeError, "call must be a function without arguments, not 'ring'"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_argument_is_refused(use: Callable[[], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        use()
    assert words in str(raised.value)
