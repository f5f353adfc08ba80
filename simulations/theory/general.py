"""Queues whose holding times are not exponential: an exact mean for one slot, else approximations.

In M/G/c with more than one slot, what an arrival finds depends on how long each holder has already
held its slot, so there is no closed form.  For one slot, Pollaczek and Khinchine give the mean
wait.  An expiry T makes any holding time general: a slot is occupied for min(S, T) seconds, which
is not exponential even if S is.
"""

import math
from typing import NamedTuple

import numpy as np

from simulations.arguments import not_negative, positive
from simulations.distributions import Constant, Empirical, Exponential, Holding, Lognormal, Mixture, Pareto, Uniform
from simulations.theory.erlang import mean_wait
from simulations.theory.queue import kinks


_MOST_PANELS = 8192
_PRECISION = 1e-12
_OCTAVES = 64


class Occupation(NamedTuple):
    """For how long a job occupies its slot.

    Attributes:
        mean: in seconds.
        square: the mean of the square, in seconds squared; may be infinite.
    """

    mean: float
    square: float

    @property
    def variation(self) -> float:
        """The squared coefficient of variation: the variance over the squared mean."""
        return max(0.0, self.square / self.mean**2 - 1) if self.mean else 0.0


def occupation(holding: Holding, slot_exp: float | None, crash_probability: float = 0.0) -> Occupation:
    """Return the first two moments of the time that a job occupies its slot.

    This is min(S, T) for a holding time S and an expiry T, or T for a holder that crashes.

    Args:
        holding: the distribution of S.
        slot_exp: T in seconds; ``None`` if slots never expire.
        crash_probability: the share of holders that crash.

    Raises:
        ValueError: the distribution does not know the share of jobs that hold longer than a time.

    Example::

        occupation(parse_holding('exp:2'), None)        # Occupation(mean=2.0, square=8.0)
    """
    life = math.inf if slot_exp is None else slot_exp
    crashed = crash_probability * life if crash_probability else 0.0
    squares = (1 - crash_probability) * _square(holding, life)
    return Occupation(
        (1 - crash_probability) * holding.mean_until(life) + crashed, squares + (crashed * life if crashed else 0.0)
    )


def _square(holding: Holding, life: float) -> float:
    """Return E[min(S, life)^2]."""
    match holding:
        case Constant(seconds):
            return min(seconds, life) ** 2
        case Mixture(parts):
            return sum(weight * _square(part, life) for weight, part in parts) / sum(weight for weight, _ in parts)
        case Empirical():
            return float((np.minimum(holding.values, life) ** 2).mean())
    if math.isinf(life):
        return _whole_square(holding)
    if not hasattr(holding, 'share_beyond'):
        raise ValueError(f'holding {holding} has no method share_beyond(seconds): use a distribution that has one')
    # E[min(S, T)^2] is the integral of 2 t P(S > t) up to T. It changes at the scale of S, which
    # may be far below T, so the intervals double in length.
    edges = np.unique(
        [0.0, *(life * 0.5**octave for octave in range(_OCTAVES)), *(k for k in kinks(holding) if k < life)]
    )
    nodes, weights = np.polynomial.legendre.leggauss(16)
    before = math.nan
    while True:
        half = np.diff(edges) / 2
        points = (edges[:-1] + half)[:, None] + half[:, None] * nodes
        shares = np.array([holding.share_beyond(each) for each in points.ravel().tolist()]).reshape(points.shape)
        total = float((2 * points * shares * weights * half[:, None]).sum())
        if abs(total - before) <= _PRECISION * total or len(edges) > _MOST_PANELS:
            return total
        before = total
        edges = np.unique(np.concatenate((edges, edges[:-1] + half)))


def _whole_square(holding: Holding) -> float:
    match holding:
        case Exponential(seconds):
            return 2 * seconds**2
        case Uniform(low, high):
            return (low**2 + low * high + high**2) / 3
        case Lognormal(mu, sigma):
            exponent = 2 * mu + 2 * sigma**2
            return math.exp(exponent) if exponent < math.log(np.finfo(float).max) else math.inf
        case Pareto(shape, minimum):
            return minimum**2 * shape / (shape - 2) if shape > 2 else math.inf
    raise ValueError(f'the variance of holding {holding} is not known: use a distribution of this package')


def pollaczek_khinchine(rate: float, occupied: Occupation) -> float:
    """Return the mean waiting time in M/G/1, in seconds; jobs that need not wait count as 0.

    It is rate E[X^2] / (2 (1 - rate E[X])) for the time X that a job occupies the slot; infinite if
    the load, rate E[X], is at least 1.  F. Pollaczek, "Über eine Aufgabe der
    Wahrscheinlichkeitstheorie", Mathematische Zeitschrift 32, 1930; A. Y. Khinchine, 1932.

    Args:
        rate: Poisson arrivals a second, at least 0.
        occupied: the first two moments of X, see :func:`occupation`.

    Raises:
        TypeError, ValueError: ``rate`` is invalid.

    Example::

        pollaczek_khinchine(0.5, Occupation(1.0, 1.0))      # 0.5: half as long as M/M/1
    """
    load = not_negative('rate', rate) * occupied.mean
    if load >= 1:
        return math.inf
    return rate * occupied.square / (2 * (1 - load)) if rate else 0.0


def allen_cunneen(
    servers: int, load: float, holding_mean: float, arrival_variation: float, holding_variation: float
) -> float:
    """Return an approximation of the mean waiting time in G/G/c, in seconds.

    It is the mean wait in M/M/c times the mean of the two squared coefficients of variation: of the
    times between arrivals (1 for Poisson arrivals, 0 for evenly spaced ones) and of the holding
    times.  It is exact for M/M/c, and for Poisson arrivals at one server; elsewhere it is usually
    within a few per cent for Poisson arrivals at a high load, and may be wrong by much more for a
    low load or other arrivals.  A. O. Allen, "Probability, Statistics, and Queueing Theory", 2nd
    ed. 1990, section 5.6.

    Args:
        servers: the number of servers, at least 1.
        load: offered load in erlangs, at least 0; the result is infinite if it is at least
            ``servers``.
        holding_mean: the mean holding time in seconds, more than 0.
        arrival_variation: variance over squared mean of the times between arrivals, at least 0.
        holding_variation: the same of the holding times.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        allen_cunneen(5, 3.0, 1.0, 1.0, 0.0)        # 0.059037...; mean_wait(5, 3.0) is twice that
    """
    arrivals = not_negative('arrival_variation', arrival_variation)
    holding = not_negative('holding_variation', holding_variation, infinite=True)
    return mean_wait(servers, load, positive('holding_mean', holding_mean)) * (arrivals + holding) / 2
