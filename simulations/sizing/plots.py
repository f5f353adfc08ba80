"""The pictures of an answer, which show why this size and why this expiry."""

from html import escape
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from simulations.drawing.axes import head, html_image, new_axes, plain_title
from simulations.drawing.colours import (
    LIMIT,
    OCCUPANCY,
    OCCUPANCY_BAND,
    QUIET,
    RECOVERY,
    RECOVERY_BAND,
    RUNNING,
    THEORY,
)
from simulations.sizing.facts import ExpiryFacts, SizingFacts
from simulations.sizing.goals import SERVED, waits_for_ever
from simulations.statistics.intervals import Interval
from simulations.sweeps.plots import plot_trade_off


MOST_BARS = 15
_MOST_POINTS = 200
_MOST_QUEUES = 40
"""The most sizes at which theory is drawn; queues in many pools take longer to compute."""
_ROUNDING = 1e-12
"""A smaller share is 0: one less a share is rounded."""
_ASIDE = 0.004
"""How far two curves are moved apart, as a share of the width."""
_DEPTH = 1000
"""How far below the goals the picture goes, as a factor."""


class _Curve(NamedTuple):
    """A share by size: its intervals, theory, and how it is drawn."""

    label: str
    intervals: list[Interval]
    theory: NDArray[np.float64]
    goal: float | None
    goal_label: str
    colour: str
    band: str
    marker: str
    goal_style: Any
    filled: bool = True

    @property
    def style(self) -> dict[str, Any]:
        face = self.colour if self.filled else 'white'
        return {'color': self.colour, 'marker': self.marker, 'markerfacecolor': face}


def plot_sizing(sizing: SizingFacts, ax: Axes | None = None) -> Axes:
    """Draw the shares that decide by ``max_size``, with intervals, theory, goals and answer.

    These are the share of refused jobs, and the share of jobs that were not served in time. They
    fall by about the same factor from size to size, so their axis is logarithmic. Where nothing
    went wrong, the upper bound is drawn as an arrow. A recorded log has no intervals, because its
    answer is exact.
    """
    ax = new_axes((8, 4.5)) if ax is None else ax
    sizes, curves = np.array(list(sizing.curve)), _curves(sizing)
    both = len(curves) > 1
    for place, curve in enumerate(curves):
        # Two intervals at the same size are drawn beside each other.
        aside = _ASIDE * (sizes[-1] - sizes[0]) * (2 * place - 1) if both and sizing.scenario.random else 0.0
        _draw(ax, sizes + aside, curve, both=both, random=sizing.scenario.random)
    first, last = sizing.range
    if sizing.scenario.random and (last is None or first < last):
        end = float(sizes[-1]) if last is None else last + 0.5
        words = f'{first:,} and more' if last is None else f'{first:,} to {last:,}'
        ax.axvspan(first - 0.5, end, color=QUIET, alpha=0.25, linewidth=0, label=f'not excluded: {words}')
    if sizing.max_size is not None:
        ax.axvline(sizing.max_size, color=LIMIT, linestyle='-.', linewidth=1, label=f'max_size = {sizing.max_size:,}')
    ax.set_xlabel('max_size (slots)')
    of_attempts = sizing.curve[sizing.nearest].point.of_attempts
    whole = 'jobs or attempts' if of_attempts and both else 'attempts' if of_attempts else 'jobs'
    ax.set_ylabel(f'share of {whole}' if both else f'share of {whole} {curves[0].label}')
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_yscale('log')
    _limit(ax, curves)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f'{100 * share:g}%'))
    ax.yaxis.set_minor_formatter(NullFormatter())
    title = head(sizing.scenario.title or sizing.scenario.workload().name)
    answer = f'{sizing.nearest:,} slots' if sizing.max_size is not None else f'cannot be told; {sizing.nearest:,} slots'
    plain_title(ax, f'{title}\n{answer}: {_found(sizing, curves)}')
    _legend(ax, curves)
    return ax


