"""Load the real trace that comes with the package."""

from pathlib import Path

from simulations.traces import read_swf
from simulations.traces.trace import Trace


BUNDLED_TRACE = Path(__file__).parents[1] / 'data' / 'gaia-2014-first-20000-jobs.swf.gz'
# An engineer's first guess, and an instructive one: some jobs are refused, and one in thirty
# outlives three days.
BUNDLED_MAX_SIZE = 200
BUNDLED_SLOT_EXP = 3 * 86400.0


def bundled_trace() -> Trace:
    """Return 19,996 jobs of the University of Luxembourg's Gaia cluster of 2014.

    Its file has 20,000 records, of which four have no run time; ``data/README.md`` says where they
    come from.
    """
    return read_swf(BUNDLED_TRACE)
