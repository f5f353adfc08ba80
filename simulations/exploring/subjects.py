"""The protocols to explore, by name, each with the scope in which it keeps its promise."""

from collections.abc import Mapping

from py_cachify.protocols import ATOMIC
from simulations.broken import BROKEN
from simulations.exploring.limits import LIMITS
from simulations.exploring.moves import FAULTS, LATE_FAULTS
from simulations.exploring.outside import is_outside, load_subject
from simulations.exploring.scope import Scope, Subject
from simulations.exploring.worlds import KeyValueWorld, fakeredis_world, memory_world, plain_world
from simulations.stores.protocols import PLAIN


SHIPPED_SCOPE = Scope(faults=2, kinds=(*FAULTS, *LATE_FAULTS), together=2)
"""The default scope of the atomic protocol; without ``together`` a search is six times as long."""

SHIPPED = (
    Subject('redis', ATOMIC, fakeredis_world, SHIPPED_SCOPE, honest=True, idea='the shipped Lua scripts', alike=True),
    Subject('memory', ATOMIC, memory_world, SHIPPED_SCOPE, honest=True, idea='the store in memory', alike=True),
    Subject(
        PLAIN.name,
        PLAIN.steps,
        plain_world,
        # Its named limit: a release that pauses past the expiry can free another holder's slot.
        Scope(clients=3, max_size=2, pauses=False),
        honest=PLAIN.honest,
        idea=PLAIN.idea,
    ),
)

SUBJECTS: Mapping[str, Subject] = {
    each.name: each
    for each in (
        *SHIPPED,
        *(
            Subject(
                each.name,
                each.protocol,
                KeyValueWorld,
                Scope(each.clients, each.max_size, each.rounds, each.faults, kinds=each.kinds, between=0),
                honest=each.honest,
                idea=each.idea,
            )
            for each in BROKEN
        ),
    )
}


def subject(name: str) -> Subject:
    """Return the protocol or limit with this name, or your own one at ``MODULE:NAME``.

    Raises:
        ValueError: there is none; the message lists the known names.
    """
    if is_outside(name):
        return load_subject(name)
    known = {**SUBJECTS, **LIMITS}
    if name not in known:
        raise ValueError(f'there is no protocol {name!r}: choose {", ".join(known)}, or your own as MODULE:NAME')
    return known[name]
