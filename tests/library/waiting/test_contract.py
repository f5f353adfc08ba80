"""What a pool that waits promises, on every store, for threads, for tasks, and for both at once."""

import threading
from datetime import timedelta
from typing import Any

import fakeredis
import pytest

from py_cachify import Cachify, CachifyPoolFullError, CachifyPoolTimeoutError, init_cachify, pool, pooled
from py_cachify.backends.pool_keys import pool_keys
from tests.library.waiting.conftest import QUEUEING
from tests.library.waiting.crowd import LIMIT, Crowd, Loop, Thread, until
from tests.support.stores import SHORT, Clients, Driver, make_clients


pytestmark = [pytest.mark.quick, pytest.mark.usefixtures('cachify')]

in_order = pytest.mark.parametrize('store', QUEUEING)
"""Runs a test only on the stores that can queue."""

KEY = 'reports'


def one(wait: float | timedelta | None = None, **options: Any) -> pool:
    """Return a pool with one slot."""
    return pool(KEY, max_size=1, wait=wait, **options)


# --- getting a slot


def test_who_finds_room_does_not_wait(crowd: Crowd) -> None:
    """As many enter as there are slots, whatever ``wait`` is."""
    for wait in (0, 60, None):
        crowd.hold(pool(KEY, max_size=3, wait=wait))
    assert pool(KEY, max_size=3).size() == 3


def test_a_release_hands_the_slot_over(crowd: Crowd) -> None:
    """A waiter enters when a holder leaves, and not before; no moment has two holders."""
    for wait in (None, LIMIT, timedelta(minutes=1)):
        holder, waiter = crowd.hold(one()), crowd.enter(one(wait))
        assert not waiter.entered.wait(0.03)
        holder.leave()
        assert waiter.entered.wait(LIMIT)
        assert one().size() == 1
        waiter.leave()
        assert waiter.ended.wait(LIMIT)
        assert one().size() == 0


def test_an_expiry_hands_the_slot_over(crowd: Crowd, clients: Clients) -> None:
    """Nobody gives the slot back; the waiter's own slot then has its full life."""
    crowd.hold(one(slot_exp=SHORT))
    waiter = crowd.enter(one(LIMIT, slot_exp=600))
    clients.outlive(SHORT)
    assert waiter.entered.wait(LIMIT)
    clients.outlive(2 * SHORT)
    assert one().size() == 1


def test_a_slot_that_never_expires_is_waited_for_too(crowd: Crowd) -> None:
    holder, waiter = crowd.hold(one(slot_exp=None)), crowd.enter(one(slot_exp=None))
    holder.leave()
    assert waiter.entered.wait(LIMIT)
    assert one().size() == 1


@pytest.mark.parametrize('max_size', [1, 3])
def test_everybody_gets_a_slot_in_the_end_and_never_too_many_at_once(crowd: Crowd, max_size: int) -> None:
    """Twelve visitors, most of whom wait; when all have left, nothing is left."""
    of, lock, inside, most = pool(KEY, max_size=max_size, wait=None), threading.Lock(), 0, 0
    visitors = []
    for _ in range(12):
        visitors.append(crowd.enter(of))
        visitors[-1].leave()

    def look() -> bool:
        nonlocal inside, most
        with lock:
            inside = sum(visitor.entered.is_set() and not visitor.ended.is_set() for visitor in visitors)
            most = max(most, of.size())
        return all(visitor.ended.is_set() for visitor in visitors)

    until(look)
    assert [visitor.error for visitor in visitors] == [None] * 12
    assert len(crowd.arrived) == 12
    assert most <= max_size
    assert of.size() == 0


# --- the order


@in_order
@pytest.mark.parametrize('max_size', [1, 2])
def test_slots_are_given_in_the_order_in_which_they_were_asked_for(crowd: Crowd, max_size: int) -> None:
    """Threads and the tasks of a loop stand in one queue."""
    of = pool(KEY, max_size=max_size, wait=None)
    holders = [crowd.hold(of) for _ in range(max_size)]
    waiters = [crowd.queue(of) for _ in range(6)]
    leaving = [*holders, *waiters]
    for number in range(6):
        assert crowd.arrived == leaving[: max_size + number]
        leaving[number].leave()
        assert waiters[number].entered.wait(LIMIT)
    assert crowd.arrived == leaving


