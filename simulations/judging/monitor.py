"""Judge a history of calls and returns while it happens, by a model of what a pool is.

Written from the reference, sharing no code with the library.  The model is sequential: a set of tokens, each with the
instant at which its slot expires.  A history is *linearizable* if each call can be thought to happen as a whole at one
instant between call and return, so that every answer is the model's; a call whose outcome is unknown may happen at any
later instant, or never (M. Herlihy and J. Wing, "Linearizability", ACM Transactions on Programming Languages and
Systems 12, 1990).

All ways to think so are followed at once (G. Lowe, "Testing for linearizability", Concurrency and Computation 29,
2017): what is kept is the set of the states in which the pool can be, and the history goes wrong when it is empty.  The
number of calls that are under way at once bounds it, not the length of the history.

Besides it counts *grants*: a lease surely lasts from the return of the acquire to the call of the release, or to the
earliest instant at which it can expire; there are never more than ``max_size``.
"""

from typing import NamedTuple


class Call(NamedTuple):
    """An operation under way: ``acquire`` or ``release``.

    Or ``undo``: what a failed acquire gives back; or ``acquire again``: what its driver asked first, and arrives last.
    """

    what: str
    token: str


class State(NamedTuple):
    """One way in which the pool can be: who holds a slot for how many seconds yet, and which calls have happened so.

    Attributes:
        slots: (token, seconds left) of live slots.
        done: (call, answer) of calls that happened but have not returned.
    """

    slots: frozenset[tuple[str, float]]
    done: frozenset[tuple[Call, bool]]


