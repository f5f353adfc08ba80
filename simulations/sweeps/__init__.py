"""Sweeps: how the figures of a scenario depend on pool size, expiry, load and crashes.

::

    from simulations import Scenario, sweep

    scenario = Scenario.load('api-connection-limit')
    found = sweep(scenario, {'max_size': range(10, 41, 5), 'slot_exp': [1, 5, 30]})
    print(found)
    found.plot()
"""

from simulations.sweeps.grid import Point
from simulations.sweeps.outcome import Outcome
from simulations.sweeps.run import sweep
from simulations.sweeps.table import Sweep
from simulations.sweeps.vary import parse_vary


__all__ = ['Outcome', 'Point', 'Sweep', 'parse_vary', 'sweep']
