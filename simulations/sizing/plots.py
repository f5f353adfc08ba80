"""The pictures of an answer, which show why this size and why this expiry."""

from html import escape

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from simulations.drawing.axes import head, html_image, new_axes, plain_title
from simulations.drawing.colours import LIMIT, OCCUPANCY, OCCUPANCY_BAND, QUIET, RUNNING, THEORY
from simulations.sizing.facts import ExpiryFacts, SizingFacts
from simulations.sweeps.plots import plot_trade_off


MOST_BARS = 15


def plot_sizing(sizing: SizingFacts, ax: Axes | None = None) -> Axes:
    """Draw the refusal share by ``max_size``, with intervals, theory, target and answer."""
    ax = new_axes((8, 4.5)) if ax is None else ax
    sizes = np.array(list(sizing.curve))
    shares = [verdict.share for verdict in sizing.curve.values()]
    means = np.array([share.mean for share in shares])
    below = means - np.array([share.low for share in shares])
    above = np.array([share.high for share in shares]) - means
    if not sizing.scenario.random:
        # At a size without refusals, a recorded log leaves no uncertainty.
        above[means == 0] = 0
    scenario = sizing.scenario
    workload = scenario.workload()
    every = np.unique(np.linspace(sizes[0], sizes[-1], 200).astype(int))
    expected = [scenario.expect(int(size), workload) for size in every] if sizing.max_size_theory is not None else []
    of_attempts = sizing.curve[sizing.max_size].point.of_attempts
    curve = [
        (size, each.attempts_refusal_share if of_attempts else each.refusal_share)
        for size, each in zip(every, expected, strict=False)
        if not isinstance(each, str)
    ]
    if curve:
        ax.plot(*zip(*curve, strict=True), color=THEORY, linewidth=1.2, label='theory')
    if len(sizes) <= MOST_BARS:
        ax.errorbar(
            sizes,
            means,
            yerr=np.clip([below, above], 0, None),
            fmt='o',
            linestyle=':',
            color=OCCUPANCY,
            markersize=4,
            capsize=3,
            label='measured, with 99 % intervals',
        )
    else:
        ax.fill_between(sizes, means - below, means + above, color=OCCUPANCY_BAND, linewidth=0, label='99 % intervals')
        ax.plot(sizes, means, marker='o', color=OCCUPANCY, markersize=3, linewidth=1, label='measured')
    ax.axhline(sizing.target, color=RUNNING, linestyle='--', linewidth=1.2, label=f'target {sizing.target:.3g}')
    low, high = sizing.range
    if low < high and scenario.random:
        ax.axvspan(
            low - 0.5, high + 0.5, color=QUIET, alpha=0.25, linewidth=0, label=f'not excluded: {low:,} to {high:,}'
        )
    ax.axvline(sizing.max_size, color=LIMIT, linestyle='-.', linewidth=1, label=f'max_size = {sizing.max_size:,}')
    ax.set_xlabel('max_size (slots)')
    ax.set_ylabel('share of attempts refused' if of_attempts else 'share of jobs refused')
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    ax.set_ylim(0, max(1.1 * float(means.max()), 2 * sizing.target))
    mean, lower, upper = sizing.refusal_share
    title = head(scenario.title or workload.name)
    plain_title(ax, f'{title}\n{sizing.max_size:,} slots: {mean:.2%} refused [{lower:.2%}, {upper:.2%}]')
    ax.legend(frameon=False)
    return ax


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
