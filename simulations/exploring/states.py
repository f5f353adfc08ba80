"""The states of an exploration, and how one leads to the next.

A state contains everything that decides what can happen and whether it is right: the clients, the
store, the knowledge of the monitor, the faults left, and the time. Two schedules that reach equal
states continue in the same way.
"""

import math
from dataclasses import replace
from typing import Any, NamedTuple

from py_cachify.commands import AskAgain, AwaitTurn, DrawFence, Queued, Refusal, Turn, UndoSlot
from py_cachify.drivers import run
from simulations.exploring.blocking import Blocking, arrived
from simulations.exploring.clients import (
    KEY,
    LOST,
    Asked,
    Client,
    Raised,
    Returned,
    Terms,
    close_steps,
    follow,
    go_on,
    name_of,
    operation,
    short,
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
    TIME_OUT,
    WAIT,
    WAITS,
    Move,
)
from simulations.exploring.outcomes import SOME_INSTANT, Outcomes
from simulations.exploring.scope import Scope, Subject
from simulations.exploring.worlds import Snapshot, World
from simulations.judging.fences import Fences
from simulations.judging.monitor import Monitor
from simulations.judging.queues import NO, PATIENCE, QUEUED, YES, Queue, Request, Rules
from simulations.units import count


JUST = 2.0**-10
"""How long "just before" an expiry is, as a share of the life of a slot.

It is a power of two, as are the halves, so sums of times are exact and equal states are recognized.
"""


_MOST_EXPIRIES = 1000
"""The most expiries one after the other when all clients are done."""


_NOBODY = Queue()
_NONE = Fences()


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
        queue: what the judge knows of those who wait.
        timeouts: how many waiters can still give up.
        silences: how often waiters can still be silent for too long.
        abandoned: the tickets whose waiters crashed in a process that goes on.
        left: the waiters that have given up and of which a request is on its way.
        arrivals: those that wait within a command, in the order in which they came, if it matters.
        fences: what the judge knows of fencing tokens.
    """

    clients: tuple[Client, ...]
    store: Snapshot
    monitor: Monitor
    faults: int
    between: int
    now: float = 0.0
    late: LateRequests = ()
    queue: Queue = _NOBODY
    timeouts: int = 0
    silences: int = 0
    abandoned: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    arrivals: tuple[str, ...] = ()
    fences: Fences = _NONE

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
        ended: how the operation ended with this move: ``granted``, ``refused``, ``expired`` (an
            acquire whose slot was gone before it returned), ``renewed``, ``not renewed``,
            ``renewal failed``, ``released``, ``too late`` or ``failed``; empty if it did not end.
        seconds: how much time passed.
        token: the token of the operation.
        told: the waiters that were told that they have a slot.
        undone: the tickets that got a slot and were undone at once, because their waiters are gone.
        waits: the command within which the client waits from now on, if it does.
    """

    move: Move
    called: str = ''
    command: Any = None
    answers: tuple[Any, ...] = ()
    received: str = ''
    ended: str = ''
    seconds: float = 0.0
    token: str = ''
    told: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    waits: Any = None


class ImpossibleMoveError(ValueError):
    """A move cannot be made in this state."""


def _slots(number: int, size: int) -> str:
    return f'{number} of {count(size, "slot", "slots")}'


_HEARTBEAT = 5.0
"""How often a waiter asks at least, in seconds."""
_MARGIN = 10.0
"""How much longer than its expiries a wait can take, in seconds: for claims and heartbeats."""

_STEP = 2.0**-10
"""Between two places in the queue."""


def _asking(state: State) -> list[Any]:
    """Return the commands in a state that may name a place in the queue."""
    return [*(client.turn for client in state.clients if client.turn), *(request.command for request in state.late)]


def _place(command: Any) -> float | None:
    """Return the place that a command names, relative to the instant at which time stands."""
    if isinstance(command, AskAgain):
        return command.place - SOME_INSTANT
    if isinstance(command, AwaitTurn) and command.queued is not None:
        return command.queued.place - SOME_INSTANT
    return None


def _moved(command: Any, place: float) -> Any:
    if isinstance(command, AskAgain):
        return replace(command, place=place)
    return replace(command, queued=command.queued._replace(place=place))


