"""Redis and Valkey: each command is one script, in one round trip.

The backends work with every client whose ``evalsha`` and ``eval`` are like those of ``redis``.  The
server must replicate the effects of a script instead of its text: Redis 5.0 or later, any Valkey.
A user of an access list needs ``EVAL`` and ``EVALSHA`` and the commands that the scripts call:
``TIME``, ``EXISTS``, ``ZREMRANGEBYSCORE``, ``ZREMRANGEBYRANK``, ``ZSCORE``, ``ZCARD``, ``ZCOUNT``,
``ZADD``, ``ZREM``, ``ZREVRANK``, ``ZRANGE``, ``ZREVRANGE``, ``ZRANGEBYSCORE``, ``PEXPIREAT``,
``PERSIST``, and ``GET`` and ``SET`` for fencing tokens; and access to the keys in ``pool_keys.py``.
To be told that a slot is free, waiters need ``PUBLISH`` and ``SUBSCRIBE`` and access to the
channels ``py-cachify:*``; without it, they ask again and again.  A user who only looks needs
``TIME``, and for ``size()`` and ``queue_size()`` ``ZCARD`` and ``ZCOUNT``, for ``holders()`` and
``queue()`` ``ZREVRANGE`` and ``ZRANGEBYSCORE``; with ``EVAL`` and ``EVALSHA``, or with ``EVAL_RO``
and permission only to read the keys.

An answer says which request it answers; ``_answers.py`` says why.

The clock is the server's, so the clients' clocks do not matter.  A failover to a replica that
missed the last writes forgets those slots, and their places are granted again.  This is a limit of
the server's replication.
"""

import asyncio
import functools
import hashlib
import pkgutil
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from py_cachify._signals import is_interrupt
from py_cachify._waiters import is_abandoned, note_grant, tell
from py_cachify.backends._answers import (
    MAX_REPEATED,
    OPERATIONS,
    Read,
    new_number,
    read_ask,
    read_fence,
    read_grant,
    read_join,
    read_leave,
    read_list,
    read_listed,
    read_release,
    read_renewed,
    read_size,
    read_tickets,
    read_undo,
    unpack,
    unread,
)
from py_cachify.backends._batches import Batches, can_batch
from py_cachify.backends._inherited import module_of
from py_cachify.backends._listening import TaskListener, ThreadListener
from py_cachify.backends._loops import another_loop, belongs_to_another_loop
from py_cachify.backends.atomic import AsyncAtomicBackend, AtomicBackend
from py_cachify.backends.base import Listener
from py_cachify.backends.pool_keys import pool_keys, slots_key
from py_cachify.commands import (
    CLAIM,
    DEADLINE,
    FENCE_LIFE,
    MAX_DROPPED,
    MAX_GRANTS,
    MAX_TOMBSTONES,
    TOMBSTONE_LIFE,
    Listed,
    Queued,
    Refusal,
    Turn,
)
from py_cachify.protocols import Renewals


R = TypeVar('R')


class Script(NamedTuple):
    """A script.

    Attributes:
        text: its text.
        digest: the digest under which the server stores it.
        keys: returns the arguments that name its keys, from the key of the pool.
    """

    text: bytes
    digest: bytes
    keys: Callable[[str], tuple[Any, ...]]


_HEAD = """local CLAIM, DEADLINE, MAX_GRANTS, MAX_DROPPED = {}, {}, {}, {}
local operation, named = {}
"""
_COMMENT = re.compile(rb'^ *(--.*)?\n', re.MULTILINE)
_INCLUDE = re.compile(rb'^ *-- include (\w+)\.lua$', re.MULTILINE)


@functools.cache
def load_script(name: str, clock: str = 'server_clock', max_grants: int = MAX_GRANTS) -> Script:
    """Return a script of this package, preceded by the script ``clock``, which reads the time.

    What precedes the line ``-- decide`` of a script, if it has one, answers by itself if it can.
    The rest, or the whole script, is the body of a function; making one takes time.
    """
    parts = [_included(name)]
    if name in OPERATIONS:
        head = _HEAD.format(CLAIM, DEADLINE, max_grants, MAX_DROPPED, OPERATIONS[name]).encode()
        first, _, decide = parts[0].rpartition(b'-- decide\n')
        parts = [head, _read('request'), first, b'local function decide()', decide, b'end', _read('answer')]
    # Without comments, a client sends a script in one piece.
    text = _COMMENT.sub(b'', b'\n'.join((_read(clock), *parts)))
    keys = _KEYS.get(name, _all_keys)
    return Script(text, hashlib.sha1(text, usedforsecurity=False).hexdigest().encode(), keys)


