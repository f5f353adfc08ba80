"""The load of all rows, and the amounts that are measured.

The module imports only the standard library, because another simulator gets the same load in its
own environment.
"""

from typing import NamedTuple


RATE = 3.0
"""Arrivals a second, of a Poisson process."""
HOLDING_MEAN = 1.0
"""The mean of the exponential holding time, in seconds."""
SLOTS = 5
"""The slots of the pool; a job that finds all of them taken leaves."""
BUSY_RATE = 4.95
"""Arrivals a second at which nearly every job of an endless queue waits."""
SPARE = 8
"""With so many times as many slots, no job of that load waits."""
SLOT_EXP = 600.0
"""In seconds: no slot expires, but the harness checks for it."""
SEED = 1


class Amounts(NamedTuple):
    """The amounts that are measured.

    Attributes:
        rounds: rounds of the rows in memory and on a server, at least 2.
        memory_jobs: jobs in a round of the rows in memory.
        server_jobs: jobs in a round of the row on a server.
        growth_rounds: rounds of the growth, at least 2, each with all lengths.
        growth_jobs: the lengths of the growth's runs in jobs, at least three, in order.
    """

    rounds: int
    memory_jobs: int
    server_jobs: int
    growth_rounds: int
    growth_jobs: tuple[int, ...]


FULL = Amounts(15, 50_000, 5_000, 3, (10_000, 30_000, 100_000, 300_000, 1_000_000))
QUICK = Amounts(2, 300, 60, 2, (100, 300, 1_000))
