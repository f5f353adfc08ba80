"""What to search: which protocol, and how much of it."""

from collections.abc import Callable
from typing import NamedTuple

from py_cachify.protocols import SlotProtocol
from simulations.exploring.moves import FAULTS
from simulations.exploring.worlds import World


AN_HOUR = 3600.0


class Scope(NamedTuple):
    """How much to search.

    Attributes:
        clients: the number of clients.
        max_size: the slots of the pool.
        rounds: how often each client acquires and releases.
        faults: the largest number of faults in one schedule.
        slot_exp: the life of a slot in whole seconds of virtual time; ``None`` for slots that never
            expire.
        kinds: the faults that can happen.
        pauses: whether time can pass during an operation, as for a client that pauses between two
            commands.
        between: how often time can stop between two expiries, half-way or just before one, in one
            schedule. It can always pass to the next expiry.
        late_by: the seconds after which a late request no longer arrives.
        together: the largest number of faults and of stops between two expiries in one schedule,
            counted together; ``None`` for no such limit.
        timeouts: how many waiters can give up in one schedule because their time is up.
        silences: how often in one schedule a waiter can be silent for so long that it loses its
            claim or its place.
        renewals: how often each client renews its slot before it releases it.
        fences: whether each client draws a fencing token as the last part of its acquire.
    """

    clients: int = 3
    max_size: int = 2
    rounds: int = 1
    faults: int = 1
    slot_exp: int | None = 10
    kinds: tuple[str, ...] = FAULTS
    pauses: bool = True
    between: int = 1
    late_by: float = AN_HOUR
    together: int | None = None
    timeouts: int = 0
    silences: int = 1
    renewals: int = 0
    fences: bool = False


class Waits(NamedTuple):
    """How the clients of a subject wait for a slot.

    Attributes:
        together: whether all clients are threads of one process; otherwise each is a process of its
            own.
        impatient: how many clients do not wait: the last ones.
        sizes: the ``max_size`` of each client; by default all have that of the scope, which must
            be the largest.
        max_waiting: how many others may wait already; ``None`` for any number.
        claims: whether a waiter gets only a claim if another process gave it the slot.
        cleans: whether a crash in an acquire stands for an abandoned coroutine, whose ticket its
            process removes at once.
        bounded: whether one request gives a slot to one waiter at most.
    """

    together: bool = False
    impatient: int = 0
    sizes: tuple[int, ...] = ()
    max_waiting: int | None = None
    claims: bool = True
    cleans: bool = False
    bounded: bool = False


class Subject(NamedTuple):
    """A protocol, the store it runs on, and what it promises.

    Attributes:
        name: its name on the command line.
        protocol: its steps.
        world: a function that creates its store.
        scope: the scope that is searched by default.
        honest: whether it promises that the pool was full at some instant of each refused acquire.
        idea: what it does, or what is wrong with it, in a sentence.
        bodies: whether it promises that no more than ``max_size`` bodies run at the same time,
            including those that outlive their slot.
        alike: whether it treats all tokens alike, as a protocol does that only compares them. Then
            it does not matter which of the clients that have not begun is the next one to begin,
            and the search lets them begin in order.
        waits: how its clients wait for a slot; ``None`` if they do not.
        fair: whether it promises to serve those that wait within a command in the order in which
            they came. An acquire must take its slot by its last command.
    """

    name: str
    protocol: SlotProtocol
    world: Callable[[], World]
    scope: Scope
    honest: bool
    idea: str
    bodies: bool = False
    alike: bool = False
    waits: Waits | None = None
    fair: bool = False