@in_order
def test_who_does_not_wait_gets_no_slot_that_is_promised(crowd: Crowd) -> None:
    """The first in the queue allows one slot; with a larger size there would be room, but later."""
    crowd.hold(one())
    waiter = crowd.queue(one())
    error = crowd.refusal(pool(KEY, max_size=5))
    assert type(error) is CachifyPoolFullError
    assert str(error) == "pool 'reports' is full: its free slots are promised to those who wait"
    assert (error.key, error.max_size) == (KEY, 5)
    assert not waiter.entered.is_set()
    assert one().size() == 1


@in_order
def test_who_comes_later_waits_behind_those_who_wait(crowd: Crowd) -> None:
    """The same with ``wait``: it does not take the free slot, and times out."""
    crowd.hold(one())
    waiter = crowd.queue(one())
    assert isinstance(crowd.refusal(pool(KEY, max_size=5, wait=0.05)), CachifyPoolTimeoutError)
    assert not waiter.entered.is_set()
    assert one().queue_size() == 1


# --- waiting in vain


@pytest.mark.parametrize('wait', [0.1, 0.125, timedelta(milliseconds=150)])
def test_when_the_time_is_up_an_error_says_so(crowd: Crowd, wait: float | timedelta) -> None:
    """It names the pool, its size and the time; the waiter leaves nothing behind."""
    seconds = wait.total_seconds() if isinstance(wait, timedelta) else wait
    crowd.hold(one())
    waiter = crowd.enter(one(wait))
    assert waiter.ended.wait(LIMIT)
    error = waiter.error
    assert type(error) is CachifyPoolTimeoutError
    assert (error.key, error.max_size) == (KEY, 1)
    assert seconds <= error.waited <= waiter.seconds
    assert str(error) == f"pool 'reports' is full: waited {error.waited:.3g} s for its only slot"
    assert one().size() == 1
    crowd.end()
    assert one().size() == 0


@in_order
def test_who_gave_up_is_skipped(crowd: Crowd) -> None:
    """The first in the queue times out; the slot goes to the second."""
    holder = crowd.hold(one())
    # Long enough for the second to be queued before the first gives up.
    first, second = crowd.queue(one(2)), crowd.queue(one())
    assert first.ended.wait(LIMIT)
    assert isinstance(first.error, CachifyPoolTimeoutError)
    assert one().queue_size() == 1
    holder.leave()
    assert second.entered.wait(LIMIT)
    assert one().queue_size() == 0


def test_without_wait_a_full_pool_refuses_at_once(crowd: Crowd) -> None:
    """The error is no time-out."""
    crowd.hold(one(0))
    error = crowd.refusal(one(0))
    assert type(error) is CachifyPoolFullError
    assert str(error) == "pool 'reports' is full: its only slot is taken"


@pytest.mark.parametrize('store', ['valkey', 'redis', 'fakeredis'])
def test_who_never_waits_creates_no_queue(driver: Driver, clients: Clients) -> None:
    """Neither by a grant nor by a refusal: the server has the slots alone."""

    async def body() -> None:
        async with driver.hold(one(0)):
            with pytest.raises(CachifyPoolFullError):
                async with driver.hold(one(0)):
                    pass
            assert clients.sync.keys() == [b'PYC-reports']

    driver.run(body())
    assert clients.sync.keys() == []


@pytest.mark.parametrize('store', ['valkey', 'redis', 'fakeredis'])
def test_a_queue_that_is_empty_again_has_no_key(crowd: Crowd, clients: Clients) -> None:
    """A waiter that got its slot, and one whose time was up, leave nothing on the server."""
    holder = crowd.hold(one())
    waiter = crowd.queue(one())
    assert sorted(clients.sync.keys()) == [b'PYC-reports', pool_keys('PYC-reports').queue]
    crowd.refusal(one(0.02))
    holder.leave()
    waiter.leave()
    assert waiter.ended.wait(LIMIT)
    assert clients.sync.keys() == []


# --- how many wait


