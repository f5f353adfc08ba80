"""Waiting in memory: natively, without polling, and in a time that a test moves."""

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from py_cachify import CachifyPoolFullError, CachifyPoolTimeoutError, MemoryClient, init_cachify, pool
from py_cachify.testing import ManualClock
from tests.library.waiting.crowd import KINDS, LIMIT, Crowd, Visitor, crowd_of
from tests.support.stores import Clients, Driver


pytestmark = pytest.mark.quick


class Counting(MemoryClient):
    """Memory that counts its requests."""

    def __init__(self, clock: Any) -> None:
        self.requests: Counter[str] = Counter()
        super().__init__(clock)

    def join_queue(self, *args: Any, **options: Any) -> Any:
        self.requests['join'] += 1
        return super().join_queue(*args, **options)

    def ask_again(self, *args: Any, **options: Any) -> Any:
        self.requests['ask'] += 1
        return super().ask_again(*args, **options)

    def leave_queue(self, *args: Any, **options: Any) -> Any:
        self.requests['leave'] += 1
        return super().leave_queue(*args, **options)


class Store:
    """A store in virtual time, and who waits there."""

    def __init__(self, clock: ManualClock, client: Counting, crowd: Crowd) -> None:
        self.clock, self.client, self.crowd = clock, client, crowd

    def expiries(self) -> list[float]:
        """Return the instants at which the slots expire."""
        return sorted(self.client.contents().slots.get('PYC-reports', {}).values())


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    # An instant at which seconds are no round numbers.
    clock = ManualClock(start=1000.1)
    client = Counting(clock)
    init_cachify(client)
    with crowd_of(str(request.param), Clients(client, client, None)) as crowd:
        yield Store(clock, client, crowd)


def one(wait: float | None = None, **options: Any) -> pool:
    return pool('reports', max_size=1, wait=wait, **options)


def refused(visitor: Visitor) -> CachifyPoolTimeoutError:
    """Return the time-out of a waiter."""
    assert visitor.ended.wait(LIMIT)
    assert isinstance(visitor.error, CachifyPoolTimeoutError), visitor.error
    return visitor.error


def test_the_time_is_up_exactly_at_its_instant(store: Store) -> None:
    """Not a moment before; whatever the clock does afterwards, that is what it waited."""
    store.crowd.hold(one())
    waiters = [store.crowd.queue(one(wait)) for wait in (30, 0.3)]
    store.clock.advance(0.25)
    store.clock.advance(100)
    assert [refused(waiter).waited for waiter in waiters] == [pytest.approx(30, abs=1e-9), pytest.approx(0.3, abs=1e-9)]


def test_time_that_does_not_pass_ends_no_wait(store: Store) -> None:
    """The computer's clock goes on; a tenth of a second later, the waiter still waits."""
    holder = store.crowd.hold(one())
    waiter = store.crowd.queue(one(0.01))
    store.clock.advance(0.009)
    assert not waiter.ended.wait(0.1)
    holder.leave()
    assert waiter.entered.wait(LIMIT)


def test_a_slot_is_handed_over_exactly_when_it_expires(store: Store) -> None:
    """The next one lives from that instant, although the clock goes on in the same step."""
    store.crowd.hold(one(slot_exp=30))
    first, second = store.crowd.queue(one(slot_exp=50)), store.crowd.queue(one(slot_exp=600))
    store.clock.advance(29.75)
    assert one().queue_size() == 2
    store.clock.advance(40.25)
    assert first.entered.wait(LIMIT)
    assert store.expiries() == [1000.1 + 30 + 50]
    assert one().queue_size() == 1
    store.clock.advance(15)
    assert second.entered.wait(LIMIT)
    assert store.expiries() == [1000.1 + 30 + 50 + 600]


def test_a_slot_that_expires_before_the_time_is_up_is_given(store: Store) -> None:
    """One step of the clock passes both."""
    store.crowd.hold(one(slot_exp=30))
    waiter = store.crowd.queue(one(40, slot_exp=600))
    store.clock.advance(50)
    assert waiter.entered.wait(LIMIT)
    assert waiter.error is None


