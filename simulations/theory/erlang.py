"""Erlang's two formulas, and how large a pool must be.

Arrivals are Poisson. In the loss system M/G/c/c, a job that finds all servers busy is refused and
leaves; its formulas hold for any distribution of the holding time, because they depend only on the
mean. In M/M/c the job queues; there holding times are exponential.
"""

import math
import sys
from bisect import bisect_left
from itertools import takewhile
from typing import TYPE_CHECKING

from py_cachify.arguments import LARGEST_SIZE
from simulations.arguments import inner_probability, not_negative, positive, probability, whole_number
from simulations.theory.chain import Chain, free_share, full_share, full_shares, state_shares


if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


LARGEST_LOAD = 2.0**31
"""The largest load that :func:`max_size_for` accepts, in erlangs; pools have fewer slots."""


def erlang_b(servers: int, load: float) -> float:
    """Return the share of arrivals that are refused in the loss system.

    It is also the share of the time that all ``servers`` are busy. The recursion B(c) = a B(c-1) /
    (c + a B(c-1)), started near c = a, neither overflows nor cancels. A. K. Erlang, "Solution of
    some problems in the theory of probabilities of significance in automatic telephone exchanges",
    1917.

    Args:
        servers: the number of servers, at least 0.
        load: offered load in erlangs, at least 0; if it is infinite, all arrivals are refused.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        erlang_b(5, 3.0)                    # 0.110054...
    """
    servers = whole_number('servers', servers, 0, LARGEST_SIZE)
    load = not_negative('load', load, infinite=True)
    return full_share(servers, loss_chain(servers, load))


def erlang_c(servers: int, load: float) -> float:
    """Return the share of arrivals that must wait in M/M/c.

    C = B / (1 - rho (1 - B)) with rho = load / servers; 1, the limit, if the load is at least
    ``servers``. Erlang 1917, see :func:`erlang_b`; in terms of B in R. B. Cooper, "Introduction to
    Queueing Theory", 2nd ed. 1981, chapter 3.

    Args:
        servers: the number of servers, at least 1.
        load: offered load in erlangs, at least 0.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        erlang_c(3, 2.0)                    # 0.444444...
    """
    servers = whole_number('servers', servers, 1, LARGEST_SIZE)
    load = not_negative('load', load, infinite=True)
    if load >= servers:
        return 1.0
    blocked = erlang_b(servers, load)
    return servers * blocked / (servers - load + load * blocked)


def mean_wait(servers: int, load: float, holding_mean: float = 1.0) -> float:
    """Return the mean waiting time in M/M/c, in seconds; jobs that need not wait count as 0.

    It is C E[S] / (servers - load), and infinite if the load is at least ``servers``.

    Args:
        servers: the number of servers, at least 1.
        load: offered load in erlangs, at least 0.
        holding_mean: E[S] in seconds, more than 0.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        mean_wait(5, 3.0)                   # 0.118075...
    """
    waiting, holding_mean = erlang_c(servers, load), positive('holding_mean', holding_mean)
    return math.inf if load >= servers else waiting * holding_mean / (servers - load)


def wait_beyond(servers: int, load: float, seconds: float, holding_mean: float = 1.0) -> float:
    """Return the share of jobs that wait longer than a time in M/M/c.

    It is P(W > t) = C exp(-(servers - load) t / holding_mean), with Erlang's C
    (:func:`erlang_c`); 1 if the load is at least ``servers``.  R. B. Cooper,
    "Introduction to Queueing Theory", 2nd ed. 1981, chapter 3.

    Args:
        servers: the number of servers, at least 1.
        load: offered load in erlangs, at least 0.
        seconds: t, at least 0.
        holding_mean: the mean holding time in seconds, more than 0.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        wait_beyond(5, 3.0, 1.0)            # 0.031959...
    """
    share, seconds = erlang_c(servers, load), not_negative('seconds', seconds)
    holding_mean = positive('holding_mean', holding_mean)
    return 1.0 if load >= servers else share * math.exp(-(servers - load) * seconds / holding_mean)


