"""Redis and Valkey: each command is one script, in one round trip.

The backends work with every client whose ``evalsha`` and ``eval`` are like those of ``redis``.  The
server must replicate the effects of a script instead of its text: Redis 5.0 or later, any Valkey.
A user of an access list needs ``EVAL`` and ``EVALSHA`` and the commands that the scripts call:
``TIME``, ``ZREMRANGEBYSCORE``, ``ZSCORE``, ``ZCARD``, ``ZADD``, ``ZREM``, ``ZREVRANK``,
``ZREVRANGE``, ``PEXPIREAT``, ``PERSIST``.

The clock is the server's, so the clients' clocks do not matter.  A failover to a replica that
missed the last writes forgets those slots, and their places are granted again.  This is a limit of
the server's replication.
"""

import functools
import hashlib
import pkgutil
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Never, TypeVar

from py_cachify.backends.atomic import AsyncAtomicBackend, AtomicBackend


R = TypeVar('R')


class Script(NamedTuple):
    """A script's text, and the digest under which the server stores it."""

    text: bytes
    digest: bytes


@functools.cache
def load_script(name: str, clock: str = 'server_clock') -> Script:
    """Return a script of this package, preceded by the script ``clock``, which reads the time."""
    text = _read(clock) + b'\n' + _read(name)
    return Script(text, hashlib.sha1(text, usedforsecurity=False).hexdigest().encode())


def _read(name: str) -> bytes:
    data = pkgutil.get_data(__package__, f'lua/{name}.lua')
    if data is None:
        raise FileNotFoundError(f'lua/{name}.lua is missing from the installation of py_cachify: install it again')
    return data


class _Scripts:
    """The common part of the sync and the async backend: a client, the scripts, and the clock."""

    def __init__(self, client: Any, clock: Callable[[], float] | None = None) -> None:
        """Load the scripts.

        ``clock`` is for simulations only: it returns virtual time in seconds, used instead of the
        server's.
        """
        self._client = client
        self._clock = clock
        head = 'server_clock' if clock is None else 'virtual_clock'
        self._acquire, self._release, self._size = (load_script(name, head) for name in ('acquire', 'release', 'size'))

    def _now(self) -> tuple[bytes, ...]:
        return () if self._clock is None else (repr(float(self._clock())).encode(),)


# All arguments are bytes, because the client takes longer to convert them.


class RedisBackend(_Scripts, AtomicBackend):
    """Performs commands on a synchronous client."""

    def take_slot(self, key: str, token: str, max_size: int, slot_exp: float | None) -> bool:
        return self._ask(self._acquire, key.encode(), token.encode(), *_limits(max_size, slot_exp)) > 0

    def drop_slot(self, key: str, token: str) -> bool:
        return self._ask(self._release, key.encode(), token.encode()) > 0

    def count_slots(self, key: str) -> int:
        return self._ask(self._size, key.encode())

    def remaining(self, key: str) -> list[float]:
        # Only notebooks use this, so the server does not need to keep the script.
        script = load_script('remaining', 'server_clock' if self._clock is None else 'virtual_clock')
        answer = self._client.eval(script.text, 1, key.encode(), *self._now())
        return [float(seconds) for seconds in answer]

    def _ask(self, script: Script, *arguments: bytes) -> int:
        if self._clock is not None:
            arguments += self._now()
        try:
            answer = self._client.evalsha(script.digest, 1, *arguments)
        except Exception as error:
            if not _script_is_unknown(error):
                raise
            answer = self._client.eval(script.text, 1, *arguments)
        return answer if isinstance(answer, int) else _refuse_answer(answer)


class AsyncRedisBackend(_Scripts, AsyncAtomicBackend):
    """Performs commands on an asynchronous client."""

    def take_slot(self, key: str, token: str, max_size: int, slot_exp: float | None) -> Awaitable[bool]:
        return self._ask(_truth, self._acquire, key.encode(), token.encode(), *_limits(max_size, slot_exp))

    def drop_slot(self, key: str, token: str) -> Awaitable[bool]:
        return self._ask(_truth, self._release, key.encode(), token.encode())

    def count_slots(self, key: str) -> Awaitable[int]:
        return self._ask(int, self._size, key.encode())

    async def _ask(self, reply: Callable[[int], R], script: Script, *arguments: bytes) -> R:
        if self._clock is not None:
            arguments += self._now()
        try:
            answer = await self._client.evalsha(script.digest, 1, *arguments)
        except Exception as error:
            if not _script_is_unknown(error):
                raise
            answer = await self._client.eval(script.text, 1, *arguments)
        return reply(answer if isinstance(answer, int) else _refuse_answer(answer))


@functools.lru_cache
def _limits(max_size: int, slot_exp: float | None) -> tuple[bytes, bytes]:
    life = '' if slot_exp is None else repr(float(slot_exp))
    return str(int(max_size)).encode(), life.encode()


_truth = (0).__lt__
"""Return whether a number is more than zero."""


def _refuse_answer(answer: Any) -> Never:
    # A pipeline, or an asynchronous client in a wrapper, returns an object that is merely true.
    kind = f'{type(answer).__module__}.{type(answer).__qualname__}'
    raise TypeError(
        f'the client answered a script with a {kind} instead of a number: pass the client itself, not a pipeline,'
        ' and pass an asynchronous client as async_client'
    )


def _script_is_unknown(error: Exception) -> bool:
    """Return whether the server ran nothing because it does not know the script.

    It forgets scripts when it restarts or flushes them.
    """
    # By name, because each client package has its own class, and none is imported here.
    return any(kind.__name__ == 'NoScriptError' for kind in type(error).__mro__)
