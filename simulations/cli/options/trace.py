"""Options for reading a recorded trace."""

from typing import Any

from simulations.cli.options.option import Option
from simulations.traces.read import KINDS
from simulations.traces.recording import NO_SLOT_CHOICES


def column(text: str) -> str | int:
    """Return the column that a text means: its number, counted from 1, or its name."""
    return int(text) if text.isdecimal() else text


def columns(texts: list[str]) -> Any:
    """Return one column, or a list of several."""
    return column(texts[0]) if len(texts) == 1 else [column(text) for text in texts]


def instant(text: str) -> float | str:
    """Return an instant in seconds, or the text of a timestamp."""
    try:
        return float(text)
    except ValueError:
        return text


COLUMN_OF_HOLDING = Option(
    '--holding',
    'trace_options.holding',
    convert=column,
    help='read holding times from this column, a name or a number counted from 1 (tables only)',
)

TRACE = (
    Option(
        '--kind',
        'trace_options.kind',
        choices=list(KINDS),
        help='read the trace in this format (default: detect it from the file)',
    ),
    Option(
        '--key',
        'trace_options.key',
        repeatable=True,
        convert=columns,
        metavar='COLUMN',
        help='make one pool for each value of this column: user or queue (swf), app or func (azure), key or template'
        ' (recording), any column (csv);'
        ' repeat it to combine several columns of a table',
    ),
    Option(
        '--only',
        'trace_options.only',
        repeatable=True,
        metavar='KEY',
        help='use only the jobs of this pool; repeat it for several; for a recording also a template, which chooses'
        ' all of its pools',
    ),
    Option(
        '--no-slot',
        'trace_options.no_slot',
        choices=list(NO_SLOT_CHOICES),
        help='draw a holding time for each attempt that got no slot from those of its pool (default), or omit these'
        ' attempts, which suits callers that soon try again (recordings only)',
    ),
    Option(
        '--arrival', 'trace_options.arrival', convert=column, help='read arrival times from this column (tables only)'
    ),
    COLUMN_OF_HOLDING,
    Option('--end', 'trace_options.end', convert=column, help='read end times from this column (tables only)'),
    Option(
        '--unit',
        'trace_options.unit',
        help='read holding times, and instants that are numbers, in this unit: d, h, min, s, ms, us or ns (default s)'
        ' (tables only)',
    ),
    Option(
        '--instants',
        'trace_options.instants',
        help='read instants in this unit, or as timestamps with iso (default: detect timestamps, otherwise use'
        ' --unit)'
        ' (tables only)',
    ),
    Option('--delimiter', 'trace_options.delimiter', help='separate columns at this character (tables only)'),
    Option(
        '--header',
        'trace_options.header',
        choices=['yes', 'no'],
        convert='yes'.__eq__,
        help='say whether the first row contains the names of the columns (default: detect it) (tables only)',
    ),
    Option(
        '--start',
        'trace_options.start',
        convert=instant,
        metavar='INSTANT',
        help='use only jobs that arrive at INSTANT or later: seconds, or an ISO timestamp',
    ),
    Option(
        '--until',
        'trace_options.until',
        convert=instant,
        metavar='INSTANT',
        help='use only jobs that arrive before INSTANT: seconds, or an ISO timestamp',
    ),
    Option('--rebase', 'trace_options.rebase', switch=True, help='shift all arrivals so that the first is at 0'),
    Option(
        '--thin',
        'trace_options.thin',
        read=float,
        metavar='SHARE',
        help='use a random sample: keep each job with the probability SHARE',
    ),
    Option(
        '--time-scale',
        'trace_options.time_scale',
        read=float,
        metavar='FACTOR',
        help='multiply the time between arrivals by FACTOR',
    ),
    Option(
        '--holding-scale',
        'trace_options.holding_scale',
        read=float,
        metavar='FACTOR',
        help='multiply each holding time by FACTOR',
    ),
)

TRACE_ONLY = tuple(option for option in TRACE if option is not COLUMN_OF_HOLDING)
"""The options that mean nothing for generated jobs."""
