"""Named limits of the shipped protocols: what they do not promise, searched as if they did.

A search for a limit ends with the shortest schedule that shows it. If nothing is found, the limit
is gone.
"""

from collections.abc import Mapping

from py_cachify.protocols import ATOMIC, INDEXED
from simulations.exploring.moves import FORGET, LATE, REPEAT
from simulations.exploring.scope import AN_HOUR, Scope, Subject
from simulations.exploring.worlds import fakeredis_world, plain_world


LIMITS: Mapping[str, Subject] = {
    each.name: each
    for each in (
        Subject(
            'nx-spurious-refusal',
            INDEXED,
            plain_world,
            Scope(clients=3, max_size=2, faults=0, pauses=False),
            honest=True,
            idea='during a scan of the names, one becomes free behind the scan and another is taken ahead of it',
        ),
        Subject(
            'nx-paused-release',
            INDEXED,
            plain_world,
            Scope(clients=2, max_size=1, faults=0),
            honest=False,
            idea="a release that pauses past the expiry, between check and deletion, frees another holder's slot",
        ),
        Subject(
            'nx-repeated-request',
            INDEXED,
            plain_world,
            Scope(clients=1, max_size=1, faults=1, kinds=(REPEAT,)),
            honest=True,
            idea='the client library repeats a request; the second reply is false because the first had set the name',
        ),
        Subject(
            'nx-late-request',
            INDEXED,
            plain_world,
            Scope(clients=1, max_size=1, faults=1, kinds=(LATE,), pauses=False),
            honest=False,
            idea='an acquire that arrives after its own undo takes a name that nobody deletes until it expires',
        ),
        Subject(
            'redis-late-by-hours',
            ATOMIC,
            fakeredis_world,
            Scope(clients=2, max_size=1, faults=1, slot_exp=4000, kinds=(LATE,), late_by=2 * AN_HOUR),
            honest=True,
            idea='an acquire arrives after the tombstone of its undo has expired, more than an hour late',
        ),
        Subject(
            'redis-forgets',
            ATOMIC,
            fakeredis_world,
            Scope(clients=2, max_size=1, faults=1, kinds=(FORGET,)),
            honest=True,
            idea='a server restarts without its data, or fails over to a replica without the last writes',
        ),
        Subject(
            'redis-outlived-slot',
            ATOMIC,
            fakeredis_world,
            Scope(clients=2, max_size=1, faults=0),
            honest=True,
            idea='a body that outlives its slot runs on while the next holder has that slot',
            bodies=True,
        ),
    )
}
