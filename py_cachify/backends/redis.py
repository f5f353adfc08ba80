"""Redis and Valkey: each command is one script, one round trip.

Works with every client that has ``evalsha`` and ``eval`` as ``redis`` has them.  Needs a server that
replicates the effects of a script rather than its text: Redis 5.0 or later, any Valkey.  A user of an
access list needs ``EVAL`` and ``EVALSHA`` and what the scripts call: ``TIME``, ``ZREMRANGEBYSCORE``,
``ZSCORE``, ``ZCARD``, ``ZADD``, ``ZREM``, ``ZREVRANK``, ``ZREVRANGE``, ``PEXPIREAT``, ``PERSIST``.

The clock is the server's, so clients' clocks do not matter.  A failover to a replica that missed the last
writes forgets those slots, and their places are given again: that is a limit of the server's replication.
"""

import functools
import hashlib
import pkgutil
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Never, TypeVar

from py_cachify.backends.atomic import AsyncAtomicBackend, AtomicBackend


R = TypeVar('R')


class Script(NamedTuple):
    """A script's text, and the digest by which the server knows it."""

    text: bytes
    digest: bytes


@functools.cache
def load_script(name: str, clock: str = 'server_clock') -> Script:
    """Read a script of this package, with the head that says what time it is."""
    text = _read(clock) + b'\n' + _read(name)
    return Script(text, hashlib.sha1(text, usedforsecurity=False).hexdigest().encode())


def _read(name: str) -> bytes:
    data = pkgutil.get_data(__package__, f'lua/{name}.lua')
    if data is None:
        raise FileNotFoundError(f'lua/{name}.lua is missing from the installation of py_cachify')
    return data


class _Scripts:
    """What the sync and the async backend share: a client, the scripts, and the clock."""

    def __init__(self, client: Any, clock: Callable[[], float] | None = None) -> None:
        """``clock`` is for simulations only: it gives virtual time in seconds in place of the server's."""
        self._client = client
        self._clock = clock
        head = 'server_clock' if clock is None else 'virtual_clock'
        self._acquire, self._release, self._size = (load_script(name, head) for name in ('acquire', 'release', 'size'))

    def _now(self) -> tuple[bytes, ...]:
        return () if self._clock is None else (repr(float(self._clock())).encode(),)


# All arguments are bytes, as the client takes longer to find out how to make bytes of them.


class RedisBackend(_Scripts, AtomicBackend):
    """Performs commands on a synchronous client."""

    def take_slot(self, key: str, token: str, max_size: int, slot_exp: float | None) -> bool:
        return self._ask(self._acquire, key.encode(), token.encode(), *_limits(max_size, slot_exp)) > 0

    def drop_slot(self, key: str, token: str) -> bool:
        return self._ask(self._release, key.encode(), token.encode()) > 0

    def count_slots(self, key: str) -> int:
        return self._ask(self._size, key.encode())

    def remaining(self, key: str) -> list[float]:
        # Asked for in notebooks only: the server need not keep the script.
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
        return answer if isinstance(answer, int) else _no_number(answer)


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
        return reply(answer if isinstance(answer, int) else _no_number(answer))


@functools.lru_cache
def _limits(max_size: int, slot_exp: float | None) -> tuple[bytes, bytes]:
    life = '' if slot_exp is None else repr(float(slot_exp))
    return str(int(max_size)).encode(), life.encode()


_truth = (0).__lt__
"""Whether a number is more than zero."""


def _no_number(answer: Any) -> Never:
    # A pipeline, or an asynchronous client in a wrapper, answers with something that is merely true.
    kind = f'{type(answer).__module__}.{type(answer).__qualname__}'
    raise TypeError(f'the client answered a script with a {kind} and not with a number: is it the right client?')


def _script_is_unknown(error: Exception) -> bool:
    """Whether the server was restarted or flushed its scripts; nothing was executed then."""
    # By name, as each client package has a class of its own and none is imported here.
    return any(kind.__name__ == 'NoScriptError' for kind in type(error).__mro__)