def test_a_time_that_is_up_before_the_slot_expires_ends_the_wait(store: Store) -> None:
    """The other way round."""
    store.crowd.hold(one(slot_exp=40))
    waiter = store.crowd.queue(one(30))
    store.clock.advance(39)
    assert refused(waiter).waited == pytest.approx(30, abs=1e-9)


def test_a_slot_that_was_taken_later_and_expires_earlier_is_noticed(store: Store) -> None:
    """The waiter goes by whichever slot expires first, also if it did not know that slot."""
    two = pool('reports', max_size=2, slot_exp=100)
    holder = store.crowd.hold(two)
    store.crowd.hold(two)
    waiter = store.crowd.queue(pool('reports', max_size=1, wait=None))
    short = store.crowd.queue(pool('reports', max_size=3, slot_exp=20, wait=None))
    holder.leave()
    # Of two slots one is left, so the first still waits, and with it everybody behind it.
    assert one().queue_size() == 2
    store.clock.advance(100)
    assert waiter.entered.wait(LIMIT)
    assert short.entered.wait(LIMIT)


def test_nobody_polls(store: Store) -> None:
    """Of ten waiters, who get the slot one after the other, none asks after it has queued."""
    holder = store.crowd.hold(one(0))
    waiters = [store.crowd.queue(one()) for _ in range(10)]
    for leaver, waiter in zip([holder, *waiters], waiters, strict=False):
        leaver.leave()
        assert waiter.entered.wait(LIMIT)
    assert store.client.requests == {'join': 10}


def test_after_an_expiry_everybody_asks_once_at_most(store: Store) -> None:
    """Ten waiters knew of that instant; the slot itself is handed over without a request."""
    store.crowd.hold(one(0, slot_exp=30))
    waiters = [store.crowd.queue(one()) for _ in range(10)]
    store.clock.advance(30)
    assert waiters[0].entered.wait(LIMIT)
    for leaver, waiter in itertools.pairwise(waiters):
        leaver.leave()
        assert waiter.entered.wait(LIMIT)
    assert store.client.requests['join'] == 10
    assert store.client.requests['ask'] <= 10
    assert store.client.requests['leave'] == 0


@pytest.mark.parametrize('kind', KINDS)
def test_while_nothing_moves_nothing_looks_at_the_clock(kind: str) -> None:
    """Whoever polled would have to."""
    looks = 0

    class Clock(ManualClock):
        def __call__(self) -> float:
            nonlocal looks
            looks += 1
            return super().__call__()

    client = MemoryClient(Clock())
    init_cachify(client)
    with crowd_of(kind, Clients(client, client, None)) as crowd:
        crowd.hold(one(slot_exp=30))
        waiters = [crowd.queue(one(60)) for _ in range(4)]
        # Until the last one has gone to sleep.
        time.sleep(0.05)
        before = looks
        assert not waiters[0].ended.wait(0.2)
        assert looks == before


# --- clocks that cannot wake a waiter


@pytest.fixture
def clients() -> Clients:
    client = MemoryClient(clock=lambda: 7.0)
    init_cachify(client)
    return Clients(client, client, None)


def test_a_bare_callable_cannot_wake_a_waiter(driver: Driver, clients: Clients) -> None:
    """Entering a pool that waits says so, even if there is room, and takes nothing."""

    async def body() -> None:
        for wait in (5, None):
            with pytest.raises(TypeError, match='needs a clock that can wake a waiter'):
                async with driver.hold(one(wait)):
                    pass
        assert await driver.size(one()) == 0

    driver.run(body())


def test_without_wait_any_callable_will_do(driver: Driver, clients: Clients) -> None:
    async def body() -> None:
        async with driver.hold(one(0)):
            with pytest.raises(CachifyPoolFullError):
                async with driver.hold(one(0, max_waiting=3)):
                    pass
        assert one().queue_size() == 0

    driver.run(body())


def test_a_store_wakes_waiters_while_the_clock_of_the_computer_is_replaced(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tools that freeze time for a test put a function of their own in its place."""
    clock = time.monotonic
    init_cachify(MemoryClient())
    monkeypatch.setattr('time.monotonic', lambda: clock())

    async def body() -> None:
        async with driver.hold(pool('reports', max_size=1)):
            with pytest.raises(CachifyPoolTimeoutError):
                async with driver.hold(pool('reports', max_size=1, wait=0.02)):
                    pass

    driver.run(body())
