"""Numbers as people write them: `1 slot`, `3 days`, `2.5 a second`."""


def number(value: float) -> str:
    """A number as one would write it, with every digit that it has."""
    return repr(float(value)).removesuffix('.0')


def count(number: int, one: str, many: str) -> str:
    """So many of something."""
    return f'{number:,} {one if number == 1 else many}'


def duration(seconds: float) -> str:
    """A time span in the unit that a reader would choose."""
    unit, length = time_unit(seconds)
    return f'{seconds / length:,.4g} {unit}'


def rate(a_second: float) -> str:
    """A number of happenings in the unit of time in which there are some."""
    for unit, length in (('second', 1.0), ('minute', 60.0), ('hour', 3600.0)):
        if a_second * length >= 1:
            return f'{a_second * length:,.4g} {"an" if unit == "hour" else "a"} {unit}'
    return f'{a_second * 86400:,.4g} a day'


def time_unit(seconds: float) -> tuple[str, float]:
    """The largest unit of which a span has at least three, with its length in seconds."""
    for unit, length in (('days', 86400.0), ('hours', 3600.0), ('minutes', 60.0)):
        if seconds >= 3 * length:
            return unit, length
    return 'seconds', 1.0
