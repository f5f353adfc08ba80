"""Clients that wait within a command: the broken pools, their mends, and what the explorer does."""

import functools
from dataclasses import dataclass
from typing import Any

import pytest
from matplotlib.figure import Figure

from py_cachify.commands import Command, Steps
from py_cachify.protocols import Lease, SlotProtocol
from simulations.broken import BROKEN, Broken
from simulations.broken.commands import Add, TakeBelow
from simulations.broken.queueing import (
    AwaitMessage,
    DropLive,
    Join,
    Leave,
    PopToken,
    PutBack,
    Refill,
    Subscribe,
    TakeOrJoin,
    TakeQueued,
    TakeWhenFirst,
    WakeFirst,
)
from simulations.exploring import Move, Schedule, Scope, Subject, explore, replay_schedule, subject
from simulations.exploring.blocking import arrived
from simulations.exploring.clients import Client
from simulations.exploring.explore import Exploration
from simulations.exploring.moves import ARRIVE, CRASH, LATE, STEP, TIME_OUT, WAIT
from simulations.exploring.states import Happened, ImpossibleMoveError, Machine
from simulations.exploring.worlds import BlockingWorld


pytestmark = pytest.mark.quick

WAITING = {each.name: each for each in BROKEN if each.blocks}


# --- mends: each changes one thing


@dataclass(frozen=True)
class _PopFor(Command['str | None']):
    """Pop a token and record its holder, in one step."""

    name: str
    member: str
    seconds: float


class _RecordingWorld(BlockingWorld):
    def perform(self, command: Command[Any], offset: float) -> Any:
        if not isinstance(command, _PopFor):
            return super().perform(command, offset)
        token = super().perform(PopToken(command.name), offset)
        if token is not None:
            super().perform(Add(command.name, command.member, command.seconds), offset)
        return token

    def blocked(self, command: Command[Any], snapshot: tuple[Any, ...]) -> bool | None:
        return super().blocked(PopToken(command.name) if isinstance(command, _PopFor) else command, snapshot)


