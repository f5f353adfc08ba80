"""The rows of a report that say how jobs waited."""

from simulations.results.facts import Facts
from simulations.results.words import interval_words
from simulations.units import count, duration


def waiting_words(facts: Facts) -> str:
    """Return for how long jobs wait, to complete the description of a pool; empty if they do not.

    It begins with a comma.
    """
    wait = facts.wait
    if not facts.waits:
        return ''
    words = ', with a queue in which a job waits '
    if wait is None:
        words += 'as long as it takes'
    elif isinstance(wait, int | float):
        words += f'{duration(wait)} at most'
    else:
        words += f'for a time drawn from {wait}'
    if facts.max_waiting is not None:
        words += f', but only if fewer than {facts.max_waiting:,} wait'
    return words


def waiting_rows(facts: Facts) -> list[tuple[str, str]]:
    """Return the rows; none if no job could wait and none retried."""
    figures = facts.figures
    table = []
    if facts.waits or figures.waited_share:
        table.append(('waiting time', _times(facts)))
    if facts.wait_within is not None and figures.served_within is not None:
        words = f'{figures.served_within:.2%} of the jobs got a slot within {duration(facts.wait_within)}'
        table.append(('served in time', words + _interval(facts, 'served_within', '.2%')))
    if facts.waits:
        if facts.wait is not None:
            table.append(('timed out', _timed_out(facts)))
        table.append(('queue', _queue(facts)))
    if facts.waits or figures.overtakings:
        passed = count(figures.overtakings, 'grant', 'grants') if figures.overtakings else 'no grant'
        table.append(('overtaking', f'{passed} passed a job that had arrived earlier and still wanted a slot'))
    return table


def _times(facts: Facts) -> str:
    figures = facts.figures
    words = f'{figures.wait_mean:.4g} s on average of all jobs{_interval(facts, "wait_mean", ".4g")}'
    if (theory := facts.theory) is not None and theory.wait_mean is not None:
        words += f'; {"theory" if theory.exact else "by approximation"} {theory.wait_mean:.4g} s'
    words += f'; {figures.waited_share:.2%} waited{_interval(facts, "waited_share", ".2%")}'
    return (
        f'{words}; median {figures.wait_p50:.4g} s, 95% wait at most {figures.wait_p95:.4g} s,'
        f' 99% {figures.wait_p99:.4g} s, longest {figures.wait_longest:.4g} s'
    )


def _timed_out(facts: Facts) -> str:
    figures = facts.figures
    attempts = count(figures.attempts, 'attempt', 'attempts')
    words = f'{figures.timed_out:,} of {attempts}; {figures.timed_out_share:.2%}'
    return words + _interval(facts, 'timed_out_share', '.2%')


def _queue(facts: Facts) -> str:
    figures = facts.figures
    together = ' over all pools' if figures.pools > 1 else ''
    words = f'{figures.queue_mean:.4g} waiting jobs on average{together}{_interval(facts, "queue_mean", ".4g")}'
    return f'{words}; peak {figures.queue_peak:,}'


def _interval(facts: Facts, figure: str, form: str) -> str:
    return interval_words(facts.estimates.intervals.get(figure), form)
