"""The titles of the pictures of a run."""

import textwrap

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties

from simulations.drawing.axes import TITLE_WIDTH, head, letters, plain_title
from simulations.results.facts import Facts
from simulations.theory.expectation import Expectation
from simulations.units import count
from simulations.workloads.refusals import Leave
from simulations.workloads.sizes import Sizes


_NOTE_LINES = 3


_SIZE_WITH_NOTE = 10.0


_LABELS = 13
"""The letters that a title, centred over the axes, loses to the labels on one side."""


def set_title(ax: Axes, facts: Facts, line: str, note: str = '') -> None:
    """Set the title: name of the run, what is shown, and a smaller note, cut to fit the axes."""
    size = FontProperties(size=rcParams['axes.titlesize']).get_size_in_points()
    size = min(size, _SIZE_WITH_NOTE) if note else size
    width = max(_LABELS, min(TITLE_WIDTH, letters(ax, size) - _LABELS))
    lines = [head(facts.title or facts.workload, width), *textwrap.wrap(line, width)]
    lines += textwrap.wrap(note, width, max_lines=_NOTE_LINES, placeholder=' …')
    plain_title(ax, '\n'.join(lines), size)


def theory_name(theory: Expectation) -> str:
    """Return what a curve or a line of theory is called in a legend."""
    return 'theory' if theory.exact else 'theory (an approximation)'


def limit_name(facts: Facts) -> str:
    """Return what the largest number of slots is called."""
    return 'largest max_size' if isinstance(facts.max_size, Sizes) else 'max_size'


def slots_words(facts: Facts) -> str:
    """Return the slots of a pool in words, such as ``10``, or ``at most 10`` if they change."""
    return f'{"at most " if isinstance(facts.max_size, Sizes) else ""}{facts.max_size:,}'


def refused(facts: Facts) -> str:
    """Return the share of refusals, in words for a title."""
    figures = facts.figures
    if not figures.jobs:
        return 'no job arrived'
    if isinstance(facts.on_refusal, Leave):
        return f'{figures.refused:,} of {count(figures.jobs, "job", "jobs")} refused'
    # Shares leave out the warm-up, but attempts are not counted by their outcome.
    return f'{figures.attempts_refusal_share:.2%} of the attempts refused'
