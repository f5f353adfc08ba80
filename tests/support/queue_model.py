"""What a queue promises: a model of one pool whose acquires may wait, in a few lines.

It shares no code with the library.  ``now`` is set before each request.
"""

import math
from dataclasses import dataclass

from py_cachify.commands import Refusal


CLAIM, PATIENCE = 2.0, 15.0
START = 1_700_000_000.0


@dataclass
class Caller:
    """Somebody who wants a slot, and what it was told.

    Attributes:
        process: its process.
        size: the ``max_size`` that it allows.
        life: the life of its slot in seconds; ``None`` for ever.
        number: which caller it is, counted from 0.
        place: the place in the queue that it was told.
        asks: whether it is in the queue as far as it knows.
    """

    process: str
    size: int
    life: float | None
    number: int
    place: float = 0.0
    asks: bool = False

    @property
    def token(self) -> str:
        return f'1:{self.process}:0:0:{self.size}:{"" if self.life is None else self.life}:{self.number}'


class Model:
    """One pool with a queue.

    Attributes:
        slots: the caller of each slot, and the instant at which it ends.
        claims: the same of each claim.
        queue: who waits, first in front, and the instant by which it must ask.
    """

    def __init__(self, *, server: bool) -> None:
        self.server = server
        self.now = START
        self.slots: dict[int, float] = {}
        self.claims: dict[int, float] = {}
        self.queue: list[tuple[Caller, float]] = []
        self.undone: set[int] = set()
        self.told: list[int] = []

    def forget(self) -> None:
        self.slots, self.claims, self.queue, self.undone = {}, {}, [], set()

    def expire(self) -> None:
        for kept in (self.slots, self.claims):
            for number in [number for number, end in kept.items() if end <= self.now]:
                del kept[number]

    def taken(self) -> int:
        return len(self.slots) + len(self.claims)

    def waiting(self) -> list[Caller]:
        return [caller for caller, until in self.queue if until > self.now]

    def grant(self, asking: Caller, *, only_claim: bool = False) -> bool:
        """Give free slots to the first who wait; return whether anybody still waits."""
        self.expire()
        self.queue = [each for each in self.queue if each[1] > self.now]
        while self.queue and self.taken() < self.queue[0][0].size:
            first, _ = self.queue.pop(0)
            life = math.inf if first.life is None else first.life
            if self.server and (first.process != asking.process or (only_claim and first is asking)):
                self.claims[first.number] = self.now + min(CLAIM, life)
            else:
                self.slots[first.number] = self.now + life
                if first is not asking:
                    self.told.append(first.number)
        return bool(self.queue)

    def enqueue(self, caller: Caller, at: int) -> None:
        self.queue.insert(at, (caller, self.now + PATIENCE if self.server else math.inf))

    def confirm(self, caller: Caller) -> bool:
        self.expire()
        if self.claims.pop(caller.number, None) is not None:
            self.slots[caller.number] = self.now + (math.inf if caller.life is None else caller.life)
        return caller.number in self.slots

    def find(self, caller: Caller) -> int | None:
        return next((place for place, (each, _) in enumerate(self.queue) if each is caller), None)

    def remove(self, caller: Caller) -> None:
        self.queue = [each for each in self.queue if each[0] is not caller]

    def take(self, caller: Caller) -> bool | Refusal:
        self.expire()
        if caller.number in self.slots:
            return True
        if self.taken() >= caller.size or caller.number in self.undone:
            return False
        if self.queue and self.grant(caller):
            return Refusal.PROMISED
        if self.taken() >= caller.size:
            return False
        self.slots[caller.number] = self.now + (math.inf if caller.life is None else caller.life)
        return True

    def join(self, caller: Caller, max_waiting: int | None) -> bool | Refusal | int:
        """Return ``True``, a refusal, or how many are before the caller in the queue."""
        if self.confirm(caller):
            return True
        if caller.number in self.undone:
            return False
        if (place := self.find(caller)) is not None:
            self.queue.pop(place)
            self.enqueue(caller, place)
            self.grant(caller)
            return True if caller.number in self.slots else self.rank(caller)
        if not (self.queue and self.grant(caller)) and self.taken() < caller.size:
            self.slots[caller.number] = self.now + (math.inf if caller.life is None else caller.life)
            return True
        if max_waiting is not None and len(self.queue) >= max_waiting:
            return Refusal.CROWDED
        self.enqueue(caller, len(self.queue))
        return self.rank(caller)

    def ask(self, caller: Caller) -> bool | int:
        """Return ``True``, ``False``, or how many are before the caller in the queue."""
        if self.confirm(caller):
            return True
        if caller.number in self.undone:
            return False
        place = self.find(caller)
        if place is not None:
            self.queue.pop(place)
            self.enqueue(caller, place)
        else:
            self.enqueue(caller, sum((each.place, each.token) < (caller.place, caller.token) for each, _ in self.queue))
        self.grant(caller, only_claim=place is None)
        return True if caller.number in self.slots else 0 if caller.number in self.claims else self.rank(caller)

    def rank(self, caller: Caller) -> int:
        found = self.find(caller)
        assert found is not None
        return found

    def leave(self, caller: Caller, *, tombstone: bool) -> bool:
        if self.confirm(caller):
            return True
        self.remove(caller)
        if tombstone:
            self.undone.add(caller.number)
        self.grant(caller)
        return False

    def undo(self, caller: Caller) -> bool:
        self.expire()
        self.undone.add(caller.number)
        self.remove(caller)
        self.claims.pop(caller.number, None)
        return self.drop(caller)

    def drop(self, caller: Caller) -> bool:
        self.expire()
        dropped = self.slots.pop(caller.number, None) is not None
        if self.queue:
            self.grant(caller)
        return dropped