def _included(name: str) -> bytes:
    """Return the text of a script with the texts that it includes."""
    return _INCLUDE.sub(lambda found: _included(found[1].decode()), _read(name))


def _read(name: str) -> bytes:
    data = pkgutil.get_data(__package__, f'lua/{name}.lua')
    if data is None:
        raise FileNotFoundError(f'lua/{name}.lua is missing from the installation of py_cachify: install it again')
    return data


class _Scripts:
    """The common part of the sync and the async backend: a client, the scripts, and the clock."""

    def __init__(self, client: Any, clock: Callable[[], float] | None = None, max_grants: int = MAX_GRANTS) -> None:
        """Load the scripts.

        ``clock`` and ``max_grants`` are for simulations only.  ``clock`` returns virtual time in
        seconds, used instead of the server's; ``max_grants`` replaces ``MAX_GRANTS``.
        """
        self.client = client
        self._client = client
        self._listeners: WeakKeyDictionary[asyncio.AbstractEventLoop, TaskListener] = WeakKeyDictionary()
        self._clock = clock
        head = 'server_clock' if clock is None else 'virtual_clock'
        self._acquire, self._release, self._undo, self._join, self._ask_on, self._leave, self._fence = (
            load_script(name, head, max_grants) for name in OPERATIONS
        )
        self._size, self._waiting, self._holders, self._tickets = self._only_read = tuple(
            load_script(name, head) for name in ('size', 'waiting', 'holders', 'tickets')
        )
        self._renew = load_script('renew', head)

    def _now(self) -> tuple[bytes, ...]:
        return () if self._clock is None else (repr(float(self._clock())).encode(),)


# All arguments are bytes, because the client takes longer to convert them.

_TOMBSTONES = repr(TOMBSTONE_LIFE).encode(), str(MAX_TOMBSTONES).encode()
"""How long and how many, for an undo, and for leaving the queue."""

_FENCE_LIFE = b'%d' % (FENCE_LIFE * 1000)

_NONE = b'', b''
"""Instead of these, where no tombstone is needed."""


def _tell_or_undo(backend: 'RedisBackend', key: str, ticket: str) -> None:
    """Tell the waiter with this ticket that it has a slot; give that back if the waiter is gone."""
    tell(ticket, Turn.GRANTED)
    if is_abandoned(ticket):
        for undone in _one_after_the_other(key, ticket):
            with _errors_of_the_client_ignored():
                backend.undo_slot(*undone)


async def _atell_or_undo(backend: 'AsyncRedisBackend', key: str, ticket: str) -> None:
    tell(ticket, Turn.GRANTED)
    if is_abandoned(ticket):
        for undone in _one_after_the_other(key, ticket):
            with _errors_of_the_client_ignored():
                await backend.undo_slot(*undone)


_to_undo: ContextVar[list[tuple[str, str]] | None] = ContextVar('_to_undo', default=None)


def _one_after_the_other(key: str, ticket: str) -> Iterator[tuple[str, str]]:
    """Yield a ticket to undo, and those that its undo and theirs give a slot, each with its key.

    A call from within such an undo yields nothing: hundreds of them would nest too deeply.
    """
    outer = _to_undo.get()
    if outer is not None:
        outer.append((key, ticket))
        return
    tickets = [(key, ticket)]
    _to_undo.set(tickets)
    try:
        while tickets:
            yield tickets.pop()
    finally:
        _to_undo.set(None)


