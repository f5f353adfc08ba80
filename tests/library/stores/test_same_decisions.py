"""Memory does the same as the scripts: all give one reply to any request at any instant.

The stores are memory, the scripts on a fake server and the scripts on a real one.  Of those who
wait, the same ones get slots in the same order.  By design they differ in what a store in memory
need not do, because whoever waits there is in its own process:

* A server takes a waiter for dead that has been silent for ``DEADLINE`` seconds.  So here everybody
  who waits asks again before that.
* A slot that a server gives to a waiter of another process is a claim at first.  So all tickets
  here are of one process.  The same holds for a ticket that a server does not know and that gets a
  slot as soon as it asks: the histories have none.
* A server reads from a ticket what was asked for, and memory keeps it.  So each ticket is always
  used with the size and the life that it names.
"""

import math
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from py_cachify import MemoryClient
from py_cachify.backends.base import Backend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.backends.pool_keys import pool_keys
from py_cachify.commands import (
    DEADLINE,
    TOMBSTONE_LIFE,
    AskAgain,
    Command,
    CountSlots,
    CountWaiting,
    DrawFence,
    DropSlot,
    JoinQueue,
    LeaveQueue,
    ListSlots,
    ListWaiting,
    RenewSlots,
    TakeSlot,
    UndoSlot,
)
from py_cachify.tokens import read_token
from tests.support.stores import VirtualClock, backend_in_virtual_time


pytestmark = pytest.mark.quick


DECIDING_STORES = ('memory', 'fakeredis', 'valkey')
KEYS = ('one', 'another', 'a third')
TOKENS = tuple('abcdefg')
TICKETS = tuple(
    f'1:p:0:0:{max_size}:{life}:{number}'
    for number, (max_size, life) in enumerate([(1, '3.0'), (1, '0.5'), (1, ''), (2, '3.0'), (2, '20.0'), (3, '1.0')])
)
"""All of one process; each names its ``max_size`` and the life of its slot."""
OTHERS = tuple(f'1:p::::{name}' for name in 'abcd')
"""Tokens of those who do not wait, of the same process."""
LONG_AGO = 1_700_000_000.0
"""Virtual time begins at an instant with as many digits as a real one."""


class Wait(NamedTuple):
    """Let this many seconds pass."""

    seconds: float


class WaitForNextExpiry(NamedTuple):
    """Let time pass until exactly the next expiry of a slot."""


class AskOnce(NamedTuple):
    """Let a ticket ask again, if by design all stores give it the same answer."""

    key: str
    ticket: str
    place: float


Event = Command[Any] | Wait | WaitForNextExpiry | AskOnce

keys = st.sampled_from(KEYS)
tokens = st.sampled_from(TOKENS)
durations = st.sampled_from([0.1, 0.2, 0.25, 0.5, 1, 3]) | st.floats(0.0005, 20)
renewals = st.lists(st.tuples(tokens, st.none() | durations), max_size=4).map(tuple)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(TakeSlot, keys, tokens, st.integers(1, 4), st.none() | durations),
    st.builds(DropSlot, keys, tokens),
    st.builds(UndoSlot, keys, tokens),
    st.builds(CountSlots, keys),
    st.builds(RenewSlots, keys, renewals),
    st.builds(DrawFence, keys, tokens),
    st.builds(Wait, durations | st.just(TOMBSTONE_LIFE / 2)),
    st.builds(WaitForNextExpiry),
)


def terms_of(ticket: str) -> tuple[int, float | None]:
    """Return the ``max_size`` and the life that a ticket names."""
    said = read_token(ticket)
    assert said is not None
    assert said.max_size is not None
    return said.max_size, said.slot_exp


def join(key: str, ticket: str, max_waiting: int | None) -> JoinQueue:
    return JoinQueue(key, ticket, *terms_of(ticket), max_waiting)


def leave(key: str, ticket: str, tombstone: bool) -> LeaveQueue:
    return LeaveQueue(key, ticket, *terms_of(ticket), tombstone)


def renew(key: str, held: list[str], life: float) -> RenewSlots:
    return RenewSlots(key, tuple((token, terms_of(token)[1] if token in TICKETS else life) for token in held))


