"""The smallest pool that refuses less than a target share of the jobs."""

import math
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from simulations.arguments import inner_probability, positive, whole_number
from simulations.measuring.estimates import CONFIDENCE
from simulations.results.words import caveats_json, message, skipped_words
from simulations.scenarios.scenario import Scenario
from simulations.sizing.by_theory import ENDLESS, size_by_theory
from simulations.sizing.doubts import caveats_of, why_not
from simulations.sizing.facts import SizingFacts
from simulations.sizing.length import MOST_JOBS, lengthen
from simulations.sizing.measure import AT_LEAST, Measure
from simulations.sizing.search import around, not_excluded, smallest
from simulations.statistics.intervals import Interval
from simulations.sweeps.grid import Point
from simulations.theory import max_size_for
from simulations.units import count, duration


if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Sizing(SizingFacts):
    """How big the pool must be.

    ``print(...)`` shows the answer in words. JupyterLab displays it as a card.
    """

    def plot(self, ax: 'Axes | None' = None) -> 'Axes':
        """Draw the refusal share against ``max_size``, with intervals, theory, target and answer.

        Returns the axes.
        """
        from simulations.sizing.plots import plot_sizing

        return plot_sizing(self, ax)

    def to_json(self) -> dict[str, Any]:
        """Return the answer as plain values; ``max_size`` is ``None`` if it cannot be told."""
        numbers: dict[str, Any] = {
            'target': self.target,
            'max_size': self.max_size,
            'refusal_share': self.refusal_share.mean,
            'refusal_share_ci': [self.refusal_share.low, self.refusal_share.high],
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
            'curve': [verdict.point.to_json() for _, verdict in sorted(self.curve.items())],
        }
        if self.max_size_theory is not None:
            numbers['max_size_theory'] = self.max_size_theory
        return numbers

    @property
    def _point(self) -> Point:
        return self.curve[self.nearest].point

    def _each(self) -> str:
        return f' in each of {self.pools:,} pools' if self.pools > 1 else ''

    def _answer(self) -> str:
        what = 'attempts' if self._point.of_attempts else 'jobs'
        if self.max_size is None:
            return f'max_size cannot be told: {self.why_not}'
        smallest = f'max_size {self.max_size:,}{self._each()} is the smallest that refuses'
        return f'{smallest} less than {self.target:.3g} of the {what}'

    def _rows(self) -> Iterator[tuple[str, str]]:
        yield from (('caveat', f'{message(each, self._point.theory)} ({each.code})') for each in self.caveats)
        life, (low, high) = self.scenario.slot_exp, self.range
        yield 'slots expire', 'never' if life is None else f'after {duration(life)}'
        if self.lengthened > 1:
            made = f'{self.scenario.jobs:,} jobs' if self.scenario.jobs else duration(self.scenario.horizon or 0)
            yield 'lengthened', f'each run to {made}, {self.lengthened:.3g} times what the scenario says'
        at = '' if self.max_size is not None else f' with {self.nearest:,}'
        yield f'refused{at}', self._share(self.refusal_share)
        if (below := self.curve.get(self.nearest - 1)) is not None:
            yield f'with {self.nearest - 1:,}', self._share(below.share)
        yield 'slots in use', f'{self._point.utilisation:.1%} on average'
        if high is None:
            yield 'not excluded', f'{low:,} and more'
        elif low < high:
            yield 'not excluded', f'{low:,} to {high:,}: {_WHY[self.decided_by]}'
        if not self.scenario.random:
            yield 'exact', 'for this log; a single log cannot predict another week'
        if self.max_size_theory is not None:
            yield 'theory', f'{self.max_size_theory:,}'
        yield 'no refusals', f'from {count(self.peak, "slot", "slots")} on, in the first run'
        if self.skipped:
            yield 'records not used', skipped_words(self.skipped)

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
    target: float = 0.01,
    *,
    tolerance: float = 0.05,
    most_runs: int = 160,
    most_jobs: int = MOST_JOBS,
    curve: int = 9,
    store: str = 'memory',
    executor: Executor | None = None,
    progress: bool = False,
) -> Sizing:
    """Find the smallest ``max_size`` that refuses less than ``target`` of the jobs.

    The search bisects over the size. At each size it makes independent runs until the interval of
    the refusal share lies on one side of the target, or is narrower than ``tolerance``. All sizes
    see the same jobs. If jobs try again until they get a slot, ``target`` is a share of the
    attempts.

    Where theory is exact, the answer is never smaller than theory's. If the runs of a steady
    scenario are too short for the slots' lives or for the target, they are made longer, up to
    ``most_jobs``. If neither the measurement nor theory can tell, ``max_size`` of the answer is
    ``None``, and its ``range`` has the sizes that are not excluded.

    Args:
        scenario: the workload; its own ``max_size`` is not used.
        target: the share of refusals to stay below, more than 0 and less than 1.
        tolerance: make no more runs at a size once the half-width of its interval is below this
            share of ``target``.
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
        TypeError, ValueError: an argument is invalid, or no job arrives.
        InvariantError: a promise was broken in a run.

    Example::

        scenario = Scenario(arrivals='poisson:3', holding='exp:1', max_size=1, jobs=5000)
        size_pool(scenario, 0.01).max_size  # 8
    """
    target, tolerance = inner_probability('target', target), positive('tolerance', tolerance)
    whole_number('most_runs', most_runs, 1)
    whole_number('most_jobs', most_jobs, 1)
    whole_number('curve', curve, 0)
    workload = scenario.workload()
    longer = lengthen(scenario, target, most_runs, min(AT_LEAST, most_runs), most_jobs)
    made = longer.scenario
    with tqdm(unit=' runs', disable=not progress, dynamic_ncols=True) as bar:

        def report(max_size: int, runs: int) -> None:
            bar.set_postfix_str(f'max_size {max_size:,}, {runs} runs')
            bar.update()

        endless = made.replace(max_size=ENDLESS).replay(store=store, history=False)
        if not endless.figures.jobs:
            raise ValueError('no job arrives in this scenario: there is nothing to size a pool for')
        measure = Measure(made, target, tolerance, longer.most_runs, store, executor, report)
        peak, load = max(1, endless.figures.occupancy_peak), endless.figures.occupancy_mean
        pools = max(1, endless.figures.pools)
        theory = size_by_theory(made, target, peak)
        exact = int(theory) if theory is not None and theory < math.inf else None
        unstable = int(load / pools) if _can_grow_without_bound(made) else 0
        guess = min(peak, _guess(load / pools, target)) if exact is None else exact
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
    caveats = caveats_of(sides)
    reason, bounded = why_not(sides, caveats, theory, (lowest, highest), made)
    by = next((by for by in ('mean', 'theory') if by in [each.by for each in sides]), 'measurement')
    if exact is not None and (by == 'mean' or any(each.contradicts_theory for each in sides)):
        by = 'theory'
    return Sizing(
        scenario=made.replace(max_size=found),
        target=target,
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
    )


def _can_grow_without_bound(scenario: Scenario) -> bool:
    """Return whether waiting jobs grow without limit if there are fewer slots than the load.

    That does not happen if jobs give up, the load is not steady, or clients wait for their answers.
    """
    workload = scenario.workload()
    return scenario.on_refusal.endless and workload.steady and workload.clients is None


def _guess(load: float, target: float) -> int:
    return max_size_for(load, target) if load > 0 else 1
