"""The plot of time and memory over the number of jobs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from simulations.drawing.axes import legend_below
from simulations.drawing.colours import OCCUPANCY, RUNNING, THEORY
from tests.benchmarks.harness.growth import MEGABYTE, Run


def draw(runs: Sequence[Run], file: Path) -> None:
    """Draw time and memory to a PNG file, on logarithmic axes with lines of slope 1."""
    figure = Figure(figsize=(10, 4.6), layout='constrained')
    left, right = figure.subplots(1, 2)
    _panel(left, runs, lambda run: median(run.seconds), 'time of a run in memory, all checks on', 'seconds')
    title = 'peak memory of its process, imports included'
    _panel(right, runs, lambda run: median(run.peaks) / MEGABYTE, title, 'megabytes')
    figure.savefig(file, format='png', dpi=150, facecolor='white')


def _panel(ax: Axes, runs: Sequence[Run], value: Callable[[Run], float], title: str, unit: str) -> None:
    for history, colour, marker, line in ((True, OCCUPANCY, 'o', '-'), (False, RUNNING, 's', '--')):
        chosen = [run for run in runs if run.history is history]
        ax.loglog(
            [run.jobs for run in chosen],
            [value(run) for run in chosen],
            color=colour,
            marker=marker,
            linestyle=line,
            label='history kept' if history else 'history not kept',
        )
    ends = min(runs, key=lambda run: run.jobs), max(runs, key=lambda run: run.jobs)
    jobs = [run.jobs for run in ends]
    # The line passes through the longest run, so a curve that bends upwards lies below it before.
    top = max(value(run) for run in runs if run.jobs == jobs[1])
    ax.loglog(jobs, [top * number / jobs[1] for number in jobs], color=THEORY, linestyle=':', label='slope 1')
    low = min(value(run) for run in runs)
    # At least a decade, and what the curves need; the line may be cut off.
    ax.set_ylim(min(0.7 * low, top / 20), 1.5 * top)
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if low > top / 100 else (1,)))
    ax.yaxis.set_minor_formatter(NullFormatter())
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda number, _: f'{number:,.10g}'))
    ax.set_xlabel('jobs')
    ax.set_ylabel(unit)
    ax.set_title(title)
    ax.grid(which='major', alpha=0.3)
    legend_below(ax)
