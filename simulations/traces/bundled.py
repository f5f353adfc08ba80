"""The real trace that comes with the package."""

from pathlib import Path

from simulations.traces import read_swf
from simulations.traces.trace import Trace


BUNDLED_TRACE = Path(__file__).parents[1] / 'data' / 'gaia-2014-first-20000-jobs.swf.gz'
# An engineer's first guess, and a telling one: some jobs find no slot, and three days cover all but one in thirty.
BUNDLED_MAX_SIZE = 200
BUNDLED_SLOT_EXP = 3 * 86400.0


def bundled_trace() -> Trace:
    """20,000 jobs of the University of Luxembourg's Gaia cluster, 2014; see ``data/README.md``."""
    return read_swf(BUNDLED_TRACE)
