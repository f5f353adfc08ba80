"""What a listener is told of each attempt, on every store, by threads and by tasks."""

import asyncio
import contextlib
import threading
from typing import Any

import pytest

from py_cachify import (
    CachifyPoolFullError,
    CachifyPoolTimeoutError,
    CachifySlotLostError,
    Event,
    MemoryClient,
    init_cachify,
    observe,
    pool,
    pooled,
)
from py_cachify.events import KINDS
from tests.library.leases.conftest import extending, on_servers
from tests.library.leases.sides import AsyncSide, Side
from tests.library.observing.heard import COURSE, Heard


pytestmark = [pytest.mark.quick, pytest.mark.usefixtures('cachify')]

KEY = 'reports'


def test_a_slot_is_granted_and_released(side: Side, heard: Heard) -> None:
    async def body() -> None:
        async with side.hold(pool(KEY, max_size=3, slot_exp=60)) as slot:
            assert heard.kinds_heard == ['granted']
            granted = heard.last
            assert granted == Event('granted', KEY, None, granted.waited, None, 3, slot.token, 60, granted.prefix)
            assert granted.waited >= 0
        released = heard.last
        assert heard.kinds_heard == ['granted', 'released']
        assert released == granted._replace(kind='released', held=released.held)
        assert released.held is not None
        assert released.held > 0

    side.run(body())


def test_an_event_cannot_be_changed() -> None:
    event: Any = Event('granted', KEY, None, 0.0, None, 1, 'token')
    with pytest.raises(AttributeError):
        event.kind = 'released'


def test_a_full_pool_refuses(side: Side, heard: Heard) -> None:
    async def body() -> None:
        async with side.hold(pool(KEY, max_size=1)):
            with pytest.raises(CachifyPoolFullError):
                async with side.hold(pool(KEY, max_size=1)):
                    pass
            assert heard.kinds_heard == ['granted', 'refused']
            assert (heard.last.token, heard.last.held) == (None, None)
            assert heard.last.waited >= 0

    side.run(body())


def test_a_waiter_times_out(side: Side, heard: Heard) -> None:
    async def body() -> None:
        async with side.hold(pool(KEY, max_size=1)):
            with pytest.raises(CachifyPoolTimeoutError):
                async with side.hold(pool(KEY, max_size=1, wait=0.05)):
                    pass
            assert heard.kinds_heard == ['granted', 'timed_out']
            assert heard.last.waited >= 0.05

    side.run(body())


def test_a_waiter_says_how_long_it_waited(heard: Heard) -> None:
    """Also on a store that wakes it by a hand-over of its own process."""
    first = pool(KEY, max_size=1).acquire()
    waiter = threading.Thread(target=lambda: pool(KEY, max_size=1, wait=60).acquire().release())
    waiter.start()
    threading.Event().wait(0.1)
    first.release()
    waiter.join()
    granted = [event for event in heard.events if event.kind == 'granted']
    assert granted[1].waited > 0.05
    assert granted[0].waited < granted[1].waited


def test_acquire_is_told_as_with_is_and_a_release_only_once(side: Side, heard: Heard) -> None:
    async def body() -> None:
        slot = await side.acquire(pool(KEY, max_size=1))
        with pytest.raises(CachifyPoolFullError):
            await side.acquire(pool(KEY, max_size=1))
        assert await side.release(slot)
        assert not await side.release(slot)
        assert heard.kinds_heard == ['granted', 'refused', 'released']

    side.run(body())


def test_a_release_in_the_body_is_the_end(side: Side, heard: Heard) -> None:
    async def body() -> None:
        async with side.hold(pool(KEY, max_size=1)) as slot:
            await side.release(slot)
            assert heard.kinds_heard == ['granted', 'released']
        assert heard.kinds_heard == ['granted', 'released']

    side.run(body())


def test_a_body_that_outlives_its_slot_overran(side: Side, heard: Heard) -> None:
    # The plain contract has whole seconds.
    async def body() -> None:
        async with side.hold(pool(KEY, max_size=1, slot_exp=1)):
            await side.pause(1.1)
        assert heard.kinds_heard == ['granted', 'overrun']
        assert heard.last.held is not None
        assert heard.last.held >= 1.1

    side.run(body())


