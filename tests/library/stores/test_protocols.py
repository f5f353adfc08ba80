"""The two protocols, step by step, with a crash, an error and an interrupt at any point.

Also the named limits of the protocol for plain clients.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_cachify import MemoryClient
from py_cachify.backends.base import Backend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.backends.plain import PlainBackend
from py_cachify.commands import (
    Command,
    CountSlots,
    DeleteName,
    DropSlot,
    GetValue,
    SetIfAbsent,
    Steps,
    TakeSlot,
    UndoSlot,
)
from py_cachify.drivers import arun, run
from py_cachify.protocols import (
    ATOMIC,
    INDEXED,
    INTERRUPT_LIMIT,
    NOT_RELEASED,
    NOT_UNDONE,
    Lease,
    NoLease,
    SlotProtocol,
    slot_name,
)
from tests.support.stores import VirtualClock


pytestmark = pytest.mark.quick


R = TypeVar('R')

Drive = Callable[[Steps[Any], Callable[[Command[Any]], Any]], Any]


class Interrupted(BaseException):
    """Represents a ``BaseException`` that is no ``Exception``: an interrupt, a cancellation."""


class Lost(Exception):  # noqa: N818 - it is an error of the network
    """Represents what a client raises when the network fails."""


@pytest.fixture(params=[ATOMIC, INDEXED], ids=lambda protocol: protocol.name)
def protocol(request: pytest.FixtureRequest) -> SlotProtocol:
    """Both protocols, one after the other."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def backend(protocol: SlotProtocol, clock: VirtualClock) -> Backend:
    """An empty store of the kind that the protocol is for."""
    return _backend(protocol, clock)


def _backend(protocol: SlotProtocol, clock: VirtualClock) -> Backend:
    memory = MemoryClient(clock)
    return MemoryBackend(memory) if protocol is ATOMIC else PlainBackend(memory)


@pytest.fixture(params=['run', 'arun'])
def drive(request: pytest.FixtureRequest) -> Drive:
    """Both drivers, one after the other, as one function."""
    if request.param == 'run':
        return run

    def drive_awaited(steps: Steps[R], perform: Callable[[Command[Any]], Any]) -> R:
        async def aperform(command: Command[Any]) -> Any:
            await asyncio.sleep(0)
            return perform(command)

        return asyncio.run(arun(steps, aperform))

    return drive_awaited


class Faulty:
    """Performs commands, but raises ``error`` instead of the replies numbered in ``at``."""

    def __init__(self, backend: Backend, error: BaseException, *at: int, reached: bool) -> None:
        self.asked: list[Command[Any]] = []
        self.raised = 0
        self._backend = backend
        self._error = error
        self._at = at
        self._reached = reached

    def __call__(self, command: Command[Any]) -> Any:
        number = len(self.asked)
        self.asked.append(command)
        if number not in self._at:
            return self._backend.perform(command)
        if self._reached:
            self._backend.perform(command)
        self.raised += 1
        raise self._error


reached_or_not = pytest.mark.parametrize('reached', [True, False], ids=['reply lost', 'request lost'])


def _size(backend: Backend, max_size: int = 3) -> int:
    return run(backend.protocol.size('k', max_size), backend.perform)


def _acquire(backend: Backend, token: str, max_size: int = 3, slot_exp: float | None = 60) -> Lease | NoLease:
    return run(backend.protocol.acquire('k', token, max_size, slot_exp), backend.perform)


def _fill(backend: Backend, slots: int) -> None:
    for number in range(slots):
        assert _acquire(backend, f'another {number}') is not None


# --- the requests when nothing fails


def test_an_atomic_pool_asks_one_command_each() -> None:
    """Acquire, release and size are one command, whose reply decides."""
    steps = ATOMIC.acquire('k', 'token', 3, 1.5)
    assert next(steps) == TakeSlot('k', 'token', 3, 1.5)
    assert _result(steps, True) == Lease('k', 'token')
    steps = ATOMIC.acquire('k', 'token', 3, None)
    assert next(steps) == TakeSlot('k', 'token', 3, None)
    assert _result(steps, False) is None
    for there in (True, False):
        release = ATOMIC.release(Lease('k', 'token'))
        assert next(release) == DropSlot('k', 'token')
        assert _result(release, there) is there
    size = ATOMIC.size('k', 3)
    assert next(size) == CountSlots('k')
    assert _result(size, 2) == 2


