"""How a slot is taken, given back and counted: written once, for threads, asyncio and simulation.

There are two protocols, because there are two kinds of store.

``ATOMIC`` is for a store that can carry out a whole decision itself (memory; Redis and Valkey with
a script).  It needs one command and one round trip, and the answer is exact.

``INDEXED`` is for any client with an atomic set-if-not-exists.  A pool of ``max_size`` has exactly
that many names, ``key:0`` to ``key:max_size-1``, and a slot is a name that was set.  The count
cannot exceed ``max_size``, whatever fails, and the protocol needs no clock.  It has limits, each
shown by a test of that name:

* *A refusal can be spurious.*  A scan checks one name after the other.  A name that it has passed
  may become free while a later one is taken, so that every name was taken when it was checked.
* *A release paused past its expiry can free another holder's slot.*  Between checking whose the
  name is and deleting it, the name may have expired and been taken again.
* *A client that repeats a lost set by itself can take two slots*, if it then returns a false
  value, against the contract.  The first attempt has set the name, so the second fails.  The scan
  takes another name, and the first stays until it expires.
* *Two sizes see different slots.*  With ``max_size`` 2 and 5 for one key, the first never checks
  ``key:4``.
* *A set that arrives after its own undo takes a slot that no process holds.*  It stays until it
  expires, with ``slot_exp=None`` forever.  This cannot be mended, because only an existing name can
  stop the late set, and an existing name is a taken slot.
* A life is in whole seconds: a fraction is rounded up.

In both protocols an acquire that fails (a lost connection, an interrupt) may or may not have
happened, or may yet happen.  So it is undone before the error is raised, unless the client could
not even send it.  One that the server refused with an error is undone too: the client may have
repeated it by itself after a lost reply, and no error shows this.  Under ``ATOMIC`` the undo leaves
a tombstone, which refuses the acquire if it arrives late.  Two limits remain, each shown by a test
of that name:

* *An acquire that arrives after its tombstone has gone takes a slot* that no process holds:
  ``TOMBSTONE_LIFE`` seconds after its undo, or after ``MAX_TOMBSTONES`` later undos.
* *A second copy of an acquire that arrives after its refusal or its release takes a slot.*  Only a
  client that repeats requests itself sends two copies.  Refusals and releases leave no tombstone,
  because one for each of them would fill the store.

*Waiting* is one more protocol for each kind of store.  Under ``ATOMIC``, the state of the queue is
in the store, which gives free slots to the first waiters in the same step in which it finds them.
The driver performs :class:`AwaitTurn`, which says when to ask again; what it hears from other
requests only saves time.  So a waiter may ask at any moment, and a lost message does no harm.  A
request of a waiter that fails because the store is out of reach is made again.  Under ``INDEXED`` a
waiter tries again and again, and any error ends its wait.  More limits, each shown by a test of
that name:

* *A small max_size holds up those behind it.*  The first waiter is served first, even if its own
  ``max_size`` allows it no slot yet and a later one's would.
* *An older release overtakes.*  It does not know of the queue.  What it gives back is granted by
  the next request of any other kind.
* *A clock that jumps ahead makes waiters silent.*  They return to their places when they ask, and
  newcomers may be served meanwhile.
* *A second copy of a request to wait that arrives after the waiter has left* takes a slot or a
  place, as above; the place is lost after ``DEADLINE`` seconds.

*Holding.*  ``ATOMIC`` can renew a slot, which never revives one that is gone, and draw a fencing
token for it.  A driver renews many slots of a pool with one command, whoever took them.
``INDEXED`` can do neither.  Limits, each shown by a test of that name:

* *A renewal that arrives late prolongs a life* by as much as it was late, if its holder is still
  there.  It never gives back a life to a slot that has expired or was given back.
* *A clock that goes back while the pool rests can repeat a fencing token*: if nothing was drawn for
  ``FENCE_LIFE`` seconds, the store has forgotten the last one, and trusts its clock.

A driver that abandons a protocol closes its generator.  That stands for a crash, so the protocol
must send nothing more to the store, hence ``except GeneratorExit: raise`` before any wider clause.
"""

