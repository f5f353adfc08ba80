"""Distributions of the holding time: how long a body runs, in seconds.

Each can draw a value, and knows its mean and how much of it lies before and beyond an expiry, which is all that
the theory of a pool needs to know.
"""

from simulations.holding.base import Holding, number
from simulations.holding.empirical import Empirical
from simulations.holding.mixture import Mixture
from simulations.holding.parse import parse_holding
from simulations.holding.simple import Constant, Exponential, Lognormal, Pareto, Uniform


__all__ = [
    'Constant',
    'Empirical',
    'Exponential',
    'Holding',
    'Lognormal',
    'Mixture',
    'Pareto',
    'Uniform',
    'number',
    'parse_holding',
]