def test_an_indexed_pool_asks_for_each_name_once() -> None:
    """A scan tries every name below ``max_size``, from one that the token chooses, then is full."""
    firsts = set()
    for number in range(50):
        steps = INDEXED.acquire('k', f'token {number}', 4, 60)
        asked = [next(steps)]
        for _ in range(3):
            asked.append(steps.send(False))
        assert _result(steps, False) is None
        names = [command.name for command in asked if isinstance(command, SetIfAbsent)]
        assert sorted(names) == ['k:0', 'k:1', 'k:2', 'k:3']
        firsts.add(names[0])
    assert firsts == {'k:0', 'k:1', 'k:2', 'k:3'}


def _result(steps: Steps[R], reply: Any) -> R:
    """Send the last reply."""
    with pytest.raises(StopIteration) as done:
        steps.send(reply)
    return done.value.value  # type: ignore[no-any-return]


def test_a_slot_is_taken_counted_and_given_back(backend: Backend, drive: Drive) -> None:
    """By either protocol and either driver; a repeated release finds nothing."""
    lease = drive(backend.protocol.acquire('k', 'a', 2, 60), backend.perform)
    assert lease.token == 'a'
    assert drive(backend.protocol.acquire('k', 'b', 2, 60), backend.perform) is not None
    assert drive(backend.protocol.acquire('k', 'c', 2, 60), backend.perform) is None
    assert drive(backend.protocol.size('k', 2), backend.perform) == 2
    assert drive(backend.protocol.release(lease), backend.perform) is True
    assert drive(backend.protocol.release(lease), backend.perform) is False
    assert drive(backend.protocol.size('k', 2), backend.perform) == 1


# --- crashes


class Point(NamedTuple):
    """Where a holder crashes: after how many commands, and whether the last one failed."""

    operation: str
    commands: int
    error: BaseException | None


POINTS = [
    Point(operation, commands, error)
    for operation in ('acquire', 'release')
    for commands in range(4)
    for error in (None, Lost(), Interrupted())
]


@pytest.mark.parametrize('point', POINTS, ids=repr)
def test_after_a_crash_nothing_more_is_asked(backend: Backend, point: Point) -> None:
    """Closing the steps at any point, even in an undo, sends nothing more to the store."""
    _fill(backend, 1)
    if point.operation == 'acquire':
        steps: Steps[Any] = backend.protocol.acquire('k', 'token', 3, 60)
    else:
        lease = _acquire(backend, 'token')
        assert lease
        steps = backend.protocol.release(lease)
    try:
        command = next(steps)
        for number in range(point.commands):
            reply = backend.perform(command)
            failed = point.error is not None and number == point.commands - 1
            command = steps.throw(point.error) if failed and point.error else steps.send(reply)
    except (StopIteration, Lost, Interrupted):
        pass  # it had already ended
    steps.close()  # raises RuntimeError if another command is yielded
    assert steps.gi_frame is None  # type: ignore[attr-defined]


def test_a_holder_that_crashed_in_its_acquire_keeps_its_slot_until_it_expires(
    backend: Backend, clock: VirtualClock
) -> None:
    """Nothing gives back what a crashed holder took, except the expiry."""
    steps = backend.protocol.acquire('k', 'token', 3, 60)
    backend.perform(next(steps))
    steps.close()
    assert _size(backend) == 1
    clock.now = 60
    assert _size(backend) == 0


# --- errors