def _curves(sizing: SizingFacts) -> list[_Curve]:
    goals, verdicts = sizing.goals, list(sizing.curve.values())
    theory = _theory(sizing, [goals.refusals_name, SERVED])
    curves = []
    if goals.target is not None or not waits_for_ever(sizing.scenario):
        curves.append(
            _Curve(
                'refused or timed out' if goals.waits else 'refused',
                [verdict.share for verdict in verdicts],
                theory[goals.refusals_name],
                goals.target,
                '' if goals.target is None else f'target {goals.target:.3g}',
                OCCUPANCY,
                OCCUPANCY_BAND,
                'o',
                '--',
            )
        )
    if goals.within is not None:
        late = theory[SERVED] * (1, -1) + (0, 1)
        curves.append(
            _Curve(
                f'not served {goals.in_time()}',
                [Interval(1 - it.mean, 1 - it.high, 1 - it.low) for it in (each.served for each in verdicts) if it],
                late,
                None if goals.share is None else 1 - goals.share,
                '' if goals.share is None else f'at most {1 - goals.share:.3g}',
                RECOVERY,
                RECOVERY_BAND,
                's',
                ':',
                filled=False,
            )
        )
    return curves


def _draw(ax: Axes, sizes: NDArray[np.float64], curve: _Curve, *, both: bool, random: bool) -> None:
    # A single curve is named on the axis.
    name = f'{curve.label}: ' if both else ''
    means, low, high = np.array(curve.intervals).T
    seen = means > _ROUNDING
    if len(curve.theory):
        line = '-' if curve.filled else ':'
        ax.plot(*curve.theory.T, color=THEORY, linewidth=1.2, linestyle=line, label=f'{name}theory')
    if not random:
        ax.plot(sizes[seen], means[seen], **curve.style, markersize=3, linewidth=1, label=f'{name}measured')
    elif len(sizes) <= MOST_BARS:
        errors = np.clip([(means - low)[seen], (high - means)[seen]], 0, None)
        style = {**curve.style, 'linestyle': ':', 'markersize': 4, 'capsize': 3}
        ax.errorbar(sizes[seen], means[seen], errors, label=f'{name}measured, with 99% intervals', **style)
    else:
        ax.fill_between(sizes[seen], low[seen], high[seen], color=curve.band, linewidth=0, label=f'{name}99% intervals')
        ax.plot(sizes[seen], means[seen], **curve.style, markersize=3, linewidth=1, label=f'{name}measured')
    if random and not seen.all():
        bounds = high[~seen]
        style = (
            {**curve.style, 'markersize': 4, 'linestyle': 'none'} if both else {'color': curve.colour, 'fmt': 'none'}
        )
        ax.errorbar(sizes[~seen], bounds, bounds / 2, uplims=True, label=f'{name}none seen: at most', **style)
    if curve.goal is not None:
        colour = RUNNING if curve.filled else curve.colour
        words = curve.goal_label if not both else f'{curve.label}: {curve.goal_label}'
        ax.axhline(curve.goal, color=colour, linestyle=curve.goal_style, linewidth=1.2, label=words)


def _legend(ax: Axes, curves: list[_Curve]) -> None:
    """Explain what is drawn; with two curves below the axes, each curve in a column."""
    if len(curves) == 1:
        ax.legend(frameon=False)
        return
    handles, labels = ax.get_legend_handles_labels()
    columns: list[list[int]] = [
        [place for place, label in enumerate(labels) if label.startswith(f'{curve.label}: ')] for curve in curves
    ]
    rest = sorted(set(range(len(labels))).difference(*columns))
    for place in rest:
        min(columns, key=len).append(place)
    order = [place for column in columns for place in column]
    ax.legend(
        [handles[place] for place in order],
        [labels[place] for place in order],
        loc='upper center',
        bbox_to_anchor=(0.5, -0.13),
        ncols=len(columns),
        frameon=False,
        fontsize='small',
    )