tickets = st.sampled_from(TICKETS)
others = st.sampled_from(OTHERS)
events_with_waiters: st.SearchStrategy[Event] = st.one_of(
    st.builds(join, keys, tickets, st.none() | st.integers(1, 3)),
    st.builds(join, keys, tickets, st.none()),
    st.builds(AskOnce, keys, tickets, st.floats(1, 100) | st.floats(LONG_AGO, LONG_AGO + 100)),
    st.builds(leave, keys, tickets, st.booleans()),
    st.builds(DropSlot, keys, tickets),
    st.builds(DropSlot, keys, tickets | others),
    st.builds(UndoSlot, keys, tickets | others),
    st.builds(TakeSlot, keys, others, st.integers(1, 4), st.none() | durations),
    st.builds(renew, keys, st.lists(tickets | others, max_size=4), durations),
    st.builds(DrawFence, keys, tickets | others),
    st.builds(Wait, durations),
    st.builds(WaitForNextExpiry),
)


class Replay:
    """One history, applied to several stores at once."""

    def __init__(self, backends: dict[str, Backend], clock: VirtualClock, memory: MemoryClient) -> None:
        self._backends = backends
        self._clock = clock
        self._memory = memory
        self._expiries: set[float] = set()
        self._last_asked = clock.now
        self._told: dict[str, list[str]] = {name: [] for name in backends}
        for name, backend in backends.items():
            teller: Any = memory if name == 'memory' else backend
            teller.granted = lambda _store, _key, ticket, name=name: self._told[name].append(ticket)

    def happen(self, event: Event) -> None:
        """Let time pass, or send a command to every store and compare the replies."""
        match event:
            case Wait(seconds):
                self._pass_until(self._clock.now + seconds)
            case WaitForNextExpiry():
                later = [at for at in self._expiries if at > self._clock.now]
                self._pass_until(min(later, default=self._clock.now))
            case AskOnce(key, ticket, place):
                max_size, slot_exp = terms_of(ticket)
                # What no queue knows would get a claim on a server.
                if ticket in self._queue(key) or self._memory.count_slots(key) >= max_size:
                    self.ask(AskAgain(key, ticket, max_size, slot_exp, place))
            case DropSlot(key, token) if token in self._queue(key):
                # Who waits gives nothing back, and could not be told that it has just got a slot.
                pass
            case _:
                self.ask(event)

    def _queue(self, key: str) -> list[str]:
        return list(self._memory.contents((key,)).queues.get(key, ()))

    def _pass_until(self, instant: float) -> None:
        """Let time pass; whoever waits asks meanwhile, so that no store takes it for dead."""
        if instant > self._clock.now + 10 * DEADLINE:
            for key in KEYS:
                for ticket in self._queue(key):
                    self.ask(leave(key, ticket, False))
        if not any(map(self._queue, KEYS)):
            self._last_asked = self._clock.now
        while any(map(self._queue, KEYS)) and instant > self._last_asked + DEADLINE - 1:
            self._last_asked = self._clock.now = max(self._clock.now, self._last_asked + DEADLINE - 2)
            for key in KEYS:
                for ticket in self._queue(key):
                    self.ask(AskAgain(key, ticket, *terms_of(ticket), LONG_AGO))
        self._clock.now = instant

    def ask(self, command: Command[Any]) -> Any:
        """Return the reply that all stores agree on; they also tell the same waiters."""
        match command:
            case TakeSlot(_, _, _, float() | int() as slot_exp):
                self._expiries.add(self._clock.now + slot_exp)
            case RenewSlots(_, renewed):
                self._expiries |= {self._clock.now + life for _, life in renewed if life is not None}
            case UndoSlot() | LeaveQueue():
                self._expiries.add(self._clock.now + TOMBSTONE_LIFE)
            case JoinQueue() | AskAgain():
                self._note_grant(command.token)
        replies = {name: backend.perform(command) for name, backend in self._backends.items()}
        if isinstance(command, ListSlots):
            replies = {name: tuple(sorted(reply)) for name, reply in replies.items()}
        assert len({(type(reply), reply) for reply in replies.values()}) == 1, (command, self._clock.now, replies)
        assert len({tuple(told) for told in self._told.values()}) == 1, (command, self._clock.now, self._told)
        for ticket in self._told['memory']:
            self._note_grant(ticket)
        for told in self._told.values():
            told.clear()
        return replies['memory']

    def _note_grant(self, ticket: str) -> None:
        _, slot_exp = terms_of(ticket)
        if slot_exp is not None:
            self._expiries.add(self._clock.now + slot_exp)