@reached_or_not
@pytest.mark.parametrize(
    'error', [Lost('the connection'), Interrupted(), KeyboardInterrupt(), asyncio.CancelledError()]
)
@pytest.mark.parametrize('others', [0, 1, 2, 3])
def test_a_failed_acquire_leaves_no_slot(
    protocol: SlotProtocol, drive: Drive, others: int, error: BaseException, reached: bool
) -> None:
    """Whatever fails at any point of an acquire, the error is raised and no slot is left."""
    failures = 0
    for point in range(4):
        backend = _backend(protocol, VirtualClock())
        _fill(backend, others)
        perform = Faulty(backend, error, point, reached=reached)
        lease, raised = None, None
        try:
            lease = drive(protocol.acquire('k', 'token', 3, None), perform)
        except BaseException as caught:
            raised = type(caught)
        assert raised is (type(error) if perform.raised else None)
        assert _size(backend) == others + (lease is not None)
        failures += perform.raised
    assert failures >= 1


def test_an_error_in_an_atomic_acquire_is_undone_and_raised() -> None:
    """The same error is raised, after one command that frees the slot and leaves a tombstone."""
    steps = ATOMIC.acquire('k', 'token', 3, 60)
    next(steps)
    error = Lost('the connection')
    assert steps.throw(error) == UndoSlot('k', 'token')
    with pytest.raises(Lost) as raised:
        steps.send(True)
    assert raised.value is error
    assert not hasattr(error, '__notes__')


def test_an_error_in_an_indexed_acquire_is_undone_and_raised() -> None:
    """The name is deleted only if it has become the token's own."""
    for owner in ('token', 'another', None):
        steps = INDEXED.acquire('k', 'token', 3, 60)
        asked = next(steps)
        assert isinstance(asked, SetIfAbsent)
        error = Lost('the connection')
        assert steps.throw(error) == GetValue(asked.name)
        last_reply = owner
        if owner == 'token':
            assert steps.send(owner) == DeleteName(asked.name)
            last_reply = None
        with pytest.raises(Lost) as raised:
            steps.send(last_reply)
        assert raised.value is error


@pytest.mark.parametrize('second', [Lost('again'), ValueError('a bug')])
def test_an_undo_that_fails_adds_a_note(backend: Backend, drive: Drive, second: Exception) -> None:
    """The first error is raised, with a note that the slot may stay and why."""

    def perform(command: Command[Any]) -> Any:
        if isinstance(command, TakeSlot | SetIfAbsent):
            raise Lost('the connection')
        raise second

    with pytest.raises(Lost, match='the connection') as raised:
        drive(backend.protocol.acquire('k', 'token', 3, 60), perform)
    (note,) = raised.value.__notes__
    assert f'{type(second).__name__}: {second}' in note
    assert 'may stay taken [token token]' in note


def test_an_error_in_a_release_is_not_asked_again(backend: Backend, drive: Drive) -> None:
    """Clients retry themselves: the library does not multiply their retries."""
    lease = _acquire(backend, 'token')
    assert lease
    perform = Faulty(backend, Lost('the connection'), 0, 1, 2, 3, reached=False)
    with pytest.raises(Lost, match='the connection'):
        drive(backend.protocol.release(lease), perform)
    assert len(perform.asked) == 1


@reached_or_not
@pytest.mark.parametrize('error', [Interrupted(), KeyboardInterrupt(), asyncio.CancelledError()])
def test_an_interrupt_in_a_release_asks_again(
    protocol: SlotProtocol, drive: Drive, error: BaseException, reached: bool
) -> None:
    """At any point, the slot is given back, and then the interrupt is raised."""
    points = 1 if protocol is ATOMIC else 2
    for point in range(points):
        backend = _backend(protocol, VirtualClock())
        _fill(backend, 2)
        lease = _acquire(backend, 'token')
        assert lease
        perform = Faulty(backend, error, point, reached=reached)
        with pytest.raises(type(error)):
            drive(protocol.release(lease), perform)
        assert perform.raised == 1
        assert len(perform.asked) > point + 1
        assert _size(backend) == 2


def test_an_interrupt_while_an_acquire_is_undone_asks_again(backend: Backend, drive: Drive) -> None:
    """An acquire that was interrupted twice leaves no slot either."""
    perform = Faulty(backend, Interrupted(), 0, 1, reached=True)
    with pytest.raises(Interrupted):
        drive(backend.protocol.acquire('k', 'token', 3, 60), perform)
    assert perform.raised == 2
    assert _size(backend) == 0


