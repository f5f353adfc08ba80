"""A renewal gives a live slot its full life again, and never revives one that is gone."""

import math
import time
from typing import Any, cast

import pytest
import redis

from py_cachify import MemoryClient
from py_cachify.backends.pool_keys import pool_keys
from py_cachify.backends.redis import RedisBackend
from py_cachify.commands import (
    CLAIM,
    MAX_RENEWED,
    AskAgain,
    CountSlots,
    CountWaiting,
    DropSlot,
    JoinQueue,
    ListSlots,
    Queued,
    RenewSlots,
    TakeSlot,
    UndoSlot,
)
from py_cachify.drivers import run
from py_cachify.protocols import ATOMIC, INDEXED
from tests.library.stores.conftest import NOW, Ask
from tests.support.stores import Clients, VirtualClock


pytestmark = pytest.mark.quick

on_both_servers = pytest.mark.parametrize('store', ['fakeredis', 'valkey'])
TICKETS = tuple(f'1:p:0:0:1:10.0:{number}' for number in range(3))
ANOTHER_PROCESS = '1:q:0:0:1:10.0:0'


def renew(token: str, life: float | None = 10.0, key: str = 'k') -> RenewSlots:
    return RenewSlots(key, ((token, life),))


def left(ask: Ask, key: str = 'k') -> dict[str, float | None]:
    """Return how long each slot of a pool still lives."""
    return {slot.token: slot.remaining for slot in ask(ListSlots(key))}


# --- what a renewal does


def test_a_renewed_slot_has_its_full_life_again(ask: Ask, clock: VirtualClock) -> None:
    """From the instant of the renewal, not from the expiry before it."""
    ask(TakeSlot('k', 'a', 1, 10))
    for _ in range(3):
        clock.now += 6
        assert ask(renew('a')) == (True,)
        assert left(ask) == {'a': 10}
    clock.now = math.nextafter(clock.now + 10, 0)
    assert ask(TakeSlot('k', 'b', 1, 10)) is False
    clock.now = NOW + 28
    assert ask(TakeSlot('k', 'b', 1, 10)) is True


def test_a_renewal_takes_no_room(ask: Ask, clock: VirtualClock) -> None:
    """The slot is the same one: it is counted once, and one release gives it back."""
    ask(TakeSlot('k', 'a', 2, 10))
    assert ask(renew('a')) == (True,)
    assert ask(CountSlots('k')) == 1
    assert ask(TakeSlot('k', 'b', 2, 10)) is True
    clock.now += 5
    assert ask(renew('a')) == (True,)
    assert [ask(DropSlot('k', 'a')), ask(DropSlot('k', 'a')), ask(CountSlots('k'))] == [True, False, 1]


def test_a_renewal_may_be_repeated(ask: Ask, clock: VirtualClock) -> None:
    """A driver that lost the reply asks again."""
    ask(TakeSlot('k', 'a', 1, 10))
    clock.now += 4
    assert [ask(renew('a')), ask(renew('a'))] == [(True,), (True,)]
    assert left(ask) == {'a': 10}


def test_a_slot_without_expiration_keeps_none(ask: Ask, clock: VirtualClock) -> None:
    """Whatever life the renewal names; a slot that expires can become one that does not."""
    ask(TakeSlot('k', 'for ever', 3, None))
    ask(TakeSlot('k', 'a', 3, 10))
    assert ask(RenewSlots('k', (('for ever', None), ('a', None)))) == (True, True)
    assert ask(renew('for ever', 10)) == (True,)
    clock.now += 1e6
    assert left(ask) == {'for ever': math.inf, 'a': math.inf}


def test_a_renewal_can_name_another_life(ask: Ask, clock: VirtualClock) -> None:
    """A shorter one too: the slot then expires sooner."""
    ask(TakeSlot('k', 'a', 1, 100))
    for life in (300.5, 0.25):
        assert ask(renew('a', life)) == (True,)
        assert left(ask)['a'] == pytest.approx(life)
    clock.now += 0.25
    assert ask(CountSlots('k')) == 0


def test_one_request_renews_many_slots(ask: Ask, clock: VirtualClock) -> None:
    """Each has its own life, and its own place in the reply; the slots of others do not change."""
    for token in ('a', 'gone', 'b', 'c', 'another'):
        ask(TakeSlot('k', token, 9, 10))
    ask(TakeSlot('another pool', 'a', 9, 10))
    ask(DropSlot('k', 'gone'))
    clock.now += 4
    renewals = (('c', 30.0), ('gone', 10.0), ('a', 10.0), ('b', None), ('nobody', 10.0))
    assert ask(RenewSlots('k', renewals)) == (True, False, True, True, False)
    assert left(ask) == {'a': 10, 'b': math.inf, 'c': 30, 'another': 6}
    assert left(ask, 'another pool') == {'a': 6}


