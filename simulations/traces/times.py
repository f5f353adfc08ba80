"""Read instants and durations as they are written in files."""

from collections.abc import Callable
from datetime import UTC, datetime

from simulations.arguments import real_number


ISO = 'iso'
# The multiplier and the divisor: 1001 ms / 1000 is exactly 1.001 s, but 1001 ms * 0.001 is not.
_UNITS: dict[str, tuple[float, float]] = {
    'd': (86400.0, 1.0),
    'h': (3600.0, 1.0),
    'min': (60.0, 1.0),
    's': (1.0, 1.0),
    'ms': (1.0, 1e3),
    'us': (1.0, 1e6),
    'ns': (1.0, 1e9),
}
UNITS = tuple(_UNITS)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unit_reader(unit: str) -> Callable[[str], float]:
    """Return a function that reads a number in that unit as seconds.

    The function raises ``ValueError`` for any other text.
    """
    multiply, divide = _UNITS[unit]
    if multiply == divide:
        return float
    return lambda text: float(text) * multiply / divide


def iso_seconds(text: str) -> float:
    """Return the seconds from the beginning of 1970 to an ISO 8601 timestamp.

    The timestamp is in UTC if it names no time zone.

    Raises:
        ValueError: the text is not such a timestamp.

    Example::

        iso_seconds('2026-01-01 12:00:00.5+01:00')
    """
    instant = datetime.fromisoformat(text.strip())
    return ((instant if instant.tzinfo else instant.replace(tzinfo=UTC)) - EPOCH).total_seconds()


class MixedZonesError(ValueError):
    """Some timestamps of a table have a time zone, and some do not."""


class TimestampReader:
    """:func:`iso_seconds` for a table whose timestamps all have a time zone, or all do not.

    A call raises ``MixedZonesError`` for the first timestamp that differs.
    """

    def __init__(self) -> None:
        self._first: tuple[str, bool] | None = None

    def __call__(self, text: str) -> float:
        seconds = iso_seconds(text)
        zoned = datetime.fromisoformat(text.strip()).tzinfo is not None
        if self._first is None:
            self._first = text.strip(), zoned
        first, expected = self._first
        if zoned != expected:
            raise MixedZonesError(
                f'mixes timestamps with and without a time zone, {first!r} and {text.strip()!r}: write all of them'
                ' with a zone, or none'
            )
        return seconds


def instant_seconds(name: str, value: float | str) -> float:
    """Return an instant in seconds, given as a number of seconds or as an ISO timestamp.

    Raises:
        TypeError, ValueError: it is neither; the message names the argument.
    """
    if not isinstance(value, str):
        return real_number(name, value)
    try:
        return iso_seconds(value)
    except ValueError:
        raise ValueError(f'{name} must be a number of seconds or an ISO timestamp, not {value!r}') from None
