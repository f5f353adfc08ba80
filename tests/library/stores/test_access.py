"""What a user of an access list needs, and what happens to a user without scripts."""

import re
from typing import Any

import pytest
import redis

from py_cachify import init_cachify, pool
from py_cachify.backends.redis import RedisBackend
from py_cachify.commands import UndoSlot
from tests.support.stores import GUIDE


def documented_commands() -> list[str]:
    """Return the commands that the library's guide says a user needs."""
    [sentence] = re.findall(
        r'needs\s+access\s+to\s+the\s+pool\'s\s+keys\s+and\s+to\s+(.*?)\.\n', GUIDE.read_text(), re.S
    )
    commands = re.findall(r'`([A-Z]+)`', sentence)
    assert 'EVALSHA' in commands
    return commands


def documented_readers() -> list[tuple[str, list[str]]]:
    """Return the keys and the commands that the guide says are enough for ``size()``."""
    [sentence] = re.findall(r'who only asks for `size\(\)` needs (.*?)\.\n', GUIDE.read_text(), re.S)
    readers = [
        (re.findall(r'`([%R]*~PYC-\*)`', one), re.findall(r'`([A-Z_]+)`', one)) for one in sentence.split('; or, ')
    ]
    assert [len(keys) for keys, _ in readers] == [1, 1]
    return [(keys[0], commands) for keys, commands in readers]


def user(server: Any, commands: list[str], keys: str = '~PYC-*') -> 'redis.Redis':
    """Return a client that may use only these commands, on the keys of pools."""
    rules = ['reset', 'on', 'nopass', keys, *(f'+{name}' for name in commands)]
    server.execute_command('ACL SETUSER', 'worker', *rules)
    path = server.connection_pool.connection_kwargs['path']
    return redis.Redis(unix_socket_path=path, username='worker', password='any', driver_info=None, protocol=2)


@pytest.fixture(autouse=True)
def _forget_the_user(server: 'redis.Redis') -> None:
    server.acl_deluser('worker')
    server.script_flush()


def use(client: 'redis.Redis') -> None:
    """Use all that a pool does: expiring slots, permanent ones, a size, an undo."""
    init_cachify(client)
    for slot_exp in (None, 60):
        mixed = pool('reports', max_size=3, slot_exp=slot_exp)
        with mixed, pool('reports', max_size=3, slot_exp=30):
            assert mixed.size() == 2
    assert pool('reports', max_size=3).size() == 0
    RedisBackend(client).perform(UndoSlot('PYC-reports', 'the token of a failed acquire'))


def test_the_documented_permissions_are_enough(server: 'redis.Redis') -> None:
    """A user with these commands and keys, and no others."""
    with user(server, documented_commands()) as client:
        use(client)


# Only a simulation, whose keys are in virtual time, uses `PEXPIRE`.
@pytest.mark.parametrize('left_out', [name for name in documented_commands() if name != 'PEXPIRE'])
def test_each_documented_permission_is_needed(server: 'redis.Redis', left_out: str) -> None:
    """Without any one of them the server refuses, and says which is missing."""
    with user(server, [name for name in documented_commands() if name != left_out]) as client:
        with pytest.raises(redis.RedisError) as refused:
            use(client)
    assert 'permission' in str(refused.value).lower() or left_out.lower() in str(refused.value).lower()


@pytest.mark.parametrize(('keys', 'commands'), documented_readers(), ids=['commands', 'keys'])
def test_a_user_who_may_only_read_can_ask_for_the_size(server: 'redis.Redis', keys: str, commands: list[str]) -> None:
    """With these permissions; without any one of them the server refuses, and says which."""
    init_cachify(server)
    with pool('reports', max_size=2):
        with user(server, commands, keys) as client:
            reading = init_cachify(client, is_global=False).pool('reports', max_size=2)
            assert reading.size() == 1
            with pytest.raises(redis.RedisError), reading:
                raise AssertionError('the body ran')
        server.script_flush()
        for left_out in commands:
            with user(server, [name for name in commands if name != left_out], keys) as client:
                with pytest.raises(redis.RedisError, match='permission'):
                    init_cachify(client, is_global=False).pool('reports', max_size=2).size()
    assert server.zcard('PYC-reports') == 0


def test_a_user_without_scripts_gets_one_clear_error(server: 'redis.Redis') -> None:
    """The server's error names the command, at the first entry; it is never "full"."""
    with user(server, ['GET', 'SET', 'DEL', 'TIME']) as client:
        init_cachify(client)
        with pytest.raises(redis.exceptions.NoPermissionError, match='evalsha'), pool('reports', max_size=1):
            raise AssertionError('the body ran')
    assert server.keys('*') == []
