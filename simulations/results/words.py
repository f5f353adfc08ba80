"""How the intervals were made and the reasons to doubt them, in words."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from simulations.measuring.caveats import (
    BATCHES_ALIKE,
    FEW_OVERRUNS,
    FEW_REFUSALS,
    HALF_WIDTH_MISSED,
    HEAVY_TAIL,
    NOT_STEADY,
    SHORT_RUN,
    SLOTS_LOST,
    STARTS_EMPTY,
    THEORY_OUTSIDE,
    TOO_FEW_JOBS,
    UNSTABLE,
    WARM_UP_OPEN,
    Caveat,
)
from simulations.measuring.estimates import CONFIDENCE, Method
from simulations.statistics.intervals import Interval
from simulations.theory.expectation import Expectation
from simulations.units import count, duration


_LEAST = 1e-4
"""The smallest share that is written as a number."""
_FIGURES = {
    'refusal_share': 'the share of refused jobs',
    'attempts_refusal_share': 'the share of refused attempts',
    'occupancy_mean': 'the mean occupancy',
    'overrun_mean': 'the mean overrun',
    'wait_mean': 'the mean waiting time',
    'wait_p50': 'the median of the waiting time',
    'wait_p95': 'the waiting time that 95 % of the jobs do not exceed',
    'wait_p99': 'the waiting time that 99 % of the jobs do not exceed',
    'waited_share': 'the share of jobs that waited',
    'served_within': 'the share of jobs served in time',
    'timed_out_share': 'the share of attempts that timed out',
    'queue_mean': 'the mean length of the queue',
}


_CORRELATED = 'because neighbouring parts of the run are correlated: run longer, or make replications'


def message(caveat: Caveat, theory: Expectation | None = None) -> str:
    """Return a caveat as a sentence that says what is doubtful, why, and what to do.

    Args:
        caveat: the reason to doubt an interval.
        theory: what theory expects in the long run; ``None`` if it does not apply.
    """
    words = _WORDS[caveat.code]
    return words if isinstance(words, str) else words(caveat, theory)


def messages(caveats: Sequence[Caveat], theory: Expectation | None = None) -> list[tuple[str, str]]:
    """Return the code and sentence of each caveat; what holds for several figures is said once."""
    found: list[tuple[str, str]] = []
    alike = [each for each in caveats if each.code == BATCHES_ALIKE]
    for each in caveats:
        if each.code != BATCHES_ALIKE or len(alike) == 1:
            found.append((each.code, message(each, theory)))
        elif each is alike[0]:
            *names, last = map(_of, alike)
            found.append((each.code, f'the intervals of {", ".join(names)} and {last} are too narrow, {_CORRELATED}'))
    return found


def caveats_json(caveats: Iterable[Caveat], theory: Expectation | None = None) -> list[dict[str, Any]]:
    """Return caveats as plain values: ``code``, ``message``, and ``figure``, ``None`` for all."""
    return [{'code': each.code, 'message': message(each, theory), 'figure': each.figure} for each in caveats]


def interval_words(interval: Interval | None, form: str) -> str:
    """Return an interval in words that begin with a comma; empty if there is none."""
    if interval is None:
        return ''
    return f', {100 * CONFIDENCE:g}% interval [{interval.low:{form}}, {interval.high:{form}}]'


def skipped_words(skipped: Mapping[str, int]) -> str:
    """Return the numbers of unusable records with their reasons."""
    return ', '.join(f'{number:,} {reason}' for reason, number in sorted(skipped.items()))


def how_made(method: Method | None) -> str:
    """Describe how the intervals were made, and what was left out; empty if there are none."""
    return '' if method is None else '; '.join(_method(method))


def _too_few_jobs(caveat: Caveat, _: Expectation | None) -> str:
    jobs = count(round(caveat.amount), 'job is', 'jobs are')
    return f'no intervals, because {jobs} too few: make at least {caveat.needed:,.0f}'


def _short_run(caveat: Caveat, _: Expectation | None) -> str:
    if caveat.figure == 'overrun_mean':
        return (
            f'the run is too short for the overrun: {duration(caveat.amount)} were measured, but rare bodies that run'
            f' very long make up much of it, and need {duration(caveat.needed)}; make the run'
            f' {_times(caveat.needed / caveat.amount)} as long'
        )
    if caveat.figure is not None:
        return (
            f'{_of(caveat)} is shifted because a run of {duration(caveat.amount)} ends early if it meets a burst: end'
            f' the runs by a horizon instead of a number of jobs, or make them {_times(caveat.needed / caveat.amount)}'
            ' as long'
        )
    return (
        f'the run is too short: {duration(caveat.amount)} were measured, but what changes slowly here, such as the'
        f' lives of slots or bursts of arrivals, needs {duration(caveat.needed)} for a reliable interval; make the run'
        f' {_times(caveat.needed / caveat.amount)} as long'
        if caveat.amount
        else 'the run is too short: no time passed while jobs arrived'
    )


def _starts_empty(caveat: Caveat, _: Expectation | None) -> str:
    missing = f'{caveat.amount:.2%}' if caveat.amount >= _LEAST else f'less than {_LEAST:.2%}'
    return (
        f'{_of(caveat)} is shifted because the pool starts empty and takes {duration(caveat.needed)} to fill up:'
        f' {missing} of the long-run occupancy was missing on average; run longer'
    )


def _heavy_tail(caveat: Caveat, theory: Expectation | None) -> str:
    reason = 'holding times have no finite variance, so no interval from a simulation is reliable'
    if caveat.figure is not None:
        return f'{_of(caveat)} has no reliable interval, because bodies run on without a finite variance'
    if theory is None:
        return f'{reason}, however long it is; an expiry (slot_exp) would bound the time that a job holds its slot'
    return (
        f'{reason}; use the values of theory, which depend on the mean time in a slot alone:'
        f' {theory.refusal_share:.2%} refused, {theory.occupancy_mean:.4g} slots in use'
    )


def _batches_alike(caveat: Caveat, _: Expectation | None) -> str:
    return f'the interval of {_of(caveat)} is too narrow, {_CORRELATED}'


def _few_refusals(caveat: Caveat, _: Expectation | None) -> str:
    seen = count(round(caveat.amount), 'refusal', 'refusals')
    return f'{_of(caveat)} rests on only {seen}; {caveat.needed:,.0f} give a reliable interval: run longer'


def _few_overruns(caveat: Caveat, _: Expectation | None) -> str:
    return (
        f'the mean overrun has no interval, because only {caveat.amount:,.0f} bodies outlived their slot;'
        f' {caveat.needed:,.0f} are needed: run longer'
    )


def _theory_outside(caveat: Caveat, _: Expectation | None) -> str:
    value = f'{caveat.amount:.2%}' if (caveat.figure or '').endswith('share') else f'{caveat.amount:.4g}'
    return f'theory is exact here and says {value} for {_of(caveat)}, which lies outside the interval: trust theory'


_WORDS: dict[str, str | Callable[[Caveat, Expectation | None], str]] = {
    TOO_FEW_JOBS: _too_few_jobs,
    SHORT_RUN: _short_run,
    STARTS_EMPTY: _starts_empty,
    HEAVY_TAIL: _heavy_tail,
    SLOTS_LOST: (
        'slots of crashed holders never expire, so the pool loses one after the other and in the long run refuses'
        ' every job: set slot_exp'
    ),
    UNSTABLE: (
        'the offered load exceeds the slots and jobs never give up, so ever more jobs wait and there is no long run:'
        ' add slots, or limit the attempts or the wait'
    ),
    NOT_STEADY: (
        'the arrivals or faults change with time, so there is no long run: the intervals describe only the variation'
        ' within this run, and no warm-up is left out'
    ),
    WARM_UP_OPEN: 'the occupancy still changes in one direction, so the end of the warm-up was not found: run longer',
    BATCHES_ALIKE: _batches_alike,
    FEW_REFUSALS: _few_refusals,
    FEW_OVERRUNS: _few_overruns,
    HALF_WIDTH_MISSED: 'the requested half-width was not reached: allow more runs',
    THEORY_OUTSIDE: _theory_outside,
}
"""The words of each caveat, by its code: a sentence, or what makes one of its numbers."""


def _of(caveat: Caveat) -> str:
    return _FIGURES.get(caveat.figure or '', 'every figure')


def _times(factor: float) -> str:
    return f'{factor:.1f} times' if factor < 10 else f'{factor:,.0f} times'


def _method(method: Method) -> list[str]:
    level = f'{100 * method.confidence:g}% intervals'
    if method.runs > 1:
        words = [f'{level} from {method.runs} independent runs']
        if method.left_out:
            words.append(f'the warm-up of each run left out, {method.left_out:,} jobs in total')
        return words
    words = [f'{level} from {method.batches} batch means']
    if method.left_out is not None:
        source = 'computed from the laws of the workload' if method.by_law else 'found by MSER-5 on the occupancy'
        words.append(f'warm-up: the first {method.left_out:,} of {method.jobs:,} jobs left out, {source}')
    return words
