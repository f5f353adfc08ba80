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
from simulations.exploring.late import LateRequest, LateRequests, of_client, passed, with_late
from simulations.exploring.moves import (
    ARRIVE,
    BETWEEN,
    CRASH,
    FORGET,
    HALF,
    HURRY,
    LATE,
    LOSE_REPLY,
    LOSE_REQUEST,
    OVERTAKEN,
    REPEAT,
    STEP,
    STORE_FAULTS,
    WAIT,
    WAITS,
    Move,
)
from simulations.exploring.outcomes import Outcomes
from simulations.exploring.scope import Scope, Subject
from simulations.exploring.worlds import Snapshot, World
from simulations.judging.monitor import Monitor
from simulations.units import count


JUST = 2.0**-10
"""How long "just before" an expiry is, as a share of the life of a slot.

It is a power of two, as are the halves, so sums of times are exact and equal states are recognized.
"""


_MOST_EXPIRIES = 1000
"""The most expiries one after the other when all clients are done."""


class State(NamedTuple):
    """One state.

    Attributes:
        clients: the clients.
        store: the contents of the store.
        monitor: what the judge knows.
        faults: the number of faults that can still happen.
        between: how often time can still stop between two expiries.
        now: the time; it stands still if no answer of the store can show it.
        late: the requests on their way.
    """

    clients: tuple[Client, ...]
    store: Snapshot
    monitor: Monitor
    faults: int
    between: int
    now: float = 0.0
    late: LateRequests = ()

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
        answers: the store's answers: one, or two if the request was repeated; none if the request
            did not arrive.
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
        self._nothing = subject.world().snapshot()
        self._outcomes = Outcomes(subject.world() if world is None else world, self._nothing)
        self._life = None if scope.slot_exp is None else float(scope.slot_exp)
        kinds = scope.kinds
        self._faults = tuple(fault for fault in kinds if fault not in STORE_FAULTS)
        self._moves = {
            (number, do): Move(do, number) for number in range(scope.clients) for do in (STEP, *self._faults)
        }

    def leave(self) -> None:
        """Empty the store, so that a server keeps nothing of an exploration."""
        self._outcomes.clear()

    def start(self) -> State:
        """Return the first state, in which no client has acted yet."""
        scope = self._scope
        clients = tuple(Client(number) for number in range(scope.clients))
        monitor = Monitor.start(scope.max_size, math.inf if self._life is None else self._life, self._subject.honest)
        return State(clients, self._nothing, monitor, scope.faults, scope.between, self._outcomes.start)

    def moves(self, state: State) -> list[Move]:
        """Return the moves that are possible in a state."""
        possible: list[Move] = []
        paused, shows_time = False, self._outcomes.shows_time
        scope = self._scope
        spent = scope.faults - state.faults + scope.between - state.between
        more = scope.together is None or spent < scope.together
        turn = False
        for client in state.clients:
            if client.over or (turn and client == Client(client.number)):
                continue
            turn = turn or (self._subject.alike and client == Client(client.number))
            number, under_way = client.number, client.answers is not None
            paused = paused or under_way
            possible.append(self._moves[number, STEP])
            if not (state.faults and more):
                continue
            busy = under_way or client.lease is not None
            for fault in self._faults:
                # A crash of a client that has not begun changes nothing; nor does a second jump of
                # a clock, or any jump if no answer depends on a clock.
                useless = not busy if fault == CRASH else fault == HURRY and (client.ahead or not shows_time)
                if not useless:
                    possible.append(self._moves[number, fault])
        if state.faults and more and FORGET in scope.kinds and state.store != self._nothing:
            possible.append(Move(FORGET))
        possible += self._arrivals(state)
        if possible and not (paused and not scope.pauses):
            waits = WAITS if state.between and more else (WAIT,)
            possible += [Move(do) for do in waits if self._wait_for(state, do)]
        return possible

    def _arrivals(self, state: State) -> list[Move]:
        arrivals: list[Move] = []
        for client in dict.fromkeys(each.client for each in state.late):
            requests = of_client(state.late, client)
            # Of two equal requests it does not matter which one arrives.
            arrivals += [
                Move(ARRIVE, client, which) for which, each in enumerate(requests) if each not in requests[:which]
            ]
        return arrivals

    def _wait_for(self, state: State, do: str) -> float | None:
        """Return how long such a wait is; ``None`` if it is impossible."""
        whole = self._next_expiry(state)
        if whole is None or do == WAIT:
            return whole
        if do == HALF:
            return whole / 2
        just = JUST * (1.0 if self._life is None else self._life)
        return whole - just if whole > just else None

    def _next_expiry(self, state: State) -> float | None:
        stored, monitor = self._outcomes.next_expiry(state.store), state.monitor
        first = math.inf if stored is None else stored
        # An acquire under way can still happen later, and later again, but not its earliest expiry.
        pending = {call.token for call in monitor.pending if call.takes}
        earliest = {token: monitor.slot_exp - since for token, since in monitor.called}
        for way in monitor.states:
            for token, left in way.slots:
                left = earliest.get(token, 0.0) if token in pending else left
                first = min(first, left) if left > 0 else first
        return first if first < math.inf else None

    def make(self, state: State, move: Move, anew: bool = False) -> tuple[State, Happened, str | None]:
        """Make a move; the third value says what goes wrong, if anything.

        With ``anew``, the store carries it out again even if the outcome is known.

        Raises:
            ImpossibleMoveError: the move cannot be made.
        """
        if move.do in WAITS:
            return self._wait(state, move)
        if move.do == ARRIVE:
            return self._arrive(state, move, anew)
        if move.do == FORGET:
            if not state.faults:
                raise self._no_fault_left()
            return state._replace(store=self._nothing, faults=state.faults - 1), Happened(move), None
        if not 0 <= move.client < len(state.clients):
            last = len(state.clients) - 1
            raise ImpossibleMoveError(f'there is no client {move.client}: this schedule has clients 0 to {last}')
        if state.clients[move.client].over:
            raise ImpossibleMoveError(f'client {move.client} has finished')
        client = state.clients[move.client]
        if move.do != STEP:
            if not state.faults:
                raise self._no_fault_left()
            state = state._replace(faults=state.faults - 1)
        if move.do == CRASH:
            clients = _with(state.clients, Client(client.number, over=True))
            return state._replace(clients=clients), Happened(move, token=client.token), None
        if move.do == HURRY:
            clients = _with(state.clients, client._replace(ahead=True))
            return state._replace(clients=clients), Happened(move), None
        return self._ask(state, client, move, anew)

    def _wait(self, state: State, move: Move) -> tuple[State, Happened, str | None]:
        seconds = self._wait_for(state, move.do)
        if seconds is None:
            raise ImpossibleMoveError('nothing is left that could expire')
        if move.do in BETWEEN and not state.between:
            allowed = self._scope.between
            raise ImpossibleMoveError(
                f'this scope lets time stop between two expiries at most {count(allowed, "time", "times")}'
                f' (between={allowed})'
            )
        after = self._pass(state, seconds)._replace(between=state.between - (move.do in BETWEEN))
        return after, Happened(move, seconds=seconds), None

    def _no_fault_left(self) -> ImpossibleMoveError:
        allowed = self._scope.faults
        return ImpossibleMoveError(
            f'this scope lets at most {count(allowed, "fault", "faults")} happen (faults={allowed})'
        )

    def _pass(self, state: State, seconds: float) -> State:
        late, gone = passed(state.late, seconds)
        return state._replace(
            store=self._outcomes.after(state.store, state.now, seconds),
            monitor=state.monitor.passed(seconds).settled((each.again, each.token) for each in gone),
            now=state.now + seconds if self._outcomes.shows_time else state.now,
            late=late,
        )

    def _arrive(self, state: State, move: Move, anew: bool) -> tuple[State, Happened, str | None]:
        """Let the store carry out a late request; nobody receives the answer."""
        requests = of_client(state.late, move.client)
        if not move.which < len(requests):
            raise ImpossibleMoveError(f'client {move.client} has no such late request')
        request = requests[move.which]
        answer, store = self._outcomes.ask(state.store, state.now, request.command, request.offset, anew)
        monitor = state.monitor
        if request.again:
            if request.what == 'acquire':
                monitor = monitor.repeated(f'{request.token}, {request.again}')
            monitor = monitor.settled([(request.again, request.token)])
        late = list(state.late)
        late.remove(request)
        after = state._replace(store=store, monitor=monitor, late=tuple(late))
        return after, Happened(move, '', request.command, (answer,), token=request.token), None

    def _steps(self, client: Client) -> Any:
        return operation(client, self._subject.protocol, self._scope.max_size, self._life)

    def _ask(self, state: State, client: Client, move: Move, anew: bool) -> tuple[State, Happened, str | None]:
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
        late, offset = state.late, (self._life or 0.0) if client.ahead else 0.0
        if move.do in (LATE, OVERTAKEN):
            again = f'{what} again {len(late) + 1}' if move.do == OVERTAKEN else ''
            late = with_late(
                late, LateRequest(position.command, offset, client.number, what, token, again, self._scope.late_by)
            )
            if again:
                monitor = monitor.call(again, token)
        store = state.store
        answers: tuple[Any, ...] = ()
        for _ in range({LOSE_REQUEST: 0, LATE: 0, REPEAT: 2}.get(move.do, 1)):
            answer, store = self._outcomes.ask(store, state.now, position.command, offset, anew)
            answers = (*answers, answer)
        received = LOST if move.do in (LOSE_REQUEST, LATE, LOSE_REPLY) else answers[-1]
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
        return state._replace(clients=clients, store=store, monitor=monitor, late=late), happened, wrong

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
        if rounds >= self._scope.rounds and lease is None:
            # All clients that are done are alike, so more states are equal.
            client = Client(client.number, over=True)
        else:
            client = client._replace(round=rounds, lease=lease, answers=None, repeated=False)
        return client, monitor, ended, wrong

    def left_behind(self, state: State, anew: bool = False) -> str | None:
        """Return what is wrong with the final state of a schedule; ``None`` if nothing is.

        The size must be the number of slots that can be taken. When everything has had time to
        expire, the pool must be empty, grant each of its slots to one client after the other and no
        more, and take them back. If slots never expire, those of crashed clients stay, and a pool
        that may contain some is not asked for more.

        With ``anew``, the store carries everything out again even if the outcomes are known.
        """
        protocol, size, life = self._subject.protocol, self._scope.max_size, self._life

        store = state.store

        def taken() -> int:
            return run(protocol.size(KEY, size), perform)

        def perform(command: Any) -> Any:
            nonlocal store
            answer, store = self._outcomes.ask(store, state.now, command, 0.0, anew)
            return answer

        found, counts = taken(), state.monitor.counts()
        if found not in counts:
            right = ' or '.join(str(each) for each in sorted(counts))
            return f'at the end {_slots(found, size)} {"was" if found == 1 else "were"} taken instead of {right}'
        for _ in range(_MOST_EXPIRIES):
            if self._next_expiry(state) is None:
                break
            state, _, _ = self._wait(state, Move(WAIT))
        else:
            raise ValueError(
                f'something in the store of {self._subject.name} still expires after {_MOST_EXPIRIES} expiries without'
                ' a client: let next_expiry of its world return None once nothing is left that can expire'
            )
        if life is not None:
            # A slot may have been taken later than any client knows.
            state = self._pass(state, life)
        store = state.store
        if life is None and counts != {0}:
            return None
        if found := taken():
            stay, them = ('stays', 'it') if found == 1 else ('stay', 'them')
            return f'{_slots(found, size)} {stay} taken forever although nobody holds {them}'
        # The size may have removed what has expired; an acquire must do so as well.
        store = state.store
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
