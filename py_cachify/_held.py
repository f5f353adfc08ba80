"""A slot that this process has taken: how to give it back, and how long it still lives."""

import math
import os
from enum import Enum
from typing import Any, Generic, TypeVar

from py_cachify._attempts import UNHEARD, Attempt
from py_cachify._spec import SlotSpec
from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.errors import CachifySlotLostError
from py_cachify.protocols import Lease


B = TypeVar('B', bound=Backend | AsyncBackend)


class State(Enum):
    """What became of a slot, as far as this process knows."""

    HELD = 'held'
    LEAVING = 'leaving'
    """Its release was requested, and may have failed."""
    RELEASED = 'released'
    LOST = 'lost'


HELD, LEAVING, RELEASED, LOST = State


class Watch:
    """What happens while a slot is held: it is renewed, or its loss is noticed."""

    def stop(self) -> None:
        """Renew it no longer, and say nothing about its loss."""
        raise NotImplementedError

    def notice_loss(self) -> None:
        """Let happen what ``on_lost`` says, the first time that this is called."""
        raise NotImplementedError


class Held(Generic[B]):
    """A slot that this process has taken, and where to give it back.

    Attributes:
        lease: its place in the store, and its token.
        spec: the arguments of the acquire.
        backend: where it is given back.
        since: an instant before the grant, in seconds by ``backend.now()``.
        pid: the id of this process.
        renewed: an instant before its last renewal; ``None`` if there was none.
        state: what became of it.
        has_ended: whether it was given back after it had been lost.
        was_gone: whether the store no longer had it before it expired.
        watch: what happens while it is held; ``None`` if nothing does.
        attempt: who is told what happens to it.
        releases: how many threads or tasks have begun to give it back.
        fence_drawn: its fencing token; ``None`` if it has none.
    """

    # Those that each slot sets; a pool in memory notices the time of a dictionary.
    __slots__ = ('__dict__', '__weakref__', 'backend', 'lease', 'pid', 'releases', 'since', 'spec', 'state')

    lease: Lease
    spec: SlotSpec
    backend: B
    since: float
    pid: int
    state: State
    releases: int

    # On the class, because most slots never change them.
    renewed: float | None = None
    has_ended = False
    was_gone = False
    watch: Watch | None = None
    attempt: Attempt = UNHEARD
    fence_drawn: int | None = None

    def expires(self) -> float:
        """Return when it has expired at the latest, by the clock of this process.

        The store may keep it a little longer, because it counts its life from the grant.
        """
        life = self.spec.slot_exp
        if life is None:
            return math.inf
        return (self.since if self.renewed is None else self.renewed) + life

    def is_lost(self) -> bool:
        """Return whether it was lost while it was held; once lost, it stays so."""
        if self.state is HELD and self.backend.now() >= self.expires():
            self.state = LOST
        return self.state is LOST

    def has_left(self) -> bool:
        """Return whether it was given back: nothing is left to do at the end of its body."""
        return self.state is RELEASED or self.has_ended

    def is_open(self) -> bool:
        """Return whether its body has not ended."""
        return self.state is HELD or (self.state is LOST and not self.has_ended)

    def note_renewal(self, asked: float, there: bool) -> bool:
        """Note the reply to a renewal that was requested at ``asked``; return whether it is held.

        A reply that comes after the end of its life is too late: somebody may know of its loss.
        """
        if self.state is not HELD or self.is_lost():
            return False
        if not there:
            self.state, self.was_gone = LOST, True
            return False
        # The reply to an earlier request, of another thread, may come later.
        self.renewed = asked if self.renewed is None else max(asked, self.renewed)
        return True

    def is_renewable(self) -> bool:
        """Return whether it may be renewed: its life has not ended, nor its release begun."""
        return self.state is HELD and not self.is_lost()

    def is_of_this_process(self) -> bool:
        """Return whether this process took it, and not the one that it was forked from."""
        return self.pid == os.getpid()

    def lost_error(self) -> CachifySlotLostError:
        """Return the error that says that it was lost."""
        return CachifySlotLostError(self.spec.name, self.lease.token, self.loss_reason())

    def loss_reason(self) -> str:
        """Return in words why it was lost, and what to do."""
        if self.was_gone:
            return 'the store no longer has it: somebody gave it back by its token, or the store lost its data'
        how = 'was not renewed in time' if self.spec.options.renews else 'is not renewed'
        return f'it expired, because it lives {self.spec.slot_exp:g} s and {how}: use renew_for, or a longer slot_exp'


SyncHeld = Held[Backend]
AsyncHeld = Held[Any]
