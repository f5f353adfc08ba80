"""The states of an exploration, and how one leads to the next.

A state contains everything that decides what can happen and whether it is right: the clients, the
store, the knowledge of the monitor, the faults left, and the time. Two schedules that reach equal
states continue in the same way.
"""

import math
from typing import Any, NamedTuple

from py_cachify.drivers import run
from simulations.exploring.clients import (
    KEY,
    LOST,
    Asked,
    Client,
    Raised,
    Returned,
    close_steps,
    follow,
    go_on,
    operation,
)
from simulations.exploring.moves import (
    CRASH,
    FORGET,
    HURRY,
    LOSE_REPLY,
    LOSE_REQUEST,
    REPEAT,
    STEP,
    STORE_FAULTS,
    WAIT,
    Move,
)
from simulations.exploring.scope import Scope, Subject
from simulations.exploring.worlds import Snapshot, World
from simulations.judging.monitor import Monitor
from simulations.units import count


class State(NamedTuple):
    """One state."""

    clients: tuple[Client, ...]
    store: Snapshot
    monitor: Monitor
    faults: int
    now: float = 0.0

    @property
    def over(self) -> bool:
        """Whether all clients have finished or crashed."""
        return all(client.over for client in self.clients)


class Happened(NamedTuple):
    """The outcome of a move, for readers.

    Attributes:
        move: the move.
        called: the operation that began with it, such as ``acquire A1``; empty if none did.
        command: the command that was sent to the store, if any.
        answers: the store's answers: one, or two if the request was repeated.
        received: what the client received: an answer, or that the connection is lost.
        ended: how the operation ended with this move: ``granted``, ``refused``, ``released``,
            ``too late`` or ``failed``; empty if it did not end.
        seconds: how much time passed.
        token: the token of the operation.
    """

    move: Move
    called: str = ''
    command: Any = None
    answers: tuple[Any, ...] = ()
    received: str = ''
    ended: str = ''
    seconds: float = 0.0
    token: str = ''


class ImpossibleMoveError(ValueError):
    """A move cannot be made in this state."""


def _slots(number: int, size: int) -> str:
    return f'{number} of {count(size, "slot", "slots")}'


def _with(clients: tuple[Client, ...], client: Client) -> tuple[Client, ...]:
    return (*clients[: client.number], client, *clients[client.number + 1 :])


