"""Options for the pool: its slots, how long they live, and holders that crash."""

from py_cachify.arguments import check_expiration, check_max_size
from simulations.cli.options.option import Option, reader


def max_size(text: str) -> int:
    """Return the size of a pool from its text, checked by the library's own rule."""
    try:
        size = int(text)
    except ValueError:
        raise ValueError(f'max_size must be a whole number, not {text!r}') from None
    check_max_size(size)
    return size


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


MAX_SIZE = Option('--max-size', 'max_size', read=reader(max_size), metavar='N', help='give each pool N slots')
SLOT_EXP = Option(
    '--slot-exp',
    'slot_exp',
    read=reader(slot_exp),
    metavar='SECONDS',
    help='free a slot SECONDS after it was acquired; with "none", slots never expire',
)
POOL = (MAX_SIZE, SLOT_EXP)

CRASH = Option(
    '--crash',
    'crash_probability',
    read=float,
    metavar='SHARE',
    help='let this share of the holders crash before they release their slots',
)
