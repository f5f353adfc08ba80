"""Renewal: a slot lives as long as its holder, on every store, for threads and for tasks."""

import asyncio
import gc
import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import fakeredis
import pytest
import redis
import redis.asyncio

from py_cachify import (
    CachifyPoolFullError,
    CachifySlotLostError,
    MemoryClient,
    Slot,
    current_slot,
    init_cachify,
    pool,
    pooled,
)
from py_cachify import _alarms as alarms
from py_cachify import _renewers as renewers
from py_cachify.commands import MAX_RENEWED
from py_cachify.renewals import Renewals
from py_cachify.testing import ManualClock
from tests.library.leases.conftest import EXTENDING, extending, on_servers
from tests.library.leases.sides import AsyncSide, Side, SyncSide
from tests.library.waiting.crowd import LIMIT, until
from tests.support.servers import Server, accident_prone_server, or_skip
from tests.support.stores import Clients


pytestmark = pytest.mark.quick

KEY = 'reports'

LIFE = 0.9
"""The life of a slot that is renewed, in seconds: so long that a busy machine loses none."""
LONGER = 2 * LIFE
"""Where a machine that stands still for a second would end it."""


def kept(**options: Any) -> pool:
    """Return a pool with one slot, which is renewed."""
    return pool(KEY, **{'max_size': 1, 'slot_exp': LIFE, 'renew_for': None} | options)


def records(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == 'py_cachify' and each.levelno >= level]


# --- a long body keeps its slot