def _limit(ax: Axes, curves: list[_Curve]) -> None:
    goals = [curve.goal for curve in curves if curve.goal is not None]
    each = [it for curve in curves for it in curve.intervals]
    seen = [it.mean for it in each if it.mean > _ROUNDING]
    expected = [float(share) for curve in curves for share in curve.theory[:, 1]]
    highest = max(*goals, *seen, *(it.high for it in each if it.mean <= _ROUNDING), *expected, 0.0)
    # The arrow of a bound ends at half of it.
    lowest = min((*goals, *seen, *(it.high / 2 for it in each if it.mean <= _ROUNDING and it.high > 0)))
    # Far below the goals nothing is decided.
    ax.set_ylim(max(lowest, min(goals) / _DEPTH) / 3, min(1.5 * highest, 1.2))


def _found(sizing: SizingFacts, curves: list[_Curve]) -> str:
    at = list(sizing.curve).index(sizing.nearest)
    mean, low, high = curves[0].intervals[at]
    if len(curves) > 1:
        return ', '.join(f'{curve.intervals[at].mean:.2%} {curve.label}' for curve in curves)
    sure = f'99% interval [{low:.2%}, {high:.2%}]' if sizing.scenario.random else 'exact for this log'
    return f'{mean:.2%} {curves[0].label}, {sure}'


def _theory(sizing: SizingFacts, figures: list[str]) -> dict[str, NDArray[np.float64]]:
    """Return pairs of a size and the share that theory expects, over all sizes measured."""
    pairs: dict[str, list[tuple[float, float]]] = {figure: [] for figure in figures}
    scenario, workload, goals = sizing.scenario, sizing.scenario.workload(), sizing.goals
    if sizing.max_size_theory is not None:
        most = _MOST_POINTS if not goals.waits else _MOST_QUEUES
        for size in np.unique(np.linspace(min(sizing.curve), max(sizing.curve), most).astype(int)):
            expected = scenario.expect(int(size), workload)
            for figure in figures:
                known = None if isinstance(expected, str) else goals.by_theory(figure, expected, scenario.on_refusal)
                if known is not None:
                    pairs[figure].append((float(size), known))
    return {figure: np.array(found).reshape(-1, 2) for figure, found in pairs.items()}


def plot_expiry_choice(expiry: ExpiryFacts, ax: Axes | None = None) -> Axes:
    """Draw overrun and recovery by ``slot_exp``, with the conditions and the answer."""
    ax = plot_trade_off(expiry.curve, ax)
    ax.axhline(expiry.overrun_share, color=RUNNING, linestyle=':', linewidth=1.2)
    ax.axvline(expiry.shortest, color=QUIET, linestyle=':', linewidth=1.2)
    ax.axvline(expiry.recovery, color=LIMIT, linestyle='-.', linewidth=1.2)
    for life, words in (expiry.shortest, 'shortest'), (expiry.recovery, 'freed within'):
        ax.annotate(
            f'{words} {life:.3g} s',
            (life, 0.08),
            (-2, 0),
            xycoords=ax.get_xaxis_transform(),
            textcoords='offset points',
            rotation=90,
            ha='right',
            va='bottom',
            fontsize=8,
        )
    answer = (
        f'slot_exp = {expiry.slot_exp:g} s'
        if expiry.slot_exp is not None
        else f'no slot_exp meets both: overrun needs {expiry.shortest:.3g} s or more, recovery {expiry.recovery:g} s or'
        ' less'
    )
    plain_title(ax, f'{head(expiry.scenario.title or expiry.scenario.workload().name)}\n{answer}')
    return ax


def sizing_card(sizing: SizingFacts, words: str) -> str:
    """Return the card that shows an answer in JupyterLab: the words and the picture, as HTML."""
    figure = Figure(figsize=(8, 4), layout='constrained')
    plot_sizing(sizing, figure.add_subplot())
    head, *lines = words.splitlines()
    text = '<br>'.join(escape(line.strip()) for line in lines)
    return f'<div><strong>{escape(head)}</strong><p>{text}</p>{html_image(figure, "what goes wrong by size")}</div>'
