"""Judge a history of calls and returns while it happens, by a model of a pool.

The model is written from the reference and shares no code with the library. It is sequential: a set
of tokens, each with the instant at which its slot expires. A history is *linearizable* if every
call can be placed at one instant between its call and its return so that each answer is the
model's. A call of unknown outcome may happen at any later instant, or never (M. Herlihy and J.
Wing, "Linearizability", ACM Transactions on Programming Languages and Systems 12, 1990).

The monitor follows all placements at the same time (G. Lowe, "Testing for linearizability",
Concurrency and Computation 29, 2017). It keeps the set of possible states of the pool; the history
is wrong when this set is empty. The cost depends on the number of calls that are under way at the
same time, not on the length of the history.

The monitor also counts *grants*. A *lease* is a slot that a client was granted. It surely lasts
from the return of the acquire to the call of the release, or to its earliest possible expiry. There
are never more than ``max_size`` leases.
"""

from collections.abc import Iterable
from typing import NamedTuple


TOGETHER = 'together'
"""The name of a request that renews several slots in one step begins with this."""


class Call(NamedTuple):
    """An operation under way: ``acquire``, ``renew`` or ``release``.

    ``undo`` is the release after a failed acquire. A name such as ``acquire again 1`` is a request
    that can still arrive although the operation went on: the first of two that the client library
    sent, or a renewal that its client gave up.
    """

    what: str
    token: str

    @property
    def takes(self) -> bool:
        """Whether it can take a slot."""
        return self.what.startswith('acquire')

    @property
    def renews(self) -> bool:
        """Whether it gives a slot that is there its full life again."""
        return self.what.startswith('renew')


class State(NamedTuple):
    """One possible state of the pool.

    Attributes:
        slots: (token, seconds left) of the live slots.
        done: (call, answer) of the calls that have happened but not returned; the answer to a
            request that renews several slots are the tokens of those that were there.
    """

    slots: frozenset[tuple[str, float]]
    done: frozenset[tuple[Call, bool | frozenset[str]]]


