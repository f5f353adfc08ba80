"""What a live run is asked to do, checked before anything starts, and how its clock goes.

Instants of a scenario are in its own seconds, which pass ``speed`` times as fast as those of a clock on the wall.
Instants that are measured are in nanoseconds of ``time.monotonic_ns()``, which on Linux and macOS is one clock for all
processes of a machine.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from simulations.arguments import positive, whole_number
from simulations.faults import (
    Crash,
    Failover,
    FlushScripts,
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


NANO = 1_000_000_000
TIMEOUT = 5.0
"""Seconds after which a worker's client waits no longer for a reply, where the scenario has no network that says so."""
THREADS = 8
"""Of each process; in memory, where there is only one, as many as four processes have."""
PROCESSES = 4

NETWORK_FAULTS = (Slow, Partition, LoseRequests, LoseReplies)
_IMPOSSIBLE = {
    WorkerClock: 'no process has a clock of its own on one machine',
    ServerClock: 'the clock of a real server is that of its machine',
    Failover: 'one server has no replica that could take over',
}
_BREAKING = (*NETWORK_FAULTS, Restart, ServerPause)
"""After these the library, or a driver, may ask a second time for what has happened already."""


class LiveError(Exception):
    """A live run cannot go on: a worker ended of itself, or nothing happens any more."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A live run, as every process that takes part in it knows it.

    Attributes:
        scenario: with the seed of the run.
        processes: workers, each a process.
        threads: of each process.
        tasks: of each process, where it runs asyncio in place of threads.
        speed: seconds of the scenario that pass in a second.
        span: seconds of the scenario for which jobs arrive; ``None`` for as long as it has jobs.
        store: ``memory``, ``valkey`` or a URL.
        prefix: of all keys of this run.
        folder: where notes are taken.
        addresses: for each worker the URL under which it finds the server; none in memory.
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
        """Whether the store is the memory of the one worker."""
        return self.store == 'memory'

    @property
    def slot_exp(self) -> float | None:
        """The life of a slot in seconds on the wall."""
        return None if self.scenario.slot_exp is None else self.scenario.slot_exp / self.speed

    @property
    def timeout(self) -> float:
        """Seconds on the wall that a worker's client waits for a reply."""
        network = self.scenario.network
        return TIMEOUT if network is None else network.timeout / self.speed

    @property
    def retries(self) -> int:
        """How often a worker's client asks again by itself."""
        return 0 if self.scenario.network is None else self.scenario.network.retries

    @property
    def may_repeat(self) -> bool:
        """Whether a request may be sent twice, by the client itself or by the library after a broken connection."""
        return self.retries > 0 or any(isinstance(fault, _BREAKING) for fault in self.scenario.faults)

    @property
    def loops(self) -> int:
        """How many jobs a process runs at once."""
        return self.threads if self.tasks is None else self.tasks

    def nanoseconds(self, seconds: float) -> int:
        """Seconds of the scenario as nanoseconds on the wall."""
        return round(seconds / self.speed * NANO)

    def seconds(self, nanoseconds: float) -> float:
        """Nanoseconds on the wall as seconds of the scenario."""
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
    """How many processes there will be, and how many threads of each, if all this can be done here.

    Raises:
        TypeError, ValueError: it cannot; the sentence says what is in the way.
    """
    if not isinstance(scenario, Scenario):
        raise TypeError(f'a live run needs a Scenario, not {scenario!r}: Scenario.load(...) reads one')
    if not hasattr(os, 'fork'):
        raise ValueError('a live run starts its workers by fork(), which exists on Linux and macOS only')
    positive('speed', speed)
    if threads is None:
        threads = THREADS * PROCESSES if store == 'memory' else THREADS
    whole_number('threads', threads, 1)
    if tasks is not None:
        whole_number('tasks', tasks, 1)
    if seconds is not None:
        positive('seconds', seconds)
    if not isinstance(store, str):
        raise TypeError(f'store must be a name or a URL, which every process can open, not {store!r}')
    if store not in ('memory', 'valkey') and not store.startswith(URL_SCHEMES):
        raise ValueError(
            f'a live run cannot be on {without_password(store)!r}: choose {STORES.replace("fakeredis, ", "")}'
        )
    if processes is None:
        processes = scenario.workers if scenario.workers > 1 else 1 if store == 'memory' else PROCESSES
    whole_number('processes', processes, 1)
    if store == 'memory' and processes > 1:
        raise ValueError(f'processes must be 1 in memory, which they do not share, got {processes}: choose a server')
    if scenario.protocol is not None:
        raise ValueError(f'the protocol {scenario.protocol} is simulated only: a live run uses the library as it is')
    _check_faults(scenario, processes, store)
    return processes, threads


def _check_faults(scenario: Scenario, processes: int, store: str) -> None:
    for fault in scenario.faults:
        for kind, why in _IMPOSSIBLE.items():
            if isinstance(fault, kind):
                raise ValueError(f'{fault.kind}: {why}, so a live run cannot do it: `pool-sim run` can')  # noqa: TRY004
        if store == 'memory' and not isinstance(fault, Pause):
            raise ValueError(f'{fault.kind}: in memory there is only one process and no server: choose --store valkey')
        if isinstance(fault, Restart | ServerPause | FlushScripts) and store != 'valkey':
            raise ValueError(
                f'{fault.kind}: others may use the server {without_password(store)}: choose --store valkey'
            )
        if isinstance(fault, NETWORK_FAULTS) and store.startswith('rediss://'):
            raise ValueError(f'{fault.kind}: nothing can stand between the ends of an encrypted connection')
        numbers = getattr(fault, 'workers', ())
        if not isinstance(numbers, str) and (missing := [each for each in numbers if each >= processes]):
            raise ValueError(f'{fault.kind}: there is no worker {missing[0]} where there are {processes} processes')


def needs_proxy(scenario: Scenario) -> bool:
    """Whether something must stand between the workers and the server."""
    return any(isinstance(fault, NETWORK_FAULTS) for fault in scenario.faults)


def kills(scenario: Scenario) -> bool:
    """Whether workers are killed."""
    return any(isinstance(fault, Crash) for fault in scenario.faults)