@extending
def test_renewals_are_told_and_a_loss_once(side: Side, heard: Heard) -> None:
    async def body() -> None:
        of = pool(KEY, max_size=1, slot_exp=0.5, renew_for=None)
        async with side.hold(of) as slot:
            await side.until(lambda: 'renewed' in heard.kinds_heard)
            assert heard.last.held is not None
            # Somebody else frees it, and the next renewal finds that out.
            assert await side.release(of.slot(slot.token))
            await side.until(lambda: slot.lost)
            await side.until(lambda: 'lost' in heard.kinds_heard)
        assert COURSE.fullmatch(heard.courses()[0])
        assert heard.kinds_heard[-2:] == ['lost', 'overrun']

    side.run(body())


@extending
def test_a_slot_that_is_renewed_by_hand_says_so(side: Side, heard: Heard) -> None:
    async def body() -> None:
        of = pool(KEY, max_size=1, slot_exp=30)
        async with side.hold(of) as slot:
            await side.renew(slot)
            assert heard.kinds_heard == ['granted', 'renewed']
            assert await side.release(of.slot(slot.token))
            with pytest.raises(CachifySlotLostError):
                await side.renew(slot)
            assert heard.kinds_heard == ['granted', 'renewed', 'lost']
        assert heard.kinds_heard == ['granted', 'renewed', 'lost', 'overrun']

    side.run(body())


