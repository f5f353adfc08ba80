"""How a slot is taken, given back and counted: written once, for threads, asyncio and simulation.

Two protocols, because stores come in two kinds.

``ATOMIC`` is for a store that carries out a whole decision by itself (memory; Redis and Valkey by a
script): one command, one round trip, and the answer is exact.

``INDEXED`` is for any client with an atomic set-if-not-exists.  A pool of ``max_size`` has just that
many names, ``key:0`` up to ``key:max_size-1``, and a slot is a name that was set.  The count cannot exceed
``max_size``, whatever fails, and it needs no clock.  Its limits, each shown by a test of that name:

* *a refusal can be spurious*: a scan looks at one name after the other, and a slot may become free
  behind it and another be taken before it, so that no name was free when it was looked at;
* *a release paused past its expiry can free another's slot*: between looking whose the name is and
  deleting it, the name may have expired and been taken again;
* *a client that repeats a lost set by itself can take two slots*: what it set the first time refuses it the
  second time, so the scan goes on, and the first name stays until it expires;
* *two sizes see different slots*: with ``max_size`` 2 and 5 for one key, the first never looks at ``key:4``;
* a life is in whole seconds: a fraction is rounded up.

In both, an acquire that fails (a lost connection, an interrupt) may or may not have happened, so it is
undone before the error goes on.  Whoever stops driving a protocol closes it, as a crash would: nothing
more is asked of the store then, hence ``except GeneratorExit: raise`` before any wider clause.
"""

import math
import zlib
from collections.abc import Callable
from typing import NamedTuple

from py_cachify.commands import CountSlots, DeleteName, DropSlot, GetValue, SetIfAbsent, Steps, TakeSlot


INTERRUPTS_WITHSTOOD = 8

NOT_UNDONE = 'The acquire could not be undone either'
"""How the note begins that an error carries then."""


class Lease(NamedTuple):
    """A slot that was granted: what it takes to give it back.

    ``name`` is where it stands in the store: the pool's key, or one slot's name under the plain contract.
    """

    name: str
    token: str


class SlotProtocol(NamedTuple):
    """The three operations of a pool, each a function that makes steps.

    ``acquire(key, token, max_size, slot_exp)`` results in a lease, or ``None`` where the pool is full;
    ``release(lease)`` in whether the slot was still there; ``size(key, max_size)`` in the live slots.
    """

    name: str
    acquire: Callable[[str, str, int, float | None], Steps[Lease | None]]
    release: Callable[[Lease], Steps[bool]]
    size: Callable[[str, int], Steps[int]]


def _acquire_atomically(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    lease = Lease(key, token)
    try:
        granted = yield from TakeSlot(key, token, max_size, slot_exp)
        # Still within the `try`: an interrupt may fall here as well.
        return lease if granted else None
    except GeneratorExit:
        raise
    except BaseException as error:
        yield from _undo(_release_atomically(lease), error)
        raise


def _release_atomically(lease: Lease) -> Steps[bool]:
    drop = DropSlot(lease.name, lease.token)
    try:
        return (yield from drop)
    except (GeneratorExit, Exception):
        raise
    except BaseException:
        yield from _despite_interrupts(drop.__iter__)
        raise


def _count_atomically(key: str, max_size: int) -> Steps[int]:  # noqa: ARG001 - the other kind needs it
    return (yield from CountSlots(key))


def _acquire_by_index(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    ex = None if slot_exp is None else math.ceil(slot_exp)
    # Each token starts its scan elsewhere, else all holders would queue up at slot 0.
    first = zlib.crc32(token.encode())
    for step in range(max_size):
        lease = Lease(slot_name(key, (first + step) % max_size), token)
        try:
            granted = yield from SetIfAbsent(lease.name, token, ex)
            if granted:
                return lease
        except GeneratorExit:
            raise
        except BaseException as error:
            yield from _undo(_release_by_index(lease), error)
            raise
    return None


def _release_by_index(lease: Lease) -> Steps[bool]:
    try:
        return (yield from _delete_if_own(lease))
    except (GeneratorExit, Exception):
        raise
    except BaseException:
        yield from _despite_interrupts(lambda: _delete_if_own(lease))
        raise


def _delete_if_own(lease: Lease) -> Steps[bool]:
    if (yield from GetValue(lease.name)) != lease.token:
        return False
    yield from DeleteName(lease.name)
    return True


def _count_by_index(key: str, max_size: int) -> Steps[int]:
    taken = 0
    for index in range(max_size):
        taken += (yield from GetValue(slot_name(key, index))) is not None
    return taken


def slot_name(key: str, index: int) -> str:
    """The name of one slot under the plain contract; no two pairs of key and index share one."""
    return f'{key}:{index}'


def _despite_interrupts(ask: Callable[[], Steps[bool]]) -> Steps[None]:
    """Ask again after an interrupt, or a cancellation, that arrived in the middle, and after those that follow."""
    for _ in range(INTERRUPTS_WITHSTOOD):
        try:
            yield from ask()
        except (GeneratorExit, Exception):
            raise
        except BaseException:
            continue
        return


def _undo(release: Steps[bool], error: BaseException) -> Steps[None]:
    """Give back the slot that a failed acquire may have taken; ``error`` learns if that fails as well."""
    try:
        yield from release
    except Exception as second:
        why = f'{type(second).__name__}: {second}'
        error.add_note(f'{NOT_UNDONE} ({why}): its slot may stay until it expires.')


ATOMIC = SlotProtocol('atomic', _acquire_atomically, _release_atomically, _count_atomically)
INDEXED = SlotProtocol('indexed', _acquire_by_index, _release_by_index, _count_by_index)
