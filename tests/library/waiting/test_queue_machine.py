"""Whatever waiters ask in whatever order, the queue of every store agrees with a small model.

A state machine sends the commands of waiting to one store in virtual time: waiters of two
processes, with two sizes, that ask, leave, are undone, fall silent, and hold slots until they give
them back or lose them; a store that loses its data; and callers that do not wait.
"""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from py_cachify import MemoryClient
from py_cachify.backends.base import Backend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.backends.redis import RedisBackend
from py_cachify.commands import (
    AskAgain,
    CountSlots,
    CountWaiting,
    DropSlot,
    JoinQueue,
    LeaveQueue,
    Queued,
    Refusal,
    TakeSlot,
    UndoSlot,
)
from tests.support.stores import VirtualClock, backend_in_virtual_time


KEY = 'k'
CLAIM, PATIENCE = 2.0, 15.0
START = 1_700_000_000.0

PROCESSES = st.sampled_from('PQ')
SIZES = st.sampled_from([1, 2])
LIVES = st.sampled_from([1.0, 8.0, 30.0, None])
EXAMPLES = int(os.environ.get('QUEUE_EXAMPLES', '150'))
"""Histories for each store; more of them by hand."""


@dataclass
class Caller:
    """Somebody who wants a slot, and what it was told.

    Attributes:
        process: its process.
        size: the ``max_size`` that it allows.
        life: the life of its slot in seconds; ``None`` for ever.
        number: which caller it is, counted from 0.
        place: the place in the queue that it was told.
        asks: whether it is in the queue as far as it knows.
    """

    process: str
    size: int
    life: float | None
    number: int
    place: float = 0.0
    asks: bool = False

    @property
    def token(self) -> str:
        return f'1:{self.process}:0:0:{self.size}:{"" if self.life is None else self.life}:{self.number}'


