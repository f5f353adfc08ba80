"""Repeat a run with independent seeds, and combine the results.

Use replications for an interval if a single run has no steady state: a day, a nightly batch, or a
trace that is thinned differently each time.
"""

import dataclasses
import hashlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from simulations.arguments import whole_number
from simulations.measuring.caveats import HALF_WIDTH_MISSED, Caveat, merged
from simulations.measuring.estimates import CONFIDENCE, Estimates, Method
from simulations.measuring.figures import Figures, weighted_mean
from simulations.measuring.observer import figures_as_estimated
from simulations.measuring.runs import RunSums, of_runs, ratio
from simulations.measuring.series import Series
from simulations.measuring.waits import WaitTimes, pooled_quantiles
from simulations.results.result import Result
from simulations.statistics.intervals import Interval
from simulations.statistics.stopping import StoppingRule


MOST_REPLICATIONS = 1000
"""The limit for a stopping rule that sets none."""


def seeds(seed: int) -> Iterator[int]:
    """Yield the seeds of independent runs: ``seed`` itself, then numbers derived from it by a hash.

    Consecutive numbers would not do: all but one of the runs of seed 1 would repeat those of seed
    0.
    """
    yield seed
    for number in itertools.count(1):
        yield int.from_bytes(hashlib.sha256(f'{seed} replication {number}'.encode()).digest()[:4])


def replicate(
    run: Callable[[int], Result],
    replications: int = 10,
    *,
    rule: StoppingRule | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Result:
    """Repeat a run several times with independent seeds.

    Args:
        run: makes one run with a given seed.
        replications: the number of runs; ignored if there is a ``rule``.
        rule: decides when to stop, by the share of refused jobs.
        seed: the seed of the first run; the other seeds are derived from it.
        progress: show a progress bar on standard error, or in the notebook.

    Returns:
        one result.  Its counts are sums over all runs, its means and shares are averages over them,
        and its peaks are maxima; pictures and history are those of the first run.  The interval of
        a figure comes from its variation between runs.

    Raises:
        TypeError, ValueError: an argument is not allowed; the message names it.
        InvariantError: a promise was broken in one of the runs.

    Example::

        replicate(lambda seed: replay(Poisson(6, 'exp:1', jobs=5000, seed=seed), max_size=5), 20)
    """
    whole_number('replications', replications, 1)
    results: list[Result] = []
    reached = True
    limit = replications if rule is None else rule.at_most or MOST_REPLICATIONS
    with tqdm(total=None if rule else limit, unit=' runs', disable=not progress, dynamic_ncols=True) as bar:
        for each in itertools.islice(seeds(seed), limit):
            results.append(run(each))
            bar.update()
            if rule is not None and len(results) > 1:
                found = rule.judge_interval(_refusals(results, rule.confidence), len(results))
                bar.set_postfix_str(f'half-width {found.interval.half_width:.3%}, target {found.target:.3%}')
                reached = found.reached
                if found.stop:
                    break
    return together(results, rule.confidence if rule else CONFIDENCE, reached)


def together(results: Sequence[Result], confidence: float = CONFIDENCE, reached: bool = True) -> Result:
    """Combine the results of several runs into one."""
    if len(results) == 1:
        return results[0]
    first = results[0]
    lengths = [result.figures.measured for result in results]
    estimates = _estimates(results, confidence, reached)
    waits = [result.observed.waits for result in results]
    observed = first.observed._replace(
        figures=figures_as_estimated(_figures([result.figures for result in results], waits), estimates),
        estimates=estimates,
        waits=WaitTimes.together(waits),
        occupancy_shares=_shares([result.occupancy_shares for result in results], lengths),
        overrun_shares=_shares([result.overrun_shares for result in results], lengths),
        history_hash=hashlib.sha256(''.join(result.history_hash for result in results).encode()).hexdigest(),
    )
    violations = [violation for result in results for violation in result.violations]
    return dataclasses.replace(
        first,
        observed=observed,
        findings=first.findings._replace(violations=violations),
        seconds=sum(result.seconds for result in results),
        replications=sum(result.replications for result in results),
    )


def _refusals(results: Sequence[Result], confidence: float) -> Interval:
    runs = [RunSums.of(result.estimates) for result in results]
    return ratio(runs, 'refused', 'jobs', confidence) or Interval(0.0, -math.inf, math.inf)


def _estimates(results: Sequence[Result], confidence: float, reached: bool) -> Estimates:
    first = results[0]
    facts = [each.estimates for each in results]
    pools = max(1, *(each.figures.pools for each in results))
    estimates = of_runs(
        [RunSums.of(each) for each in facts],
        first.max_size,
        pools,
        confidence,
        waits=first.conditions.waits,
        within=first.conditions.wait_within is not None,
    )
    arrived = sum(result.figures.jobs for result in results)
    jobs = int(sum(each.series.jobs.sum() for each in facts))
    by_law = all(each.method is None or each.method.by_law for each in facts)
    caveats = (*merged(each.caveats for each in facts), *estimates.caveats)
    return estimates._replace(
        method=Method(confidence, arrived, arrived - jobs, runs=len(results), by_law=by_law),
        caveats=caveats if reached else (*caveats, Caveat(HALF_WIDTH_MISSED)),
        series=Series(*(np.concatenate(columns) for columns in zip(*(each.series for each in facts), strict=True))),
    )


def _shares(runs: Sequence[NDArray[np.float64]], lengths: Sequence[float]) -> NDArray[np.float64]:
    total = sum(lengths)
    shares = np.zeros(max(map(len, runs)))
    for run, length in zip(runs, lengths, strict=True):
        shares[: len(run)] += run * (length / total if total else 1 / len(runs))
    return shares


def _figures(runs: Sequence[Figures], waits: Sequence[WaitTimes]) -> Figures:
    lengths = [run.measured for run in runs]

    def total(name: str) -> Any:
        return sum(getattr(run, name) for run in runs)

    def highest(name: str) -> Any:
        return max(getattr(run, name) for run in runs)

    of: dict[str, Any] = {}
    for name in ('jobs', 'granted', 'refused', 'attempts', 'retries', 'granted_later', 'expired_while_running'):
        of[name] = total(name)
    for name in ('crashed', 'recovered', 'failed', 'renewals', 'lost', 'lost_running', 'timed_out', 'overtakings'):
        of[name] = total(name)
    for name in ('wait_longest', 'occupancy_peak', 'running_peak', 'overrun_peak', 'recovery_longest', 'pools'):
        of[name] = highest(name)
    for name in ('lost_running_longest', 'queue_peak'):
        of[name] = highest(name)
    for name in ('throughput', 'occupancy_mean', 'utilisation', 'running_mean', 'overrun_mean', 'queue_mean'):
        of[name] = weighted_mean(runs, name, lengths)
    for name, per in (
        ('wait_mean_granted', 'granted'),
        ('wait_mean', 'jobs'),
        ('waited_share', 'jobs'),
        ('timed_out_share', 'attempts'),
        ('recovery_mean', 'recovered'),
    ):
        of[name] = weighted_mean(runs, name, [getattr(run, per) for run in runs])
    if runs[0].served_within is not None:
        of['served_within'] = weighted_mean(runs, 'served_within', [run.jobs for run in runs])
    return runs[0]._replace(**of | pooled_quantiles(waits))
