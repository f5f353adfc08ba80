"""Search the schedules of a protocol: all those of a small scope, or random ones."""

import math
import random
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tqdm.auto import tqdm

from simulations.arguments import positive, whole_number
from simulations.exploring.following import Difference, Made, Trail, difference, differs, follow_moves, shrink
from simulations.exploring.moves import BETWEEN, PLAIN, TIME_OUT, Move, Schedule, known_kind
from simulations.exploring.narrative import story_text
from simulations.exploring.outcomes import DifferentOutcomeError
from simulations.exploring.scope import Scope, Subject
from simulations.exploring.states import Happened, Machine, State
from simulations.exploring.subjects import subject
from simulations.exploring.worlds import World
from simulations.units import count


if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_STATES = 200_000
TWICE = 100
"""Every hundredth random schedule, and all moves from every hundredth state, are made twice."""
MOST_MOVES = 1000
"""A random schedule ends after this many moves, if the clients are not done before."""
_FAULT_SHARE = 0.2
"""The share of faults among the moves of a random schedule, while faults are left."""


class Failure(NamedTuple):
    """A schedule that goes wrong.

    Attributes:
        schedule: the schedule, which repeats the failure.
        reason: the broken promise, in a sentence.
        story: the outcome of each move.
        found_after: the number of random schedules tried, this one included, or of states that an
        exhaustive search saw.
    """

    schedule: Schedule
    reason: str
    story: tuple[Happened, ...]
    found_after: int

    def __str__(self) -> str:
        return story_text(self.story, self.reason)

    def plot(self, ax: 'Axes | None' = None) -> 'Axes':
        """Draw the schedule as a sequence diagram, and where it goes wrong; return the axes."""
        from simulations.exploring.diagram import plot_schedule

        return plot_schedule(self.schedule, self.story, self.reason, ax)

    def to_test(self, name: str = 'this_schedule') -> str:
        """Return the text of a pytest test that fails while the schedule goes wrong."""
        from simulations.exploring.narrative import as_test

        return as_test(self.schedule, self.reason, name)