import math
import re
import zlib
from collections.abc import Callable
from typing import NamedTuple

from py_cachify._refusals import was_refused
from py_cachify._transient import is_transient
from py_cachify._unsent import was_never_sent
from py_cachify.commands import (
    AskAgain,
    AwaitTurn,
    Command,
    CountSlots,
    CountWaiting,
    DeleteName,
    DrawFence,
    DropSlot,
    GetValue,
    JoinQueue,
    LeaveQueue,
    Listed,
    ListSlots,
    ListWaiting,
    Queued,
    Refusal,
    RenewSlots,
    SetIfAbsent,
    Steps,
    TakeSlot,
    Turn,
    UndoSlot,
)


INTERRUPT_LIMIT = 8
"""How often a release is repeated if one interrupt after another breaks it off."""

NOT_UNDONE = 'The acquire could not be undone either'
"""The beginning of the note on an error whose acquire could not be undone."""

NOT_RELEASED = 'A request that frees a slot was interrupted, and its repetition failed'
"""The beginning of the note on an interrupt after which a slot may stay taken."""

ONLY_IF_REPEATED = 'a slot stays taken only if the client had sent it before and lost the reply'
"""What is known of an acquire that the server refused and that could not be undone."""


class Lease(NamedTuple):
    """A granted slot, and all that is needed to give it back.

    ``name`` is its place in the store: the pool's key, or one slot's name under the plain contract.
    """

    name: str
    token: str


Renewals = tuple[tuple[str, float | None], ...]
"""Tokens, each with the life of its slot in seconds; ``None`` for no expiration."""

_INDEX = re.compile('0|[1-9][0-9]{0,17}')

NoLease = Refusal | None
"""Why there is no lease: ``None`` if the pool is full."""


class SlotProtocol(NamedTuple):
    """The operations of a pool, each a function that makes steps.

    ``acquire(key, token, max_size, slot_exp)`` results in a lease, or in what is false: ``None`` if
    the pool is full, or a ``Refusal``.
    ``release(lease)`` results in whether the slot was still there.
    ``size(key, max_size)`` results in the number of live slots.
    ``wait(key, token, max_size, slot_exp, max_waiting, turn)`` is an acquire that waits, and
    results in the same; with ``turn`` it continues from there.
    ``queue_size(key)`` results in the number of waiters.
    ``holders(key, max_size)`` lists the live slots; each token is the :func:`slot_text` of a slot.
    ``queue(key)`` lists the tickets of the waiters, in order.
    ``renew(key, renewals)`` gives slots their full life again; ``renewals`` are as for
    ``RenewSlots``.  It results in whether each was still there.
    ``fence(lease)`` draws the fencing token of a slot that was just acquired; or results in
    ``Refusal.EXPIRED``, and then the slot is gone.

    What a protocol cannot do is ``None``.
    """

    name: str
    acquire: Callable[[str, str, int, float | None], Steps[Lease | NoLease]]
    release: Callable[[Lease], Steps[bool]]
    size: Callable[[str, int], Steps[int]]
    wait: Callable[[str, str, int, float | None, int | None, AwaitTurn | None], Steps[Lease | NoLease]] | None = None
    queue_size: Callable[[str], Steps[int]] | None = None
    holders: Callable[[str, int], Steps[tuple[Listed, ...]]] | None = None
    queue: Callable[[str], Steps[tuple[str, ...]]] | None = None
    renew: Callable[[str, Renewals], Steps[tuple[bool, ...]]] | None = None
    fence: Callable[[Lease], Steps[int | Refusal]] | None = None


def _acquire_atomically(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | NoLease]:
    lease = Lease(key, token)
    try:
        granted = yield from TakeSlot(key, token, max_size, slot_exp)
        # Still inside the `try`, because an interrupt may arrive here too.
        return lease if granted else no_lease(granted)
    except GeneratorExit:
        raise
    except BaseException as error:
        if not was_never_sent(error):
            yield from _undo(_complete(UndoSlot(key, token)), token, error)
        raise


