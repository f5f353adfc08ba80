"""When slots are renewed: decided once, for threads, asyncio, a test's clock and simulations.

A slot is renewed when a third of its life has passed, so that two renewals may fail before it is
lost.  All slots of a pool are renewed at the same time, by one request for every ``MAX_RENEWED`` of
them: the one that needs it first decides when.  A request that fails is made again soon.  Whether a
slot is lost is not decided here, but by its own deadline.
"""

import heapq
import itertools
import math
from collections.abc import Hashable, Iterator
from typing import Generic, NamedTuple, TypeVar

from py_cachify.commands import MAX_RENEWED


G = TypeVar('G', bound=Hashable)
S = TypeVar('S')

RENEWALS_PER_LIFE = 3
"""How often a slot is renewed within its life."""

SHORTEST_INTERVAL = 0.001
"""In seconds: the shortest time between two renewals of a pool, however short its slots live."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""In seconds: how long to pause after a request that failed; it doubles with each failure."""


class Member(NamedTuple, Generic[S]):
    """A slot that is renewed.

    Attributes:
        slot: what the caller knows it by.
        life: its life in seconds.
        until: the instant after which it is renewed no more.
    """

    slot: S
    life: float
    until: float


class Batch(NamedTuple, Generic[G, S]):
    """What one request renews: slots of one group, by token."""

    group: G
    members: dict[str, Member[S]]


class _Group(Generic[S]):
    """The slots of one pool.

    Attributes:
        members: by token.
        due: the instant of the next request.
        failures: how many requests have failed since the last that did not.
    """

    __slots__ = ('due', 'failures', 'members')

    def __init__(self) -> None:
        self.members: dict[str, Member[S]] = {}
        self.due = math.inf
        self.failures = 0

    def interval(self) -> float:
        """Return how long after a request the next one is due, in seconds."""
        shortest = min((member.life for member in self.members.values()), default=math.inf)
        return max(shortest / RENEWALS_PER_LIFE, SHORTEST_INTERVAL)


class Renewals(Generic[G, S]):
    """The slots that somebody renews, in groups: one for each pool.

    All instants are by one clock, in seconds.  It asks no store: its owner sends what
    :meth:`due` returns, and says how that went.

    Example::

        renewals = Renewals()
        renewals.add('reports', token, slot, life=30.0, renew_for=None, now=0.0)
        renewals.next_due()                             # 10.0
        for batch in renewals.due(10.0):
            ...                                         # renew the slots in batch.members
            renewals.answered(batch.group)
    """

    def __init__(self) -> None:
        self._groups: dict[G, _Group[S]] = {}
        self._dues: list[tuple[float, int, G]] = []
        self._numbers = itertools.count()

    def __bool__(self) -> bool:
        """Return whether there is anything to renew."""
        return bool(self._groups)

    def add(self, group: G, token: str, slot: S, *, life: float, renew_for: float | None, now: float) -> None:
        """Renew a slot that was taken at ``now``, for ``renew_for`` seconds; ``None``: any time."""
        found = self._groups.get(group)
        if found is None:
            found = self._groups[group] = _Group()
        found.members[token] = Member(slot, life, math.inf if renew_for is None else now + renew_for)
        self._set_due(group, found, min(found.due, now + life / RENEWALS_PER_LIFE))

    def discard(self, group: G, token: str) -> bool:
        """Renew a slot no longer; return whether it was renewed."""
        found = self._groups.get(group)
        if found is None or found.members.pop(token, None) is None:
            return False
        if not found.members:
            self._groups.pop(group, None)
        return True

    def has(self, group: G, token: str) -> bool:
        """Return whether a slot is renewed; it may be called while another call is under way."""
        found = self._groups.get(group)
        return found is not None and token in found.members

    def next_due(self) -> float:
        """Return the instant at which something is due; infinite if nothing is."""
        dues = self._dues
        while dues:
            due, _, group = dues[0]
            found = self._groups.get(group)
            if found is not None and found.due == due:
                return due
            heapq.heappop(dues)
        return math.inf

    def due(self, now: float) -> list[Batch[G, S]]:
        """Return the requests that are due at ``now``."""
        batches: list[Batch[G, S]] = []
        while self.next_due() <= now:
            group = heapq.heappop(self._dues)[2]
            found = self._groups[group]
            for token in [token for token, member in found.members.items() if member.until < now]:
                self.discard(group, token)
            if not found.members:
                continue
            batches += [Batch(group, members) for members in _parts(found.members)]
            self._set_due(group, found, now + found.interval())
        return batches

    def answered(self, group: G) -> None:
        """Note that a request was answered."""
        found = self._groups.get(group)
        if found is not None:
            found.failures = 0

    def failed(self, group: G, now: float) -> bool:
        """Note that a request failed at ``now``: it is made again soon.

        Return whether it is the first since one was answered.
        """
        found = self._groups.get(group)
        if found is None:
            return False
        pause = min(SHORTEST_PAUSE * 2.0 ** min(found.failures, 10), LONGEST_PAUSE, found.interval() / 4)
        found.failures += 1
        self._set_due(group, found, min(found.due, now + pause))
        return found.failures == 1

    def _set_due(self, group: G, found: _Group[S], due: float) -> None:
        if due != found.due:
            found.due = due
            heapq.heappush(self._dues, (due, next(self._numbers), group))


def _parts(members: dict[str, Member[S]]) -> Iterator[dict[str, Member[S]]]:
    items = iter(list(members.items()))
    while part := dict(itertools.islice(items, MAX_RENEWED)):
        yield part
