"""The picture of a long pause: who holds which slot without renewal, and with it."""

from matplotlib.axes import Axes

from simulations import Scenario
from simulations.drawing.axes import plain_title


WINDOW = (50.0, 92.0)
"""Around the first pause, in seconds."""


def plot(ax: Axes) -> Axes:
    """Draw the same jobs twice, one above the other, and return the lower axes."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    ax.remove()
    scenario = Scenario.load('long-pause-renewed')
    upper: Axes
    lower: Axes
    upper, lower = figure.subplots(2, 1, sharex=True)
    scenario.replace(renew_for=0).replay().plot_slots(upper, window=WINDOW)
    scenario.replay().plot_slots(lower, window=WINDOW)
    if (legend := upper.get_legend()) is not None:
        legend.remove()
    upper.set_xlabel('')
    plain_title(upper, f'Slots of {scenario.slot_exp:g} s, not renewed: bodies outlive them, paused or not')
    plain_title(lower, 'Renewed slots: only the two holders in the paused worker lose theirs')
    return lower
