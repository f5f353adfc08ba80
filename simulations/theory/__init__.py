"""Formulas of queueing theory for a pool, to compare with measurements.

====================  ============================================================================
a pool that ...       is
====================  ============================================================================
refuses when full     the loss system M/G/c/c: :func:`loss_system`, :func:`erlang_b`,
                      :func:`occupancy_distribution`; how large it must be: :func:`max_size_for`,
                      :func:`load_for`
has few clients       Engset's system: :func:`engset`, :func:`engset_occupancy`
makes jobs queue      M/M/c: :func:`erlang_c`, :func:`mean_wait`, :func:`wait_beyond`,
                      :func:`wait_quantile`
is left by impatient  M/M/c+G, such as Erlang A, and M/M/c/K if the queue has a bound:
jobs                  :func:`simulations.theory.queue.queue_system`
makes other jobs      M/G/1: :func:`simulations.theory.general.pollaczek_khinchine`; for more slots
queue                 the approximation :func:`simulations.theory.general.allen_cunneen`
makes jobs retry      M/M/c with retries: :func:`retrials`
====================  ============================================================================

Loads are in erlangs: arrivals a second times the mean number of seconds that each holds a slot.  A
number of servers is at most :data:`py_cachify.arguments.LARGEST_SIZE`, as that of slots.
"""

from simulations.theory.engset import Engset, engset, engset_occupancy
from simulations.theory.erlang import (
    erlang_b,
    erlang_c,
    load_for,
    max_size_for,
    mean_wait,
    occupancy_distribution,
    wait_beyond,
    wait_quantile,
)
from simulations.theory.loss import LossSystem, loss_system
from simulations.theory.retrial import Retrials, retrials


__all__ = [
    'Engset',
    'LossSystem',
    'Retrials',
    'engset',
    'engset_occupancy',
    'erlang_b',
    'erlang_c',
    'load_for',
    'loss_system',
    'max_size_for',
    'mean_wait',
    'occupancy_distribution',
    'retrials',
    'wait_beyond',
    'wait_quantile',
]