@pytest.fixture(scope='module')
def virtual_servers(running_server: Path) -> Iterator[tuple[dict[str, Backend], VirtualClock]]:
    """Both servers in one virtual time; every user empties them first."""
    clock = VirtualClock()
    with ExitStack() as stack:
        yield (
            {
                store: stack.enter_context(backend_in_virtual_time(store, str(running_server), clock))
                for store in ('fakeredis', 'valkey')
            },
            clock,
        )


def _new_replay(virtual_servers: tuple[dict[str, Backend], VirtualClock]) -> tuple[Replay, MemoryClient]:
    servers, clock = virtual_servers
    clock.now = LONG_AGO
    for key in KEYS:
        for server in servers.values():
            server._client.delete(*pool_keys(key))  # type: ignore[attr-defined]
    memory = MemoryClient(clock)
    return Replay({'memory': MemoryBackend(memory), **servers}, clock, memory), memory


@settings(max_examples=150)
@given(history=st.lists(events, min_size=5, max_size=40))
def test_every_store_gives_the_same_replies(
    virtual_servers: tuple[dict[str, Backend], VirtualClock], history: list[Event]
) -> None:
    """Random histories of several pools, with mixed lives and waits that end at an expiry."""
    replay, _ = _new_replay(virtual_servers)
    for event in history:
        replay.happen(event)
        for key in KEYS:
            assert len(replay.ask(ListSlots(key))) == replay.ask(CountSlots(key))
    for key in KEYS:
        for token in TOKENS:
            replay.ask(DropSlot(key, token))


@settings(max_examples=150)
@given(history=st.lists(events_with_waiters, min_size=10, max_size=60))
def test_every_store_serves_the_same_waiters(
    virtual_servers: tuple[dict[str, Backend], VirtualClock], history: list[Event]
) -> None:
    """The same with queues: replies, places, ranks, and who is told of a slot, in which order."""
    replay, _ = _new_replay(virtual_servers)
    for event in history:
        replay.happen(event)
        for key in KEYS:
            assert len(replay.ask(ListSlots(key))) == replay.ask(CountSlots(key))
            assert len(replay.ask(ListWaiting(key))) == replay.ask(CountWaiting(key))
    for key in KEYS:
        for ticket in TICKETS:
            replay.ask(leave(key, ticket, False))
            replay.ask(DropSlot(key, ticket))
        for token in OTHERS:
            replay.ask(DropSlot(key, token))
        assert replay.ask(CountSlots(key)) == replay.ask(CountWaiting(key)) == 0


@pytest.mark.parametrize('store', DECIDING_STORES)
@pytest.mark.parametrize('slot_exp', [0.1, 1, 2.5, 1 / 3])
def test_at_the_instant_of_its_expiry_a_slot_is_gone(store: str, slot_exp: float, running_server: Path) -> None:
    """Just before, the pool is full; at that instant it is empty and grants again."""
    clock = VirtualClock(LONG_AGO)
    with backend_in_virtual_time(store, str(running_server), clock) as backend:
        assert backend.perform(TakeSlot('k', 'a', 1, slot_exp)) is True
        clock.now = math.nextafter(LONG_AGO + slot_exp, 0)
        assert backend.perform(CountSlots('k')) == 1
        assert backend.perform(TakeSlot('k', 'b', 1, slot_exp)) is False
        clock.now = LONG_AGO + slot_exp
        assert backend.perform(CountSlots('k')) == 0
        assert backend.perform(DropSlot('k', 'a')) is False
        assert backend.perform(TakeSlot('k', 'b', 1, slot_exp)) is True


@pytest.mark.parametrize('store', DECIDING_STORES)
@pytest.mark.parametrize('first', [TakeSlot('k', 'b', 1, 1), DropSlot('k', 'a')], ids=['acquire', 'release'])
def test_each_operation_drops_what_has_expired(store: str, first: Command[bool], running_server: Path) -> None:
    """At the exact instant of an expiry no operation depends on another having run before."""
    clock = VirtualClock(LONG_AGO)
    with backend_in_virtual_time(store, str(running_server), clock) as backend:
        backend.perform(TakeSlot('k', 'a', 1, 1))
        clock.now += 1
        assert backend.perform(first) is isinstance(first, TakeSlot)


