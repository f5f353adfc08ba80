"""The plan of a live run, checked before anything starts, and the conversion between its clocks.

Instants of a scenario are in scenario seconds, which pass ``speed`` times as fast as wall-clock
seconds.  Measured instants are in nanoseconds of ``time.monotonic_ns()``, which on Linux and macOS
is one clock for all processes of a machine.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from py_cachify.arguments import LONGEST_EXPIRATION
from py_cachify.commands import CLAIM, DEADLINE
from simulations.arguments import positive, whole_number
from simulations.distributions.base import check_slots_are_freed
from simulations.distributions.parse import as_holding
from simulations.faults import (
    Crash,
    Failover,
    FlushScripts,
    LoseMessages,
    LoseReplies,
    LoseRequests,
    Partition,
    Pause,
    Restart,
    ServerClock,
    ServerPause,
    Slow,
    WorkerClock,
)
from simulations.scenarios.scenario import Scenario
from simulations.stores.store import STORES, URL_SCHEMES, without_password
from simulations.units import count
from simulations.workloads.patience import is_patience


NANO = 1_000_000_000
TIMEOUT = 5.0
"""How many seconds a worker's client waits for a reply if the scenario sets no network time-out."""
SLEW = 0.0005
"""The largest relative error of a server's clock: the kernel slews it by at most 0.05 %."""
THREADS = 8
"""Threads of each process; in memory, the only process has as many as four processes would."""
PROCESSES = 4

NETWORK_FAULTS = (Slow, Partition, LoseRequests, LoseReplies)
_IMPOSSIBLE = {
    WorkerClock: 'all processes of a machine share one clock',
    ServerClock: 'the clock of a real server is the clock of its machine',
    Failover: 'a single server has no replica that could take over',
    LoseMessages: 'its proxy cannot tell messages from replies',
}
_BREAKING = (*NETWORK_FAULTS, Restart, ServerPause)
"""Faults after which the library or the client library may repeat a completed request."""


class LiveError(Exception):
    """A live run cannot continue: a worker ended unexpectedly, or the run makes no progress."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A live run, as every process that takes part in it knows it.

    Attributes:
        scenario: the scenario, with the seed of the run.
        processes: the number of workers, each of which is a process.
        threads: threads of each process.
        tasks: tasks of each process if it runs asyncio instead of threads; else ``None``.
        speed: scenario seconds that pass in one second.
        span: scenario seconds for which jobs arrive; ``None`` until the scenario has no more jobs.
        store: ``memory``, ``valkey`` or a URL.
        prefix: the prefix of all keys of this run.
        folder: the folder of the notes.
        addresses: for each worker, the URL at which it reaches the server; empty in memory.
    """

    scenario: Scenario
    processes: int
    threads: int
    tasks: int | None
    speed: float
    span: float | None
    store: str
    prefix: str
    folder: Path
    addresses: tuple[str, ...] = ()

    @property
    def in_memory(self) -> bool:
        """Whether the store is the memory of the only worker."""
        return self.store == 'memory'

    @property
    def slot_exp(self) -> float | None:
        """The life of a slot in wall-clock seconds; ``None`` if slots do not expire."""
        return None if self.scenario.slot_exp is None else self.scenario.slot_exp / self.speed

    @property
    def renew_for(self) -> float | None:
        """For how many wall-clock seconds a slot is renewed; ``None`` as long as its body runs."""
        return None if self.scenario.renew_for is None else self.scenario.renew_for / self.speed

    @property
    def renewed(self) -> bool:
        """Whether slots are renewed."""
        return self.renew_for != 0

    @property
    def waits(self) -> bool:
        """Whether jobs wait in the queue of a full pool."""
        return is_patience(self.scenario.wait) or self.scenario.wait != 0

    def wait(self, patience: float | None) -> float | None:
        """Return how many wall-clock seconds a job of this patience waits; ``None``: any time."""
        return None if patience is None else min(patience / self.speed, LONGEST_EXPIRATION)

    @property
    def lingering(self) -> float:
        """For how many scenario seconds a dead waiter can keep its place, and then a claim.

        The store does not know that it is dead, until it has been silent for too long.
        """
        return (DEADLINE + CLAIM) * (1 + SLEW) * self.speed if self.waits else 0.0

    @property
    def timeout(self) -> float:
        """How long a worker's client waits for a reply, in wall-clock seconds."""
        network = self.scenario.network
        return TIMEOUT if network is None else network.timeout / self.speed

    @property
    def retries(self) -> int:
        """How often a worker's client repeats a failed request itself."""
        return 0 if self.scenario.network is None else self.scenario.network.retries

    @property
    def may_repeat(self) -> bool:
        """Whether the client, or the library after a failure, may send a request twice."""
        return self.retries > 0 or any(isinstance(fault, _BREAKING) for fault in self.scenario.faults)

    @property
    def loops(self) -> int:
        """How many jobs a process runs at the same time."""
        return self.threads if self.tasks is None else self.tasks

    def nanoseconds(self, seconds: float) -> int:
        """Convert scenario seconds to wall-clock nanoseconds."""
        return round(seconds / self.speed * NANO)

    def seconds(self, nanoseconds: float) -> float:
        """Convert wall-clock nanoseconds to scenario seconds."""
        return nanoseconds * self.speed / NANO