def test_a_request_without_slots_renews_none(ask: Ask) -> None:
    ask(TakeSlot('k', 'a', 1, 10))
    assert ask(RenewSlots('k', ())) == ()


def test_as_many_slots_as_allowed_are_renewed_at_once(ask: Ask, clock: VirtualClock) -> None:
    """Every other one has gone."""
    tokens = [str(number) for number in range(MAX_RENEWED)]
    for token in tokens[::2]:
        ask(TakeSlot('k', token, MAX_RENEWED, 10))
    clock.now += 5
    there = ask(RenewSlots('k', tuple((token, 10.0) for token in tokens)))
    assert there == (True, False) * (MAX_RENEWED // 2)
    assert left(ask) == dict.fromkeys(tokens[::2], 10)


# --- what it does not do


def test_at_exactly_its_expiry_a_slot_is_not_renewed(ask: Ask, clock: VirtualClock) -> None:
    """Just before it is, by a life that starts then."""
    ask(TakeSlot('k', 'a', 2, 10))
    ask(TakeSlot('k', 'b', 2, 10))
    clock.now = math.nextafter(NOW + 10, 0)
    assert ask(renew('a', 10)) == (True,)
    clock.now = NOW + 10
    assert ask(renew('b')) == (False,)
    assert left(ask).keys() == {'a'}


@pytest.mark.parametrize('life', [10.0, None])
def test_an_expired_slot_is_never_revived(ask: Ask, clock: VirtualClock, life: float | None) -> None:
    """Not even if nobody else has taken its place, and nothing has removed it since."""
    ask(TakeSlot('k', 'a', 1, 10))
    clock.now += 10.5
    assert [ask(renew('a', life)), ask(renew('a', life))] == [(False,), (False,)]
    assert ask(CountSlots('k')) == 0
    assert ask(TakeSlot('k', 'b', 1, 10)) is True
    assert ask(renew('a', life)) == (False,)
    assert left(ask) == {'b': 10}


@pytest.mark.parametrize('ends', [DropSlot('k', 'a'), UndoSlot('k', 'a')], ids=['release', 'undo'])
@pytest.mark.parametrize('slot_exp', [10.0, None])
def test_a_late_copy_of_a_renewal_does_nothing_after_a_release(
    ask: Ask, ends: DropSlot | UndoSlot, slot_exp: float | None
) -> None:
    ask(TakeSlot('k', 'a', 1, slot_exp))
    assert ask(renew('a', slot_exp)) == (True,)
    assert ask(ends) is True
    assert ask(renew('a', slot_exp)) == (False,)
    assert ask(CountSlots('k')) == 0
    assert ask(TakeSlot('k', 'b', 1, 10)) is True


def test_a_renewal_that_arrives_late_prolongs_a_life(ask: Ask, clock: VirtualClock) -> None:
    """A named limit: the life starts when the store carries the request out, not its sending."""
    ask(TakeSlot('k', 'a', 1, 10))
    late = renew('a')
    clock.now += 9
    assert ask(late) == (True,)
    clock.now += 9
    assert left(ask) == {'a': 1}


def test_a_waiter_that_has_no_slot_yet_is_not_renewed(ask: Ask, clock: VirtualClock) -> None:
    """Its place in the queue is no slot."""
    holder, waiter, _ = TICKETS
    ask(JoinQueue('k', holder, 1, 10, None))
    assert isinstance(ask(JoinQueue('k', waiter, 1, 10, None)), Queued)
    assert ask(RenewSlots('k', ((waiter, 10.0), (holder, 10.0)))) == (False, True)
    assert (ask(CountSlots('k')), ask(CountWaiting('k'))) == (1, 1)


def test_a_waiter_gets_the_slot_at_its_new_expiry(ask: Ask, clock: VirtualClock) -> None:
    """At the one before it, the slot is still taken."""
    holder, waiter, _ = TICKETS
    ask(JoinQueue('k', holder, 1, 10, None))
    ask(JoinQueue('k', waiter, 1, 10, None))
    clock.now += 6
    ask(renew(holder))
    clock.now += 4
    again = AskAgain('k', waiter, 1, 10, NOW)
    queued = ask(again)
    assert isinstance(queued, Queued)
    assert queued.next_expiry == 6
    clock.now += 6
    assert ask(again) is True
    assert left(ask) == {waiter: 10}


# --- on a server


@on_both_servers
def test_a_claim_is_not_renewed(clients: Clients) -> None:
    """A waiter of another process must confirm its slot first."""
    clock = VirtualClock(NOW)
    ask = RedisBackend(clients.sync, clock).perform
    ask(JoinQueue('k', TICKETS[0], 1, 10, None))
    ask(JoinQueue('k', ANOTHER_PROCESS, 1, 10, None))
    ask(DropSlot('k', TICKETS[0]))
    assert left(ask) == {ANOTHER_PROCESS: CLAIM}
    assert ask(renew(ANOTHER_PROCESS)) == (False,)
    assert left(ask) == {ANOTHER_PROCESS: CLAIM}
    assert ask(AskAgain('k', ANOTHER_PROCESS, 1, 10, 0)) is True
    clock.now += 1
    assert ask(renew(ANOTHER_PROCESS)) == (True,)
    assert left(ask) == {ANOTHER_PROCESS: 10}


@on_both_servers
def test_the_key_lives_as_long_as_its_renewed_slots(clients: Clients) -> None:
    """The key itself expires with the last slot, or never if a slot never expires."""
    looking = clients.sync
    ask = RedisBackend(looking).perform

    def ends() -> int:
        return cast(int, looking.pexpiretime('k'))

    def latest() -> int:
        slots: list[tuple[bytes, float]] = looking.zrange('k', 0, -1, withscores=True)
        return math.ceil(max(score for _, score in slots) * 1000)

    ask(TakeSlot('k', 'a', 9, 100))
    ask(TakeSlot('k', 'b', 9, 200))
    first = ends()
    ask(renew('a', 150))
    assert ends() == first == latest()
    ask(renew('a', 400))
    assert ends() == latest() > first + 190_000
    ask(TakeSlot('k', 'for ever', 9, None))
    assert ends() == -1
    assert ask(RenewSlots('k', (('b', 900.0), ('for ever', 900.0)))) == (True, True)
    assert ends() == -1
    ask(DropSlot('k', 'for ever'))
    assert ends() == latest() > first + 690_000
    ask(renew('a', 2000))
    assert ends() == latest() > first + 1_790_000
    ask(renew('a', None))
    assert ends() == -1


@on_both_servers
def test_in_virtual_time_a_renewed_key_has_a_real_day(clients: Clients) -> None:
    """A stopped simulation loses no slot, and a killed one leaves nothing forever."""
    ask = RedisBackend(clients.sync, VirtualClock(NOW)).perform
    ask(TakeSlot('k', 'a', 1, 0.001))
    for life in (0.001, 1e6, None):
        clients.sync.pexpire('k', 60_000)
        assert ask(renew('a', life)) == (True,)
        assert 86_300_000 < clients.sync.pttl('k') <= 86_400_000


def test_a_renewed_slot_outlives_its_first_expiry_on_a_real_server(server: 'redis.Redis') -> None:
    """In real time: the server would have removed the key."""
    ask = RedisBackend(server).perform
    ask(TakeSlot('k', 'a', 1, 0.2))
    assert ask(renew('a', 600)) == (True,)
    time.sleep(0.3)
    assert ask(TakeSlot('k', 'b', 1, 600)) is False
    assert ask(DropSlot('k', 'a')) is True


def test_a_renewal_creates_no_key(server: 'redis.Redis') -> None:
    assert RedisBackend(server).perform(renew('a')) == (False,)
    assert server.keys() == []


def test_a_renewal_changes_only_the_slots(server: 'redis.Redis') -> None:
    """The queue and the tombstones stay as they are."""
    ask = RedisBackend(server).perform
    ask(JoinQueue('k', TICKETS[0], 1, 10, None))
    ask(JoinQueue('k', TICKETS[1], 1, 10, None))
    ask(UndoSlot('k', 'undone'))
    keys = pool_keys('k')

    def others() -> list[Any]:
        return [server.zrange(key, 0, -1, withscores=True) for key in (keys.queue, keys.undone)]

    before = others()
    assert ask(RenewSlots('k', tuple((token, 10.0) for token in (*TICKETS, 'undone')))) == (True, False, False, False)
    assert others() == before


# --- in memory


@pytest.mark.parametrize('life', [600.0, None])
def test_memory_does_not_grow_by_renewals(life: float | None) -> None:
    """A hundred thousand renewals of few slots leave a bounded rest, which is freed too."""
    clock = VirtualClock(NOW)
    memory = MemoryClient(clock)
    for token in 'abc':
        memory.take_slot('k', token, 3, 600)
    for _ in range(30_000):
        clock.now += 0.01
        assert memory.renew_slots('k', tuple((token, life) for token in 'abc')) == (True,) * 3
        assert len(memory._slots.heap) <= 100
    for token in 'abc':
        assert memory.drop_slot('k', token)
    assert memory._slots.live == {}
    clock.now += 600
    assert memory.count_slots('k') == len(memory._slots.heap) == 0


# --- the protocols


def test_the_protocol_asks_one_command() -> None:
    asked: list[Any] = []

    def perform(command: Any) -> Any:
        asked.append(command)
        return (True, False)

    assert ATOMIC.renew is not None
    renewals = (('a', 10.0), ('b', None))
    assert run(ATOMIC.renew('k', renewals), perform) == (True, False)
    assert asked == [RenewSlots('k', renewals)]


def test_the_plain_contract_cannot_renew() -> None:
    """Checking and setting again are two commands, and the slot could change hands in between."""
    assert INDEXED.renew is None
    assert INDEXED.fence is None
