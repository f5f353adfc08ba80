"""What is changed, and what is said of it."""

from typing import NamedTuple

from simulations.exploring import Scope


FOR_EVER = Scope(clients=2, max_size=1, slot_exp=None)
"""Where slots do not expire."""


class Mutant(NamedTuple):
    """One decision taken out of the shipped code, which the explorer finds out.

    Attributes:
        title: what is changed, in words.
        file: where, below ``py_cachify``.
        old: the text there, which occurs once.
        new: what stands in its place.
        subject: the protocol that is explored.
        reason: what the explorer says of it.
        scope: what is searched; by default the protocol's own scope.
    """

    title: str
    file: str
    old: str
    new: str
    subject: str
    reason: str
    scope: Scope | None = None


class Beyond(NamedTuple):
    """A decision that no schedule shows to be missing.

    Attributes:
        title, file, old, new, subject: as of a mutant.
        why: why the explorer cannot see it.
        test: which test does, below ``tests``.
    """

    title: str
    file: str
    old: str
    new: str
    subject: str
    why: str
    test: str