class RedisBackend(_Scripts, AtomicBackend):
    """Performs commands on a synchronous client."""

    granted: Callable[['RedisBackend', str, str], object] = staticmethod(_tell_or_undo)
    """Called with the backend, a pool, and the ticket of a waiter here that has got a slot."""

    def __init__(self, client: Any, clock: Callable[[], float] | None = None, max_grants: int = MAX_GRANTS) -> None:
        super().__init__(client, clock, max_grants)
        self._evalsha_is_inherited = _inherits_evalsha(client)

    def listener(self) -> Listener:
        found: Listener | None = vars(self).get('_listener')
        # In one step, because several threads may begin to wait at the same time.
        return found or vars(self).setdefault('_listener', ThreadListener(self._client, self.identify))

    def stop_listening(self) -> None:
        found: ThreadListener | None = vars(self).get('_listener')
        if found is not None:
            found.stop()

    def take_slot(self, key: str, token: str, max_size: int, slot_exp: float | None) -> bool | Refusal:
        return self._ask(read_grant, self._acquire, key, token.encode(), *_limits(max_size, slot_exp))

    def drop_slot(self, key: str, token: str) -> bool:
        return self._ask(read_release, self._release, key, token.encode())

    def undo_slot(self, key: str, token: str) -> bool:
        return self._ask(read_undo, self._undo, key, token.encode(), *_TOMBSTONES)

    def count_slots(self, key: str) -> int:
        return self._ask(read_size, self._size, key, new_number())

    def join_queue(
        self, key: str, token: str, max_size: int, slot_exp: float | None, max_waiting: int | None
    ) -> bool | Refusal | Queued:
        most = b'' if max_waiting is None else b'%d' % max_waiting
        return self._ask(read_join, self._join, key, token.encode(), *_limits(max_size, slot_exp), most)

    def ask_again(self, key: str, token: str, max_size: int, slot_exp: float | None, place: float) -> bool | Queued:
        limits = _limits(max_size, slot_exp)
        return self._ask(read_ask, self._ask_on, key, token.encode(), *limits, repr(place).encode())

    def leave_queue(self, key: str, token: str, max_size: int, slot_exp: float | None, tombstone: bool) -> bool:
        _, life = _limits(max_size, slot_exp)
        return self._ask(read_leave, self._leave, key, token.encode(), life, *(_TOMBSTONES if tombstone else _NONE))

    def count_waiting(self, key: str) -> int:
        return self._ask(read_size, self._waiting, key, new_number())

    def list_slots(self, key: str) -> tuple[Listed, ...]:
        return read_listed(self._ask(read_list, self._holders, key, new_number()))

    def list_waiting(self, key: str) -> tuple[str, ...]:
        return read_tickets(self._ask(read_list, self._tickets, key, new_number()))

    def renew_slots(self, key: str, renewals: Renewals) -> tuple[bool, ...]:
        gone = self._ask(read_list, self._renew, key, new_number(), *_pairs(renewals))
        return read_renewed(gone, len(renewals))

    def draw_fence(self, key: str, token: str) -> int | Refusal:
        return self._ask(read_fence, self._fence, key, token.encode(), _FENCE_LIFE)

    def _ask(self, read: Read[R], script: Script, key: str, name: bytes, *arguments: bytes) -> R:
        if self._clock is not None:
            arguments += self._now()
        keys = script.keys(key)
        once, asked = True, self.now()
        try:
            if self._evalsha_is_inherited:
                # What `evalsha` does itself, two calls later.
                answer = self._client.execute_command('EVALSHA', script.digest, *keys, name, *arguments)
            else:
                answer = self._client.evalsha(script.digest, *keys, name, *arguments)
        except Exception as error:
            once = False
            answer = self._send_otherwise(error, script, *keys, name, *arguments)
        found = read(answer, name)
        if found is None:
            once = False
            answer, reply = self._ask_again(read, script, keys, name, *arguments)
        else:
            reply = found
        if answer.__class__ is list:
            reply, tickets = unpack(answer, reply)
            for ticket in tickets:
                note_grant(ticket, asked)
                self.granted(self, key, ticket)
        if not (once or reply) and script in (self._acquire, self._join):
            # Another copy of it may be granted later, so this refusal needs a tombstone.
            self._ask(read_undo, self._undo, key, name, *_TOMBSTONES)
        return reply

    def _ask_again(
        self, read: Read[R], script: Script, keys: tuple[Any, ...], name: bytes, *arguments: bytes
    ) -> tuple[Any, R]:
        """Send a request again whose answer was not read; return the answer and what it means."""
        for _ in range(MAX_REPEATED):
            self._close_connections()
            try:
                answer = self._client.evalsha(script.digest, *keys, name, *arguments)
            except Exception as error:
                answer = self._send_otherwise(error, script, *keys, name, *arguments)
            if (reply := read(answer, name, repeated=True)) is not None:
                return answer, reply
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
        if script is self._release and _keys_are_apart(error):
            # Waiters get the slot when the next of them asks.
            _, slots, _, *rest = arguments
            return self._client.eval(script.text, 1, slots, *rest)
        if script in self._only_read and _lacks_permission(error):
            # A user who may only read the keys must not run scripts that could write.
            with suppress(Exception):
                return self._client.eval_ro(script.text, *arguments)
        raise error


