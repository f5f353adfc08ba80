"""Options of how a recorded trace is read."""

from simulations.cli.options.option import Option
from simulations.traces.read import KINDS


COLUMN_OF_HOLDING = Option('--holding', 'trace_options.holding', help='column of the holding time (tables only)')

TRACE = (
    Option(
        '--kind',
        'trace_options.kind',
        choices=list(KINDS),
        help='what the trace is (default: what it looks like)',
    ),
    Option(
        '--key',
        'trace_options.key',
        help='a pool for each user, queue (swf), app, func (azure) or value of a column',
    ),
    Option('--arrival', 'trace_options.arrival', help='column of the instant of arrival (tables only)'),
    COLUMN_OF_HOLDING,
    Option('--end', 'trace_options.end', help='column of the instant of the end (tables only)'),
    Option(
        '--unit',
        'trace_options.unit',
        help='of the times in a table: s, ms, us, min, h, ... (default s) (tables only)',
    ),
    Option('--thin', 'trace_options.thin', read=float, help='keep each job with this probability'),
    Option('--time-scale', 'trace_options.time_scale', read=float, help='stretch the time between arrivals by so much'),
)

TRACE_ONLY = tuple(option for option in TRACE if option is not COLUMN_OF_HOLDING)
"""Those that mean nothing where jobs are made up."""
