"""Define each kind of fault: what goes wrong, which workers it hits, when, and for how long.

A fault happens ``at`` chosen instants, or repeatedly at intervals that are drawn from the
distribution ``every``.  Its duration is drawn from ``lasting``.  Instants are in seconds since the
first arrival, when the run begins.

A fault of workers names them by ``workers``: their numbers from 0, ``'one'``, drawn anew for each
occurrence, or ``'all'``.  A simulation applies faults in virtual time, and a live run applies them
to real processes and a real server.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from numbers import Real
from random import Random
from typing import Any, ClassVar, Literal

from simulations.arguments import not_negative, positive, probability, real_number, whole_number
from simulations.distributions import Holding
from simulations.distributions.parse import as_duration
from simulations.units import number
from simulations.workloads.refusals import LONGEST_PAUSE


Workers = Literal['one', 'all'] | int | tuple[int, ...]

SHORTEST_INTERVAL = 1e-3
"""The shortest mean interval between faults, in seconds: with shorter ones a run would not end."""
DATA = ('kept', 'lost')
_NO_TIME = 'const:0'


@dataclass(frozen=True, kw_only=True)
class Fault:
    """The base class of all faults.

    Args:
        at: one or more instants, in seconds since the run began.
        every: the distribution of the interval in seconds from one occurrence to the next, as an
            object or as a string that :func:`simulations.parse_holding` reads.  The first interval
            starts at the beginning of the run.  Give either ``at`` or ``every``.
        lasting: the duration in seconds: a number or a distribution.

    Raises:
        TypeError, ValueError: a value is not allowed; the message names it.
    """

    kind: ClassVar[str]
    needs_time: ClassVar[bool] = False
    """Whether the fault has no effect without a duration."""
    holds_up: ClassVar[bool] = False
    """Whether the fault stops all progress, so that there must be times without it."""

    at: float | tuple[float, ...] | None = None
    every: Holding | str | None = None
    lasting: Holding | float | str = 0.0

    def __post_init__(self) -> None:
        if (self.at is None) == (self.every is None):
            raise ValueError(
                f'{self.kind}: give exactly one of at, such as at=10.0, and every, such as every={"exp:60"!r}'
            )
        if self.at is not None:
            given: Any = self.at
            instants = tuple(given) if isinstance(given, tuple | list) else (given,)
            if not instants:
                raise ValueError(f'{self.kind}: at must name an instant, got {self.at!r}')
            self._set('at', tuple(sorted(_not_too_long('at', not_negative('at', instant)) for instant in instants)))
        if self.every is not None:
            self._set('every', as_duration('every', self.every))
            if not self._law('every').mean() >= SHORTEST_INTERVAL:
                raise ValueError(f'every must be a millisecond or more on average, got {self.every}')
        lasting: Any = self.lasting
        if isinstance(lasting, Real):
            lasting = f'const:{number(not_negative("lasting", lasting))}'
        self._set('lasting', as_duration('lasting', lasting))
        if self.needs_time and not self._law('lasting').mean() > 0:
            raise ValueError(f'{self.kind}: lasting must be more than 0 seconds, got {self.lasting}')
        _not_too_long('lasting', self._law('lasting').mean())
        holds_up = self.holds_up and self.every is not None
        if holds_up and not self._law('lasting').mean() < self._law('every').mean():
            raise ValueError(
                f'{self.kind}: lasting must be shorter than every on average, or else the fault never ends, got'
                f' lasting {self.lasting} and every {self.every}'
            )
        self._check()

    def _check(self) -> None:
        """Check the fields that only this kind has."""

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _law(self, name: str) -> Holding:
        law: Holding = getattr(self, name)
        return law

    @property
    def mean_interval(self) -> float:
        """The seconds from one random occurrence to the next, on average; infinite with ``at``."""
        return math.inf if self.every is None else self._law('every').mean()

    def instants(self, stream: Random) -> Iterator[float]:
        """Yield the instants at which it happens, in order; without end if ``every`` is given."""
        if isinstance(self.at, tuple):
            yield from self.at
            return
        now, every = 0.0, self._law('every')
        while True:
            now += every.draw(stream)
            yield now

    def duration(self, stream: Random) -> float:
        """Return the duration of this occurrence in seconds."""
        return self._law('lasting').draw(stream)

    @property
    def random(self) -> bool:
        """Whether the seed influences the fault."""
        laws = [self.every, self.lasting]
        return any(law is not None and not str(law).startswith('const:') for law in laws)

    def __str__(self) -> str:
        """Return the text that :func:`simulations.faults.parse_fault` reads."""
        words = [self.kind]
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and not (each.name == 'lasting' and str(value) == _NO_TIME):
                words.append(f'{each.name}={_shown(value)}')
        return ' '.join(words)


@dataclass(frozen=True, kw_only=True)
class _OfWorkers(Fault):
    workers: Workers = 'one'
    """Their numbers from 0, ``'one'``, drawn anew for each occurrence, or ``'all'``."""

    @property
    def random(self) -> bool:
        """Whether the seed influences the fault."""
        return self.workers == 'one' or super().random

    def _check(self) -> None:
        workers: Any = self.workers
        if isinstance(workers, str):
            if workers not in ('one', 'all'):
                raise ValueError(f"workers must be 'one', 'all' or numbers from 0, got {workers!r}")
            return
        numbers = tuple(workers) if isinstance(workers, tuple | list) else (workers,)
        if not numbers:
            raise ValueError(f'{self.kind}: workers must name at least one worker, got {self.workers!r}')
        self._set('workers', tuple(sorted({whole_number('workers', each) for each in numbers})))

    def whom(self, count: int, stream: Random) -> tuple[int, ...]:
        """Return the numbers of the workers that this occurrence hits.

        Args:
            count: the number of workers in the run.
            stream: the random stream of the fault.
        """
        if self.workers == 'one':
            return (stream.randrange(count),)
        return self.workers if isinstance(self.workers, tuple) else tuple(range(count))


@dataclass(frozen=True, kw_only=True)
class Crash(_OfWorkers):
    """A worker dies with everything that runs in it, and releases nothing.

    Another worker replaces it after ``lasting`` seconds.

    Example::

        Crash(every='exp:60', workers='one', lasting=2.0)
    """

    kind = 'crash'


@dataclass(frozen=True, kw_only=True)
class Pause(_OfWorkers):
    """A worker is suspended, as in a long garbage collection or a stopped process.

    Whatever was due in the meantime happens at the end.
    """

    kind = 'pause'
    needs_time = True
    holds_up = True


@dataclass(frozen=True, kw_only=True)
class Slow(_OfWorkers):
    """Each request and each reply of a worker takes ``by`` seconds longer."""

    kind = 'slow'
    needs_time = True
    by: float = 1.0

    def _check(self) -> None:
        super()._check()
        self._set('by', positive('by', self.by))


@dataclass(frozen=True, kw_only=True)
class _Lossy(_OfWorkers):
    needs_time = True
    share: float = 1.0

    @property
    def random(self) -> bool:
        """Whether the seed influences the fault."""
        return self.share < 1 or super().random

    def _check(self) -> None:
        super()._check()
        self._set('share', positive('share', probability('share', self.share)))


@dataclass(frozen=True, kw_only=True)
class LoseRequests(_Lossy):
    """A share of a worker's requests never reaches the server."""

    kind = 'lose requests'


