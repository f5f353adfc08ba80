"""How big the pool must be, and which expiry it needs.

::

    from simulations import Scenario, size_pool

    found = size_pool(Scenario.load('api-connection-limit'), target=0.01)
    print(found)
    found.plot()
"""

from simulations.sizing.expiry import Expiry, choose_expiry
from simulations.sizing.size import Sizing, size_pool


__all__ = ['Expiry', 'Sizing', 'choose_expiry', 'size_pool']
