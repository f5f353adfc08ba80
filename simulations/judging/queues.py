"""Judge the queue of a pool while it happens: who waits, in which order, and who gets a slot.

The model is written from the reference and shares no code with the library. It knows the commands
that the store carried out, with their answers, and who holds a slot before and after each. From
these alone it follows who waits: a waiter is *live* for some seconds after it joined or asked.

* Slots are given in the order in which the store first queued the waiters, among those that live.
* No request leaves a free slot to a live waiter. One that became free because time passed may stay
  until the next request that can give it away.
* A slot that is kept for a waiter of another process, a *claim*, is kept for a short time only.
"""

from collections.abc import Mapping
from typing import NamedTuple


PATIENCE = 15.0
"""How long a waiter may be silent, in seconds."""
CLAIM = 2.0
"""How long a slot is kept for a waiter of another process, in seconds."""

QUEUED, YES, NO = 'queued', 'yes', 'no'
"""The answers of a store to a request: it queued the waiter, it has a slot, it has none."""


class Standing(NamedTuple):
    """What is in a store.

    Attributes:
        slots: the tokens that hold a slot, each with the seconds left.
        claims: the tickets for which a slot is kept, each with the seconds left.
        queue: the tickets in the queue.
    """

    slots: Mapping[str, float] = {}
    claims: Mapping[str, float] = {}
    queue: frozenset[str] = frozenset()

    @property
    def taken(self) -> int:
        """How many slots are taken or kept."""
        return len(self.slots) + len(self.claims)

    def has_slot(self, token: str) -> bool:
        """Return whether a token holds a slot, or one is kept for it."""
        return token in self.slots or token in self.claims


class Rules(NamedTuple):
    """What a store with a queue promises.

    Attributes:
        max_size: the slots of the pool, for whoever allows the most.
        silent: the seconds after which a silent waiter loses its place.
        claims: whether a ticket gets only a claim if its own process did not ask.
        together: whether all waiters are in one process.
        bounded: whether a request may give slots to some waiters only, and the next request of the
            first waiter to others.
        max_waiting: how many others may wait already when a waiter joins; ``None`` for any number.
    """

    max_size: int
    silent: float = PATIENCE
    claims: bool = True
    together: bool = False
    bounded: bool = False
    max_waiting: int | None = None


class Request(NamedTuple):
    """A request that a store carried out.

    Attributes:
        what: the name of the command, such as ``JoinQueue``.
        token: the token that it names.
        size: the ``max_size`` of the waiter with this token.
        answer: what the store answered: ``QUEUED``, ``YES`` or ``NO``.
    """

    what: str
    token: str
    size: int
    answer: str


