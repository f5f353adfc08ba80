"""The faults of a run as bands behind a picture over time."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from simulations.drawing.colours import FAULTS
from simulations.faults.episodes import Episode


NAMED = 12
"""Up to this many bands are labelled; if there are more, only the legend names them."""
_PALE = 0.3
OVER_AREAS = 1.5
"""A z-order above filled areas and below lines."""
_PAPER = {'facecolor': 'white', 'edgecolor': 'none', 'pad': 0.3, 'alpha': 0.7}
_HATCHES = ('', '\\\\', '..', 'xx', '||', '--')


def draw_bands(
    ax: Axes,
    episodes: Sequence[Episode],
    window: tuple[float, float],
    origin: float,
    length: float,
    zorder: float = 0,
    across: float | None = None,
) -> list[Patch | Line2D]:
    """Draw the faults of ``window``, and return the entries for a legend.

    Args:
        ax: axes over time, with their limits set.
        episodes: the faults.
        window: the first and the last instant of the picture, in seconds.
        origin: the instant at 0 of the axis.
        length: the unit of the axis, in seconds.
        zorder: the z-order of the bands.
        across: write the labels horizontally at this share of the height; by default they are
            vertical, at the top.
    """
    first, last = window
    seen = [each for each in episodes if each.first <= last and each.last >= first]
    # A kind of fault has the same colour in all pictures of a run.
    kinds = sorted({each.kind for each in episodes})
    entries: dict[str, Patch | Line2D] = {}
    for each in seen:
        place = kinds.index(each.kind) % len(FAULTS)
        begin, end = (max(each.first, first) - origin) / length, (min(each.last, last) - origin) / length
        label = f'fault: {each.kind}'
        # A band narrower than a line is drawn as a line.
        if end - begin > 0.003 * (last - first) / length:
            style: dict[str, Any] = {'facecolor': FAULTS[place], 'alpha': _PALE, 'hatch': _HATCHES[place]}
            ax.axvspan(begin, end, edgecolor='#555555', linewidth=0, zorder=zorder, **style)
            entries[label] = Patch(label=label, edgecolor='#555555', **style)
        else:
            line = ax.axvline(begin, color=FAULTS[place], linestyle=':', linewidth=1.6, zorder=zorder)
            entries.setdefault(label, Line2D([], [], color=line.get_color(), linestyle=':', linewidth=1.6, label=label))
        if len(seen) <= NAMED:
            ax.text(
                begin,
                0.98 if across is None else across,
                f' {each}',
                transform=ax.get_xaxis_transform(),
                rotation=90 if across is None else 0,
                fontsize=8,
                va='top' if across is None else 'center',
                ha='left',
                zorder=5,
                clip_on=True,
                bbox=_PAPER,
            )
    return list(entries.values())
