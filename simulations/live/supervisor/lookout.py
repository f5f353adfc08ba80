"""The lookout: queries the server while workers use it.

It calls ``pool.size()``, as any user may, and reads the sorted set that holds a pool's slots: whose
slots are in it (a token names its process), and when they expire by the server's clock.  So it sees
how many slots are taken, and when the slots of dead holders are freed.
"""

import math
import threading
import time
from contextlib import suppress
from typing import Any, NamedTuple

from py_cachify import init_cachify
from py_cachify.backends.pool_keys import is_derived
from py_cachify.commands import CLAIM
from py_cachify.tokens import read_token
from simulations.live.clients import is_documented
from simulations.live.plan import NANO


INTERVAL = 0.005
"""Seconds between two looks at the server."""
_PAUSE_AFTER_ERROR = 0.05
_FORGET = 1.0002
_COMPARED = 30
_FOR_EVER = -1


class Look(NamedTuple):
    """The occupancy of a pool at some instant between ``began`` and ``ended``, in nanoseconds."""

    began: int
    ended: int
    key: str
    size: int


class Seen(NamedTuple):
    """A slot that was freed.

    Attributes:
        pid: the process that had taken it.
        expiry: when it expires by the clock of the lookout, in nanoseconds; infinite if never.
        last_seen: when the last look that saw it began, in nanoseconds.
        gone: when the first look that no longer saw it ended, in nanoseconds.
    """

    pid: int
    expiry: float
    last_seen: int
    gone: int


class _There(NamedTuple):
    score: float
    last_seen: int


class Lookout:
    """Looks at the server repeatedly, in a separate thread.

    Args:
        client: a client of the server.
        prefix: the prefix of the keys of this run.
        key: the key of the only pool in the store; ``None`` for all pools with the prefix.
        max_size: slots of a pool.
        slot_exp: the life of a slot in wall-clock seconds; ``None`` if slots never expire.

    Attributes:
        looks: all looks.
        seen: the slots that were taken and freed.
        failed: how many looks the server did not answer, or answered with an error.
        errors: the errors that it answered, each with its instant.
        for_ever: the keys without an expiry, each with the instant at which this was first seen;
            such a key is right only if slots do not expire.
        peak: the largest occupancy.
        slow_claims: when a look saw a slot that had been kept for a waiter for more than half of
            the time for which one is kept; in nanoseconds.
        renewals: how often a look saw that a slot expires later than it did at the look before.
    """

    def __init__(self, client: Any, prefix: str, key: str | None, max_size: int, slot_exp: float | None = None) -> None:
        self._client, self._prefix, self._key, self._max_size = client, prefix, key, max_size
        self._cachify = init_cachify(client, prefix=prefix, is_global=False)
        self._claim = CLAIM if slot_exp is None else min(CLAIM, slot_exp)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._there: dict[str, dict[str, _There]] = {}
        self._ahead, self._best = 0.0, math.inf
        self.looks: list[Look] = []
        self.seen: list[Seen] = []
        self.failed = 0
        self.errors: list[tuple[int, Exception]] = []
        self.for_ever: dict[str, int] = {}
        self.peak = 0
        self.slow_claims: list[int] = []
        self.renewals = 0

    def start(self) -> None:
        """Compare the clocks, and start looking."""
        for _ in range(_COMPARED):
            asked = time.monotonic_ns()
            seconds, micros = self._client.time()
            self._compare_clocks(asked, seconds + micros / 1e6, time.monotonic_ns())
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Stop looking, and wait at most this many seconds for the thread."""
        self._over.set()
        self._thread.join(seconds)

    def pools(self) -> list[str]:
        """Return the keys of the pools that are in the store now, without the prefix."""
        names = self._client.scan_iter(f'{self._prefix}*', 1000)
        return sorted(name.decode()[len(self._prefix) :] for name in names if not is_derived(name))

    def queues(self) -> list[str]:
        """Return the keys in which waiters are queued now, without the prefix."""
        names = self._client.scan_iter(f'{self._prefix}*~queue~*', 1000)
        return sorted(name.decode()[len(self._prefix) :] for name in names if is_derived(name))

    def size(self, key: str) -> int:
        """Return how many slots of a pool are taken."""
        return self._cachify.pool(key, self._max_size).size()

    def _run(self) -> None:
        while not self._over.wait(INTERVAL):
            try:
                # A pool whose key is gone has no slots left; a pool that had slots must be seen
                # empty.
                for key in [self._key] if self._key is not None else {*self.pools(), *self._there}:
                    self._look(key)
            except Exception as error:
                self.failed += 1
                if not is_documented(error):
                    self.errors.append((time.monotonic_ns(), error))
                self._over.wait(_PAUSE_AFTER_ERROR)

    def _compare_clocks(self, asked: int, server_time: float, ended: int) -> None:
        """Measure by how much the server's clock is ahead, to within a quick round trip."""
        self._best *= _FORGET
        if ended - asked <= self._best:
            self._best = ended - asked
            self._ahead = server_time - (asked + ended) / 2 / NANO

    def _look(self, key: str) -> None:
        began = time.monotonic_ns()
        size = self.size(key)
        asked = time.monotonic_ns()
        pipeline = self._client.pipeline(transaction=False)
        pipeline.time()
        pipeline.zrange(self._prefix + key, 0, -1, withscores=True)
        pipeline.ttl(self._prefix + key)
        (seconds, micros), members, end = pipeline.execute()
        ended = time.monotonic_ns()
        self._compare_clocks(asked, seconds + micros / 1e6, ended)
        self.looks.append(Look(began, ended, key, size))
        self.peak = max(self.peak, size)
        if end == _FOR_EVER:
            self.for_ever.setdefault(key, ended)
        before, now = self._there.pop(key, {}), {}
        for name, score in members:
            if score <= seconds + micros / 1e6:
                # It has expired, and is counted no longer; the next acquire removes it.
                continue
            token = name.decode()
            if token.startswith('?'):
                # Kept for a waiter that has not been granted it yet.
                if score - (seconds + micros / 1e6) < self._claim / 2:
                    self.slow_claims.append(ended)
                continue
            known = before.pop(token, None)
            self.renewals += known is not None and score > known.score
            now[token] = _There(score, began)
        for token, there in before.items():
            with suppress(ValueError):
                expiry = (there.score - self._ahead) * NANO
                self.seen.append(Seen(_pid(token), expiry, there.last_seen, ended))
        if now:
            self._there[key] = now


def _pid(token: str) -> int:
    """Return the id of the process that took a slot; raise ``ValueError`` if it does not say."""
    read = read_token(token)
    if read is None or read.pid is None:
        raise ValueError(f'{token!r} is no token of this release, or does not name its process')
    return read.pid
