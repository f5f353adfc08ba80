"""M/M/c with retries: a refused job does not queue but tries again after a pause until granted.

G. I. Falin and J. G. C. Templeton, "Retrial Queues", 1997, chapter 2. For more than two servers
there is no closed form; the chain of (busy servers, waiting jobs) is truncated where the rest does
not affect any digit.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

from py_cachify.arguments import LARGEST_SIZE
from simulations.arguments import not_negative, positive, whole_number
from simulations.theory.erlang import erlang_b, erlang_c


if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


MOST_LEVELS = 200_000
"""The largest number of waiting jobs computed; with 50 servers this takes several seconds."""
_NEGLIGIBLE = 1e-15
_NEVER = 1e-250
_AT_ONCE = 1e50


class Retrials(NamedTuple):
    """The figures in the long run.

    Attributes:
        all_busy: the share of the time that all servers are busy, which is the share of first
            attempts that are refused.
        refusal_share: the share of all attempts that are refused, repeated ones included.
        waiting_mean: the mean number of jobs between two attempts.
        wait_mean: the mean time from a job's arrival to its grant, in seconds; jobs granted at once
            count as 0.
    """

    all_busy: float
    refusal_share: float
    waiting_mean: float
    wait_mean: float


def retrials(servers: int, load: float, retry_rate: float, holding_mean: float = 1.0) -> Retrials:
    """Return the figures for a pool whose refused jobs retry until they are granted a slot.

    Arrivals are Poisson; holding times and the pauses between attempts are exponential. Without
    pauses this would be M/M/c: the longer the pauses, the fewer jobs find all servers busy and the
    longer they wait. If the load is at least ``servers``, the number of waiting jobs grows without
    bound, and the limits are returned.

    Args:
        servers: the number of servers, at least 1; fast for up to a few hundred.
        load: offered load of the arrivals in erlangs, at least 0.
        retry_rate: attempts a second of each waiting job, more than 0; the mean pause is
            1/retry_rate.
        holding_mean: mean holding time in seconds, more than 0.

    Raises:
        TypeError, ValueError: an argument is invalid, or retries are so slow or the load so close
            to ``servers`` that more than :data:`MOST_LEVELS` jobs may wait.

    Example::

        retrials(5, 3.0, retry_rate=1.0).all_busy       # 0.18275...
    """
    servers = whole_number('servers', servers, 1, LARGEST_SIZE)
    load = not_negative('load', load, infinite=True)
    retry_rate, holding_mean = positive('retry_rate', retry_rate), positive('holding_mean', holding_mean)
    if load >= servers:
        return Retrials(1.0, 1.0, math.inf, math.inf)
    if erlang_c(servers, load) < _NEVER:
        return Retrials(0.0, 0.0, 0.0, 0.0)
    # The unit of time is the mean holding time. Beyond the bound, retries behave like a queue, and
    # numbers may overflow.
    pace = min(retry_rate * holding_mean, _AT_ONCE)
    levels = _first_guess(servers, load, pace)
    while levels <= MOST_LEVELS:
        busy, mass = _solve(servers, load, pace, levels)
        waiting = mass @ list(range(levels + 1))
        if mass[-1] * levels <= _NEGLIGIBLE * (1 - load / servers) * waiting:
            # Retries succeed as often as first attempts fail, so of load + pace N attempts, pace N
            # fail.
            attempts = pace * waiting
            return Retrials(
                all_busy=float(busy.sum()),
                refusal_share=float(attempts / (load + attempts)),
                waiting_mean=float(waiting),
                wait_mean=float(waiting / load * holding_mean),
            )
        levels *= 2
    raise ValueError(
        f'retry_rate {retry_rate!r} and load {load!r} on {servers} servers can make more than {MOST_LEVELS:,} jobs'
        ' wait, which is the limit of this computation: use a higher retry_rate or a smaller load'
    )


def _first_guess(servers: int, load: float, pace: float) -> int:
    """Return the number of waiting jobs to start with.

    At least load B / pace jobs wait on average, and the probability of n falls like (load/c)^n.
    """
    slow = load * erlang_b(servers, load) / pace
    return math.ceil(min(16 + slow + 8 * math.sqrt(slow) + 40 * servers / (servers - load), MOST_LEVELS + 1.0))


def _solve(servers: int, load: float, pace: float, levels: int) -> 'tuple[NDArray[np.float64], NDArray[np.float64]]':
    """Return the probability of each number of waiting jobs, with all servers busy and in total.

    There is one value of each for 0 to ``levels`` waiting jobs. The recursion starts at the highest
    level, where a refused job is lost. A level is entered from below only with all servers busy,
    and left downwards by retries. In the long run both are equally frequent: load p_k(all busy) =
    (k+1) pace (p_{k+1}(0) + ... + p_{k+1}(servers-1)).
    """
    import numpy as np

    busy, mass = np.zeros(levels + 1), np.zeros(levels + 1)
    back = [0.0] * (servers + 1)
    for level in range(levels, -1, -1):
        shares = _level(servers, load, level * pace, back)
        free = math.fsum(shares)
        back = [0.0, *(load * share / free for share in shares)]
        # Relative to all busy at the level below, and at level 0 relative to itself.
        busy[level] = load / (level * pace * free) if level else 1.0
        mass[level] = busy[level] * (1 + free)

    # As logarithms, because at high levels the product of the ratios may leave the range of a
    # float.
    heights = np.cumsum(np.log(busy))
    heights -= heights.max()
    mass *= np.exp(heights - np.log(busy))
    return np.exp(heights) / mass.sum(), mass / mass.sum()


def _level(servers: int, load: float, retrying: float, back: list[float]) -> list[float]:
    """Return the probabilities of 0 to ``servers - 1`` busy servers at one level.

    They are relative to the probability that all are busy. A level is a number of waiting jobs. The
    result is the stationary distribution of the chain censored to this level: a chain that leaves
    it downwards, at the rate ``retrying``, returns with all busy, and one that leaves it upwards,
    from all busy, returns with n busy at the rate ``back[n]``. States are eliminated from 0 up,
    without a subtraction (W. K. Grassmann, M. I. Taksar and D. P. Heyman, "Regenerative analysis
    and steady state distributions for Markov chains", Operations Research 33, 1985). So even the
    smallest probability keeps its digits, which a general solver of linear equations would lose.
    """
    # For a state n with the states below eliminated: the rates at which it is left, and entered
    # from all busy.
    left, entered = [], []
    to_all_busy, inflow = retrying, 0.0
    for state in range(servers):
        leaving = load + to_all_busy
        left.append(leaving)
        entered.append(inflow)
        inflow = back[state + 1] + inflow * load / leaving
        to_all_busy = retrying + (state + 1) * to_all_busy / leaving
    shares = [0.0] * servers
    above = 1.0
    for state in range(servers - 1, -1, -1):
        above = shares[state] = (entered[state] + (state + 1) * above) / left[state]
    return shares