def test_an_interrupt_while_a_failed_acquire_is_undone_goes_on(backend: Backend, drive: Drive) -> None:
    """An interrupt is never lost to an earlier error, and no note reports a failed undo."""
    error = Lost('the connection')
    undoing = False

    def perform(command: Command[Any]) -> Any:
        nonlocal undoing
        if isinstance(command, TakeSlot | SetIfAbsent):
            raise error
        if not undoing:
            undoing = True
            raise Interrupted
        return backend.perform(command)

    raised = _raised(lambda: drive(backend.protocol.acquire('k', 'token', 3, 60), perform))
    assert isinstance(raised, Interrupted)
    assert not hasattr(error, '__notes__')


class InterruptedThenLost:
    """Raises an interrupt for the first request that frees a slot, and errors for the next."""

    def __init__(self, backend: Backend, *, acquire_fails: bool = False) -> None:
        self._backend = backend
        self._acquire_fails = acquire_fails
        self._interrupted = False

    def __call__(self, command: Command[Any]) -> Any:
        if isinstance(command, TakeSlot | SetIfAbsent):
            if self._acquire_fails:
                raise Lost('the first reply')
            perform: Callable[[Any], Any] = self._backend.perform
            return perform(command)
        if not self._interrupted:
            self._interrupted = True
            raise Interrupted
        raise Lost('the connection')


def test_an_interrupt_is_not_lost_to_an_error_of_the_repeated_release(backend: Backend, drive: Drive) -> None:
    """The interrupt is raised, with a note of the error."""
    lease = _acquire(backend, 'token')
    assert lease

    raised = _raised(lambda: drive(backend.protocol.release(lease), InterruptedThenLost(backend)))

    assert isinstance(raised, Interrupted)
    (note,) = raised.__notes__
    assert note.startswith(NOT_RELEASED)
    assert 'Lost: the connection' in note


def test_an_interrupt_is_not_lost_to_an_error_of_the_repeated_undo(backend: Backend, drive: Drive) -> None:
    """The interrupt is raised, with a note that the slot may stay."""
    perform = InterruptedThenLost(backend, acquire_fails=True)

    raised = _raised(lambda: drive(backend.protocol.acquire('k', 'token', 3, 60), perform))

    assert isinstance(raised, Interrupted)
    repeated, undone = raised.__notes__
    assert repeated.startswith(NOT_RELEASED)
    assert undone.startswith(NOT_UNDONE)
    assert 'may stay taken [token token]' in undone


def test_endless_interrupts_of_a_release_end(backend: Backend, drive: Drive) -> None:
    """After a limit the first is raised, and its note says why the slot may stay."""
    lease = _acquire(backend, 'token')
    assert lease

    def perform(_: Command[Any]) -> Any:
        raise Interrupted

    raised = _raised(lambda: drive(backend.protocol.release(lease), perform))

    assert isinstance(raised, Interrupted)
    assert f'{INTERRUPT_LIMIT} more interrupts' in raised.__notes__[0]


def _raised(call: Callable[[], Any]) -> BaseException:
    """Return what ``call`` raises, even if pytest would take it for an interrupt of its own."""
    try:
        call()
    except BaseException as error:
        return error
    raise AssertionError('nothing was raised')


def test_a_failed_size_asks_nothing_more(backend: Backend, drive: Drive) -> None:
    """There is nothing to undo."""
    perform = Faulty(backend, Lost('the connection'), 0, reached=True)
    with pytest.raises(Lost, match='the connection'):
        drive(backend.protocol.size('k', 3), perform)
    assert len(perform.asked) == 1


# --- the named limits of the protocol for plain clients


def _token_that_starts_at(index: int, max_size: int) -> str:
    """Return a token whose scan checks this slot first."""
    for number in range(1000):
        first = next(INDEXED.acquire('k', str(number), max_size, None))
        assert isinstance(first, SetIfAbsent)
        if first.name == slot_name('k', index):
            return str(number)
    raise AssertionError('no token starts there')


