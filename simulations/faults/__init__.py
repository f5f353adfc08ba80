"""Define faults of workers, network and server as values, which a scenario lists."""

from simulations.faults.kinds import (
    KINDS,
    LOSING,
    SERVER_FAULTS,
    WORKER_FAULTS,
    Crash,
    Failover,
    Fault,
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
    Workers,
)
from simulations.faults.parse import parse_fault
from simulations.faults.table import fault_from, table_of


__all__ = [
    'KINDS',
    'LOSING',
    'SERVER_FAULTS',
    'WORKER_FAULTS',
    'Crash',
    'Failover',
    'Fault',
    'FlushScripts',
    'LoseMessages',
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
    'parse_fault',
    'table_of',
]
