"""Define laws of arrivals: the instants at which jobs arrive, in seconds from 0.

Each law draws instants from its own random stream and knows its rate.  :class:`Clients` is not such
a law because the next request of a client depends on the pool's answer.
"""

from simulations.workloads.arrivals.base import Arrivals, Process
from simulations.workloads.arrivals.bursty import Bursty
from simulations.workloads.arrivals.clients import Clients
from simulations.workloads.arrivals.parse import as_arrivals, parse_arrivals
from simulations.workloads.arrivals.periodic import Periodic
from simulations.workloads.arrivals.poisson import PoissonArrivals
from simulations.workloads.arrivals.recorded import Recorded
from simulations.workloads.arrivals.varying import Varying


__all__ = [
    'Arrivals',
    'Bursty',
    'Clients',
    'Periodic',
    'PoissonArrivals',
    'Process',
    'Recorded',
    'Varying',
    'as_arrivals',
    'parse_arrivals',
]
