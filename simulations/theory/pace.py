"""How fast a pool forgets its past: from the laws of holding times, crashes, arrivals and retries.

A run must be long compared with this time. The mean holding time would not do: with one crash in a
hundred and an expiry of ten minutes, most slots that are taken at a random instant are those of
crashed holders.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from simulations.distributions import Constant, Empirical, Exponential, Holding
from simulations.measuring.caveats import HEAVY_TAIL, SLOTS_LOST, UNSTABLE
from simulations.measuring.pace import Pace
from simulations.statistics.tails import tail_index
from simulations.theory.relaxation import relaxation
from simulations.traces.trace import Trace
from simulations.workloads.arrivals import Bursty, Clients, Periodic
from simulations.workloads.patience import Wait
from simulations.workloads.refusals import Leave, Retry
from simulations.workloads.synthetic import Synthetic
from simulations.workloads.workload import Workload


_POINTS = 200
_NEGLIGIBLE = 1e-7
_LONGEST = 1e15
_SLACK = 1e-6
_NEARLY_FULL = 0.98


def pace_of(
    workload: Workload,
    max_size: int,
    slot_exp: float | None,
    on_refusal: Leave | Retry,
    crash_probability: float = 0.0,
    *,
    wait: Wait = 0.0,
    max_waiting: int | None = None,
) -> Pace | None:
    """Return how fast a pool forgets its past, or ``None`` if the laws of the workload are unknown.

    Args:
        workload: the jobs; only a :class:`simulations.Synthetic` or a :class:`simulations.Trace`
            has known laws.
        max_size: slots of each pool.
        slot_exp: the life of a slot in seconds, ``None`` if slots never expire.
        on_refusal: what a refused job does.
        crash_probability: the share of holders that crash before they release.
        wait: for how long a job waits in the queue of a full pool: seconds, 0 for not at all;
            ``None`` for as long as it takes; or the distribution of its patience.
        max_waiting: how many jobs may wait at each pool; ``None`` for any number.

    Example::

        pace_of(Poisson(6, 'exp:1', jobs=1000), 20, 600, Leave(), 0.01).memory  # 257.6 s, not 1 s
    """
    if isinstance(workload, Trace):
        if not len(workload.holdings):
            return None
        recorded = Empirical(workload.holdings)
        pace = _of_occupation(recorded, slot_exp, crash_probability)
        occupied = _occupied(recorded, math.inf if slot_exp is None else slot_exp, crash_probability)
        return pace_of_queue(pace, workload, max_size, occupied, wait=wait, max_waiting=max_waiting)
    if not isinstance(workload, Synthetic):
        return None
    pace = _of_occupation(workload.holding, slot_exp, crash_probability)
    match workload.arrivals:
        case Clients(thinking=thinking):
            idle = _of_occupation(thinking, None, 0.0)
            pace = idle._replace(beyond=pace.beyond) if idle.memory > pace.memory else pace
        case Bursty(states=states):
            cycle = sum(lasts for _, lasts in states)
            pace = pace._replace(memory=pace.memory + cycle, cycle=0.0 if workload.jobs is None else cycle)
        case Periodic():
            pace = pace._replace(memory=pace.memory + (workload.arrivals.period or 0.0))
    occupied = _occupied(workload.holding, math.inf if slot_exp is None else slot_exp, crash_probability)
    pace = pace_of_queue(pace, workload, max_size, occupied, wait=wait, max_waiting=max_waiting)
    if isinstance(on_refusal, Retry) and (wait is not None or max_waiting is not None):
        pace = _with_retries(pace, workload, max_size, occupied, on_refusal)
    return pace


def pace_of_renewed(
    workload: Workload,
    max_size: int,
    slot_exp: float,
    renew_for: float | None,
    on_refusal: Leave | Retry,
    crash_probability: float = 0.0,
    *,
    wait: Wait = 0.0,
    max_waiting: int | None = None,
) -> Pace | None:
    """Return how fast a pool forgets its past whose holders renew their slots.

    A slot is occupied as long as its body runs, or until the last renewal has run out. That of a
    crashed holder is occupied for about half the holding time, and then for up to ``slot_exp``.

    Args:
        workload, max_size, slot_exp, on_refusal, crash_probability, wait, max_waiting: as in
            :func:`pace_of`.
        renew_for: for how many seconds a slot is renewed; ``None`` for as long as its body runs.
    """
    life = None if renew_for is None else renew_for + slot_exp
    pace = pace_of(workload, max_size, life, on_refusal, wait=wait, max_waiting=max_waiting)
    if pace is None or not crash_probability or not 0 < pace.memory < math.inf:
        return pace
    mean = _mean_held(workload, life)
    # With H = S, or U S + T after a crash, the memory is E[H^2] / 2 E[H].
    squares = 2 * mean * pace.memory + crash_probability * (mean * slot_exp + slot_exp**2)
    crashed = mean / 2 + slot_exp
    slower = squares / (2 * ((1 - crash_probability) * mean + crash_probability * crashed)) / pace.memory
    return pace._replace(memory=pace.memory * slower, times=pace.times * slower) if slower > 1 else pace


def pace_of_queue(
    pace: Pace,
    workload: Synthetic | Trace,
    max_size: int,
    occupied: float,
    *,
    wait: Wait,
    max_waiting: int | None = None,
) -> Pace:
    """Return the pace of a pool whose jobs queue, from the pace that it has if they do not.

    Of several pools, the busiest counts.  If the times that jobs occupy their slots vary more than
    exponential ones, or arrivals come in bursts, the queue changes the more slowly, in proportion
    to the memory without a queue.

    Args:
        pace: the pace without a queue.
        workload: the jobs.
        max_size: slots of each pool.
        occupied: the mean time that a job occupies its slot, in seconds.
        wait: for how long a job waits: seconds, 0 for not at all; ``None`` for as long as it takes;
            or the distribution of its patience.
        max_waiting: how many jobs may wait at each pool; ``None`` for any number.

    Example::

        pace_of(Poisson(0.9, 'exp:1', jobs=1000), 1, None, Leave(), wait=None).memory   # 191.65
    """
    if wait == 0 or not occupied or math.isinf(pace.memory) or not pace.memory:
        return pace
    clients = workload.arrivals.number if isinstance(workload.arrivals, Clients) else None
    rate = _busiest(workload)
    patience = Constant(wait) if isinstance(wait, int | float) else wait
    if patience is not None and not hasattr(patience, 'share_beyond'):
        patience = Exponential(patience.mean())
    queue = relaxation(rate, occupied, max_size, patience=patience, max_waiting=max_waiting, clients=clients)
    if math.isinf(queue.memory):
        return pace._replace(memory=math.inf, cause=UNSTABLE)
    slower = pace.memory / occupied
    memory = pace.memory + max(queue.memory - occupied, 0.0) * slower
    filling = pace.memory + max(queue.filling - occupied, 0.0) * slower
    return pace._replace(memory=memory, times=pace.times * (max(memory, filling) / pace.memory))


def _busiest(workload: Synthetic | Trace) -> float:
    """Return the arrivals a second at the busiest pool, or the requests a second of a client."""
    if isinstance(workload, Trace):
        span = float(workload.arrivals[-1] - workload.arrivals[0])
        most = len(workload.arrivals) if workload.keys is None else int(np.bincount(workload.keys + 1).max())
        return most / span if span else 0.0
    if isinstance(workload.arrivals, Clients):
        return 1 / workload.arrivals.thinking.mean()
    rate = workload.arrivals.rate()
    return rate if workload.keys is None else rate * max(workload.keys.shares())


def _mean_held(workload: Workload, life: float | None) -> float:
    holding = Empirical(workload.holdings) if isinstance(workload, Trace) else getattr(workload, 'holding', None)
    return 0.0 if holding is None else float(holding.mean_until(math.inf if life is None else life))


def _occupied(holding: Holding, life: float, crashing: float) -> float:
    """Return for how long a job occupies a slot on average: min(S, T), or T if it crashes."""
    return (1 - crashing) * holding.mean_until(life) + (crashing * life if crashing else 0.0)


def _of_occupation(holding: Holding, slot_exp: float | None, crashing: float) -> Pace:
    """Return the pace of a pool whose jobs occupy a slot for min(S, T), or for T if they crash."""
    life = math.inf if slot_exp is None else slot_exp
    if crashing and math.isinf(life):
        return Pace(math.inf, np.zeros(1), np.ones(1), SLOTS_LOST)
    whole = _occupied(holding, life, crashing)
    beyond = _beyond(holding, life) if life < math.inf and crashing < 1 else 0.0
    if not whole:
        return Pace(0.0, np.zeros(1), np.zeros(1), beyond=beyond)

    def deficit(time: float) -> float:
        if math.isinf(life):
            return holding.mean_beyond(time) / whole
        left = (1 - crashing) * max(holding.mean_until(life) - holding.mean_until(time), 0.0)
        return (left + crashing * (life - time)) / whole

    end = life if life < math.inf else _negligible_after(deficit, whole)
    times = _instants(whole, end)
    values = np.array([deficit(float(time)) for time in times])
    memory = float(np.trapezoid(values, times))
    if math.isinf(life):
        memory += _tail(times, values)
        if _looks_heavy(holding):
            memory = math.inf
    elif life > 0 and _looks_heavy(holding) and holding.mean_beyond(life) == 0:
        # No recorded time reaches the expiry, so it bounds nothing that was seen.
        memory = math.inf
    return Pace(memory, times, values, HEAVY_TAIL if math.isinf(memory) else '', beyond)


def _beyond(holding: Holding, life: float) -> float:
    """Return the mean residual overrun: the integral of E[(S - t)+] from T on, over E[(S - T)+]."""
    whole = holding.mean_beyond(life)
    if not whole:
        return 0.0
    if math.isinf(whole) or _looks_heavy(holding):
        return math.inf

    def deficit(time: float) -> float:
        return holding.mean_beyond(life + time) / whole

    scale = max(holding.mean(), life)
    times = _instants(scale, _negligible_after(deficit, scale))
    values = np.array([deficit(float(time)) for time in times])
    return float(np.trapezoid(values, times)) + _tail(times, values)


def _looks_heavy(holding: Holding) -> bool:
    """Return whether recorded holding times look as if their variance were infinite."""
    return isinstance(holding, Empirical) and tail_index(holding.values) < 2


def _negligible_after(deficit: Callable[[float], float], scale: float) -> float:
    end = scale
    while deficit(end) > _NEGLIGIBLE and end < _LONGEST * scale:
        end *= 2
    return end


def _instants(scale: float, end: float) -> NDArray[np.float64]:
    """Return instants from 0 to ``end``: close together at first, then ever further apart."""
    first = min(scale, end) / 1000
    return np.unique(np.concatenate(([0.0], np.geomspace(first, end, _POINTS), np.linspace(0.0, end, _POINTS))))


def _tail(times: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Return the integral beyond the last instant, from the power at which values fall there."""
    if values[-1] <= 0 or len(times) < 3:
        return 0.0
    earlier = int(np.searchsorted(times, times[-1] / 2))
    if values[earlier] <= values[-1]:
        return math.inf
    power = math.log(values[earlier] / values[-1]) / math.log(times[-1] / times[earlier])
    return math.inf if power <= 1 + _SLACK else float(times[-1] * values[-1] / (power - 1))


def _with_retries(pace: Pace, workload: Synthetic, max_size: int, occupied: float, retry: Retry) -> Pace:
    """Return the pace of a pool whose refused jobs wait and ask again.

    The number of waiting jobs changes the more slowly, the nearer the load is to the number of
    slots: as in a queue with utilisation u, by the factor u / (1 - u)^2.
    """
    if math.isinf(pace.memory):
        return pace
    clients = isinstance(workload.arrivals, Clients)
    rate = 0.0 if isinstance(workload.arrivals, Clients) else workload.arrivals.rate()
    busiest = rate if workload.keys is None else rate * max(workload.keys.shares())
    utilisation = busiest * occupied / max_size
    if retry.endless and utilisation >= 1 and not clients:
        return pace._replace(memory=math.inf, cause=UNSTABLE)
    utilisation = min(utilisation, _NEARLY_FULL)
    wait = retry.pauses.mean()
    added = wait + utilisation / (1 - utilisation) ** 2 * (pace.memory / max_size + wait)
    slower = 1 + added / pace.memory if pace.memory else 1.0
    return pace._replace(memory=pace.memory + added, times=pace.times * slower)
