"""The smallest pool that refuses less than a target share of the jobs."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from simulations.arguments import inner_probability, positive, whole_number
from simulations.scenarios.scenario import Scenario
from simulations.sizing.facts import SizingFacts
from simulations.sizing.measure import Measure
from simulations.theory import max_size_for
from simulations.units import count, duration


if TYPE_CHECKING:
    from matplotlib.axes import Axes

ENDLESS = 2**31 - 1
"""The largest possible pool: no job is ever refused there."""


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
        """Return the answer as plain values."""
        numbers: dict[str, Any] = {
            'target': self.target,
            'max_size': self.max_size,
            'refusal_share': self.refusal_share.mean,
            'refusal_share_ci': [self.refusal_share.low, self.refusal_share.high],
            'of': 'attempts' if self.curve[self.max_size].point.of_attempts else 'jobs',
            'decided_by': self.decided_by,
            'max_size_low': self.range[0],
            'max_size_high': self.range[1],
            'max_size_without_refusals': self.peak,
            'slot_exp': self.scenario.slot_exp,
            'pools': self.pools,
            'curve': [verdict.point.row() for _, verdict in sorted(self.curve.items())],
        }
        if self.max_size_theory is not None:
            numbers['max_size_theory'] = self.max_size_theory
        return numbers

    def _each(self) -> str:
        return f' in each of {self.pools:,} pools' if self.pools > 1 else ''

    def __str__(self) -> str:
        mean, low, high = self.refusal_share
        life, share = self.scenario.slot_exp, f'{self.target:.3g}'
        point = self.curve[self.max_size].point
        what = 'attempts' if point.of_attempts else 'jobs'
        below = self.curve.get(self.max_size - 1)
        lines = [
            self.scenario.title or self.scenario.workload().name,
            f'  max_size {self.max_size:,}{self._each()} is the smallest that refuses less than {share} of the {what}',
            f'  slots expire      {"never" if life is None else "after " + duration(life)}',
            f'  refused           {mean:.3%} [{low:.3%}, {high:.3%}]',
        ]
        if below is not None:
            mean, low, high = below.share
            lines.append(f'  {f"with {self.max_size - 1:,}":<17} {mean:.3%} [{low:.3%}, {high:.3%}]')
        lines.append(f'  slots in use      {point.utilisation:.1%}')
        if self.range[0] < self.range[1]:
            between = f'{self.range[0]:,} to {self.range[1]:,}'
            lines.append(f'  not excluded      {between}: {_WHY[self.decided_by]}')
        if not self.scenario.random:
            lines.append('  this is exact for this log; a single log cannot predict another week')
        if self.max_size_theory is not None:
            lines.append(f'  theory            {self.max_size_theory:,}')
        lines.append(f'  no refusals       from {count(self.peak, "slot", "slots")} on, in the first run')
        return '\n'.join(lines)

    def _repr_html_(self) -> str:
        from simulations.sizing.plots import sizing_card

        return sizing_card(self, str(self))


_WHY = {
    'measurement': 'longer runs would narrow this range',
    'theory': 'the measurement alone cannot decide, so theory did',
    'mean': 'the measurement cannot decide; make longer runs, or more of them',
}


def size_pool(
    scenario: Scenario,
    target: float = 0.01,
    *,
    tolerance: float = 0.05,
    most_runs: int = 160,
    curve: int = 9,
    store: str = 'memory',
    executor: Executor | None = None,
    progress: bool = False,
) -> Sizing:
    """Find the smallest ``max_size`` that refuses less than ``target`` of the jobs.

    The search bisects over the size. At each size it makes independent runs until the interval of
    the refusal share lies on one side of the target, or is narrower than ``tolerance``. All sizes
    see the same jobs. If jobs try again until they get a slot, ``target`` is a share of the
    attempts. If the measurement cannot decide, theory does, provided that it applies and agrees
    with the measurement.

    Args:
        scenario: the workload; its own ``max_size`` does not matter.
        target: the share of refusals to stay below, more than 0 and less than 1.
        tolerance: make no more runs at a size once the half-width of its interval is below this
            share of ``target``.
        most_runs: the largest number of independent runs at one size; a recorded trace without
            anything random is run once.
        curve: how many further sizes around the answer to measure for the picture.
        store: where the pools are kept, see :func:`simulations.replay`.
        executor: anything with the interface of ``concurrent.futures.Executor``; by default runs
            are made one by one.
        progress: show a progress bar on standard error, or in the notebook.

    Raises:
        TypeError, ValueError: an argument is invalid, or no job arrives.
        InvariantError: a promise was broken in a run.

    Example::

        size_pool(Scenario(arrivals='poisson:3', holding='exp:1', jobs=5000), 0.01).max_size  # 8
    """
    target, tolerance = inner_probability('target', target), positive('tolerance', tolerance)
    whole_number('most_runs', most_runs, 1)
    whole_number('curve', curve, 0)
    with tqdm(unit=' runs', disable=not progress, dynamic_ncols=True) as bar:

        def report(max_size: int, runs: int) -> None:
            bar.set_postfix_str(f'max_size {max_size:,}, {runs} runs')
            bar.update()

        endless = scenario.replace(max_size=ENDLESS).replay(store=store, history=False)
        if not endless.figures.jobs:
            raise ValueError('no job arrives in this scenario: there is nothing to size a pool for')
        measure = Measure(scenario, target, tolerance, most_runs, store, executor, report)
        peak, load = max(1, endless.figures.occupancy_peak), endless.figures.occupancy_mean
        pools = max(1, endless.figures.pools)
        unstable = int(load / pools) if _can_grow_without_bound(scenario) else 0
        found = _search(measure, max(1, min(peak, _guess(load / pools, target))), unstable)
        lowest, highest = _range(measure, found, unstable) if scenario.random else (found, found)
        for size in _around(found, peak, unstable, curve):
            measure.verdict(size)
    verdicts = measure.verdicts
    sides = [verdicts[size].by for size in (found - 1, found) if size in verdicts]
    by = next((by for by in ('mean', 'theory') if by in sides), 'measurement')
    return Sizing(
        scenario=scenario.replace(max_size=found),
        target=target,
        max_size=found,
        refusal_share=verdicts[found].share,
        decided_by=by,
        range=(lowest, highest),
        peak=peak,
        max_size_theory=_theory(scenario, target, peak),
        pools=pools,
        curve=dict(sorted(verdicts.items())),
    )


def _can_grow_without_bound(scenario: Scenario) -> bool:
    """Return whether waiting jobs grow without limit if there are fewer slots than the load.

    That does not happen if jobs give up, the load is not steady, or clients wait for their answers.
    """
    workload = scenario.workload()
    return scenario.on_refusal.endless and workload.steady and workload.clients is None


def _guess(load: float, target: float) -> int:
    return max_size_for(load, target) if load > 0 else 1


def _search(measure: Measure, guess: int, floor: int) -> int:
    """Return the smallest size that is enough: search outwards from a guess, then bisect."""
    # If pauses are shorter than holding times, retries may need more slots than the peak.
    found = _edge_from(max(guess, floor + 1), floor, lambda size: measure.verdict(size).enough)
    if found - 1 > floor:
        measure.verdict(found - 1)
    return found


def _range(measure: Measure, found: int, unstable: int) -> tuple[int, int]:
    """Return the smallest and largest size that the intervals do not exclude.

    The search upwards stops at a size without refusals, because more slots would not change the
    measurement.
    """

    def surely(size: int) -> bool:
        share = measure.verdict(size).share
        return share.high < measure.target or not share.mean

    lowest = _edge_from(found, unstable, lambda size: measure.verdict(size).share.low <= measure.target)
    return lowest, _edge_from(found, found - 1, surely)


def _edge_from(guess: int, no: int, holds: Callable[[int], bool]) -> int:
    """Return the smallest size for which ``holds`` is true, searching from ``guess``.

    It is false for ``no``, a size smaller than the answer. The steps double until the edge lies
    between two of them; then the search bisects.
    """
    step = 1
    if holds(guess):
        yes = guess
        while yes - step > no and holds(yes - step):
            yes, step = yes - step, 2 * step
        return _bisect(yes, max(no, yes - step), holds)
    no, yes = guess, guess + step
    while not holds(yes):
        step *= 2
        no, yes = yes, yes + step
    return _bisect(yes, no, holds)


def _bisect(yes: int, no: int, holds: Callable[[int], bool]) -> int:
    """Return the smallest size for which ``holds`` is true, as it is for ``yes`` but not ``no``."""
    while yes - no > 1:
        middle = (yes + no) // 2
        if holds(middle):
            yes = middle
        else:
            no = middle
    return yes


def _around(found: int, peak: int, unstable: int, count: int) -> Iterable[int]:
    """Return ``count`` sizes from about half of the answer to about one and a half times it."""
    if not count:
        return []
    first, last = max(1, unstable + 1, found // 2), max(found + 2, min(peak + 1, found + found // 2))
    return sorted({round(first + (last - first) * step / max(1, count - 1)) for step in range(count)})


def _theory(scenario: Scenario, target: float, peak: int) -> int | None:
    """Return the smallest size by theory, or ``None`` if theory does not apply."""
    workload = scenario.workload()

    def enough(max_size: int) -> bool | None:
        expected = scenario.expect(max_size, workload)
        if isinstance(expected, str):
            return None
        share = expected.attempts_refusal_share if scenario.on_refusal.endless else expected.refusal_share
        return share is not None and share < target

    too_small, big = 0, max(1, peak)
    while not (found := enough(big)):
        if found is None or big > ENDLESS // 2:
            return None
        too_small, big = big, 2 * big
    return _bisect(big, too_small, lambda size: bool(enough(size)))
