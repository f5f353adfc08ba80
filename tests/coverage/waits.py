"""Pools to size by waiting time whose right size is known from a formula, a chain or a count.

None of the formulas is that of the workbench, and theory is left out on purpose while the cases are
sized, so the simulation decides. The cases were named before they were run.
"""

import math
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from simulations import Scenario, Trace
from simulations.theory.expectation import Expectation


FAR = 2_000
"""Longer queues are left out; they have no weight in these cases."""


class WaitCase(NamedTuple):
    """A workload, its goals, and whether a pool of each size meets them in truth."""

    name: str
    scenario: Scenario
    target: float | None
    share: float | None
    meets: Callable[[int], bool]

    @property
    def truth(self) -> int:
        """The smallest size that meets the goals."""
        return next(size for size in range(1, 1000) if self.meets(size))


class Shares(NamedTuple):
    """What a pool does in truth: the share of refused jobs, and that served in time."""

    refused: float
    served: float


def queue(
    load: float,
    size: int,
    within: float,
    *,
    hold: float = 1.0,
    room: int = FAR,
    giving_up: float = 0.0,
) -> Shares:
    """Return the shares of M/M/c with ``room`` places to wait, and exponential patience.

    The chain of the number of jobs is solved state by state. A job that meets n waiting jobs gets
    its slot after n + 1 departures, of which each has the rate of all servers and of those that
    give up ahead of it; its own patience runs at the same time, so that it survives a departure
    with the probability of that rate to this rate and its own. Room without bound needs ``load``
    below ``size``.

    Args:
        load: in erlangs.
        size: the number of servers.
        within: the seconds to be served within.
        hold: the mean holding time in seconds.
        room: how many jobs may wait.
        giving_up: the rate at which each waiting job gives up, a second.
    """
    if room >= FAR and not giving_up and load >= size:
        return Shares(1.0, 0.0)
    arrivals, serving = load / hold, size / hold
    logs = [0.0]
    for jobs in range(1, size + room + 1):
        leaving = min(jobs, size) / hold + max(0, jobs - size) * giving_up
        logs.append(logs[-1] + math.log(arrivals / leaving))
    weights = np.exp(np.array(logs) - max(logs))
    states = weights / weights.sum()
    busy = float(np.minimum(np.arange(len(states)), size) @ states)
    served = float(states[:size].sum())
    met = states[size : size + room]
    if not giving_up:
        # An Erlang tail for each number of departures, as a sum of Poisson probabilities.
        served += float(met @ erlang_within(len(met), serving * within))
    return Shares(1 - busy / load, served)


def erlang_within(most: int, mean: float) -> NDArray[np.float64]:
    """Return P(at least n events) for n from 1 to ``most``, where the mean number is this."""
    shares, term = [], math.exp(-mean)
    below = term
    for events in range(1, most + 1):
        shares.append(max(0.0, 1 - below))
        term *= mean / events
        below += term
    return np.array(shares)


def patient_for(load: float, size: int, patience: float, within: float) -> Shares:
    """Return the shares of M/M/c+D with holding times of a second: all are patient for so long.

    The work that an arrival meets has the density p exp((load - size) x) up to the patience, and
    falls with exp(-size x) beyond, where p is the rate at which the last server is taken: D. Y.
    Barrer, "Queuing with impatient customers and ordered service", Operations Research 5, 1957.
    """
    weights = [1.0]
    for jobs in range(1, size):
        weights.append(weights[-1] * load / jobs)
    start, drift = load * weights[-1], size - load

    def work(until: float) -> float:
        return start * (until if drift == 0 else -math.expm1(-drift * until) / drift)

    beyond = start * math.exp(-drift * patience) / size
    whole = sum(weights) + work(patience) + beyond
    return Shares(beyond / whole, (sum(weights) + work(min(within, patience))) / whole)


def constant(load: float, size: int, within: float) -> float:
    """Return the share served in time in M/D/c with holding times of a second.

    From one second to the next the jobs in service leave and a Poisson number arrives; with the
    probabilities of this chain, C. D. Crommelin, "Delay probability formulae when the holding times
    are constant", Post Office Electrical Engineers' Journal 25, 1932, in the form of G. J. Franx,
    "A simple solution for the M/D/c waiting time distribution", Operations Research Letters 29,
    2001.
    """
    if load >= size:
        return 0.0
    most = 400
    poisson = np.exp(np.arange(most) * math.log(load) - load - [math.lgamma(n + 1) for n in range(most)])
    states = np.zeros(most)
    states[0] = 1.0
    for _ in range(20_000):
        queued = np.concatenate(([states[: size + 1].sum()], states[size + 1 :]))
        after = np.convolve(queued, poisson)[:most]
        if np.abs(after - states).max() < 1e-14:
            break
        states = after
    turns = int(within) + 1
    rest = load * (turns - within)
    at_most = np.cumsum(states)[size:]
    terms = [math.exp(-rest + j * math.log(rest) - math.lgamma(j + 1)) for j in range(turns * size)]
    return float(sum(at_most[turns * size - 1 - j] * term for j, term in enumerate(terms)))


