"""Run two designs in pairs, on any executor."""

import itertools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from tqdm.auto import tqdm

from simulations.arguments import whole_number
from simulations.comparing.comparison import Comparison
from simulations.comparing.facts import ComparedAt, Difference, main_figure
from simulations.comparing.figures import FIGURES, compared, is_number
from simulations.engine.replications import MOST_REPLICATIONS, seeds
from simulations.measuring.caveats import HALF_WIDTH_MISSED, THEORY_OUTSIDE, Caveat
from simulations.measuring.estimates import CONFIDENCE
from simulations.results.words import message
from simulations.scenarios.scenario import Scenario
from simulations.statistics.intervals import Interval
from simulations.statistics.paired import paired_interval
from simulations.statistics.stopping import StoppingRule
from simulations.sweeps.outcome import Outcome
from simulations.sweeps.processes import processes
from simulations.sweeps.run import at, outcomes
from simulations.sweeps.table import make_point
from simulations.sweeps.vary import Value, check_vary, points
from simulations.workloads.workload import Workload


PAIRS = 10
"""The number of pairs, unless the scenario asks for several replications."""
_JOBS_LOOKED_AT = 1000


def compare(
    a: Scenario | str | Path,
    b: Scenario | str | Path | None = None,
    *,
    vary: Mapping[str, Iterable[Value]] | None = None,
    replications: int | None = None,
    rule: StoppingRule | None = None,
    figure: str | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    store: str = 'memory',
    progress: bool = False,
) -> Comparison:
    """Run two designs on the same random numbers, and return the difference B - A of each figure.

    Run number i of B uses the seed of run number i of A, so both have the same arrivals, holding
    times, crashes and faults, as far as their laws are the same (common random numbers). What a
    pair shares cancels in its difference, so far fewer runs show it.

    Args:
        a: the first design: a scenario, or its name or path, see :meth:`Scenario.load`.
        b: the second design; its seed is replaced by that of ``a``. Leave it out to compare ``a``
            with itself at other values: ``vary`` then gives the values of A, followed by those of
            each B.
        vary: values as :func:`simulations.sweep` takes them. With ``b``, both designs are compared
            at each combination of them.
        replications: the number of pairs, at least 2; by default as many as ``a`` asks for, or 10
            if it asks for one. If nothing is random, there is one pair, and the difference is
            exact.
        rule: make pairs until this rule says to stop, by the interval of the difference in
            ``figure``; it is asked after every ``rule.at_least`` pairs. By default there is a rule
            if ``a`` has a ``half_width``.
        figure: the figure of the rule, and of the curve if values are varied; by default the most
            telling one that is not 0 in all runs, such as ``refusal_share``.
        executor: anything with the interface of ``concurrent.futures.Executor``; by default
            processes on this machine.
        workers: the number of processes, by default one for each processor; 1 runs everything in
            this process.
        store: where the pools are kept, see :func:`simulations.replay`.
        progress: show a progress bar on standard error, or in the notebook.

    Returns:
        the differences with their intervals; ``print(...)`` shows a verdict and a table, and
        ``plot`` draws them.

    Raises:
        TypeError, ValueError: an argument is invalid; or there is nothing to compare.
        InvariantError: a promise was broken in a run.

    Example::

        scenario = Scenario.load('api-connection-limit')
        compare(scenario, scenario.replace(max_size=30)).differences['refusal_share']
        compare(scenario, vary={'slot_exp': [5, 60]})
    """
    if executor is not None and workers is not None:
        raise ValueError('give either executor or workers, not both')
    if workers is not None:
        whole_number('workers', workers, 1)
    if figure is not None and figure not in FIGURES:
        raise ValueError(f'unknown figure {figure!r}: choose from {", ".join(FIGURES)}')
    first = _scenario('a', a)
    second = None if b is None else _scenario('b', b).replace(seed=first.seed)
    pairs = _pairs(first, second, {} if vary is None else check_vary(vary))
    exact = not any(design.random for pair in pairs for design in (pair.a, pair.b))
    rule, most = _length(first, replications, rule, exact)
    confidence = CONFIDENCE if rule is None else rule.confidence
    # A scenario that is part of several pairs runs once for all of them.
    runs: dict[int, tuple[Scenario, list[Outcome]]] = {
        id(design): (design, []) for pair in pairs for design in (pair.a, pair.b)
    }
    with ExitStack() as stack:
        if executor is None and workers != 1 and not exact:
            executor = stack.enter_context(processes(workers))
        total = None if rule else most * len(runs)
        bar = stack.enter_context(tqdm(total=total, unit=' runs', disable=not progress, dynamic_ncols=True))
        made, stop, reached = 0, False, True
        while not stop:
            upto = most if rule is None else min(most, made + rule.at_least)
            _run(runs.values(), list(itertools.islice(seeds(first.seed), made, upto)), executor, store, bar)
            made = upto
            found = [_differences(runs[id(pair.a)][1], runs[id(pair.b)][1], confidence) for pair in pairs]
            main = main_figure(found) if figure is None else figure
            if any(main not in each for each in found):
                raise ValueError(f'the figure {main} has no value in these runs: choose from {", ".join(found[0])}')
            reached = rule is None or all(rule.judge_interval(each[main].interval, made).reached for each in found)
            stop = reached or made == most
    compared_at = []
    for pair, differences in zip(pairs, found, strict=True):
        if not exact:
            doubts = _doubts(runs[id(pair.a)], runs[id(pair.b)], None if reached else main)
            differences = {name: each._replace(caveats=_of(doubts, name)) for name, each in differences.items()}
        compared_at.append(ComparedAt(pair.values, pair.a, pair.b, made, differences, _same_jobs(pair.a, pair.b)))
    return Comparison(compared_at, second is None, exact, confidence, first.seed, main)


