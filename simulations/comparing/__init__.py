"""Two designs on the same jobs: which refuses fewer, which waits less, and how sure that is.

::

    from simulations import Scenario, compare

    scenario = Scenario.load('api-connection-limit')
    found = compare(scenario, scenario.replace(max_size=30))
    print(found)
    found.plot()
"""

from simulations.comparing.comparison import Comparison
from simulations.comparing.facts import ComparedAt, Difference
from simulations.comparing.run import compare


__all__ = ['ComparedAt', 'Comparison', 'Difference', 'compare']