@dataclass(frozen=True, kw_only=True)
class LoseReplies(_Lossy):
    """A share of the replies never reaches the worker.

    The server has carried out the commands, and the worker does not know.
    """

    kind = 'lose replies'


@dataclass(frozen=True, kw_only=True)
class LoseMessages(_Lossy):
    """A share of the messages that tell a worker's waiters of a slot never reaches the worker.

    Waiters ask by themselves now and then, so they only wait longer.  A fault that loses a share of
    the replies loses the same share of these messages.

    Example::

        LoseMessages(at=0.0, lasting=3600.0, workers='all')
    """

    kind = 'lose messages'


@dataclass(frozen=True, kw_only=True)
class Partition(_OfWorkers):
    """Nothing passes between a worker and the server, in either direction."""

    kind = 'partition'
    needs_time = True


@dataclass(frozen=True, kw_only=True)
class WorkerClock(_OfWorkers):
    """The clock of a worker jumps ahead by ``by`` seconds, or back if they are negative.

    The jump is permanent if ``lasting`` is 0.
    """

    kind = 'worker clock'
    by: float = 0.0

    def _check(self) -> None:
        super()._check()
        self._set('by', _finite('by', self.by))


@dataclass(frozen=True, kw_only=True)
class ServerClock(Fault):
    """The clock of the server jumps ahead by ``by`` seconds, or back if they are negative.

    The jump is permanent if ``lasting`` is 0.
    """

    kind = 'server clock'
    by: float = 0.0

    def _check(self) -> None:
        self._set('by', _finite('by', self.by))