@pytest.mark.parametrize('store', DECIDING_STORES)
def test_a_pool_that_was_made_smaller_refuses_until_it_is_below(store: str, running_server: Path) -> None:
    """Slots granted under a larger ``max_size`` stay, and each acquire uses its own."""
    with backend_in_virtual_time(store, str(running_server), VirtualClock(LONG_AGO)) as backend:
        for token in 'abc':
            assert backend.perform(TakeSlot('k', token, 3, 60)) is True
        assert backend.perform(TakeSlot('k', 'd', 1, 60)) is False
        backend.perform(DropSlot('k', 'a'))
        backend.perform(DropSlot('k', 'b'))
        assert backend.perform(TakeSlot('k', 'd', 1, 60)) is False
        assert backend.perform(TakeSlot('k', 'd', 2, 60)) is True


# --- what stays behind in memory


def _left_in(memory: MemoryClient) -> list[Any]:
    kept: list[Any] = [memory._slots.live, memory._values, memory._names.live, memory._tombstones.live, memory._queues]
    return [each for each in kept if each]


@given(history=st.lists(events | events_with_waiters, max_size=60))
def test_memory_keeps_nothing_of_slots_that_are_gone(history: list[Event]) -> None:
    """After any history, once all is released or expired, no key and no deadline is left."""
    clock = VirtualClock(LONG_AGO)
    memory = MemoryClient(clock)
    replay = Replay({'memory': MemoryBackend(memory)}, clock, memory)
    for event in history:
        replay.happen(event)
    for key in KEYS:
        for ticket in TICKETS:
            memory.leave_queue(key, ticket, *terms_of(ticket), False)
    # Slots without expiry must be released; the others are freed without anyone using their keys.
    slots = [(key, token, until) for key, held in memory._slots.live.items() for token, until in held.items()]
    for key, token, until in slots:
        if until == math.inf:
            assert memory.drop_slot(key, token)
    clock.now += TOMBSTONE_LIFE
    memory.count_slots('a pool that nobody has used')
    assert memory.take_slot('another one', 'a', 1, None)
    assert memory.drop_slot('another one', 'a')
    assert _left_in(memory) == []
    assert memory._slots.heap == memory._tombstones.heap == []


@pytest.mark.parametrize('slot_exp', [600, None])
def test_memory_does_not_grow_by_what_was_released(slot_exp: float | None) -> None:
    """A hundred thousand slots, taken and given back, leave a bounded rest, which is freed too."""
    clock = VirtualClock(LONG_AGO)
    memory = MemoryClient(clock)
    for number in range(100_000):
        assert memory.take_slot('k', str(number), 3, slot_exp)
        if number >= 2:
            assert memory.drop_slot('k', str(number - 2))
        assert len(memory._slots.heap) <= 100
    memory.drop_slot('k', '99998')
    memory.drop_slot('k', '99999')
    assert _left_in(memory) == []


def test_memory_keeps_no_names_that_are_gone() -> None:
    """The plain contract of ``MemoryClient`` leaves nothing behind either."""
    clock = VirtualClock(LONG_AGO)
    memory = MemoryClient(clock)
    for number in range(10_000):
        assert memory.set(f'expires {number}', 'x', ex=1, nx=True)
        assert memory.set(f'stays {number}', 'x')
        assert memory.delete(f'stays {number}', f'never was {number}') == 1
        clock.now += 0.5
        assert len(memory._values) <= 3
        assert len(memory._names.heap) <= 200
    clock.now += 1
    assert memory.get('expires 9999') is None
    assert _left_in(memory) == []


def test_the_real_server_keeps_nothing_of_slots_that_are_gone(socket: str, server: 'redis.Redis') -> None:
    """Once all is released, or expired before another slot was taken, the server has no key."""
    clock = VirtualClock(LONG_AGO)
    with backend_in_virtual_time('valkey', socket, clock) as backend:
        backend.perform(TakeSlot('k', 'a', 3, 1))
        backend.perform(TakeSlot('k', 'b', 3, None))
        assert server.dbsize() == 1
        clock.now += 1
        assert backend.perform(DropSlot('k', 'b')) is True
        assert backend.perform(CountSlots('k')) == 0
        assert backend.perform(TakeSlot('k', 'c', 3, 1)) is True
        assert backend.perform(DropSlot('k', 'c')) is True
        assert server.dbsize() == 0
