"""Protocols that can be explored, by name, each with the scope for which it makes its promise."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from py_cachify.protocols import ATOMIC, INDEXED, SlotProtocol
from simulations.broken import BROKEN
from simulations.exploring.moves import FAULTS
from simulations.exploring.worlds import KeyValueWorld, World, fakeredis_world, memory_world, plain_world


class Scope(NamedTuple):
    """How much is searched.

    Attributes:
        clients: how many.
        max_size: slots of the pool.
        rounds: how often each client acquires and releases.
        faults: how many may happen in one schedule.
        slot_exp: life of a slot in seconds of virtual time, a whole number.
        kinds: which faults may happen.
        pauses: whether time may pass while an operation is under way: a client that stands still between two commands.
    """

    clients: int = 3
    max_size: int = 2
    rounds: int = 1
    faults: int = 1
    slot_exp: int = 10
    kinds: tuple[str, ...] = FAULTS
    pauses: bool = True


class Subject(NamedTuple):
    """A protocol, the store it runs on, and what it promises.

    Attributes:
        name: by which the command line knows it.
        protocol: its steps.
        world: makes its store.
        scope: what is searched where nothing else is said.
        honest: whether it promises that a refusal was due.
        idea: what it does, or what is wrong with it, in a sentence.
    """

    name: str
    protocol: SlotProtocol
    world: Callable[[], World]
    scope: Scope
    honest: bool
    idea: str


SHIPPED = (
    Subject('redis', ATOMIC, fakeredis_world, Scope(faults=2), honest=True, idea='the shipped Lua scripts'),
    Subject('memory', ATOMIC, memory_world, Scope(faults=2), honest=True, idea='the store in memory'),
    Subject(
        'nx',
        INDEXED,
        plain_world,
        # Its named limit: a release that is paused past the expiry, between look and deletion, may free another's slot.
        Scope(clients=3, max_size=2, pauses=False),
        honest=False,
        idea='the plain contract: get, set if not exists, delete',
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
                Scope(each.clients, each.max_size, each.rounds, each.faults, kinds=each.kinds),
                honest=each.honest,
                idea=each.idea,
            )
            for each in BROKEN
        ),
    )
}


def subject(name: str) -> Subject:
    """The protocol of this name.  Raises ``ValueError`` that lists those there are."""
    if name not in SUBJECTS:
        raise ValueError(f'there is no protocol {name!r}: choose {", ".join(SUBJECTS)}')
    return SUBJECTS[name]
