"""The pictures of a run: labelled, readable in grey and by colour-blind readers.

Each function draws on ``ax``, or on a new figure, and returns the axes. All work for a hundred
events and for a million.
"""

from simulations.results.plots.expiry import plot_expiry
from simulations.results.plots.occupancy import plot_occupancy, plot_queue
from simulations.results.plots.shares import plot_occupancy_shares, plot_overrun_shares
from simulations.results.plots.slots import plot_slots
from simulations.results.plots.waits import plot_waits


__all__ = [
    'plot_expiry',
    'plot_occupancy',
    'plot_occupancy_shares',
    'plot_overrun_shares',
    'plot_queue',
    'plot_slots',
    'plot_waits',
]
