"""What goes wrong in a run: faults as values, listed in a scenario, which befall workers, network and server."""

from simulations.faults.kinds import (
    KINDS,
    SERVER_FAULTS,
    WORKER_FAULTS,
    Crash,
    Failover,
    Fault,
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
    Workers,
)
from simulations.faults.table import fault_from, table_of


__all__ = [
    'KINDS',
    'SERVER_FAULTS',
    'WORKER_FAULTS',
    'Crash',
    'Failover',
    'Fault',
    'FlushScripts',
    'LoseReplies',
    'LoseRequests',
    'Partition',
    'Pause',
    'Restart',
    'ServerClock',
    'ServerPause',
    'Slow',
    'WorkerClock',
    'Workers',
    'fault_from',
    'table_of',
]
