"""Faults, as values: what goes wrong, with whom, when, and for how long.

A fault happens ``at`` chosen instants or again and again, ``every`` so many seconds by some distribution; it lasts for
a while that is drawn as well.  Instants are in seconds since the run began, which is its first arrival.

What befalls workers is told by ``workers``: their numbers from 0, ``'one'``, who is drawn each time, or ``'all'``.  A
simulation does these things in virtual time, and a live run to real processes and a real server.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from numbers import Real
from random import Random
from typing import Any, ClassVar, Literal

from simulations.arguments import not_negative, positive, probability, real_number, whole_number
from simulations.distributions import Holding
from simulations.distributions.parse import as_holding
from simulations.units import number
from simulations.workloads.refusals import LONGEST_PAUSE


Workers = Literal['one', 'all'] | int | tuple[int, ...]

SHORTEST_INTERVAL = 1e-3
"""In seconds, on average: with shorter ones between two faults a run would not end."""
DATA = ('kept', 'lost')
_NO_TIME = 'const:0'


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What all faults have.

    Args:
        at: the instant, or several, in seconds since the run began; or
        every: the seconds from one to the next, the first one counted from the beginning of the run: a distribution, as
            an object or as :func:`simulations.parse_holding` reads it.
        lasting: for how long, in seconds: a number or a distribution.

    Raises:
        TypeError, ValueError: a value cannot be; it is named.
    """

    kind: ClassVar[str]
    needs_time: ClassVar[bool] = False
    """Whether a fault of no length would be none."""
    holds_up: ClassVar[bool] = False
    """Whether nothing goes on before it is over, so that it must be over at times."""

    at: float | tuple[float, ...] | None = None
    every: Holding | str | None = None
    lasting: Holding | float | str = 0.0

    def __post_init__(self) -> None:
        if (self.at is None) == (self.every is None):
            raise ValueError(f'{self.kind}: say when, either at=10.0 (or several) or every=..., such as {"exp:60"!r}')
        if self.at is not None:
            given: Any = self.at
            instants = tuple(given) if isinstance(given, tuple | list) else (given,)
            if not instants:
                raise ValueError(f'{self.kind}: at must name an instant, got {self.at!r}')
            self._set('at', tuple(sorted(_not_too_long('at', not_negative('at', instant)) for instant in instants)))
        if self.every is not None:
            self._set('every', as_holding('every', self.every))
            if not self._law('every').mean() >= SHORTEST_INTERVAL:
                raise ValueError(f'every must be a millisecond or more on average, got {self.every}')
        lasting: Any = self.lasting
        if isinstance(lasting, Real):
            lasting = f'const:{number(not_negative("lasting", lasting))}'
        self._set('lasting', as_holding('lasting', lasting))
        if self.needs_time and not self._law('lasting').mean() > 0:
            raise ValueError(f'{self.kind}: lasting must be more than 0 seconds, got {self.lasting}')
        _not_too_long('lasting', self._law('lasting').mean())
        holds_up = self.holds_up and self.every is not None
        if holds_up and not self._law('lasting').mean() < self._law('every').mean():
            raise ValueError(
                f'{self.kind}: lasting {self.lasting} must be shorter than every {self.every} on average, else it'
                ' never ends'
            )
        self._check()

    def _check(self) -> None:
        """Check what a kind has of its own."""

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _law(self, name: str) -> Holding:
        law: Holding = getattr(self, name)
        return law

    def instants(self, stream: Random) -> Iterator[float]:
        """When it happens, in order; without an end if it happens every so many seconds."""
        if isinstance(self.at, tuple):
            yield from self.at
            return
        now, every = 0.0, self._law('every')
        while True:
            now += every.draw(stream)
            yield now

    def duration(self, stream: Random) -> float:
        """For how many seconds it lasts this time."""
        return self._law('lasting').draw(stream)

    @property
    def random(self) -> bool:
        """Whether another seed makes it happen otherwise."""
        laws = [self.every, self.lasting]
        return any(law is not None and not str(law).startswith('const:') for law in laws)

    def __str__(self) -> str:
        """As :func:`simulations.faults.parse_fault` reads it."""
        words = [self.kind]
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and not (each.name == 'lasting' and str(value) == _NO_TIME):
                words.append(f'{each.name}={_shown(value)}')
        return ' '.join(words)


@dataclass(frozen=True, kw_only=True)
class _OfWorkers(Fault):
    workers: Workers = 'one'
    """Their numbers from 0, ``'one'`` who is drawn each time, or ``'all'``."""

    @property
    def random(self) -> bool:
        """Whether another seed makes it happen otherwise."""
        return self.workers == 'one' or super().random

    def _check(self) -> None:
        workers: Any = self.workers
        if isinstance(workers, str):
            if workers not in ('one', 'all'):
                raise ValueError(f"workers must be 'one', 'all' or numbers from 0, got {workers!r}")
            return
        numbers = tuple(workers) if isinstance(workers, tuple | list) else (workers,)
        if not numbers:
            raise ValueError(f'{self.kind}: workers must name one at least, got {self.workers!r}')
        self._set('workers', tuple(sorted({whole_number('workers', each) for each in numbers})))

    def whom(self, count: int, stream: Random) -> tuple[int, ...]:
        """The numbers of the workers whom it befalls this time, of so many."""
        if self.workers == 'one':
            return (stream.randrange(count),)
        return self.workers if isinstance(self.workers, tuple) else tuple(range(count))