class Queue(NamedTuple):
    """Who waits; a value, from which the next one is made.

    Attributes:
        order: (token, its ``max_size``) in the order in which the store queued them. A token is in
            it twice if it was queued anew: its place is then one of both.
        live: (token, seconds until it has been silent for too long) of those that wait.
    """

    order: tuple[tuple[str, int], ...] = ()
    live: frozenset[tuple[str, float]] = frozenset()

    def passed(self, seconds: float) -> 'Queue':
        """Let time pass."""
        return self._replace(live=frozenset((token, left - seconds) for token, left in self.live if left > seconds))

    def forgotten(self) -> 'Queue':
        """Return the queue after the store lost its data: whoever asks again is in it again."""
        return Queue(self.order)

    def kept(self, tokens: frozenset[str]) -> 'Queue':
        """Return the queue without the places of those that neither wait nor can come back."""
        waiting = tokens | {token for token, _ in self.live}
        kept = [each for each in self.order if each[0] in waiting]
        order = tuple(
            each for place, each in enumerate(kept) if each not in kept[:place] or each not in kept[place + 1 :]
        )
        return self if len(order) == len(self.order) else self._replace(order=order)

    def after(self, request: Request, before: Standing, then: Standing, rules: Rules) -> tuple['Queue', str | None]:
        """Return the queue after a request, and what is wrong, if anything.

        Args:
            request: the request.
            before: what was in the store, without what had expired.
            then: what is in the store now.
            rules: what the store promises.
        """
        order, live = self.order, dict(self.live)
        token = request.token
        if request.answer == QUEUED:
            live[token] = rules.silent
            # One that joins again is last; one that asks again returns to the place that it knows.
            if token not in dict(order) or (request.what == 'JoinQueue' and token not in before.queue):
                order = (*order, (token, request.size))
        elif request.what == 'UndoSlot' or (request.answer == NO and request.what in ASKING):
            live.pop(token, None)
        live = {each: left for each, left in live.items() if not then.has_slot(each)}
        queue = Queue(order, frozenset(live.items()))
        wrong = (
            _wrong_grant(request, before, then, rules)
            or queue._crowded(request, before, rules)
            or queue._overtaken(token, {each for each, _ in self.live}, before, then)
            or queue._left_free(request, before, then, rules, self._first())
        )
        return queue, wrong

    def _overtaken(self, asking: str, lived: set[str], before: Standing, then: Standing) -> str | None:
        waiting = {token for token, _ in self.live}
        names = [token for token, _ in self.order]
        latest = {token: place for place, token in enumerate(names)}
        for token in sorted({*then.slots, *then.claims}):
            if before.has_slot(token):
                continue
            if token in latest and token != asking and token not in lived:
                return f'{token} was given a slot although it no longer waits'
            earliest = names.index(token) if token in latest else len(names)
            for other in sorted(waiting):
                if latest[other] < earliest:
                    return f'{token} was given a slot although {other} has waited longer'
        return None

    def _crowded(self, request: Request, before: Standing, rules: Rules) -> str | None:
        token, others = request.token, len(self.live) - 1
        joins = request.what == 'JoinQueue' and request.answer == QUEUED and token not in before.queue
        if joins and rules.max_waiting is not None and others >= rules.max_waiting:
            return f'{token} was queued although {others} others waited, and {rules.max_waiting} may'
        return None

    def _first(self) -> str | None:
        waiting = {token for token, _ in self.live}
        return next((token for token, _ in self.order if token in waiting), None)

    def _left_free(
        self, request: Request, before: Standing, then: Standing, rules: Rules, was_first: str | None
    ) -> str | None:
        waiting = {token for token, _ in self.live}
        for token, size in self.order:
            if token not in waiting:
                continue
            if then.taken >= size:
                return None
            asked = request.token == token and request.what in ('JoinQueue', 'AskAgain')
            # A bounded request may have served others, and then the first waiter asks next.
            asked = asked and (was_first == token or not rules.bounded)
            # What time has freed, a request that only confirms or refuses may leave for the next.
            gives = request.answer == QUEUED or request.what in _GIVING
            gives = gives or (request.what == 'LeaveQueue' and request.answer == NO)
            # A refusal beside a free slot promises it to the first waiter, who gets it at once.
            gives = gives or (request.answer == NO and request.what == 'TakeSlot' and before.taken < request.size)
            if asked or (not rules.bounded and (gives or before.taken >= size)):
                return f'a slot is free although {token} waits'
            return None
        return None


def _owner(token: str) -> str:
    """Return whose token it is: it is a letter for the client, and a number."""
    return token.rstrip('0123456789')


ASKING = ('JoinQueue', 'AskAgain', 'LeaveQueue')
"""After a refusal of these, the waiter has left."""
_GIVING = ('DropSlot', 'UndoSlot')


def _wrong_grant(request: Request, before: Standing, then: Standing, rules: Rules) -> str | None:
    """Return what is wrong with the slots that a request gave, if anything."""
    if then.taken > max(rules.max_size, before.taken):
        return f'{then.taken} slots are taken or kept in a pool of {rules.max_size}'
    for token, left in then.claims.items():
        if left > CLAIM:
            return f'a slot is kept for {token} for {left:g} s instead of {CLAIM:g} s'
    if not rules.claims:
        return None
    token = request.token
    for other in then.slots:
        if not rules.together and _owner(other) != _owner(token) and not before.has_slot(other):
            return f'{other} was given a slot instead of a claim by a request of another process'
    unknown = request.what == 'AskAgain' and not before.has_slot(token) and token not in before.queue
    if unknown and token in then.slots:
        return f'{token}, which the store did not know, was given a slot instead of a claim'
    return None
