"""The picture of a thundering herd: the same jobs as they ask again and again, and in a queue."""

from matplotlib.axes import Axes

from simulations import Leave, Scenario
from simulations.drawing.axes import plain_title


def plot(ax: Axes) -> Axes:
    """Draw both, one above the other with the same time, and return the lower axes."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    ax.remove()
    scenario = Scenario.load('thundering-herd').replace(replications=1)
    upper: Axes
    lower: Axes
    upper, lower = figure.subplots(2, 1, sharex=True)
    scenario.replay(history=False).plot_occupancy(upper)
    scenario.replace(on_refusal=Leave(), wait=None).replay(history=False).plot_occupancy(lower)
    upper.set_xlabel('')
    plain_title(upper, 'Retries every second: the slots are taken in waves, and half of them are idle')
    plain_title(lower, 'In a queue: all slots are taken, until the last job has its own after half the time')
    return lower
