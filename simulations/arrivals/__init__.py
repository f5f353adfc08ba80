"""When jobs arrive: laws of the instants of arrival, in seconds from 0.

Each gives instants from a random stream of its own, and knows its rate.  :class:`Clients` is no such law: when a client
asks again depends on what the pool answered.
"""

from simulations.arrivals.base import Arrivals, Process
from simulations.arrivals.bursty import Bursty
from simulations.arrivals.clients import Clients
from simulations.arrivals.parse import as_arrivals, parse_arrivals
from simulations.arrivals.periodic import Periodic
from simulations.arrivals.poisson import PoissonArrivals
from simulations.arrivals.recorded import Recorded
from simulations.arrivals.varying import Varying


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
