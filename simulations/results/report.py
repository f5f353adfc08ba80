"""A run in words."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from simulations.judging.violation import Violation
from simulations.measuring.figures import Figures
from simulations.measuring.time_shares import quantile
from simulations.statistics.intervals import Interval
from simulations.units import count, duration, rate
from simulations.workloads.refusals import Leave


if TYPE_CHECKING:
    from simulations.judging import Judged, Linearity
    from simulations.results.result import Result


def rows(result: 'Result') -> list[tuple[str, str]]:
    """What there is to say of a run, as names and values; what did not occur is left out."""
    figures = result.figures
    table = [
        ('store', result.store),
        ('pool', _pool(result)),
        (result.clock, _simulated(result)),
        ('refused', _refused(result)),
    ]
    if not isinstance(result.on_refusal, Leave):
        table += [('a refused job', str(result.on_refusal)), ('retries', _retries(result))]
    table += [
        ('occupancy', _occupancy(result)),
        ('throughput', f'{rate(figures.throughput)} granted'),
        (
            'running',
            f'{figures.running_mean:.4g} bodies on average, {figures.running_peak:,} at most{_together(result)}',
        ),
        ('expired while running', f'{figures.expired_while_running:,} slots'),
        ('overrun', _overrun(result)),
    ]
    if result.crash_probability or figures.crashed:
        table.append(('crashed', _crashed(result)))
    elif figures.recovered:
        table.append(('recovered', f'{figures.recovered:,} slots that nobody used came back{_came_back(figures)}'))
    if result.judgement is not None:
        table += _judged(result, result.judgement)
    table.append(('theory', result.theory.formula if result.theory else f'does not apply. {result.why_no_theory}'))
    if result.replications > 1:
        table.append(('replications', f'{result.replications} independent runs; pictures and history are of the first'))
    if figures.jobs:
        table.append(('long run', result.estimates.how))
    if result.skipped:
        reasons = ', '.join(f'{count:,} {reason}' for reason, count in sorted(result.skipped.items()))
        table.append(('records not used', reasons))
    table.append(('took', f'{result.seconds:.1f} s, {figures.jobs / max(result.seconds, 1e-9):,.0f} jobs a second'))
    table.append(('history', f'sha256 {result.history_hash[:16]}'))
    table.append(('verdict', verdict(result)))
    return table + result.more_rows()


def _simulated(result: 'Result') -> str:
    figures = result.figures
    if not figures.jobs:
        return 'none: no job arrived'
    return duration(figures.last - figures.first) + (' in the first run' if result.replications > 1 else '')


def _together(result: 'Result') -> str:
    return ' over all pools' if result.figures.pools > 1 else ''


def _pool(result: 'Result') -> str:
    slots = '1 slot' if result.max_size == 1 else f'{result.max_size:,} slots'
    pools = f' in each of {result.figures.pools:,} pools' if result.figures.pools > 1 else ''
    return f'{slots}{pools}, each {_life(result.slot_exp)}'


def _refused(result: 'Result') -> str:
    figures, estimates, theory = result.figures, result.estimates, result.theory
    words = f'{figures.refused:,} of {figures.jobs:,} jobs ({figures.refusal_share:.2%})'
    if isinstance(result.on_refusal, Leave):
        words += _long_run(estimates.refusal_share, '.2%')
        if theory is not None:
            words += f'; theory {theory.refusal_share:.2%}'
    return words


def _retries(result: 'Result') -> str:
    figures, theory = result.figures, result.theory
    words = f'{figures.attempts_refusal_share:.2%} of {figures.attempts:,} attempts refused'
    words += _long_run(result.estimates.attempts_refusal_share, '.2%')
    if theory is not None and theory.attempts_refusal_share is not None:
        words += f'; theory {theory.attempts_refusal_share:.2%}'
    words += (
        f'; {figures.granted_later:,} jobs granted later; from arrival to grant {figures.wait_mean:.4g} s on average'
    )
    if theory is not None and theory.wait_mean is not None:
        words += f' (theory {theory.wait_mean:.4g} s)'
    return f'{words}, {figures.wait_longest:.4g} s at most'


def _occupancy(result: 'Result') -> str:
    figures, theory = result.figures, result.theory
    words = f'{figures.occupancy_mean:.4g} slots on average{_together(result)}'
    words += _long_run(result.estimates.occupancy_mean, '.4g')
    if theory is not None and theory.occupancy_mean is not None:
        words += f'; theory {theory.occupancy_mean:.4g}'
    one = ' in one of them' if figures.pools > 1 else ''
    return f'{words}; {figures.occupancy_peak:,} at most{one}; {figures.utilisation:.1%} of all slots in use'


def _overrun(result: 'Result') -> str:
    figures, theory = result.figures, result.theory
    if not figures.overrun_peak:
        return 'no body ran beyond its slot'
    words = f'{figures.overrun_mean:.4g} bodies beyond their slot on average'
    words += _long_run(result.estimates.overrun_mean, '.4g')
    if theory is not None and theory.overrun_mean is not None:
        words += f'; theory {theory.overrun_mean:.4g}'
    most = quantile(result.overrun_shares, 0.95)
    return f'{words}; no more than {most:,} for 95 % of the time, {figures.overrun_peak:,} at most'


def _crashed(result: 'Result') -> str:
    figures = result.figures
    words = f'{count(figures.crashed, "holder", "holders")}; {count(figures.recovered, "slot", "slots")} came back'
    words += _came_back(figures) if figures.recovered else ''
    lost = figures.crashed - figures.recovered
    return f'{words}, {lost:,} never will: slots do not expire' if lost and result.slot_exp is None else words


def _came_back(figures: Figures) -> str:
    return f' {figures.recovery_mean:.4g} s later on average, {figures.recovery_longest:.4g} s at most'


def _judged(result: 'Result', judgement: 'Judged') -> list[tuple[str, str]]:
    """What is to be said of a run that was judged by what its clients were told."""
    figures, linearity = result.figures, result.linearity
    table = []
    if linearity is not None:
        ways = 'commands take no time' if result.network is None else str(result.network)
        table.append(('workers', f'{result.workers}; {ways}'))
    if result.protocol is not None:
        table.append(('protocol', result.protocol))
    if result.episodes and linearity is not None:
        counts = Counter(episode.kind for episode in result.episodes)
        table.append(('faults', ', '.join(f'{count:,} x {kind}' for kind, count in sorted(counts.items()))))
    if figures.failed:
        table.append(('failed', f'{figures.failed:,} jobs got an error and left: the store did not answer them'))
    if judgement.unknown:
        table.append(('unknown', f'{judgement.unknown:,} calls that may have happened, or not'))
    for rule, limits in _by_rule(judgement.limits).items():
        table.append((f'limit: {rule}', f'{len(limits):,} times, first at {limits[0].time:.6g} s: {limits[0].detail}'))
    if linearity is not None:
        table.append(('linearizable', _linearizable(linearity)))
    return table


def _linearizable(found: 'Linearity') -> str:
    if found.violation is not None:
        return f'no: {found.violation}'
    if found.why_not_all:
        return f'as far as judged: {found.judged:,} of {found.calls:,} calls; {found.why_not_all}'
    return f'all {found.calls:,} calls'


def _by_rule(found: Sequence[Violation]) -> dict[str, list[Violation]]:
    rules: dict[str, list[Violation]] = {}
    for each in found:
        rules.setdefault(each.rule, []).append(each)
    return rules


def _long_run(interval: Interval | None, form: str) -> str:
    return '' if interval is None else f', in the long run [{interval.low:{form}}, {interval.high:{form}}]'


def verdict(result: 'Result') -> str:
    """Whether the promises were kept."""
    if result.violations:
        more = len(result.violations) - 1
        return f'VIOLATED: {result.violations[0]}' + (f', and {more:,} more' if more else '')
    if not result.figures.jobs:
        return 'nothing to check: no job arrived'
    if result.figures.answered == 0:
        return 'nothing to check: the store answered no attempt'
    if (judgement := result.judgement) is not None:
        return (
            f'occupancy never exceeded max_size {result.max_size:,}, {result.looked_at};'
            f' {judgement.grants:,} grants with their releases and {judgement.refusals:,} refusals judged, 0 violations'
        )
    return (
        f'occupancy never exceeded max_size {result.max_size:,}: every grant, refusal and release of'
        f' {result.figures.jobs:,} jobs checked, 0 violations'
    )


def text(result: 'Result') -> str:
    """The report, a line for each row."""
    table = rows(result)
    width = max(len(name) for name, _ in table)
    lines = [f'  {name:<{width}}  {value}' for name, value in table]
    head = [result.title, f'  {result.lesson}', f'  {result.workload}'] if result.title else [result.workload]
    return '\n'.join([*(line for line in head if line.strip()), *lines])


def _life(slot_exp: float | None) -> str:
    return 'for ever' if slot_exp is None else f'expiring after {duration(slot_exp)}'
