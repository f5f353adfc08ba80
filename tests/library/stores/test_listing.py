"""Who holds a slot, and who waits: the lists change nothing, and show what older releases left."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import redis
import redis.asyncio

from py_cachify import MemoryClient
from py_cachify.backends.memory import MemoryBackend
from py_cachify.backends.plain import PlainBackend
from py_cachify.backends.pool_keys import pool_keys
from py_cachify.backends.redis import RedisBackend
from py_cachify.commands import (
    CLAIM,
    DEADLINE,
    AskAgain,
    Command,
    CountSlots,
    CountWaiting,
    DrawFence,
    DropSlot,
    JoinQueue,
    LeaveQueue,
    Listed,
    ListSlots,
    ListWaiting,
    RenewSlots,
    SetIfAbsent,
    Steps,
    TakeSlot,
    UndoSlot,
)
from py_cachify.drivers import run
from py_cachify.protocols import ATOMIC, INDEXED, Lease, slot_lease, slot_name, slot_text
from tests.library.stores.conftest import NOW, Ask
from tests.support.stores import Clients, VirtualClock


pytestmark = pytest.mark.quick

on_both_servers = pytest.mark.parametrize('store', ['fakeredis', 'valkey'])
TICKETS = tuple(f'1:p:0:0:1:10.0:{number}' for number in range(4))
ANOTHER_PROCESS = '1:q:0:0:1:10.0:0'


def join(ticket: str) -> JoinQueue:
    return JoinQueue('k', ticket, 1, 10, None)


def holders(ask: Ask, key: str = 'k') -> list[Listed]:
    """Return the listed slots by their tokens, which no store promises."""
    listed = ask(ListSlots(key))
    assert type(listed) is tuple
    return sorted(listed)


# --- who holds a slot


def test_each_live_slot_is_listed_with_its_remaining_life(ask: Ask, clock: VirtualClock) -> None:
    """An infinite one if it never expires; of one pool only."""
    assert holders(ask) == []
    ask(TakeSlot('k', 'a', 9, 10))
    clock.now += 2.5
    ask(TakeSlot('k', 'b', 9, 1 / 3))
    ask(TakeSlot('k', 'c', 9, None))
    ask(TakeSlot('another', 'd', 9, 10))
    assert holders(ask) == [Listed('a', 7.5), Listed('b', (clock.now + 1 / 3) - clock.now), Listed('c', math.inf)]
    ask(DropSlot('k', 'a'))
    assert holders(ask, 'another') == [Listed('d', 10)]
    assert [slot.token for slot in holders(ask)] == ['b', 'c']


def test_at_exactly_its_expiry_a_slot_is_not_listed(ask: Ask, clock: VirtualClock) -> None:
    """Just before, it is."""
    ask(TakeSlot('k', 'a', 9, 10))
    clock.now = math.nextafter(NOW + 10, 0)
    assert holders(ask) == [Listed('a', (NOW + 10) - clock.now)]
    clock.now = NOW + 10
    assert holders(ask) == []


def test_a_tombstone_and_a_waiter_are_not_listed_as_holders(ask: Ask) -> None:
    ask(join(TICKETS[0]))
    ask(join(TICKETS[1]))
    ask(UndoSlot('k', 'undone'))
    assert holders(ask) == [Listed(TICKETS[0], 10)]


def test_as_many_are_listed_as_are_counted(ask: Ask, clock: VirtualClock) -> None:
    """At each of many instants."""
    for number in range(20):
        ask(TakeSlot('k', str(number), 99, number + 1))
    for _ in range(21):
        assert len(holders(ask)) == ask(CountSlots('k'))
        clock.now += 1
    assert holders(ask) == []


@on_both_servers
def test_a_list_of_holders_drops_nothing(clients: Clients) -> None:
    """What has expired stays until a request that may change the pool."""
    clock = VirtualClock(NOW)
    ask, looking = RedisBackend(clients.sync, clock).perform, clients.sync
    ask(TakeSlot('k', 'a', 9, 10))
    ask(TakeSlot('k', 'b', 9, 20))
    clock.now += 10
    before = looking.zrange('k', 0, -1, withscores=True)
    assert holders(ask) == [Listed('b', 10)]
    assert looking.zrange('k', 0, -1, withscores=True) == before
    assert len(before) == 2


def test_a_list_of_holders_in_memory_drops_nothing() -> None:
    clock = VirtualClock(NOW)
    backend = MemoryBackend(MemoryClient(clock))
    backend.perform(TakeSlot('k', 'a', 9, 10))
    clock.now += 10
    assert holders(backend.perform) == []
    assert backend.contents('k') == {'a': NOW + 10}


@on_both_servers
def test_a_claim_is_listed_under_the_ticket_of_its_waiter(clients: Clients) -> None:
    """It takes a slot, although its waiter does not know yet."""
    ask = RedisBackend(clients.sync, VirtualClock(NOW)).perform
    ask(join(TICKETS[0]))
    ask(join(ANOTHER_PROCESS))
    ask(DropSlot('k', TICKETS[0]))
    assert holders(ask) == [Listed(ANOTHER_PROCESS, CLAIM)]
    assert ask(CountSlots('k')) == 1


@on_both_servers
def test_tokens_of_older_releases_and_of_others_are_listed(clients: Clients) -> None:
    """Whatever is in the set takes a slot; what is no text is shown as well as it can be."""
    ask, looking = RedisBackend(clients.sync, VirtualClock(NOW)).perform, clients.sync
    members = {'host-77-12345': NOW + 10, b'\xff\x00\xfe': NOW + 20, 'für Zoë': NOW + 30, '': NOW + 40, '7': NOW + 50}
    looking.zadd('k', members)
    listed = {slot.remaining: slot.token for slot in holders(ask)}
    assert listed == {10: 'host-77-12345', 20: '\ufffd\x00\ufffd', 30: 'für Zoë', 40: '', 50: '7'}
    assert ask(CountSlots('k')) == looking.zcard('k') == 5


# --- who waits


def test_tickets_are_listed_in_the_order_of_the_queue(ask: Ask) -> None:
    """Not in that of their texts."""
    assert ask(ListWaiting('k')) == ()
    order = [TICKETS[number] for number in (2, 0, 3, 1)]
    for ticket in order:
        ask(join(ticket))
    holder, *waiting = order
    assert ask(ListWaiting('k')) == tuple(waiting)
    ask(DropSlot('k', holder))
    assert ask(ListWaiting('k')) == tuple(waiting[1:])
    ask(LeaveQueue('k', waiting[1], 1, 10, False))
    assert ask(ListWaiting('k')) == tuple(waiting[2:])
    assert ask(CountWaiting('k')) == 1
    assert ask(ListWaiting('another')) == ()


def test_a_waiter_that_comes_back_is_listed_in_its_old_place(ask: Ask, clock: VirtualClock) -> None:
    """It was unknown, and asks again with the place that it had."""
    for ticket in TICKETS[:3]:
        clock.now += 1
        ask(join(ticket))
    ask(LeaveQueue('k', TICKETS[1], 1, 10, False))
    ask(AskAgain('k', TICKETS[1], 1, 10, NOW + 2))
    assert ask(ListWaiting('k')) == TICKETS[1:3]


@on_both_servers
def test_a_silent_waiter_is_not_listed(clients: Clients) -> None:
    """As it is not counted; the list does not remove it."""
    clock = VirtualClock(NOW)
    ask, looking = RedisBackend(clients.sync, clock).perform, clients.sync
    ask(TakeSlot('k', 'a', 1, None))
    for ticket in TICKETS:
        ask(join(ticket))
    clock.now += DEADLINE / 2
    ask(AskAgain('k', TICKETS[3], 1, 10, NOW))
    ask(AskAgain('k', TICKETS[1], 1, 10, NOW))
    clock.now = NOW + DEADLINE
    before = looking.zrange(pool_keys('k').queue, 0, -1, withscores=True)
    assert ask(ListWaiting('k')) == (TICKETS[1], TICKETS[3])
    assert ask(CountWaiting('k')) == 2
    assert looking.zrange(pool_keys('k').queue, 0, -1, withscores=True) == before
    assert len(before) == 2 * len(TICKETS)


def test_nobody_is_told_of_a_slot_by_a_list(server: 'redis.Redis') -> None:
    """Nor by a renewal or a fencing token: their answers are lists, as those that name tickets."""
    backend = RedisBackend(server)
    for ticket in TICKETS[:3]:
        backend.perform(join(ticket))
    told: list[str] = []
    vars(backend)['granted'] = lambda _backend, _key, ticket: told.append(ticket)
    renewals = ((TICKETS[0], 10.0), ('nobody', 10.0))
    for command in (ListSlots('k'), ListWaiting('k'), RenewSlots('k', renewals), DrawFence('k', TICKETS[0])):
        backend.perform(command)
    assert told == []
    backend.perform(DropSlot('k', TICKETS[0]))
    assert told == [TICKETS[1]]


# --- every client, and a user who may only read


@pytest.mark.parametrize('decode_responses', [False, True])
@pytest.mark.parametrize('protocol', [2, 3])
def test_any_client_reads_the_lists(socket: str, protocol: int, decode_responses: bool) -> None:
    with redis.Redis(unix_socket_path=socket, protocol=protocol, decode_responses=decode_responses) as client:
        ask = RedisBackend(client, VirtualClock(NOW)).perform
        for ticket in TICKETS[:3]:
            ask(join(ticket))
        assert holders(ask) == [Listed(TICKETS[0], 10)]
        assert ask(ListWaiting('k')) == TICKETS[1:3]


@pytest.mark.parametrize(
    ('commands', 'keys'),
    [
        (['EVAL', 'EVALSHA', 'TIME', 'ZREVRANGE', 'ZRANGEBYSCORE'], '~k*'),
        (['EVAL_RO', 'TIME', 'ZREVRANGE', 'ZRANGEBYSCORE'], '%R~k*'),
    ],
    ids=['commands', 'keys'],
)
def test_a_user_who_may_only_read_can_list(server: 'redis.Redis', commands: list[str], keys: str) -> None:
    """With these permissions, but not with fewer commands."""
    ask = RedisBackend(server).perform
    for ticket in TICKETS[:3]:
        ask(join(ticket))
    lists: list[Command[Any]] = [ListSlots('k'), ListWaiting('k')]
    looking: Any = server
    for left_out in ('', *commands):
        server.script_flush()
        allowed = [f'+{name}' for name in commands if name != left_out]
        looking.execute_command('ACL SETUSER', 'reader', 'reset', 'on', 'nopass', keys, *allowed)
        path = server.connection_pool.connection_kwargs['path']
        reader = redis.Redis(unix_socket_path=path, username='reader', password='any', driver_info=None, protocol=2)
        with reader:
            if not left_out:
                assert [len(RedisBackend(reader).perform(command)) for command in lists] == [1, 2]
                continue
            with pytest.raises(redis.RedisError):
                [RedisBackend(reader).perform(command) for command in lists]
    server.acl_deluser('reader')


# --- the protocols


def _recorded(steps: Steps[Any], ask: Callable[[Command[Any]], Any]) -> tuple[list[Command[Any]], Any]:
    sent: list[Command[Any]] = []

    def perform(command: Command[Any]) -> Any:
        sent.append(command)
        return ask(command)

    return sent, run(steps, perform)


def test_the_protocol_asks_one_command_for_each_list(ask: Ask) -> None:
    ask(join(TICKETS[0]))
    ask(join(TICKETS[1]))
    assert ATOMIC.holders is not None
    assert ATOMIC.queue is not None
    assert _recorded(ATOMIC.holders('k', 1), ask) == ([ListSlots('k')], (Listed(TICKETS[0], 10),))
    assert _recorded(ATOMIC.queue('k'), ask) == ([ListWaiting('k')], (TICKETS[1],))


def test_a_listed_slot_is_given_back_by_its_text(ask: Ask) -> None:
    """Any process can do so; where a store decides, the text is the token."""
    lease = Lease('k', 'a')
    ask(TakeSlot('k', 'a', 1, None))
    [slot] = holders(ask)
    assert slot.token == slot_text(ATOMIC, lease) == 'a'
    assert slot_lease(ATOMIC, 'k', slot.token) == lease
    assert run(ATOMIC.release(lease), ask) is True


def _plain() -> tuple[Ask, list[Lease]]:
    """Return a store of names, and the leases of three slots in a pool of five."""
    ask = PlainBackend(MemoryClient(VirtualClock(NOW))).perform
    leases = []
    for token in ('a', 'b@1', 'c:9'):
        lease = run(INDEXED.acquire('k', token, 5, 10), ask)
        assert isinstance(lease, Lease)
        leases.append(lease)
    return ask, leases


def test_a_plain_pool_lists_the_slots_whose_names_are_set() -> None:
    """The names do not say when they expire; those beyond ``max_size`` are not asked for."""
    ask, leases = _plain()
    ask(SetIfAbsent('k:5', 'beyond', None))
    assert INDEXED.holders is not None
    sent, listed = _recorded(INDEXED.holders('k', 5), ask)
    assert len(sent) == 5
    assert sorted(listed) == sorted(Listed(slot_text(INDEXED, lease), None) for lease in leases)


def test_a_listed_slot_of_a_plain_pool_is_given_back_by_its_text() -> None:
    """The text says which name it is, too, because only that can be deleted."""
    ask, leases = _plain()
    assert INDEXED.holders is not None
    for slot in run(INDEXED.holders('k', 5), ask):
        lease = slot_lease(INDEXED, 'k', slot.token)
        assert lease in leases
        assert run(INDEXED.release(lease), ask) is True
    assert run(INDEXED.holders('k', 5), ask) == ()


@pytest.mark.parametrize('key', ['k', 'a:b', 'a@3', 'k:1'])
def test_the_text_of_a_plain_slot_is_read_again(key: str) -> None:
    for token in ('a', 'a@b', '@', 'a:7'):
        for index in (0, 3, 12):
            lease = Lease(slot_name(key, index), token)
            assert slot_text(INDEXED, lease) == f'{token}@{index}'
            assert slot_lease(INDEXED, key, slot_text(INDEXED, lease)) == lease


@pytest.mark.parametrize(
    'text',
    ['', 'a', 'a@', '@1', 'a@b', 'a@-1', 'a@1.0', 'a@ 1', 'a@²', 'a@\u0661', 'a@07', f'a@{10**18}', f'a@{"9" * 5000}'],
)
def test_a_text_that_is_not_of_a_plain_slot_is_refused(text: str) -> None:
    assert slot_lease(INDEXED, 'k', text) is None


def test_a_plain_pool_has_no_queue_to_list() -> None:
    assert INDEXED.queue is None
