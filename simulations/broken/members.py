"""Release and count for pools that keep their holders in one set. This part is correct."""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease
from simulations.broken.commands import Count, Drop, DropExpired


def release_member(lease: Lease) -> Steps[bool]:
    """Drop what has expired, then the holder; return whether it was still there."""
    yield from DropExpired(lease.name)
    return (yield from Drop(lease.name, lease.token))


def count_members(key: str, max_size: int) -> Steps[int]:  # noqa: ARG001 - every holder counts
    """Drop what has expired, then count."""
    yield from DropExpired(key)
    return (yield from Count(key))
