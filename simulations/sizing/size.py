"""The smallest pool that refuses few enough jobs, or serves enough of them in time."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from simulations.arguments import positive, whole_number
from simulations.distributions import Exponential
from simulations.measuring.estimates import CONFIDENCE
from simulations.results.recorded import recorded_caveats, recorded_json, sizes_words
from simulations.results.words import caveats_json, message, skipped_words
from simulations.scenarios.scenario import Scenario
from simulations.sizing.by_theory import ENDLESS, size_by_theory, unstable_up_to
from simulations.sizing.doubts import caveats_of, why_not
from simulations.sizing.facts import SizingFacts
from simulations.sizing.goals import Goals, waits_for_ever
from simulations.sizing.length import MOST_JOBS, lengthen
from simulations.sizing.measure import AT_LEAST, Measure, Verdict
from simulations.sizing.pools import recorded_pools
from simulations.sizing.search import around, not_excluded, smallest
from simulations.statistics.intervals import Interval
from simulations.sweeps.grid import Point
from simulations.theory import max_size_for
from simulations.units import count, duration
from simulations.workloads.arrivals import Clients, PoissonArrivals
from simulations.workloads.patience import wait_text
from simulations.workloads.synthetic import Synthetic


if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Sizing(SizingFacts):
    """How big the pool must be.

    ``print(...)`` shows the answer in words. JupyterLab displays it as a card.
    """

    def plot(self, ax: 'Axes | None' = None) -> 'Axes':
        """Draw the shares that decide against ``max_size``, with theory, the goals and the answer.

        These are the share of refused jobs and the share that was not served in time, each with its
        interval. Returns the axes.
        """
        from simulations.sizing.plots import plot_sizing

        return plot_sizing(self, ax)

    def to_json(self) -> dict[str, Any]:
        """Return the answer as plain values; ``max_size`` is ``None`` if it cannot be told."""
        numbers: dict[str, Any] = {
            'target': self.target,
            'share': self.share,
            'wait_within': self.wait_within,
            'wait': wait_text(self.scenario.conditions().wait),
            'max_waiting': self.scenario.max_waiting,
            'max_size': self.max_size,
            **self.curve[self.nearest].shares_json(),
            'of': 'attempts' if self._point.of_attempts else 'jobs',
            'decided_by': self.decided_by,
            'max_size_low': self.range[0],
            'max_size_high': self.range[1],
            'max_size_without_refusals': self.peak,
            'slot_exp': self.scenario.slot_exp,
            'pools': self.pools,
            'jobs_each_run': self.scenario.jobs,
            'horizon': self.scenario.horizon,
            'lengthened': self.lengthened,
            'why_not': self.why_not or None,
            'caveats': caveats_json(self.caveats, self._point.theory),
            'skipped': dict(self.skipped),
            'curve': [verdict.to_json() for _, verdict in sorted(self.curve.items())],
        }
        if self.recorded:
            numbers['recorded'] = recorded_json(self.recorded.values(), self.scenario.seed)
        if self.max_size_theory is not None:
            numbers['max_size_theory'] = self.max_size_theory
        return numbers

    @property
    def _point(self) -> Point:
        return self.curve[self.nearest].point

    def _each(self) -> str:
        return f' in each of {self.pools:,} pools' if self.pools > 1 else ''

    def _answer(self) -> str:
        if self.max_size is None:
            return f'max_size cannot be told: {self.why_not}'
        return f'max_size {self.max_size:,}{self._each()} is the smallest that {self.goals.words()}'

    def _rows(self) -> Iterator[tuple[str, str]]:
        yield from (('caveat', f'{message(each, self._point.theory)} ({each.code})') for each in self.caveats)
        waits, seed = self.scenario.conditions().waits, self.scenario.seed
        yield from (('caveat', each) for each in recorded_caveats(self.recorded.values(), seed, waits=waits))
        if self.recorded:
            yield 'recorded', f'with max_size {sizes_words(self.recorded.values())}'
        life, (low, high) = self.scenario.slot_exp, self.range
        yield 'slots expire', 'never' if life is None else f'after {duration(life)}'
        if self.lengthened > 1:
            made = f'{self.scenario.jobs:,} jobs' if self.scenario.jobs else duration(self.scenario.horizon or 0)
            yield 'lengthened', f'each run to {made}, {self.lengthened:.3g} times what the scenario says'
        at = '' if self.max_size is not None else f' with {self.nearest:,}'
        for name, words in self._measured():
            yield f'{name}{at}', words(self.curve[self.nearest])
            if (below := self.curve.get(self.nearest - 1)) is not None:
                yield f'  with {self.nearest - 1:,}', words(below)
        yield 'slots in use', f'{self._point.utilisation:.1%} on average'
        if high is None:
            yield 'not excluded', f'{low:,} and more'
        elif low < high:
            yield 'not excluded', f'{low:,} to {high:,}: {_WHY[self.decided_by]}'
        if not self.scenario.random:
            drawn = ' and the holding times that were drawn' if any(it.drawn for it in self.recorded.values()) else ''
            yield 'exact', f'for this log{drawn}; a single log cannot predict another week'
        if self.max_size_theory is not None:
            yield 'theory', f'{self.max_size_theory:,}'
        never = 'no job waits' if self.goals.waits else 'no refusals'
        yield never, f'from {count(self.peak, "slot", "slots")} on, in the first run'
        if self.skipped:
            yield 'records not used', skipped_words(self.skipped)

    def _measured(self) -> Iterator[tuple[str, Callable[[Verdict], str]]]:
        """Return what was measured at each size: its name, and how to put it into words."""
        goals = self.goals
        if goals.target is not None or not waits_for_ever(self.scenario):
            yield 'refused or timed out' if goals.waits else 'refused', lambda each: self._share(each.share)
        if goals.within is not None:
            yield f'served {goals.in_time()}', lambda each: self._share(each.served or each.share)
        if goals.waits:
            yield 'waiting time', lambda each: f'{each.wait_mean:.3g} s on average, 95% at most {each.wait_p95:.3g} s'

    def _share(self, share: Interval) -> str:
        # What a log refuses is exact for this log.
        interval = f', {100 * CONFIDENCE:g}% interval [{share.low:.3%}, {share.high:.3%}]'
        return f'{share.mean:.3%}' + (interval if self.scenario.random else '')

    def __str__(self) -> str:
        table = list(self._rows())
        width = max(len(name) for name, _ in table)
        head = [self.scenario.title or self.scenario.workload().name, f'  {self._answer()}']
        return '\n'.join([*head, *(f'  {name:<{width}}  {value}' for name, value in table)])

    def _repr_html_(self) -> str:
        from simulations.sizing.plots import sizing_card

        return sizing_card(self, str(self))


_WHY = {
    'measurement': 'longer runs would narrow this range',
    'theory': 'the measurement alone cannot decide, so theory did',
    'mean': 'the measurement cannot decide; make longer runs, or more of them',
    'nothing': 'the measurement cannot decide',
}


def size_pool(
    scenario: Scenario,
    target: float | None = None,
    *,
    share: float | None = None,
    tolerance: float = 0.05,
    most_runs: int = 160,
    most_jobs: int = MOST_JOBS,
    curve: int = 9,
    store: str = 'memory',
    executor: Executor | None = None,
    progress: bool = False,
) -> Sizing:
    """Find the smallest ``max_size`` that refuses few enough jobs, or serves enough in time.

    The search bisects over the size, so it relies on more slots never making things worse. At each
    size it makes independent runs until the intervals of the shares lie on one side of the goals,
    or are narrower than ``tolerance``. All sizes see the same jobs. Jobs whose wait timed out count
    as refused. If jobs try again until they get a slot, ``target`` is a share of the attempts.

    Where theory is exact, the answer is never smaller than theory's. If the runs of a steady
    scenario are too short for the slots' lives, for its queue or for the goals, they are made
    longer, up to ``most_jobs``. If neither the measurement nor theory can tell, ``max_size`` of the
    answer is ``None``, and its ``range`` has the sizes that are not excluded. If all jobs of steady
    arrivals wait for as long as it takes, only sizes above the offered load are measured, because
    with fewer slots the queue grows without bound.

    Args:
        scenario: the workload, and how long its jobs wait; its own ``max_size`` is not used.
        target: the share of refusals to stay below, more than 0 and less than 1; 0.01 if ``share``
            is not given either, and otherwise no condition.
        share: the share of the jobs that must get a slot within the scenario's ``wait_within``
            seconds, at least; more than 0 and less than 1. If ``target`` is given too, both must
            hold.
        tolerance: make no more runs at a size once the half-width of its interval is below this
            share of what may go wrong: of ``target``, or of ``1 - share``.
        most_runs: the largest number of independent runs at one size; a recorded trace without
            anything random is run once.
        most_jobs: runs are lengthened to at most this many jobs at one size; a scenario that has
            more is not shortened.
        curve: how many further sizes around the answer to measure for the picture.
        store: where the pools are kept, see :func:`simulations.replay`.
        executor: anything with the interface of ``concurrent.futures.Executor``; by default runs
            are made one by one.
        progress: show a progress bar on standard error, or in the notebook.

    Raises:
        TypeError, ValueError: an argument is invalid, no job arrives, or too few jobs would get a
            slot in time even in a pool that is never full.
        InvariantError: a promise was broken in a run.

    Example::

        scenario = Scenario(arrivals='poisson:3', holding='exp:1', max_size=1, jobs=5000)
        size_pool(scenario, 0.01).max_size  # 8
        size_pool(scenario.replace(wait=None, wait_within=0.5), share=0.95).max_size  # 6
    """
    goals, tolerance = Goals.of(scenario, target, share), positive('tolerance', tolerance)
    whole_number('most_runs', most_runs, 1)
    whole_number('most_jobs', most_jobs, 1)
    whole_number('curve', curve, 0)
    workload = scenario.workload()
    near = _near(scenario, goals) if goals.waits else None
    longer = lengthen(scenario, goals.allowed, most_runs, min(AT_LEAST, most_runs), most_jobs, near=near)
    made = longer.scenario
    with tqdm(unit=' runs', disable=not progress, dynamic_ncols=True) as bar:

        def report(max_size: int, runs: int) -> None:
            bar.set_postfix_str(f'max_size {max_size:,}, {runs} runs')
            bar.update()

        endless = made.replace(max_size=ENDLESS).replay(store=store, history=False)
        if not endless.figures.jobs:
            raise ValueError('no job arrives in this scenario: there is nothing to size a pool for')
        served = endless.figures.served_within
        if share is not None and served is not None and served < share:
            raise ValueError(
                f'no max_size can serve {share!r} of the jobs {goals.in_time()}, because even in a pool that is never'
                f' full only {served:.4g} of them are: lower share, or raise wait_within'
            )
        measure = Measure(made, goals, tolerance, longer.most_runs, store, executor, report)
        peak, load = max(1, endless.figures.occupancy_peak), endless.figures.occupancy_mean
        pools = max(1, endless.figures.pools)
        theory = size_by_theory(made, goals, peak)
        exact = int(theory) if theory is not None and theory < math.inf else None
        unstable = unstable_up_to(made, load / pools)
        guess = min(peak, _guess(load / pools, goals.allowed)) if exact is None else exact
        found = smallest(measure, max(1, guess), unstable)
        lowest, highest = not_excluded(measure, found, unstable) if made.random else (found, found)
        if exact is not None and exact != found:
            found = exact
            for size in (found, found - 1):
                if size > unstable:
                    measure.verdict(size)
            lowest, highest = min(lowest, found), max(highest, found)
        for size in around(found, peak, unstable, curve):
            measure.verdict(size)
    verdicts = measure.verdicts
    sides = [verdicts[size] for size in (found - 1, found) if size in verdicts]
    caveats = caveats_of(sides, goals)
    reason, bounded = why_not(sides, caveats, theory, (lowest, highest), made)
    by = next((by for by in ('mean', 'theory') if by in [each.by for each in sides]), 'measurement')
    if exact is not None and (by == 'mean' or any(each.contradicts_theory for each in sides)):
        by = 'theory'
    return Sizing(
        scenario=made.replace(max_size=found),
        target=goals.target,
        share=goals.share,
        max_size=None if reason else found,
        nearest=found,
        refusal_share=verdicts[found].share,
        decided_by='nothing' if reason else by,
        range=(lowest, highest if bounded else None),
        peak=peak,
        max_size_theory=exact,
        pools=pools,
        curve=dict(sorted(verdicts.items())),
        caveats=caveats,
        why_not=reason,
        lengthened=longer.factor,
        skipped=workload.skipped,
        recorded=recorded_pools(made),
    )


def _near(scenario: Scenario, goals: Goals) -> int | None:
    """Return about the answer for jobs that wait, before anything is measured.

    Poisson arrivals with exponential holding times of the same means stand in.
    """
    workload = scenario.workload()
    if not isinstance(workload, Synthetic) or isinstance(workload.arrivals, Clients):
        return None
    held = workload.holding.mean_until(scenario.conditions().held_for(math.inf))
    rate = workload.arrivals.rate() * (1.0 if workload.keys is None else max(workload.keys.shares()))
    if not 0 < rate * held < ENDLESS // 2:
        return None
    least = math.floor(rate * held) + 1
    alike = Scenario(
        arrivals=PoissonArrivals(rate),
        holding=Exponential(held),
        jobs=1,
        max_size=1,
        wait=scenario.wait,
        max_waiting=scenario.max_waiting,
        wait_within=scenario.wait_within,
    )
    theory = size_by_theory(alike, goals._replace(of_attempts=False), least)
    # Just below the answer the queue is slower, and it is measured there too.
    return least if theory is None or theory == math.inf else max(int(theory) - 1, least)


def _guess(load: float, allowed: float) -> int:
    return max_size_for(load, allowed) if load > 0 else 1
