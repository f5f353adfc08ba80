"""Whatever waiters ask in whatever order, the queue of every store agrees with a small model.

A state machine sends the commands of waiting to one store in virtual time: waiters of two
processes, with two sizes, that ask, leave, are undone, fall silent, and hold slots until they give
them back or lose them; a store that loses its data; and callers that do not wait.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
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
    TakeSlot,
    UndoSlot,
)
from tests.support.queue_model import START, Caller, Model
from tests.support.stores import VirtualClock, backend_in_virtual_time


KEY = 'k'
PROCESSES = st.sampled_from('PQ')
SIZES = st.sampled_from([1, 2])
LIVES = st.sampled_from([1.0, 8.0, 30.0, None])
EXAMPLES = int(os.environ.get('QUEUE_EXAMPLES', '150'))
"""Histories for each store; more of them by hand."""


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
