"""What a pool that refuses when full does in the long run, expiry and crashes included.

With Poisson arrivals it is the loss system M/G/c/c: the share of refused jobs depends on how long a job occupies
its slot by the mean alone.  An expiry cuts that to ``min(S, T)``; a holder that crashes without a release leaves
its slot to the expiry.
"""

import math
from typing import NamedTuple

from py_cachify.arguments import check_expiration, check_max_size
from simulations.arguments import not_negative, probability
from simulations.distributions import Holding
from simulations.theory.erlang import accepted_share, erlang_b


class LossSystem(NamedTuple):
    """What is to be expected in the long run.

    Attributes:
        offered_load: arrivals a second times the mean time that each would occupy a slot, in erlangs.
        refusal_share: of arrivals.
        occupancy_mean: live slots.
        overrun_mean: bodies that run beyond their slot.
    """

    offered_load: float
    refusal_share: float
    occupancy_mean: float
    overrun_mean: float


def loss_system(
    rate: float, holding: Holding, max_size: int, slot_exp: float | None, crash_probability: float = 0.0
) -> LossSystem:
    """A pool of ``max_size`` slots under Poisson arrivals that never retry.

    With holding time S and expiry T, a job occupies min(S, T), or T if it crashes, so the offered load is
    a = rate ((1-p) E[min(S, T)] + p T) and the refusal share is Erlang's B(max_size, a).  The bodies beyond their
    slot see no limit: of rate (1-B) (1-p) granted jobs a second that do not crash each stays max(S-T, 0), by
    Little's law rate (1-B) (1-p) E[max(S-T, 0)] on average.  When a holder crashes does not matter.

    Args:
        rate: arrivals a second, at least 0.
        holding: the distribution of S.
        max_size: slots of the pool.
        slot_exp: T in seconds, ``None`` for never: then crashes, if there are any, take one slot after the other
            for ever, and in the long run everything is refused.
        crash_probability: p, the share of holders that crash before they release.

    Raises:
        TypeError, ValueError: an argument is not so.

    Example::

        loss_system(6, parse_holding('exp:1'), max_size=5, slot_exp=0.5).refusal_share      # 0.0596...
    """
    rate, crashing = not_negative('rate', rate), probability('crash_probability', crash_probability)
    check_max_size(max_size)
    check_expiration('slot_exp', slot_exp)
    life = math.inf if slot_exp is None else slot_exp
    occupied = (1 - crashing) * holding.mean_until(life) + (crashing * life if crashing else 0)
    load = rate * occupied if rate else 0.0
    accepted = accepted_share(max_size, load)
    return LossSystem(
        offered_load=load,
        refusal_share=erlang_b(max_size, load),
        occupancy_mean=load * accepted if load < math.inf else float(max_size),
        overrun_mean=rate * accepted * (1 - crashing) * holding.mean_beyond(life),
    )
