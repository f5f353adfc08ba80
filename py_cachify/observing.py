"""``observe()``: be told what happens to each attempt to take a slot.

Listeners are called where it happens, in the thread or the event loop of the attempt, before the
library goes on.  Only what the library notices by itself about a thread's slot, that it was renewed
or lost, is told by another thread, because a slow listener must not delay the next renewal.

Each listener hears of an attempt from its beginning to its end, or not at all: one that is added
while a slot is held is not told of the end.
"""

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from types import MethodType, TracebackType
from typing import Any
from weakref import WeakSet

from py_cachify._process import give_lock
from py_cachify._signals import is_interrupt
from py_cachify._signatures import is_async
from py_cachify.arguments import shown
from py_cachify.events import KINDS, USUAL_KINDS, Event, Kind, Listener


logger = logging.getLogger('py_cachify')


class Observation:
    """A listener that is told what happens, until :meth:`stop`, or the end of the ``with``.

    Attributes:
        listener: the listener.
        is_active: whether it is told anything.
        kinds: the kinds of events that it is told.
    """

    def __init__(self, listener: Listener, stop: Callable[['Observation'], None]) -> None:
        """Note the listener, and what :meth:`stop` calls; see ``observe()``."""
        self.listener = listener
        self.is_active = True
        self.kinds = kinds_of(listener)
        self._stop = stop
        self._has_failed = False

    def __repr__(self) -> str:
        return f'<Observation by {self.listener!r}, {"active" if self.is_active else "stopped"}>'

    def __enter__(self) -> 'Observation':
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Tell the listener nothing from now on; a second call does nothing."""
        self.is_active = False
        self._stop(self)

    def interrupt_in(self, failure: BaseException, event: Event) -> BaseException | None:
        """Return what the listener raised if it is an interrupt; otherwise log it."""
        # A cancellation never comes from outside here.
        if is_interrupt(failure) and not isinstance(failure, asyncio.CancelledError):
            return failure
        self._log_failure(event, failure)
        return None

    def _log_failure(self, event: Event, failure: BaseException) -> None:
        """Log that the listener failed; only once as an error, because it may fail each time."""
        level = logging.DEBUG if self._has_failed else logging.ERROR
        self._has_failed = True
        with suppress(Exception):
            logger.log(
                level,
                'pool %r: the listener %r failed at an event of the kind %r; later failures of it are logged as DEBUG',
                event.key,
                self.listener,
                event.kind,
                exc_info=failure,
            )


class Audience:
    """The listeners of one ``init_cachify()``: its own, and those of all pools."""

    def __init__(self) -> None:
        self._own: tuple[Observation, ...] = ()
        with _everywhere.lock:
            _everywhere.audiences.add(self)
            self.gather()

    def note(self, observations: tuple[Observation, ...]) -> None:
        """Note all that listen; called at the beginning, and whenever they have changed."""
        raise NotImplementedError

    def observe(self, listener: Listener) -> Observation:
        """Tell a listener what happens in the pools of this audience; see :func:`observe`."""
        observation = Observation(check_listener(listener), self._remove)
        with _everywhere.lock:
            self._own += (observation,)
            self.gather()
        return observation

    def _remove(self, observation: Observation) -> None:
        with _everywhere.lock:
            self._own = tuple(each for each in self._own if each is not observation)
            self.gather()

    def gather(self) -> None:
        """Note all that listen, after some have come or gone; each listener once."""
        found: list[Observation] = []
        for each in _everywhere.observations + self._own:
            if not any(_is_same(each.listener, other.listener) for other in found):
                found.append(each)
        self.note(tuple(found))


class _Everywhere:
    """The listeners of all pools."""

    lock: threading.RLock

    def __init__(self) -> None:
        give_lock(self)
        self.observations: tuple[Observation, ...] = ()
        self.audiences: WeakSet[Audience] = WeakSet()

    def add(self, observation: Observation) -> None:
        with self.lock:
            self.observations += (observation,)
            self._gather()

    def remove(self, observation: Observation) -> None:
        with self.lock:
            self.observations = tuple(each for each in self.observations if each is not observation)
            self._gather()

    def _gather(self) -> None:
        for audience in list(self.audiences):
            audience.gather()


_everywhere = _Everywhere()


def observe(listener: Listener) -> Observation:
    """Tell a listener what happens to each attempt to take a slot, in all pools of this process.

    It begins at once, and ends with the ``with``, or by ``stop()``, or never.  ``Cachify.observe``
    does the same for the pools of one ``init_cachify()``.

    The listener is called synchronously, so it should be quick, and must not wait.  If it raises,
    this is logged, and the attempt goes on.  What it does with pools itself is not told.

    Args:
        listener: a function of an :class:`py_cachify.Event`.  If the object, or its class, has an
            attribute ``kinds``, a collection of kinds, it is told only these; otherwise all but
            ``'queued'``.

    Raises:
        TypeError: the listener is no function, or is async, or its ``kinds`` are no collection.
        ValueError: its ``kinds`` contain something else.

    Example::

        def show(event):
            print(event.kind, event.key, event.held)

        with observe(show):
            with pool('reports', max_size=3):           # granted reports None
                make_report()
                                                        # released reports 0.25
        observe(show)                                   # for good
    """
    observation = Observation(check_listener(listener), _everywhere.remove)
    _everywhere.add(observation)
    return observation


def _is_same(one: Listener, other: Listener) -> bool:
    # A bound method is another object each time that it is looked up.
    return one is other or (isinstance(one, MethodType) and isinstance(other, MethodType) and one == other)


def check_listener(listener: Any) -> Listener:
    """Return a listener; raise ``TypeError`` if nothing could call it, or await it."""
    if not callable(listener):
        raise TypeError(f'listener must be a function of an event, not {shown(listener)}')
    if is_async(listener):
        raise TypeError(
            f'listener {shown(listener)} is async, and nothing could await it: pass a plain function, which may create'
            ' a task'
        )
    if inspect.isclass(listener):
        raise TypeError(f'listener must be an object, not the class {shown(listener)}: call it first')
    kinds_of(listener)
    return listener  # type: ignore[no-any-return]


def kinds_of(listener: Listener) -> frozenset[Kind]:
    """Return the kinds of events that a listener is told.

    Raises:
        TypeError, ValueError: its attribute ``kinds`` is wrong.
    """
    # Static, because an object that makes up its attributes, such as a mock, has any.
    kinds = inspect.getattr_static(listener, 'kinds', USUAL_KINDS)
    if not isinstance(kinds, set | frozenset | tuple | list):
        raise TypeError(f"the listener's kinds must be a set or a tuple of kinds of events, not {shown(kinds)}")
    if unknown := sorted(map(repr, set(kinds) - KINDS)):
        raise ValueError(f"the listener's kinds contain {', '.join(unknown)}: use some of {', '.join(sorted(KINDS))}")
    return frozenset(kinds)
