"""The possible outcomes of an acquire, as the job sees them."""

from dataclasses import dataclass

from py_cachify.protocols import Lease, NoLease


@dataclass(frozen=True, slots=True)
class Granted:
    """The job has a slot; ``lease`` releases it."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Refused:
    """The job has no slot; ``why`` is ``None`` if the pool is full."""

    why: NoLease = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The job does not know whether it has a slot: no reply came."""


Answered = Granted | Refused | Unanswered