def _release_atomically(lease: Lease) -> Steps[bool]:
    return _complete(DropSlot(lease.name, lease.token))


def _complete(command: Command[bool]) -> Steps[bool]:
    """Send a command that frees a slot, again if an interrupt breaks it off."""
    try:
        return (yield from command)
    except (GeneratorExit, Exception):
        raise
    except BaseException as interrupt:
        yield from _despite(interrupt, command.__iter__)
        raise


def _count_atomically(key: str, max_size: int) -> Steps[int]:  # noqa: ARG001 - the other protocol needs it
    return (yield from CountSlots(key))


def _wait_atomically(
    key: str,
    token: str,
    max_size: int,
    slot_exp: float | None,
    max_waiting: int | None,
    turn: AwaitTurn | None = None,
) -> Steps[Lease | NoLease]:
    lease = Lease(key, token)
    failure: Exception | None = None
    try:
        if turn is None:
            granted = yield from JoinQueue(key, token, max_size, slot_exp, max_waiting)
            if not isinstance(granted, Queued):
                return lease if granted else no_lease(granted)
            turn = AwaitTurn(key, token, max_size, slot_exp, granted)
        while (reason := (yield from turn)) is Turn.ASK:
            try:
                granted = yield from AskAgain(key, token, max_size, slot_exp, _place(turn))
            except Exception as error:
                if not is_transient(error):
                    raise
                # Perhaps nothing else wakes it, so it continues by itself.
                failure = error
                turn = AwaitTurn(key, token, max_size, slot_exp, turn.queued, turn.failures + 1, True)
                continue
            if not isinstance(granted, Queued):
                return lease if granted else None
            turn = AwaitTurn(key, token, max_size, slot_exp, granted, 0, turn.unanswered)
        if reason is Turn.GIVE_UP and failure is not None:
            raise failure  # noqa: TRY301 - it was caught to go on, and now nothing else is left
        if reason is Turn.GRANTED:
            return lease
        # Without expiration, what is late could take a slot that stays forever.
        granted = yield from LeaveQueue(key, token, max_size, slot_exp, turn.unanswered or slot_exp is None)
        return lease if granted else Refusal.TIMED_OUT
    except GeneratorExit:
        raise
    except BaseException as error:
        if turn is not None or not was_never_sent(error):
            yield from _undo(_complete(UndoSlot(key, token)), token, error)
        raise


def no_lease(granted: bool | Refusal) -> NoLease:
    """Return why there is no lease, from a reply that gave no slot."""
    return granted if isinstance(granted, Refusal) else None


def _place(turn: AwaitTurn) -> float:
    return 0.0 if turn.queued is None else turn.queued.place


def _count_waiting(key: str) -> Steps[int]:
    return (yield from CountWaiting(key))


def _list_waiting(key: str) -> Steps[tuple[str, ...]]:
    return (yield from ListWaiting(key))


def _list_atomically(key: str, max_size: int) -> Steps[tuple[Listed, ...]]:  # noqa: ARG001 - the other protocol needs it
    return (yield from ListSlots(key))


def _renew_atomically(key: str, renewals: Renewals) -> Steps[tuple[bool, ...]]:
    return (yield from RenewSlots(key, renewals))


def _draw_fence(lease: Lease) -> Steps[int | Refusal]:
    try:
        return (yield from DrawFence(lease.name, lease.token))
    except GeneratorExit:
        raise
    except BaseException as error:
        # The acquire as a whole has failed.
        yield from _undo(_complete(UndoSlot(lease.name, lease.token)), lease.token, error)
        raise


def _acquire_by_index(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | NoLease]:
    ex = None if slot_exp is None else math.ceil(slot_exp)
    # Each token starts its scan at another name, or all holders would compete for slot 0.
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
            if not was_never_sent(error):
                yield from _undo(_release_by_index(lease), token, error)
            raise
    return None


