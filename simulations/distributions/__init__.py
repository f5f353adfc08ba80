"""Distributions of the holding time: how long a body runs, in seconds.

Each can draw a value, and knows its mean and how much of it lies before and beyond an expiry, which is all that
the theory of a pool needs to know.
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