def check(
    scenario: Scenario,
    *,
    processes: int | None,
    threads: int | None,
    tasks: int | None,
    seconds: float | None,
    speed: float,
    store: str,
) -> tuple[int, int]:
    """Return the number of processes and of threads in each, if this live run is possible.

    Raises:
        TypeError, ValueError: the run is not possible; the message says why.
    """
    if not isinstance(scenario, Scenario):
        raise TypeError(f'a live run needs a Scenario, such as Scenario.load(...), not {scenario!r}')
    if not hasattr(os, 'fork'):
        raise ValueError('a live run starts its workers with fork(), which exists only on Linux and macOS')
    positive('speed', speed)
    if threads is None:
        threads = THREADS * PROCESSES if store == 'memory' else THREADS
    whole_number('threads', threads, 1)
    if tasks is not None:
        whole_number('tasks', tasks, 1)
    if seconds is not None:
        positive('seconds', seconds)
    if not isinstance(store, str):
        raise TypeError(f'store must be a name or a URL that every process can open, not {store!r}')
    if store not in ('memory', 'valkey') and not store.startswith(URL_SCHEMES):
        raise ValueError(
            f'a live run cannot use the store {without_password(store)!r}: choose {STORES.replace("fakeredis, ", "")}'
        )
    if processes is None:
        processes = scenario.workers if scenario.workers > 1 else 1 if store == 'memory' else PROCESSES
    whole_number('processes', processes, 1)
    if store == 'memory' and processes > 1:
        raise ValueError(
            f'processes must be 1 with store memory, because processes share no memory, got {processes}:'
            ' choose --store valkey or a URL for more'
        )
    if scenario.conditions().resized:
        raise ValueError(
            f'a live run has a pool of one size, but max_size {scenario.max_size} changes in time: choose one, such as'
            f' {int(scenario.max_size)}'
        )
    if scenario.protocol is not None:
        raise ValueError(
            f'the protocol {scenario.protocol} can only be simulated, because a live run uses the library as shipped'
        )
    if scenario.holding is not None:
        check_slots_are_freed(as_holding('holding', scenario.holding), scenario.slot_exp, scenario.renew_for)
    _check_faults(scenario, processes, store)
    return processes, threads


def _check_faults(scenario: Scenario, processes: int, store: str) -> None:
    for fault in scenario.faults:
        for kind, why in _IMPOSSIBLE.items():
            if isinstance(fault, kind):
                raise ValueError(f'a live run cannot do {fault.kind}, because {why}: use `pool-sim run`')  # noqa: TRY004
        if store == 'memory' and not isinstance(fault, Pause):
            raise ValueError(
                f'{fault.kind} needs a server and several processes, which store memory lacks: choose --store valkey'
            )
        if isinstance(fault, Restart | ServerPause | FlushScripts) and store != 'valkey':
            raise ValueError(
                f'{fault.kind} could harm other users of the server {without_password(store)}: choose --store valkey'
            )
        if isinstance(fault, NETWORK_FAULTS) and store.startswith('rediss://'):
            raise ValueError(
                f'{fault.kind} needs a proxy, which cannot be put into the encrypted connections of a rediss:// URL:'
                ' choose --store valkey'
            )
        numbers = getattr(fault, 'workers', ())
        if not isinstance(numbers, str) and (missing := [each for each in numbers if each >= processes]):
            raise ValueError(
                f'{fault.kind} names worker {missing[0]}, but with {count(processes, "process", "processes")}'
                f' the last worker is {processes - 1}'
            )


def needs_proxy(scenario: Scenario) -> bool:
    """Return whether a fault of the scenario needs a proxy between the workers and the server."""
    return any(isinstance(fault, NETWORK_FAULTS) for fault in scenario.faults)


def kills(scenario: Scenario) -> bool:
    """Return whether a fault of the scenario kills workers."""
    return any(isinstance(fault, Crash) for fault in scenario.faults)
