"""Pools that look right and are not, one idea in each file.

``pool-sim explore NAME`` catches each of them and draws the shortest schedule that goes wrong.
"""

from simulations.broken.base import Broken
from simulations.broken.blind_release import BLIND_RELEASE
from simulations.broken.check_then_add import CHECK_THEN_ADD
from simulations.broken.client_clock import CLIENT_CLOCK
from simulations.broken.counter import COUNTER
from simulations.broken.delete_by_index import DELETE_BY_INDEX
from simulations.broken.no_tombstone import NO_TOMBSTONE
from simulations.broken.retried_acquire import RETRIED_ACQUIRE
from simulations.broken.short_lock import SHORT_LOCK


BROKEN: tuple[Broken, ...] = (
    CHECK_THEN_ADD,
    BLIND_RELEASE,
    SHORT_LOCK,
    CLIENT_CLOCK,
    COUNTER,
    DELETE_BY_INDEX,
    RETRIED_ACQUIRE,
    NO_TOMBSTONE,
)

__all__ = ['BROKEN', 'Broken']
