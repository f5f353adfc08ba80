"""What queueing theory says of a pool, in closed form.

A pool that refuses when it is full, with Poisson arrivals, is the loss system M/G/c/c: the share of refused
jobs depends on the holding time by its mean alone.  An expiry cuts what a job occupies to ``min(S, T)``.
"""

from typing import NamedTuple

from simulations.holding import Holding


class LossSystem(NamedTuple):
    """What is to be expected in the long run."""

    offered_load: float
    refusal_share: float
    occupancy_mean: float
    overrun_mean: float


def erlang_b(servers: int, load: float) -> float:
    """The share of arrivals that find all ``servers`` busy, at an offered load of ``load`` erlangs.

    By the recursion B(0) = 1, B(c) = a B(c-1) / (c + a B(c-1)), which neither overflows nor cancels.
    A. K. Erlang, "Solution of some problems in the theory of probabilities of significance in automatic
    telephone exchanges", 1917.

    Example::

        erlang_b(5, 3.0)                    # 0.110054...
    """
    blocked = 1.0
    for busy in range(1, servers + 1):
        blocked = load * blocked / (busy + load * blocked)
        if not blocked:
            break
    return blocked


def loss_system(rate: float, holding: Holding, max_size: int, slot_exp: float | None) -> LossSystem:
    """A pool of ``max_size`` slots under Poisson arrivals, ``rate`` a second, that never retry.

    With a life of ``slot_exp`` seconds a job occupies min(S, T), so the offered load is a = rate E[min(S, T)] and
    the refusal share B(max_size, a).  The bodies beyond their slot see no limit: they are rate (1-B) of arrivals
    a second staying max(S-T, 0) each, by Little's law rate (1-B) E[max(S-T, 0)] on average.
    """
    occupied = holding.mean() if slot_exp is None else holding.mean_until(slot_exp)
    load = rate * occupied
    refused = erlang_b(max_size, load)
    return LossSystem(
        offered_load=load,
        refusal_share=refused,
        occupancy_mean=load * (1 - refused),
        overrun_mean=rate * (1 - refused) * (holding.mean() - occupied),
    )
