"""Format numbers as people write them: `1 slot`, `3 days`, `2.5 a second`."""


def number(value: float) -> str:
    """Return a number as a person would write it, with all its digits."""
    return repr(float(value)).removesuffix('.0')


def count(number: int, one: str, many: str) -> str:
    """Return a number with its noun, in the singular or the plural."""
    return f'{number:,} {one if number == 1 else many}'


def duration(seconds: float) -> str:
    """Return a time span, given in seconds, in the unit that suits it."""
    unit, length = time_unit(seconds)
    text = f'{seconds / length:,.4g}'
    return f'{text} {unit.removesuffix("s") if text == "1" else unit}'


def rate(a_second: float, noun: str) -> str:
    """Return a rate per second, minute, hour or day: the first in which it is at least 1."""
    for unit, length in (('second', 1.0), ('minute', 60.0), ('hour', 3600.0)):
        if a_second * length >= 1:
            return f'{a_second * length:,.4g} {noun} {"an" if unit == "hour" else "a"} {unit}'
    return f'{a_second * 86400:,.4g} {noun} a day'


def time_unit(seconds: float) -> tuple[str, float]:
    """Return the largest unit of which a span has at least three, and its length in seconds."""
    for unit, length in (('days', 86400.0), ('hours', 3600.0), ('minutes', 60.0)):
        if seconds >= 3 * length:
            return unit, length
    return 'seconds', 1.0