def _turn(turn: AwaitTurn) -> AwaitTurn:
    if turn.queued is None:
        return turn
    return replace(turn, queued=Queued(turn.queued.place, 0, None))


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
            (number, do): Move(do, number) for number in range(scope.clients) for do in (STEP, TIME_OUT, *self._faults)
        }
        self._waits = waits = subject.waits
        self._terms: dict[tuple[int, int], Terms] = {}
        self._alike = subject.alike and (waits is None or not (waits.sizes or waits.impatient))
        self._blocking = Blocking(self._outcomes, self._steps) if self._outcomes.can_block else None
        self._rules = None
        self._hanging: dict[tuple[Any, ...], str | None] = {}
        # A store in memory tells the waiters, whatever becomes of the answer.
        self._tells_itself = waits is not None and not waits.claims
        if waits is not None:
            silent = math.inf if waits.cleans else PATIENCE
            self._rules = Rules(scope.max_size, silent, waits.claims, waits.together, waits.bounded, waits.max_waiting)

    def leave(self) -> None:
        """Empty the store, so that a server keeps nothing of an exploration."""
        self._outcomes.clear()

    def start(self) -> State:
        """Return the first state, in which no client has acted yet."""
        scope = self._scope
        clients = tuple(Client(number) for number in range(scope.clients))
        monitor = Monitor.start(scope.max_size, math.inf if self._life is None else self._life, self._subject.honest)
        if self._waits is not None:
            monitor = monitor._replace(anew=True)
        if self._waits is not None and self._waits.sizes:
            of_clients = [client._replace(round=number) for client in clients for number in range(scope.rounds)]
            limits = tuple((client.token, self._terms_of(client).max_size) for client in of_clients)
            monitor = monitor._replace(limits=limits)
        return State(
            clients,
            self._nothing,
            monitor,
            scope.faults,
            scope.between,
            self._outcomes.start,
            timeouts=scope.timeouts,
            silences=scope.silences if self._waits is not None else 0,
        )

    def _terms_of(self, client: Client) -> Terms:
        place = (client.number, client.round)
        if (known := self._terms.get(place)) is not None:
            return known
        token, size, waits = client.token, self._scope.max_size, self._waits
        if waits is None:
            terms = Terms(token, size, self._life, fences=self._scope.fences)
        else:
            size = waits.sizes[client.number] if client.number < len(waits.sizes) else size
            owner = 'P' if waits.together else name_of(client.number)
            life = '' if self._life is None else repr(self._life)
            patient = client.number < self._scope.clients - waits.impatient
            # The scripts read from a ticket what its waiter asked for.
            ticket = f'1:{owner}:0::{size}:{life}:{token}'
            terms = Terms(ticket, size, self._life, patient, waits.max_waiting, self._scope.fences)
        self._terms[place] = terms
        return terms

    def moves(self, state: State) -> list[Move]:
        """Return the moves that are possible in a state."""
        possible: list[Move] = []
        paused, shows_time = False, self._outcomes.shows_time
        blocking, waiting = self._blocking, False
        scope = self._scope
        spent = scope.faults - state.faults + scope.between - state.between
        more = scope.together is None or spent < scope.together
        turn = False
        for client in state.clients:
            if client.over or (turn and client == Client(client.number)):
                continue
            turn = turn or (self._alike and client == Client(client.number))
            number, under_way = client.number, client.answers is not None
            blocked = blocking is not None and blocking.blocks(client, state.store)
            waiting = waiting or blocked
            paused = paused or (under_way and not client.awaits_turn and not blocked)
            if not blocked:
                possible.append(self._moves[number, STEP])
            if state.timeouts and self._can_give_up(state, client):
                possible.append(self._moves[number, TIME_OUT])
            if not (state.faults and more):
                continue
            busy = under_way or client.lease is not None
            for fault in self._faults:
                # A crash of a client that has not begun changes nothing; nor does a second jump of
                # a clock, or any jump if no answer depends on a clock.
                useless = not busy if fault == CRASH else fault == HURRY and (client.ahead or not shows_time)
                # One that was told of its slot sends nothing when it goes on, unless it draws a
                # fencing token. One that waits within a command can only crash.
                silent = blocked or self._sends_nothing(client)
                useless = useless or (silent and fault not in (CRASH, HURRY))
                if not useless:
                    possible.append(self._moves[number, fault])
        if state.faults and more and FORGET in scope.kinds and state.store != self._nothing:
            possible.append(Move(FORGET))
        possible += self._arrivals(state)
        if (possible or waiting) and not (paused and not scope.pauses):
            waits = WAITS if state.between and more else (WAIT,)
            possible += [Move(do) for do in waits if self._wait_for(state, do)]
        return possible

    def _sends_nothing(self, client: Client) -> bool:
        """Return whether a client was told of its slot, and has nothing to ask."""
        return client.told and not self._scope.fences

    def _can_give_up(self, state: State, client: Client) -> bool:
        if self._blocking is not None:
            return self._blocking.command(client, state.store) is not None
        return client.awaits_turn and not client.told

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
        if whole is None:
            return None
        just = JUST * (1.0 if self._life is None else self._life)
        seconds = {WAIT: whole, HALF: whole / 2}.get(do, whole - just)
        return seconds if seconds > 0 and self._silenced(state, seconds) <= state.silences else None

    def _silenced(self, state: State, seconds: float) -> int:
        """Return how many waiters that could ask lose their claim or place in this time."""
        if self._rules is None:
            return 0
        waiting = {client.token for client in state.clients if client.awaits_turn and not client.told}
        if not waiting:
            return 0
        claims = self._outcomes.standing(state.store).claims
        left = [*claims.items(), *state.queue.live]
        return sum(token in waiting and rest <= seconds for token, rest in left)

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
            queue = state.queue.forgotten()
            return state._replace(store=self._nothing, faults=state.faults - 1, queue=queue), Happened(move), None
        if not 0 <= move.client < len(state.clients):
            last = len(state.clients) - 1
            raise ImpossibleMoveError(f'there is no client {move.client}: this schedule has clients 0 to {last}')
        if state.clients[move.client].over:
            raise ImpossibleMoveError(f'client {move.client} has finished')
        client = state.clients[move.client]
        if move.do == TIME_OUT:
            if not self._can_give_up(state, client):
                raise ImpossibleMoveError(f'client {move.client} does not wait')
            if not state.timeouts:
                raise ImpossibleMoveError(f'this scope lets at most {self._scope.timeouts} waiters give up')
            state = state._replace(timeouts=state.timeouts - 1)
            if self._blocking is not None:
                return self._queued(client, self._give_up(state, client, move))
            clients = _with(state.clients, client._replace(answers=(Turn.OVER,)))
            return state._replace(clients=clients), Happened(move), None
        if self._blocking is not None and move.do not in (CRASH, HURRY) and self._blocking.blocks(client, state.store):
            raise ImpossibleMoveError(f'client {move.client} waits: the store cannot carry out its command yet')
        if self._sends_nothing(client) and move.do not in (STEP, CRASH, HURRY):
            raise ImpossibleMoveError(f'client {move.client} was told of its slot and sends nothing')
        if move.do != STEP:
            if not state.faults:
                raise self._no_fault_left()
            state = state._replace(faults=state.faults - 1)
        if move.do == CRASH:
            return self._queued(client, self._crash(state, client, move, anew))
        if move.do == HURRY:
            clients = _with(state.clients, client._replace(ahead=True))
            return state._replace(clients=clients), Happened(move), None
        return self._queued(client, self._ask(state, client, move, anew))

    def _queued(self, client: Client, made: tuple[State, Happened, str | None]) -> tuple[State, Happened, str | None]:
        """Add to the outcome of a move whether its client waits within a command from then on."""
        if self._blocking is None:
            return made
        state, happened, wrong = made
        after = state.clients[client.number]
        awaits = self._blocking.command(after, state.store) if after.answers is not None else None
        if awaits is not None and self._blocking.blocks(after, state.store):
            happened = happened._replace(waits=awaits)
        if self._subject.fair:
            ended = happened.ended or (CRASH if happened.move.do == CRASH else '')
            arrivals, unfair = arrived(state.arrivals, client, awaits is not None, ended)
            state, wrong = state._replace(arrivals=arrivals), wrong or unfair
        return state, happened, wrong

    def _give_up(self, state: State, client: Client, move: Move) -> tuple[State, Happened, str | None]:
        """Let a client receive ``None`` instead of the answer for which it waits."""
        monitor, token, called = state.monitor, client.token, ''
        if client.answers is None:
            monitor, called = monitor.call(client.what, token), f'{client.what} {token}'
        steps, answered = self._steps(client), client.answers or ()
        follow(steps, answered)
        position = go_on(steps, None)
        # It may be refused beside a free slot, which is meant for another one that waits.
        client = client._replace(answers=(*answered, None), excused=True)
        ended, wrong = '', None
        if not isinstance(position, Asked):
            client, monitor, ended, wrong = self._end(client, monitor, position)
        elif asked := close_steps(steps):
            wrong = f'{token} would send {asked} after its crash, but a crashed client sends nothing'
        state = state._replace(clients=_with(state.clients, client), monitor=monitor)
        return state, Happened(move, called, ended=ended, token=token), wrong

    def _wait(self, state: State, move: Move) -> tuple[State, Happened, str | None]:
        seconds = self._wait_for(state, move.do)
        if seconds is None:
            raise ImpossibleMoveError('nothing is left that could expire, or a waiter must ask before')
        if move.do in BETWEEN and not state.between:
            allowed = self._scope.between
            raise ImpossibleMoveError(
                f'this scope lets time stop between two expiries at most {count(allowed, "time", "times")}'
                f' (between={allowed})'
            )
        after = self._pass(state, seconds)._replace(
            between=state.between - (move.do in BETWEEN),
            silences=state.silences - self._silenced(state, seconds),
        )
        return self._settled(after), Happened(move, seconds=seconds), None

    def _no_fault_left(self) -> ImpossibleMoveError:
        allowed = self._scope.faults
        return ImpossibleMoveError(
            f'this scope lets at most {count(allowed, "fault", "faults")} happen (faults={allowed})'
        )

    def _pass(self, state: State, seconds: float) -> State:
        late, gone = passed(state.late, seconds)
        store = self._outcomes.after(state.store, state.now, seconds)
        if self._rules is not None and not self._outcomes.shows_time and (places := self._outcomes.places(store)):
            # They are absolute to the clients, whose clock stands still.
            store = self._outcomes.with_places(store, {place: place + seconds for place in places})
        return state._replace(
            store=store,
            monitor=state.monitor.passed(seconds).settled((each.again, each.token) for each in gone),
            now=state.now + seconds if self._outcomes.shows_time else state.now,
            late=late,
            queue=state.queue.passed(seconds),
        )

    def _with_places(self, state: State) -> State:
        """Return the same state with standard places in the queue.

        Only their order matters, so more states are equal. They all lie in the past, because in
        reality no two requests are carried out at the same instant.
        """
        start = self._outcomes.start
        there = self._outcomes.places(state.store)
        known = {*there, *(place for place in map(_place, _asking(state)) if place is not None)}
        if not known:
            return state
        number = len(known)
        # Those that clients know are absolute, and the clock of the store stands still.
        new = {place: (rank - number) * _STEP for rank, place in enumerate(sorted(known))}
        if all(old == place for old, place in new.items()):
            return state

        def moved(command: Any) -> Any:
            place = _place(command)
            return command if place is None else _moved(command, start + new[place])

        return state._replace(
            store=self._outcomes.with_places(state.store, new) if there else state.store,
            clients=tuple(
                client if client.turn is None else client._replace(turn=moved(client.turn)) for client in state.clients
            ),
            late=tuple(request._replace(command=moved(request.command)) for request in state.late),
        )

    def _crash(self, state: State, client: Client, move: Move, anew: bool) -> tuple[State, Happened, str | None]:
        clients = _with(state.clients, Client(client.number, over=True))
        state, happened = state._replace(clients=clients), Happened(move, token=client.token)
        waits, ticket = self._waits, self._terms_of(client).ticket
        if waits is None or client.lease is not None or client.answers is None or not self._terms_of(client).waits:
            return self._settled(state), happened, None
        if not (waits.cleans or waits.together):
            return self._settled(state), happened, None
        if not waits.cleans:
            return self._settled(state._replace(abandoned=state.abandoned | {ticket})), happened, None
        state, undone, told, wrong = self._undo_gone(state, client.token, ticket, anew)
        return self._settled(state), happened._replace(undone=undone, told=told), wrong

    def _settled(self, state: State) -> State:
        """Return the state without what no longer matters about fencing tokens and the queue."""
        if state.fences.order:
            acquiring = (each for each in state.clients if each.answers is not None and each.lease is None)
            state = state._replace(fences=state.fences.kept(frozenset(each.token for each in acquiring)))
        if self._rules is None:
            return state
        if not self._outcomes.shows_time:
            state = self._with_places(state)
        if state.left:
            state = state._replace(left=state.left & {each.token for each in state.late})
        if not state.queue.order:
            return state
        here = {client.token for client in state.clients if not client.over and client.answers is not None}
        return state._replace(queue=state.queue.kept(frozenset(here | {each.token for each in state.late})))

    def _carry_out(
        self, state: State, command: Any, offset: float, anew: bool, late: bool = False
    ) -> tuple[State, Any, tuple[str, ...], str | None]:
        """Let the store carry out a command; return the answer and whom it named as well."""
        before = state.store
        answer, store, named = self._outcomes.ask(before, state.now, command, offset, anew)
        state = state._replace(store=store)
        if self._scope.fences:
            fences = state.fences.after(self._outcomes.standing(before), self._outcomes.standing(store))
            state = state._replace(fences=fences)
        if self._rules is None:
            return state, answer, named, None
        says = QUEUED if isinstance(answer, Queued) else YES if answer else NO
        request = Request(
            type(command).__name__,
            short(getattr(command, 'token', '')),
            getattr(command, 'max_size', self._scope.max_size),
            says,
        )
        queue, wrong = state.queue.after(
            request, self._outcomes.standing(before), self._outcomes.standing(store), self._rules
        )
        monitor = state.monitor
        if says == QUEUED and not late:
            monitor, contradicts = monitor.queued(request.token)
            wrong = wrong or contradicts
        return state._replace(queue=queue, monitor=monitor), answer, named, wrong

    def _hand_over(
        self, state: State, named: tuple[str, ...], anew: bool
    ) -> tuple[State, tuple[str, ...], tuple[str, ...], str | None]:
        """Tell the waiters of these tickets; return whom, what was undone, and what is wrong."""
        told: list[str] = []
        undone: list[str] = []
        left, wrong = list(named), None
        while left and not wrong:
            ticket = left.pop(0)
            for client in state.clients:
                if client.awaits_turn and self._terms_of(client).ticket == ticket:
                    told.append(client.token)
                    state = state._replace(clients=_with(state.clients, client._replace(told=True)))
            if ticket in state.abandoned:
                state = state._replace(abandoned=state.abandoned - {ticket})
                state, more, also_told, wrong = self._undo_gone(state, short(ticket), ticket, anew)
                undone += more
                told += also_told
        return state, tuple(told), tuple(undone), wrong

    def _undo_gone(
        self, state: State, token: str, ticket: str, anew: bool
    ) -> tuple[State, tuple[str, ...], tuple[str, ...], str | None]:
        """Undo the acquire of a waiter that is gone."""
        state, _, named, wrong = self._carry_out(state, UndoSlot(KEY, ticket), 0.0, anew)
        state = state._replace(monitor=state.monitor.failed(token, undone=True))
        if wrong:
            return state, (token,), (), wrong
        state, told, undone, wrong = self._hand_over(state, named, anew)
        return state, (token, *undone), told, wrong

    def _arrive(self, state: State, move: Move, anew: bool) -> tuple[State, Happened, str | None]:
        """Let the store carry out a late request; nobody receives the answer."""
        requests = of_client(state.late, move.client)
        if not move.which < len(requests):
            raise ImpossibleMoveError(f'client {move.client} has no such late request')
        request = requests[move.which]
        state, answer, _, wrong = self._carry_out(state, request.command, request.offset, anew, late=True)
        monitor = state.monitor
        if isinstance(answer, Queued) and request.given_up and request.token in state.left:
            wrong = wrong or f'{request.token} is in the queue again although it has left'
        # One that is queued can still get a slot.
        if request.again and not isinstance(answer, Queued):
            if request.what == 'acquire':
                monitor = monitor.repeated(f'{request.token}, {request.again}')
            monitor = monitor.settled([(request.again, request.token)])
        late = list(state.late)
        late.remove(request)
        after = self._settled(state._replace(monitor=monitor, late=tuple(late)))
        return after, Happened(move, '', request.command, (answer,), token=request.token), wrong

    def _steps(self, client: Client) -> Any:
        return operation(client, self._subject.protocol, self._terms_of(client))

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
        if isinstance(position, Asked) and isinstance(position.command, AwaitTurn):
            # It asks as soon as it stops waiting: what happens in between could happen before.
            turn = Turn.GRANTED if client.told else Turn.ASK
            answered, client = (turn,), client._replace(told=False)
            position = go_on(steps, turn)
        if not isinstance(position, Asked):
            if client.turn is None:
                raise TypeError(f'the protocol {self._subject.name} sends no command to the store: {position!r}')
            client, monitor, ended, wrong = self._end(client, monitor, position)
            after = state._replace(clients=_with(state.clients, client), monitor=monitor)
            return self._settled(after), Happened(move, ended=ended, token=token), wrong
        if move.do == REPEAT and client.lease is None:
            monitor = monitor.repeated(f'{token}, {len(answered) + 1}')
        late, offset = state.late, (self._life or 0.0) if client.ahead else 0.0
        if move.do in (LATE, OVERTAKEN):
            goes_on = move.do == OVERTAKEN or what == 'renew' or isinstance(position.command, AskAgain)
            # That of a fencing token takes no slot.
            goes_on = goes_on and not isinstance(position.command, DrawFence)
            again = f'{what} again {len(late) + 1}' if goes_on else ''
            given_up = move.do == LATE
            late = with_late(
                late,
                LateRequest(position.command, offset, client.number, what, token, again, self._scope.late_by, given_up),
            )
            if again:
                monitor = monitor.call(again, token)
        state = state._replace(monitor=monitor)
        answers: tuple[Any, ...] = ()
        named: tuple[str, ...] = ()
        misgiven = None
        for _ in range({LOSE_REQUEST: 0, LATE: 0, REPEAT: 2}.get(move.do, 1)):
            excused = client.excused or self._is_excused(state, position.command)
            state, answer, got, each_wrong = self._carry_out(state, position.command, offset, anew)
            named = (*named, *got) if self._tells_itself else got
            client = client._replace(excused=excused or self._is_excused(state, position.command))
            misgiven = misgiven or each_wrong
            answers = (*answers, answer)
        monitor = state.monitor
        received = LOST if move.do in (LOSE_REQUEST, LATE, LOSE_REPLY) else answers[-1]
        client = client._replace(answers=(*answered, received), repeated=client.repeated or move.do == REPEAT)
        next_position = go_on(steps, received)
        ended, wrong = '', None
        if isinstance(position.command, DrawFence) and isinstance(received, int):
            fences, misordered = state.fences.received(token, received, self._scope.max_size)
            state, misgiven = state._replace(fences=fences), misgiven or misordered
        if not isinstance(next_position, Asked):
            client, monitor, ended, wrong = self._end(client, monitor, next_position)
        elif isinstance(next_position.command, AwaitTurn):
            # From here on the command says everything, so equal answers lead to equal states.  How
            # many are before it and when a slot expires only decides when a driver asks again.
            client = client._replace(turn=_turn(next_position.command), answers=())
        if isinstance(position.command, AskAgain) and received is LOST:
            goes_on = isinstance(next_position, Asked) and isinstance(next_position.command, AwaitTurn)
            if not goes_on:
                wrong = wrong or f'{token} gave up waiting because one request was lost'
        if ended == 'refused' and self._rules is not None:
            state = state._replace(left=state.left | {token})
        asked_more = asked_more or close_steps(steps)
        if asked_more and not wrong:
            wrong = f'{token} would send {asked_more} after its crash, but a crashed client sends nothing'
        words = 'connection lost' if received is LOST else repr(received)
        clients = _with(state.clients, client)
        state = state._replace(clients=clients, monitor=monitor, late=late)
        told: tuple[str, ...] = ()
        undone: tuple[str, ...] = ()
        wrong = misgiven or wrong
        if named and (received is not LOST or self._tells_itself) and not wrong:
            state, told, undone, wrong = self._hand_over(state, named, anew)
        happened = Happened(move, called, position.command, answers, words, ended, 0.0, token, told, undone)
        if self._subject.bodies and ended == 'granted':
            wrong = wrong or self._too_many_bodies(clients)
        return self._settled(state), happened, wrong

    def _is_excused(self, state: State, command: Any) -> bool:
        """Return whether others wait, or have a claim, when this command is carried out."""
        if self._rules is None:
            return False
        standing = self._outcomes.standing(state.store)
        others = {*standing.queue, *standing.claims} - {short(getattr(command, 'token', ''))}
        return bool(others)

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
        if client.what == 'renew':
            return self._end_renewal(client, monitor, position)
        if isinstance(position, Raised):
            if client.lease is None:
                monitor = monitor.failed(token, position.undone)
            ended, lease = 'failed', None
        elif position.result is Refusal.EXPIRED:
            monitor, wrong = monitor.expired(token)
            ended, lease = 'expired', None
        elif client.lease is None:
            lease = position.result or None
            # When it was queued, the judge of the queue has checked that no slot was free.
            excused = client.excused or client.turn is not None
            monitor, wrong = monitor.returned('acquire', token, lease is not None, excused=excused)
            ended = 'refused' if lease is None else 'granted'
        else:
            monitor, wrong = monitor.returned('release', token, bool(position.result), client.repeated)
            ended, lease = 'released' if position.result else 'too late', None
        rounds = client.round + (lease is None)
        if rounds >= self._scope.rounds and lease is None:
            # All clients that are done are alike, so more states are equal.
            client = Client(client.number, over=True)
        else:
            renewals = 0 if lease is None else self._scope.renewals
            client = Client(client.number, rounds, lease, ahead=client.ahead, renewals=renewals)
        return client, monitor, ended, wrong

    def _end_renewal(
        self, client: Client, monitor: Monitor, position: Returned | Raised
    ) -> tuple[Client, Monitor, str, str | None]:
        after = Client(client.number, client.round, client.lease, ahead=client.ahead, renewals=client.renewals - 1)
        if isinstance(position, Raised):
            return after, monitor.renewal_failed(client.token), 'renewal failed', None
        [renewed] = position.result
        monitor, wrong = monitor.returned('renew', client.token, renewed)
        return after, monitor, 'renewed' if renewed else 'not renewed', wrong

    def hangs(self, state: State, anew: bool = False) -> str | None:
        """Return which waiter never gets a slot, if all that are left wait; ``None`` if one does.

        Each asks as often as a driver does. One of them must be served when every slot has had
        time to expire, and every dead waiter to be silent for too long.
        """
        if self._blocking is not None:
            return None if state.late else self._blocking.hang(state.clients, state.store, state.now, state.monitor)
        waiting = [client for client in state.clients if not client.over]
        if not waiting or self._life is None or state.late:
            return None
        if not all(client.awaits_turn and not client.told for client in waiting):
            return None
        key = (state.store, tuple(client.turn for client in waiting))
        if anew or key not in self._hanging:
            self._hanging[key] = self._hangs(state, waiting, anew)
        return self._hanging[key]

    def _hangs(self, state: State, waiting: list[Client], anew: bool) -> str | None:
        left = (self._life or 0.0) + PATIENCE + _MARGIN
        names = {client.token for client in waiting}
        store = state.store
        while left > 0:
            for client in waiting:
                turn: Any = client.turn
                place = 0.0 if turn.queued is None else turn.queued.place
                command = AskAgain(KEY, turn.token, turn.max_size, turn.slot_exp, place)
                answer, store, _ = self._outcomes.ask(store, state.now, command, 0.0, anew)
                if answer is True or names & self._outcomes.standing(store).claims.keys():
                    # Whoever has a claim is told, or learns from the answer, and asks at once.
                    return None
            expiry = self._outcomes.next_expiry(store)
            seconds = min(_HEARTBEAT, left if expiry is None else expiry)
            store = self._outcomes.after(store, state.now, seconds)
            left -= seconds
        return f'{", ".join(sorted(names))} {"waits" if len(names) == 1 else "wait"} forever'

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
            answer, store, _ = self._outcomes.ask(store, state.now, command, 0.0, anew)
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
        if self._waits is not None and protocol.queue_size is not None:
            waiting = run(protocol.queue_size(KEY), perform)
            if waiting:
                return f'{count(waiting, "waiter", "waiters")} stay in the queue forever although nobody waits'
        leases = []
        for number in range(size):
            lease = run(protocol.acquire(KEY, f'Z{number + 1}', size, life), perform)
            if not lease:
                are = 'is' if number == 1 else 'are'
                held = f'only {_slots(number, size)} {are} taken' if number else 'nobody holds a slot'
                return f'the pool refuses although {held}'
            leases.append(lease)
        if (found := taken()) != size:
            return f'all {size} slots are taken, but size() returns {found}'
        if run(protocol.acquire(KEY, f'Z{size + 1}', size, life), perform):
            return f'one more slot was granted although all {size} were taken'
        if not all(run(protocol.release(lease), perform) for lease in leases):
            return 'a release reported its slot as gone although it had not expired'
        if found := taken():
            return f'all slots were released, but size() returns {found}'
        return None
