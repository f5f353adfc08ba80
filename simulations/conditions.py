"""The conditions of a run: the pool, what refused jobs do, who runs the jobs, and the faults.

They are one value that is checked once and passed on unchanged, so every part of a run uses the
same.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from py_cachify.arguments import check_expiration, check_max_waiting
from simulations.arguments import not_negative, probability, whole_number
from simulations.faults import Crash, Fault
from simulations.faults.network import Network
from simulations.measuring.pace import Pace
from simulations.stores.protocols import PROTOCOLS
from simulations.theory.expectation import WITHOUT_FAULTS, Expectation, expect, expect_renewed
from simulations.theory.pace import pace_of, pace_of_renewed
from simulations.workloads.patience import Wait, as_wait, is_patience
from simulations.workloads.refusals import Leave, Retry
from simulations.workloads.sizes import Sizes, as_sizes
from simulations.workloads.synthetic import Synthetic
from simulations.workloads.workload import Workload


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """The conditions under which a workload runs.

    Args:
        max_size: the number of slots of each pool, or its sizes over time, see
            :mod:`simulations.workloads.sizes`.
        slot_exp: the life of a slot in seconds; ``None`` for a slot that never expires.
        renew_for: for how many seconds a holder renews its slot; 0 for not at all, ``None`` for as
            long as its body runs.
        wait: for how many seconds a job waits in the queue of a full pool, 0 for not at all;
            ``None`` for as long as it takes; or the distribution from which each job's patience is
            drawn. A job whose time is up is refused.
        max_waiting: how many jobs may wait at each pool already when one more asks; ``None`` for
            any number. One too many is refused.
        wait_within: also measure which share of the jobs got a slot within so many seconds;
            ``None`` for no such figure.
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
    renew_for: float | None = 0.0
    wait: Wait = 0.0
    max_waiting: int | None = None
    wait_within: float | None = None
    on_refusal: Leave | Retry = Leave()  # noqa: RUF009 - it is frozen
    crash_probability: float = 0.0
    workers: int = 1
    network: Network | None = None
    faults: Sequence[Fault] = ()
    protocol: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        self._set('max_size', as_sizes(self.max_size))
        check_expiration('slot_exp', self.slot_exp)
        # Sums of integers and of floats differ, and a server stores floats only.
        self._set('slot_exp', None if self.slot_exp is None else float(self.slot_exp))
        if self.renew_for is not None:
            self._set('renew_for', not_negative('renew_for', self.renew_for))
        self._set('crash_probability', probability('crash_probability', self.crash_probability))
        self._set('workers', whole_number('workers', self.workers, 1))
        self._set('seed', whole_number('seed', self.seed))
        if not isinstance(self.on_refusal, Leave | Retry):
            raise TypeError(f'on_refusal must be Leave() or Retry(...), not {self.on_refusal!r}')
        if not isinstance(self.network, Network | None):
            raise TypeError(f'network must be a Network(...), not {self.network!r}')
        self._set('wait', as_wait(self.wait))
        self._set('max_waiting', check_max_waiting(self.max_waiting))
        if self.wait_within is not None:
            self._set('wait_within', not_negative('wait_within', self.wait_within))
        self._check_faults()
        self._check_protocol()
        self._check_renewal()
        self._check_waiting()
        if self.resized and self.stepwise:
            raise ValueError(
                f'max_size {self.max_size} changes in time, but a run with network, faults or protocol has one size:'
                ' give one, or omit these'
            )
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

    def _check_renewal(self) -> None:
        if not self.renewed:
            return
        if self.slot_exp is None:
            raise ValueError(
                f'renew_for needs slots that expire, but slot_exp is None: set slot_exp to a number of seconds, or omit'
                f' renew_for (got {self.renew_for!r})'
            )
        if self.protocol is not None:
            raise ValueError(
                f'the protocol {self.protocol} cannot renew a slot: omit renew_for (got {self.renew_for!r}), or the'
                ' protocol'
            )

    def _check_waiting(self) -> None:
        if not self.waits:
            if self.max_waiting is not None:
                raise ValueError(
                    f'max_waiting needs jobs that wait, but wait is 0: set wait to a number of seconds, or to None for'
                    f' as long as it takes, or omit max_waiting (got {self.max_waiting!r})'
                )
            return
        if self.protocol is None:
            return
        if PROTOCOLS[self.protocol].steps.wait is None:
            raise ValueError(
                f'the protocol {self.protocol} cannot wait for a slot: omit wait (got {self.wait!r}), or the protocol'
            )
        if self.max_waiting is not None and PROTOCOLS[self.protocol].steps.queue_size is None:
            raise ValueError(
                f'the protocol {self.protocol} keeps no queue, so it cannot limit one: omit max_waiting (got'
                f' {self.max_waiting!r}), or the protocol'
            )

    def _check_that_jobs_end(self) -> None:
        """Refuse conditions in which jobs would ask forever for slots that are never freed."""
        if self.slot_exp is not None or not (self.on_refusal.endless or self.wait is None):
            return
        if self.crash_probability:
            lost = f'with crash_probability {self.crash_probability!r}, the slots of crashed holders'
        elif self.faults:
            lost = 'the slots that a fault leaves behind'
        else:
            return
        if self.wait is None:
            raise ValueError(
                f'{lost} are never freed without slot_exp, and jobs would wait forever: set slot_exp, or wait to a'
                ' number of seconds'
            )
        raise ValueError(
            f'{lost} are never freed without slot_exp, and jobs would retry forever: set slot_exp, or tries in'
            ' on_refusal'
        )

    @property
    def resized(self) -> bool:
        """Whether the size of the pool changes in time."""
        return isinstance(self.max_size, Sizes)

    def size_at(self, seconds: float, job: int) -> int:
        """Return the ``max_size`` that a job passes, so many seconds after the first arrival.

        ``job`` is its number, or that of its client; jobs are dealt to the workers in turn.
        """
        if isinstance(self.max_size, Sizes):
            return self.max_size.at(seconds, job % self.workers, self.workers)
        return self.max_size

    @property
    def waits(self) -> bool:
        """Whether jobs wait in a queue if they find the pool full."""
        return is_patience(self.wait) or self.wait != 0

    @property
    def patience(self) -> float:
        """The seconds after which all waiting jobs give up; infinite if they differ or never do."""
        wait = self.wait
        return float(wait) if isinstance(wait, int | float) and wait > 0 else math.inf

    @property
    def renewed(self) -> bool:
        """Whether holders renew their slots."""
        return self.renew_for != 0

    def held_for(self, holding: float) -> float:
        """Return for how many seconds a body that takes ``holding`` surely has its slot."""
        if self.slot_exp is None or self.renew_for is None:
            return holding
        return min(holding, max(self.slot_exp, self.renew_for))

    @property
    def stepwise(self) -> bool:
        """Whether commands take time or may fail, so that they must run one by one."""
        return self.network is not None or bool(self.faults) or self.protocol is not None

    def steady(self, workload: Workload) -> bool:
        """Return whether the law is the same throughout.

        If so, a mean after the warm-up estimates the mean in the long run.
        """
        return workload.steady and not self.resized and not any(fault.at is not None for fault in self.faults)

    def pace(self, workload: Workload) -> Pace | None:
        """Return how fast the pool forgets its past; ``None`` if the workload has no known laws.

        Random crashes of workers count as crashes of so many holders.
        """
        if self.resized:
            return None
        crashing = self.crash_probability
        if isinstance(workload, Synthetic):
            body = workload.holding.mean_until(self.held_for(math.inf))
            crashes = [fault for fault in self.faults if isinstance(fault, Crash) and fault.every is not None]
            crashing += sum(body / fault.mean_interval for fault in crashes)
        crashing = min(1.0, crashing)
        if self.renewed and self.slot_exp is not None:
            return pace_of_renewed(
                workload, self.max_size, self.slot_exp, self.renew_for, self.on_refusal, crashing, **self._queue()
            )
        return pace_of(workload, self.max_size, self.slot_exp, self.on_refusal, crashing, **self._queue())

    def expect(self, workload: Workload) -> Expectation | str:
        """Return what theory expects in the long run, or a sentence that says why none applies."""
        if self.stepwise:
            return WITHOUT_FAULTS
        if self.resized:
            return 'The size of the pool changes with time, so there is no long run.'
        if self.renewed:
            return expect_renewed(
                workload, self.max_size, self.renew_for, self.on_refusal, self.crash_probability, **self._queue()
            )
        return expect(workload, self.max_size, self.slot_exp, self.on_refusal, self.crash_probability, **self._queue())

    def _queue(self) -> dict[str, Any]:
        return {'wait': self.wait, 'max_waiting': self.max_waiting}
