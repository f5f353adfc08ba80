"""What an event changes, whichever system the metrics are for.

A gauge goes up at the beginning of something and down at its end, so the two must come from the
same attempt.  ``observe()`` tells a listener of an attempt from its beginning to its end, or of
nothing, and it does not tell a forked child of its parent's attempts.  So the gauges of a child
begin at zero.
"""

import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from threading import RLock

from py_cachify._process import after_fork, give_lock
from py_cachify.events import KINDS, Event
from py_cachify.metrics._names import NO_TEMPLATE, as_label


MOST_NOTED = 200
"""How many events are noted before they are counted."""


class PoolMetrics(ABC):
    """The metrics of the pools that share one name."""

    __slots__ = ('max_size', 'slot_exp')

    def __init__(self) -> None:
        self.max_size: int | None = None
        self.slot_exp: float | None = None

    @abstractmethod
    def sized(self, max_size: int, slot_exp: float | None) -> None:
        """Show another size of the pool and another life of its slots."""

    @abstractmethod
    def queued(self) -> None:
        """An attempt begins to wait."""

    @abstractmethod
    def granted(self, event: Event) -> None:
        """An attempt got a slot."""

    @abstractmethod
    def without_slot(self, event: Event) -> None:
        """An attempt ended without one."""

    @abstractmethod
    def ended(self, event: Event, held: float) -> None:
        """A slot was held until now."""

    @abstractmethod
    def noticed(self, event: Event) -> None:
        """A slot that is still held was renewed or lost."""


class MetricsListener(ABC):
    """Tell the metrics of a pool what happens to its attempts.

    Pass it to ``observe()`` itself, not a function that calls it: its ``kinds`` say what it needs.
    """

    lock: RLock
    kinds = KINDS

    def __init__(self, name: Callable[[Event], str], *, at_once: bool = False) -> None:
        """Count each event by itself if ``at_once``; otherwise :meth:`count_noted` must be called.

        Call this last, because ``forget()`` may be called from then on.
        """
        give_lock(self)
        self._name = name
        self._most_noted = 1 if at_once else MOST_NOTED
        self._noted: deque[tuple[str, Event]] = deque()
        self._pools: dict[str, PoolMetrics] = {}
        _listeners.add(self)

    def __call__(self, event: Event) -> None:
        """Note an event; many are counted together, because that takes less time for each."""
        # Named at once, because that calls a function of the program, which may raise.
        name = self._name(event)
        self._noted.append((name if type(name) is str else NO_TEMPLATE if name is None else str(name), event))
        # An error keeps alive what its traceback refers to.
        if len(self._noted) >= self._most_noted or event.error is not None:
            self.count_noted()

    def count_noted(self) -> None:
        """Count all events so far, in their order."""
        with self.lock:
            while self._noted:
                self._count(*self._noted.popleft())

    def _count(self, name: str, event: Event) -> None:
        pool = self._pools.get(name)
        if pool is None:
            pool = self._pools[name] = self._make(as_label(name))
        if event.max_size != pool.max_size or event.slot_exp != pool.slot_exp:
            pool.max_size, pool.slot_exp = event.max_size, event.slot_exp
            pool.sized(event.max_size, event.slot_exp)
        kind, held = event.kind, event.held
        if kind == 'granted':
            pool.granted(event)
        elif kind == 'queued':
            pool.queued()
        elif kind in ('renewed', 'lost'):
            pool.noticed(event)
        elif held is None:
            pool.without_slot(event)
        else:
            pool.ended(event, held)

    @abstractmethod
    def _make(self, name: str) -> PoolMetrics:
        """Return the metrics of a name that is new."""

    def forget(self) -> None:
        """Forget what the parent counted; called in a forked child."""
        self._pools = {}
        self._noted.clear()


_listeners: 'weakref.WeakSet[MetricsListener]' = weakref.WeakSet()


def _forget_all() -> None:
    for listener in list(_listeners):
        listener.forget()


after_fork(_forget_all)
