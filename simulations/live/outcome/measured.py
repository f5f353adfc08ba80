"""The measurements that only a live run can make."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.units import count


class Recoveries(NamedTuple):
    """When the slots of killed holders were freed: wall-clock seconds, one value for each slot.

    Attributes:
        left: from the death of the holder to the expiry of the slot.
        took: from the death of the holder until a look at the server no longer saw the slot.
    """

    left: NDArray[np.float64]
    took: NDArray[np.float64]


MANY_LATE = 0.05
"""The share of late jobs above which the report says that the load was not the scenario's."""


@dataclass(frozen=True)
class Measured:
    """The live measurements; times are in wall-clock seconds.

    Attributes:
        processes, threads, tasks, speed: as requested.
        wall: how long the run took, from the first arrival until the last slot was free.
        latency_mean: the mean time from the call of an acquire to its first answer: a slot, a
            refusal or a place in the queue.
        jobs: jobs that asked for a slot.
        late: jobs that started late, because all threads or tasks of their process were busy when
            they were due.
        missed: jobs that were due while their worker was dead.
        failed: acquires that ended with an error; such a job leaves.
        not_released: releases that failed; their slots are freed when they expire.
        errors: the documented errors that workers met, counted by name.
        lives: how many workers were started in total.
        killed: how many workers were killed.
        killed_holding: how many of these held a slot.
        killed_holders: how many slots these held.
        accidents: the accidents, counted by kind, and restarts also by whether the data was kept.
        looks: how often the server was asked for the size of a pool.
        looks_failed: how often it did not answer.
        sampled_peak: the largest size that it answered.
        sampled_mean: the mean of the sizes while jobs arrived.
        bodies_peak: the most bodies seen to run at one instant, in all processes together.
        leaked: slots that were left when all should have been released or have expired; if there
            were none, keys that were left.
        recoveries: when the slots of killed holders were freed.
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
        """Return the measurements as plain values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != 'recoveries'}
        plain |= {'errors': dict(self.errors), 'accidents': dict(self.accidents)}
        took = self.recoveries.took
        return plain | {
            'recovered': len(took),
            'recovery_mean_seen': float(took.mean()) if len(took) else None,
            'recovery_longest_seen': float(took.max()) if len(took) else None,
        }

    def rows(self) -> list[tuple[str, str]]:
        """Return the rows of the report; rows for what did not occur are left out."""
        threads, tasks = count(self.threads, 'thread', 'threads'), self.tasks
        at_once = threads if tasks is None else count(tasks, 'task', 'tasks')
        processes = count(self.processes, 'process', 'processes')
        pace = 'in real time' if self.speed == 1 else f'{self.speed:g} times real time'
        table = [
            ('live', f'{processes} with {at_once} each, {pace}'),
            ('acquires', f'{1000 * self.latency_mean:.3g} ms on average'),
            ('started late', self._started_late()),
            (
                'size queried',
                f'{count(self.looks, "time", "times")}: {self.sampled_peak:,} at most,'
                f' {self.sampled_mean:.4g} on average'
                + (f'; {count(self.looks_failed, "query", "queries")} without an answer' if self.looks_failed else ''),
            ),
            ('bodies counted', f'{self.bodies_peak:,} at most at one instant'),
        ]
        if self.killed:
            held = f'{self.killed_holding:,} of them held {count(self.killed_holders, "slot", "slots")} in total'
            table.append(('killed', f'{count(self.killed, "worker", "workers")}; {held}'))
        if len(self.recoveries.took):
            took = self.recoveries.took
            seen = f'{took.mean():.3g} s after the death of the holder on average, {took.max():.3g} s at most'
            slots = count(len(took), 'slot', 'slots')
            table.append(('freed', f'{slots} by expiry, seen free {seen}'))
        if self.missed:
            table.append(('missed', f'{count(self.missed, "job", "jobs")} due while their worker was dead'))
        if self.accidents:
            table.append(
                ('accidents', ', '.join(f'{kind} ({count:,})' for kind, count in sorted(self.accidents.items())))
            )
        if self.failed or self.not_released:
            releases = f'{count(self.not_released, "release", "releases")} (slots freed by expiry)'
            table.append(('failed', f'{count(self.failed, "acquire", "acquires")} (jobs left); {releases}'))
        if self.errors:
            table.append(('errors', ', '.join(f'{name} ({count:,})' for name, count in sorted(self.errors.items()))))
        table.append(
            ('at the end', 'every slot is free, no key is left' if not self.leaked else f'{self.leaked:,} left')
        )
        return table

    def _started_late(self) -> str:
        if not self.late:
            return 'no job'
        unit = 'threads' if self.tasks is None else 'tasks'
        words = f'{count(self.late, "job", "jobs")}, because all {unit} of the process were busy'
        if 'pause' in self.accidents:
            words += ' or the process was paused'
        if self.late > MANY_LATE * self.jobs:
            # A job that starts when another ends is never refused, so this is another load.
            words += f'; this is no longer the workload of the scenario: use more {unit} or processes, or a lower speed'
        return words
