"""Refuse a wrong argument at once, naming it, its value, and what is allowed."""

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


def check_key(key: Any) -> None:
    if not isinstance(key, str):
        raise TypeError(f'key must be a string, not {key!r}')
    if not key:
        raise ValueError("key must not be empty, got ''")


def check_max_size(max_size: Any) -> None:
    if not isinstance(max_size, int) or isinstance(max_size, bool):
        raise TypeError(f'max_size must be a whole number, not {max_size!r}')
    if max_size < 1:
        raise ValueError(f'max_size must be at least 1, got {max_size!r}')


def check_expiration(name: str, seconds: Any) -> None:
    if seconds is None:
        return
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise TypeError(f'{name} must be a number of seconds, or None for no expiration, not {seconds!r}')
    if not 0 < seconds <= LONGEST_EXPIRATION:
        raise ValueError(
            f'{name} must be more than 0 and at most {LONGEST_EXPIRATION} seconds, or None for no expiration,'
            f' got {seconds!r}'
        )


def check_slot_exp(slot_exp: Any) -> None:
    if not isinstance(slot_exp, UnsetType):
        check_expiration('slot_exp', slot_exp)


def check_prefix(prefix: Any) -> None:
    if not isinstance(prefix, str):
        raise TypeError(f'prefix must be a string, not {prefix!r}')


def check_flag(name: str, flag: Any) -> None:
    if not isinstance(flag, bool):
        raise TypeError(f'{name} must be True or False, not {flag!r}')