class _Pair(NamedTuple):
    values: Mapping[str, Value]
    a: Scenario
    b: Scenario


def _scenario(name: str, given: Any) -> Scenario:
    if isinstance(given, Scenario):
        return given
    if not isinstance(given, str | Path):
        raise TypeError(f'{name} must be a scenario, or the name or path of one, not {given!r}')
    return Scenario.load(given)


def _pairs(first: Scenario, second: Scenario | None, vary: Mapping[str, Sequence[Value]]) -> list[_Pair]:
    """Return the pairs of designs to run, each with the varied values of its B."""
    everywhere = points(vary)
    if second is not None:
        return [_Pair(point, at(first, point), at(second, point)) for point in everywhere]
    if len(everywhere) < 2:
        raise ValueError(
            'there is nothing to compare: give a second scenario, or vary with at least two values, such as'
            " {'slot_exp': [5, 60]}"
        )
    baseline = at(first, everywhere[0])
    return [_Pair(point, baseline, at(first, point)) for point in everywhere[1:]]


def _length(
    first: Scenario, replications: int | None, rule: StoppingRule | None, exact: bool
) -> tuple[StoppingRule | None, int]:
    """Return the rule that ends the runs, if there is one, and the largest number of pairs."""
    if exact:
        if replications is not None or rule is not None:
            raise ValueError(
                'every run of these traces is the same, so one pair is exact: omit the number of runs, or thin the'
                ' traces, such as thin=0.9'
            )
        return None, 1
    if rule is None and replications is None and first.half_width is not None:
        rule = StoppingRule(half_width=first.half_width)
    if rule is not None:
        return rule, rule.at_most or MOST_REPLICATIONS
    if replications is None:
        return None, first.replications if first.replications > 1 else PAIRS
    return None, whole_number('replications', replications, 2)


def _run(
    runs: Collection[tuple[Scenario, list[Outcome]]],
    more: Sequence[int],
    executor: Executor | None,
    store: str,
    bar: 'tqdm[Any]',
) -> None:
    """Add a run of each scenario with each of these seeds, in their order."""
    chosen = list(itertools.product(runs, more))
    tasks = ((number, scenario, seed) for number, ((scenario, _), seed) in enumerate(chosen))
    done: dict[int, Outcome] = {}
    for number, outcome in outcomes(tasks, executor, store):
        done[number] = outcome
        bar.update()
    for number, ((_, kept), _) in enumerate(chosen):
        kept.append(done[number])


def _differences(a: Sequence[Outcome], b: Sequence[Outcome], confidence: float) -> dict[str, Difference]:
    """Return the difference of each figure that has a value in every run."""
    found = {}
    columns = [[compared(outcome.figures) for outcome in runs] for runs in (a, b)]
    for figure in columns[0][0]:
        before, after = ([number for run in runs if is_number(number := run[figure])] for runs in columns)
        if len(before) < len(a) or len(after) < len(b):
            continue
        in_a, in_b = (math.fsum(values) / len(values) for values in (before, after))
        if len(before) == 1:
            difference = after[0] - before[0]
            found[figure] = Difference(figure, in_a, in_b, Interval(difference, difference, difference), None)
        else:
            paired = paired_interval(before, after, confidence)
            found[figure] = Difference(figure, in_a, in_b, paired.interval, paired.without_pairing)
    return found


def _doubts(
    a: tuple[Scenario, Sequence[Outcome]], b: tuple[Scenario, Sequence[Outcome]], missed: str | None
) -> list[tuple[str | None, str]]:
    """Return the reasons to doubt: the figure that each concerns, or ``None`` for all, and words.

    ``missed`` is the figure whose interval is wider than was asked for.
    """
    found: dict[tuple[str | None, str], list[str]] = {}
    for name, (scenario, outcomes_of_it) in (('A', a), ('B', b)):
        point = make_point({}, scenario, outcomes_of_it)
        for caveat in point.caveats:
            # It is about the interval of one design alone, which is not used here.
            if caveat.code != THEORY_OUTSIDE:
                found.setdefault((caveat.figure, message(caveat, point.theory)), []).append(name)
    doubts = [(figure, f'{" and ".join(names)}: {words}') for (figure, words), names in found.items()]
    return doubts if missed is None else [*doubts, (missed, message(Caveat(HALF_WIDTH_MISSED)))]


def _of(doubts: Iterable[tuple[str | None, str]], figure: str) -> tuple[str, ...]:
    return tuple(words for about, words in doubts if about in (None, figure))


def _same_jobs(a: Scenario, b: Scenario) -> bool:
    """Return whether both designs have the same jobs, apart from keys, as far as looked at."""
    return _first_jobs(a.workload()) == _first_jobs(b.workload())


def _first_jobs(workload: Workload) -> list[Any]:
    length: list[Any] = [workload.expected_jobs, workload.horizon]
    if workload.clients is not None:
        turns = itertools.islice(workload.turns(0), _JOBS_LOOKED_AT)
        return [*length, workload.clients, *((turn.thinking, turn.holding) for turn in turns)]
    return [*length, *((job.arrival, job.holding) for job in itertools.islice(workload, _JOBS_LOOKED_AT))]
