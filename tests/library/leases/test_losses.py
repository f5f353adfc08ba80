"""``on_lost``: what happens when a slot is lost while it is held, for threads and for tasks."""

import asyncio
import threading
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from py_cachify import CachifySlotLostError, MemoryClient, Slot, init_cachify, pool, pooled
from py_cachify.testing import ManualClock
from tests.library.leases.conftest import extending
from tests.library.leases.sides import AsyncSide, Side
from tests.library.waiting.crowd import until
from tests.support.stores import Clients


pytestmark = pytest.mark.quick

KEY = 'reports'

LIFE = 0.2
"""The life of slots whose loss a test waits for, in seconds."""

RENEWED = 1.5
"""The life of slots that are renewed, so long that a busy machine loses none."""

few = pytest.mark.parametrize('store', ['memory', 'valkey', 'plain'])
"""Runs a test only on one store of each kind, because the rest happens in the task."""

FOREVER = 60.0
"""A pause that a cancellation ends."""


def steal(slot: Slot) -> None:
    """Let the store lose a slot, as an eviction or a failover does."""
    assert pool(slot.key, max_size=slot.max_size).slot(slot.token).release()


def raising(error: type[Exception] = CachifySlotLostError) -> 'AbstractContextManager[Any, bool]':
    """Return a ``with`` whose body, which is more than one statement here, raises this."""
    return pytest.raises(error)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings of the library."""
    return [each.getMessage() for each in caplog.records if each.name == 'py_cachify' and each.levelno >= 30]


@pytest.fixture
def clock() -> ManualClock:
    """The clock of the store in memory that all pools use."""
    made = ManualClock()
    init_cachify(MemoryClient(clock=made))
    return made


# --- when a loss is noticed


@extending
@pytest.mark.usefixtures('cachify')
def test_a_slot_that_the_store_no_longer_has_is_lost_at_the_next_renewal(side: Side) -> None:
    """The body learns of it while it runs; nothing takes the slot again."""
    lost: list[Slot] = []

    async def body() -> None:
        of = pool(KEY, max_size=1, slot_exp=RENEWED, renew_for=None, on_lost=lost.append)
        async with side.hold(of) as slot:
            steal(slot)
            await side.until(lambda: lost)
            assert slot.lost is True
            assert slot.remaining == 0.0
            with pytest.raises(CachifySlotLostError):
                slot.raise_if_lost()
            await side.pause(RENEWED / 2)
            assert await side.size(of) == 0
        assert lost == [slot]

    side.run(body())


@pytest.mark.usefixtures('cachify')
def test_without_renewal_it_is_lost_at_its_deadline(side: Side) -> None:
    """By the clock of this process; the plain contract may keep the slot longer."""
    lost: list[Slot] = []

    async def body() -> None:
        async with side.hold(pool(KEY, max_size=1, slot_exp=LIFE, on_lost=lost.append)) as slot:
            assert (slot.lost, lost) == (False, [])
            await side.until(lambda: lost)
            assert slot.lost is True
        assert lost == [slot]

    side.run(body())


@pytest.mark.usefixtures('cachify')
def test_a_loss_that_only_the_exit_finds_counts_too(side: Side) -> None:
    """The slot vanished from the store, long before anybody would have asked for it."""
    lost: list[Slot] = []

    async def body() -> None:
        async with side.hold(pool(KEY, max_size=1, slot_exp=600, on_lost=lost.append)) as slot:
            steal(slot)
            assert lost == []
        await side.until(lambda: lost)
        assert lost == [slot]
        with pytest.raises(CachifySlotLostError):
            async with side.hold(pool(KEY, max_size=1, slot_exp=600, on_lost='raise')) as slot:
                steal(slot)

    side.run(body())


@extending
@pytest.mark.usefixtures('cachify')
def test_a_loss_that_only_the_exit_finds_is_logged_once(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    """Renewal does not make it silent."""

    async def body() -> None:
        async with side.hold(pool(KEY, max_size=1, slot_exp=600, renew_for=None)) as slot:
            steal(slot)
        [message] = warnings(caplog)
        assert 'the store no longer has it' in message
        assert slot.token in message

    side.run(body())


@pytest.mark.usefixtures('cachify')
def test_a_loss_that_a_release_finds_counts_too(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    """``release()`` says so, and the exit requests nothing more and says nothing more."""
    lost: list[Slot] = []

    async def body() -> None:
        async with side.hold(pool(KEY, max_size=1, slot_exp=600, on_lost=lost.append)) as slot:
            steal(slot)
            assert await side.release(slot) is False
            await side.until(lambda: lost)
            assert slot.lost is True
        async with side.hold(pool(KEY, max_size=1, slot_exp=600)) as slot:
            steal(slot)
            assert await side.release(slot) is False
        assert len(lost) == 1
        assert warnings(caplog) == []

    side.run(body())


@extending
@pytest.mark.usefixtures('cachify')
def test_a_loss_that_a_renewal_by_hand_finds_counts_too(side: Side) -> None:
    """``renew()`` raises, and ``on_lost`` happens."""
    lost: list[Slot] = []

    async def body() -> None:
        async with side.hold(pool(KEY, max_size=1, slot_exp=600, on_lost=lost.append)) as slot:
            steal(slot)
            with pytest.raises(CachifySlotLostError, match=f"^pool 'reports': the slot was lost: .*{slot.token}"):
                await side.renew(slot)
            await side.until(lambda: lost)
        assert lost == [slot]

    side.run(body())


@pytest.mark.usefixtures('cachify')
def test_a_slot_that_was_released_in_time_is_never_lost(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    """Not when its life would have ended, nor at the exit."""
    lost: list[Slot] = []

    async def body() -> None:
        async with side.hold(pool(KEY, max_size=1, slot_exp=LIFE, on_lost=lost.append)) as slot:
            assert await side.release(slot) is True
            await side.pause(1.5 * LIFE)
            assert (slot.lost, slot.remaining) == (False, 0.0)
        assert (lost, warnings(caplog)) == ([], [])

    side.run(body())


def test_only_what_must_notice_a_loss_has_a_timer(clock: ManualClock) -> None:
    """Where a loss is only logged at the exit, without renewal, nothing is scheduled."""
    for options, timers in (({}, 0), ({'fence': True}, 0), ({'on_lost': 'raise'}, 1), ({'on_lost': print}, 1)):
        with pool(KEY, max_size=1, slot_exp=30, **options):
            assert len(clock._calls) == timers, options
        assert len(clock._calls) == 0


# --- 'log' and 'raise'


@extending
@pytest.mark.usefixtures('cachify')
def test_by_default_a_loss_is_logged_while_the_body_runs(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    """The text says what follows, and what ends the holder; the exit raises and logs nothing."""

    async def body() -> None:
        async with side.hold(pool(KEY, max_size=3, slot_exp=RENEWED, renew_for=None)) as slot:
            steal(slot)
            await side.until(lambda: warnings(caplog))
        [message] = warnings(caplog)
        assert message.startswith(
            "pool 'PYC-reports': a slot was lost while its holder runs on, so more than max_size=3"
        )
        assert "use on_lost='raise', 'cancel' or a function" in message
        assert f'[slot_exp={RENEWED} s, token {slot.token}]' in message

    side.run(body())


@pytest.mark.usefixtures('cachify')
def test_raise_raises_at_the_exit(side: Side) -> None:
    """The body runs to its end first; the error has the key and the token."""
    ended: list[str] = []

    async def body() -> None:
        with raising() as raised:
            async with side.hold(pool(KEY, max_size=1, slot_exp=LIFE, on_lost='raise')) as slot:
                await side.until(lambda: slot.lost)
                ended.append(slot.lease.token)
        assert [(raised.value.key, raised.value.token)] == [(KEY, token) for token in ended]

    side.run(body())


@pytest.mark.usefixtures('cachify')
def test_raise_hides_no_error_of_the_body(side: Side) -> None:
    """It is raised instead of the loss."""
    error = ValueError('of the body')

    async def body() -> None:
        with raising(ValueError) as raised:
            async with side.hold(pool(KEY, max_size=1, slot_exp=LIFE, on_lost='raise')) as slot:
                await side.until(lambda: slot.lost)
                raise error
        assert raised.value is error

    side.run(body())


@pytest.mark.usefixtures('cachify')
def test_a_decorated_function_raises_its_loss_too(side: Side) -> None:
    """Instead of its result; not if it fails itself."""

    async def body() -> None:
        def of_thread(fail: bool) -> int:
            steal_current()
            if fail:
                raise ValueError('of the body')
            return 1

        def steal_current() -> None:
            [holder] = pool(KEY, max_size=1).holders()
            assert pool(KEY, max_size=1).slot(holder.token).release()

        function = pooled(KEY, max_size=1, slot_exp=600, on_lost='raise')(side.function(of_thread))
        with pytest.raises(CachifySlotLostError):
            await side.result(function(False))
        with pytest.raises(ValueError, match='of the body'):
            await side.result(function(True))

    side.run(body())


# --- a function


@pytest.mark.usefixtures('cachify')
def test_threads_call_the_function_in_one_thread_of_its_own(side: Side) -> None:
    """Tasks call it in their loop, in no task of the holder's."""
    calls: list[tuple[threading.Thread, Any, Slot]] = []

    def note(slot: Slot) -> None:
        running = asyncio._get_running_loop()
        calls.append((threading.current_thread(), running, slot))

    async def body() -> None:
        of = pool(KEY, max_size=2, slot_exp=LIFE, on_lost=note)
        async with side.hold(of) as one, side.hold(of) as other:
            await side.until(lambda: len(calls) == 2)
            assert {slot for _, _, slot in calls} == {one, other}
        here, loop = threading.current_thread(), asyncio._get_running_loop()
        [(thread, running)] = {(thread, running) for thread, running, _ in calls}
        if side.name == 'async':
            assert (thread, running) == (here, loop)
        else:
            assert thread is not here
            assert (thread.name, thread.daemon, running) == ('py-cachify losses', True, None)

    side.run(body())


