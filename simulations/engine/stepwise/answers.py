"""What a job that asks for a slot comes away with."""

from dataclasses import dataclass

from py_cachify.protocols import Lease


@dataclass(frozen=True, slots=True)
class Granted:
    """A slot, which ``lease`` gives back."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing: the pool is full."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """An error: no reply came, so that the job does not know."""


Answered = Granted | Refused | Unanswered
