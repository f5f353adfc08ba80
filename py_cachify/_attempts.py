"""What listeners are told about one attempt to take a slot, from its beginning to its end.

The code that takes and holds slots says what happened, wherever it happens; that each thing is told
once, and nothing after the end, is decided here.
"""

from collections.abc import Callable
from threading import get_ident

from py_cachify._process import after_fork
from py_cachify._spec import SlotSpec
from py_cachify.backends.atomic import new_tuple
from py_cachify.commands import Refusal
from py_cachify.events import ENDS_WITHOUT_SLOT, Event, Kind
from py_cachify.protocols import NoLease


class Attempt:
    """An attempt that nobody is told about."""

    def tell(self, kind: Kind, token: str | None = None, error: BaseException | None = None) -> None:
        """Say what happened; ``token`` is that of the slot if it was granted now."""


UNHEARD = Attempt()


_telling: set[int] = set()
"""The threads in which a listener runs: what it does itself is not told."""

after_fork(_telling.clear)


def begin_attempt(spec: SlotSpec, now: Callable[[], float]) -> Attempt:
    """Return what tells the listeners about an attempt that begins; ``now()`` is in seconds."""
    return _HeardAttempt(spec, now) if spec.observations and get_ident() not in _telling else UNHEARD


def refusal_kind(refusal: NoLease) -> Kind:
    """Return the kind of the event for an attempt that got no slot, from the reason."""
    return 'timed_out' if refusal is Refusal.TIMED_OUT else 'refused'


class _HeardAttempt(Attempt):
    """An attempt that somebody is told about.

    There is one method for all kinds, because each grant of an observed pool pays for each call.
    """

    # On the class, because many attempts never change them.
    _waited = 0.0
    _granted_at: float | None = None
    _token: str | None = None
    _has_queued = _is_lost = _is_over = False

    def __init__(self, spec: SlotSpec, now: Callable[[], float]) -> None:
        self._spec = spec
        self._now = now
        self._began = now()

    def tell(self, kind: Kind, token: str | None = None, error: BaseException | None = None) -> None:
        if self._is_over:
            return
        now, granted_at, held = self._now(), self._granted_at, None
        if granted_at is not None:
            held = now - granted_at
            if kind == 'lost':
                if self._is_lost:
                    return
                self._is_lost = True
            else:
                self._is_over = kind != 'renewed'
        else:
            self._waited = now - self._began
            if kind == 'granted':
                self._granted_at, self._token = now, token
            elif kind == 'queued':
                self._has_queued = True
            elif kind in ENDS_WITHOUT_SLOT:
                self._is_over = True
            else:
                # An interrupt came before the grant was told; then the attempt has failed.
                return
        for observation in self._spec.observations:
            if kind in observation.kinds:
                self._tell_all(kind, held, error)
                break

    def _tell_all(self, kind: Kind, held: float | None, error: BaseException | None) -> None:
        spec = self._spec
        # In the order of the fields of an event.
        told = (
            kind,
            spec.name,
            spec.template,
            self._waited,
            held,
            spec.max_size,
            self._token,
            spec.slot_exp,
            spec.prefix,
            self._has_queued,
            error,
        )
        event: Event = new_tuple(Event, told)
        thread = get_ident()
        is_nested = thread in _telling
        interrupt: BaseException | None = None
        try:
            # Within, because an interrupt may come after each call.
            _telling.add(thread)
            for observation in spec.observations:
                if kind in observation.kinds and observation.is_active:
                    try:
                        observation.listener(event)
                    except BaseException as failure:
                        # The other listeners are told all the same.
                        interrupt = observation.interrupt_in(failure, event) or interrupt
        finally:
            if not is_nested:
                _telling.discard(thread)
        if interrupt is not None:
            raise interrupt