@extending
@pytest.mark.usefixtures('cachify')
def test_a_body_of_ten_lives_keeps_its_slot(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody who tries all the time never gets in beside it, and it ends without a word."""

    async def body(life: float) -> bool:
        """Return whether the slot was kept."""
        refused = 0
        async with side.hold(kept(slot_exp=life)) as slot:
            end = time.monotonic() + 10 * life
            while time.monotonic() < end and not slot.lost:
                try:
                    async with side.hold(pool(KEY, max_size=1)):
                        assert slot.lost, 'there was a second holder'
                except CachifyPoolFullError:
                    refused += 1
                await side.pause(0.01)
            if slot.lost:
                return False
        assert await side.size(pool(KEY, max_size=1)) == 0
        assert records(caplog) == []
        return refused > 10

    # A machine that is too busy to renew within a short life must do so within a longer one.
    for life in (0.3, 0.9, 2.7):
        if side.run(body(life)):
            return
        caplog.clear()
    pytest.fail('a slot was lost although it was renewed')


@extending
@pytest.mark.usefixtures('cachify')
def test_every_way_to_hold_a_slot_renews_it(side: Side) -> None:
    """``acquire()`` and a decorated function as well as a ``with``."""

    async def body() -> None:
        slot = await side.acquire(kept(max_size=3, slot_exp=LONGER))
        function = kept(max_size=3, slot_exp=LONGER).pooled()(side.function(lambda: side.pause(2.2 * LONGER)))
        if side.name == 'sync':
            thread = threading.Thread(
                target=lambda: kept(max_size=3, slot_exp=LONGER).pooled()(time.sleep)(2.2 * LONGER)
            )
            thread.start()
            await side.pause(1.8 * LONGER)
        else:
            task = asyncio.create_task(function())
            await side.pause(1.8 * LONGER)
        assert await side.size(pool(KEY, max_size=3)) == 2
        assert {holder.renewing for holder in await side.holders(pool(KEY, max_size=3))} == {True}
        if side.name == 'sync':
            thread.join(LIMIT)
        else:
            await task
        assert await side.release(slot) is True
        assert await side.size(pool(KEY, max_size=3)) == 0

    side.run(body())


@extending
@pytest.mark.usefixtures('cachify')
def test_nothing_renews_a_slot_that_was_given_back(side: Side) -> None:
    """Whoever takes it next has a life that nobody else prolongs."""

    async def body() -> None:
        slot = await side.acquire(kept(slot_exp=LIFE / 3))
        await side.release(slot)
        other = await side.acquire(pool(KEY, max_size=1, slot_exp=LIFE / 3))
        await side.until(lambda: other.lost)
        await side.pause(0.05)
        assert await side.size(pool(KEY, max_size=1)) == 0

    side.run(body())


# --- for how long


@pytest.fixture
def clock() -> ManualClock:
    """The clock of the store in memory that all pools use."""
    made = ManualClock()
    init_cachify(MemoryClient(clock=made))
    return made


def test_in_virtual_time_a_slot_is_renewed_at_a_third_of_its_life(clock: ManualClock) -> None:
    """So its remaining life never falls below two thirds, in an hour that takes no time."""
    with kept(slot_exp=30) as slot:
        for _ in range(360):
            clock.advance(9.9)
            assert slot.remaining is not None
            assert slot.remaining >= 20
            assert pool(KEY, max_size=1).size() == 1
        [holder] = pool(KEY, max_size=1).holders()
        assert holder.remaining == slot.remaining


def test_in_virtual_time_tasks_are_renewed_too(clock: ManualClock) -> None:
    async def main() -> None:
        async with kept(slot_exp=30) as slot:
            clock.advance(3600)
            assert (slot.lost, await pool(KEY, max_size=1).asize()) == (False, 1)
            await asyncio.sleep(0)
            clock.advance(3600)
            assert (slot.lost, await pool(KEY, max_size=1).asize()) == (False, 1)
        assert await pool(KEY, max_size=1).asize() == 0

    asyncio.run(main())


def test_a_slot_is_renewed_for_no_longer_than_was_said(clock: ManualClock) -> None:
    """After that it lives for at most one life more; a hung body does not keep it."""
    lost: list[float] = []
    with kept(slot_exp=30, renew_for=3600, on_lost=lambda _: lost.append(clock())) as slot:
        clock.advance(3599)
        before = slot.lost
        clock.advance(32)
        assert (before, slot.lost) == (False, True)
        assert pool(KEY, max_size=1).size() == 0
    assert 3600 <= lost[0] <= 3630


def test_the_time_of_renewal_begins_with_the_slot_and_not_in_the_queue(clock: ManualClock) -> None:
    """A holder that waited for an hour has its slot for another one."""
    first = pool(KEY, max_size=1, slot_exp=None).acquire()
    got: list[Slot] = []

    def wait() -> None:
        got.append(kept(slot_exp=30, renew_for=3600, wait=None).acquire())

    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: pool(KEY, max_size=1).queue_size() == 1)
    clock.advance(3600)
    first.release()
    thread.join(LIMIT)
    [slot] = got
    assert slot.remaining == 30
    clock.advance(3599)
    before = slot.lost
    clock.advance(62)
    assert (before, slot.lost) == (False, True)


@extending
@pytest.mark.usefixtures('cachify')
def test_a_slot_that_was_handed_over_has_its_own_deadline(side: Side) -> None:
    """Granted by the request of another holder in this process, after a wait longer than a life."""
    life = 0.6

    async def body() -> None:
        first = pool(KEY, max_size=1).acquire()
        timer = threading.Timer(1.5 * life, first.release)
        timer.start()
        for renew_for in (0, None):
            async with side.hold(pool(KEY, max_size=1, slot_exp=life, wait=None, renew_for=renew_for)) as slot:
                assert slot.lost is False
                assert slot.remaining is not None
                assert slot.remaining > life / 4
        timer.join()

    side.run(body())


# --- what it costs


def renewing_threads() -> list[str]:
    return [
        thread.name
        for thread in threading.enumerate()
        if thread.name.startswith(('py-cachify renewer', 'py-cachify losses'))
    ]


def calls_of(server: Any, command: str = 'evalsha') -> int:
    """Return how often a command was carried out, as the server counts."""
    stats: dict[str, Any] = server.info('commandstats').get(f'cmdstat_{command}', {'calls': 0})
    return int(stats['calls'])


@on_servers
@pytest.mark.usefixtures('cachify')
def test_where_nobody_asks_for_renewal_there_is_none(side: Side, clients: Clients) -> None:
    """No thread, no task, no timer, and no request besides the two of each body."""
    until(lambda: not renewing_threads() or not renewers_busy())

    async def body() -> None:
        before_threads = renewing_threads()
        async with side.hold(pool(KEY, max_size=9)):
            pass
        before = calls_of(clients.sync)
        for _ in range(10):
            async with side.hold(pool(KEY, max_size=9, slot_exp=0.9, label='unrenewed')) as slot:
                assert slot.watch is None
        assert calls_of(clients.sync) - before == 20
        assert renewing_threads() == before_threads
        if side.name == 'async':
            assert asyncio.all_tasks() == {asyncio.current_task()}
            scheduled: Any = getattr(asyncio.get_running_loop(), '_scheduled', ())
            assert [timer for timer in scheduled if 'py_cachify' in repr(timer)] == []

    side.run(body())


def renewers_busy() -> bool:
    return any(renewer._renewals for renewer in list(renewers._thread_renewers)) or bool(alarms.dispatcher._calls)


@on_servers
@pytest.mark.parametrize('count', [1, 50, MAX_RENEWED, MAX_RENEWED + 1])
@pytest.mark.usefixtures('cachify')
def test_all_slots_of_a_pool_are_renewed_by_one_script_call(side: Side, clients: Clients, count: int) -> None:
    """In each cycle, and for every thousand of them."""
    life = 6.0

    async def body() -> None:
        of = kept(max_size=count, slot_exp=life)
        began = time.monotonic()
        slots = [await side.acquire(of) for _ in range(count)]
        for slot in slots:
            assert slot.lost is False
        before = calls_of(clients.sync)
        await side.until(lambda: all(slot.renewed is not None for slot in slots))
        cycles = (time.monotonic() - began) / (life / 3)
        calls = calls_of(clients.sync) - before
        assert 1 <= calls <= -(-count // MAX_RENEWED) * (int(cycles) + 1)
        for slot in slots[:1]:
            assert await side.release(slot)
        clients.sync.delete(f'PYC-{KEY}')
        for slot in slots:
            if slot.watch is not None:
                slot.watch.stop()

    side.run(body())


@extending
@pytest.mark.usefixtures('cachify')
def test_one_thread_renews_for_all_threads_and_ends_when_idle(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop has none; the thread is a daemon, so it keeps no program alive."""
    monkeypatch.setattr(renewers, 'IDLE', 0.2)
    monkeypatch.setattr(alarms, 'IDLE', 0.2)
    until(lambda: not renewing_threads())
    before = Counter(renewing_threads())
    slots = [kept(max_size=9).acquire() for _ in range(3)] + [pool('others', 9, LIFE, renew_for=None).acquire()]
    until(lambda: all(slot.renewed is not None for slot in slots))
    assert Counter(renewing_threads()) - before == {'py-cachify renewer': 1, 'py-cachify losses': 1}
    assert all(each.daemon for each in threading.enumerate() if each.name.startswith('py-cachify '))
    for slot in slots:
        assert slot.release() is True
    until(lambda: not renewing_threads())
    with kept() as slot:
        until(lambda: slot.renewed is not None)


# --- a server that cannot be reached


@pytest.fixture
def troubled() -> Iterator[Server]:
    """A server of this test's own."""
    with or_skip(FileNotFoundError), accident_prone_server() as server:
        yield server


def stop_and_continue(server: Server, pause: Callable[[], None]) -> None:
    server.signal(signal.SIGSTOP)
    pause()
    server.signal(signal.SIGCONT)


def pause_clients(server: Server, pause: Callable[[], None]) -> None:
    with redis.Redis(unix_socket_path=server.socket) as look:
        look.execute_command('CLIENT', 'PAUSE', 2000, 'ALL')
    pause()


def kill_and_restart(server: Server, pause: Callable[[], None]) -> None:
    server.kill()
    pause()
    server.start()


TROUBLES = [stop_and_continue, pause_clients, kill_and_restart]


@pytest.mark.parametrize('trouble', TROUBLES)
@pytest.mark.parametrize('kind', ['sync', 'async'])
def test_a_slot_outlives_a_server_that_cannot_be_reached_for_half_its_life(
    troubled: Server, kind: str, trouble: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    """Renewal goes on meanwhile, and succeeds afterwards."""
    caplog.set_level(logging.INFO)
    life = 4.0
    options: dict[str, Any] = {'unix_socket_path': troubled.socket, 'socket_timeout': 0.5}
    with redis.Redis(**options) as client:
        asynchronous = redis.asyncio.Redis(**options)
        init_cachify(client, asynchronous)
        side: Side = SyncSide() if kind == 'sync' else AsyncSide(Clients(client, asynchronous, None))

        async def body() -> None:
            slot = await side.acquire(kept(slot_exp=life))
            await side.until(lambda: slot.renewed is not None)
            seen = slot.renewed
            thread = threading.Thread(target=trouble, args=(troubled, lambda: time.sleep(life / 2)))
            thread.start()
            await side.until(lambda: not thread.is_alive())
            assert slot.lost is False
            await side.until(lambda: slot.renewed != seen or slot.lost)
            await side.pause(life / 2)
            assert slot.lost is False
            assert await side.size(pool(KEY, max_size=1)) == 1
            assert await side.release(slot) is True

        side.run(body())
    assert records(caplog) == []


@pytest.mark.parametrize('kind', ['sync', 'async'])
def test_a_slot_is_lost_at_its_local_deadline_and_not_before(troubled: Server, kind: str) -> None:
    """While the server is down; when it is back, nothing takes the slot again."""
    life = 2.0
    options: dict[str, Any] = {'unix_socket_path': troubled.socket, 'socket_timeout': 0.5}
    with redis.Redis(**options) as client:
        asynchronous = redis.asyncio.Redis(**options)
        init_cachify(client, asynchronous)
        side: Side = SyncSide() if kind == 'sync' else AsyncSide(Clients(client, asynchronous, None))
        lost: list[float] = []

        async def body() -> None:
            of = kept(slot_exp=life, on_lost=lambda _: lost.append(time.monotonic()))
            slot = await side.acquire(of)
            await side.until(lambda: slot.renewed is not None)
            troubled.kill()
            last = slot.renewed
            await side.until(lambda: lost)
            assert slot.renewed == last
            assert last is not None
            assert lost[0] >= last + life
            assert slot.lost is True
            await asyncio.to_thread(troubled.start) if kind == 'async' else troubled.start()
            await side.pause(life)
            assert await side.size(pool(KEY, max_size=1)) == 0
            with pytest.raises(CachifySlotLostError):
                await side.renew(slot)
            assert slot.renewed == last

        side.run(body())
    assert len(lost) == 1


# --- a slot that nobody refers to


@extending
@pytest.mark.usefixtures('cachify')
def test_a_slot_that_was_dropped_is_no_longer_renewed_and_this_is_logged(
    side: Side, caplog: pytest.LogCaptureFixture
) -> None:
    """The text says what to do instead; the slot is freed within one life."""

    async def body() -> None:
        # The first request to a server takes longer, and may outlast a life.
        await side.size(pool(KEY, max_size=1))
        await side.release(await side.acquire(pool(KEY, max_size=1)))
        token = (await side.acquire(kept())).token
        gc.collect()
        # A request that is under way still refers to it.
        await side.until(lambda: records(caplog))
        [message] = records(caplog)
        assert message.startswith("pool 'PYC-reports': a slot was dropped without being given back; it is no longer")
        assert 'keep what acquire() returns, and call its release()' in message
        assert token in message
        await side.pause(1.5 * LIFE)
        assert await side.size(pool(KEY, max_size=1)) == 0

    side.run(body())


def test_the_renewer_forgets_what_was_dropped(clock: ManualClock) -> None:
    """At the next cycle, without a request for it."""
    client: Any = init_cachify(MemoryClient(clock=clock))._settings().backends.sync
    kept(slot_exp=30).acquire()
    gc.collect()
    renewer: Any = client._renewer
    clock.advance(30)
    assert not renewer._renewals
    assert pool(KEY, max_size=1).size() == 0


def test_the_garbage_collector_may_drop_slots_while_others_are_renewed() -> None:
    """At any instant of the renewer's, in the thread that holds its lock."""
    init_cachify()
    renewer: Any = renewers.ThreadRenewer(time.monotonic)
    with kept(slot_exp=60, max_size=9) as slot:
        group = slot.backend, slot.spec.key
        renewer._renewals.add(group, 'gone', lambda: None, life=60.0, renew_for=None, now=0.0)
        members = renewer._renewals._groups[group].members
        for _ in members:
            # Between two steps of a loop over them, as in Renewals.due().
            renewer._note_dropped(group, 'gone', 60.0)
        assert list(members) == ['gone']


# --- what may go wrong in this process


def test_a_thread_that_cannot_be_started_is_started_by_the_next_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first entry raises and leaves nothing; the slots after it are renewed."""
    init_cachify()
    start = threading.Thread.start

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, 'start', refuse)
    for on_lost in ('log', print):
        with pytest.raises(RuntimeError, match='start new thread'), kept(on_lost=on_lost):
            raise AssertionError('the body ran')
    monkeypatch.setattr(threading.Thread, 'start', start)
    assert pool(KEY, max_size=1).size() == 0
    with kept() as slot:
        until(lambda: slot.renewed is not None)


def test_an_entry_that_fails_warns_of_no_dropped_slot(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It was given back; and nothing renews it."""
    init_cachify()

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr('py_cachify._watching.SlotWatch._set_alarm', interrupt)
    with pytest.raises(KeyboardInterrupt), kept():
        raise AssertionError('the body ran')
    gc.collect()
    assert records(caplog) == []
    assert pool(KEY, max_size=1).size() == 0


def test_an_error_in_a_handler_of_the_log_does_not_end_the_renewer() -> None:
    """Other slots are renewed, of this pool and of others."""
    init_cachify()

    class Refusing(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise ValueError('of the filter')

    logger, refusing = logging.getLogger('py_cachify'), Refusing()
    logger.addFilter(refusing)
    try:
        with kept(max_size=2) as one, kept(max_size=2) as other:
            pool(KEY, max_size=2).slot(one.token).release()
            until(lambda: one.lost)
            seen = other.renewed
            until(lambda: other.renewed != seen)
            assert other.release() is True
    except ValueError:
        # Raised by the exit of the one that was lost, which logs it in this thread.
        assert one.lost is True
    finally:
        logger.removeFilter(refusing)


@pytest.mark.parametrize('life', [1e-300, 1e-14, 1e-6])
def test_lives_too_short_to_renew_end(life: float) -> None:
    """Renewal asks no more often than a thousand times a second, whatever the life is."""
    renewals: Renewals[str, int] = Renewals()
    renewals.add(KEY, 'token', 1, life=life, renew_for=None, now=1e6)
    assert len(renewals.due(1e6 + 1)) == 1
    assert renewals.next_due() >= 1e6 + 1.0009


def test_a_loop_that_ends_while_a_slot_is_held_renews_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    """The slot can still be given back from another loop, or by a thread."""
    server = fakeredis.FakeServer()
    init_cachify(fakeredis.FakeRedis(server=server), fakeredis.FakeAsyncRedis(server=server))
    slot = asyncio.run(kept(slot_exp=60).aacquire())
    assert (slot.lost, pool(KEY, max_size=1).size()) == (False, 1)
    assert slot.release() is True
    slot = asyncio.run(kept(slot_exp=60).aacquire())
    assert asyncio.run(slot.arelease()) is True
    assert records(caplog) == []


def test_asyncio_run_ends_while_slots_are_renewed() -> None:
    """The renewer keeps no loop running, and the body of a cancelled task gives its slot back."""
    server = fakeredis.FakeServer()
    init_cachify(fakeredis.FakeRedis(server=server), fakeredis.FakeAsyncRedis(server=server))

    async def hold() -> None:
        async with kept(slot_exp=0.3):
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(hold())
        await asyncio.sleep(0.2)
        assert not task.done()

    asyncio.run(main())
    assert pool(KEY, max_size=1).size() == 0


def test_the_replies_of_two_renewals_may_overtake_each_other(clock: ManualClock) -> None:
    """The later request counts, as it does in the store."""
    with kept(slot_exp=30) as slot:
        clock.advance(5)
        slot.note_renewal(5.0, True)
        slot.note_renewal(1.0, True)
        assert slot.remaining == 30.0


def test_a_reply_that_comes_after_the_release_began_changes_nothing(clock: ManualClock) -> None:
    """Neither is the slot lost by it, nor held again."""
    lost: list[Slot] = []
    with kept(slot_exp=30, on_lost=lost.append) as slot:
        slot.release()
        assert slot.note_renewal(1.0, False) is False
        assert slot.watch is not None
        slot.watch.notice_loss()
        assert (slot.lost, lost) == (False, [])


@pytest.mark.usefixtures('cachify')
@pytest.mark.parametrize('store', [store for store in EXTENDING if store != 'cluster'])
def test_slots_of_many_threads_are_kept() -> None:
    """All are renewed by the one thread, and each is given back once."""
    # No more than a client of redis-py has connections.
    count, life = 90, 3.0
    inside, leave = threading.Barrier(count + 1), threading.Event()
    lost: list[Slot] = []

    def hold() -> None:
        with kept(max_size=count, slot_exp=life, wait=60, on_lost=lost.append):
            inside.wait(LIMIT)
            leave.wait(LIMIT)

    threads = [threading.Thread(target=hold) for _ in range(count)]
    for thread in threads:
        thread.start()
    inside.wait(LIMIT)
    time.sleep(1.5 * life)
    assert pool(KEY, max_size=count).size() == count - len(lost)
    assert lost == []
    leave.set()
    for thread in threads:
        thread.join(LIMIT)
    assert pool(KEY, max_size=count).size() == 0


@pytest.mark.usefixtures('cachify')
@extending
def test_a_decorated_function_may_be_renewed_by_hand(side: Side) -> None:
    """Through the slot of the running body."""

    async def body() -> None:
        slots: list[Slot] = []

        async def work() -> None:
            slot = current_slot()
            assert slot is not None
            await side.renew(slot)
            slots.append(slot)

        if side.name == 'sync':

            def work_in_thread() -> None:
                slot = current_slot()
                assert slot is not None
                slot.renew()
                slots.append(slot)

            pooled(KEY, max_size=1)(work_in_thread)()
        else:
            await pooled(KEY, max_size=1)(work)()
        assert slots[0].renewed is not None

    side.run(body())