@in_order
def test_queue_size_counts_who_waits(crowd: Crowd) -> None:
    """Holders do not count, nor those who have got a slot; another key has another queue."""
    of = pool(KEY, max_size=2, wait=None)
    assert of.queue_size() == 0
    holders = [crowd.hold(of) for _ in range(2)]
    assert of.queue_size() == 0
    waiters = [crowd.queue(of) for _ in range(3)]
    assert (of.queue_size(), crowd.loop.result(of.aqueue_size())) == (3, 3)
    assert (of.size(), pool('other', max_size=2).queue_size()) == (2, 0)
    holders[0].leave()
    assert waiters[0].entered.wait(LIMIT)
    assert (of.queue_size(), crowd.loop.result(of.aqueue_size())) == (2, 2)


@in_order
def test_when_so_many_wait_already_the_next_is_refused_at_once(crowd: Crowd) -> None:
    """The error is no time-out, and names ``max_waiting``; later there is room again."""
    few = one(LIMIT, max_waiting=2)
    holder = crowd.hold(few)
    waiters = [crowd.queue(few) for _ in range(2)]
    error = crowd.refusal(few)
    assert type(error) is CachifyPoolFullError
    assert str(error) == "pool 'reports' is full: its only slot is taken, and max_waiting=2 wait already"
    assert few.queue_size() == 2
    holder.leave()
    assert waiters[0].entered.wait(LIMIT)
    crowd.queue(few)
    # Others may queue without limit: each counts by its own.
    crowd.queue(one())
    assert few.queue_size() == 3


@in_order
def test_max_waiting_refuses_nobody_who_finds_room(crowd: Crowd) -> None:
    crowd.hold(one(LIMIT, max_waiting=1))
    crowd.queue(one(LIMIT, max_waiting=1))


# --- the plain contract


@pytest.mark.parametrize('store', ['plain', 'sqlite'])
@pytest.mark.parametrize('full', [False, True])
def test_a_plain_client_cannot_limit_who_waits(crowd: Crowd, full: bool) -> None:
    """Entering says so, even if there is room, and takes nothing."""
    if full:
        crowd.hold(one())
    error = crowd.refusal(one(LIMIT, max_waiting=5))
    assert type(error) is TypeError
    assert 'max_waiting needs a store that can queue' in str(error)
    assert one().size() == full


@pytest.mark.parametrize('store', ['plain', 'sqlite'])
def test_a_plain_client_cannot_count_who_waits(crowd: Crowd) -> None:
    with pytest.raises(NotImplementedError):
        one().queue_size()
    with pytest.raises(NotImplementedError):
        crowd.loop.result(one().aqueue_size())


@pytest.mark.parametrize('store', ['plain', 'sqlite'])
def test_max_waiting_without_wait_asks_nobody(driver: Driver) -> None:
    """It then means nothing, on any store."""

    async def body() -> None:
        async with driver.hold(pool(KEY, max_size=1, max_waiting=5)):
            pass

    driver.run(body())


# --- decorated functions


class Full:
    """An ``on_full`` that keeps what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> str:
        self.calls.append((args, kwargs))
        return 'later'


def mail(user_id: int, *, text: str = '') -> str:
    return f'{user_id}: {text}'


async def amail(user_id: int, *, text: str = '') -> str:
    return f'{user_id}: {text}'


def decorate(style: str, cachify: Cachify, driver: Driver, wait: Any, **options: Any) -> Any:
    """Return a decorated function that waits, made in one of the four ways."""
    function: Any = mail if driver.name == 'sync' else amail
    match style:
        case '@pooled':
            return pooled(key='mail-{user_id}', max_size=1, wait=wait, **options)(function)
        case '@Cachify.pooled':
            return cachify.pooled(key='mail-{user_id}', max_size=1, wait=wait, **options)(function)
        case '@pool.pooled':
            return pool('mail-7', max_size=1, wait=wait).pooled(**options)(function)
        case _:
            return cachify.pool('mail-7', max_size=1, wait=wait).pooled(**options)(function)


styles = pytest.mark.parametrize('style', ['@pooled', '@Cachify.pooled', '@pool.pooled', '@Cachify.pool.pooled'])
of_each_kind = pytest.mark.parametrize('store', ['memory', 'valkey', 'plain'])


@styles
@of_each_kind
def test_on_full_is_called_when_the_time_is_up(style: str, cachify: Cachify, driver: Driver) -> None:
    """With the call's arguments; what it returns is the result."""
    on_full = Full()

    async def body() -> None:
        decorated = decorate(style, cachify, driver, 0.05, on_full=on_full)
        async with driver.hold(pool('mail-7', max_size=1)):
            assert await driver.result(decorated(7, text='hello')) == 'later'
        assert on_full.calls == [((7,), {'text': 'hello'})]
        assert await driver.result(decorated(7, text='hello')) == '7: hello'

    driver.run(body())


