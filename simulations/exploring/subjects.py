"""The protocols to explore, by name, each with the scope in which it keeps its promise."""

from collections.abc import Mapping

from py_cachify.protocols import ATOMIC
from simulations.broken import BROKEN
from simulations.exploring.limits import LIMITS
from simulations.exploring.moves import CRASH, FAULTS, LATE_FAULTS, LOSE_REPLY, LOSE_REQUEST, REPEAT
from simulations.exploring.outside import is_outside, load_subject
from simulations.exploring.scope import Scope, Subject, Waits
from simulations.exploring.worlds import (
    BlockingWorld,
    KeyValueWorld,
    bounded_world,
    fakeredis_world,
    memory_world,
    plain_world,
)
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

_ONE_SLOT = Scope(
    clients=3, max_size=1, faults=1, kinds=(*FAULTS, *LATE_FAULTS), between=0, late_by=20.0, timeouts=1, silences=1
)
"""One slot, because a queue needs a full pool; late requests that arrive after a deadline too."""
_ANSWERED = (CRASH, LOSE_REQUEST, LOSE_REPLY, REPEAT)

WAITING = tuple(
    Subject(name, ATOMIC, world, scope, honest=True, idea=idea, alike=True, waits=waits)
    for name, world, scope, waits, idea in (
        ('redis-wait', fakeredis_world, _ONE_SLOT, Waits(), 'waiters, each in a process of its own'),
        (
            'redis-wait-together',
            fakeredis_world,
            _ONE_SLOT,
            Waits(together=True),
            'waiters in one process, which hands slots over directly',
        ),
        (
            'redis-wait-mixed',
            fakeredis_world,
            _ONE_SLOT._replace(kinds=(CRASH, LOSE_REQUEST, LOSE_REPLY)),
            Waits(impatient=1, max_waiting=1),
            'waiters, of which one may wait, and a client that does not',
        ),
        (
            'redis-wait-sizes',
            fakeredis_world,
            _ONE_SLOT._replace(max_size=2, kinds=(CRASH, LOSE_REPLY)),
            Waits(sizes=(2, 1, 2)),
            'waiters with a different max_size',
        ),
        (
            'redis-wait-bounded',
            bounded_world,
            _ONE_SLOT._replace(clients=4, max_size=2, faults=0, timeouts=0),
            Waits(bounded=True),
            'waiters of whom one request serves one at most',
        ),
        (
            'memory-wait',
            memory_world,
            _ONE_SLOT._replace(kinds=_ANSWERED, faults=2),
            Waits(together=True, claims=False, cleans=True),
            'waiters in memory',
        ),
    )
)

_REDIS, _MEMORY, _REDIS_WAIT, _MEMORY_WAIT = SHIPPED[0], SHIPPED[1], WAITING[0], WAITING[-1]

HOLDING = tuple(
    base._replace(
        name=f'{base.name}-{"fence" if scope.fences else "renew"}',
        scope=scope,
        idea=f'{base.idea}; each client {"draws a fencing token" if scope.fences else "renews its slot once"}',
    )
    for base, scope in (
        (_REDIS, SHIPPED_SCOPE._replace(renewals=1)),
        (_MEMORY, SHIPPED_SCOPE._replace(renewals=1)),
        # With one slot, fencing tokens follow the grants.
        (_REDIS, SHIPPED_SCOPE._replace(max_size=1, fences=True)),
        (_MEMORY, SHIPPED_SCOPE._replace(max_size=1, fences=True)),
        (_REDIS_WAIT, _ONE_SLOT._replace(clients=2, between=1, renewals=1)),
        (_MEMORY_WAIT, _MEMORY_WAIT.scope._replace(between=1, together=2, timeouts=0, renewals=1)),
        (_REDIS_WAIT, _ONE_SLOT._replace(kinds=(CRASH, LOSE_REPLY), timeouts=0, fences=True)),
        # Memory loses no request. If it did, twice, a ticket would stay until the next release.
        (_MEMORY_WAIT, _MEMORY_WAIT.scope._replace(kinds=(CRASH, LOSE_REPLY, REPEAT), fences=True)),
    )
)

SUBJECTS: Mapping[str, Subject] = {
    each.name: each
    for each in (
        *SHIPPED,
        *WAITING,
        *HOLDING,
        *(
            Subject(
                each.name,
                each.protocol,
                BlockingWorld if each.blocks else KeyValueWorld,
                Scope(
                    each.clients,
                    each.max_size,
                    each.rounds,
                    each.faults,
                    kinds=each.kinds,
                    between=0,
                    timeouts=each.timeouts,
                    renewals=each.renewals,
                ),
                honest=each.honest,
                idea=each.idea,
                fair=each.fair,
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
