"""Draw the pictures of the README files anew: ``python -m tests.gallery``."""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import simulations
from simulations import Scenario, bundled_trace, replay, size_pool
from simulations.exploring import explore, subject
from simulations.live import live
from simulations.traces.bundled import BUNDLED_MAX_SIZE, BUNDLED_SLOT_EXP, BUNDLED_TRACE
from tests import soak, waiter_life


FOLDER = Path(simulations.__file__).parent / 'pictures'

Draw = Callable[[Axes], Axes]


def main() -> None:
    """Run what the pictures are of, and draw them."""
    mpl.use('agg')
    trace = replay(bundled_trace(), max_size=BUNDLED_MAX_SIZE, slot_exp=BUNDLED_SLOT_EXP)
    save('occupancy', trace.plot_occupancy, (10, 4.5))
    save('slots', trace.plot_slots, (10, 6))
    save('size', size_pool(Scenario(trace=BUNDLED_TRACE, max_size=1, slot_exp=BUNDLED_SLOT_EXP), 0.01).plot, (10, 4.5))
    failure = explore(subject('check-then-add')).violation
    assert failure is not None
    save('check-then-add', failure.plot, (8, 4.6))
    save('waiting', waiter_life.plot, (10, 4.5))
    # Some minutes, as each slot of the dead takes a second to come back.
    killed = live(soak.kills().scenario, compare=False)
    save('recovery', killed.plot_recovery, (10, 4.5))
    for name, picture in TELLING.items():
        result = Scenario.load(name).replay(history=False)  # as the command does
        save(name, getattr(result, picture), (10, 4.5))


TELLING = {
    'api-connection-limit': 'plot_occupancy_shares',
    'crash-loop': 'plot_slots',
    'day-of-traffic': 'plot_occupancy',
    'failover': 'plot_occupancy',
    'flaky-network': 'plot_occupancy',
    'long-pause': 'plot_occupancy',
    'nightly-batch': 'plot_occupancy',
    'slow-downstream': 'plot_expiry',
    'worker-per-customer': 'plot_occupancy',
}
"""What shows best what a scenario teaches."""


def save(name: str, draw: Draw, size: tuple[float, float]) -> None:
    """One picture, as large as a page is wide."""
    figure = Figure(figsize=size, layout='constrained')
    draw(figure.add_subplot())
    figure.savefig(FOLDER / f'{name}.png', dpi=100)


if __name__ == '__main__':
    main()
