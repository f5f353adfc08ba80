"""A pool whose jobs queue, first come, first served: M/M/c+G, with or without a bound on the queue.

Arrivals are Poisson and holding times exponential.  A job that must wait leaves when its patience
ends; the law of the patience is arbitrary.  Without patience this is M/M/c (Erlang C) or, with a
bound, M/M/c/K; with exponential patience it is Palm's M/M/c+M (Erlang A), with constant patience
M/M/c+D.

Let H(x) = E[min(T, x)] for a patience T, L arrivals a second, and m the mean holding time.  While
all c servers are busy, n jobs wait, and a job that never gives up would be served after x seconds
with the density L p(c-1) (L H(x))^n / n! exp(-c x / m).  Summed over n, exp(L H(x)) appears instead
of the power; with at most N waiting jobs, the sum ends at N.

F. Baccelli and G. Hebuterne, "On queues with impatient customers", Performance 1981; A. Brandt and
M. Brandt, "On the M(n)/M(n)/s queue with impatient calls", Performance Evaluation 35, 1999, for the
number of jobs; S. Zeltyn and A. Mandelbaum, "Call centers with impatient customers: many-server
asymptotics of the M/M/n+G queue", Queueing Systems 51, 2005.  C. Palm, "Methods of judging the
annoyance caused by congestion", Tele 4, 1953, has exponential patience; D. Y. Barrer, "Queuing with
impatient customers and ordered service", Operations Research 5, 1957, constant patience.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from py_cachify.arguments import LARGEST_SIZE
from simulations.arguments import inner_probability, not_negative, positive, whole_number
from simulations.distributions import Constant, Empirical, Holding, Mixture, Pareto, Uniform
from simulations.theory.erlang import erlang_b


MOST_WAITING = 100_000
"""The largest bound on the queue for which a formula is evaluated."""
MOST_VALUES = 2_000
"""The largest number of different values of a recorded patience."""
_NEGLIGIBLE = 45.0
"""A density that is smaller than its peak by this many powers of e is left out."""
_PRECISION = 1e-13
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_PANELS = 12
_MOST_PANELS = 20_000

Array = NDArray[np.float64]


class QueueSystem(NamedTuple):
    """The figures in the long run.

    Attributes:
        offered_load: arrivals a second times the mean holding time, in erlangs.
        waited_share: the share of the jobs that wait.
        full_share: the share of the jobs that are refused at once, because the queue is full or
            their patience is 0.
        timed_out_share: the share of the jobs whose patience ends while they wait.
        refusal_share: the sum of the two.
        wait_mean: the mean waiting time of all jobs, in seconds; that of a job that is served or
            refused at once is 0.
        wait_mean_granted: the mean waiting time of the jobs that are served, in seconds.
        queue_mean: the mean number of jobs that wait.
        occupancy_mean: the mean number of busy servers.
        all_busy: the share of the time that all servers are busy.
        wait: the distribution of the waiting time.
    """

    offered_load: float
    waited_share: float
    full_share: float
    timed_out_share: float
    refusal_share: float
    wait_mean: float
    wait_mean_granted: float
    queue_mean: float
    occupancy_mean: float
    all_busy: float
    wait: 'WaitDistribution'


def queue_system(
    rate: float,
    holding_mean: float,
    max_size: int,
    *,
    patience: Holding | None = None,
    max_waiting: int | None = None,
) -> QueueSystem:
    """Return the figures of a pool whose jobs queue; see the top of this module for the formula.

    Args:
        rate: arrivals a second, at least 0.
        holding_mean: the mean of the exponential holding time in seconds, more than 0.
        max_size: slots of the pool.
        patience: how long a job waits at most, in seconds, as a distribution; ``None``, the
            default, for as long as it takes.
        max_waiting: how many jobs may wait at the same time, at most :data:`MOST_WAITING`;
            ``None``, the default, for any number.

    Raises:
        TypeError, ValueError: an argument is invalid, or every job waits for as long as it takes in
            a queue without a bound, and the load is at least ``max_size``.

    Example::

        queue_system(3, 1.0, 5).wait_mean                                       # 0.118075...
        queue_system(6, 1.0, 5, patience=parse_holding('exp:2')).timed_out_share  # 0.226...
    """
    rate, holding_mean = not_negative('rate', rate), positive('holding_mean', holding_mean)
    max_size = whole_number('max_size', max_size, 1, LARGEST_SIZE)
    if max_waiting is not None:
        max_waiting = whole_number('max_waiting', max_waiting, 0, MOST_WAITING)
    check_patience(patience)
    load = rate * holding_mean
    if patience is None and max_waiting is None and load >= max_size:
        raise ValueError(
            f'{load!r} erlangs are offered to {max_size} slots, so the queue grows without bound: use more than'
            f' {load:g} slots, or set patience or max_waiting'
        )
    wait = WaitDistribution(rate, holding_mean, max_size, patience, max_waiting)
    return wait.system()


def check_patience(patience: Holding | None) -> None:
    """Check that the formulas can use a distribution of patience.

    Raises:
        ValueError: it has more than :data:`MOST_VALUES` recorded values, or does not know the share
            of jobs that wait longer than a given time.
    """
    if patience is None:
        return
    try:
        patience.share_beyond(1.0)  # type: ignore[attr-defined]
    except AttributeError:
        raise ValueError(
            f'patience {patience} has no method share_beyond(seconds): use a distribution that has one'
        ) from None
    if (values := len(kinks(patience))) > MOST_VALUES:
        raise ValueError(f'patience {patience} has {values:,} different values: use at most {MOST_VALUES:,}')


@dataclass(frozen=True)
class WaitDistribution:
    """The distribution of the waiting time of all jobs of one pool.

    The waiting time is 0 for a job that is served or refused at once, and ends when a job is served
    or gives up.

    Attributes:
        rate: arrivals a second.
        holding_mean: the mean holding time in seconds.
        max_size: slots of the pool.
        patience: how long a job waits at most; ``None`` for as long as it takes.
        max_waiting: how many jobs may wait; ``None`` for any number.

    Example::

        queue_system(3, 1.0, 5).wait.beyond(1.0)        # 0.031959...
    """

    rate: float
    holding_mean: float
    max_size: int
    patience: Holding | None
    max_waiting: int | None

    def beyond(self, seconds: float) -> float:
        """Return P(W > seconds), the share of all jobs that wait longer than this."""
        seconds = not_negative('seconds', seconds)
        return self._patient(seconds) * self._all_busy * self._offered_beyond(seconds)

    def served_within(self, seconds: float) -> float:
        """Return the share of all jobs that get a slot after waiting for at most ``seconds``."""
        seconds = not_negative('seconds', seconds)
        panels = self._panels
        inside = panels.edges[(panels.edges > 0) & (panels.edges < seconds)]
        total = 0.0
        if seconds > panels.edges[0]:
            edges = np.concatenate((panels.edges[:1], inside[inside > panels.edges[0]], [seconds]))
            points, weights = _nodes(edges)
            total = float((weights * self._density(points, panels.peak) * self._patience_at(points)).sum())
        return min(1.0, 1 - self._all_busy + self._all_busy * total / panels.mass)

    def quantile(self, share: float) -> float:
        """Return the shortest time, in seconds, that at most ``1 - share`` of the jobs exceed."""
        return _quantile(self, share)

    @property
    def longest(self) -> float:
        """The seconds beyond which a float cannot tell a job that waits."""
        return float(self._panels.edges[-1]) if self._all_busy else 0.0

    def system(self) -> QueueSystem:
        """Return all figures of the queue; shares are right to 12 decimal places."""
        load = self.rate * self.holding_mean
        busy = self._all_busy
        if not busy:
            # No job ever waits, as far as a float can tell.
            return QueueSystem(load, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, load, 0.0, self)
        panels = self._panels
        points, weights = _nodes(panels.edges)
        full = self._full(points)
        states = weights * self._density(points, panels.peak, queue_full=True) / panels.mass
        admitted = states * (1 - full)
        ready = self._patient(0.0)
        stays = self._patience_at(points)
        blocked = busy * float((states * full + admitted * (1 - ready)).sum())
        timed_out = busy * float((admitted * np.maximum(ready - stays, 0.0)).sum())
        refused = min(1.0, blocked + timed_out)
        wait = busy * float((admitted * self._until(points)).sum())
        served = busy * float((admitted * stays).sum()) + 1 - busy
        return QueueSystem(
            offered_load=load,
            waited_share=busy * ready * float(admitted.sum()),
            full_share=blocked,
            timed_out_share=timed_out,
            refusal_share=refused,
            wait_mean=wait,
            wait_mean_granted=busy * float((admitted * stays * points).sum()) / served if served else 0.0,
            queue_mean=self.rate * wait,
            occupancy_mean=load * served,
            all_busy=busy,
            wait=self,
        )

    def queue_lengths(self, most: int) -> Array:
        """Return the probabilities that 0, 1, ... ``most`` jobs wait while all servers are busy."""
        panels = self._panels
        points, weights = _nodes(panels.edges)
        loads = self.rate * self._until(points)
        last = most if self.max_waiting is None else min(most, self.max_waiting)
        shares = np.zeros(most + 1)
        with np.errstate(divide='ignore'):
            logs = np.log(loads)
        for waiting in range(last + 1):
            power = waiting * logs if waiting else np.zeros_like(logs)
            exponent = power - math.lgamma(waiting + 1) - points * self.max_size / self.holding_mean - panels.peak
            shares[waiting] = self._all_busy * float((weights * np.exp(exponent)).sum()) / panels.mass
        return shares

    @cached_property
    def _panels(self) -> '_Panels':
        """Return intervals on which the density is smooth, from where it begins to matter on."""
        scale = self.holding_mean / self.max_size
        # The logarithm of the density is concave: it has one peak.
        high = scale
        while self._log(high) > self._log(high / 2):
            high *= 2
        low_top, high_top = 0.0, high
        for _ in range(200):
            third = (high_top - low_top) / 3
            if self._log(low_top + third) < self._log(high_top - third):
                low_top += third
            else:
                high_top -= third
        top = (low_top + high_top) / 2
        if self._log(0.0) >= self._log(top):
            top = 0.0
        peak = self._log(top)
        floor = peak - _NEGLIGIBLE
        start = 0.0 if self._log(0.0) >= floor else self._crossing(0.0, top, floor)
        high = max(high, 2 * top)
        while self._log(high) > floor:
            high *= 2
        end = self._crossing(high, top, floor)
        bends = np.array([] if self.patience is None else kinks(self.patience))
        inside = bends[(bends > start) & (bends < end)]
        edges = np.unique(np.concatenate((np.linspace(start, end, _PANELS + 1), inside, [top] if top else [])))
        return self._refined(edges, peak)

    def _crossing(self, outside: float, inside: float, floor: float) -> float:
        for _ in range(60):
            middle = (outside + inside) / 2
            outside, inside = (middle, inside) if self._log(middle) < floor else (outside, middle)
        return outside

    def _refined(self, edges: Array, peak: float) -> '_Panels':
        """Halve each interval until halving it changes nothing."""
        kept: list[Array] = []
        total = 0.0
        ends = np.column_stack((edges[:-1], edges[1:]))
        while len(ends):
            middles = ends.mean(axis=1)
            halves = np.concatenate((np.column_stack((ends[:, 0], middles)), np.column_stack((middles, ends[:, 1]))))
            once, twice = self._masses(ends, peak), self._masses(halves, peak)
            both = twice[: len(ends)] + twice[len(ends) :]
            whole = total + float(both.sum())
            fine = (np.abs(once - both) <= _PRECISION * whole) | (middles <= ends[:, 0]) | (middles >= ends[:, 1])
            kept.append(ends[fine])
            total += float(both[fine].sum())
            again = np.concatenate((~fine, ~fine))
            ends = halves[again]
            if sum(map(len, kept)) + len(ends) > _MOST_PANELS:
                kept.append(ends)
                break
        starts = np.sort(np.concatenate(kept)[:, 0])
        edges = np.concatenate((starts, edges[-1:]))
        masses = self._masses(np.column_stack((edges[:-1], edges[1:])), peak)
        return _Panels(edges, peak, float(masses.sum()))

    def _masses(self, ends: Array, peak: float) -> Array:
        half = (ends[:, 1] - ends[:, 0]) / 2
        points = ends.mean(axis=1)[:, None] + half[:, None] * _NODES
        values = self._density(points.ravel(), peak, queue_full=True).reshape(points.shape)
        return np.asarray((values * _WEIGHTS).sum(axis=1) * half, np.float64)

    @cached_property
    def _tail_masses(self) -> Array:
        """Return the mass of admitted jobs from each edge on."""
        edges = self._panels.edges
        points, weights = _nodes(edges)
        masses = (weights * self._density(points, self._panels.peak)).reshape(len(edges) - 1, -1).sum(axis=1)
        return np.concatenate((np.cumsum(masses[::-1])[::-1], [0.0]))

    def _offered_beyond(self, seconds: float) -> float:
        """Return the share, of arrivals that find all busy, that would wait longer than this."""
        panels = self._panels
        if seconds >= panels.edges[-1]:
            return 0.0
        if seconds <= panels.edges[0]:
            return float(self._tail_masses[0]) / panels.mass
        after = int(np.searchsorted(panels.edges, seconds, side='right'))
        points, weights = _nodes(np.array([seconds, panels.edges[after]]))
        part = float((weights * self._density(points, panels.peak)).sum())
        return (part + float(self._tail_masses[after])) / panels.mass

    @cached_property
    def _all_busy(self) -> float:
        """Return the share of the time that all servers are busy."""
        load = self.rate * self.holding_mean
        one_less = erlang_b(self.max_size - 1, load)
        if not one_less * self.rate:
            return 0.0
        panels = self._panels
        odds = panels.peak + math.log(panels.mass) + math.log(self.rate) + math.log(one_less)
        return 1 / (1 + math.exp(-odds)) if odds > -700 else math.exp(odds)

    def _density(self, points: Array, peak: float, *, queue_full: bool = False) -> Array:
        """Return the density at these times, relative to its peak.

        Without ``queue_full`` it is that of jobs that find a place in the queue.
        """
        logs = self._log_sum(self.rate * self._until(points)) - points * (self.max_size / self.holding_mean) - peak
        density = np.exp(logs)
        return density if queue_full else density * (1 - self._full(points))

    def _log(self, seconds: float) -> float:
        load = self.rate * self._until(np.array([seconds]))
        return float(self._log_sum(load)[0]) - seconds * self.max_size / self.holding_mean

    def _log_sum(self, loads: Array) -> Array:
        """Return the logarithm of the sum of load^n / n! for n up to ``max_waiting``."""
        return loads if self.max_waiting is None else _series(loads, self.max_waiting)[0]

    def _full(self, points: Array) -> Array:
        """Return the share of the last term of that sum: that the queue is full."""
        if self.max_waiting is None:
            return np.zeros_like(points)
        return _series(self.rate * self._until(points), self.max_waiting)[1]

    def _until(self, points: Array) -> Array:
        """Return H at these times."""
        patience = self.patience
        if patience is None:
            return points
        return np.array([patience.mean_until(each) for each in points.tolist()])

    def _patience_at(self, points: Array) -> Array:
        return np.array([self._patient(each) for each in points.tolist()])

    def _patient(self, seconds: float) -> float:
        """Return the share of jobs that wait longer than this if they must."""
        if self.patience is None:
            return 1.0
        return float(self.patience.share_beyond(seconds))  # type: ignore[attr-defined]


@dataclass(frozen=True)
class MixedWaits:
    """The distribution of the waiting time of the jobs of several pools.

    Attributes:
        parts: pairs of the share of the jobs that a pool gets, and its distribution.
    """

    parts: tuple[tuple[float, WaitDistribution], ...]

    def beyond(self, seconds: float) -> float:
        """Return P(W > seconds), the share of all jobs that wait longer than this."""
        return math.fsum(share * wait.beyond(seconds) for share, wait in self.parts)

    def served_within(self, seconds: float) -> float:
        """Return the share of all jobs that get a slot after waiting for at most ``seconds``."""
        return math.fsum(share * wait.served_within(seconds) for share, wait in self.parts)

    def quantile(self, share: float) -> float:
        """Return the shortest time, in seconds, that at most ``1 - share`` of the jobs exceed."""
        return _quantile(self, share)

    @property
    def longest(self) -> float:
        """The seconds beyond which a float cannot tell a job that waits."""
        return max(wait.longest for _, wait in self.parts)


def _quantile(wait: WaitDistribution | MixedWaits, share: float) -> float:
    rest = 1 - inner_probability('share', share)
    if wait.beyond(0.0) <= rest:
        return 0.0
    low, high = 0.0, wait.longest
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if wait.beyond(middle) > rest else (low, middle)
    return high


class _Panels(NamedTuple):
    """The edges of the intervals, the logarithm of the peak, and the integral relative to it."""

    edges: Array
    peak: float
    mass: float


def _nodes(edges: Array) -> tuple[Array, Array]:
    """Return points and weights of Gauss-Legendre quadrature on each interval between edges."""
    half = np.diff(edges) / 2
    points = (edges[:-1] + half)[:, None] + half[:, None] * _NODES
    return points.ravel(), (half[:, None] * _WEIGHTS).ravel()


def _series(loads: Array, last: int) -> tuple[Array, Array]:
    """Return the logarithm of the sum of load^n / n! for n from 0 to ``last``, and its last share.

    Only positive terms are added that become smaller.
    """
    with np.errstate(divide='ignore'):
        top = (last * np.log(loads) if last else np.zeros_like(loads)) - math.lgamma(last + 1)
    below = loads <= last
    # Up to the load, the sum is all of exp(load) but the terms after the last one.
    term = np.ones_like(loads)
    after = np.zeros_like(loads)
    state = last
    while True:
        state += 1
        term = np.where(below, term * loads / state, 0.0)
        after += term
        if not (term > 1e-17 * after).any():
            break
    rest = after * np.exp(np.minimum(top - loads, 0.0))
    # Beyond it, the sum goes from the last term down.
    term = np.ones_like(loads)
    down = np.ones_like(loads)
    for state in range(last, 0, -1):
        term = np.where(below, 0.0, term * state / np.maximum(loads, 1.0))
        down += term
        if not (term > 1e-17 * down).any():
            break
    logs = np.where(below, loads + np.log1p(-np.where(below, rest, 0.0)), np.where(below, 0.0, top) + np.log(down))
    return logs, np.exp(np.where(np.isneginf(top), -np.inf, top - logs))


def kinks(patience: Holding) -> list[float]:
    """Return the times at which E[min(T, x)] or its derivative is not smooth in x."""
    match patience:
        case Constant(seconds):
            return [seconds]
        case Uniform(low, high):
            return [low, high]
        case Pareto(_, minimum):
            return [minimum]
        case Empirical():
            return [float(each) for each in np.unique(patience.values)]
        case Mixture(parts):
            return sorted({kink for _, part in parts for kink in kinks(part)})
    return []
