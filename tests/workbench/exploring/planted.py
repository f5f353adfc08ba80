"""Pools with one bug each, which shows only between two expiries or in late requests.

Each is also searched by hand, for example::

    pool-sim explore tests.workbench.exploring.planted:stale_at_half
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from py_cachify.commands import Command, CountSlots, DropSlot, Steps, TakeSlot, UndoSlot
from py_cachify.protocols import ATOMIC, Lease, NoLease, SlotProtocol
from simulations.exploring import Scope, Subject
from simulations.exploring.moves import FAULTS, LATE, LATE_FAULTS, OVERTAKEN
from simulations.exploring.worlds import World


AN_HOUR = 3600.0


class Slot(NamedTuple):
    """When a slot was taken, and when it ends."""

    taken: float
    ends: float


class Right:
    """A store of one pool that decides everything right; each bug below changes one decision."""

    shows_time = False

    def __init__(self) -> None:
        self.now = 0.0
        self.slots: dict[str, Slot] = {}
        self.tombstones: dict[str, float] = {}

    def perform(self, command: Command[Any], offset: float) -> Any:
        self.slots = {token: slot for token, slot in self.slots.items() if slot.ends > self.now}
        self.tombstones = {token: until for token, until in self.tombstones.items() if until > self.now}
        match command:
            case TakeSlot(_, token, max_size, life):
                return self.take(token, max_size, math.inf if life is None else life)
            case DropSlot(_, token):
                return self.drop(token)
            case UndoSlot(_, token):
                return self.undo(token)
            case CountSlots():
                return self.size()
        return self.more(command)

    def take(self, token: str, max_size: int, life: float) -> bool:
        if token in self.tombstones:
            return False
        if token in self.slots:
            return self.again(token, life)
        if len(self.slots) >= max_size:
            return self.full(token, life)
        self.slots[token] = Slot(self.now, self.end(life))
        return True

    def again(self, token: str, life: float) -> bool:
        return True

    def full(self, token: str, life: float) -> bool:
        return False

    def end(self, life: float) -> float:
        return self.now + life

    def drop(self, token: str) -> bool:
        return self.slots.pop(token, None) is not None

    def undo(self, token: str) -> bool:
        # The acquire may still be on its way.
        self.tombstones[token] = self.now + AN_HOUR
        return self.drop(token)

    def size(self) -> int:
        return len(self.slots)

    def more(self, command: Command[Any]) -> Any:
        raise TypeError(f'there is no command {command!r}')

    def snapshot(self) -> tuple[Any, ...]:
        slots = sorted((token, taken - self.now, ends - self.now) for token, (taken, ends) in self.slots.items())
        return tuple(slots), tuple(sorted((token, until - self.now) for token, until in self.tombstones.items()))

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        slots, tombstones = snapshot
        self.slots = {token: Slot(self.now + taken, self.now + ends) for token, taken, ends in slots}
        self.tombstones = {token: self.now + left for token, left in tombstones}

    def next_expiry(self, snapshot: tuple[Any, ...]) -> float | None:
        slots, tombstones = snapshot
        left = [ends for _, _, ends in slots] + [ends for _, ends in tombstones]
        return min((each for each in left if 0 < each < math.inf), default=None)


class _Stale(Right):
    """A full pool gives away a slot that has lived for a share of its life."""

    share = 0.5

    def full(self, token: str, life: float) -> bool:
        for other, slot in self.slots.items():
            if self.now - slot.taken >= self.share * life:
                del self.slots[other]
                self.slots[token] = Slot(self.now, self.end(life))
                return True
        return False


class _StaleAfterMilliseconds(_Stale):
    share = 0.001


class _StaleAtTheEnd(_Stale):
    share = 0.9


class _StaleInTheMiddle(_Stale):
    def full(self, token: str, life: float) -> bool:
        taken = min(slot.taken for slot in self.slots.values())
        return self.now - taken < life * 2 / 3 and super().full(token, life)


class NoExpiry(Right):
    """Nobody can see when something in this store ends."""

    def next_expiry(self, snapshot: tuple[Any, ...]) -> float | None:
        return None


class _RefusalRenews(Right):
    def full(self, token: str, life: float) -> bool:
        self.slots = {holder: Slot(slot.taken, self.end(life)) for holder, slot in self.slots.items()}
        return False


class _HastyRelease(Right):
    def drop(self, token: str) -> bool:
        slot = self.slots.get(token)
        return super().drop(token) and slot is not None and slot.ends - self.now > 0.1 * (slot.ends - slot.taken)


class _ForgetfulSize(Right):
    def size(self) -> int:
        return sum(slot.ends - self.now > 0.5 * (slot.ends - slot.taken) for slot in self.slots.values())


class _Window(Right):
    shows_time = True

    def end(self, life: float) -> float:
        return (self.now // life + 1) * life


class WholeSeconds(Right):
    shows_time = True

    def end(self, life: float) -> float:
        return float(math.floor(self.now + life))


class _RepeatRenews(Right):
    def again(self, token: str, life: float) -> bool:
        self.slots[token] = Slot(self.now, self.end(life))
        return True


class _ShortTombstone(Right):
    def undo(self, token: str) -> bool:
        self.tombstones[token] = self.now + 10.0
        return self.drop(token)


class _NoTombstone(Right):
    def undo(self, token: str) -> bool:
        return self.drop(token)


@dataclass(frozen=True, slots=True)
class _Renew(Command[None]):
    """Let all slots of the pool live for some seconds from now on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class _Owns(Command[bool]):
    """Return whether a token has a slot."""

    token: str


