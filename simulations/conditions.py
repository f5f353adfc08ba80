"""The conditions of a run: the pool, what refused jobs do, who runs the jobs, and the faults.

They are one value that is checked once and passed on unchanged, so every part of a run uses the
same.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from py_cachify.arguments import check_expiration, check_max_size
from simulations.arguments import probability, whole_number
from simulations.faults import Crash, Fault
from simulations.faults.network import Network
from simulations.measuring.pace import Pace
from simulations.stores.protocols import PROTOCOLS
from simulations.theory.expectation import WITHOUT_FAULTS, Expectation, expect
from simulations.theory.pace import pace_of
from simulations.workloads.refusals import Leave, Retry
from simulations.workloads.synthetic import Synthetic
from simulations.workloads.workload import Workload


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """The conditions under which a workload runs.

    Args:
        max_size: the number of slots of each pool.
        slot_exp: the life of a slot in seconds; ``None`` for a slot that never expires.
        on_refusal: what a refused job does.
        crash_probability: the share of holders that crash before they release, from 0 to 1.
        workers: the number of processes that run the jobs, which are dealt to them in turn.
        network: the network between workers and server; ``None`` if commands take no time.
        faults: the faults that happen, see :mod:`simulations.faults`.
        protocol: the protocol for taking slots: one of
            :data:`simulations.stores.protocols.PROTOCOLS`, or ``None`` for the one that the store
            uses.
        seed: the seed of crashes, pauses, network and faults, at least 0.

    Raises:
        TypeError, ValueError: a value is not allowed, or does not fit the others; the message names
            it.

    Example::

        Conditions(max_size=5, slot_exp=0.5, on_refusal=Retry('exp:1'))
    """

    max_size: int
    slot_exp: float | None = None
    on_refusal: Leave | Retry = Leave()  # noqa: RUF009 - it is frozen
    crash_probability: float = 0.0
    workers: int = 1
    network: Network | None = None
    faults: Sequence[Fault] = ()
    protocol: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        self._set('max_size', check_max_size(self.max_size))
        check_expiration('slot_exp', self.slot_exp)
        # Sums of integers and of floats differ, and a server stores floats only.
        self._set('slot_exp', None if self.slot_exp is None else float(self.slot_exp))
        self._set('crash_probability', probability('crash_probability', self.crash_probability))
        self._set('workers', whole_number('workers', self.workers, 1))
        self._set('seed', whole_number('seed', self.seed))
        if not isinstance(self.on_refusal, Leave | Retry):
            raise TypeError(f'on_refusal must be Leave() or Retry(...), not {self.on_refusal!r}')
        if not isinstance(self.network, Network | None):
            raise TypeError(f'network must be a Network(...), not {self.network!r}')
        self._check_faults()
        self._check_protocol()
        self._check_that_jobs_end()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _check_faults(self) -> None:
        self._set('faults', tuple(self.faults))
        for fault in self.faults:
            if not isinstance(fault, Fault):
                raise TypeError(f'faults must come from simulations.faults, such as Crash(at=10.0), not {fault!r}')
            targets = getattr(fault, 'workers', ())
            if not isinstance(targets, str) and (missing := [each for each in targets if each >= self.workers]):
                raise ValueError(
                    f'{fault.kind}: there is no worker {missing[0]}: with workers={self.workers} the highest number'
                    f' is {self.workers - 1}'
                )

    def _check_protocol(self) -> None:
        if self.protocol is None:
            return
        if self.protocol not in PROTOCOLS:
            raise ValueError(f'protocol must be one of {", ".join(PROTOCOLS)}, got {self.protocol!r}')
        if self.slot_exp is None and self.protocol != 'nx':
            raise ValueError(f'the protocol {self.protocol} needs slot_exp, a number of seconds')

    def _check_that_jobs_end(self) -> None:
        """Refuse conditions in which jobs would retry forever for slots that are never freed."""
        if self.slot_exp is not None or not self.on_refusal.endless:
            return
        if self.crash_probability:
            lost = f'with crash_probability {self.crash_probability!r}, the slots of crashed holders'
        elif self.faults:
            lost = 'the slots that a fault leaves behind'
        else:
            return
        raise ValueError(
            f'{lost} are never freed without slot_exp, and jobs would retry forever: set slot_exp, or tries in'
            ' on_refusal'
        )

    @property
    def stepwise(self) -> bool:
        """Whether commands take time or may fail, so that they must run one by one."""
        return self.network is not None or bool(self.faults) or self.protocol is not None

    def steady(self, workload: Workload) -> bool:
        """Return whether the law is the same throughout.

        If so, a mean after the warm-up estimates the mean in the long run.
        """
        return workload.steady and not any(fault.at is not None for fault in self.faults)

    def pace(self, workload: Workload) -> Pace | None:
        """Return how fast the pool forgets its past; ``None`` if the workload has no known laws.

        Random crashes of workers count as crashes of so many holders.
        """
        crashing = self.crash_probability
        if isinstance(workload, Synthetic):
            body = workload.holding.mean_until(math.inf if self.slot_exp is None else self.slot_exp)
            crashes = [fault for fault in self.faults if isinstance(fault, Crash) and fault.every is not None]
            crashing += sum(body / fault.mean_interval for fault in crashes)
        return pace_of(workload, self.max_size, self.slot_exp, self.on_refusal, min(1.0, crashing))

    def expect(self, workload: Workload) -> Expectation | str:
        """Return what theory expects in the long run, or a sentence that says why none applies."""
        if self.stepwise:
            return WITHOUT_FAULTS
        return expect(workload, self.max_size, self.slot_exp, self.on_refusal, self.crash_probability)