class AsyncRedisBackend(_Scripts, AsyncAtomicBackend):
    """Performs commands on an asynchronous client."""

    agranted: Callable[['AsyncRedisBackend', str, str], Awaitable[object]] = staticmethod(_atell_or_undo)
    """As for :class:`RedisBackend`."""

    def __init__(self, client: Any, clock: Callable[[], float] | None = None, max_grants: int = MAX_GRANTS) -> None:
        super().__init__(client, clock, max_grants)
        self._batches: WeakKeyDictionary[asyncio.AbstractEventLoop, Batches] | None = None
        if can_batch(client):
            self._batches = WeakKeyDictionary()

    def _sender(self) -> Any:
        """Return what runs scripts in the running event loop: the client itself, or in batches."""
        if self._batches is None:
            return self._client
        loop = asyncio.get_running_loop()
        found = self._batches.get(loop)
        if found is None:
            for other in self._batches.keyrefs():
                # What waited when a loop was closed refers to that loop, and would keep it.
                if (ended := other()) is not None and ended.is_closed():
                    self._batches.pop(ended, None)
            found = self._batches[loop] = Batches.of(self._client)
        return found

    def listener(self) -> Listener:
        loop = asyncio.get_running_loop()
        found = self._listeners.get(loop)
        if found is None:
            found = self._listeners[loop] = TaskListener(self._client, self.identify)
        return found

    async def stop_listening(self) -> None:
        found = self._listeners.get(asyncio.get_running_loop())
        if found is not None:
            await found.stop()

    def take_slot(self, key: str, token: str, max_size: int, slot_exp: float | None) -> Awaitable[bool | Refusal]:
        return self._ask(read_grant, self._acquire, key, token.encode(), *_limits(max_size, slot_exp))

    def drop_slot(self, key: str, token: str) -> Awaitable[bool]:
        return self._ask(read_release, self._release, key, token.encode())

    def undo_slot(self, key: str, token: str) -> Awaitable[bool]:
        return self._ask(read_undo, self._undo, key, token.encode(), *_TOMBSTONES)

    def count_slots(self, key: str) -> Awaitable[int]:
        return self._ask(read_size, self._size, key, new_number())

    def join_queue(
        self, key: str, token: str, max_size: int, slot_exp: float | None, max_waiting: int | None
    ) -> Awaitable[bool | Refusal | Queued]:
        most = b'' if max_waiting is None else b'%d' % max_waiting
        return self._ask(read_join, self._join, key, token.encode(), *_limits(max_size, slot_exp), most)

    def ask_again(
        self, key: str, token: str, max_size: int, slot_exp: float | None, place: float
    ) -> Awaitable[bool | Queued]:
        limits = _limits(max_size, slot_exp)
        return self._ask(read_ask, self._ask_on, key, token.encode(), *limits, repr(place).encode())

    def leave_queue(
        self, key: str, token: str, max_size: int, slot_exp: float | None, tombstone: bool
    ) -> Awaitable[bool]:
        _, life = _limits(max_size, slot_exp)
        return self._ask(read_leave, self._leave, key, token.encode(), life, *(_TOMBSTONES if tombstone else _NONE))

    def count_waiting(self, key: str) -> Awaitable[int]:
        return self._ask(read_size, self._waiting, key, new_number())

    async def list_slots(self, key: str) -> tuple[Listed, ...]:
        return read_listed(await self._ask(read_list, self._holders, key, new_number()))

    async def list_waiting(self, key: str) -> tuple[str, ...]:
        return read_tickets(await self._ask(read_list, self._tickets, key, new_number()))

    async def renew_slots(self, key: str, renewals: Renewals) -> tuple[bool, ...]:
        gone = await self._ask(read_list, self._renew, key, new_number(), *_pairs(renewals))
        return read_renewed(gone, len(renewals))

    async def draw_fence(self, key: str, token: str) -> int | Refusal:
        return await self._ask(read_fence, self._fence, key, token.encode(), _FENCE_LIFE)

    async def _ask(self, read: Read[R], script: Script, key: str, name: bytes, *arguments: bytes) -> R:
        if self._clock is not None:
            arguments += self._now()
        keys = script.keys(key)
        once, repeated, asked = True, False, self.now()
        try:
            answer = await self._sender().evalsha(script.digest, *keys, name, *arguments)
        except Exception as error:
            once, repeated = False, belongs_to_another_loop(error)
            answer = await self._send_otherwise(error, script, *keys, name, *arguments)
        found = read(answer, name, repeated)
        if found is None:
            once = False
            answer, reply = await self._ask_again(read, script, keys, name, *arguments)
        else:
            reply = found
        if answer.__class__ is list:
            reply, tickets = unpack(answer, reply)
            for ticket in tickets:
                note_grant(ticket, asked)
                await self.agranted(self, key, ticket)
        if not (once or reply) and script in (self._acquire, self._join):
            # Another copy of it may be granted later, so this refusal needs a tombstone.
            await self._ask(read_undo, self._undo, key, name, *_TOMBSTONES)
        return reply

    async def _ask_again(
        self, read: Read[R], script: Script, keys: tuple[Any, ...], name: bytes, *arguments: bytes
    ) -> tuple[Any, R]:
        """Send a request again whose answer was not read; return the answer and what it means."""
        for _ in range(MAX_REPEATED):
            await self._close_connections()
            try:
                answer = await self._sender().evalsha(script.digest, *keys, name, *arguments)
            except Exception as error:
                answer = await self._send_otherwise(error, script, *keys, name, *arguments)
            if (reply := read(answer, name, repeated=True)) is not None:
                return answer, reply
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
                return await self._sender().evalsha(script.digest, *arguments)
            except Exception as again:
                error = again
        else:
            raise another_loop(self._client) from error
        if _script_is_unknown(error):
            return await self._sender().eval(script.text, *arguments)
        if script is self._release and _keys_are_apart(error):
            # Waiters get the slot when the next of them asks.
            _, slots, _, *rest = arguments
            return await self._sender().eval(script.text, 1, slots, *rest)
        if script in self._only_read and _lacks_permission(error):
            # A user who may only read the keys must not run scripts that could write.
            with suppress(Exception):
                return await self._sender().eval_ro(script.text, *arguments)
        raise error