@dataclass(frozen=True, slots=True)
class _DropOldest(Command[None]):
    """Remove the oldest slot, whoever has it."""


class _More(Right):
    def more(self, command: Command[Any]) -> Any:
        match command:
            case _Renew(seconds):
                self.slots = {token: Slot(slot.taken, self.now + seconds) for token, slot in self.slots.items()}
                return None
            case _Owns(token):
                return token in self.slots
            case _DropOldest():
                oldest = min(self.slots, key=lambda token: self.slots[token].taken, default='')
                self.slots.pop(oldest, None)
                return None
        return super().more(command)


def _acquire_and_renew(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | NoLease]:
    lease = yield from ATOMIC.acquire(key, token, max_size, slot_exp)
    if lease is None:
        return None
    try:
        yield from _Renew(slot_exp or math.inf)
    except GeneratorExit:
        raise
    except BaseException:
        yield from UndoSlot(key, token)
        raise
    return lease


def _release_the_oldest(lease: Lease) -> Steps[bool]:
    if not (yield from _Owns(lease.token)):
        return False
    yield from _DropOldest()
    return True


def _acquire_with_a_used_token(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | NoLease]:
    return (yield from ATOMIC.acquire(key, token.replace('A2', 'A1'), max_size, slot_exp))


_TWO = Scope(clients=2, max_size=1, faults=0)
_LATE = Scope(clients=2, max_size=1, faults=1, kinds=(LATE,))


def _subject(
    idea: str, world: Callable[[], World], scope: Scope = _TWO, protocol: SlotProtocol = ATOMIC, name: str = 'planted'
) -> Subject:
    return Subject(name, protocol, world, scope, honest=True, idea=idea)


right = _subject(
    'nothing is wrong with it',
    Right,
    Scope(clients=2, max_size=1, kinds=(*FAULTS, *LATE_FAULTS)),
)

stale_after_milliseconds = _subject(
    'it takes milliseconds for seconds, so a slot can be stolen after a thousandth of its life',
    _StaleAfterMilliseconds,
)
stale_at_half = _subject('a slot can be stolen after half of its life', _Stale)
stale_at_the_end = _subject('a slot can be stolen in the last tenth of its life', _StaleAtTheEnd)
stale_in_the_middle = _subject('a slot can be stolen in a part of its life', _StaleInTheMiddle)
refusal_renews = _subject('a refused attempt lets the slots of all holders begin anew', _RefusalRenews)
hasty_release = _subject(
    'a release in the last tenth of the life reports the slot as gone', _HastyRelease, _TWO._replace(clients=1)
)
forgetful_size = _subject(
    'the size does not count slots in the second half of their life',
    _ForgetfulSize,
    Scope(clients=2, max_size=2, kinds=('crash',)),
)
window = _subject('slots end with a window of time that all share, not after a life of their own', _Window)
whole_seconds = _subject(
    'the end of a slot is cut to whole seconds, so most slots end early', WholeSeconds, _TWO._replace(max_size=2)
)
repeat_renews = _subject(
    'a request that was sent again lets the slot begin anew when it arrives',
    _RepeatRenews,
    Scope(clients=1, max_size=1, kinds=(OVERTAKEN,)),
)
short_tombstone = _subject(
    'its tombstone lasts as long as a slot, so a request that is later than that takes a slot for nobody',
    _ShortTombstone,
    _LATE._replace(clients=1),
)
late_renewal = _subject(
    'its renewal does not check whose slot it renews, so a late one renews that of the next holder',
    _More,
    _LATE._replace(pauses=False),
    ATOMIC._replace(acquire=_acquire_and_renew),
)
late_deletion = _subject(
    'its release checks the owner first and then deletes, so a late deletion frees the slot of the next holder',
    _More,
    _LATE._replace(pauses=False),
    ATOMIC._replace(release=_release_the_oldest),
)
reused_token = _subject(
    'a client uses its token again, so a late release of one slot frees the next one',
    _NoTombstone,
    Scope(clients=1, max_size=1, rounds=2, kinds=(OVERTAKEN,)),
    ATOMIC._replace(acquire=_acquire_with_a_used_token),
)

PLANTED: dict[str, Subject] = {
    name: value for name, value in list(globals().items()) if isinstance(value, Subject) and name != 'right'
}
