"""Define distributions of the holding time: how long a body runs, in seconds.

Each draws values, and knows its mean and how much of it lies before and beyond an expiry.  The
theory of a pool needs no more than that.
"""

from simulations.distributions.base import Holding
from simulations.distributions.empirical import Empirical
from simulations.distributions.families import Constant, Exponential, Lognormal, Pareto, Uniform
from simulations.distributions.mixture import Mixture
from simulations.distributions.parse import parse_holding


__all__ = [
    'Constant',
    'Empirical',
    'Exponential',
    'Holding',
    'Lognormal',
    'Mixture',
    'Pareto',
    'Uniform',
    'parse_holding',
]
