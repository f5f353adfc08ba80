"""Options for reading a recorded trace."""

from simulations.cli.options.option import Option
from simulations.traces.read import KINDS


COLUMN_OF_HOLDING = Option(
    '--holding', 'trace_options.holding', help='read holding times from this column (tables only)'
)

TRACE = (
    Option(
        '--kind',
        'trace_options.kind',
        choices=list(KINDS),
        help='read the trace in this format (default: recognise it)',
    ),
    Option(
        '--key',
        'trace_options.key',
        help='make one pool for each user or queue (swf), app or func (azure), or value of a column (csv)',
    ),
    Option('--arrival', 'trace_options.arrival', help='read arrival times from this column (tables only)'),
    COLUMN_OF_HOLDING,
    Option('--end', 'trace_options.end', help='read end times from this column (tables only)'),
    Option(
        '--unit',
        'trace_options.unit',
        help='read times in this unit: s, ms, us, min, h, ... (default s) (tables only)',
    ),
    Option('--thin', 'trace_options.thin', read=float, help='keep each job with this probability'),
    Option(
        '--time-scale', 'trace_options.time_scale', read=float, help='multiply the time between arrivals by TIME_SCALE'
    ),
)

TRACE_ONLY = tuple(option for option in TRACE if option is not COLUMN_OF_HOLDING)
"""The options that mean nothing for generated jobs."""