def wait_quantile(servers: int, load: float, share: float, holding_mean: float = 1.0) -> float:
    """Return the time within which a share of the jobs is served in M/M/c, in seconds.

    It is 0 if that share need not wait, and infinite if the load is at least ``servers``.

    Args:
        servers: the number of servers, at least 1.
        load: offered load in erlangs, at least 0.
        share: the share, more than 0 and less than 1.
        holding_mean: the mean holding time in seconds, more than 0.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        wait_quantile(5, 3.0, 0.95)         # 0.776...
    """
    waiting, share = erlang_c(servers, load), inner_probability('share', share)
    holding_mean = positive('holding_mean', holding_mean)
    if load >= servers:
        return math.inf
    return max(0.0, math.log(waiting / (1 - share))) * holding_mean / (servers - load) if waiting else 0.0


def occupancy_distribution(max_size: int, load: float) -> 'NDArray[np.float64]':
    """Return the probability of each occupancy from 0 to ``max_size`` in the loss system.

    This is a truncated Poisson distribution. Its last element is :func:`erlang_b`; its mean is load
    (1 - B).

    Args:
        max_size: slots of the pool, at least 0.
        load: offered load in erlangs, at least 0; if it is infinite, all slots are always taken.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        occupancy_distribution(2, 1.0)      # array([0.4, 0.4, 0.2])
    """
    max_size = whole_number('max_size', max_size, 0, LARGEST_SIZE)
    load = not_negative('load', load, infinite=True)
    return state_shares(max_size, loss_chain(max_size, load))


def occupancy_mean(max_size: int, load: float) -> float:
    """Return the mean occupancy of the loss system, load (1 - B), without loss of digits.

    Args:
        max_size: slots of the pool, at least 1.
        load: offered load in erlangs, at least 0; if it is infinite, all slots are always taken.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        occupancy_mean(5, 3.0)              # 2.669836...
    """
    max_size = whole_number('max_size', max_size, 1, LARGEST_SIZE)
    load = not_negative('load', load, infinite=True)
    return float(max_size) if math.isinf(load) else load * free_share(max_size, loss_chain(max_size, load))


def max_size_for(load: float, refusal_share: float) -> int:
    """Return the smallest ``max_size`` that refuses at most ``refusal_share`` of the jobs.

    The size is at least 1.

    Args:
        load: offered load in erlangs, at least 0 and at most :data:`LARGEST_LOAD`.
        refusal_share: the target, at least ``sys.float_info.min`` and at most 1.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        max_size_for(39.3, 0.02)            # 49
    """
    load, refusal_share = not_negative('load', load), probability('refusal_share', refusal_share)
    if load > LARGEST_LOAD:
        raise ValueError(f'load must be at most {LARGEST_LOAD:.0f} erlangs, got {load!r}')
    if not refusal_share:
        raise ValueError('refusal_share must be more than 0, got 0: a pool of any size may refuse a job')
    if refusal_share < sys.float_info.min:
        raise ValueError(f'refusal_share must be at least {sys.float_info.min!r}, got {refusal_share!r}')
    chain = loss_chain(math.ceil(load), load)
    # Above the load, one pass finds the answer, in a few dozen times the square root of the load.
    smallest = chain.mode + sum(1 for _ in takewhile(lambda full: full > refusal_share, full_shares(chain)))
    if smallest == chain.mode:
        # The servers carry at most c erlangs, so B >= 1 - c/a.
        low = math.floor(load * (1 - refusal_share)) - 1
        sizes = range(smallest)
        smallest = bisect_left(sizes, -refusal_share, lo=max(0, low), key=lambda size: -full_share(size, chain))
    return max(1, smallest)


def load_for(max_size: int, refusal_share: float) -> float:
    """Return the largest load at which ``max_size`` slots refuse at most ``refusal_share``.

    The load is in erlangs.

    Args:
        max_size: slots of the pool, at least 1.
        refusal_share: the target, more than 0 and less than 1.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        load_for(49, 0.02)                  # 39.32...
    """
    max_size = whole_number('max_size', max_size, 1, LARGEST_SIZE)
    refusal_share = inner_probability('refusal_share', refusal_share)
    # The same bound as above: a <= c / (1 - B).
    low = high = max_size / (1 - refusal_share)
    while erlang_b(max_size, low) > refusal_share:
        low /= 2
    while low < (middle := (low + high) / 2) < high:
        if erlang_b(max_size, middle) > refusal_share:
            high = middle
        else:
            low = middle
    return low


def loss_chain(servers: int, load: float) -> Chain:
    """Return the chain of the loss system: p(n) is proportional to load^n / n!."""
    return Chain(int(min(servers, load)), lambda busy: load / busy)
