"""How the slots of a pool are held, beyond their life: renewal, loss, fencing, and a label."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal, NamedTuple, TypeAlias

from py_cachify._signatures import is_async
from py_cachify.arguments import (
    LONGEST_EXPIRATION,
    UnsetType,
    check_encodable,
    check_flag,
    check_wait,
    is_a,
    shown,
)


RenewFor: TypeAlias = float | timedelta | None
"""What a caller may pass as ``renew_for``."""

OnLost: TypeAlias = Literal['log', 'raise', 'cancel'] | Callable[[Any], object]
"""What a caller may pass as ``on_lost``; a function gets the slot."""


class Options(NamedTuple):
    """How the slots of a pool are held; the defaults are those of ``pool``.

    Attributes:
        renew_for: for how long a slot is renewed, in seconds; 0 for not at all, ``None`` for as
            long as it is held.
        on_lost: what happens when a slot is lost.
        fence: whether each slot gets a fencing token.
        label: who holds the slots, for people.
    """

    renew_for: float | None = 0
    on_lost: OnLost = 'log'
    fence: bool = False
    label: str = ''

    def given(self) -> dict[str, Any]:
        """Return the options that are not the defaults."""
        return {name: value for name, value in self._asdict().items() if value != Options._field_defaults[name]}

    @property
    def renews(self) -> bool:
        """Whether slots are renewed."""
        return self.renew_for != 0

    @property
    def watches(self) -> bool:
        """Whether something happens while a slot is held: it is renewed, or its loss is noticed."""
        return self.renews or self.on_lost != 'log'


DEFAULTS = Options()


def make_options(renew_for: Any, on_lost: Any, fence: Any, label: Any) -> Options:
    """Return the options of a pool from its arguments.

    Raises:
        TypeError, ValueError: an argument is wrong.
    """
    if is_default(renew_for, on_lost, fence, label):
        return DEFAULTS
    return Options(_check_renew_for(renew_for), _check_on_lost(on_lost), check_flag('fence', fence), check_label(label))


def is_default(renew_for: Any, on_lost: Any, fence: Any, label: Any) -> bool:
    """Return whether all arguments are those that a pool has by default."""
    # Some programs make a pool for each use.
    return (
        type(renew_for) is int
        and renew_for == 0
        and on_lost is DEFAULTS.on_lost
        and fence is False
        and type(label) is str
        and not label
    )


def changed_options(options: Options, renew_for: Any, on_lost: Any, fence: Any, label: Any) -> Options:
    """Return the options with the arguments that are not ``UNSET``."""
    given = {
        name: value
        for name, value in (('renew_for', renew_for), ('on_lost', on_lost), ('fence', fence), ('label', label))
        if not is_a(value, UnsetType)
    }
    return make_options(**{**options._asdict(), **given}) if given else options


def check_renewable(renew_for: float | None, slot_exp: float | UnsetType | None) -> None:
    """Raise ``ValueError`` if slots that never expire would be renewed."""
    if renew_for != 0 and slot_exp is None:
        raise ValueError(
            'renew_for needs slots that expire, but slot_exp is None (perhaps by init_cachify()): pass'
            ' slot_exp=SECONDS, after which the slot of a holder that crashed is freed'
        )


def check_label(label: Any) -> str:
    """Return a label; it must be text that UTF-8 can encode."""
    if not is_a(label, str):
        raise TypeError(f'label must be a string, not {shown(label)}')
    text = str.__str__(label)
    check_encodable('label', text)
    return text


def _check_renew_for(renew_for: Any) -> float | None:
    try:
        return check_wait(renew_for)
    except TypeError:
        raise TypeError(
            'renew_for must be a number of seconds (an int or a float), a timedelta, 0 to renew nothing, or None to'
            f' renew for as long as the slot is held; got {shown(renew_for)}'
        ) from None
    except ValueError:
        raise ValueError(
            f'renew_for must be 0 or more and at most {LONGEST_EXPIRATION} seconds, or None to renew for as long as'
            f' the slot is held, got {shown(renew_for)}'
        ) from None


def _check_on_lost(on_lost: Any) -> OnLost:
    if is_a(on_lost, str):
        for known in ('log', 'raise', 'cancel'):
            if str.__eq__(on_lost, known):
                return known
        raise ValueError(f"on_lost must be 'log', 'raise', 'cancel' or a function, got {shown(on_lost)}")
    if not callable(on_lost):
        raise TypeError(f"on_lost must be 'log', 'raise', 'cancel' or a function, not {shown(on_lost)}")
    if _is_async(on_lost):
        raise TypeError(
            f'on_lost {shown(on_lost)} is async, and nothing could await it: pass a plain function, which may create'
            ' a task'
        )
    return on_lost  # type: ignore[no-any-return]


def _is_async(on_lost: Any) -> bool:
    try:
        return is_async(on_lost)
    except Exception as error:
        raise TypeError(
            f'on_lost {shown(on_lost)} cannot be inspected ({shown(error)}): pass a plain function'
        ) from error
