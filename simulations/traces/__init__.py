"""Recorded arrivals and holding times, from the files that people have.

:func:`read_trace` recognises what it is given; the other readers say what they read.  A file is read line by line
into columns, some 20 bytes a job, so that one of millions of rows fits; records that cannot be used are counted in
``skipped``, by reason.
"""

from simulations.traces.azure import read_azure
from simulations.traces.columns import TraceError
from simulations.traces.read import read_trace, recognise
from simulations.traces.select import select_jobs
from simulations.traces.swf import read_swf
from simulations.traces.table import read_table


__all__ = ['TraceError', 'read_azure', 'read_swf', 'read_table', 'read_trace', 'recognise', 'select_jobs']
