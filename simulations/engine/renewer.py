"""Renew slots in a run whose commands take no time.

It makes the library's decisions (:mod:`py_cachify.renewals`) for all holders together, as if they
were in one process.
"""

import math
from typing import Any

from py_cachify.backends.base import Backend
from py_cachify.drivers import run
from py_cachify.protocols import Lease
from py_cachify.renewals import Renewals
from simulations.engine.timers import After, Clock
from simulations.judging.model import Model


class Renewer:
    """The renewer of a run.

    Args:
        env: virtual time.
        backend: the store.
        model: receives the answers of the store.
        prefix: the prefix of the keys in the store.
        slot_exp: the life of a slot in seconds.
        renew_for: for how many seconds a slot is renewed; ``None`` for as long as its body runs.
    """

    def __init__(
        self, env: Clock, backend: Backend, model: Model, prefix: str, slot_exp: float, renew_for: float | None
    ) -> None:
        self._env = env
        self._backend = backend
        self._model = model
        self._prefix = prefix
        self._life = slot_exp
        self._renew_for = renew_for
        self._renewals: Renewals[Any, int] = Renewals()
        self._wakes_at = math.inf

    def add(self, lease: Lease, job: int, pool: Any) -> None:
        """Renew the slot of a job from now on."""
        now = self._env.now
        self._renewals.add(pool, lease.token, job, life=self._life, renew_for=self._renew_for, now=now)
        self._wake()

    def discard(self, lease: Lease, pool: Any) -> None:
        """Renew the slot of a job no longer."""
        self._renewals.discard(pool, lease.token)

    def _wake(self) -> None:
        due = self._renewals.next_due()
        if due < self._wakes_at:
            self._wakes_at = due
            After(self._env, max(0.0, due - self._env.now), lambda _: self._cycle(due))

    def _cycle(self, due: float) -> None:
        if due != self._wakes_at:
            return
        self._wakes_at = math.inf
        renew = self._backend.protocol.renew
        # The sum of an instant and a pause may be just below what it was to be.
        for pool, members in self._renewals.due(max(due, self._env.now)):
            if renew is None:
                continue
            renewals = tuple((token, member.life) for token, member in members.items())
            there = run(renew(self._prefix + pool.key, renewals), self._backend.perform)
            for member, is_there in zip(members.values(), there, strict=True):
                self._model.renewed(self._env.now, member.slot, pool, is_there)
            self._renewals.answered(pool)
        self._wake()