class Monitor(NamedTuple):
    """What is known of the pool so far; a value, from which the next one is made.

    Attributes:
        max_size: the slots of the pool.
        slot_exp: the life of a slot in seconds.
        honest: whether the pool must be full at some instant of a refused acquire; otherwise a
            refusal is always allowed.
        pending: the calls under way, including those of unknown outcome.
        states: the possible states of the pool.
        leases: (token, seconds for which the lease surely lasts).
        called: (token, seconds since the call of its acquire or renewal, at most ``slot_exp``).
        strays: (request, seconds left) of slots that a client may have taken without learning of
            it: the client library repeated the request, and the repeated one was refused because
            of the first.
        limits: (token, its ``max_size``) of those for which the pool has fewer slots.
        anew: whether an acquire under way whose slot has expired can get another one, as that of a
            waiter that did not know of the first.
    """

    max_size: int
    slot_exp: float
    honest: bool
    pending: frozenset[Call]
    states: frozenset[State]
    leases: frozenset[tuple[str, float]]
    called: frozenset[tuple[str, float]]
    strays: frozenset[tuple[str, float]] = frozenset()
    limits: tuple[tuple[str, int], ...] = ()
    anew: bool = False

    @classmethod
    def start(cls, max_size: int, slot_exp: float, honest: bool) -> 'Monitor':
        """Return the monitor of an empty pool."""
        nothing: frozenset[tuple[str, float]] = frozenset()
        return cls(max_size, slot_exp, honest, frozenset(), frozenset([State(nothing, frozenset())]), nothing, nothing)

    def call(self, what: str, token: str) -> 'Monitor':
        """Return the monitor after the call of ``acquire``, ``renew`` or ``release``."""
        leases, called = self.leases, self.called
        if what == 'release':
            leases = frozenset([lease for lease in leases if lease[0] != token])
        elif what in ('acquire', 'renew'):
            called |= {(token, 0.0)}
        return self._with(self.pending | {Call(what, token)}, self.states, leases, called)

    def _with(
        self,
        pending: frozenset[Call],
        states: frozenset[State],
        leases: frozenset[tuple[str, float]],
        called: frozenset[tuple[str, float]],
    ) -> 'Monitor':
        return Monitor(
            self.max_size,
            self.slot_exp,
            self.honest,
            pending,
            states,
            leases,
            called,
            self.strays,
            self.limits,
            self.anew,
        )

    def returned(
        self, what: str, token: str, answer: bool, repeated: bool = False, excused: bool = False
    ) -> tuple['Monitor', str | None]:
        """Return the monitor after a call returned, and what is wrong, if anything.

        A release that was ``repeated`` by the client library may find the slot gone, because its
        first try removed it. A refusal is ``excused`` if others waited for the slots.
        """
        call = Call(what, token)
        answers = {answer, True} if repeated and what == 'release' else {answer}
        agreeing = set()
        happened = [(call, each) for each in answers]
        undue = what == 'acquire' and not answer and (excused or not self.honest)
        for state in self.ways():
            if undue and (call, True) not in state.done:
                agreeing.add(state)
            for each in happened:
                if each in state.done:
                    agreeing.add(State(state.slots, state.done - {each}))
        leases = self.leases
        if what in ('acquire', 'renew') and answer:
            [since] = [seconds for known, seconds in self.called if known == token]
            leases = frozenset([lease for lease in leases if lease[0] != token])
            leases |= {(token, self.slot_exp - since)} if since < self.slot_exp else set()
        called = self._called_but(token)
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

    def renewed(self, what: str, tokens: str, there: frozenset[str]) -> tuple['Monitor', str | None]:
        """Return the monitor after a request that renewed slots, and what is wrong, if any.

        Args:
            what: the name of the request, which begins with :data:`TOGETHER`.
            tokens: the tokens, separated by spaces.
            there: the tokens of the slots that were there.
        """
        call = Call(what, tokens)
        states = frozenset(
            State(state.slots, state.done - {(call, there)}) for state in self.ways() if (call, there) in state.done
        )
        wrong = None if states else f'a renewal of {tokens} found the slots of {" ".join(sorted(there)) or "none"}'
        return self._replace(pending=self.pending - {call}, states=states), wrong

    def queued(self, token: str) -> tuple['Monitor', str | None]:
        """Return the monitor after the store said that a waiter has no slot yet."""
        call = (Call('acquire', token), True)
        # It may have had one that expired before it knew.
        states = frozenset(
            State(state.slots, state.done - {call})
            for state in self.ways()
            if all(held != token for held, _ in state.slots)
        )
        called = frozenset((known, 0.0 if known == token else since) for known, since in self.called)
        wrong = None if states else f'{token} was left in the queue although it had a slot'
        return self._replace(states=states, called=called), wrong

    def repeated(self, request: str) -> 'Monitor':
        """Return the monitor after a request of an acquire was sent twice.

        A protocol that promises honest refusals must keep that promise even then.
        """
        return self if self.honest else self._replace(strays=self.strays | {(request, self.slot_exp)})

    def settled(self, calls: Iterable[tuple[str, str]]) -> 'Monitor':
        """Return the monitor after these calls have happened, or can no longer happen.

        Each is the name of the operation and its token.
        """
        over = {Call(what, token) for what, token in calls} & self.pending
        if not over:
            return self
        states = frozenset(
            state._replace(done=frozenset(done for done in state.done if done[0] not in over)) for state in self.ways()
        )
        return self._replace(pending=self.pending - over, states=states)

    def failed(self, token: str, undone: bool) -> 'Monitor':
        """Return the monitor after an acquire ended with an error.

        If the acquire was undone, nothing of it is left. Otherwise both it and the attempt to undo
        it may still happen.
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
        return self._replace(pending=self.pending - {call}, states=frozenset(ways), called=self._called_but(token))

    def expired(self, token: str) -> tuple['Monitor', str | None]:
        """Return the monitor after an acquire whose slot expired before it returned."""
        call = Call('acquire', token)
        states = frozenset(
            State(state.slots, state.done - {(call, True)})
            for state in self.ways()
            if (call, True) in state.done and all(held != token for held, _ in state.slots)
        )
        wrong = None if states else f'{token} was told that its slot had expired although it had not'
        after = self._replace(pending=self.pending - {call}, states=states, called=self._called_but(token))
        return after, wrong

    def renewal_failed(self, token: str) -> 'Monitor':
        """Return the monitor after a renewal failed: it has happened, or never will."""
        return self._replace(called=self._called_but(token)).settled([('renew', token)])

    def _called_but(self, token: str) -> frozenset[tuple[str, float]]:
        return frozenset([each for each in self.called if each[0] != token])

    def _why(self, what: str, token: str, answer: bool) -> str:
        if what == 'acquire' and answer:
            return f'{token} was granted a slot although {self.max_size} were taken throughout'
        if what == 'acquire':
            return f'{token} was refused although a slot was free throughout'
        did, deed = ('renewed', 'renewal') if what == 'renew' else ('released', 'release')
        if answer:
            return f'{token} {did} a slot that it no longer held'
        return f'the {deed} of {token} reported its slot as gone although it had not expired'

    def passed(self, seconds: float) -> 'Monitor':
        """Let time pass. Calls under way may have happened before it did."""
        states = frozenset(
            State(frozenset((token, left - seconds) for token, left in state.slots if left > seconds), state.done)
            for state in self.ways()
        )
        if self.anew:
            states |= {_without_expired(state) for state in states}
        leases = frozenset((token, left - seconds) for token, left in self.leases if left > seconds)
        called = frozenset((token, min(since + seconds, self.slot_exp)) for token, since in self.called)
        strays = frozenset((token, left - seconds) for token, left in self.strays if left > seconds)
        return self._replace(states=states, leases=leases, called=called, strays=strays)

    def counts(self) -> set[int]:
        """Return the possible numbers of taken slots."""
        return {len(state.slots) + more for state in self.ways() for more in range(len(self.strays) + 1)}

    def ways(self) -> set[State]:
        """Return all possible states, with any calls under way already done, in any order."""
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
        if call.what.startswith(TOGETHER):
            tokens = set(call.token.split(' '))
            there = frozenset(token for token, _ in slots if token in tokens)
            full = frozenset((token, self.slot_exp if token in there else left) for token, left in slots)
            return [State(full, done | {(call, there)})]
        holds = [slot for slot in slots if slot[0] == call.token]
        if call.renews:
            renewed = {(token, self.slot_exp) for token, _ in holds}
            return [State(slots.difference(holds) | renewed, done | {(call, bool(holds))})]
        if not call.takes:
            return [State(slots.difference(holds) if holds else slots, done | {(call, bool(holds))})]
        reached = []
        if holds:
            reached.append(State(slots, done | {(call, True)}))
        elif len(slots) < self._limit(call.token):
            reached.append(State(slots | {(call.token, self.slot_exp)}, done | {(call, True)}))
        # A refusal that need not be honest can be placed at its return, so nothing is kept before.
        elif call.what == 'acquire' and self.honest:
            reached.append(State(slots, done | {(call, False)}))
        return reached

    def _limit(self, token: str) -> int:
        return dict(self.limits).get(token, self.max_size) if self.limits else self.max_size


def _without_expired(state: State) -> State:
    """Return a state in which those whose slots have expired can acquire anew."""
    holders = {token for token, _ in state.slots}
    lapsed = {done for done in state.done if done[0].what == 'acquire' and done[1] and done[0].token not in holders}
    return State(state.slots, state.done - lapsed) if lapsed else state
