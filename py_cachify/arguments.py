"""Refuse a wrong argument at once, naming it, its value, and what is allowed.

What passes is returned as the plain ``str``, ``int`` or ``float`` that it is, since a subclass of these may do
anything when it is compared, shown or formatted.  So may a value that is refused: of it nothing but its type
is asked, and it is shown by :func:`shown` only.
"""

from typing import Any, Final, final


@final
class UnsetType:
    """The type of ``UNSET``."""

    def __repr__(self) -> str:
        return 'UNSET'


UNSET: Final = UnsetType()
"""Stands for "not given": ``slot_exp=UNSET`` takes the default of ``init_cachify()``."""

LONGEST_EXPIRATION = 100 * 365 * 24 * 3600
"""In seconds: a hundred years.  Whatever is to last longer is to last for ever: ``None``."""

LARGEST_SIZE = 2**31 - 1
"""More than any store bears, and exact in whatever kind of number a store makes of it."""

LONGEST_TEXT = 500
"""In characters: how much of a value an error shows."""


def check_key(key: Any) -> str:
    """The key of a pool: text with something in it, which UTF-8 can encode."""
    text = _text('key', key)
    if not text:
        raise ValueError("key must not be empty, got ''")
    return text


def check_prefix(prefix: Any) -> str:
    """What stands before the keys: text which UTF-8 can encode, perhaps empty."""
    return _text('prefix', prefix)


def check_max_size(max_size: Any) -> int:
    """How many slots a pool has."""
    if not is_a(max_size, int) or is_a(max_size, bool):
        raise TypeError(f'max_size must be a whole number (an int), not {shown(max_size)}')
    size = int.__index__(max_size)
    if size < 1:
        raise ValueError(f'max_size must be at least 1, got {shown(size)}')
    if size > LARGEST_SIZE:
        raise ValueError(f'max_size must be at most {LARGEST_SIZE}, got {shown(size)}')
    return size


def check_expiration(name: str, seconds: Any) -> float | None:
    """A life in seconds, or ``None`` for ever."""
    if seconds is None:
        return None
    if is_a(seconds, bool) or not (is_a(seconds, int) or is_a(seconds, float)):
        raise TypeError(
            f'{name} must be a number of seconds (an int or a float), or None for no expiration, not {shown(seconds)}'
        )
    life = int.__index__(seconds) if is_a(seconds, int) else float.__float__(seconds)
    if not 0 < life <= LONGEST_EXPIRATION:
        raise ValueError(
            f'{name} must be more than 0 and at most {LONGEST_EXPIRATION} seconds, or None for no expiration,'
            f' got {shown(life)}'
        )
    return life


def check_slot_exp(slot_exp: Any) -> float | UnsetType | None:
    """The same, or ``UNSET``."""
    return UNSET if is_a(slot_exp, UnsetType) else check_expiration('slot_exp', slot_exp)


def check_flag(name: str, flag: Any) -> bool:
    """``True`` or ``False``, and nothing that is merely true or false."""
    if flag is True or flag is False:
        return bool(flag)
    raise TypeError(f'{name} must be True or False, not {shown(flag)}')


def check_encodable(name: str, text: str) -> None:
    """Refuse half of a surrogate pair, which no server could be sent."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f'{name} must be text that UTF-8 can encode, got {shown(text)}') from None


def is_a(value: Any, kind: type) -> bool:
    """Whether a value is one by its type, whatever it says of itself."""
    return issubclass(type(value), kind)


def shown(value: Any) -> str:
    """How a value looks in an error: as ``repr()`` has it, but of a bounded length, and never an error itself."""
    if type(value) is int and value.bit_length() > LONGEST_TEXT:
        return f'an int of {value.bit_length()} bits'
    try:
        text = str.__str__(repr(value))
    except Exception:
        return f'an object of {kind_of(value)}'
    return text if len(text) <= LONGEST_TEXT else f'{text[:LONGEST_TEXT]}... ({len(text)} characters)'


def kind_of(value: Any) -> str:
    """The class of a value, by its full name."""
    try:
        return f'{type(value).__module__}.{type(value).__qualname__}'
    except Exception:
        return 'a class that does not tell its name'


def _text(name: str, text: Any) -> str:
    if not is_a(text, str):
        raise TypeError(f'{name} must be a string, not {shown(text)}')
    plain = str.__str__(text)
    check_encodable(name, plain)
    return plain
