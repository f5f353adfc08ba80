"""The description of a mutant."""

from typing import NamedTuple

from simulations.exploring import Scope


FOR_EVER = Scope(clients=2, max_size=1, slot_exp=None)
"""A scope in which slots never expire."""

LATE = Scope(clients=2, max_size=1, slot_exp=None, kinds=('late',))
"""A scope in which slots never expire and a request can arrive after its own undo."""

OVERTAKEN = Scope(clients=1, max_size=2, kinds=('overtaken',))
"""A scope in which a request can arrive after the client library sent it again."""


class Mutant(NamedTuple):
    """One changed decision of the shipped code, which the explorer must catch.

    Attributes:
        title: the change, in words.
        file: the file below ``py_cachify``.
        old: the old text, which occurs once.
        new: the new text.
        subject: the explored protocol.
        reason: the reason that the explorer must give.
        scope: what to search; by default the protocol's own scope.
    """

    title: str
    file: str
    old: str
    new: str
    subject: str
    reason: str
    scope: Scope | None = None


class Beyond(NamedTuple):
    """A changed decision that no schedule can show.

    Attributes:
        title, file, old, new, subject: as for a mutant.
        why: why the explorer cannot see it.
        test: the test that catches it, below ``tests``.
    """

    title: str
    file: str
    old: str
    new: str
    subject: str
    why: str
    test: str