@pytest.mark.usefixtures('cachify')
@pytest.mark.parametrize('error', [ValueError('of the function'), CachifySlotLostError('of the function')])
def test_an_error_of_the_function_is_logged(side: Side, error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback; the body and the losses of other slots are not affected."""
    lost: list[Slot] = []

    def fail(slot: Slot) -> None:
        lost.append(slot)
        raise error

    async def body() -> None:
        of = pool(KEY, max_size=2, slot_exp=LIFE, on_lost=fail)
        async with side.hold(of), side.hold(of):
            await side.until(lambda: len(lost) == 2)
        await side.until(lambda: len(warnings(caplog)) == 2)
        for record, slot in zip(caplog.records, lost, strict=True):
            assert record.getMessage() == f"pool 'PYC-reports': on_lost failed [token {slot.lease.token}]"
            assert record.exc_info is not None
            assert record.exc_info[1] is error

    side.run(body())


@pytest.mark.parametrize('interrupt', [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_the_function_does_not_end_the_thread(
    interrupt: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """The next loss is noticed as well."""
    lost: list[Slot] = []
    init_cachify()

    def fail(slot: Slot) -> None:
        lost.append(slot)
        raise interrupt

    for _ in range(2):
        with pool(KEY, max_size=1, slot_exp=LIFE, on_lost=fail) as slot:
            until(partial(lost.__contains__, slot))
    until(lambda: len(warnings(caplog)) == 2)


@pytest.mark.usefixtures('cachify')
def test_a_function_may_release_other_slots_and_take_new_ones(side: Side) -> None:
    """No lock of the library is held while it runs."""
    sizes: list[int] = []

    async def body() -> None:
        other = await side.acquire(pool('others', max_size=1))

        def react(slot: Slot) -> None:
            if side.name == 'sync':
                other.release()
                with pool('others', max_size=1, slot_exp=LIFE, on_lost='raise'):
                    sizes.append(pool('others', max_size=1).size())
            sizes.append(slot.max_size)

        async with side.hold(pool(KEY, max_size=5, slot_exp=LIFE, on_lost=react)):
            await side.until(lambda: 5 in sizes)
        await side.release(other)
        assert sizes == ([1, 5] if side.name == 'sync' else [5])

    side.run(body())


# --- 'cancel'


@pytest.fixture
def tasks(clients: Clients) -> AsyncSide:
    """Only tasks can be cancelled."""
    return AsyncSide(clients)


CANCELLING: dict[str, Any] = {'max_size': 1, 'slot_exp': LIFE, 'on_lost': 'cancel'}


@few
@pytest.mark.usefixtures('cachify')
def test_cancel_ends_the_body_and_raises_the_loss(tasks: AsyncSide) -> None:
    """What the body awaits is cancelled; outside there is the loss, and no trace of it."""
    seen: list[type[BaseException]] = []

    async def body() -> None:
        with raising() as raised:
            async with pool(KEY, **CANCELLING):
                try:
                    await asyncio.sleep(FOREVER)
                except BaseException as error:
                    seen.append(type(error))
                    raise
        assert seen == [asyncio.CancelledError]
        assert isinstance(raised.value.__cause__, asyncio.CancelledError)
        await _is_not_cancelled()

    tasks.run(body())


async def _is_not_cancelled() -> None:
    """Raise if a cancellation of the running task is left."""
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    for _ in range(3):
        await asyncio.sleep(0)


@few
@pytest.mark.usefixtures('cachify')
def test_cancel_ends_a_decorated_function_too(tasks: AsyncSide) -> None:
    async def body() -> None:
        @pooled(KEY, **CANCELLING)
        async def work() -> None:
            await asyncio.sleep(FOREVER)

        with pytest.raises(CachifySlotLostError):
            await work()
        await _is_not_cancelled()
        assert await pool(KEY, max_size=1).asize() in (0, 1)

    tasks.run(body())


@pytest.mark.parametrize('store', ['memory', 'valkey'])
@pytest.mark.usefixtures('cachify')
def test_cancel_ends_a_body_whose_slot_the_store_lost(tasks: AsyncSide) -> None:
    """At the next renewal, long before its deadline would come."""

    async def body() -> None:
        with raising():
            async with pool(KEY, **CANCELLING | {'renew_for': None, 'slot_exp': RENEWED}) as slot:
                steal(slot)
                await asyncio.sleep(FOREVER)
        await _is_not_cancelled()

    tasks.run(body())


@few
@pytest.mark.usefixtures('cachify')
def test_a_body_that_swallows_the_cancellation_still_loses(tasks: AsyncSide) -> None:
    """It may clean up for as long as it likes, but the exit raises."""

    async def body() -> None:
        with raising():
            async with pool(KEY, **CANCELLING):
                try:
                    await asyncio.sleep(FOREVER)
                except asyncio.CancelledError:
                    await asyncio.sleep(0.01)
        await _is_not_cancelled()

    tasks.run(body())


@few
@pytest.mark.usefixtures('cachify')
def test_cancel_hides_no_error_of_the_body(tasks: AsyncSide) -> None:
    """One that it raises on the cancellation, as with ``asyncio.timeout()``."""

    async def body() -> None:
        with raising(ValueError):
            async with pool(KEY, **CANCELLING):
                try:
                    await asyncio.sleep(FOREVER)
                except asyncio.CancelledError:
                    raise ValueError('of the body') from None
        await _is_not_cancelled()

    tasks.run(body())


@few
@pytest.mark.usefixtures('cachify')
def test_a_cancellation_from_outside_wins_over_the_loss(tasks: AsyncSide) -> None:
    """Whoever cancels the task is obeyed, also if both happen in one turn of the loop."""

    async def hold(held: list[Slot]) -> None:
        async with pool(KEY, **CANCELLING | {'slot_exp': 600}) as slot:
            held.append(slot)
            await asyncio.sleep(FOREVER)

    async def body() -> None:
        loop = asyncio.get_running_loop()
        for loss_is_first in (True, False):
            held: list[Slot] = []
            task = asyncio.create_task(hold(held))
            await tasks.until(partial(bool, held))
            watch: Any = held[0].watch
            calls = [watch.cancellation.send, task.cancel]
            for call in calls if loss_is_first else reversed(calls):
                loop.call_soon(call)
            with pytest.raises(asyncio.CancelledError):
                await task
            assert task.cancelled()
        assert await pool(KEY, max_size=1).asize() == 0

    tasks.run(body())


@few
@pytest.mark.usefixtures('cachify')
def test_a_time_limit_around_the_body_is_told_from_the_loss(tasks: AsyncSide) -> None:
    """Whichever comes first is raised: ``TimeoutError`` by the limit, the loss by the slot."""

    async def body() -> None:
        with raising():
            async with asyncio.timeout(FOREVER):
                async with pool(KEY, **CANCELLING):
                    await asyncio.sleep(FOREVER)
        with raising(TimeoutError):
            async with asyncio.timeout(0.01):
                async with pool(KEY, **CANCELLING | {'slot_exp': FOREVER}):
                    await asyncio.sleep(FOREVER)
        with raising():
            async with pool(KEY, **CANCELLING):
                async with asyncio.timeout(FOREVER):
                    await asyncio.sleep(FOREVER)
        await _is_not_cancelled()

    tasks.run(body())


@few
@pytest.mark.usefixtures('cachify')
def test_a_loss_cancels_the_tasks_of_a_group_in_the_body(tasks: AsyncSide) -> None:
    """They end before the slot is given up; siblings of the holder in a group outside as well."""
    ended: list[str] = []

    async def work(name: str) -> None:
        try:
            await asyncio.sleep(FOREVER)
        finally:
            ended.append(name)

    async def hold() -> None:
        async with pool(KEY, **CANCELLING), asyncio.TaskGroup() as group:
            group.create_task(work('within'))

    async def body() -> None:
        with pytest.raises(CachifySlotLostError):
            await hold()
        assert ended == ['within']
        with raising(ExceptionGroup) as raised:
            async with asyncio.TaskGroup() as group:
                group.create_task(work('beside'))
                group.create_task(hold())
        assert [type(error) for error in raised.value.exceptions] == [CachifySlotLostError]
        assert sorted(ended) == ['beside', 'within', 'within']

    tasks.run(body())


@few
@pytest.mark.usefixtures('cachify')
def test_nested_bodies_lose_their_own_slots_alone(tasks: AsyncSide) -> None:
    """The inner loss can be handled in the outer body, which goes on."""

    async def body() -> None:
        async with pool('outer', **CANCELLING | {'slot_exp': 600}) as outer:
            with pytest.raises(CachifySlotLostError) as raised:
                async with pool(KEY, **CANCELLING):
                    await asyncio.sleep(FOREVER)
            assert raised.value.key == KEY
            assert outer.lost is False
            await _is_not_cancelled()
        with pytest.raises(CachifySlotLostError) as raised:
            async with pool('outer', **CANCELLING), pool(KEY, **CANCELLING | {'slot_exp': 600}):
                await asyncio.sleep(FOREVER)
        assert raised.value.key == 'outer'
        await _is_not_cancelled()

    tasks.run(body())


@few
@pytest.mark.usefixtures('cachify')
def test_a_loss_in_a_scope_of_anyio_ends_the_body_alone(tasks: AsyncSide) -> None:
    """The scopes inside and outside are not cancelled; a limit of theirs still works."""

    async def body() -> None:
        with anyio.move_on_after(FOREVER) as outer:
            with raising():
                async with pool(KEY, **CANCELLING):
                    with anyio.move_on_after(FOREVER) as inner:
                        await anyio.sleep(FOREVER)
            await anyio.lowlevel.checkpoint()
        assert not outer.cancelled_caught
        assert not inner.cancelled_caught
        with anyio.move_on_after(0.01) as limit:
            async with pool(KEY, **CANCELLING | {'slot_exp': FOREVER}):
                await anyio.sleep(FOREVER)
        assert limit.cancelled_caught
        await _is_not_cancelled()

    tasks.run(body())


@pytest.mark.parametrize('store', ['memory', 'valkey'])
@pytest.mark.usefixtures('cachify')
def test_a_renewal_by_hand_that_fails_leaves_no_cancellation_behind(tasks: AsyncSide) -> None:
    """The error that it raises ends the body, and nothing awaits any more."""

    async def body() -> None:
        with raising():
            async with pool(KEY, **CANCELLING | {'slot_exp': 600}) as slot:
                steal(slot)
                await slot.arenew()
        await _is_not_cancelled()

    tasks.run(body())


def test_a_body_that_ends_as_its_slot_is_lost_leaves_no_cancellation_behind(clock: ManualClock) -> None:
    """It awaits nothing after the loss, so there is nothing to cancel; the exit raises."""

    async def main() -> None:
        with pytest.raises(CachifySlotLostError):
            async with pool(KEY, max_size=1, slot_exp=30, on_lost='cancel'):
                clock.advance(31)
        await _is_not_cancelled()

    asyncio.run(main())


@few
@pytest.mark.usefixtures('cachify')
def test_a_task_that_has_other_slots_keeps_them(tasks: AsyncSide) -> None:
    """A slot that was taken by ``acquire()`` before is released in a ``finally``."""

    async def body() -> None:
        kept = await pool('kept', max_size=1).aacquire()
        try:
            with pytest.raises(CachifySlotLostError):
                async with pool(KEY, **CANCELLING):
                    await asyncio.sleep(FOREVER)
            assert kept.lost is False
        finally:
            assert await kept.arelease() is True

    tasks.run(body())


def test_the_reason_of_a_loss_stays_what_it_was_when_it_was_noticed() -> None:
    """However late it is asked for, when its life would have ended too."""
    clock = ManualClock()
    client = MemoryClient(clock=clock)
    init_cachify(client)
    with pool(KEY, max_size=1, slot_exp=30, renew_for=None) as slot:
        assert client.drop_slot(f'PYC-{KEY}', slot.token)
        clock.advance(11)
        assert slot.lost
        clock.advance(100)
        with pytest.raises(CachifySlotLostError, match='the store no longer has it: somebody gave it back'):
            slot.raise_if_lost()
    with pool(KEY, max_size=1, slot_exp=30) as slot:
        clock.advance(30)
        with pytest.raises(CachifySlotLostError, match='it expired, because it lives 30 s and is not renewed: use'):
            slot.raise_if_lost()
