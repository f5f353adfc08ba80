"""A loss system with renewal arrivals: independent times between arrivals, of one distribution.

L. Takacs, "Introduction to the Theory of Queues", 1962, chapter 4: GI/M/c/c, with exponential
holding times.
"""

import math
from collections.abc import Callable

from py_cachify.arguments import LARGEST_SIZE
from simulations.arguments import not_negative, positive, whole_number


def renewal_loss(servers: int, odds: Callable[[float], float], holding_mean: float = 1.0) -> float:
    """Return the share of arrivals that find all ``servers`` busy.

    It is 1 / sum over r from 0 to c of (c choose r) odds(1/m) ... odds(r/m), where m is the mean
    holding time and odds(s) = (1 - f(s)) / f(s), with f(s) = E[exp(-s X)] for the time X from one
    arrival to the next. For Poisson arrivals of rate L, odds(s) = s/L, and the result is Erlang's
    B. All terms are positive, so nothing cancels.

    Args:
        servers: the number of servers, at least 1.
        odds: a function of a rate s > 0 in 1/s. It is the odds, not f, because f rounds to 1 for
            small s.
        holding_mean: m in seconds, more than 0.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        renewal_loss(5, even_spacing(1 / 3))    # 0.0334..., less than erlang_b(5, 3), 0.110...
    """
    servers, holding_mean = whole_number('servers', servers, 1, LARGEST_SIZE), positive('holding_mean', holding_mean)
    total = term = 1.0
    for left in range(servers):
        term *= (servers - left) / (left + 1) * odds((left + 1) / holding_mean)
        total += term
        if math.isinf(total):
            return 0.0
    return 1 / total


def even_spacing(interval: float) -> Callable[[float], float]:
    """Return the odds of an arrival every ``interval`` seconds: f(s) = exp(-s interval).

    ``interval`` is more than 0.
    """
    interval = positive('interval', interval)

    def odds(rate: float) -> float:
        try:
            return math.expm1(rate * interval)
        except OverflowError:
            return math.inf

    return odds


def poisson_spacing(rate: float) -> Callable[[float], float]:
    """Return the odds of Poisson arrivals, ``rate`` a second: f(s) = rate / (rate + s).

    ``rate`` is at least 0.
    """
    rate = not_negative('rate', rate)
    return lambda at: at / rate if rate else math.inf