def _pop_and_record(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    yield from Refill(key, max_size)
    return Lease(key, token) if (yield from _PopFor(key, token, slot_exp or 0)) else None


def _subscribe_first(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    yield from Subscribe(key, token)
    while not (yield from TakeBelow(key, token, max_size, slot_exp or 0, knows_own=True)):
        if (yield from AwaitMessage(token)) is None:
            return None
    return Lease(key, token)


def _pass_it_on(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    if (yield from TakeOrJoin(key, token, max_size, slot_exp or 0)):
        return Lease(key, token)
    while (yield from AwaitMessage(token)) is not None:
        if (yield from TakeQueued(key, token, max_size, slot_exp or 0)):
            return Lease(key, token)
    yield from Leave(key, token)
    yield from WakeFirst(key)
    return None


def _wake_the_first(lease: Lease) -> Steps[bool]:
    there = yield from DropLive(lease.name, lease.token)
    yield from WakeFirst(lease.name)
    return there


def _mended(name: str, world: type[BlockingWorld] = BlockingWorld, **steps: Any) -> Subject:
    return subject(name)._replace(protocol=WAITING[name].protocol._replace(**steps), world=world)


MENDED = {
    'lost-token': _mended('lost-token', _RecordingWorld, acquire=_pop_and_record),
    'missed-signal': _mended('missed-signal', acquire=_subscribe_first),
    'swallowed-signal': _mended('swallowed-signal', acquire=_pass_it_on),
    'wake-all': _mended('wake-all', release=_wake_the_first),
}


@pytest.mark.parametrize('name', MENDED)
def test_a_pool_that_differs_in_its_one_mistake_keeps_every_promise(name: str) -> None:
    """So the search finds this mistake and no other one."""
    found = explore(MENDED[name])

    assert found.violation is None, found.violation
    assert found.complete


@pytest.mark.parametrize('broken', WAITING.values(), ids=WAITING)
def test_the_shipped_queue_keeps_every_promise_in_the_scope_of_each_of_them(broken: Broken) -> None:
    """It waits without any of these mistakes."""
    scope = subject(broken.name).scope
    found = explore(subject('redis-wait'), scope)

    assert found.violation is None, found.violation
    assert found.complete
    assert found.scope.kinds == broken.kinds


# --- what a client that waits can do


def _machine(name: str, scope: Scope | None = None) -> Machine:
    return Machine(subject(name), subject(name).scope if scope is None else scope)


def _after(machine: Machine, *moves: Move) -> Any:
    state = machine.start()
    for move in moves:
        state, _, wrong = machine.make(state, move)
        assert wrong is None
    return state


JOINED_BEHIND = (Move(STEP, 0), Move(STEP, 0), Move(STEP, 1))
"""In ``dead-head``, client A holds the slot and client B waits."""


def test_a_client_that_waits_can_only_crash_or_give_up() -> None:
    """Its command is not carried out, so it is not lost or repeated either."""
    machine = _machine('dead-head', Scope(clients=2, max_size=1, faults=1, timeouts=1, between=0))
    state = _after(machine, *JOINED_BEHIND)

    assert {move.do for move in machine.moves(state) if move.client == 1} == {CRASH, TIME_OUT, 'clock ahead'}
    with pytest.raises(ImpossibleMoveError, match='client 1 waits: the store cannot carry out its command yet'):
        machine.make(state, Move(STEP, 1))
    with pytest.raises(ImpossibleMoveError, match='client 0 does not wait'):
        machine.make(state, Move(TIME_OUT, 0))


def test_a_client_whose_time_is_up_goes_on_and_leaves_the_queue() -> None:
    """Those behind it are served."""
    machine = _machine('dead-head', Scope(clients=3, max_size=1, faults=0, timeouts=1, between=0))
    state = _after(machine, *JOINED_BEHIND, Move(STEP, 2), Move(TIME_OUT, 1), Move(STEP, 1))

    assert state.clients[1].over
    assert state.timeouts == 0
    with pytest.raises(ImpossibleMoveError, match='at most 1 waiters give up'):
        machine.make(state, Move(TIME_OUT, 2))
    # Both commands of a release, and then the next one in the queue takes the slot.
    after = state
    for move in (Move(STEP, 0), Move(STEP, 0), Move(STEP, 2)):
        after, happened, wrong = machine.make(after, move)
        assert wrong is None
    assert happened.ended == 'granted'


def test_a_client_can_give_up_although_its_message_has_arrived() -> None:
    """Its time is up before it reads the message."""
    machine = _machine('swallowed-signal')
    state = _after(machine, Move(STEP, 0), Move(STEP, 1), Move(STEP, 0), Move(STEP, 0))

    assert {move.do for move in machine.moves(state) if move.client == 1} == {STEP, TIME_OUT}
    _, happened, _ = machine.make(state, Move(STEP, 1))
    assert (happened.command, happened.received) == (AwaitMessage('B1'), "'free'")


@pytest.mark.parametrize('pauses', [True, False])
def test_a_slot_that_expires_serves_who_waits_for_it(pauses: bool) -> None:
    """A crash of a holder is no hang, because its slot expires. Whoever waits does not pause."""
    machine = _machine('dead-head', subject('dead-head').scope._replace(pauses=pauses))
    state = _after(machine, *JOINED_BEHIND, Move(CRASH, 0))

    assert machine.moves(state) == [Move(WAIT)]
    assert machine.hangs(state) is None
    schedule = Schedule('dead-head', 2, 1, 10, 1, (*JOINED_BEHIND, Move(CRASH, 0), Move(WAIT), *[Move(STEP, 1)] * 3))
    assert replay_schedule(schedule) is None


def test_the_token_of_a_holder_that_crashed_goes_to_who_waits_for_it() -> None:
    """Only one that is lost before its holder is recorded never comes back."""
    machine = _machine('lost-token')
    state = _after(machine, *[Move(STEP, 0)] * 3, Move(CRASH, 0), Move(STEP, 1), Move(WAIT), *[Move(STEP, 1)] * 2)

    assert state.clients[1].lease == Lease('pool', 'B1')


def test_an_empty_queue_is_the_same_as_none() -> None:
    """So more states are equal, and a search is shorter."""
    world = BlockingWorld()
    nothing = world.snapshot()
    world.perform(Join('pool', 'A1'), 0.0)
    assert world.snapshot() != nothing
    world.perform(Leave('pool', 'A1'), 0.0)

    assert world.snapshot() == nothing


def test_a_late_request_can_still_serve_who_waits() -> None:
    """The message of a release is on its way, so the waiter does not wait forever yet."""
    machine = _machine('swallowed-signal', Scope(2, 1, faults=1, kinds=(LATE,), between=0))
    moves = (Move(STEP, 0), Move(STEP, 1), Move(STEP, 0), Move(LATE, 0))
    state = _after(machine, *moves)

    assert Move(ARRIVE, 0) in machine.moves(state)
    assert machine.hangs(state) is None
    assert _after(machine, *moves, Move(ARRIVE, 0), Move(STEP, 1), Move(STEP, 1)).clients[1].lease


def test_a_crashed_client_whose_slot_never_expires_excuses_those_that_wait() -> None:
    """Nobody can tell whether it holds a slot, or only meant to take one."""
    found = explore(subject('lost-token'), subject('lost-token').scope._replace(slot_exp=None))

    assert found.violation is None, found.violation
    assert found.complete


def test_a_free_slot_beside_one_that_is_taken_forever_is_no_excuse() -> None:
    """Here one of two slots belongs to a crashed client, and the other one is free."""
    scope = Scope(3, 2, faults=1, kinds=(CRASH,), slot_exp=None, between=0)
    found = explore(subject('missed-signal'), scope)

    assert found.violation is not None
    assert 'waits forever although a slot is free' in found.violation.reason
    assert len(found.violation.schedule.moves) == 7


def test_all_that_wait_are_named() -> None:
    """Two clients are behind the dead one."""
    found = explore(subject('dead-head'), Scope(3, 1, faults=1, kinds=(CRASH,), between=0))

    assert found.violation is not None
    assert found.violation.reason == 'B1, C1 wait forever although nobody holds a slot'


def test_the_order_of_arrival_counts_only_if_the_pool_promises_it() -> None:
    """Without the promise, nothing is wrong with a pool that wakes everybody."""
    found = explore(subject('wake-all')._replace(fair=False))

    assert found.violation is None, found.violation


def test_whoever_gives_up_or_crashes_has_no_place_any_more() -> None:
    """Those behind it may be served."""
    for fault, machine in (
        (TIME_OUT, _machine('wake-all', Scope(3, 1, faults=0, timeouts=1, between=0))),
        (CRASH, _machine('wake-all', Scope(3, 1, faults=1, kinds=(CRASH,), between=0))),
    ):
        joined = (Move(STEP, 0), Move(STEP, 1), Move(STEP, 2))
        gone = [Move(fault, 1), *[Move(STEP, 1)] * (fault == TIME_OUT)]
        state = _after(machine, *joined, *gone)
        assert state.arrivals == ('C1',)
        state = _after(machine, *joined, *gone, Move(STEP, 0), Move(STEP, 0), Move(STEP, 2), Move(STEP, 2))
        assert state.clients[2].lease is not None


def test_a_client_that_comes_later_and_does_not_wait_is_overtaking_too() -> None:
    """It finds the free slot before the one that was woken."""
    found = explore(MENDED['missed-signal']._replace(fair=True), Scope(3, 1, faults=0, between=0))

    assert found.violation is not None
    assert found.violation.reason == 'C1 was given a slot although B1 has waited longer'
    assert [move.client for move in found.violation.schedule.moves] == [0, 0, 1, 1, 0, 2, 2]


def test_a_client_keeps_its_place_while_it_waits_again() -> None:
    """One that was woken in vain is no newcomer, and neither is one that waits to release."""
    order, second = ('A1', 'B1'), Client(1)

    assert arrived(order, Client(0), True, '') == (order, None)
    assert arrived(order, Client(2), True, '') == (('A1', 'B1', 'C1'), None)
    assert arrived(order, second, False, 'refused') == (('A1',), None)
    assert arrived(order, second, False, 'granted') == (
        ('A1',),
        'B1 was given a slot although A1 has waited longer',
    )
    assert arrived(order, Client(2, lease=Lease('pool', 'C1')), True, '') == (order, None)


# --- a client that begins with a command that blocks


def _only_pop(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    return Lease(key, token) if (yield from PopToken(key)) else None


def _put_back(lease: Lease) -> Steps[bool]:
    return (yield from PutBack(lease.name, lease.token))


def _no_size(key: str, max_size: int) -> Steps[int]:
    yield from Refill(key, 0)
    return 0


def _subject(acquire: Any, scope: Scope) -> Subject:
    steps = SlotProtocol('own', acquire, _put_back, _no_size)
    return Subject('own', steps, BlockingWorld, scope, honest=True, idea='nobody fills the list')


def test_a_client_can_wait_from_the_start() -> None:
    """The first command of its acquire is not carried out, and nobody fills the list."""
    found = explore(_subject(_only_pop, Scope(1, 1, faults=0, between=0)))

    assert found.violation is not None
    assert found.violation.reason == 'A1 waits forever although nobody holds a slot'
    assert found.violation.schedule.moves == ()
    machine = Machine(_subject(_only_pop, Scope(1, 1, faults=0, between=0, timeouts=1)), Scope(1, 1, timeouts=1))
    _, happened, wrong = machine.make(machine.start(), Move(TIME_OUT, 0))
    assert (happened.called, happened.ended, wrong) == ('acquire A1', 'refused', None)


def test_a_client_that_sends_something_after_its_crash_is_found_when_its_time_is_up() -> None:
    """A crash can come after each answer, and after the end of a wait."""

    def acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
        if (yield from TakeWhenFirst(key, token, max_size, slot_exp or 0)):
            return Lease(key, token)
        try:
            yield from Join(key, token)
        except GeneratorExit:
            yield from Leave(key, token)
        return None

    machine = Machine(_subject(acquire, Scope(1, 1)), Scope(1, 1, faults=0, timeouts=1))
    _, _, wrong = machine.make(machine.start(), Move(TIME_OUT, 0))

    assert wrong is not None
    assert wrong.startswith('A1 would send Leave(')


# --- what readers see


@functools.cache
def _swallowed() -> Exploration:
    return explore(subject('swallowed-signal'))


def test_the_story_says_who_waits_in_which_command_and_whose_time_is_up() -> None:
    """A client that was woken gives up before it reads its message."""
    text = str(_swallowed().violation)

    assert 'Client B acquires: it sends TakeOrJoin(pool, B1, 1, 10) and receives False; it waits in Await' in text
    assert 'Client B has waited long enough.' in text


def test_the_diagram_shows_who_waits_and_whose_time_is_up() -> None:
    """A pale bar lasts as long as the wait."""
    violation = _swallowed().violation
    assert violation is not None
    axes = violation.plot(Figure().add_subplot())
    words = [text.get_text() for text in axes.texts]

    assert 'time is up' in words
    assert 'False, B1 waits in AwaitMessage' in words
    # Client A holds a slot, and clients B and C wait.
    assert len(axes.patches) == 3


def test_the_diagram_shows_who_was_told_of_a_slot() -> None:
    """A waiter of the releasing process sends no command to learn of its slot."""
    moves = (Move(STEP, 0), Move(STEP, 1), Move(STEP, 0), Move(STEP, 1))
    machine = _machine('redis-wait-together')
    state = machine.start()
    story: list[Happened] = []
    for move in moves:
        state, happened, _ = machine.make(state, move)
        story.append(happened)
    from simulations.exploring.diagram import plot_schedule

    schedule = Schedule('redis-wait-together', 3, 1, 10, 1, moves)
    axes = plot_schedule(schedule, tuple(story), 'nothing', Figure().add_subplot())

    assert 'was told of its slot, B1 granted' in [text.get_text() for text in axes.texts]


def test_a_simulated_store_does_not_offer_pools_that_wait() -> None:
    """It carries out every command at once."""
    from simulations.stores.protocols import PROTOCOLS

    assert not WAITING.keys() & PROTOCOLS.keys()
    assert len(WAITING) == 5
