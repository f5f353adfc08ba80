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
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from py_cachify.backends.base import Backend
from py_cachify.commands import Command, CountSlots, DropSlot, TakeSlot
from py_cachify.protocols import ATOMIC, SlotProtocol


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
    """What the sync and the async backend share: the scripts of commands, and the clock."""

    protocol: ClassVar[SlotProtocol] = ATOMIC

    def __init__(self, client: Any, clock: Callable[[], float] | None = None) -> None:
        """``clock`` is for simulations only: it gives virtual time in seconds in place of the server's."""
        self._client = client
        self._clock = clock
        head = 'server_clock' if clock is None else 'virtual_clock'
        self._acquire, self._release, self._size = (load_script(name, head) for name in ('acquire', 'release', 'size'))

    def _request(self, command: Command[Any]) -> tuple[Script, tuple[bytes, ...]]:
        """The script that carries out ``command``, and the key and the arguments to send with it."""
        # In bytes, as the client takes longer to find out how to make bytes of them.
        request: tuple[Script, tuple[bytes, ...]]
        match command:
            case TakeSlot():
                limits = _limits(command.max_size, command.slot_exp)
                request = self._acquire, (command.key.encode(), command.token.encode(), *limits)
            case DropSlot():
                request = self._release, (command.key.encode(), command.token.encode())
            case CountSlots():
                request = self._size, (command.key.encode(),)
            case _:
                raise TypeError(f'the Redis backend cannot perform {command!r}')
        if self._clock is not None:
            script, arguments = request
            return script, (*arguments, repr(float(self._clock())).encode())
        return request


@functools.lru_cache
def _limits(max_size: int, slot_exp: float | None) -> tuple[bytes, bytes]:
    life = '' if slot_exp is None else repr(float(slot_exp))
    return str(int(max_size)).encode(), life.encode()


class RedisBackend(_Scripts, Backend):
    """Performs commands on a synchronous client."""

    def perform(self, command: Command[Any]) -> Any:
        script, arguments = self._request(command)
        try:
            answer = self._client.evalsha(script.digest, 1, *arguments)
        except Exception as error:
            if not _script_is_unknown(error):
                raise
            answer = self._client.eval(script.text, 1, *arguments)
        return _reply(command, answer)


class AsyncRedisBackend(_Scripts):
    """Performs commands on an asynchronous client."""

    async def aperform(self, command: Command[Any]) -> Any:
        script, arguments = self._request(command)
        try:
            answer = await self._client.evalsha(script.digest, 1, *arguments)
        except Exception as error:
            if not _script_is_unknown(error):
                raise
            answer = await self._client.eval(script.text, 1, *arguments)
        return _reply(command, answer)


def _reply(command: Command[Any], answer: Any) -> int | bool:
    # A pipeline, or an asynchronous client in a wrapper, answers with something that is merely true.
    if not isinstance(answer, int):
        kind = f'{type(answer).__module__}.{type(answer).__qualname__}'
        raise TypeError(f'the client answered a script with a {kind} and not with a number: is it the right client?')
    return answer if type(command) is CountSlots else answer > 0


def _script_is_unknown(error: Exception) -> bool:
    """Whether the server was restarted or flushed its scripts; nothing was executed then."""
    # By name, as each client package has a class of its own and none is imported here.
    return any(kind.__name__ == 'NoScriptError' for kind in type(error).__mro__)
