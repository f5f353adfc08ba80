"""A fencing token is greater than all earlier ones of its pool, and only a holder gets one."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from redis.cluster import RedisCluster

from py_cachify import MemoryClient
from py_cachify.backends.memory import MemoryBackend
from py_cachify.backends.pool_keys import pool_keys
from py_cachify.backends.redis import RedisBackend
from py_cachify.commands import (
    FENCE_LIFE,
    AskAgain,
    CountSlots,
    DrawFence,
    DropSlot,
    JoinQueue,
    Refusal,
    RenewSlots,
    TakeSlot,
    UndoSlot,
)
from py_cachify.drivers import run
from py_cachify.protocols import ATOMIC, NOT_UNDONE, Lease
from tests.conftest import place_of
from tests.library.stores.conftest import NOW, Ask
from tests.support.servers import cluster, or_skip
from tests.support.stores import Clients, VirtualClock, backend_in_virtual_time


pytestmark = pytest.mark.quick

on_both_servers = pytest.mark.parametrize('store', ['fakeredis', 'valkey'])
TICKETS = tuple(f'1:p:0:0:1:10.0:{number}' for number in range(3))
ANOTHER_PROCESS = '1:q:0:0:1:10.0:0'


def enter(ask: Ask, token: str, key: str = 'k', slot_exp: float | None = 10) -> int:
    """Take a slot of a pool of one, and return its fencing token."""
    assert ask(TakeSlot(key, token, 1, slot_exp)) is True
    fence = ask(DrawFence(key, token))
    assert type(fence) is int
    return fence


# --- the order


def test_fencing_tokens_are_strictly_increasing(ask: Ask, clock: VirtualClock) -> None:
    """Over many grants, whether the clock moves by less than a microsecond, by more, or not."""
    drawn = []
    for number in range(60):
        clock.now += (0.0, 0.5, 3e-7, 2e-6)[number % 4]
        drawn.append(enter(ask, f'a{number}'))
        assert ask(DropSlot('k', f'a{number}')) is True
    assert drawn == sorted(set(drawn))


def test_a_fencing_token_is_the_instant_in_microseconds(ask: Ask, clock: VirtualClock) -> None:
    """So it is greater than those that the store has forgotten."""
    assert enter(ask, 'a') == NOW * 1e6
    ask(DropSlot('k', 'a'))
    clock.now += 1.5
    assert enter(ask, 'b') == (NOW + 1.5) * 1e6


def test_a_repeated_draw_is_greater_again(ask: Ask) -> None:
    """A driver that lost the reply uses the last one."""
    first = enter(ask, 'a')
    assert ask(DrawFence('k', 'a')) == first + 1
    ask(DropSlot('k', 'a'))
    assert enter(ask, 'b') == first + 2


def test_a_clock_that_is_set_back_while_the_pool_is_in_use_repeats_none(ask: Ask, clock: VirtualClock) -> None:
    """The store remembers the last one, and goes on from there."""
    first = enter(ask, 'a', slot_exp=None)
    clock.now -= 3600
    assert ask(DrawFence('k', 'a')) == first + 1
    ask(DropSlot('k', 'a'))
    assert enter(ask, 'b', slot_exp=None) == first + 2
    clock.now += 3600
    assert ask(DrawFence('k', 'b')) == first + 3


def test_each_pool_has_fencing_tokens_of_its_own(ask: Ask) -> None:
    drawn = [enter(ask, 'a'), enter(ask, 'a', 'another')]
    assert drawn[0] == drawn[1]
    assert ask(DrawFence('k', 'a')) == drawn[0] + 1
    assert ask(DrawFence('another', 'a')) == drawn[0] + 1


def test_in_a_larger_pool_they_increase_as_well(ask: Ask) -> None:
    """They exclude nobody there: many hold a slot at the same time."""
    for token in 'abc':
        ask(TakeSlot('k', token, 3, 10))
    drawn = [ask(DrawFence('k', token)) for token in 'cab']
    assert drawn == [drawn[0], drawn[0] + 1, drawn[0] + 2]


def test_a_renewal_draws_none(ask: Ask) -> None:
    first = enter(ask, 'a')
    ask(RenewSlots('k', (('a', 10.0),)))
    assert ask(DrawFence('k', 'a')) == first + 1


def test_a_slot_that_was_handed_over_has_a_greater_one(ask: Ask) -> None:
    """The waiter draws it when it has the slot, and not while it waits."""
    holder, waiter, _ = TICKETS
    ask(JoinQueue('k', holder, 1, 10, None))
    first = ask(DrawFence('k', holder))
    ask(JoinQueue('k', waiter, 1, 10, None))
    assert ask(DrawFence('k', waiter)) is Refusal.EXPIRED
    ask(DropSlot('k', holder))
    assert ask(DrawFence('k', waiter)) == first + 1


# --- who gets none


def test_a_late_holder_never_gets_a_greater_one_than_a_later_holder(ask: Ask, clock: VirtualClock) -> None:
    """It paused between its acquire and its draw, and the slot went to another."""
    ask(TakeSlot('k', 'late', 1, 10))
    clock.now += 10
    fence = enter(ask, 'b')
    assert ask(DrawFence('k', 'late')) is Refusal.EXPIRED
    assert ask(DrawFence('k', 'b')) == fence + 1


@pytest.mark.parametrize('slot_exp', [10, 0.1, 1 / 3])
def test_at_exactly_its_expiry_a_slot_gets_none(ask: Ask, clock: VirtualClock, slot_exp: float) -> None:
    """Just before it does."""
    ask(TakeSlot('k', 'a', 1, slot_exp))
    clock.now = math.nextafter(NOW + slot_exp, 0)
    assert type(ask(DrawFence('k', 'a'))) is int
    clock.now = NOW + slot_exp
    assert ask(DrawFence('k', 'a')) is Refusal.EXPIRED


def test_who_has_no_slot_gets_none(ask: Ask) -> None:
    """A token that was never granted, was refused, released or undone; and one of another pool."""
    assert ask(DrawFence('k', 'nobody')) is Refusal.EXPIRED
    enter(ask, 'a', slot_exp=None)
    ask(TakeSlot('k', 'refused', 1, None))
    ask(TakeSlot('k', 'undone', 9, None))
    ask(UndoSlot('k', 'undone'))
    for token in ('nobody', 'refused', 'undone'):
        assert ask(DrawFence('k', token)) is Refusal.EXPIRED
    assert ask(DrawFence('another', 'a')) is Refusal.EXPIRED
    ask(DropSlot('k', 'a'))
    assert ask(DrawFence('k', 'a')) is Refusal.EXPIRED


def test_a_refused_draw_takes_no_number(ask: Ask) -> None:
    first = enter(ask, 'a')
    assert ask(DrawFence('k', 'nobody')) is Refusal.EXPIRED
    assert ask(DrawFence('k', 'a')) == first + 1


@on_both_servers
def test_a_claim_gets_none(clients: Clients) -> None:
    """A waiter of another process must confirm its slot first."""
    ask = RedisBackend(clients.sync, VirtualClock(NOW)).perform
    ask(JoinQueue('k', TICKETS[0], 1, 10, None))
    ask(JoinQueue('k', ANOTHER_PROCESS, 1, 10, None))
    ask(DropSlot('k', TICKETS[0]))
    assert ask(CountSlots('k')) == 1
    assert ask(DrawFence('k', ANOTHER_PROCESS)) is Refusal.EXPIRED
    assert ask(AskAgain('k', ANOTHER_PROCESS, 1, 10, 0)) is True
    assert type(ask(DrawFence('k', ANOTHER_PROCESS))) is int


# --- what the store remembers


def test_they_increase_although_the_pool_was_empty(ask: Ask) -> None:
    """The last one is remembered without any slot."""
    first = enter(ask, 'a')
    ask(DropSlot('k', 'a'))
    assert ask(CountSlots('k')) == 0
    assert enter(ask, 'b') == first + 1


@pytest.mark.parametrize('store', ['memory', 'fakeredis', 'valkey'])
def test_a_clock_that_goes_back_while_the_pool_rests_can_repeat_a_fencing_token(
    store: str, request: pytest.FixtureRequest
) -> None:
    """A named limit: the store has forgotten the last one, and trusts its clock."""
    clock = VirtualClock(NOW)
    with backend_in_virtual_time(store, place_of(store, request), clock) as backend:
        first = enter(backend.perform, 'a', slot_exp=None)
        clock.now += FENCE_LIFE
        if isinstance(backend, RedisBackend):
            # As the server does by itself, but in real time.
            fence = pool_keys('k').fence
            assert FENCE_LIFE * 1000 - 60_000 < backend.client.pttl(fence) <= FENCE_LIFE * 1000
            backend.client.delete(fence)
        else:
            enter(backend.perform, 'a', 'another')
        clock.now -= FENCE_LIFE
        assert backend.perform(DrawFence('k', 'a')) == first


def test_after_a_rest_they_are_greater_because_time_has_passed(ask: Ask, clock: VirtualClock) -> None:
    """Whether or not the store has forgotten the last one."""
    first = enter(ask, 'a')
    clock.now += FENCE_LIFE + 1
    enter(ask, 'a', 'another')
    assert enter(ask, 'b') == first + (FENCE_LIFE + 1) * 1e6


def test_memory_forgets_the_pools_that_rest() -> None:
    """The last tokens of all pools that drew none for a day go at once."""
    clock = VirtualClock(NOW)
    memory = MemoryClient(clock)
    ask = MemoryBackend(memory).perform
    for number in range(100):
        enter(ask, 'a', f'k{number}')
    clock.now += FENCE_LIFE - 1
    enter(ask, 'b', 'late')
    assert len(memory._fences) == 101
    clock.now += 1
    enter(ask, 'c', 'later')
    assert memory._fences.keys() == {'later'}
    clock.now += 1
    enter(ask, 'c', 'soon after')
    assert memory._fences.keys() == {'later', 'soon after'}
    clock.now += FENCE_LIFE
    enter(ask, 'd', 'last')
    assert memory._fences.keys() == {'last'}


def test_memory_remembers_what_is_ahead_of_its_clock() -> None:
    """It drew more than one in a microsecond; only the clock can make up for what is forgotten."""
    clock = VirtualClock(NOW)
    memory = MemoryClient(clock)
    ask = MemoryBackend(memory).perform
    first = enter(ask, 'a', 'fast', None)
    memory._fences['fast'] = ahead = int((NOW + 2 * FENCE_LIFE) * 1e6)
    clock.now += FENCE_LIFE
    enter(ask, 'b')
    assert ask(DrawFence('fast', 'a')) == ahead + 1 > first


@on_both_servers
def test_each_draw_is_remembered_for_a_day(clients: Clients) -> None:
    """Also by a store in real time, and on the key that the documentation names."""
    ask = RedisBackend(clients.sync).perform
    first = enter(ask, 'a')
    assert clients.sync.get(pool_keys('k').fence) == b'%d' % first
    clients.sync.pexpire(pool_keys('k').fence, 1000)
    assert ask(DrawFence('k', 'a')) > first
    assert FENCE_LIFE * 1000 - 60_000 < clients.sync.pttl(pool_keys('k').fence) <= FENCE_LIFE * 1000


@pytest.mark.parametrize('decode_responses', [False, True])
def test_a_fencing_token_is_exact_whatever_the_client_decodes(socket: str, decode_responses: bool) -> None:
    with redis.Redis(unix_socket_path=socket, decode_responses=decode_responses) as client:
        ask = RedisBackend(client, VirtualClock(NOW + 0.123457)).perform
        assert enter(ask, 'a') == 1_700_000_000_123_457


# --- on a cluster


@pytest.fixture(scope='module')
def node() -> Iterator[RedisCluster]:
    """A client of a cluster of three nodes."""
    with or_skip(FileNotFoundError), cluster() as port, RedisCluster(host='127.0.0.1', port=port) as client:
        yield client


@pytest.mark.parametrize('key', ['reports', 'a}b', '{}a}b', 'a{}b', '{reports}:1'])
def test_a_pool_on_a_cluster_draws_and_renews(node: RedisCluster, key: str) -> None:
    """The keys of each script are on one node."""
    ask = RedisBackend(node).perform
    first = enter(ask, 'a', key)
    assert ask(RenewSlots(key, (('a', 10.0), ('b', 10.0)))) == (True, False)
    ask(DropSlot(key, 'a'))
    assert enter(ask, 'b', key) > first


# --- the protocol


class Lost(Exception):  # noqa: N818 - it is an error of the network
    """Represents what a client raises when the network fails."""


def _draw(ask: Ask, *lost: type[Any], reached: bool) -> list[Any]:
    """Draw a fencing token; the replies to these commands are lost. Return what was sent."""
    sent = []

    def perform(command: Any) -> Any:
        sent.append(command)
        if type(command) not in lost:
            return ask(command)
        if reached:
            ask(command)
        raise Lost

    assert ATOMIC.fence is not None
    with pytest.raises(Lost) as caught:
        run(ATOMIC.fence(Lease('k', 'a')), perform)
    notes = getattr(caught.value, '__notes__', [])
    assert any(note.startswith(NOT_UNDONE) for note in notes) is (UndoSlot in lost)
    return sent


@pytest.mark.parametrize('reached', [True, False], ids=['reply lost', 'request lost'])
def test_an_acquire_whose_draw_fails_is_undone(ask: Ask, reached: bool) -> None:
    """The slot is free again, and a late copy of the acquire or of the draw does nothing."""
    ask(TakeSlot('k', 'a', 1, None))
    assert _draw(ask, DrawFence, reached=reached) == [DrawFence('k', 'a'), UndoSlot('k', 'a')]
    assert ask(CountSlots('k')) == 0
    assert ask(TakeSlot('k', 'a', 1, None)) is False
    assert ask(DrawFence('k', 'a')) is Refusal.EXPIRED
    assert enter(ask, 'b') >= NOW * 1e6


def test_an_error_says_that_the_acquire_could_not_be_undone(ask: Ask) -> None:
    """Then the slot stays until it expires."""
    ask(TakeSlot('k', 'a', 1, None))
    assert _draw(ask, DrawFence, UndoSlot, reached=False) == [DrawFence('k', 'a'), UndoSlot('k', 'a')]
    assert ask(CountSlots('k')) == 1


def test_an_abandoned_draw_sends_nothing_more() -> None:
    """That stands for a crash."""
    assert ATOMIC.fence is not None
    steps = ATOMIC.fence(Lease('k', 'a'))
    assert next(steps) == DrawFence('k', 'a')
    with pytest.raises(GeneratorExit):
        steps.throw(GeneratorExit)


def test_a_draw_that_comes_too_late_undoes_nothing(ask: Ask, clock: VirtualClock) -> None:
    """The slot is gone anyway."""
    ask(TakeSlot('k', 'a', 1, 10))
    clock.now += 10
    sent = []

    def perform(command: Any) -> Any:
        sent.append(command)
        return ask(command)

    assert ATOMIC.fence is not None
    assert run(ATOMIC.fence(Lease('k', 'a')), perform) is Refusal.EXPIRED
    assert sent == [DrawFence('k', 'a')]