@pytest.fixture
def plain(clock: VirtualClock) -> Backend:
    """An empty store that keeps the plain contract."""
    return _backend(INDEXED, clock)


def test_a_refusal_can_be_spurious(plain: Backend) -> None:
    """A slot becomes free behind a scan and another is taken ahead of it: a spurious refusal.

    ::

        holder    has k:0             gives back k:0
        scan             k:0 is taken                            k:1 is taken: full
        another                                      takes k:1
    """
    plain.perform(SetIfAbsent('k:0', 'holder', None))
    scan = INDEXED.acquire('k', _token_that_starts_at(0, 2), 2, None)
    look_at_0 = next(scan)
    look_at_1 = scan.send(plain.perform(look_at_0))
    assert run(INDEXED.release(Lease('k:0', 'holder')), plain.perform) is True
    plain.perform(SetIfAbsent('k:1', 'another', None))
    assert _size(plain, 2) == 1
    assert _result(scan, plain.perform(look_at_1)) is None


def test_a_release_paused_past_its_expiry_can_free_anothers_slot(plain: Backend, clock: VirtualClock) -> None:
    """Between checking whose the name is and deleting it, the name expired and was taken again.

    ::

        holder    k:0 is mine                              deletes k:0
        the name               expires
        another                         takes k:0, holds it           has lost it
    """
    lease = _acquire(plain, 'holder', max_size=1, slot_exp=10)
    assert lease
    release = INDEXED.release(lease)
    delete = release.send(plain.perform(next(release)))
    clock.now = 10
    assert _acquire(plain, 'another', max_size=1, slot_exp=10) is not None
    plain.perform(delete)
    assert _size(plain, 1) == 0


def test_a_client_that_repeats_a_lost_set_by_itself_can_take_two_slots(plain: Backend, clock: VirtualClock) -> None:
    """The first reply is lost, and the client's retry is refused: one slot belongs to nobody."""
    steps = plain.protocol.acquire('key', 'mine', 2, 30)
    first = next(steps)
    assert plain.perform(first) is True
    second = steps.send(plain.perform(first))
    assert plain.perform(second) is True
    with pytest.raises(StopIteration) as done:
        steps.send(True)

    assert run(plain.protocol.size('key', 2), plain.perform) == 2
    assert run(plain.protocol.release(done.value.value), plain.perform)
    assert run(plain.protocol.size('key', 2), plain.perform) == 1
    clock.now += 30
    assert run(plain.protocol.size('key', 2), plain.perform) == 0


def test_two_sizes_see_different_slots(plain: Backend) -> None:
    """With ``max_size`` 2 and 5 for one key, the smaller pool never checks the higher names."""
    for index in (2, 3, 4):
        lease = _acquire(plain, _token_that_starts_at(index, 5), max_size=5)
        assert lease
        assert lease.name == slot_name('k', index)
    assert (_size(plain, 2), _size(plain, 5)) == (0, 3)
    assert _acquire(plain, 'a', max_size=2) is not None
    assert _acquire(plain, 'b', max_size=2) is not None
    assert (_size(plain, 2), _size(plain, 5)) == (2, 5)


@pytest.mark.parametrize(('slot_exp', 'seconds'), [(0.2, 1), (1, 1), (1.0, 1), (1.2, 2), (59.999, 60)])
def test_a_life_is_in_whole_seconds_and_a_fraction_is_rounded_up(
    plain: Backend, clock: VirtualClock, slot_exp: float, seconds: int
) -> None:
    """A slot never ends early, and ends at most a second late."""
    first = next(INDEXED.acquire('k', 'token', 1, slot_exp))
    assert isinstance(first, SetIfAbsent)
    assert (first.ex, type(first.ex)) == (seconds, int)
    _acquire(plain, 'token', max_size=1, slot_exp=slot_exp)
    clock.now = seconds - 0.001
    assert _size(plain, 1) == 1
    clock.now = seconds
    assert _size(plain, 1) == 0


