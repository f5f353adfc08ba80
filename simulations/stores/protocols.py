"""List the protocols that can replace that of the store in a simulation; all run in memory."""

from collections.abc import Mapping
from typing import NamedTuple

from py_cachify.protocols import INDEXED, SlotProtocol
from simulations.broken import BROKEN
from simulations.broken.counter import COUNTER


class Protocol(NamedTuple):
    """A protocol and its claims.

    Attributes:
        name: its name on the command line.
        steps: its commands.
        honest: whether it claims to refuse only if the pool is full.
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
        # A mere counter does not show who holds a slot, so it cannot be judged. A simulated store
        # carries out every command at once, and its clients renew no slots.
        *(
            Protocol(each.name, each.protocol, each.honest, each.idea)
            for each in BROKEN
            if each is not COUNTER and not each.blocks and not each.renewals
        ),
    )
}