@functools.lru_cache(maxsize=4096)
def _own_key(key: str) -> tuple[int, bytes]:
    """Return the arguments that name the key of the slots: the number of keys comes first."""
    return 1, slots_key(key)


@functools.lru_cache(maxsize=4096)
def _queue_key(key: str) -> tuple[int, bytes]:
    return 1, pool_keys(key).queue


@functools.lru_cache(maxsize=4096)
def _two_keys(key: str) -> tuple[int, bytes, bytes]:
    keys = pool_keys(key)
    return 2, keys.slots, keys.queue


@functools.lru_cache(maxsize=4096)
def _fence_keys(key: str) -> tuple[int, bytes, bytes]:
    keys = pool_keys(key)
    return 2, keys.slots, keys.fence


@functools.lru_cache(maxsize=4096)
def _all_keys(key: str) -> tuple[int, bytes, bytes, bytes]:
    keys = pool_keys(key)
    return 3, keys.slots, keys.queue, keys.undone


_KEYS: dict[str, Callable[[str], tuple[Any, ...]]] = {
    'size': _own_key,
    'holders': _own_key,
    'renew': _own_key,
    'waiting': _queue_key,
    'tickets': _queue_key,
    'release': _two_keys,
    'fence': _fence_keys,
}
"""What names the keys of a script, for those that do not need all keys of the pool."""


@functools.lru_cache
def _limits(max_size: int, slot_exp: float | None) -> tuple[bytes, bytes]:
    life = '' if slot_exp is None else repr(float(slot_exp))
    return str(int(max_size)).encode(), life.encode()


def _pairs(renewals: Renewals) -> list[bytes]:
    """Return the arguments of ``renew.lua`` but the first: how many, and each token and life."""
    pairs = [b'%d' % len(renewals)]
    for token, life in renewals:
        pairs += token.encode(), b'' if life is None else repr(float(life)).encode()
    return pairs


def _inherits_evalsha(client: object) -> bool:
    """Return whether the client's ``evalsha`` is that of redis-py or valkey-py.

    It calls ``execute_command('EVALSHA', ...)``, which a subclass may replace, or a program that
    traces all commands.  Such programs expect a text as the command's name, and not bytes.
    """
    return all(module_of(client, method) in _COMMANDS for method in ('evalsha', '_evalsha'))


_COMMANDS = 'redis.commands.core', 'valkey.commands.core'
"""The modules in which these packages define the methods for commands."""


def _lacks_permission(error: Exception) -> bool:
    """Return whether the user may not run this script, or not with these keys."""
    # By name, because each client package has its own class, and none is imported here.
    return any(kind.__name__ == 'NoPermissionError' for kind in type(error).__mro__)


def _keys_are_apart(error: Exception) -> bool:
    """Return whether a cluster is moving the pool's keys to another node one by one."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return 'TryAgainError' in names or ('ClusterError' in names and str(error) == 'TTL exhausted.')


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
