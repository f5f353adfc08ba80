"""The store in memory that several workers share does what the scripts do, whoever asks."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_cachify.backends.base import Backend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.backends.pool_keys import pool_keys
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
    ListSlots,
    ListWaiting,
    Queued,
    RenewSlots,
    TakeSlot,
    UndoSlot,
)
from simulations.stores.shared_memory import SharedMemory
from tests.library.stores.test_same_decisions import LONG_AGO, Wait, WaitForNextExpiry, leave, terms_of
from tests.support.stores import VirtualClock, backend_in_virtual_time


pytestmark = pytest.mark.quick

KEYS = ('one', 'another')
TICKETS = tuple(
    f'1:{owner}:0::{max_size}:{life}::::{owner}{number}'
    for owner in 'pqr'
    for number, (max_size, life) in enumerate([(1, '3.0'), (1, '0.5'), (1, ''), (2, '20.0'), (3, '1.0')])
)
"""Of three processes; each names its ``max_size`` and the life of its slot."""
OTHERS = ('1:p::::a', '1:q::::b', 'older', 'and older')
"""Tokens that do not wait; those at the end do not say of which process they are."""

keys = st.sampled_from(KEYS)
tickets = st.sampled_from(TICKETS)
anyone = tickets | st.sampled_from(OTHERS)
durations = st.sampled_from([0.1, 0.25, 0.5, 1, 3, CLAIM, DEADLINE - 1, DEADLINE]) | st.floats(0.0005, 40)
places = st.floats(1, 100) | st.floats(LONG_AGO, LONG_AGO + 100)


def join(key: str, ticket: str, max_waiting: int | None) -> JoinQueue:
    return JoinQueue(key, ticket, *terms_of(ticket), max_waiting)


def ask(key: str, ticket: str, place: float) -> AskAgain:
    return AskAgain(key, ticket, *terms_of(ticket), place)


events: st.SearchStrategy[Command[Any] | Wait | WaitForNextExpiry] = st.one_of(
    st.builds(join, keys, tickets, st.none() | st.integers(0, 4)),
    st.builds(join, keys, tickets, st.none()),
    st.builds(ask, keys, tickets, places),
    st.builds(ask, keys, tickets, places),
    st.builds(leave, keys, tickets, st.booleans()),
    st.builds(DropSlot, keys, anyone),
    st.builds(UndoSlot, keys, anyone),
    st.builds(TakeSlot, keys, st.sampled_from(OTHERS), st.integers(1, 4), st.none() | durations),
    st.builds(RenewSlots, keys, st.lists(st.tuples(anyone, st.none() | durations), max_size=4).map(tuple)),
    st.builds(DrawFence, keys, anyone),
    st.builds(Wait, durations),
    st.builds(WaitForNextExpiry),
)


class Stores:
    """This store and the scripts, in one virtual time."""

    def __init__(self, servers: dict[str, Backend], clock: VirtualClock, max_grants: int) -> None:
        self._clock = clock
        self._servers = servers
        self._memory = SharedMemory(clock, max_grants=max_grants)
        self._backends = {'memory': MemoryBackend(self._memory), **servers}
        self._told: dict[str, list[str]] = {name: [] for name in self._backends}
        for name, backend in self._backends.items():
            told = self._told[name]
            vars(self._memory if name == 'memory' else backend)['granted'] = lambda _, _key, ticket, told=told: (
                told.append(ticket)
            )

    def happen(self, event: Command[Any] | Wait | WaitForNextExpiry) -> Any:
        """Let time pass, or send a command to every store and compare what they reply and hold."""
        match event:
            case Wait(seconds):
                self._clock.now += seconds
                return None
            case WaitForNextExpiry():
                later = [
                    until
                    for slots in self._memory.contents().slots.values()
                    for until in slots.values()
                    if self._clock.now < until < LONG_AGO * 2
                ]
                self._clock.now = min(later, default=self._clock.now)
                return None
        replies = {name: backend.perform(event) for name, backend in self._backends.items()}
        if isinstance(event, ListSlots):
            replies = {name: tuple(sorted(reply)) for name, reply in replies.items()}
        assert len({(type(reply), reply) for reply in replies.values()}) == 1, (event, self._clock.now, replies)
        assert len({tuple(told) for told in self._told.values()}) == 1, (event, self._clock.now, self._told)
        for told in self._told.values():
            told.clear()
        return replies['memory']

    def compare(self, key: str) -> None:
        """Compare the slots, claims, places and deadlines that the stores hold."""
        held = self._memory.contents((key,))
        slots = sorted((until, token) for token, until in held.slots.get(key, {}).items() if until > self._clock.now)
        queue = [(token, ticket.place, ticket.alarm) for token, ticket in held.queues.get(key, {}).items()]
        for name, server in self._servers.items():
            keys: Any = pool_keys(key)
            client: Any = server._client  # type: ignore[attr-defined]
            there = client.zrange(keys.slots, 0, -1, withscores=True)
            # The same order as the script's, which sorts equal scores by their bytes.
            assert slots == sorted((until, token.decode()) for token, until in there if until > self._clock.now), name
            scores = dict(client.zrange(keys.queue, 0, -1, withscores=True))
            waiting = [
                (token.decode(), place, -scores[b'!' + token]) for token, place in scores.items() if token[:1] != b'!'
            ]
            assert queue == waiting, name


@pytest.fixture(scope='module', params=[100, 1, 2], ids='up to {} grants'.format)
def stores(
    request: pytest.FixtureRequest, running_server: Path
) -> Iterator[tuple[dict[str, Backend], VirtualClock, int]]:
    clock = VirtualClock()
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(backend_in_virtual_time(name, str(running_server), clock))
            for name in ('fakeredis', 'valkey')
        }
        for backend in servers.values():
            backend.__init__(backend._client, clock, request.param)  # type: ignore[misc, attr-defined]
        yield servers, clock, request.param


def fresh(stores: tuple[dict[str, Backend], VirtualClock, int]) -> Stores:
    """Return the stores with no pools, long after any other test."""
    servers, clock, max_grants = stores
    clock.now = LONG_AGO
    for server in servers.values():
        for key in KEYS:
            server._client.delete(*pool_keys(key))  # type: ignore[attr-defined]
    return Stores(servers, clock, max_grants)


@settings(max_examples=60)
@given(history=st.lists(events, min_size=10, max_size=40))
def test_several_processes_get_the_same_replies_and_leave_the_same_behind(
    stores: tuple[dict[str, Backend], VirtualClock, int], history: list[Any]
) -> None:
    """With claims, waiters that fall silent, unknown tickets and a bounded number of grants."""
    both = fresh(stores)
    for event in history:
        both.happen(event)
        for key in KEYS:
            both.compare(key)
            assert len(both.happen(ListSlots(key))) == both.happen(CountSlots(key))
            assert len(both.happen(ListWaiting(key))) == both.happen(CountWaiting(key))


def test_a_crowd_falls_silent_in_the_same_order(stores: tuple[dict[str, Backend], VirtualClock, int]) -> None:
    """One request removes a thousand of them, those first that fell silent last."""
    servers, clock, max_grants = stores
    both = fresh(({'valkey': servers['valkey']}, clock, max_grants))
    both.happen(TakeSlot('one', 'holder', 1, 1000))
    for number in range(1005):
        both.happen(join('one', f'1:p:0::1:3.0::::{number}', None))
        both.happen(Wait(0.001))
    both.happen(Wait(20))
    both.happen(join('one', TICKETS[0], None))
    both.compare('one')
    assert both.happen(CountWaiting('one')) == 1
    assert both.happen(ask('one', TICKETS[0], LONG_AGO)).rank == 0


# --- what it is about, without a server


def test_a_waiter_of_another_process_has_a_claim_until_it_asks() -> None:
    clock = VirtualClock(100.0)
    store = SharedMemory(clock)
    first, second = '1:p:0::1:30.0::::1', '1:q:0::1:30.0::::2'
    assert store.take_slot('k', first, 1, 30.0)
    assert store.join_queue('k', second, 1, 30.0, None) == Queued(100.0, 0, 30.0)
    store.drop_slot('k', first)
    assert store.contents().slots == {'k': {f'?{second}': 102.0}}
    clock.now = 101.0
    assert store.ask_again('k', second, 1, 30.0, 100.0) is True
    assert store.contents().slots == {'k': {second: 131.0}}


def test_an_undo_removes_a_claim() -> None:
    """And gives the slot to the next waiter."""
    clock = VirtualClock(100.0)
    store = SharedMemory(clock)
    first, second, third = (f'1:{owner}:0::1:30.0::::1' for owner in 'pqr')
    for ticket in (first, second, third):
        store.join_queue('k', ticket, 1, 30.0, None)
    store.drop_slot('k', first)
    assert list(store.contents().slots['k']) == [f'?{second}']
    store.undo_slot('k', second)
    assert list(store.contents().slots['k']) == [f'?{third}']
    assert store.ask_again('k', second, 1, 30.0, 100.0) is False
