"""The body that runs in a slot: what begins with it, and what its end may raise."""

import asyncio

from py_cachify._attempts import Attempt, begin_attempt
from py_cachify._cancellation import Request
from py_cachify._giving_back import agive_back, begin_release, give_back, tell_end
from py_cachify._held import RELEASED
from py_cachify._options import DEFAULTS
from py_cachify._signals import is_interrupt
from py_cachify._spec import SlotSpec
from py_cachify._taking import log_undone_acquire
from py_cachify._watching import STORES_THAT_HOLD, Cancellation, SlotWatch
from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.commands import Refusal, Steps
from py_cachify.drivers import arun, run
from py_cachify.errors import CachifySlotLostError
from py_cachify.protocols import slot_text
from py_cachify.slots import Slot


def check(backend: Backend | AsyncBackend, spec: SlotSpec, *, is_async: bool = False, has_body: bool = True) -> Attempt:
    """Refuse options that cannot be fulfilled here, before a slot is taken; begin the attempt.

    Raises:
        TypeError: the store cannot renew, or draw fencing tokens; its clock cannot wake anybody; or
            ``'cancel'`` has no task to cancel.
    """
    # Many pools have only a listener, and it should cost little.
    if spec.options is not DEFAULTS:
        _check_options(backend, spec, is_async=is_async, has_body=has_body)
    return begin_attempt(spec, backend.now)


def _check_options(backend: Backend | AsyncBackend, spec: SlotSpec, *, is_async: bool, has_body: bool) -> None:
    options = spec.options
    if options.renews and backend.protocol.renew is None:
        raise TypeError(f'renew_for needs {STORES_THAT_HOLD}: omit it')
    if options.fence and backend.protocol.fence is None:
        raise TypeError(
            'fence needs a store that can count grants, memory, Redis or Valkey: a client of the plain contract cannot,'
            ' because another holder may do so at the same time: omit it'
        )
    if options.on_lost == 'cancel' and not (is_async and has_body):
        raise TypeError(
            f"pool {spec.name!r}: on_lost='cancel' cancels the body of an `async with`, or a decorated async function,"
            " and there is none here: use 'raise', 'log' or a function"
        )
    if options.watches and isinstance(backend, MemoryBackend):
        # Raises if its clock cannot wake anybody.
        backend.client.alarm()


def begin(slot: Slot, attempt: Attempt, *, has_body: bool = True) -> None:
    """Begin to hold a slot that a thread took, and that is not plain: draw its fence, and watch it.

    Raises:
        CachifySlotLostError: it expired before it got its fencing token.
    """
    options = slot.spec.options
    if options is DEFAULTS:
        begin_plainly(slot, attempt)
        return
    if options.fence:
        try:
            _note_fence(slot, run(_fence(slot), slot.backend.perform))
        except BaseException as error:
            # The caller gives back what an interrupt has left, wherever it arrived.
            if not is_interrupt(error):
                _note_undone(slot, error)
            raise
    begin_plainly(slot, attempt)
    if options.watches:
        slot.watch = watch = SlotWatch(slot, has_body=has_body)
        watch.start(slot)


def begin_plainly(slot: Slot, attempt: Attempt) -> None:
    """Begin to hold a slot, of a thread or a task, that needs no more than to be told."""
    slot.attempt = attempt
    # As `slot.token`, whose call a program would notice that counts each grant.
    attempt.tell('granted', slot_text(slot.backend.protocol, slot.lease))


async def abegin(slot: Slot, attempt: Attempt, *, has_body: bool = True) -> None:
    """Begin to hold a slot as :func:`begin` does, in a task."""
    options = slot.spec.options
    if options.fence:
        await _adraw_fence(slot)
    begin_plainly(slot, attempt)
    if options.watches:
        task = asyncio.current_task()
        cancels = has_body and options.on_lost == 'cancel' and task is not None
        cancellation = Cancellation(task) if cancels and task else None
        slot.watch = watch = SlotWatch(slot, asyncio.get_running_loop(), cancellation, has_body=has_body)
        watch.start(slot)


async def _adraw_fence(slot: Slot) -> None:
    backend = slot.backend
    try:
        if isinstance(backend, MemoryBackend):
            _note_fence(slot, run(_fence(slot), backend.perform))
            return
        pending = _PendingFence(slot)
        await pending
        if pending.interruption is None:
            _note_fence(slot, pending.result())
            return
    except BaseException as error:
        _note_undone(slot, error)
        raise
    failure = pending.exception()
    if failure is None:
        await agive_back(slot, body_failed=True)
    else:
        _note_undone(slot, failure)
    raise pending.interruption


def _note_undone(slot: Slot, error: BaseException) -> None:
    """Note that the acquire as a whole has failed; the protocol of the fence has undone it."""
    begin_release(slot)
    slot.state = RELEASED
    if not isinstance(error, CachifySlotLostError):
        log_undone_acquire(slot.spec, slot.lease.token, error)


class _PendingFence(Request[int | Refusal]):
    """The request for a fencing token; a task that is cancelled meanwhile gives its slot back."""

    def __init__(self, slot: Slot) -> None:
        self._patient_for: float | None = slot.backend.patience
        super().__init__(arun(_fence(slot), slot.backend.aperform))

    def _patience(self) -> float | None:
        return self._patient_for


def _fence(slot: Slot) -> Steps[int | Refusal]:
    draw = slot.backend.protocol.fence
    if draw is None:
        raise TypeError(f'the protocol {slot.backend.protocol.name} draws no fencing tokens: use it without fence')
    return draw(slot.lease)  # type: ignore[no-any-return]


def _note_fence(slot: Slot, drawn: int | Refusal) -> None:
    if isinstance(drawn, Refusal):
        raise CachifySlotLostError(slot.key, slot.token, 'it expired before it got its fencing token')
    slot.fence_drawn = drawn


def end(slot: Slot, error: BaseException | None) -> None:
    """Give a slot back that is not plain; raise its loss if ``on_lost`` says so.

    ``error`` is what the body raised.
    """
    try:
        give_back(slot, body_failed=error is not None)
    except Exception as failure:
        # After an interrupt, the caller gives it back once more.
        if not is_interrupt(failure):
            tell_end(slot, failure)
        raise
    tell_end(slot)
    if error is None and slot.spec.options is not DEFAULTS:
        _raise_loss(slot)


async def aend(slot: Slot, error: BaseException | None) -> None:
    """Give a slot back as :func:`end` does, in a task; its loss may have cancelled the task."""
    cancellation = slot.watch.cancellation if isinstance(slot.watch, SlotWatch) else None
    was_ours = cancellation is not None and cancellation.withdraw()
    try:
        await agive_back(slot, body_failed=error is not None)
    except asyncio.CancelledError:
        # Sent at the last moment, and not delivered before the body ended.
        if not was_ours:
            raise
    if error is None:
        _raise_loss(slot)
    elif was_ours and isinstance(error, asyncio.CancelledError):
        raise slot.lost_error() from error


def _raise_loss(slot: Slot) -> None:
    if slot.spec.options.on_lost in ('raise', 'cancel'):
        slot.raise_if_lost()
