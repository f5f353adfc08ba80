"""Pools that look right and are not, one idea in each file.

``pool-sim explore NAME`` catches each of them and draws the shortest schedule that goes wrong.
"""

from simulations.broken.base import Broken
from simulations.broken.blind_release import BLIND_RELEASE
from simulations.broken.check_then_add import CHECK_THEN_ADD
from simulations.broken.client_clock import CLIENT_CLOCK
from simulations.broken.counter import COUNTER
from simulations.broken.dead_head import DEAD_HEAD
from simulations.broken.delete_by_index import DELETE_BY_INDEX
from simulations.broken.lost_token import LOST_TOKEN
from simulations.broken.missed_signal import MISSED_SIGNAL
from simulations.broken.no_tombstone import NO_TOMBSTONE
from simulations.broken.renewed_after_release import RENEWED_AFTER_RELEASE
from simulations.broken.retried_acquire import RETRIED_ACQUIRE
from simulations.broken.revived_slot import REVIVED_SLOT
from simulations.broken.short_lock import SHORT_LOCK
from simulations.broken.swallowed_signal import SWALLOWED_SIGNAL
from simulations.broken.wake_all import WAKE_ALL


BROKEN: tuple[Broken, ...] = (
    CHECK_THEN_ADD,
    BLIND_RELEASE,
    SHORT_LOCK,
    CLIENT_CLOCK,
    COUNTER,
    DELETE_BY_INDEX,
    RETRIED_ACQUIRE,
    NO_TOMBSTONE,
    REVIVED_SLOT,
    RENEWED_AFTER_RELEASE,
    LOST_TOKEN,
    MISSED_SIGNAL,
    SWALLOWED_SIGNAL,
    DEAD_HEAD,
    WAKE_ALL,
)

__all__ = ['BROKEN', 'Broken']
