"""The description of a broken protocol."""

from typing import NamedTuple

from py_cachify.protocols import SlotProtocol


class Broken(NamedTuple):
    """A protocol that does not keep its promise.

    Attributes:
        name: its name on the command line.
        protocol: its steps.
        idea: what is wrong with it, in a sentence.
        clients, max_size, rounds, faults, kinds: the smallest scope that shows it, and the faults
            it needs.
        honest: whether it claims that refusals are honest; a protocol that refuses when it finds a
            lock cannot.
        timeouts: how many waiters give up in that scope because their time is up.
        fair: whether it claims to serve its waiters in the order in which they came.
        blocks: whether its clients wait within a command until the store can carry it out.
        renewals: how often each client renews its slot before it releases it.
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
    timeouts: int = 0
    fair: bool = False
    blocks: bool = False
    renewals: int = 0