@dataclass(frozen=True, kw_only=True)
class ServerPause(Fault):
    """The server answers nobody for a while, and afterwards everybody.

    ``CLIENT PAUSE`` has this effect, and so has a long command of another client.
    """

    kind = 'server pause'
    needs_time = True
    holds_up = True


@dataclass(frozen=True, kw_only=True)
class Restart(Fault):
    """The server is gone for ``lasting`` seconds.

    Its ``data`` are ``'kept'`` or ``'lost'``; its scripts are always lost.
    """

    kind = 'restart'
    data: str = 'kept'

    def _check(self) -> None:
        if self.data not in DATA:
            raise ValueError(f"data must be 'kept' or 'lost', got {self.data!r}")


@dataclass(frozen=True, kw_only=True)
class Failover(Fault):
    """After ``lasting`` seconds a replica takes over, which lacks the last writes.

    It lacks the writes of the ``missing`` seconds before the server failed.
    """

    kind = 'failover'
    missing: float = 0.0

    def _check(self) -> None:
        self._set('missing', not_negative('missing', self.missing))


@dataclass(frozen=True, kw_only=True)
class FlushScripts(Fault):
    """The server forgets its scripts, as with ``SCRIPT FLUSH``, so clients must send them again."""

    kind = 'flush scripts'


WORKER_FAULTS = (Crash, Pause, Slow, LoseRequests, LoseReplies, LoseMessages, Partition, WorkerClock)
SERVER_FAULTS = (ServerClock, ServerPause, Restart, Failover, FlushScripts)
LOSING = (Restart.kind, Failover.kind)
"""The kinds after which a store may lack some of its writes."""
KINDS: dict[str, type[Fault]] = {each.kind: each for each in (*WORKER_FAULTS, *SERVER_FAULTS)}
"""Every kind of fault, by its name in a scenario file."""


def _finite(name: str, value: Any) -> float:
    """Return a finite number other than 0."""
    seconds = real_number(name, value)
    _not_too_long(name, abs(seconds) if abs(seconds) < float('inf') else 0.0)
    if not -float('inf') < seconds < float('inf') or not seconds:
        raise ValueError(f'{name} must be finite and not 0, got {value!r}')
    return seconds


def _not_too_long(name: str, seconds: float) -> float:
    """Return ``seconds`` if they are at most a hundred years."""
    if seconds > LONGEST_PAUSE:
        raise ValueError(f'{name} must be at most {LONGEST_PAUSE:.0f} s, a hundred years, got {seconds!r}')
    return seconds


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ','.join(map(_shown, value))
    return number(value) if isinstance(value, float) else str(value)
