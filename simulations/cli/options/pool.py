"""Options for the pool: its slots, how long they live and are renewed, its queue, and crashes."""

from py_cachify.arguments import check_expiration
from simulations.arguments import not_negative
from simulations.cli.options.option import Option, reader
from simulations.workloads.patience import Wait, as_wait
from simulations.workloads.sizes import as_sizes


def slot_exp(text: str) -> float | None:
    """Return the life of a slot in seconds, or ``None``, checked by the library's own rule."""
    if text.lower() == 'none':
        return None
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(f'slot_exp must be a number of seconds, or none, not {text!r}') from None
    check_expiration('slot_exp', seconds)
    return seconds


def renew_for(text: str) -> float | None:
    """Return for how many seconds a slot is renewed, or ``None`` for as long as its body runs."""
    if text.lower() == 'none':
        return None
    try:
        return not_negative('renew_for', float(text))
    except ValueError:
        raise ValueError(f'renew_for must be a number of seconds that is at least 0, or none, not {text!r}') from None


def wait(text: str) -> Wait:
    """Return for how long jobs wait: seconds, ``None`` for any time, or their patience."""
    try:
        seconds = float(text)
    except ValueError:
        return as_wait(text)
    return as_wait(seconds)


def max_waiting(text: str) -> int | None:
    """Return how many jobs may wait, or ``None`` for any number."""
    if text.lower() == 'none':
        return None
    try:
        return int(text)
    except ValueError:
        raise ValueError(f'max_waiting must be a whole number, or none for any number, not {text!r}') from None


MAX_SIZE = Option(
    '--max-size',
    'max_size',
    read=reader(as_sizes),
    metavar='N',
    help='give each pool N slots; or sizes over time, such as 5,60:10,120:5 for 10 slots from 60 s on and 5 from 120 s'
    ' on, or 5,60:10:30 if the processes change one after the other within 30 s (simulations only)',
)
SLOT_EXP = Option(
    '--slot-exp',
    'slot_exp',
    read=reader(slot_exp),
    metavar='SECONDS',
    help='free a slot SECONDS after it was acquired; with "none", slots never expire',
)
RENEW_FOR = Option(
    '--renew-for',
    'renew_for',
    read=reader(renew_for),
    metavar='SECONDS',
    help='let holders renew their slots for SECONDS; with "none", for as long as their bodies run (default: slots are'
    ' not renewed)',
)
WAIT = Option(
    '--wait',
    'wait',
    read=reader(wait),
    metavar='SECONDS',
    help='let a job that finds the pool full wait in its queue for SECONDS at most; with "none", for as long as it'
    ' takes; with a distribution such as exp:5, for a time drawn for each job (default: jobs do not wait)',
)
MAX_WAITING = Option(
    '--max-waiting',
    'max_waiting',
    read=reader(max_waiting),
    metavar='N',
    help='refuse a job that finds N jobs waiting at its pool; with "none", any number may wait (default)',
)
WAIT_WITHIN = Option(
    '--wait-within',
    'wait_within',
    read=float,
    metavar='SECONDS',
    help='also report which share of the jobs got a slot within SECONDS',
)
QUEUE = (WAIT, MAX_WAITING, WAIT_WITHIN)
POOL = (MAX_SIZE, SLOT_EXP, RENEW_FOR, *QUEUE)

CRASH = Option(
    '--crash',
    'crash_probability',
    read=float,
    metavar='SHARE',
    help='let this share of the holders crash before they release their slots',
)