def _wait_by_index(
    key: str,
    token: str,
    max_size: int,
    slot_exp: float | None,
    max_waiting: int | None,  # noqa: ARG001 - the other protocol needs it
    turn: AwaitTurn | None = None,
) -> Steps[Lease | NoLease]:
    again = turn or AwaitTurn(key, token, max_size, slot_exp)
    while turn is None or (yield from turn) is Turn.ASK:
        turn = again
        if lease := (yield from _acquire_by_index(key, token, max_size, slot_exp)):
            return lease
    return Refusal.TIMED_OUT


def _release_by_index(lease: Lease) -> Steps[bool]:
    try:
        return (yield from _delete_if_own(lease))
    except (GeneratorExit, Exception):
        raise
    except BaseException as interrupt:
        yield from _despite(interrupt, lambda: _delete_if_own(lease))
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


def _list_by_index(key: str, max_size: int) -> Steps[tuple[Listed, ...]]:
    found = []
    for index in range(max_size):
        token = yield from GetValue(slot_name(key, index))
        if token is not None:
            found.append(Listed(f'{token}@{index}', None))
    return tuple(found)


def slot_text(protocol: SlotProtocol, lease: Lease) -> str:
    """Return the text by which any process finds a slot: its token.

    Under the plain contract it also says which of the pool's names the slot is: ``@`` and a number.
    """
    if protocol is not INDEXED:
        return lease.token
    return f'{lease.token}@{lease.name.rpartition(":")[2]}'


def slot_lease(protocol: SlotProtocol, key: str, text: str) -> Lease | None:
    """Return the lease of a slot of a pool from its :func:`slot_text`; ``None`` if it is wrong."""
    if protocol is not INDEXED:
        return Lease(key, text)
    token, _, index = text.rpartition('@')
    return Lease(slot_name(key, int(index)), token) if token and _INDEX.fullmatch(index) else None


def slot_name(key: str, index: int) -> str:
    """Return the name of one slot under the plain contract, different for each key and index."""
    return f'{key}:{index}'


def _despite(interrupt: BaseException, make_steps: Callable[[], Steps[bool]]) -> Steps[None]:
    """Repeat a request that an interrupt broke off, up to a limit; note on it if this fails.

    The error of a repetition is not raised, because the caller raises the interrupt.
    """
    why = f'{INTERRUPT_LIMIT} more interrupts'
    for _ in range(INTERRUPT_LIMIT):
        try:
            yield from make_steps()
        except GeneratorExit:
            raise
        except Exception as error:
            why = _shown(error)
            break
        except BaseException:
            continue
        return
    interrupt.add_note(f'{NOT_RELEASED} ({why}).')


def _undo(release: Steps[bool], token: str, error: BaseException) -> Steps[None]:
    """Give back the slot that a failed acquire may have taken; note on ``error`` if this fails.

    If an interrupt arrives meanwhile, it is raised, and it has the note.
    """
    try:
        yield from release
    except GeneratorExit:
        raise
    except Exception as second:
        left = ONLY_IF_REPEATED if was_refused(error) else 'its slot may stay taken'
        error.add_note(f'{NOT_UNDONE} ({_shown(second)}): {left} [token {token}].')
    except BaseException as interrupt:
        if has_note(interrupt, NOT_RELEASED):
            interrupt.add_note(f'{NOT_UNDONE}: its slot may stay taken [token {token}].')
        raise


def has_note(error: BaseException, beginning: str) -> bool:
    """Return whether a note on ``error`` begins like this."""
    return any(note.startswith(beginning) for note in getattr(error, '__notes__', ()))


def _shown(error: Exception) -> str:
    return f'{type(error).__name__}: {error}'


ATOMIC = SlotProtocol(
    'atomic',
    _acquire_atomically,
    _release_atomically,
    _count_atomically,
    _wait_atomically,
    _count_waiting,
    _list_atomically,
    _list_waiting,
    _renew_atomically,
    _draw_fence,
)
# It cannot extend a life: between checking whose a name is and setting it again, the name may have
# expired and been taken by another holder.
INDEXED = SlotProtocol(
    'indexed',
    _acquire_by_index,
    _release_by_index,
    _count_by_index,
    _wait_by_index,
    holders=_list_by_index,
)