def test_a_call_of_a_decorated_function_is_told_with_its_template(side: Side, heard: Heard) -> None:
    async def body() -> None:
        function = pooled('mail-{user_id}', max_size=2, label='{user_id}')(side.function(lambda user_id: user_id))
        assert await side.result(function(7)) == 7
        assert heard.kinds_heard == ['granted', 'released']
        assert {(event.key, event.template) for event in heard.events} == {('mail-7', 'mail-{user_id}')}

        failing = pooled('mail-{user_id}', max_size=2)(side.function(lambda user_id: 1 // user_id))
        with pytest.raises(ZeroDivisionError):
            await side.result(failing(0))
        assert heard.kinds_heard == ['granted', 'released'] * 2

    side.run(body())


def test_a_refused_call_is_told_before_on_full_answers(side: Side, heard: Heard) -> None:
    async def body() -> None:
        function = pooled('mail', 1, on_full=lambda: list(heard.kinds_heard))(side.function(lambda: None))
        async with side.hold(pool('mail', max_size=1)):
            assert await side.result(function()) == ['granted', 'refused']

    side.run(body())


def test_a_pool_that_decorates_has_no_template(heard: Heard) -> None:
    pool(KEY, max_size=1).pooled()(lambda: None)()
    assert [event.template for event in heard.events] == [None, None]


def test_a_body_that_raises_gives_its_slot_back(side: Side, heard: Heard) -> None:
    async def body() -> None:
        with pytest.raises(KeyError):
            async with side.hold(pool(KEY, max_size=1)):
                raise KeyError
        assert heard.kinds_heard == ['granted', 'released']

    side.run(body())


@on_servers
def test_an_attempt_whose_store_is_gone_has_failed(side: Side, heard: Heard) -> None:
    async def body() -> None:
        init_cachify('redis://localhost:1')
        with contextlib.suppress(Exception):
            async with side.hold(pool(KEY, max_size=1)):
                pass

    side.run(body())
    assert heard.kinds_heard == ['failed']
    assert type(heard.last.error).__name__ == 'ConnectionError'
    assert (heard.last.held, heard.last.token) == (None, None)


@pytest.mark.parametrize('store', ['valkey'])
def test_a_slot_that_cannot_be_given_back_has_failed(side: Side, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        async with side.hold(pool(KEY, max_size=1, slot_exp=5)) as slot:
            kind = type(slot.backend)

            def no_release(*_: object) -> Any:
                raise OSError('no route')

            monkeypatch.setattr(kind, 'release', side.function(no_release))
        monkeypatch.undo()
        assert heard.kinds_heard == ['granted', 'failed']
        assert str(heard.last.error) == 'no route'
        assert heard.last.token == slot.token
        assert heard.last.held is not None

    side.run(body())


@pytest.mark.parametrize('store', ['valkey'])
def test_a_release_that_fails_is_the_end_even_if_it_is_tried_again(
    side: Side, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_release(*_: object) -> Any:
        raise OSError('no route')

    async def body() -> None:
        slot = await side.acquire(pool(KEY, max_size=1, slot_exp=5))
        with monkeypatch.context() as patch:
            patch.setattr(type(slot.backend), 'release', side.function(no_release))
            with pytest.raises(OSError, match='no route'):
                await side.release(slot)
        assert heard.kinds_heard == ['granted', 'failed']
        assert await side.release(slot)
        assert heard.kinds_heard == ['granted', 'failed']

    side.run(body())


@pytest.mark.parametrize('store', ['memory', 'valkey'])
def test_a_cancelled_waiter_has_failed(heard: Heard, clients: Any) -> None:
    async def body() -> None:
        async with pool(KEY, max_size=1):
            waiter = asyncio.create_task(pool(KEY, max_size=1, wait=None).aacquire())
            await asyncio.sleep(0.05)
            waiter.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiter
            assert heard.kinds_heard == ['granted', 'failed']
            assert isinstance(heard.last.error, asyncio.CancelledError)
            assert heard.last.held is None

    AsyncSide(clients).run(body())


@extending
def test_an_acquire_whose_fence_cannot_be_drawn_has_failed(
    side: Side, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_fence(*_: object) -> Any:
        raise OSError('no fence')

    async def body() -> None:
        monkeypatch.setattr('py_cachify._bodies._fence', no_fence)
        with pytest.raises(OSError, match='no fence'):
            async with side.hold(pool(KEY, max_size=1, fence=True)):
                pass
        assert heard.kinds_heard == ['failed']

    side.run(body())


def test_the_key_is_told_without_the_prefix() -> None:
    heard = Heard()
    made = init_cachify(MemoryClient(), prefix='app-', is_global=False)
    with made.observe(heard), made.pool(KEY, max_size=1):
        assert (heard.last.key, heard.last.prefix) == (KEY, 'app-')


@pytest.mark.parametrize('store', ['memory', 'valkey'])
def test_of_many_threads_each_attempt_has_one_course(heard: Heard) -> None:
    """With waiting, refusals, time-outs, overruns and renewals at the same time."""
    kinds = [
        pool(KEY, max_size=2),
        pool(KEY, max_size=2, wait=0.02),
        pool(KEY, max_size=2, wait=None, slot_exp=0.01),
        pool(KEY, max_size=2, wait=None, slot_exp=0.1, renew_for=None, on_lost=print),
    ]
    done = []

    def work(number: int) -> None:
        for turn in range(25):
            with contextlib.suppress(CachifyPoolFullError), kinds[(number + turn) % 4] as slot:
                threading.Event().wait(0.02 if slot.remaining and slot.remaining < 0.05 else 0.001)
            done.append(1)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 200
    courses = heard.courses()
    assert [course for course in courses if not COURSE.fullmatch(course)] == []
    assert len(courses) == 200
    assert {'granted', 'refused', 'released', 'overrun'} <= set(heard.kinds_heard)


@extending
def test_a_listener_that_wants_it_is_told_when_an_attempt_begins_to_wait(side: Side) -> None:
    class HeardAll(Heard):
        kinds = KINDS

    heard = HeardAll()

    async def body() -> None:
        with observe(heard):
            # There is room, so it does not wait.
            async with side.hold(pool(KEY, max_size=1, wait=0.02)):
                assert heard.kinds_heard == ['granted']
                with pytest.raises(CachifyPoolTimeoutError):
                    await side.acquire(pool(KEY, max_size=1), wait=0.02)

    side.run(body())
    assert heard.kinds_heard == ['granted', 'queued', 'timed_out', 'released']
    assert [event.has_queued for event in heard.events] == [False, True, True, False]
