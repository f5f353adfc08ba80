"""Redis and Valkey: each command is one script, in one round trip.

The backends work with every client whose ``evalsha`` and ``eval`` are like those of ``redis``.  The
server must replicate the effects of a script instead of its text: Redis 5.0 or later, any Valkey.
A user of an access list needs ``EVAL`` and ``EVALSHA`` and the commands that the scripts call:
``TIME``, ``ZREMRANGEBYSCORE``, ``ZREMRANGEBYRANK``, ``ZSCORE``, ``ZCARD``, ``ZCOUNT``, ``ZADD``,
``ZREM``, ``ZREVRANK``, ``ZREVRANGE``, ``PEXPIREAT``, ``PERSIST``; and access to the keys in
``pool_keys.py``.  A user who needs only ``size()`` needs ``TIME``, ``ZCARD`` and ``ZCOUNT``, with
``EVAL`` and ``EVALSHA``, or with ``EVAL_RO`` and permission only to read the keys.

An answer says which request it answers; ``_answers.py`` says why.

The clock is the server's, so the clients' clocks do not matter.  A failover to a replica that
missed the last writes forgets those slots, and their places are granted again.  This is a limit of
the server's replication.
"""

import functools
import hashlib
import pkgutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, Protocol, TypeVar

from py_cachify._signals import is_interrupt
from py_cachify.backends._answers import (
    MAX_REPEATED,
    OPERATIONS,
    new_number,
    read_grant,
    read_release,
    read_size,
    read_undo,
    unread,
)
from py_cachify.backends._loops import another_loop, belongs_to_another_loop
from py_cachify.backends.atomic import AsyncAtomicBackend, AtomicBackend
from py_cachify.backends.pool_keys import pool_keys, slots_key
from py_cachify.commands import MAX_TOMBSTONES, TOMBSTONE_LIFE


R = TypeVar('R')
R_co = TypeVar('R_co', covariant=True)


class _Read(Protocol[R_co]):
    """Returns the reply from an answer to the request of this name; ``None`` for another answer."""

    def __call__(self, answer: Any, name: bytes, /, repeated: bool = False) -> R_co | None: ...


class Script(NamedTuple):
    """A script's text, and the digest under which the server stores it."""

    text: bytes
    digest: bytes


@functools.cache
def load_script(name: str, clock: str = 'server_clock') -> Script:
    """Return a script of this package, preceded by the script ``clock``, which reads the time."""
    # An undo is a release that leaves a tombstone first.
    parts = list(map(_read, ('undo', 'release') if name == 'undo' else (name,)))
    if name in OPERATIONS:
        operation = b'local operation = %d' % OPERATIONS[name]
        parts = [b'local function decide()', *parts, b'end', operation, _read('answer')]
    text = b'\n'.join((_read(clock), *parts))
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
        self._acquire, self._release, self._undo, self._size = (
            load_script(name, head) for name in ('acquire', 'release', 'undo', 'size')
        )

    def _now(self) -> tuple[bytes, ...]:
        return () if self._clock is None else (repr(float(self._clock())).encode(),)


# All arguments are bytes, because the client takes longer to convert them.

_TOMBSTONES = repr(TOMBSTONE_LIFE).encode(), str(MAX_TOMBSTONES).encode()
"""How long and how many, for the undo."""


class RedisBackend(_Scripts, AtomicBackend):
    """Performs commands on a synchronous client."""

    def take_slot(self, key: str, token: str, max_size: int, slot_exp: float | None) -> bool:
        return self._ask(read_grant, self._acquire, _both_keys(key), token.encode(), *_limits(max_size, slot_exp))

    def drop_slot(self, key: str, token: str) -> bool:
        return self._ask(read_release, self._release, _own_key(key), token.encode())

    def undo_slot(self, key: str, token: str) -> bool:
        return self._ask(read_undo, self._undo, _both_keys(key), token.encode(), *_TOMBSTONES)

    def count_slots(self, key: str) -> int:
        return self._ask(read_size, self._size, _own_key(key), new_number())

    def remaining(self, key: str) -> list[float]:
        # Only notebooks use this, so the server does not need to keep the script.
        script = load_script('remaining', 'server_clock' if self._clock is None else 'virtual_clock')
        answer = self._client.eval(script.text, 1, slots_key(key), *self._now())
        return [float(seconds) for seconds in answer]

    def _ask(self, read: _Read[R], script: Script, keys: tuple[Any, ...], name: bytes, *arguments: bytes) -> R:
        if self._clock is not None:
            arguments += self._now()
        once = True
        try:
            answer = self._client.evalsha(script.digest, *keys, name, *arguments)
        except Exception as error:
            once = False
            answer = self._send_otherwise(error, script, *keys, name, *arguments)
        reply = read(answer, name)
        if reply is None:
            once, reply = False, self._ask_again(read, script, keys, name, *arguments)
        if not (once or reply) and script is self._acquire:
            # Another copy of it may be granted later, so this refusal needs a tombstone.
            self._ask(read_undo, self._undo, keys, name, *_TOMBSTONES)
        return reply

    def _ask_again(self, read: _Read[R], script: Script, keys: tuple[Any, ...], name: bytes, *arguments: bytes) -> R:
        """Send a request again whose answer was not read."""
        for _ in range(MAX_REPEATED):
            self._close_connections()
            try:
                answer = self._client.evalsha(script.digest, *keys, name, *arguments)
            except Exception as error:
                answer = self._send_otherwise(error, script, *keys, name, *arguments)
            if (reply := read(answer, name, repeated=True)) is not None:
                return reply
        raise unread()

    def _close_connections(self) -> None:
        """Close those that no request of another thread uses, as far as the client can do so."""
        with _errors_of_the_client_ignored():
            # Of a client with a single connection, which is always in use.
            self._client.connection.disconnect()
        with _errors_of_the_client_ignored():
            self._client.connection_pool.disconnect(inuse_connections=False)

    def _send_otherwise(self, error: Exception, script: Script, *arguments: Any) -> Any:
        """Send a request that failed with ``error`` in another way, if that helps."""
        if _script_is_unknown(error):
            return self._client.eval(script.text, *arguments)
        if script is self._size and _lacks_permission(error):
            # A user who may only read the keys must not run scripts that could write.
            with suppress(Exception):
                return self._client.eval_ro(script.text, *arguments)
        raise error


