"""The load that is put through everything, and how much of it.

It imports nothing but the standard library, as another simulator gets the same load in an environment of its own.
"""

from typing import NamedTuple


RATE = 3.0
"""Arrivals a second, at random."""
HOLDING_MEAN = 1.0
"""In seconds; the holding time is exponential."""
SLOTS = 5
"""A job that finds all of them taken leaves."""
SLOT_EXP = 600.0
"""In seconds: no slot expires, and the harness watches for it all the same."""
SEED = 1


class Amounts(NamedTuple):
    """How much is measured."""

    rounds: int
    """At least 2."""
    memory_jobs: int
    """In a round of the rows in memory."""
    server_jobs: int
    """In a round of the row on a server."""
    growth_rounds: int
    """At least 2, each with all of ``growth_jobs``."""
    growth_jobs: tuple[int, ...]
    """Of the runs whose time and memory are compared; three at least, in order."""


FULL = Amounts(15, 50_000, 5_000, 3, (10_000, 30_000, 100_000, 300_000, 1_000_000))
QUICK = Amounts(2, 300, 60, 2, (100, 300, 1_000))
