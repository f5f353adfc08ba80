"""How slots can be taken in a simulation, where it is not the store's own way; all of these run in memory."""

from collections.abc import Mapping
from typing import NamedTuple

from py_cachify.protocols import INDEXED, SlotProtocol
from simulations.broken import BROKEN
from simulations.broken.counter import COUNTER


class Protocol(NamedTuple):
    """A protocol, and what it claims.

    Attributes:
        name: by which the command line knows it.
        steps: what it does, command by command.
        honest: whether it claims to refuse only where the pool was full.
        idea: what it does, or what is wrong with it, in a sentence.
    """

    name: str
    steps: SlotProtocol
    honest: bool
    idea: str


PLAIN = Protocol('nx', INDEXED, honest=False, idea='the plain contract: get, set if not exists, delete')

PROTOCOLS: Mapping[str, Protocol] = {
    each.name: each
    for each in (
        PLAIN,
        # A mere counter does not show who holds a slot, so that nobody could judge it.
        *(Protocol(each.name, each.protocol, each.honest, each.idea) for each in BROKEN if each is not COUNTER),
    )
}
