"""For tests of programs that use pools: pools in memory, in time that moves only when a test does.

Three ways to use it::

    pytest_plugins = ['py_cachify.testing.plugin']      # conftest.py: the fixture `cachify_pools`

    with pools_for_tests() as pools: ...                # without pytest

    init_cachify(MemoryClient(clock=ManualClock()))     # no more than the clock
"""

from py_cachify.testing.clock import ManualClock
from py_cachify.testing.pools import Pools, pools_for_tests


__all__ = ['ManualClock', 'Pools', 'pools_for_tests']