class Model:
    """One pool with a queue.

    Attributes:
        slots: the caller of each slot, and the instant at which it ends.
        claims: the same of each claim.
        queue: who waits, first in front, and the instant by which it must ask.
    """

    def __init__(self, *, server: bool) -> None:
        self.server = server
        self.now = START
        self.slots: dict[int, float] = {}
        self.claims: dict[int, float] = {}
        self.queue: list[tuple[Caller, float]] = []
        self.undone: set[int] = set()
        self.told: list[int] = []

    def forget(self) -> None:
        self.slots, self.claims, self.queue, self.undone = {}, {}, [], set()

    def expire(self) -> None:
        for kept in (self.slots, self.claims):
            for number in [number for number, end in kept.items() if end <= self.now]:
                del kept[number]

    def taken(self) -> int:
        return len(self.slots) + len(self.claims)

    def waiting(self) -> list[Caller]:
        return [caller for caller, until in self.queue if until > self.now]

    def grant(self, asking: Caller, *, only_claim: bool = False) -> bool:
        """Give free slots to the first who wait; return whether anybody still waits."""
        self.expire()
        self.queue = [each for each in self.queue if each[1] > self.now]
        while self.queue and self.taken() < self.queue[0][0].size:
            first, _ = self.queue.pop(0)
            life = math.inf if first.life is None else first.life
            if self.server and (first.process != asking.process or (only_claim and first is asking)):
                self.claims[first.number] = self.now + min(CLAIM, life)
            else:
                self.slots[first.number] = self.now + life
                if first is not asking:
                    self.told.append(first.number)
        return bool(self.queue)

    def enqueue(self, caller: Caller, at: int) -> None:
        self.queue.insert(at, (caller, self.now + PATIENCE if self.server else math.inf))

    def confirm(self, caller: Caller) -> bool:
        self.expire()
        if self.claims.pop(caller.number, None) is not None:
            self.slots[caller.number] = self.now + (math.inf if caller.life is None else caller.life)
        return caller.number in self.slots

    def find(self, caller: Caller) -> int | None:
        return next((place for place, (each, _) in enumerate(self.queue) if each is caller), None)

    def remove(self, caller: Caller) -> None:
        self.queue = [each for each in self.queue if each[0] is not caller]

    def take(self, caller: Caller) -> bool | Refusal:
        self.expire()
        if caller.number in self.slots:
            return True
        if self.taken() >= caller.size or caller.number in self.undone:
            return False
        if self.queue and self.grant(caller):
            return Refusal.PROMISED
        if self.taken() >= caller.size:
            return False
        self.slots[caller.number] = self.now + (math.inf if caller.life is None else caller.life)
        return True

    def join(self, caller: Caller, max_waiting: int | None) -> bool | Refusal | int:
        """Return ``True``, a refusal, or how many are before the caller in the queue."""
        if self.confirm(caller):
            return True
        if caller.number in self.undone:
            return False
        if (place := self.find(caller)) is not None:
            self.queue.pop(place)
            self.enqueue(caller, place)
            self.grant(caller)
            return True if caller.number in self.slots else self.rank(caller)
        if not (self.queue and self.grant(caller)) and self.taken() < caller.size:
            self.slots[caller.number] = self.now + (math.inf if caller.life is None else caller.life)
            return True
        if max_waiting is not None and len(self.queue) >= max_waiting:
            return Refusal.CROWDED
        self.enqueue(caller, len(self.queue))
        return self.rank(caller)

    def ask(self, caller: Caller) -> bool | int:
        """Return ``True``, ``False``, or how many are before the caller in the queue."""
        if self.confirm(caller):
            return True
        if caller.number in self.undone:
            return False
        place = self.find(caller)
        if place is not None:
            self.queue.pop(place)
            self.enqueue(caller, place)
        else:
            self.enqueue(caller, sum((each.place, each.token) < (caller.place, caller.token) for each, _ in self.queue))
        self.grant(caller, only_claim=place is None)
        return True if caller.number in self.slots else 0 if caller.number in self.claims else self.rank(caller)

    def rank(self, caller: Caller) -> int:
        found = self.find(caller)
        assert found is not None
        return found

    def leave(self, caller: Caller, *, tombstone: bool) -> bool:
        if self.confirm(caller):
            return True
        self.remove(caller)
        if tombstone:
            self.undone.add(caller.number)
        self.grant(caller)
        return False

    def undo(self, caller: Caller) -> bool:
        self.expire()
        self.undone.add(caller.number)
        self.remove(caller)
        self.claims.pop(caller.number, None)
        return self.drop(caller)

    def drop(self, caller: Caller) -> bool:
        self.expire()
        dropped = self.slots.pop(caller.number, None) is not None
        if self.queue:
            self.grant(caller)
        return dropped


