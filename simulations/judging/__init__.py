"""Judge what clients received, without trusting the instants: recorded calls and returns.

A simulation with faults and a live run record the same values, :class:`Call`. :func:`judge` reports
which promises were broken and which named limits showed. :func:`linearizable` checks entire
histories, within a stated bound.
"""

from simulations.judging.calls import (
    FAILED,
    GRANTED,
    REFUSED,
    RELEASED,
    RENEWED,
    TOO_LATE,
    UNKNOWN,
    Call,
    read_calls,
    write_calls,
)
from simulations.judging.judge import TAKEN_TWICE, Judged, Seen, judge
from simulations.judging.linear import Linearity, linearizable
from simulations.judging.terms import Loss, StoreClock, Terms


__all__ = [
    'FAILED',
    'GRANTED',
    'REFUSED',
    'RELEASED',
    'RENEWED',
    'TAKEN_TWICE',
    'TOO_LATE',
    'UNKNOWN',
    'Call',
    'Judged',
    'Linearity',
    'Loss',
    'Seen',
    'StoreClock',
    'Terms',
    'judge',
    'linearizable',
    'read_calls',
    'write_calls',
]
