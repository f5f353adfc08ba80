"""Read recorded arrivals and holding times from common file formats.

:func:`read_trace` recognises the format of a file; each other reader reads one format.  A file is
read line by line into columns of about 20 bytes a job, so that millions of rows fit in memory.
Records that cannot be used are counted in ``skipped``, by reason.
"""

from simulations.traces.azure import read_azure
from simulations.traces.columns import TraceError
from simulations.traces.read import read_trace, recognise
from simulations.traces.recording import read_attempts
from simulations.traces.select import select_jobs
from simulations.traces.swf import read_swf
from simulations.traces.table import read_table


__all__ = [
    'TraceError',
    'read_attempts',
    'read_azure',
    'read_swf',
    'read_table',
    'read_trace',
    'recognise',
    'select_jobs',
]
