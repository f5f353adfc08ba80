"""What is searched: of which protocol, and how much of it."""

from collections.abc import Callable
from typing import NamedTuple

from py_cachify.protocols import SlotProtocol
from simulations.exploring.moves import FAULTS
from simulations.exploring.worlds import World


class Scope(NamedTuple):
    """How much is searched.

    Attributes:
        clients: how many.
        max_size: slots of the pool.
        rounds: how often each client acquires and releases.
        faults: how many may happen in one schedule.
        slot_exp: life of a slot in seconds of virtual time, a whole number; ``None`` for ever.
        kinds: which faults may happen.
        pauses: whether time may pass while an operation is under way: a client that stands still between two commands.
    """

    clients: int = 3
    max_size: int = 2
    rounds: int = 1
    faults: int = 1
    slot_exp: int | None = 10
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
        bodies: whether it promises that no more than ``max_size`` bodies run at once, those that outlive their slot
            included.
    """

    name: str
    protocol: SlotProtocol
    world: Callable[[], World]
    scope: Scope
    honest: bool
    idea: str
    bodies: bool = False
