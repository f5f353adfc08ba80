"""The report of a run."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from simulations.judging.violation import Violation
from simulations.measuring.figures import Figures
from simulations.measuring.time_shares import quantile
from simulations.results.facts import Facts
from simulations.results.waiting_rows import waiting_rows, waiting_words
from simulations.results.words import how_made, interval_words, messages, skipped_words
from simulations.units import count, duration, rate
from simulations.workloads.refusals import Leave
from simulations.workloads.sizes import Sizes


if TYPE_CHECKING:
    from simulations.judging import Judged, Linearity


def rows(facts: Facts) -> list[tuple[str, str]]:
    """Return the report as names and values; it omits what did not occur."""
    figures = facts.figures
    table = [
        *(('caveat', f'{words} ({code})') for code, words in messages(facts.caveats, facts.theory)),
        ('store', facts.store),
        ('pool', _pool(facts)),
        (facts.clock, _simulated(facts)),
        ('refused', _refused(facts)),
    ]
    if not isinstance(facts.on_refusal, Leave):
        table += [('a refused job', str(facts.on_refusal)), ('retries', _retries(facts))]
    table += [
        *waiting_rows(facts),
        ('occupancy', _occupancy(facts)),
        ('throughput', rate(figures.throughput, 'grants')),
        (
            'running',
            f'{figures.running_mean:.4g} bodies on average, peak {figures.running_peak:,}{_together(facts)}',
        ),
        ('expired while running', f'{figures.expired_while_running:,} slots'),
        ('overrun', _overrun(facts)),
    ]
    if facts.renewed:
        table += [('renewals', f'{figures.renewals:,}'), ('lost', _lost(facts))]
    if facts.crash_probability or figures.crashed:
        table.append(('crashed', _crashed(facts)))
    elif figures.recovered:
        table.append(('recovered', f'{count(figures.recovered, "unused slot", "unused slots")} freed{_freed(figures)}'))
    if facts.judgement is not None:
        table += _judged(facts, facts.judgement)
    table.append(('theory', facts.theory.formula if facts.theory else f'does not apply. {facts.why_no_theory}'))
    if facts.replications > 1:
        table.append(('replications', f'{facts.replications} independent runs; pictures and history show the first'))
    if facts.estimates.method is not None:
        table.append(('intervals', how_made(facts.estimates.method)))
    if figures.drain:
        table.append(('drain', f'{duration(figures.drain)} after the last arrival are not part of any mean over time'))
    if facts.skipped:
        table.append(('records not used', skipped_words(facts.skipped)))
    table.append(('took', f'{facts.seconds:.1f} s, {figures.jobs / max(facts.seconds, 1e-9):,.0f} jobs a second'))
    table.append(('history', f'sha256 {facts.history_hash[:16]}'))
    table.append(('verdict', verdict(facts)))
    return table + facts.more_rows()


def _simulated(facts: Facts) -> str:
    figures = facts.figures
    if not figures.jobs:
        return 'none: no job arrived'
    return duration(figures.last - figures.first) + (' in the first run' if facts.replications > 1 else '')


def _together(facts: Facts) -> str:
    return ' over all pools' if facts.figures.pools > 1 else ''


def _pool(facts: Facts) -> str:
    if isinstance(facts.max_size, Sizes):
        slots = facts.max_size.words(facts.workers)
    else:
        slots = '1 slot' if facts.max_size == 1 else f'{facts.max_size:,} slots'
    pools = f' in each of {facts.figures.pools:,} pools' if facts.figures.pools > 1 else ''
    return f'{slots}{pools}, {_life(facts.slot_exp)}{_renewed(facts)}{waiting_words(facts)}'


def _refused(facts: Facts) -> str:
    figures, estimates, theory = facts.figures, facts.estimates, facts.theory
    words = f'{figures.refused:,} of {figures.jobs:,} jobs; {figures.refusal_share:.2%}{_after_warm_up(facts)}'
    if isinstance(facts.on_refusal, Leave):
        words += interval_words(estimates.refusal_share, '.2%')
        if theory is not None:
            words += f'; theory {theory.refusal_share:.2%}'
    return words


def _retries(facts: Facts) -> str:
    figures, theory = facts.figures, facts.theory
    words = f'{figures.attempts:,} attempts; {figures.attempts_refusal_share:.2%} refused{_after_warm_up(facts)}'
    words += interval_words(facts.estimates.attempts_refusal_share, '.2%')
    if theory is not None and theory.attempts_refusal_share is not None:
        words += f'; theory {theory.attempts_refusal_share:.2%}'
    later = count(figures.granted_later, 'job', 'jobs')
    return f'{words}; {later} granted at a later attempt'


def _occupancy(facts: Facts) -> str:
    figures, theory = facts.figures, facts.theory
    words = f'{figures.occupancy_mean:.4g} slots on average{_together(facts)}'
    words += interval_words(facts.estimates.occupancy_mean, '.4g')
    if theory is not None and theory.occupancy_mean is not None:
        words += f'; theory {theory.occupancy_mean:.4g}'
    one = ' in one pool' if figures.pools > 1 else ''
    return f'{words}; peak {figures.occupancy_peak:,}{one}; {figures.utilisation:.1%} of all slots in use on average'


def _overrun(facts: Facts) -> str:
    figures, theory = facts.figures, facts.theory
    if not figures.overrun_peak:
        return 'no body ran on after its slot expired'
    words = f'{figures.overrun_mean:.4g} bodies running after their slot expired, on average'
    words += interval_words(facts.estimates.overrun_mean, '.4g')
    if theory is not None and theory.overrun_mean is not None:
        words += f'; theory {theory.overrun_mean:.4g}'
    usual = quantile(facts.overrun_shares, 0.95)
    return f'{words}; {usual:,} or fewer for 95% of the time, peak {figures.overrun_peak:,}'


def _lost(facts: Facts) -> str:
    figures = facts.figures
    if not figures.lost:
        return 'no slot while its body ran'
    words = f'{figures.lost:,} of {count(figures.granted, "slot", "slots")}, while their bodies ran'
    total, longest = figures.lost_running, figures.lost_running_longest
    return f'{words}; these ran on for {total:.4g} s in total, {longest:.4g} s at most'


def _crashed(facts: Facts) -> str:
    figures = facts.figures
    words = f'{count(figures.crashed, "holder", "holders")}; {count(figures.recovered, "slot", "slots")} freed'
    words += _freed(figures) if figures.recovered else ''
    lost = figures.crashed - figures.recovered
    if not lost or facts.slot_exp is not None:
        return words
    return f'{words}, {lost:,} taken forever because slots never expire'


def _freed(figures: Figures) -> str:
    return f' after {figures.recovery_mean:.4g} s on average, {figures.recovery_longest:.4g} s at most'


def _judged(facts: Facts, judgement: 'Judged') -> list[tuple[str, str]]:
    """Return the rows of a run that was judged by the calls of its clients."""
    figures, linearity = facts.figures, facts.linearity
    table = []
    if linearity is not None:
        network = 'commands take no time' if facts.network is None else str(facts.network)
        table.append(('workers', f'{facts.workers}; {network}'))
    if facts.protocol is not None:
        table.append(('protocol', facts.protocol))
    if faults := _faults(facts):
        table.append(('faults', faults))
    if figures.failed:
        failed = count(figures.failed, 'job', 'jobs')
        table.append(('failed', f'{failed} left with an error because the store did not answer'))
    if judgement.unknown:
        table.append(('unknown', f'{count(judgement.unknown, "call", "calls")} that may or may not have happened'))
    for rule, limits in _by_rule(judgement.limits).items():
        table.append((f'limit: {rule}', f'{len(limits):,} times, first at {limits[0].time:.6g} s: {limits[0].detail}'))
    if linearity is not None:
        table.append(('linearizable', _linearizable(linearity)))
    return table


def _faults(facts: Facts) -> str:
    # What happened in a live run was measured, and has its own rows.
    happened = Counter(each.kind for each in (() if facts.linearity is None else facts.episodes))
    words = [f'{times:,} x {kind}' for kind, times in sorted(happened.items())]
    for kind in sorted({each.kind for each in facts.missed}):
        first, *more = sorted(each for each in facts.missed if each.kind == kind)
        start = f'they were to start from {first.at:g} s on' if more else f'it was to start at {first.at:g} s'
        end = f'after the end of the run at {first.over:g} s'
        words.append(f'{1 + len(more):,} x {kind} never happened: {start}, {end}')
    return '; '.join(words) if facts.missed else ', '.join(words)


def _linearizable(found: 'Linearity') -> str:
    if found.violation is not None:
        return f'no: {found.violation}'
    if found.why_not_all:
        return f'in the part that was judged, {found.judged:,} of {found.calls:,} calls; {found.why_not_all}'
    return f'all {found.calls:,} calls'


def _by_rule(found: Sequence[Violation]) -> dict[str, list[Violation]]:
    rules: dict[str, list[Violation]] = {}
    for each in found:
        rules.setdefault(each.rule, []).append(each)
    return rules


def _after_warm_up(facts: Facts) -> str:
    return ' after the warm-up' if facts.figures.warm_up else ''


def verdict(facts: Facts) -> str:
    """Return a sentence on whether the pool kept its promises."""
    if facts.violations:
        more = len(facts.violations) - 1
        return f'VIOLATED: {facts.violations[0]}' + (f', and {more:,} more' if more else '')
    if not facts.figures.jobs:
        return 'nothing to check: no job arrived'
    if facts.figures.answered == 0:
        return 'nothing to check: the store answered no attempt'
    if (judgement := facts.judgement) is not None:
        return (
            f'occupancy never exceeded max_size {facts.max_size:,}, {facts.checked};'
            f' {judgement.grants:,} grants with their releases and {judgement.refusals:,} refusals judged, 0 violations'
            f'{_order_judged(facts.linearity)}'
        )
    limit = f'max_size {facts.max_size:,}'
    if isinstance(facts.max_size, Sizes):
        limit = 'the max_size of a job that was granted a slot'
    return (
        f'occupancy never exceeded {limit}: every grant, refusal and release of'
        f' {facts.figures.jobs:,} jobs checked, 0 violations'
    )


def _order_judged(found: 'Linearity | None') -> str:
    """Return how many of the calls the check for linearizability judged."""
    if found is None:
        return ''
    if not found.why_not_all:
        return f'; the order of all {found.calls:,} calls judged'
    share = found.judged / found.calls if found.calls else 0.0
    return f'; the order of only {found.judged:,} of {found.calls:,} calls judged ({share:.0%}): {found.why_not_all}'


def text(facts: Facts) -> str:
    """Return the report, one line a row."""
    table = rows(facts)
    width = max(len(name) for name, _ in table)
    lines = [f'  {name:<{width}}  {value}' for name, value in table]
    head = [facts.title, f'  {facts.lesson}', f'  {facts.workload}'] if facts.title else [facts.workload]
    return '\n'.join([*(line for line in head if line.strip()), *lines])


def _renewed(facts: Facts) -> str:
    if not facts.renewed:
        return ''
    return ', renewed ' + ('while held' if facts.renew_for is None else f'for {duration(facts.renew_for)}')


def _life(slot_exp: float | None) -> str:
    return 'never expiring' if slot_exp is None else f'expiring after {duration(slot_exp)}'