def _case(
    name: str,
    meets: Callable[[int], bool],
    *,
    target: float | None = None,
    share: float | None = None,
    load: float = 3.0,
    holding: str = 'exp:1',
    hold: float = 1.0,
    jobs: int = 500,
    **more: object,
) -> WaitCase:
    scenario = Scenario(
        title=name,
        arrivals=f'poisson:{load / hold!r}',
        holding=holding,
        max_size=1,
        jobs=jobs,
        seed=zlib.crc32(name.encode()),
        **more,  # type: ignore[arg-type]
    )
    return WaitCase(name, scenario, target, share, meets)


def _two_pools(size: int) -> bool:
    shares = (2 / 3, 1 / 3)
    return sum(share * queue(6 * share, size, 1).served for share in shares) >= 0.95


def _both(size: int) -> bool:
    found = queue(6, size, 0.2, room=4)
    return found.refused < 0.03 and found.served >= 0.9


def _patient_and_soon(size: int) -> bool:
    found = patient_for(4, size, 1, 0.25)
    return found.refused < 0.05 and found.served >= 0.92


CASES = [
    _case('Erlang C, half a second', lambda c: queue(3, c, 0.5).served >= 0.95, share=0.95, wait=None, wait_within=0.5),
    _case('Erlang C, at once', lambda c: queue(8, c, 0).served >= 0.9, share=0.9, load=8, wait=None, wait_within=0),
    _case(
        'Erlang C, 99 % within 1 s',
        lambda c: queue(20, c, 1, hold=2).served >= 0.99,
        share=0.99,
        load=20,
        holding='exp:2',
        hold=2,
        wait=None,
        wait_within=1,
    ),
    _case(
        'Erlang C, just above the load',
        lambda c: queue(4.7, c, 5).served >= 0.5,
        share=0.5,
        load=4.7,
        wait=None,
        wait_within=5,
    ),
    _case(
        'Erlang C, the load a whole number',
        lambda c: queue(4, c, 3).served >= 0.6,
        share=0.6,
        load=4,
        wait=None,
        wait_within=3,
    ),
    _case('M/M/c/K', lambda c: queue(6, c, 0, room=5).refused < 0.02, target=0.02, load=6, wait=None, max_waiting=5),
    _case(
        'M/M/c/K, both goals',
        _both,
        target=0.03,
        share=0.9,
        load=6,
        wait=None,
        max_waiting=4,
        wait_within=0.2,
    ),
    _case('Erlang A', lambda c: queue(5, c, 0, giving_up=0.5).refused < 0.02, target=0.02, load=5, wait='exp:2'),
    _case('M/M/c+D', lambda c: patient_for(4, c, 1, 0).refused < 0.02, target=0.02, load=4, wait=1),
    _case('M/M/c+D, both goals', _patient_and_soon, target=0.05, share=0.92, load=4, wait=1, wait_within=0.25),
    _case(
        'M/D/c',
        lambda c: constant(4, c, 0.25) >= 0.95,
        share=0.95,
        load=4,
        holding='const:1',
        wait=None,
        wait_within=0.25,
    ),
    _case(
        'M/D/1', lambda c: constant(0.5, c, 1) >= 0.8, share=0.8, load=0.5, holding='const:1', wait=None, wait_within=1
    ),
    _case('two pools by key', _two_pools, share=0.95, load=6, keys='zipf:2:1', wait=None, wait_within=1),
]


@contextmanager
def without_theory() -> Iterator[None]:
    """Leave theory out of the answers of scenarios that have a title, so that only runs decide."""
    expect = Scenario.expect

    def silent(scenario: Scenario, *given: Any) -> Expectation | str:
        return 'Theory is left out on purpose.' if scenario.title else expect(scenario, *given)

    with mock.patch.object(Scenario, 'expect', silent):
        yield


def trace_cases(folder: Path) -> list[WaitCase]:
    """Return cases of recorded jobs that are counted by hand, with their traces in a folder.

    Ten times, six jobs of a second arrive at the same instant, so with c slots the job number j of
    a group, counted from 0, gets its slot after j // c seconds.
    """
    path = folder / 'groups.csv'
    Trace([(10.0 * group, 1.0) for group in range(10) for _ in range(6)]).to_csv(path)

    def counted(
        name: str, meets: Callable[[int], bool], target: float | None = None, share: float | None = None, **more: object
    ) -> WaitCase:
        scenario = Scenario(title=name, trace=path, max_size=1, **more)  # type: ignore[arg-type]
        return WaitCase(name, scenario, target, share, meets)

    def waiting(size: int, seconds: int) -> int:
        return sum(place // size <= seconds for place in range(6))

    return [
        counted('trace, within 1 s', lambda c: waiting(c, 1) >= 0.99 * 6, share=0.99, wait=None, wait_within=1),
        counted('trace, half at once', lambda c: waiting(c, 0) >= 0.5 * 6, share=0.5, wait=None, wait_within=0),
        counted('trace, patient for 1.5 s', lambda c: 6 - waiting(c, 1) < 0.3 * 6, target=0.3, wait=1.5),
    ]
