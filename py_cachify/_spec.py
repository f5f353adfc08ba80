"""The arguments of an acquire, and what else decides how its slot is held."""

from typing import NamedTuple

from py_cachify._options import Options
from py_cachify.backends._choose import Backends
from py_cachify.observing import Observation


class SlotSpec(NamedTuple):
    """The arguments of an acquire, and what else decides how its slot is held.

    Attributes:
        key: the key of the pool, with its prefix.
        max_size: the number of slots that the acquire allows.
        slot_exp: the life of the slot in seconds; ``None`` if it never expires.
        terms: what the token says of these; see :func:`py_cachify.tokens.make_terms`.
        name: the key without its prefix.
        options: how the slot is held.
        backends: both sides of the store.
        is_plain: whether nothing needs to be done but to take the slot and to give it back: it has
            no options, and nobody listens.
        template: the key as it was written for a decorated function; ``None`` for another pool.
        observations: who is told what happens.
        prefix: the prefix of the key.
    """

    key: str
    max_size: int
    slot_exp: float | None
    terms: str
    name: str
    options: Options
    backends: Backends
    is_plain: bool
    template: str | None
    observations: tuple[Observation, ...]
    prefix: str
