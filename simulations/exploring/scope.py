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
    """

    name: str
    protocol: SlotProtocol
    world: Callable[[], World]
    scope: Scope
    honest: bool
    idea: str
    bodies: bool = False
    alike: bool = False
