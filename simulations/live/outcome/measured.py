"""What only a live run can measure."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.units import count


class Recoveries(NamedTuple):
    """The slots of killed holders, as the server showed them; seconds on the wall, one value for each slot.

    Attributes:
        left: from the death of the holder to the expiry of the slot.
        took: from the death until it was seen that the slot was back.
        late: by how much a look that still saw the slot began after its expiry; less than 0 for none.
    """

    left: NDArray[np.float64]
    took: NDArray[np.float64]
    late: NDArray[np.float64]

    def words(self) -> str:
        """How long after its expiry a slot was seen at most."""
        latest = float(self.late.max(initial=0.0))
        since = f'{1000 * latest:.3g} ms or more after' if latest else 'after'
        return f'no look that began {since} an expiry saw the slot'


MANY_LATE = 0.05
"""If more than this share of the jobs start late, the report says that the load was another."""


@dataclass(frozen=True)
class Measured:
    """What was measured besides; seconds on the wall.

    Attributes:
        processes, threads, tasks, speed: as asked for.
        wall: how long the run took, from the first arrival until the last slot was back.
        latency_mean: from the call of an acquire to its return.
        jobs: that asked for a slot.
        late: those that started late, as all threads or tasks of their process were busy when they were due.
        missed: jobs that were due while their worker was dead.
        failed: acquires that ended with an error; such a job leaves.
        not_released: releases that failed, whose slots come back by their expiry.
        errors: what workers saw of that, by name: errors that the library's documentation announces.
        lives: how many workers were started in all.
        killed: how many were killed.
        killed_holding: how many of these held a slot.
        killed_holders: slots that they held.
        accidents: what happened besides, by kind, and restarts by what became of the data.
        looks: how often the server was asked for the size of a pool.
        looks_failed: how often it did not answer.
        sampled_peak: the largest size that it answered.
        sampled_mean: the mean of the sizes, for as long as jobs arrived.
        bodies_peak: the most bodies that were seen to run at once, in all processes, at one instant.
        leaked: slots that were there after all had left and expired, and keys.
        recoveries: of the slots of killed holders.
    """

    processes: int
    threads: int
    tasks: int | None
    speed: float
    wall: float
    latency_mean: float
    jobs: int
    late: int
    missed: int
    failed: int
    not_released: int
    errors: Counter[str]
    lives: int
    killed: int
    killed_holding: int
    killed_holders: int
    accidents: Counter[str]
    looks: int
    looks_failed: int
    sampled_peak: int
    sampled_mean: float
    bodies_peak: int
    leaked: int
    recoveries: Recoveries = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != 'recoveries'}
        plain |= {'errors': dict(self.errors), 'accidents': dict(self.accidents)}
        took, late = self.recoveries.took, self.recoveries.late
        return plain | {
            'recovered': len(took),
            'recovery_mean_seen': float(took.mean()) if len(took) else None,
            'recovery_longest_seen': float(took.max()) if len(took) else None,
            'latest_after_expiry': float(late.max()) if len(late) else None,
        }

    def rows(self) -> list[tuple[str, str]]:
        """In words; what did not occur is left out."""
        threads, tasks = count(self.threads, 'thread', 'threads'), self.tasks
        at_once = threads if tasks is None else count(tasks, 'task', 'tasks')
        processes = count(self.processes, 'process', 'processes')
        pace = 'as fast as life' if self.speed == 1 else f'{self.speed:g} times as fast as life'
        table = [
            ('live', f'{processes} with {at_once} each, {pace}'),
            ('acquires', f'{1000 * self.latency_mean:.3g} ms on average'),
            ('started late', self._started_late()),
            (
                'server asked',
                f'{count(self.looks, "time", "times")} for its size: {self.sampled_peak:,} at most,'
                f' {self.sampled_mean:.4g} on average'
                + (f'; {count(self.looks_failed, "time", "times")} without an answer' if self.looks_failed else ''),
            ),
            ('bodies counted', f'{self.bodies_peak:,} at most at one instant'),
        ]
        if self.killed:
            held = f'{self.killed_holding:,} of them held {count(self.killed_holders, "slot", "slots")}'
            table.append(('killed', f'{count(self.killed, "worker", "workers")}; {held}'))
        if len(self.recoveries.took):
            took = self.recoveries.took
            seen = f'{took.mean():.3g} s after the death on average, {took.max():.3g} s at most'
            table.append(
                ('back', f'{count(len(took), "slot", "slots")} by expiry, seen {seen}; {self.recoveries.words()}')
            )
        if self.missed:
            table.append(('missed', f'{count(self.missed, "job", "jobs")} due while their worker was dead'))
        if self.accidents:
            table.append(
                ('accidents', ', '.join(f'{count:,} {kind}' for kind, count in sorted(self.accidents.items())))
            )
        if self.failed or self.not_released:
            releases = f'{count(self.not_released, "release", "releases")}, whose slots expire'
            table.append(('failed', f'{count(self.failed, "acquire", "acquires")}, whose jobs left; {releases}'))
        if self.errors:
            table.append(('errors', ', '.join(f'{count:,} {name}' for name, count in sorted(self.errors.items()))))
        table.append(
            ('at the end', 'every slot is back, no key is left' if not self.leaked else f'{self.leaked:,} left')
        )
        return table

    def _started_late(self) -> str:
        if not self.late:
            return 'no job'
        words = f'{count(self.late, "job", "jobs")}, as all of their process were busy when they were due'
        if 'pause' in self.accidents:
            words += ', or it stood still'
        if self.late > MANY_LATE * self.jobs:
            # Whoever starts when another ends is never refused: the load is not that of the scenario.
            what = 'threads' if self.tasks is None else 'tasks'
            words += f': not the workload of the scenario any more; more {what} or processes, or a lower speed, keep up'
        return words
