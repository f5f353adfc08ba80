"""A pool that refuses when full, in the long run, with expiry and crashes.

With Poisson arrivals it is the loss system M/G/c/c: the share of refused jobs depends only on the
mean time that a job occupies its slot. An expiry cuts that time to ``min(S, T)``; a holder that
crashes leaves its slot until the expiry.
"""

import math
from typing import NamedTuple

from py_cachify.arguments import check_expiration, check_max_size
from simulations.arguments import not_negative, probability
from simulations.distributions import Holding
from simulations.distributions.base import check_slots_are_freed
from simulations.theory.erlang import erlang_b, occupancy_mean


class LossSystem(NamedTuple):
    """The figures in the long run.

    Attributes:
        offered_load: arrivals a second times the mean time that each would occupy a slot, in
            erlangs.
        refusal_share: the share of arrivals that are refused.
        occupancy_mean: the mean number of live slots.
        overrun_mean: the mean number of bodies that run beyond their slot; infinite if the mean
            holding time is.
    """

    offered_load: float
    refusal_share: float
    occupancy_mean: float
    overrun_mean: float


def loss_system(
    rate: float, holding: Holding, max_size: int, slot_exp: float | None, crash_probability: float = 0.0
) -> LossSystem:
    """Return the figures of a pool of ``max_size`` slots with Poisson arrivals that never retry.

    With holding time S and expiry T, a job occupies its slot for min(S, T), or for T if it crashes.
    So the offered load is a = rate ((1-p) E[min(S, T)] + p T), and the refusal share is Erlang's
    B(max_size, a). Nothing limits the bodies beyond their slot: rate (1-B) (1-p) granted jobs a
    second do not crash, and each overruns for max(S-T, 0); by Little's law there are rate (1-B)
    (1-p) E[max(S-T, 0)] of them on average. The instant of a crash does not matter.

    Where the offered load does not fit a float, it is infinite, and every job is refused.

    Args:
        rate: arrivals a second, at least 0.
        holding: the distribution of S.
        max_size: slots of the pool.
        slot_exp: T in seconds, ``None`` if slots never expire. In that case, if there are crashes,
            they take one slot after another forever, and in the long run every job is refused.
        crash_probability: p, the share of holders that crash before they release.

    Raises:
        TypeError, ValueError: an argument is invalid, or slots never expire and the mean holding
            time is infinite.

    Example::

        loss_system(6, parse_holding('exp:1'), max_size=5, slot_exp=0.5).refusal_share  # 0.0596...
    """
    rate, crashing = not_negative('rate', rate), probability('crash_probability', crash_probability)
    check_max_size(max_size)
    check_expiration('slot_exp', slot_exp)
    check_slots_are_freed(holding, slot_exp)
    life = math.inf if slot_exp is None else slot_exp
    occupied = (1 - crashing) * holding.mean_until(life) + (crashing * life if crashing else 0)
    load = rate * occupied if rate else 0.0
    busy = occupancy_mean(max_size, load)
    granted = busy / occupied if occupied else rate
    overrunning = granted * (1 - crashing)
    return LossSystem(
        offered_load=load,
        refusal_share=erlang_b(max_size, load),
        occupancy_mean=busy,
        overrun_mean=overrunning * holding.mean_beyond(life) if overrunning else 0.0,
    )
