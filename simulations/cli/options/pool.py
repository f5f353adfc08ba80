"""Options of the pool: its slots, their life, and holders that crash."""

from py_cachify.arguments import check_expiration, check_max_size
from simulations.cli.options.option import Option, reader


def max_size(text: str) -> int:
    """Read the slots of a pool, as the library takes them."""
    try:
        size = int(text)
    except ValueError:
        raise ValueError(f'max_size must be a whole number, not {text!r}') from None
    check_max_size(size)
    return size


def slot_exp(text: str) -> float | None:
    """Read the life of a slot in seconds, as the library takes it; ``none`` for ever."""
    if text.lower() == 'none':
        return None
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(f'slot_exp must be a number of seconds, or none, not {text!r}') from None
    check_expiration('slot_exp', seconds)
    return seconds


MAX_SIZE = Option('--max-size', 'max_size', read=reader(max_size), help='slots of the pool')
SLOT_EXP = Option(
    '--slot-exp', 'slot_exp', read=reader(slot_exp), metavar='SECONDS', help='life of a slot in seconds, or none'
)
POOL = (MAX_SIZE, SLOT_EXP)

CRASH = Option(
    '--crash',
    'crash_probability',
    read=float,
    metavar='SHARE',
    help='the share of holders that never release',
)