class Exploration(NamedTuple):
    """The outcome of a search.

    Attributes:
        subject: the protocol.
        scope: the scope that was searched.
        exhaustive: whether the search covers every schedule of the scope, not random ones.
        complete: true if the search reached its end or found a violation; false if it was cut off
            before.
        states: the number of different states; 0 for a random search, which keeps none.
        steps: the number of moves, waits and faults included.
        schedules: the number of complete schedules.
        seconds: how long the search took.
        seed: the seed of a random search.
        violation: the schedule that goes wrong; ``None`` if none was found. An exhaustive search
            finds a shortest one.
    """

    subject: Subject
    scope: Scope
    exhaustive: bool
    complete: bool
    states: int
    steps: int
    schedules: int
    seconds: float
    seed: int
    violation: Failure | None

    def __str__(self) -> str:
        scope = self.scope
        faults = f'at most {count(scope.faults, "fault", "faults")} ({", ".join(scope.kinds)})'
        fault = faults if scope.faults else 'no fault'
        how = 'every schedule' if self.exhaustive else f'random schedules, seed {self.seed}'
        if self.exhaustive and not (self.complete and self.violation is None):
            how = 'the shortest schedules'
        states = f'{count(self.states, "state", "states")}, ' if self.exhaustive else ''
        rounds, clients = count(scope.rounds, 'round', 'rounds'), count(scope.clients, 'client', 'clients')
        schedules, moves = count(self.schedules, 'schedule', 'schedules'), count(self.steps, 'move', 'moves')
        lines = [
            f'{self.subject.name}: {self.subject.idea}',
            f'  scope       {clients}, a pool of {scope.max_size}, {rounds} each{_holding(scope)}, {fault}',
            f'  time        {_passages(scope)}{_patience(self.subject, scope)}',
            f'  searched    {how}: {schedules}, {states}{moves}',
            f'  took        {self.seconds:.2f} s',
        ]
        if self.violation is None:
            return '\n'.join([*lines, f'  verdict     {self._verdict()}'])
        length = count(len(self.violation.schedule.moves), 'move', 'moves')
        lines.append(f'  verdict     GOES WRONG after {length}: {self.violation.reason}')
        return '\n'.join([*lines, str(self.violation)])

    def _verdict(self) -> str:
        if not self.complete:
            seen = count(self.states, 'state', 'states')
            return f'CUT OFF after {seen}: nothing went wrong so far, and longer schedules were not searched'
        if self.exhaustive:
            return 'nothing goes wrong in any schedule of this scope'
        return f'nothing went wrong in {count(self.schedules, "random schedule", "random schedules")}'

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as plain values."""
        return {
            'protocol': self.subject.name,
            'scope': self.scope._asdict(),
            'exhaustive': self.exhaustive,
            'complete': self.complete,
            'schedules': self.schedules,
            'states': self.states,
            'steps': self.steps,
            'seconds': self.seconds,
            'seed': self.seed,
            'violation': None if self.violation is None else self.violation.reason,
            'found_after': None if self.violation is None else self.violation.found_after,
            'schedule': None if self.violation is None else self.violation.schedule.to_json(),
        }


def _holding(scope: Scope) -> str:
    """Return in words what clients do with a slot that they hold."""
    words = f' with {count(scope.renewals, "renewal", "renewals")}' if scope.renewals else ''
    return words + (' and a fencing token' if words else ' with a fencing token') * scope.fences


def _passages(scope: Scope) -> str:
    """Return in words how time passes in the schedules of a scope."""
    if scope.slot_exp is None:
        words = 'slots never expire; time passes to the expiry of anything else'
    else:
        words = f'slots expire after {scope.slot_exp} s; time passes to the next expiry'
    if scope.between:
        times = {1: 'once', 2: 'twice'}.get(scope.between, f'{scope.between} times')
        words += f', and at most {times} half-way there or until just before it'
    if not scope.pauses:
        words += ', but never within an operation'
    if scope.together is not None:
        words += f'; at most {count(scope.together, "fault or such stop", "faults and such stops")} together'
    return words


def _patience(subject: Subject, scope: Scope) -> str:
    """Return in words how long waiters wait in the schedules of a scope."""
    words = f'; {count(scope.timeouts, "waiter", "waiters")} can give up' if scope.timeouts else ''
    if subject.waits is not None and scope.silences:
        words += f'; waiters can miss {count(scope.silences, "turn", "turns")}'
    return words


def explore(
    subject: Subject,
    scope: Scope | None = None,
    *,
    schedules: int | None = None,
    seed: int = 0,
    world: World | None = None,
    most_states: int = MOST_STATES,
    progress: bool = False,
) -> Exploration:
    """Search for a schedule in which a protocol breaks its promise.

    Between any two commands of a client, another client can act, time can pass, a late request can
    arrive, or a fault can happen. Time passes until something expires; as often as
    ``scope.between`` allows, it stops half-way or just before.
    :class:`simulations.judging.monitor.Monitor` judges each move. When all clients are done or have
    crashed, and everything has had time to expire, the pool must be empty, and grant each of its
    slots again and no more.

    Args:
        subject: the protocol, see :func:`simulations.exploring.subject`.
        scope: what to search; by default the subject's own scope.
        schedules: the number of random schedules; by default every schedule is searched, and equal
            states are visited once.
        seed: the seed of a random search.
        world: the store; by default the subject's own.
        most_states: an exhaustive search stops after this many states; it is then not ``complete``.
        progress: show a progress bar on standard error, or in the notebook.

    Raises:
        TypeError, ValueError: the scope, ``schedules`` or ``most_states`` is invalid.

    Example::

        print(explore(subject('check-then-add')))
    """
    scope = subject.scope if scope is None else scope
    for name in ('clients', 'max_size', 'rounds', 'slot_exp'):
        if name != 'slot_exp' or scope.slot_exp is not None:
            whole_number(name, getattr(scope, name), 1)
    whole_number('faults', scope.faults, 0)
    for name in ('between', 'timeouts', 'silences', 'renewals'):
        whole_number(name, getattr(scope, name), 0)
    positive('late_by', scope.late_by)
    if scope.together is not None:
        whole_number('together', scope.together, 0)
    for kind in scope.kinds:
        known_kind(kind)
    if scope.clients > 26:
        raise ValueError(f'clients must be at most 26, got {scope.clients}')
    if scope.renewals and subject.protocol.renew is None:
        raise ValueError(f'the protocol {subject.name} cannot renew a slot: set renewals to 0')
    if scope.fences and subject.protocol.fence is None:
        raise ValueError(f'the protocol {subject.name} cannot draw a fencing token: set fences to False')
    if schedules is not None:
        whole_number('schedules', schedules, 1)
    whole_number('most_states', most_states, 1)
    machine = Machine(subject, scope, world)
    began = time.perf_counter()
    unit = ' states' if schedules is None else ' schedules'
    with tqdm(total=schedules, unit=unit, disable=not progress, dynamic_ncols=True) as bar:
        try:
            if schedules is None:
                found = _Exhaustive(machine, subject, scope, most_states, bar).search()
            else:
                found = _at_random(machine, subject, scope, schedules, seed, bar)
        finally:
            machine.leave()
    return found._replace(seconds=time.perf_counter() - began)


def replay_schedule(schedule: Schedule, world: World | None = None, *, strict: bool = True) -> Failure | None:
    """Repeat a schedule; return ``None`` if nothing goes wrong.

    Args:
        schedule: the schedule.
        world: a store to use instead of the subject's own.
        strict: whether every move must be possible. Otherwise those that are not are left out, as
            for a protocol that was mended since the schedule was saved.

    Raises:
        ValueError: no protocol has this name, or one of the moves cannot be made.
    """
    known = subject(schedule.protocol)
    faults = sum(move.do not in PLAIN for move in schedule.moves)
    scope = Scope(
        schedule.clients,
        schedule.max_size,
        schedule.rounds,
        faults,
        schedule.slot_exp,
        between=sum(move.do in BETWEEN for move in schedule.moves),
        late_by=math.inf,
        timeouts=sum(move.do == TIME_OUT for move in schedule.moves),
        silences=len(schedule.moves) * schedule.clients,
        renewals=schedule.renewals,
        fences=schedule.fences,
    )
    machine = Machine(known, scope, world)
    try:
        trail = follow_moves(machine, schedule.moves, strict)
        return _failure(schedule.with_moves(trail.moves), trail, difference(machine, trail), 0)
    finally:
        machine.leave()


class _Exhaustive:
    """A breadth-first search, so that the first schedule that goes wrong is as short as any."""

    def __init__(self, machine: Machine, subject: Subject, scope: Scope, most: int, bar: 'tqdm[None]') -> None:
        self._machine = machine
        self._subject = subject
        self._scope = scope
        self._most = most
        self._bar = bar
        start = machine.start()
        self._number: dict[State, int] = {start: 0}
        self._came_by: list[tuple[int, Made] | None] = [None]
        self._following: list[list[int]] = [[]]
        self._waiting = deque([start])
        self._steps = 0

    def search(self) -> Exploration:
        while self._waiting:
            state = self._waiting.popleft()
            try:
                found = self._go_on_from(state, self._number[state])
            except DifferentOutcomeError as error:
                way = self._way_to(self._number[state])
                found = self._with(Trail(tuple(way), None), Difference(len(way), f'not deterministic: {error}'))
            except Exception as error:
                _note_moves(error, self._way_to(self._number[state]))
                raise
            if found is not None:
                return found
        return self._outcome(complete=True, violation=None)

    def _go_on_from(self, state: State, here: int) -> Exploration | None:
        """Make each move from a state; return the outcome if the search ends here."""
        if state.over and (wrong := self._machine.left_behind(state)):
            return self._found(self._way_to(here), wrong)
        if wrong := self._machine.hangs(state):
            return self._found(self._way_to(here), wrong)
        for move in self._machine.moves(state):
            after, happened, wrong = self._machine.make(state, move)
            self._steps += 1
            if wrong:
                return self._found([*self._way_to(here), Made(move, happened, after)], wrong)
            if here % TWICE == 0:
                again, happened_again, _ = self._machine.make(state, move, anew=True)
                if how := differs((after, happened), (again, happened_again)):
                    return self._not_deterministic([*self._way_to(here), Made(move, happened, after)], how)
            if after not in self._number:
                if len(self._number) >= self._most:
                    return self._outcome(complete=False, violation=None)
                self._number[after] = len(self._came_by)
                self._came_by.append((here, Made(move, happened, after)))
                self._following.append([])
                self._waiting.append(after)
                self._bar.update()
            self._following[here].append(self._number[after])
        return None

    def _way_to(self, number: int) -> list[Made]:
        way = []
        while (came := self._came_by[number]) is not None:
            way.append(came[1])
            number = came[0]
        return way[::-1]

    def _found(self, way: Sequence[Made], reason: str) -> Exploration:
        trail = Trail(tuple(way), reason)
        return self._with(trail, difference(self._machine, trail))

    def _not_deterministic(self, way: Sequence[Made], how: str) -> Exploration:
        return self._with(Trail(tuple(way), None), Difference(len(way), f'not deterministic: move {len(way)} {how}'))

    def _with(self, trail: Trail, twice: Difference | None) -> Exploration:
        schedule = _schedule(self._subject, self._scope, trail.moves)
        return self._outcome(complete=True, violation=_failure(schedule, trail, twice, len(self._number)))

    def _outcome(self, complete: bool, violation: Failure | None) -> Exploration:
        return Exploration(
            self._subject,
            self._scope,
            exhaustive=True,
            complete=complete,
            states=len(self._number),
            steps=self._steps,
            schedules=_count_ways(self._following),
            seconds=0.0,
            seed=0,
            violation=violation,
        )


def _count_ways(following: list[list[int]]) -> int:
    """Count the paths from the first state to the final ones; a path visits no state twice."""
    ways: dict[int, int] = {}
    under_way: set[int] = set()
    stack = [0]
    while stack:
        here = stack[-1]
        under_way.add(here)
        # In a world that never comes to rest, a state can follow from itself.
        missing = [each for each in following[here] if each not in ways and each not in under_way]
        if missing:
            stack += missing
        else:
            ways[here] = sum(ways.get(each, 0) for each in following[here]) or 1
            under_way.discard(here)
            stack.pop()
    return ways[0]


def _schedule(subject: Subject, scope: Scope, moves: Sequence[Move]) -> Schedule:
    return Schedule(
        subject.name,
        scope.clients,
        scope.max_size,
        scope.slot_exp,
        scope.rounds,
        tuple(moves),
        scope.renewals,
        scope.fences,
    )


def _at_random(
    machine: Machine, subject: Subject, scope: Scope, schedules: int, seed: int, bar: 'tqdm[None]'
) -> Exploration:
    stream = random.Random(f'{seed} schedules')
    steps, failure, count = 0, None, 0
    for count in range(1, schedules + 1):
        trail, twice = _random_trail(machine, stream)
        steps += len(trail.made)
        if twice is None and (trail.wrong or count % TWICE == 1):
            twice = difference(machine, trail)
        if trail.wrong and twice is None:
            trail = shrink(machine, trail)
            twice = difference(machine, trail)
        failure = _failure(_schedule(subject, scope, trail.moves), trail, twice, count)
        if failure is not None:
            break
        bar.update()
    return Exploration(subject, scope, False, True, 0, steps, count, 0.0, seed, failure)


def _random_trail(machine: Machine, stream: random.Random) -> tuple[Trail, Difference | None]:
    state, wrong = machine.start(), None
    made: list[Made] = []
    while (possible := machine.moves(state)) and not wrong:
        if len(made) == MOST_MOVES:
            # Waiters may ask again forever if a broken queue never serves them.
            return Trail(tuple(made), None), None
        faults = [move for move in possible if move.do not in PLAIN]
        plain = [move for move in possible if move.do in PLAIN]
        move = stream.choice(faults if faults and stream.random() < _FAULT_SHARE else plain)
        try:
            state, happened, wrong = machine.make(state, move)
        except DifferentOutcomeError as error:
            return Trail(tuple(made), None), Difference(len(made), f'not deterministic: {error}')
        except Exception as error:
            _note_moves(error, made)
            raise
        made.append(Made(move, happened, state))
        wrong = wrong or machine.hangs(state)
    try:
        return Trail(tuple(made), wrong or machine.left_behind(state)), None
    except DifferentOutcomeError as error:
        return Trail(tuple(made), None), Difference(len(made), f'not deterministic: {error}')


def _note_moves(error: Exception, made: Sequence[Made]) -> None:
    """Note on an error of a subject after which moves it was raised."""
    story = story_text([each.happened for each in made], f'the next move raised {type(error).__name__}: {error}')
    error.add_note(f'The schedule:\n{story}')


def _failure(schedule: Schedule, trail: Trail, twice: Difference | None, found_after: int) -> Failure | None:
    """Return the failure of a trail: that it is not deterministic, or what goes wrong in it."""
    if twice is not None:
        return Failure(
            schedule.with_moves(schedule.moves[: twice.moves]), twice.reason, trail.story[: twice.moves], found_after
        )
    return None if trail.wrong is None else Failure(schedule, trail.wrong, trail.story, found_after)