class QueueMachine(RuleBasedStateMachine):
    """Callers of one pool, next to the model."""

    make: ClassVar[Callable[[], tuple[Backend, VirtualClock]]]

    def __init__(self) -> None:
        super().__init__()
        self.backend, self.clock = type(self).make()
        self.clock.now = START
        self.model = Model(server=isinstance(self.backend, RedisBackend))
        self.callers: list[Caller] = []
        self.named: list[int] = []
        teller: Any = self.backend if self.model.server else self.backend.client  # type: ignore[attr-defined]
        teller.granted = lambda _store, _key, ticket: self.named.append(int(ticket.rpartition(':')[2]))

    def send(self, command: Any) -> Any:
        self.model.now = self.clock.now
        self.named.clear()
        self.model.told.clear()
        return self.backend.perform(command)

    def agree(self, caller: Caller, reply: Any, right: Any) -> None:
        if isinstance(reply, Queued):
            assert not isinstance(right, bool)
            assert reply.rank == right
            caller.place, caller.asks = reply.place, True
        else:
            assert (type(reply), reply) == (type(right), right)
            caller.asks = False
        # Their order does not matter, because each is told by itself.
        assert sorted(self.named) == sorted(self.model.told)
        for each in self.callers:
            each.asks = each.asks and each.number not in self.named

    def new(self, process: str, size: int, life: float | None) -> Caller:
        caller = Caller(process, size, life, len(self.callers))
        self.callers.append(caller)
        return caller

    @rule(process=PROCESSES, size=SIZES, life=LIVES, max_waiting=st.sampled_from([None, None, 1, 2]))
    def join(self, process: str, size: int, life: float | None, max_waiting: int | None) -> None:
        caller = self.new(process, size, life)
        reply = self.send(JoinQueue(KEY, caller.token, size, life, max_waiting))
        self.agree(caller, reply, self.model.join(caller, max_waiting))

    @rule(process=PROCESSES, size=SIZES, life=LIVES)
    def take(self, process: str, size: int, life: float | None) -> None:
        caller = self.new(process, size, life)
        self.agree(caller, self.send(TakeSlot(KEY, caller.token, size, life)), self.model.take(caller))

    @precondition(lambda self: self.callers)
    @rule(
        data=st.data(),
        what=st.sampled_from(['join', 'take', 'ask', 'ask', 'ask', 'leave', 'bury', 'undo', 'drop', 'drop']),
    )
    def again(self, data: st.DataObject, what: str) -> None:
        """Send something for a caller that is known, sensible or late."""
        model = self.model
        known = {*model.slots, *model.claims, *model.undone}
        likely = [each for each in self.callers if each.asks or each.number in known]
        caller = data.draw(st.sampled_from(likely or self.callers) | st.sampled_from(self.callers), label='caller')
        terms = KEY, caller.token, caller.size, caller.life
        self.model.now = self.clock.now
        match what:
            case 'join':
                self.agree(caller, self.send(JoinQueue(*terms, None)), self.model.join(caller, None))
            case 'take':
                if self.model.find(caller) is None and caller.number not in self.model.claims:
                    self.agree(caller, self.send(TakeSlot(*terms)), self.model.take(caller))
            case 'ask':
                # One that never joined, as far as it knows, asks for a place before all others.
                caller.place = caller.place or 1.0 + caller.number / 1024
                self.agree(caller, self.send(AskAgain(*terms, caller.place)), self.model.ask(caller))
            case 'leave' | 'bury':
                buried = what == 'bury'
                self.agree(caller, self.send(LeaveQueue(*terms, buried)), self.model.leave(caller, tombstone=buried))
            case 'undo':
                self.agree(caller, self.send(UndoSlot(KEY, caller.token)), self.model.undo(caller))
            case 'drop':
                if self.model.find(caller) is None and caller.number not in self.model.claims:
                    self.agree(caller, self.send(DropSlot(KEY, caller.token)), self.model.drop(caller))

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.0, 6.0, 6.0, 9.5, 15.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def the_store_forgets(self) -> None:
        if isinstance(self.backend, RedisBackend):
            self.backend.client.flushdb()
        elif isinstance(self.backend, MemoryBackend):
            empty = MemoryClient(self.clock).contents()
            self.backend.client.restore(empty)
        self.model.forget()

    @invariant()
    def counts_agree(self) -> None:
        self.model.now = self.clock.now
        assert self.backend.perform(CountWaiting(KEY)) == len(self.model.waiting())
        self.model.expire()
        assert self.backend.perform(CountSlots(KEY)) == self.model.taken()

    def teardown(self) -> None:
        """Nothing is left once everybody is gone."""
        for caller in self.callers:
            self.send(UndoSlot(KEY, caller.token))
        assert self.backend.perform(CountSlots(KEY)) == self.backend.perform(CountWaiting(KEY)) == 0


@pytest.fixture(params=['memory', 'fakeredis', 'valkey'])
def make(request: pytest.FixtureRequest, running_server: Path) -> Iterator[Callable[[], tuple[Backend, VirtualClock]]]:
    """Return a function that makes an empty store."""
    clock = VirtualClock(START)
    with ExitStack() as stack:
        backend = stack.enter_context(backend_in_virtual_time(request.param, str(running_server), clock))

        def empty() -> tuple[Backend, VirtualClock]:
            if isinstance(backend, RedisBackend):
                backend.client.flushdb()
                return backend, clock
            return MemoryBackend(MemoryClient(clock)), clock

        yield empty


def test_the_queue_of_every_store_agrees_with_the_model(
    make: Callable[[], tuple[Backend, VirtualClock]], request: pytest.FixtureRequest
) -> None:
    machine = type('Machine', (QueueMachine,), {'make': staticmethod(make)})
    run_state_machine_as_test(machine, settings=settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None))
