"""What a broken protocol says of itself."""

from typing import NamedTuple

from py_cachify.protocols import SlotProtocol


class Broken(NamedTuple):
    """A protocol that does not keep its promise.

    Attributes:
        name: by which the command line knows it.
        protocol: its steps.
        idea: what is wrong with it, in a sentence.
        clients, max_size, rounds, faults, kinds: the smallest scope in which that shows, and the faults that it takes.
        honest: whether it claims that a refusal was due, as one that refuses where it finds a lock cannot.
    """

    name: str
    protocol: SlotProtocol
    idea: str
    clients: int = 2
    max_size: int = 1
    rounds: int = 1
    faults: int = 0
    kinds: tuple[str, ...] = ()
    honest: bool = True
