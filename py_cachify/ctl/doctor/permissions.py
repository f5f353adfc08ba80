"""Which of the library's requests a user may not send, as the access list in the guide has them.

A request that the server does not know at all, because of ``rename-command``, is found too.

``ACL DRYRUN`` says it (Redis 7.0 or later, any Valkey).  Where it is missing or refused, the
requests are sent, in a form that changes nothing, to keys that do not exist.
"""

import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple

from py_cachify.ctl.servers import Server, as_text
from py_cachify.tokens import CHANNEL_PREFIX


Request = tuple[Any, ...]


class Missing(NamedTuple):
    """What a user may not do.

    Attributes:
        command: a command, or a pattern of keys or channels.
        purpose: ``'pools'``, ``'waiting'`` or ``'fencing'``.
    """

    command: str
    purpose: str


class Permissions(NamedTuple):
    """What a user may not do.

    Attributes:
        user: the name of the user; ``None`` if unknown.
        missing: what it may not do.
        unknown: why this is not known; ``None`` if it is.
        fences: whether a pool draws fencing tokens; ``None`` if unknown.
        absent: the commands that the server does not have, for any user.
    """

    user: str | None
    missing: tuple[Missing, ...]
    unknown: str | None = None
    fences: bool | None = False
    absent: tuple[Missing, ...] = ()


POOLS = 'pools'
WAITING = 'waiting'
FENCING = 'fencing'

ABSENT = 'absent'
"""The reason for which a request is refused if the server does not have the command."""


def harmless(key: str, channel: str) -> Iterator[tuple[str, Request]]:
    """Yield each request that the library sends, with its purpose; none changes anything.

    ``key`` is one that does not exist, ``channel`` one to which nobody listens.
    """
    yield POOLS, ('EVAL', 'return 0', 0)
    yield POOLS, ('EVALSHA', '0' * 40, 0)
    yield POOLS, ('TIME',)
    yield POOLS, ('EXISTS', key)
    yield POOLS, ('ZREMRANGEBYSCORE', key, 0, 0)
    yield POOLS, ('ZREMRANGEBYRANK', key, 0, 0)
    yield POOLS, ('ZSCORE', key, '-')
    yield POOLS, ('ZCARD', key)
    yield POOLS, ('ZCOUNT', key, 0, 0)
    yield POOLS, ('ZADD', key, 'XX', 0, '-')
    yield POOLS, ('ZREM', key, '-')
    yield POOLS, ('ZREVRANK', key, '-')
    yield POOLS, ('ZRANGE', key, 0, 0)
    yield POOLS, ('ZREVRANGE', key, 0, 0)
    yield POOLS, ('ZRANGEBYSCORE', key, 0, 0)
    yield POOLS, ('PEXPIREAT', key, 1)
    yield POOLS, ('PERSIST', key)
    yield WAITING, ('PUBLISH', channel, '')
    yield WAITING, ('SUBSCRIBE', channel)
    yield WAITING, ('UNSUBSCRIBE', channel)
    yield FENCING, ('GET', key)
    yield FENCING, ('SET', key, '-', 'XX')


def read_permissions(server: Server, prefix: str, user: str | None = None, *, pool: str | None = None) -> Permissions:
    """Return what a user may not do.

    Args:
        server: where.
        prefix: that of all keys.
        user: whose permissions; ``None`` for the user of this connection.
        pool: the key of a pool, without the prefix, with whose derived keys to ask; ``None`` for
            any key under the prefix.
    """
    own = _whoami(server)
    name = user or own
    fences = _has_fences(server, prefix)
    key = f'{prefix}{"" if pool is None else f"{pool}~"}{secrets.token_hex(8)}'
    asked = list(harmless(key, f'{CHANNEL_PREFIX}{secrets.token_hex(8)}'))
    client = server.nodes()[0].client
    refused = _dry_run(client, name, asked) if name is not None else None
    if refused is None and user is not None and user != own:
        return Permissions(
            user, (), f'the permissions of {user!r} need ACL DRYRUN, which this user may not run', fences
        )
    if refused is None:
        refused = _try(client, asked)
    if isinstance(refused, str):
        return Permissions(name, (), refused, fences)
    absent = tuple(Missing(command, purpose) for command, (purpose, reason) in refused.items() if reason == ABSENT)
    return Permissions(name, _as_missing(refused, prefix), None, fences, absent)


def _as_missing(refused: dict[str, tuple[str, str]], prefix: str) -> tuple[Missing, ...]:
    """Return what is missing; a key or a channel once, in place of all commands that use it."""
    found: dict[Missing, None] = {}
    for command, (purpose, reason) in refused.items():
        if reason == ABSENT:
            continue
        if 'channel' in reason:
            found[Missing(f'&{CHANNEL_PREFIX}*', purpose)] = None
        elif 'key' in reason:
            found[Missing(f'~{prefix}*', purpose)] = None
        else:
            found[Missing(command, purpose)] = None
    return tuple(found)


def _whoami(server: Server) -> str | None:
    from redis.exceptions import ResponseError

    try:
        answer = server.nodes()[0].client.execute_command('ACL WHOAMI')
    except ResponseError:
        return None
    return as_text(answer)


def _dry_run(client: Any, name: str, asked: list[tuple[str, Request]]) -> dict[str, tuple[str, str]] | str | None:
    """Return the refused commands with reasons; ``None`` if it cannot be asked, or an error."""
    from redis.exceptions import ResponseError

    refused: dict[str, tuple[str, str]] = {}
    for purpose, request in asked:
        try:
            answer = client.execute_command('ACL', 'DRYRUN', name, *request)
        except ResponseError as error:
            text = str(error).lower()
            if 'not found' not in text:
                return None
            if 'user' in text.split():
                return str(error)
            refused[request[0]] = purpose, ABSENT
            continue
        text = as_text(answer)
        if text not in ('OK', 'True'):
            refused[request[0]] = purpose, _reason(text)
    return refused


def _try(client: Any, asked: list[tuple[str, Request]]) -> dict[str, tuple[str, str]]:
    from redis.exceptions import NoPermissionError, ResponseError

    refused: dict[str, tuple[str, str]] = {}
    for purpose, request in asked:
        try:
            if 'SUBSCRIBE' in request[0]:
                _subscribe(client, request)
            else:
                client.execute_command(*request)
        except NoPermissionError as error:
            refused[request[0]] = purpose, _reason(str(error))
        except ResponseError as error:
            # The server has looked at the permissions before it found something else.
            if 'unknown command' in str(error).lower():
                refused[request[0]] = purpose, ABSENT
    return refused


def _subscribe(client: Any, request: Request) -> None:
    with client.pubsub() as listening:
        listening.execute_command(*request)
        listening.parse_response()


def _reason(text: str) -> str:
    """Return what is refused: ``'key'``, ``'channel'`` or ``'command'``."""
    lowered = text.lower()
    return next((word for word in ('channel', 'key') if word in lowered and 'run the' not in lowered), 'command')


def _has_fences(server: Server, prefix: str) -> bool | None:
    from redis.exceptions import NoPermissionError

    try:
        return any(True for _ in server.scan(prefix, 'string', b'~fence~[h-o][h-o][h-o][h-o][h-o][h-o]'))
    except NoPermissionError:
        return None
