"""A recording of several pools: which of them get one answer together, and what suits each."""

from dataclasses import dataclass

import numpy as np

from simulations.engine.replay import replay_under
from simulations.scenarios.scenario import Scenario
from simulations.sizing.goals import Goals
from simulations.traces.recorded import RecordedPool, by_template
from simulations.traces.trace import Trace


@dataclass(frozen=True, kw_only=True)
class Group:
    """Pools that get one ``max_size`` together: a pool without a template, or those of a template.

    Attributes:
        label: the key of the pool, or the template.
        pools: the facts of the pools.
        scenario: the scenario with these pools only; ``None`` if none of their attempts got a slot.
    """

    label: str
    pools: tuple[RecordedPool, ...]
    scenario: Scenario | None


def pool_groups(scenario: Scenario) -> list[Group]:
    """Return the groups of pools of a recording, the busiest first; none for other scenarios.

    Example::

        for group in pool_groups(Scenario(trace='pool.csv', max_size=1)):
            print(group.label, group.scenario and size_pool(group.scenario).max_size)
    """
    recorded = recorded_pools(scenario)
    if not recorded:
        return []
    trace, groups = scenario.workload(), []
    known = set(trace.key_names) if isinstance(trace, Trace) else set()
    for label, keys in by_template(recorded).items():
        meant = [key for key, pool in recorded.items() if key == label or label in pool.templates]
        only = [label] if meant == keys else keys
        part = scenario.replace(trace_options={**scenario.trace_options, 'only': only})
        pools = tuple(recorded[key] for key in keys)
        groups.append(Group(label=label, pools=pools, scenario=part if known.intersection(keys) else None))
    return groups


def recorded_pools(scenario: Scenario) -> dict[str, RecordedPool]:
    """Return the facts of the recorded pools by key; none if the scenario is no recording."""
    if scenario.trace is None:
        return {}
    workload = scenario.workload()
    return dict(workload.recorded or {}) if isinstance(workload, Trace) else {}


def size_for_each(scenario: Scenario, goals: Goals, at_least: int) -> int:
    """Return the smallest ``max_size`` with which each pool alone meets the goals.

    Among many pools, a small busy one may be refused often while their share together is small.

    Args:
        scenario: the scenario of a trace in which nothing is random.
        goals: what each pool must achieve.
        at_least: the answer is not smaller than this.
    """
    trace, size = scenario.workload(), at_least
    if not isinstance(trace, Trace) or trace.keys is None:
        return size
    order = np.argsort(trace.keys, kind='stable')
    ends = np.cumsum(np.bincount(trace.keys + 1, minlength=len(trace.key_names) + 1))
    for chosen in np.split(order, ends[:-1]):
        part = Trace.from_seconds(trace.arrivals[chosen], trace.holdings[chosen])
        most = _peak(part)
        if most <= size or _meets(scenario, part, size, goals):
            continue
        least = size
        while most - least > 1:
            middle = (least + most) // 2
            if _meets(scenario, part, middle, goals):
                most = middle
            else:
                least = middle
        size = most
    return size


def _meets(scenario: Scenario, jobs: Trace, max_size: int, goals: Goals) -> bool:
    conditions = scenario.replace(max_size=max_size).conditions()
    return goals.met_by(replay_under(conditions, jobs, history=False).figures)


def _peak(jobs: Trace) -> int:
    """Return how many of the jobs would hold a slot at the same time if all got one."""
    if not len(jobs.arrivals):
        return 0
    over = np.searchsorted(np.sort(jobs.arrivals + jobs.holdings), jobs.arrivals, side='right')
    return int((np.arange(1, len(jobs.arrivals) + 1) - over).max())
