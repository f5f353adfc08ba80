"""Erlang's two formulas, and how large a pool must be.

Arrivals are Poisson.  In the loss system M/G/c/c a job that finds all servers busy is refused and gone; its
formulas hold for any distribution of the holding time, as only the mean enters.  In M/M/c it queues; there the
holding times are exponential.
"""

import math
from bisect import bisect_left
from typing import TYPE_CHECKING

from simulations.arguments import inner_probability, not_negative, positive, probability, whole_number
from simulations.theory.chain import Chain, free_share, full_share, state_shares


if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


LARGEST_LOAD = 2.0**31
"""In erlangs: what :func:`max_size_for` takes, as a pool has fewer slots than that."""


def erlang_b(servers: int, load: float) -> float:
    """The share of arrivals that find all ``servers`` busy, and of the time that they are, in the loss system.

    By the recursion B(c) = a B(c-1) / (c + a B(c-1)), which neither overflows nor cancels, begun near c = a.
    A. K. Erlang, "Solution of some problems in the theory of probabilities of significance in automatic
    telephone exchanges", 1917.

    Args:
        servers: how many, at least 0.
        load: offered load in erlangs, at least 0; an infinite one is refused wholly.

    Raises:
        TypeError, ValueError: an argument is not so.

    Example::

        erlang_b(5, 3.0)                    # 0.110054...
    """
    servers, load = whole_number('servers', servers), not_negative('load', load, infinite=True)
    return full_share(servers, loss_chain(servers, load))


def erlang_c(servers: int, load: float) -> float:
    """The share of arrivals that must wait in M/M/c; 1, the limit, where the load is no less than the servers.

    C = B / (1 - rho (1 - B)) with rho = load / servers.  Erlang 1917, as above; in terms of B in
    R. B. Cooper, "Introduction to Queueing Theory", 2nd ed. 1981, chapter 3.

    Args:
        servers: how many, at least 1.
        load: offered load in erlangs, at least 0.

    Raises:
        TypeError, ValueError: an argument is not so.

    Example::

        erlang_c(3, 2.0)                    # 0.444444...
    """
    servers, load = whole_number('servers', servers, 1), not_negative('load', load, infinite=True)
    if load >= servers:
        return 1.0
    blocked = erlang_b(servers, load)
    return servers * blocked / (servers - load + load * blocked)


def mean_wait(servers: int, load: float, holding_mean: float = 1.0) -> float:
    """The mean time that a job waits for a server in M/M/c, in seconds, those that need not wait included.

    C E[S] / (servers - load), and infinite where the load is no less than the servers.

    Args:
        servers: how many, at least 1.
        load: offered load in erlangs, at least 0.
        holding_mean: E[S] in seconds, more than 0.

    Raises:
        TypeError, ValueError: an argument is not so.

    Example::

        mean_wait(5, 3.0)                   # 0.118075...
    """
    waiting, holding_mean = erlang_c(servers, load), positive('holding_mean', holding_mean)
    return math.inf if load >= servers else waiting * holding_mean / (servers - load)


def occupancy_distribution(max_size: int, load: float) -> 'NDArray[np.float64]':
    """How probable each occupancy from 0 to ``max_size`` is in the loss system: a truncated Poisson distribution.

    Its last element is :func:`erlang_b`; its mean is load (1 - B).

    Args:
        max_size: slots of the pool, at least 0.
        load: offered load in erlangs, at least 0.

    Raises:
        TypeError, ValueError: an argument is not so.

    Example::

        occupancy_distribution(2, 1.0)      # array([0.4, 0.4, 0.2])
    """
    max_size, load = whole_number('max_size', max_size), not_negative('load', load, infinite=True)
    return state_shares(max_size, loss_chain(max_size, load))


def max_size_for(load: float, refusal_share: float) -> int:
    """The smallest ``max_size``, at least 1, at which no more than ``refusal_share`` of the jobs is refused.

    Args:
        load: offered load in erlangs, at least 0 and at most :data:`LARGEST_LOAD`.
        refusal_share: the target, more than 0 and at most 1.

    Raises:
        TypeError, ValueError: an argument is not so.

    Example::

        max_size_for(39.3, 0.02)            # 49
    """
    load, refusal_share = not_negative('load', load), probability('refusal_share', refusal_share)
    if load > LARGEST_LOAD:
        raise ValueError(f'load must be at most {LARGEST_LOAD:.0f} erlangs, got {load!r}')
    if not refusal_share:
        raise ValueError('refusal_share must be more than 0, got 0: no pool is so large that it never refuses')
    high = max(1, math.ceil(load))
    while erlang_b(high, load) > refusal_share:
        high *= 2
    # What the servers can carry is at most their number, so B >= 1 - c/a.
    low = max(1, math.floor(load * (1 - refusal_share)) - 1)
    return bisect_left(range(high), -refusal_share, lo=min(low, high), key=lambda size: -erlang_b(size, load))


def load_for(max_size: int, refusal_share: float) -> float:
    """The largest load, in erlangs, at which a pool of ``max_size`` refuses no more than ``refusal_share``.

    Args:
        max_size: slots of the pool, at least 1.
        refusal_share: the target, more than 0 and less than 1.

    Raises:
        TypeError, ValueError: an argument is not so.

    Example::

        load_for(49, 0.02)                  # 39.32...
    """
    max_size = whole_number('max_size', max_size, 1)
    refusal_share = inner_probability('refusal_share', refusal_share)
    # The same bound: a <= c / (1 - B).
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
    """The occupancy of the loss system: p(n) is proportional to load^n / n!."""
    return Chain(int(min(servers, load)), lambda busy: load / busy)


def accepted_share(servers: int, load: float) -> float:
    """1 - B, with all its digits; ``servers`` is at least 1."""
    return free_share(servers, loss_chain(servers, load))
