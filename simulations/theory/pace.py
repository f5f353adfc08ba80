"""How fast a pool forgets its past: from the laws of holding times, crashes, arrivals and retries.

A run must be long compared with this time. The mean holding time would not do: with one crash in a
hundred and an expiry of ten minutes, most slots that are taken at a random instant are those of
crashed holders.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from simulations.distributions import Empirical, Holding
from simulations.measuring.caveats import HEAVY_TAIL, SLOTS_LOST, UNSTABLE
from simulations.measuring.pace import Pace
from simulations.statistics.tails import tail_index
from simulations.traces.trace import Trace
from simulations.workloads.arrivals import Bursty, Clients, Periodic
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
) -> Pace | None:
    """Return how fast a pool forgets its past, or ``None`` if the laws of the workload are unknown.

    Args:
        workload: the jobs; only a :class:`simulations.Synthetic` or a :class:`simulations.Trace`
            has known laws.
        max_size: slots of each pool.
        slot_exp: the life of a slot in seconds, ``None`` if slots never expire.
        on_refusal: what a refused job does.
        crash_probability: the share of holders that crash before they release.

    Example::

        pace_of(Poisson(6, 'exp:1', jobs=1000), 20, 600, Leave(), 0.01).memory  # 257.6 s, not 1 s
    """
    if isinstance(workload, Trace):
        if not len(workload.holdings):
            return None
        return _of_occupation(Empirical(workload.holdings), slot_exp, crash_probability)
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
    if isinstance(on_refusal, Retry):
        occupied = _occupied(workload.holding, math.inf if slot_exp is None else slot_exp, crash_probability)
        pace = _with_retries(pace, workload, max_size, occupied, on_refusal)
    return pace


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
