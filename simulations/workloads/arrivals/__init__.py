"""When jobs arrive: laws of the instants of arrival, in seconds from 0.

Each gives instants from a random stream of its own, and knows its rate.  :class:`Clients` is no such law: when a client
asks again depends on what the pool answered.
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