class Machine:
    """Makes the states of a subject in a scope."""

    def __init__(self, subject: Subject, scope: Scope, world: World | None = None) -> None:
        self._subject = subject
        self._scope = scope
        self._world = subject.world() if world is None else world
        self._nothing = subject.world().snapshot()
        self._life = None if scope.slot_exp is None else float(scope.slot_exp)
        self._there: tuple[Snapshot, float] | None = None
        kinds = scope.kinds
        self._faults = tuple(fault for fault in kinds if fault not in STORE_FAULTS)
        self._moves = {
            (number, do): Move(do, number) for number in range(scope.clients) for do in (STEP, *self._faults)
        }
        # A server may still contain slots of another exploration.
        self._world.restore(self._nothing)

    def leave(self) -> None:
        """Empty the store, so that a server keeps nothing of an exploration."""
        self._there = None
        self._world.restore(self._nothing)

    def start(self) -> State:
        """Return the first state, in which no client has acted yet."""
        scope = self._scope
        clients = tuple(Client(number) for number in range(scope.clients))
        monitor = Monitor.start(scope.max_size, math.inf if self._life is None else self._life, self._subject.honest)
        return State(clients, self._nothing, monitor, scope.faults)

    def moves(self, state: State) -> list[Move]:
        """Return the moves that are possible in a state."""
        possible: list[Move] = []
        paused = False
        for client in state.clients:
            if client.over:
                continue
            number, under_way = client.number, client.answers is not None
            paused = paused or under_way
            possible.append(self._moves[number, STEP])
            if not state.faults:
                continue
            busy = under_way or client.lease is not None
            for fault in self._faults:
                # A crash of a client that has not begun changes nothing; nor does a second jump of
                # a clock.
                if not ((fault == CRASH and not busy) or (fault == HURRY and client.ahead)):
                    possible.append(self._moves[number, fault])
        if state.faults and FORGET in self._scope.kinds and state.store != self._nothing:
            possible.append(Move(FORGET))
        if possible and not (paused and not self._scope.pauses) and self._next_expiry(state) is not None:
            possible.append(Move(WAIT))
        return possible

    def _put_back(self, state: State) -> None:
        # Usually this is the state that was just reached, and the store is already in it.
        there, self._there = self._there, None
        if there is None or there[0] is not state.store or there[1] != state.now:
            self._world.now = state.now
            self._world.restore(state.store)

    def _snapshot(self) -> Snapshot:
        store = self._world.snapshot()
        self._there = (store, self._world.now)
        return store

    def _next_expiry(self, state: State) -> float | None:
        stored = self._world.next_expiry(state.store)
        first = math.inf if stored is None else stored
        for way in state.monitor.states:
            for _, left in way.slots:
                first = min(first, left)
        return first if first < math.inf else None

    def make(self, state: State, move: Move) -> tuple[State, Happened, str | None]:
        """Make a move; the third value says what goes wrong, if anything.

        Raises:
            ImpossibleMoveError: the move cannot be made.
        """
        if move.do == WAIT:
            return self._wait(state, move)
        if move.do == FORGET:
            if not state.faults:
                raise ImpossibleMoveError('no fault is left')
            return state._replace(store=self._nothing, faults=state.faults - 1), Happened(move), None
        if not 0 <= move.client < len(state.clients) or state.clients[move.client].over:
            raise ImpossibleMoveError(f'client {move.client} has finished')
        client = state.clients[move.client]
        if move.do != STEP:
            if not state.faults:
                raise ImpossibleMoveError('no fault is left')
            state = state._replace(faults=state.faults - 1)
        if move.do == CRASH:
            crashed = client._replace(over=True, answers=None)
            return state._replace(clients=_with(state.clients, crashed)), Happened(move, token=client.token), None
        if move.do == HURRY:
            clients = _with(state.clients, client._replace(ahead=True))
            return state._replace(clients=clients), Happened(move), None
        return self._ask(state, client, move)

    def _wait(self, state: State, move: Move) -> tuple[State, Happened, str | None]:
        seconds = self._next_expiry(state)
        if seconds is None:
            raise ImpossibleMoveError('nothing is left that could expire')
        self._put_back(state)
        self._world.now = now = state.now + seconds
        after = state._replace(store=self._snapshot(), monitor=state.monitor.passed(seconds), now=now)
        return after, Happened(move, seconds=seconds), None

    def _steps(self, client: Client) -> Any:
        return operation(client, self._subject.protocol, self._scope.max_size, self._life)

    def _ask(self, state: State, client: Client, move: Move) -> tuple[State, Happened, str | None]:
        monitor, what, token = state.monitor, client.what, client.token
        called = ''
        if client.answers is None:
            monitor, called = monitor.call(what, token), f'{what} {token}'
            client = client._replace(answers=())
        answered = client.answers or ()
        # A crash can come at each command; each is first reached here, or with an answer below.
        asked_more = None if answered else self._after_crash(client)
        steps = self._steps(client)
        position = follow(steps, answered)
        if not isinstance(position, Asked):
            raise TypeError(f'the protocol {self._subject.name} sends no command to the store: {position!r}')
        if move.do == REPEAT and client.lease is None:
            monitor = monitor.repeated(f'{token}, {len(answered) + 1}')
        offset = (self._life or 0.0) if client.ahead else 0.0
        self._put_back(state)
        times = {LOSE_REQUEST: 0, REPEAT: 2}.get(move.do, 1)
        answers = tuple(self._world.perform(position.command, offset) for _ in range(times))
        received = LOST if move.do in (LOSE_REQUEST, LOSE_REPLY) else answers[-1]
        store = self._snapshot()
        client = client._replace(answers=(*answered, received), repeated=client.repeated or move.do == REPEAT)
        next_position = go_on(steps, received)
        ended, wrong = '', None
        if not isinstance(next_position, Asked):
            client, monitor, ended, wrong = self._end(client, monitor, next_position)
        asked_more = asked_more or close_steps(steps)
        if asked_more and not wrong:
            wrong = f'{token} would send {asked_more} after its crash, but a crashed client sends nothing'
        words = 'connection lost' if received is LOST else repr(received)
        happened = Happened(move, called, position.command, answers, words, ended, 0.0, token)
        clients = _with(state.clients, client)
        if self._subject.bodies and ended == 'granted':
            wrong = wrong or self._too_many_bodies(clients)
        return State(clients, store, monitor, state.faults, state.now), happened, wrong

    def _too_many_bodies(self, clients: tuple[Client, ...]) -> str | None:
        running = [client.token for client in clients if client.lease is not None and not client.over]
        if len(running) <= (size := self._scope.max_size):
            return None
        names = ', '.join(running)
        return f'{len(running)} bodies run at the same time in a pool of {size}, because one outlived its slot: {names}'

    def _after_crash(self, client: Client) -> Any:
        steps = self._steps(client)
        follow(steps, ())
        return close_steps(steps)

    def _end(
        self, client: Client, monitor: Monitor, position: Returned | Raised
    ) -> tuple[Client, Monitor, str, str | None]:
        token = client.token
        wrong: str | None = None
        if isinstance(position, Raised):
            if client.lease is None:
                monitor = monitor.failed(token, position.undone)
            ended, lease = 'failed', None
        elif client.lease is None:
            lease = position.result
            monitor, wrong = monitor.returned('acquire', token, lease is not None)
            ended = 'refused' if lease is None else 'granted'
        else:
            monitor, wrong = monitor.returned('release', token, bool(position.result), client.repeated)
            ended, lease = 'released' if position.result else 'too late', None
        rounds = client.round + (lease is None)
        over = rounds >= self._scope.rounds and lease is None
        client = client._replace(round=rounds, lease=lease, answers=None, repeated=False, over=over)
        return client, monitor, ended, wrong

    def left_behind(self, state: State) -> str | None:
        """Return what is wrong with the final state of a schedule; ``None`` if nothing is.

        The size must be the number of slots that can be taken. When everything has had time to
        expire, the pool must be empty, grant each of its slots to one client after the other and no
        more, and take them back. If slots never expire, those of crashed clients stay, and a pool
        that may contain some is not asked for more.
        """
        protocol, size, life = self._subject.protocol, self._scope.max_size, self._life

        def perform(command: Any) -> Any:
            return self._world.perform(command, 0.0)

        def taken() -> int:
            return run(protocol.size(KEY, size), perform)

        self._put_back(state)
        found, counts = taken(), state.monitor.counts()
        if found not in counts:
            right = ' or '.join(str(each) for each in sorted(counts))
            return f'at the end {_slots(found, size)} {"was" if found == 1 else "were"} taken instead of {right}'
        while self._next_expiry(state) is not None:
            state, _, _ = self._wait(state, Move(WAIT))
        self._put_back(state)
        if life is None and counts != {0}:
            return None
        if found := taken():
            stay, them = ('stays', 'it') if found == 1 else ('stay', 'them')
            return f'{_slots(found, size)} {stay} taken forever although nobody holds {them}'
        # The size may have removed what has expired; an acquire must do so as well.
        self._put_back(state)
        leases = []
        for number in range(size):
            lease = run(protocol.acquire(KEY, f'Z{number + 1}', size, life), perform)
            if lease is None:
                are = 'is' if number == 1 else 'are'
                held = f'only {_slots(number, size)} {are} taken' if number else 'nobody holds a slot'
                return f'the pool refuses although {held}'
            leases.append(lease)
        if (found := taken()) != size:
            return f'all {size} slots are taken, but size() returns {found}'
        if run(protocol.acquire(KEY, f'Z{size + 1}', size, life), perform) is not None:
            return f'one more slot was granted although all {size} were taken'
        if not all(run(protocol.release(lease), perform) for lease in leases):
            return 'a release reported its slot as gone although it had not expired'
        if found := taken():
            return f'all slots were released, but size() returns {found}'
        return None