class AsyncRedisBackend(_Scripts, AsyncAtomicBackend):
    """Performs commands on an asynchronous client."""

    def take_slot(self, key: str, token: str, max_size: int, slot_exp: float | None) -> Awaitable[bool]:
        return self._ask(read_grant, self._acquire, _both_keys(key), token.encode(), *_limits(max_size, slot_exp))

    def drop_slot(self, key: str, token: str) -> Awaitable[bool]:
        return self._ask(read_release, self._release, _own_key(key), token.encode())

    def undo_slot(self, key: str, token: str) -> Awaitable[bool]:
        return self._ask(read_undo, self._undo, _both_keys(key), token.encode(), *_TOMBSTONES)

    def count_slots(self, key: str) -> Awaitable[int]:
        return self._ask(read_size, self._size, _own_key(key), new_number())

    async def _ask(self, read: _Read[R], script: Script, keys: tuple[Any, ...], name: bytes, *arguments: bytes) -> R:
        if self._clock is not None:
            arguments += self._now()
        once, repeated = True, False
        try:
            answer = await self._client.evalsha(script.digest, *keys, name, *arguments)
        except Exception as error:
            once, repeated = False, belongs_to_another_loop(error)
            answer = await self._send_otherwise(error, script, *keys, name, *arguments)
        reply = read(answer, name, repeated)
        if reply is None:
            once, reply = False, await self._ask_again(read, script, keys, name, *arguments)
        if not (once or reply) and script is self._acquire:
            # Another copy of it may be granted later, so this refusal needs a tombstone.
            await self._ask(read_undo, self._undo, keys, name, *_TOMBSTONES)
        return reply

    async def _ask_again(
        self, read: _Read[R], script: Script, keys: tuple[Any, ...], name: bytes, *arguments: bytes
    ) -> R:
        """Send a request again whose answer was not read."""
        for _ in range(MAX_REPEATED):
            await self._close_connections()
            try:
                answer = await self._client.evalsha(script.digest, *keys, name, *arguments)
            except Exception as error:
                answer = await self._send_otherwise(error, script, *keys, name, *arguments)
            if (reply := read(answer, name, repeated=True)) is not None:
                return reply
        raise unread()

    async def _close_connections(self) -> None:
        """Close those that no request of another task uses, as far as the client can do so."""
        with _errors_of_the_client_ignored():
            # Of a client with a single connection, which is always in use.
            await self._client.connection.disconnect()
        with _errors_of_the_client_ignored():
            await self._client.connection_pool.disconnect(inuse_connections=False)

    async def _send_otherwise(self, error: Exception, script: Script, *arguments: Any) -> Any:
        """Send a request that failed with ``error`` in another way, if that helps."""
        for _ in range(MAX_REPEATED):
            if not belongs_to_another_loop(error):
                break
            try:
                return await self._client.evalsha(script.digest, *arguments)
            except Exception as again:
                error = again
        else:
            raise another_loop(self._client) from error
        if _script_is_unknown(error):
            return await self._client.eval(script.text, *arguments)
        if script is self._size and _lacks_permission(error):
            # A user who may only read the keys must not run scripts that could write.
            with suppress(Exception):
                return await self._client.eval_ro(script.text, *arguments)
        raise error


@functools.lru_cache(maxsize=4096)
def _own_key(key: str) -> tuple[int, bytes]:
    """Return the arguments that name the key of the slots: the number of keys comes first."""
    return 1, slots_key(key)


@functools.lru_cache(maxsize=4096)
def _both_keys(key: str) -> tuple[int, bytes, bytes]:
    """Return the arguments that name the keys of the slots and of the tombstones."""
    return 2, *pool_keys(key)


@functools.lru_cache
def _limits(max_size: int, slot_exp: float | None) -> tuple[bytes, bytes]:
    life = '' if slot_exp is None else repr(float(slot_exp))
    return str(int(max_size)).encode(), life.encode()


def _lacks_permission(error: Exception) -> bool:
    """Return whether the user may not run this script, or not with these keys."""
    # By name, because each client package has its own class, and none is imported here.
    return any(kind.__name__ == 'NoPermissionError' for kind in type(error).__mro__)


@contextmanager
def _errors_of_the_client_ignored() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if is_interrupt(error):
            raise


def _script_is_unknown(error: Exception) -> bool:
    """Return whether the server ran nothing because it does not know the script.

    It forgets scripts when it restarts or flushes them.
    """
    return any(kind.__name__ == 'NoScriptError' for kind in type(error).__mro__)