def test_a_slot_without_expiry_has_none(plain: Backend, clock: VirtualClock) -> None:
    """``None`` is passed on unchanged."""
    _acquire(plain, 'token', max_size=1, slot_exp=None)
    clock.now = 1e12
    assert _size(plain, 1) == 1


# --- what holds in spite of these limits


class Client:
    """A client in a random schedule: it acquires, holds and releases, command by command."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lease: Lease | None = None
        self.steps: Steps[Any] | None = None
        self.command: Command[Any] | None = None
        self.releasing = False
        self.entries = 0


class Schedule:
    """Many clients of one pool, one command at a time, in an order that a seed decides."""

    def __init__(self, seed: int, *, time_passes: bool) -> None:
        self.random = random.Random(seed)
        self.time_passes = time_passes
        self.clock = VirtualClock()
        self.backend = _backend(INDEXED, self.clock)
        self.max_size = self.random.randint(1, 4)
        self.clients = [Client(str(number)) for number in range(self.random.randint(2, 8))]
        self.crashed = 0

    def turn(self, *, starting: bool = True) -> None:
        """Let one client send its next command."""
        client = self.random.choice(self.clients)
        if client.steps is None or client.command is None:
            if client.lease is not None:
                client.steps, client.releasing = INDEXED.release(client.lease), True
            elif starting:
                client.entries += 1
                token = f'{client.name}-{client.entries}'
                slot_exp = 2 if self.time_passes else None
                client.steps = INDEXED.acquire('k', token, self.max_size, slot_exp)
            else:
                return
            client.lease = None if client.releasing else client.lease
            client.command = next(client.steps)
            return
        fault = self.random.random()
        try:
            if fault < 0.03 and starting:
                client.steps.close()
                self.crashed += 1
                client.steps, client.releasing = None, False
                return
            if fault < 0.1:
                client.command = client.steps.throw(self.random.choice([Lost(), Interrupted()]))
                return
            reply = self.backend.perform(client.command)
            if fault < 0.15:
                client.command = client.steps.throw(self.random.choice([Lost(), Interrupted()]))
                return
            client.command = client.steps.send(reply)
        except StopIteration as done:
            client.lease = None if client.releasing else done.value
            client.steps, client.releasing = None, False
        except (Lost, Interrupted):
            client.steps, client.releasing = None, False
        if self.time_passes and self.random.random() < 0.1:
            self.clock.now += self.random.random()

    def holders(self) -> int:
        """The clients that received a slot and have not begun to give it back."""
        return sum(client.lease is not None for client in self.clients)


@given(seed=st.integers(0, 2**32))
def test_never_more_than_max_size_hold_a_slot(seed: int) -> None:
    """However the commands of many clients interleave, with errors, interrupts and crashes."""
    schedule = Schedule(seed, time_passes=False)
    for _ in range(200):
        schedule.turn()
        taken = _size(schedule.backend, schedule.max_size)
        assert schedule.holders() <= taken <= schedule.max_size
        assert _size(schedule.backend, schedule.max_size + 5) == taken


@given(seed=st.integers(0, 2**32))
def test_never_more_than_max_size_names_exist(seed: int) -> None:
    """Also when slots expire under their holders: no name beyond ``max_size`` is ever set."""
    schedule = Schedule(seed, time_passes=True)
    for _ in range(200):
        schedule.turn()
        assert _size(schedule.backend, schedule.max_size + 5) <= schedule.max_size
    schedule.clock.now += 2
    assert _size(schedule.backend, schedule.max_size) == 0


def test_a_random_schedule_meets_what_it_is_for() -> None:
    """The schedules fill their pools, refuse, crash, and have several clients scan at once."""
    full = crashed = overlapping = 0
    for seed in range(100):
        schedule = Schedule(seed, time_passes=False)
        for _ in range(200):
            schedule.turn()
            full += schedule.holders() == schedule.max_size
            overlapping += sum(client.steps is not None for client in schedule.clients) > 1
        crashed += schedule.crashed
    assert full > 500
    assert crashed > 50
    assert overlapping > 5000
