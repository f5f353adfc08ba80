"""Redis and Valkey: each command is one script, one round trip.

Works with every client that has ``evalsha`` and ``eval`` as ``redis`` has them.  Needs a server that
replicates the effects of a script rather than its text: Redis 5.0 or later, any Valkey.  A user of an
access list needs ``EVAL`` and ``EVALSHA`` and what the scripts call: ``TIME``, ``ZREMRANGEBYSCORE``,
``ZSCORE``, ``ZCARD``, ``ZADD``, ``ZREM``, ``ZREVRANGE``, ``PEXPIRE``, ``PEXPIREAT``, ``PERSIST``.

The clock is the server's, so clients' clocks do not matter.  A failover to a replica that missed the last
writes forgets those slots, and their places are given again: that is a limit of the server's replication.
"""

import hashlib
import pkgutil
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from py_cachify.commands import Command, CountSlots, DropSlot, TakeSlot
from py_cachify.protocols import ATOMIC, SlotProtocol


class Script(NamedTuple):
    """A script's text, and the digest by which the server knows it."""

    text: str
    digest: str


def load_script(name: str) -> Script:
    """Read a script of this package, with the head that all of them share."""
    text = _read('live_slots') + '\n' + _read(name)
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def _read(name: str) -> str:
    data = pkgutil.get_data(__package__, f'lua/{name}.lua')
    if data is None:
        raise FileNotFoundError(f'lua/{name}.lua is missing from the installation of py_cachify')
    return data.decode()


ACQUIRE, RELEASE, SIZE = load_script('acquire'), load_script('release'), load_script('size')


class _Call(NamedTuple):
    """A command as a script with its arguments, and what makes its integer reply the command's."""

    script: Script
    key: str
    arguments: tuple[str, ...]
    reply: Callable[[Any], Any]


class _Scripts:
    """What the sync and the async backend share: the scripts of commands, and the clock."""

    protocol: ClassVar[SlotProtocol] = ATOMIC

    def __init__(self, client: Any, clock: Callable[[], float] | None = None) -> None:
        """``clock`` is for simulations only: it gives virtual time in seconds in place of the server's."""
        self._client = client
        self._clock = clock

    def _call(self, command: Command[Any]) -> _Call:
        now = '' if self._clock is None else repr(float(self._clock()))
        match command:
            case TakeSlot(key, token, max_size, slot_exp):
                life = '' if slot_exp is None else repr(float(slot_exp))
                return _Call(ACQUIRE, key, (now, token, str(int(max_size)), life), _truth)
            case DropSlot(key, token):
                return _Call(RELEASE, key, (now, token), _truth)
            case CountSlots(key):
                return _Call(SIZE, key, (now,), _number)
            case _:
                raise TypeError(f'the Redis backend cannot perform {command!r}')


class RedisBackend(_Scripts):
    """Performs commands on a synchronous client."""

    def perform(self, command: Command[Any]) -> Any:
        script, key, arguments, reply = self._call(command)
        try:
            answer = self._client.evalsha(script.digest, 1, key, *arguments)
        except Exception as error:
            if not _script_is_unknown(error):
                raise
            answer = self._client.eval(script.text, 1, key, *arguments)
        return reply(answer)


class AsyncRedisBackend(_Scripts):
    """Performs commands on an asynchronous client."""

    async def aperform(self, command: Command[Any]) -> Any:
        script, key, arguments, reply = self._call(command)
        try:
            answer = await self._client.evalsha(script.digest, 1, key, *arguments)
        except Exception as error:
            if not _script_is_unknown(error):
                raise
            answer = await self._client.eval(script.text, 1, key, *arguments)
        return reply(answer)


def _number(answer: Any) -> int:
    # A pipeline, or an asynchronous client in a wrapper, answers with something that is merely true.
    if not isinstance(answer, int):
        kind = f'{type(answer).__module__}.{type(answer).__qualname__}'
        raise TypeError(f'the client answered a script with a {kind} and not with a number: is it the right client?')
    return answer


def _truth(answer: Any) -> bool:
    return bool(_number(answer))


def _script_is_unknown(error: Exception) -> bool:
    """Whether the server was restarted or flushed its scripts; nothing was executed then."""
    # By name, as each client package has a class of its own and none is imported here.
    return any(kind.__name__ == 'NoScriptError' for kind in type(error).__mro__)