@styles
@of_each_kind
def test_raise_on_full_raises_the_time_out(style: str, cachify: Cachify, driver: Driver) -> None:
    async def body() -> None:
        decorated = decorate(style, cachify, driver, 0.05, raise_on_full=True)
        async with driver.hold(pool('mail-7', max_size=1)):
            with pytest.raises(CachifyPoolTimeoutError) as caught:
                await driver.result(decorated(7))
        assert (caught.value.key, caught.value.max_size) == ('mail-7', 1)
        assert caught.value.waited >= 0.05

    driver.run(body())


@styles
@of_each_kind
def test_without_either_a_call_that_waited_in_vain_returns_none(style: str, cachify: Cachify, driver: Driver) -> None:
    async def body() -> None:
        decorated = decorate(style, cachify, driver, 0.05)
        async with driver.hold(pool('mail-7', max_size=1)):
            assert await driver.result(decorated(7)) is None

    driver.run(body())


@styles
@of_each_kind
def test_a_call_waits_for_its_slot(style: str, cachify: Cachify, driver: Driver) -> None:
    """It runs when the holder, a thread, leaves."""

    async def body() -> None:
        decorated = decorate(style, cachify, driver, LIMIT, raise_on_full=True)
        holder = Thread(pool('mail-7', max_size=1))
        assert holder.entered.wait(LIMIT)
        threading.Timer(0.05, holder.leave).start()
        assert await driver.result(decorated(7, text='hello')) == '7: hello'
        assert await driver.size(pool('mail-7', max_size=1)) == 0

    driver.run(body())


@styles
@of_each_kind
def test_wrong_arguments_are_refused_before_the_call_waits(style: str, cachify: Cachify, driver: Driver) -> None:
    """Not afterwards: this call would be told of a deadlock instead."""

    async def body() -> None:
        decorated = decorate(style, cachify, driver, None)
        async with driver.hold(pool('mail-7', max_size=1)):
            for arguments in ({}, {'user_id': 7, 'colour': 'red'}):
                with pytest.raises(TypeError):
                    await driver.result(decorated(**arguments))

    driver.run(body())


# --- many loops, many objects


@in_order
def test_the_tasks_of_two_loops_and_a_thread_stand_in_one_queue(store: str, clients: Clients) -> None:
    """Each loop has its own connections, and hears of its own slots."""
    match store:
        case 'memory':
            other = clients.asynchronous
        case 'fakeredis':
            other = fakeredis.FakeAsyncRedis(server=clients.sync.connection_pool.connection_kwargs['server'])
        case _:
            other = make_clients(store, clients.sync.connection_pool.connection_kwargs['path']).asynchronous
    of = one()
    there = init_cachify(clients.sync, other, is_global=False).pool(KEY, max_size=1, wait=None)
    here_loop, there_loop = Loop(clients.asynchronous), Loop(other)
    here, far, threads = Crowd('tasks', here_loop), Crowd('tasks', there_loop), Crowd('threads', here_loop)
    try:
        holder = threads.hold(of)
        waiters = [
            crowd.queue(pool_of)
            for crowd, pool_of in ((here, of), (far, there), (threads, of), (far, there), (here, of))
        ]
        for leaver, waiter in zip([holder, *waiters], waiters, strict=False):
            assert not waiter.entered.is_set()
            leaver.leave()
            assert waiter.entered.wait(LIMIT)
    finally:
        for crowd in (here, far, threads):
            crowd.end()
        here_loop.end()
        there_loop.end()
