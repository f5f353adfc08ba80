"""Check arguments.  An error names the argument, its value and what is allowed.

A check returns the argument as a plain ``str``, ``int`` or ``float``, because a subclass of these
may do anything when it is compared, shown or formatted.  A refused value may misbehave in the
same way, so a check uses only its type and shows it with :func:`shown`.
"""

from datetime import timedelta
from typing import Any, Final, TypeAlias, final


@final
class UnsetType:
    """The type of ``UNSET``."""

    def __repr__(self) -> str:
        return 'UNSET'


UNSET: Final = UnsetType()
"""The value "not given": ``slot_exp=UNSET`` means the default of ``init_cachify()``."""

SlotExp: TypeAlias = float | timedelta | UnsetType | None
"""What a caller may pass as ``slot_exp``; :func:`check_slot_exp` turns a timedelta into seconds."""

Wait: TypeAlias = float | timedelta | None
"""What a caller may pass as ``wait``; :func:`check_wait` turns a timedelta into seconds."""

LONGEST_EXPIRATION = 100 * 365 * 24 * 3600
"""A hundred years, in seconds.  For a longer life, use ``None``: no expiration."""

LARGEST_SIZE = 2**31 - 1
"""More slots than any store can hold, and exact in every number type that a store may use."""

LONGEST_TEXT = 500
"""The largest number of characters of a value that an error shows."""


def check_key(key: Any) -> str:
    """Return the key of a pool; it must be non-empty text that UTF-8 can encode."""
    text = _text('key', key)
    if not text:
        raise ValueError("key must not be empty, got ''")
    return text


def check_prefix(prefix: Any) -> str:
    """Return the prefix of all keys; it must be text that UTF-8 can encode, and may be empty."""
    return _text('prefix', prefix)


def check_max_size(max_size: Any) -> int:
    """Return the number of slots of a pool; it must be an int from 1 to ``LARGEST_SIZE``."""
    if not is_a(max_size, int) or is_a(max_size, bool):
        raise TypeError(f'max_size must be a whole number (an int), not {shown(max_size)}')
    size = int.__index__(max_size)
    if size < 1:
        raise ValueError(f'max_size must be at least 1, got {shown(size)}')
    if size > LARGEST_SIZE:
        raise ValueError(f'max_size must be at most {LARGEST_SIZE}, got {shown(size)}')
    return size


def check_expiration(name: str, seconds: Any) -> float | None:
    """Return the life of a slot in seconds, or ``None`` for no expiration.

    ``seconds`` must be a number above 0 and at most ``LONGEST_EXPIRATION``, or ``None``.
    """
    if seconds is None:
        return None
    if not _is_number(seconds):
        raise TypeError(
            f'{name} must be a number of seconds (an int or a float), or None for no expiration; got {shown(seconds)}'
        )
    return _in_range(name, seconds)


def check_life(name: str, life: Any) -> float | None:
    """Return the life of a slot in seconds, or ``None`` for no expiration.

    Unlike for :func:`check_expiration`, ``life`` may also be a ``timedelta``.
    """
    if life is None:
        return None
    if _is_number(life):
        return _in_range(name, life)
    if is_a(life, timedelta):
        return _in_range(name, timedelta.total_seconds(life))
    raise TypeError(
        f'{name} must be a number of seconds (an int or a float), a timedelta, or None for no expiration;'
        f' got {shown(life)}'
    )


def check_slot_exp(slot_exp: Any) -> float | UnsetType | None:
    """Return the life of a slot in seconds, ``None`` for no expiration, or ``UNSET``."""
    return UNSET if is_a(slot_exp, UnsetType) else check_life('slot_exp', slot_exp)


def check_wait(wait: Any) -> float | None:
    """Return how long to wait for a slot in seconds, 0 for not at all, ``None`` for any time."""
    if wait is None:
        return None
    if is_a(wait, timedelta):
        seconds: float = timedelta.total_seconds(wait)
    elif _is_number(wait):
        seconds = int.__index__(wait) if is_a(wait, int) else float.__float__(wait)
    else:
        raise TypeError(
            'wait must be a number of seconds (an int or a float), a timedelta, 0 to be refused at once, or None to'
            f' wait as long as it takes; got {shown(wait)}'
        )
    if not 0 <= seconds <= LONGEST_EXPIRATION:
        raise ValueError(
            f'wait must be 0 or more and at most {LONGEST_EXPIRATION} seconds, or None to wait as long as it takes,'
            f' got {shown(wait)}'
        )
    return seconds


def check_max_waiting(max_waiting: Any) -> int | None:
    """Return how many others may wait already: an int of at least 1; ``None`` for any number."""
    if max_waiting is None:
        return None
    if not is_a(max_waiting, int) or is_a(max_waiting, bool):
        raise TypeError(
            f'max_waiting must be a whole number (an int), or None for any number, not {shown(max_waiting)}'
        )
    most = int.__index__(max_waiting)
    if most < 1:
        raise ValueError(
            f'max_waiting must be at least 1, or None for any number, got {shown(most)}: to be refused at once, use'
            ' wait=0'
        )
    if most > LARGEST_SIZE:
        raise ValueError(f'max_waiting must be at most {LARGEST_SIZE}, or None for any number, got {shown(most)}')
    return most


def check_flag(name: str, flag: Any) -> bool:
    """Return a flag; it must be ``True`` or ``False`` itself, not just a true or false value."""
    if flag is True or flag is False:
        return bool(flag)
    raise TypeError(f'{name} must be True or False, not {shown(flag)}')


def check_encodable(name: str, text: str) -> None:
    """Raise ``ValueError`` if UTF-8 cannot encode ``text``, as with half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f'{name} must be text that UTF-8 can encode, got {shown(text)}') from None


def is_a(value: Any, kind: type) -> bool:
    """Return whether ``value``'s type is ``kind`` or a subclass, whatever ``__class__`` claims."""
    return issubclass(type(value), kind)


def shown(value: Any) -> str:
    """Return the ``repr()`` of a value for an error, with a bounded length; never raise."""
    if type(value) is int and value.bit_length() > LONGEST_TEXT:
        return f'an int of {value.bit_length()} bits'
    try:
        text = str.__str__(repr(value))
    except Exception:
        return f'an object of {kind_of(value)}'
    return text if len(text) <= LONGEST_TEXT else f'{text[:LONGEST_TEXT]}... ({len(text)} characters)'


def kind_of(value: Any) -> str:
    """Return the full name of a value's class."""
    try:
        return f'{type(value).__module__}.{type(value).__qualname__}'
    except Exception:
        return 'a class whose name cannot be read'


def _is_number(value: Any) -> bool:
    kind = type(value)
    # The usual kinds first, because some programs make a pool for each use.
    return kind is int or kind is float or (kind is not bool and (is_a(value, int) or is_a(value, float)))


def _in_range(name: str, seconds: Any) -> float:
    life = int.__index__(seconds) if is_a(seconds, int) else float.__float__(seconds)
    if not 0 < life <= LONGEST_EXPIRATION:
        raise ValueError(
            f'{name} must be more than 0 and at most {LONGEST_EXPIRATION} seconds, or None for no expiration,'
            f' got {shown(life)}'
        )
    return life


def _text(name: str, text: Any) -> str:
    if not is_a(text, str):
        raise TypeError(f'{name} must be a string, not {shown(text)}')
    plain = str.__str__(text)
    check_encodable(name, plain)
    return plain
