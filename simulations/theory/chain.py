"""The occupancy of a pool that refuses when full, as a birth-death chain on 0 ... servers.

The probabilities follow from the ratios of neighbours, ``rise(n)`` = p(n) / p(n-1). These fall with
n in every system here, so p grows up to the mode and falls after it. Everything is computed from
the mode outwards, from positive numbers that only shrink: nothing overflows, and nothing cancels.
"""

import itertools
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple


if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Chain(NamedTuple):
    """The chain of a system.

    Attributes:
        mode: the largest n with rise(n) >= 1, or the last state if that is smaller.
        rise: p(n) / p(n-1), for a number or an array of numbers.
    """

    mode: int
    rise: Callable[[Any], Any]


def full_share(servers: int, chain: Chain) -> float:
    """Return the probability that all ``servers`` are busy.

    The number of steps grows with the square root of the mode.
    """
    if servers <= chain.mode:
        return _full_below_mode(servers, chain)
    return next(itertools.islice(full_shares(chain), servers - chain.mode, None), 0.0)


def full_shares(chain: Chain) -> Iterator[float]:
    """Yield the probability that all servers are busy, for ``mode``, ``mode + 1``, ... servers.

    It ends before the first one below the normal range of floats, which counts as 0: below, a step
    is rounded away, so the probability would stop falling.
    """
    full = _full_below_mode(chain.mode, chain)
    for state in itertools.count(chain.mode + 1):
        yield full
        odds = full * chain.rise(state)
        full = odds / (1 + odds)
        if full < sys.float_info.min:
            return


def _full_below_mode(servers: int, chain: Chain) -> float:
    """Return the probability that all ``servers`` are busy, if these are at most the mode."""
    # 1/p(servers) = 1 + 1/rise(servers) + 1/(rise(servers) rise(servers-1)) + ..., each term
    # smaller than the one before.
    total = term = 1.0
    for state in range(servers, 0, -1):
        term /= chain.rise(state)
        if total + term == total:
            break
        total += term
    return 1 / total


def free_share(servers: int, chain: Chain) -> float:
    """Return 1 - :func:`full_share` without loss of digits; there is at least one server."""
    return float(1 / (1 + full_share(servers - 1, chain) * chain.rise(servers)))


def state_shares(servers: int, chain: Chain) -> 'NDArray[np.float64]':
    """Return the probability of each state from 0 to ``servers``."""
    mode = min(servers, chain.mode)
    import numpy as np

    below = np.cumprod(1 / chain.rise(np.arange(mode, 0, -1, dtype=np.float64)))[::-1]
    above = np.cumprod(chain.rise(np.arange(mode + 1, servers + 1, dtype=np.float64)))
    shares: NDArray[np.float64] = np.concatenate([below, [1.0], above])
    return shares / np.sum(shares)
