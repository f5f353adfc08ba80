"""A run in words."""

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from simulations.results import Result


def rows(result: 'Result') -> list[tuple[str, str]]:
    """What there is to say of a run, as names and values."""
    figures, theory = result.figures, result.theory
    pools = '' if figures.pools <= 1 else f' in each of {figures.pools:,} pools'
    together, one = (' over all pools', ' in one of them') if pools else ('', '')
    slots = '1 slot' if result.max_size == 1 else f'{result.max_size:,} slots'
    share = f'{figures.refused:,} of {figures.jobs:,} jobs ({figures.refusal_share:.2%})'
    occupancy = f'{figures.occupancy_mean:.4g} slots on average{together}, {figures.occupancy_peak:,} at most{one}'
    overrun = f'{figures.overrun_mean:.4g} bodies beyond their slot on average, {figures.overrun_peak:,} at most'
    if theory is not None:
        share += f'; theory, in the long run: {theory.refusal_share:.2%}'
        overrun += f'; theory: {theory.overrun_mean:.4g} on average'
    table = [
        ('store', result.store),
        ('pool', f'{slots}{pools}, each {_life(result.slot_exp)}'),
        ('time simulated', duration(figures.last - figures.first) if figures.jobs else 'none: no job arrived'),
        ('refused', share),
        ('occupancy', occupancy),
        ('running', f'{figures.running_peak:,} bodies at most{together}'),
        ('expired while running', f'{figures.expired_while_running:,} slots'),
        ('overrun', overrun),
    ]
    if result.skipped:
        reasons = ', '.join(f'{count:,} {reason}' for reason, count in sorted(result.skipped.items()))
        table.append(('records not used', reasons))
    table.append(('took', f'{result.seconds:.1f} s, {figures.jobs / max(result.seconds, 1e-9):,.0f} jobs a second'))
    table.append(('history', f'{len(result.history):,} events, sha256 {result.history_hash[:16]}'))
    table.append(('verdict', verdict(result)))
    return table


def verdict(result: 'Result') -> str:
    """Whether the promises were kept."""
    if not len(result.history):
        return 'no event, nothing to check'
    if result.violations:
        return f'VIOLATED: {result.violations[0]}'
    return (
        f'occupancy never exceeded max_size {result.max_size:,}: every grant, refusal and release of'
        f' {len(result.history):,} events checked, 0 violations'
    )


def text(result: 'Result') -> str:
    """The report, a line for each row."""
    table = rows(result)
    width = max(len(name) for name, _ in table)
    return '\n'.join([result.workload, *(f'  {name:<{width}}  {value}' for name, value in table)])


def duration(seconds: float) -> str:
    """A time span in the unit that a reader would choose."""
    unit, length = time_unit(seconds)
    return f'{seconds / length:,.4g} {unit}'


def time_unit(seconds: float) -> tuple[str, float]:
    """The largest unit of which a span has at least three, with its length in seconds."""
    for unit, length in (('days', 86400.0), ('hours', 3600.0), ('minutes', 60.0)):
        if seconds >= 3 * length:
            return unit, length
    return 'seconds', 1.0


def _life(slot_exp: float | None) -> str:
    return 'for ever' if slot_exp is None else f'expiring after {duration(slot_exp)}'
