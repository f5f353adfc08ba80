"""Draw the pictures of the README files anew: ``python -m tests.gallery``."""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import simulations
from simulations import Poisson, Scenario, bundled_trace, compare, replay, size_pool
from simulations.exploring import explore, subject
from simulations.live import live
from simulations.traces.bundled import BUNDLED_MAX_SIZE, BUNDLED_SLOT_EXP, BUNDLED_TRACE
from tests import both_herds, dashboard_life, holder_life, pause_with_renewal, seen_from_outside, soak, waiter_life


FOLDER = Path(simulations.__file__).parent / 'pictures'

Draw = Callable[[Axes], Axes]


def main() -> None:
    """Run what the pictures are of, and draw them."""
    mpl.use('agg')
    trace = replay(bundled_trace(), max_size=BUNDLED_MAX_SIZE, slot_exp=BUNDLED_SLOT_EXP)
    save('occupancy', trace.plot_occupancy, (10, 4.5))
    save('slots', trace.plot_slots, (10, 6))
    waiting = Scenario(arrivals='poisson:4', holding='exp:1', jobs=2000, max_size=1, seed=1, wait=1, wait_within=0.25)
    save('size-waiting', size_pool(waiting, 0.05, share=0.92).plot, (10, 5))
    save('size', size_pool(Scenario(trace=BUNDLED_TRACE, max_size=1, slot_exp=BUNDLED_SLOT_EXP), 0.01).plot, (10, 4.5))
    # As the command draws it.
    save('compare', compare(Scenario.load('crash-loop'), vary={'slot_exp': [5, 60]}, workers=1).plot, (9, 5.5))
    impatient = replay(Poisson(6, 'exp:1', jobs=300, seed=1), max_size=5, wait='exp:2')
    save('queue-on-top', impatient.plot_occupancy, (10, 4.5))
    save('waits-in-slots', impatient.plot_slots, (10, 6))
    steady = replay(Poisson(4, 'exp:1', jobs=20_000, seed=1), max_size=5, wait=None, wait_within=1)
    save('waits', steady.plot_waits, (8, 4))
    save('queue', steady.plot_queue, (10, 4.5))
    failure = explore(subject('check-then-add')).violation
    assert failure is not None
    save('check-then-add', failure.plot, (8, 4.6))
    save('waiting', waiter_life.plot, (10, 4.5))
    save('holding', holder_life.plot, (10, 4.5))
    figure = Figure(figsize=(11, 9.5))
    dashboard_life.draw(figure)  # a minute of real pools
    figure.savefig(FOLDER / 'dashboard.png', dpi=100)
    save('long-pause-renewed', pause_with_renewal.plot, (10, 7))
    save('thundering-herd', both_herds.plot, (10, 7))
    seen_from_outside.draw(FOLDER)
    # Some minutes, as each slot of the dead takes a second to come back.
    killed = live(soak.kills().scenario, compare=False)
    save('recovery', killed.plot_recovery, (10, 4.5))
    for name, picture in TELLING.items():
        result = Scenario.load(name).replay(history=False)  # as the command does
        save(name, getattr(result, picture), (10, 4.5))


TELLING = {
    'api-connection-limit': 'plot_occupancy_shares',
    'autoscaler-step': 'plot_occupancy',
    'crash-loop': 'plot_slots',
    'day-of-traffic': 'plot_occupancy',
    'failover': 'plot_occupancy',
    'flaky-network': 'plot_occupancy',
    'impatient-customers': 'plot_waits',
    'long-pause': 'plot_occupancy',
    'nightly-batch': 'plot_occupancy',
    'rare-long-jobs': 'plot_queue',
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