@dataclass(frozen=True, kw_only=True)
class Crash(_OfWorkers):
    """A worker dies with all that runs in it, and releases nothing; after ``lasting`` seconds another takes its place.

    Example::

        Crash(every='exp:60', workers='one', lasting=2.0)
    """

    kind = 'crash'


@dataclass(frozen=True, kw_only=True)
class Pause(_OfWorkers):
    """A worker stands still: a long garbage collection, a stopped process.  Whatever was due happens at its end."""

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
        """Whether another seed makes it happen otherwise."""
        return self.share < 1 or super().random

    def _check(self) -> None:
        super()._check()
        self._set('share', positive('share', probability('share', self.share)))


@dataclass(frozen=True, kw_only=True)
class LoseRequests(_Lossy):
    """A share of the requests of a worker never reaches the server."""

    kind = 'lose requests'


@dataclass(frozen=True, kw_only=True)
class LoseReplies(_Lossy):
    """A share of the replies never reaches the worker: what it asked for has happened, and it does not know."""

    kind = 'lose replies'


@dataclass(frozen=True, kw_only=True)
class Partition(_OfWorkers):
    """Nothing passes between a worker and the server, either way."""

    kind = 'partition'
    needs_time = True


@dataclass(frozen=True, kw_only=True)
class WorkerClock(_OfWorkers):
    """The clock of a worker jumps ahead by ``by`` seconds, or back if less than 0; and for good if ``lasting`` is 0."""

    kind = 'worker clock'
    by: float = 0.0

    def _check(self) -> None:
        super()._check()
        self._set('by', _finite('by', self.by))


@dataclass(frozen=True, kw_only=True)
class ServerClock(Fault):
    """The clock of the server jumps ahead by ``by`` seconds, or back if less than 0; for good if ``lasting`` is 0."""

    kind = 'server clock'
    by: float = 0.0

    def _check(self) -> None:
        self._set('by', _finite('by', self.by))


@dataclass(frozen=True, kw_only=True)
class ServerPause(Fault):
    """The server answers nobody for a while, and then all: ``CLIENT PAUSE``, or a long command of someone else."""

    kind = 'server pause'
    needs_time = True
    holds_up = True


@dataclass(frozen=True, kw_only=True)
class Restart(Fault):
    """The server is gone for ``lasting`` seconds; its data are ``'kept'`` or ``'lost'``, its scripts are lost."""

    kind = 'restart'
    data: str = 'kept'

    def _check(self) -> None:
        if self.data not in DATA:
            raise ValueError(f"data must be 'kept' or 'lost', got {self.data!r}")


@dataclass(frozen=True, kw_only=True)
class Failover(Fault):
    """A replica takes over after ``lasting`` seconds: the writes of the last ``missing`` seconds did not reach it."""

    kind = 'failover'
    missing: float = 0.0

    def _check(self) -> None:
        self._set('missing', not_negative('missing', self.missing))


@dataclass(frozen=True, kw_only=True)
class FlushScripts(Fault):
    """``SCRIPT FLUSH``: the server forgets the scripts, which clients have to send again."""

    kind = 'flush scripts'


WORKER_FAULTS = (Crash, Pause, Slow, LoseRequests, LoseReplies, Partition, WorkerClock)
SERVER_FAULTS = (ServerClock, ServerPause, Restart, Failover, FlushScripts)
LOSING = (Restart.kind, Failover.kind)
"""The kinds after which a store may be without some of its writes."""
KINDS: dict[str, type[Fault]] = {each.kind: each for each in (*WORKER_FAULTS, *SERVER_FAULTS)}
"""Every kind of fault, by the name that it has in a scenario file."""


def _finite(name: str, value: Any) -> float:
    """A finite number that is not 0."""
    seconds = real_number(name, value)
    _not_too_long(name, abs(seconds) if abs(seconds) < float('inf') else 0.0)
    if not -float('inf') < seconds < float('inf') or not seconds:
        raise ValueError(f'{name} must be finite and not 0, got {value!r}')
    return seconds


def _not_too_long(name: str, seconds: float) -> float:
    """The seconds, if they are no more than a hundred years."""
    if seconds > LONGEST_PAUSE:
        raise ValueError(f'{name} must be at most {LONGEST_PAUSE:.0f} s, a hundred years, got {seconds!r}')
    return seconds


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ','.join(map(_shown, value))
    return number(value) if isinstance(value, float) else str(value)
