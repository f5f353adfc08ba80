"""The pictures of an answer, which show why this size and why this expiry."""

from html import escape

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from simulations.drawing.axes import head, html_image, new_axes, plain_title
from simulations.drawing.colours import LIMIT, OCCUPANCY, OCCUPANCY_BAND, QUIET, RUNNING, THEORY
from simulations.sizing.facts import ExpiryFacts, SizingFacts
from simulations.sweeps.plots import plot_trade_off


MOST_BARS = 15


def plot_sizing(sizing: SizingFacts, ax: Axes | None = None) -> Axes:
    """Draw the refusal share by ``max_size``, with intervals, theory, target and answer.

    The shares fall by about the same factor from size to size, so their axis is logarithmic. Where
    nothing was refused, the upper bound is drawn as an arrow. A recorded log has no intervals,
    because its answer is exact.
    """
    ax = new_axes((8, 4.5)) if ax is None else ax
    sizes = np.array(list(sizing.curve))
    means, low, high = np.array([verdict.share for verdict in sizing.curve.values()]).T
    seen, random = means > 0, sizing.scenario.random
    of_attempts = sizing.curve[sizing.nearest].point.of_attempts
    theory = _theory(sizing, of_attempts)
    if len(theory):
        ax.plot(*theory.T, color=THEORY, linewidth=1.2, label='theory')
    if not random:
        ax.plot(sizes[seen], means[seen], marker='o', color=OCCUPANCY, markersize=3, linewidth=1, label='measured')
    elif len(sizes) <= MOST_BARS:
        errors = np.clip([(means - low)[seen], (high - means)[seen]], 0, None)
        style = {'fmt': 'o', 'linestyle': ':', 'color': OCCUPANCY, 'markersize': 4, 'capsize': 3}
        ax.errorbar(sizes[seen], means[seen], errors, label='measured, with 99% intervals', **style)  # type: ignore[arg-type]
    else:
        ax.fill_between(sizes[seen], low[seen], high[seen], color=OCCUPANCY_BAND, linewidth=0, label='99% intervals')
        ax.plot(sizes[seen], means[seen], marker='o', color=OCCUPANCY, markersize=3, linewidth=1, label='measured')
    if random and not seen.all():
        bounds = high[~seen]
        ax.errorbar(
            sizes[~seen], bounds, bounds / 2, uplims=True, fmt='none', color=OCCUPANCY, label='none seen: at most'
        )
    ax.axhline(sizing.target, color=RUNNING, linestyle='--', linewidth=1.2, label=f'target {sizing.target:.3g}')
    first, last = sizing.range
    if random and (last is None or first < last):
        end = float(sizes[-1]) if last is None else last + 0.5
        words = f'{first:,} and more' if last is None else f'{first:,} to {last:,}'
        ax.axvspan(first - 0.5, end, color=QUIET, alpha=0.25, linewidth=0, label=f'not excluded: {words}')
    if sizing.max_size is not None:
        ax.axvline(sizing.max_size, color=LIMIT, linestyle='-.', linewidth=1, label=f'max_size = {sizing.max_size:,}')
    ax.set_xlabel('max_size (slots)')
    ax.set_ylabel('share of attempts refused' if of_attempts else 'share of jobs refused')
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_yscale('log')
    highest = max(sizing.target, *means, *high[~seen], *theory[:, 1])
    ax.set_ylim(min(sizing.target, *means[seen]) / 3, min(1.5 * highest, 1.2))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f'{100 * share:g}%'))
    ax.yaxis.set_minor_formatter(NullFormatter())
    mean, lower, upper = sizing.refusal_share
    title = head(sizing.scenario.title or sizing.scenario.workload().name)
    answer = f'{sizing.nearest:,} slots' if sizing.max_size is not None else f'cannot be told; {sizing.nearest:,} slots'
    sure = f'99% interval [{lower:.2%}, {upper:.2%}]' if random else 'exact for this log'
    plain_title(ax, f'{title}\n{answer}: {mean:.2%} refused, {sure}')
    ax.legend(frameon=False)
    return ax


def _theory(sizing: SizingFacts, of_attempts: bool) -> NDArray[np.float64]:
    """Return sizes and theory's shares, over the whole range of sizes that were measured."""
    if sizing.max_size_theory is None:
        return np.empty((0, 2))
    scenario, workload = sizing.scenario, sizing.scenario.workload()
    sizes = np.unique(np.linspace(min(sizing.curve), max(sizing.curve), 200).astype(int))
    expected = [(size, scenario.expect(int(size), workload)) for size in sizes]
    return np.array(
        [
            (size, each.attempts_refusal_share if of_attempts else each.refusal_share)
            for size, each in expected
            if not isinstance(each, str)
        ]
    ).reshape(-1, 2)


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
    return f'<div><strong>{escape(head)}</strong><p>{text}</p>{html_image(figure, "share of refusals by size")}</div>'