class Monitor(NamedTuple):
    """What is known of the pool so far; a value, from which the next one is made.

    Attributes:
        max_size: slots of the pool.
        slot_exp: life of a slot in seconds.
        honest: whether a refusal must be one at some instant; else it is always allowed.
        pending: the calls under way, those of unknown outcome included.
        states: the ways in which the pool can be.
        leases: (token, seconds for which it surely lasts yet).
        called: (token, seconds since its acquire was called).
        strays: (request, seconds left) of slots that a client may have taken without learning of it, as its driver
            asked again and was refused for the sake of what its first try had taken.
    """

    max_size: int
    slot_exp: float
    honest: bool
    pending: frozenset[Call]
    states: frozenset[State]
    leases: frozenset[tuple[str, float]]
    called: frozenset[tuple[str, float]]
    strays: frozenset[tuple[str, float]] = frozenset()

    @classmethod
    def start(cls, max_size: int, slot_exp: float, honest: bool) -> 'Monitor':
        """An empty pool."""
        nothing: frozenset[tuple[str, float]] = frozenset()
        return cls(max_size, slot_exp, honest, frozenset(), frozenset([State(nothing, frozenset())]), nothing, nothing)

    def call(self, what: str, token: str) -> 'Monitor':
        """A client calls ``acquire`` or ``release``."""
        leases, called = self.leases, self.called
        if what == 'release':
            leases = frozenset([lease for lease in leases if lease[0] != token])
        else:
            called |= {(token, 0.0)}
        return self._with(self.pending | {Call(what, token)}, self.states, leases, called)

    def _with(
        self,
        pending: frozenset[Call],
        states: frozenset[State],
        leases: frozenset[tuple[str, float]],
        called: frozenset[tuple[str, float]],
    ) -> 'Monitor':
        return Monitor(self.max_size, self.slot_exp, self.honest, pending, states, leases, called, self.strays)

    def returned(self, what: str, token: str, answer: bool, repeated: bool = False) -> tuple['Monitor', str | None]:
        """The call returned with this answer; the second value says what is wrong, if something is.

        A release that was ``repeated`` by the client's driver may be told that the slot is gone, as it was the first
        one that took it.
        """
        call = Call(what, token)
        answers = {answer, True} if repeated and what == 'release' else {answer}
        agreeing = set()
        happened = [(call, each) for each in answers]
        undue = what == 'acquire' and not answer and not self.honest
        for state in self.ways():
            if undue and (call, True) not in state.done:
                agreeing.add(state)
            for each in happened:
                if each in state.done:
                    agreeing.add(State(state.slots, state.done - {each}))
        leases = self.leases
        if what == 'acquire' and answer:
            [since] = [seconds for known, seconds in self.called if known == token]
            leases |= {(token, self.slot_exp - since)} if since < self.slot_exp else set()
        called = frozenset([each for each in self.called if each[0] != token])
        following = self._with(self.pending - {call}, frozenset(agreeing), leases, called)
        if len(leases) > self.max_size:
            holders = ', '.join(sorted(token for token, _ in leases))
            return (
                following,
                f'{len(leases)} clients hold a slot of a pool of {self.max_size} at the same time: {holders}',
            )
        if not agreeing:
            return following, self._why(what, token, answer)
        return following, None

    def repeated(self, request: str) -> 'Monitor':
        """A request of an acquire was sent twice; who promises that refusals are due is told the truth even then."""
        return self if self.honest else self._replace(strays=self.strays | {(request, self.slot_exp)})

    def failed(self, token: str, undone: bool) -> 'Monitor':
        """An acquire ended with an error: if it was undone nothing of it is left, else it may yet have happened.

        So may what was done to undo it.
        """
        call = Call('acquire', token)
        undoing = self._replace(pending=self.pending | {Call('undo', token)})
        if not undone:
            return undoing
        ways = {
            State(state.slots, frozenset(done for done in state.done if done[0].token != token))
            for state in undoing.ways()
            if all(held != token for held, _ in state.slots)
        }
        called = frozenset(each for each in self.called if each[0] != token)
        return self._replace(pending=self.pending - {call}, states=frozenset(ways), called=called)

    def _why(self, what: str, token: str, answer: bool) -> str:
        if what == 'acquire' and answer:
            return f'{token} was granted a slot although {self.max_size} were taken throughout'
        if what == 'acquire':
            return f'{token} was refused although a slot was free throughout'
        if answer:
            return f'{token} released a slot that it no longer held'
        return f'the release of {token} reported its slot as gone although it had not expired'

    def passed(self, seconds: float) -> 'Monitor':
        """Time passes.  What is under way may have happened before it did."""
        states = frozenset(
            State(frozenset((token, left - seconds) for token, left in state.slots if left > seconds), state.done)
            for state in self.ways()
        )
        leases = frozenset((token, left - seconds) for token, left in self.leases if left > seconds)
        called = frozenset((token, since + seconds) for token, since in self.called)
        strays = frozenset((token, left - seconds) for token, left in self.strays if left > seconds)
        return self._replace(states=states, leases=leases, called=called, strays=strays)

    def counts(self) -> set[int]:
        """How many slots can be taken now, whatever of what is under way has happened."""
        return {len(state.slots) + more for state in self.ways() for more in range(len(self.strays) + 1)}

    def ways(self) -> set[State]:
        """All ways in which the pool can be, with any of the calls under way having happened by now, in any order."""
        found = set(self.states)
        new = list(self.states)
        while new:
            state = new.pop()
            happened = {call for call, _ in state.done}
            for call in self.pending:
                if call not in happened:
                    for after in self._happen(state, call):
                        if after not in found:
                            found.add(after)
                            new.append(after)
        return found

    def _happen(self, state: State, call: Call) -> list[State]:
        slots, done = state
        holds = [slot for slot in slots if slot[0] == call.token]
        if call.what in ('release', 'undo'):
            return [State(slots.difference(holds) if holds else slots, done | {(call, bool(holds))})]
        reached = []
        if holds:
            reached.append(State(slots, done | {(call, True)}))
        elif len(slots) < self.max_size:
            reached.append(State(slots | {(call.token, self.slot_exp)}, done | {(call, True)}))
        # A refusal that need not be due can be thought to happen when it returns, so nothing is kept of it before.
        if call.what == 'acquire' and self.honest and len(slots) >= self.max_size and not holds:
            reached.append(State(slots, done | {(call, False)}))
        return reached
