"""What a user of an access list needs, and what happens to a user without scripts."""

import logging
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis

from py_cachify import init_cachify, pool
from py_cachify.backends.redis import RedisBackend
from py_cachify.commands import AskAgain, CountWaiting, DropSlot, JoinQueue, LeaveQueue, TakeSlot, UndoSlot
from tests.support.stores import GUIDE


def documented_commands() -> list[str]:
    """Return the commands that the library's guide says a user needs."""
    [sentence] = re.findall(
        r'needs\s+access\s+to\s+the\s+pool\'s\s+keys\s+and\s+to\s+(.*?)\.\n', GUIDE.read_text(), re.S
    )
    commands = re.findall(r'`([A-Z]+)`', sentence)
    assert 'EVALSHA' in commands
    return commands


def documented_for_waiting() -> tuple[list[str], str]:
    """Return the further commands and the channels that the guide says waiting needs."""
    [sentence] = re.findall(r'Where pools wait, it also needs (.*?);', GUIDE.read_text(), re.S)
    [channels] = re.findall(r'`(&[^`]+)`', sentence)
    return re.findall(r'`([A-Z]+)`', sentence), channels


def documented_readers() -> list[tuple[str, list[str]]]:
    """Return the keys and the commands that the guide says are enough for ``size()``."""
    [sentence] = re.findall(
        r'who only asks for `size\(\)` and `queue_size\(\)` needs (.*?)\.\n', GUIDE.read_text(), re.S
    )
    readers = [
        (re.findall(r'`([%R]*~PYC-\*)`', one), re.findall(r'`([A-Z_]+)`', one)) for one in sentence.split('; or, ')
    ]
    assert [len(keys) for keys, _ in readers] == [1, 1]
    return [(keys[0], commands) for keys, commands in readers]


def documented_for_fencing() -> list[str]:
    """Return the further commands that the guide says fencing tokens need."""
    [sentence] = re.findall(r'Where pools have `fence=True`, it also needs (.*?)\.', GUIDE.read_text(), re.S)
    return re.findall(r'`([A-Z]+)`', sentence)


def documented_for_listing() -> list[str]:
    """Return the further commands with which a user who only looks may list holders and waiters."""
    [sentence] = re.findall(
        r'For `holders\(\)` and `queue\(\)`, the user who only looks also needs (.*?)\.\n', GUIDE.read_text(), re.S
    )
    return re.findall(r'`([A-Z]+)`', sentence)


def user(server: Any, commands: list[str], *keys: str, name: str = 'worker') -> 'redis.Redis':
    """Return a client that may use only these commands, on the keys of pools."""
    rules = ['reset', 'on', 'nopass', *(keys or ['~PYC-*']), *(f'+{name}' for name in commands)]
    server.execute_command('ACL SETUSER', name, *rules)
    path = server.connection_pool.connection_kwargs['path']
    return redis.Redis(unix_socket_path=path, username=name, password='any', driver_info=None, protocol=2)


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
    backend = RedisBackend(client)
    backend.perform(UndoSlot('PYC-reports', 'the token of a failed acquire'))
    tickets = [f'1:p:0:0:1:60.0:{number}' for number in range(3)]
    for ticket in tickets:
        backend.perform(JoinQueue('PYC-reports', ticket, 1, 60, None))
    backend.perform(LeaveQueue('PYC-reports', tickets[1], 1, 60, False))
    backend.perform(DropSlot('PYC-reports', tickets[0]))
    assert backend.perform(AskAgain('PYC-reports', tickets[2], 1, 60, 0.0)) is True
    assert backend.perform(CountWaiting('PYC-reports')) == 0


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
            assert (reading.size(), reading.queue_size()) == (1, 0)
            with pytest.raises(redis.RedisError), reading:
                raise AssertionError('the body ran')
        server.script_flush()
        for left_out in commands:
            with user(server, [name for name in commands if name != left_out], keys) as client:
                with pytest.raises(redis.RedisError, match='permission'):
                    init_cachify(client, is_global=False).pool('reports', max_size=2).size()
    assert server.zcard('PYC-reports') == 0


@pytest.mark.parametrize(('keys', 'commands'), documented_readers(), ids=['commands', 'keys'])
def test_a_user_who_may_only_read_can_list_who_holds_and_who_waits(
    server: 'redis.Redis', keys: str, commands: list[str]
) -> None:
    """With two more permissions; without either, the server refuses one of the lists."""
    init_cachify(server)
    RedisBackend(server).perform(JoinQueue('PYC-reports', '1:another process:0:0:0:60.0:1', 0, 60, None))
    RedisBackend(server).perform(TakeSlot('PYC-others', '1:another process:0:0:1:60.0:2', 1, 60))

    def look(permissions: list[str]) -> tuple[int, int]:
        with user(server, permissions, keys) as client:
            cachify = init_cachify(client, is_global=False)
            return len(cachify.pool('others', max_size=1).holders()), len(cachify.pool('reports', max_size=1).queue())

    assert look([*commands, *documented_for_listing()]) == (1, 1)
    for left_out in documented_for_listing():
        with pytest.raises(redis.RedisError, match='permission'):
            look([*commands, *(name for name in documented_for_listing() if name != left_out)])


def test_renewal_needs_no_further_permission_and_a_fencing_token_needs_two(server: 'redis.Redis') -> None:
    """Without either, entering raises the server's error, and the acquire is undone."""
    with user(server, documented_commands()) as client:
        init_cachify(client)
        for slot_exp in (None, 60):
            with pool('reports', max_size=1, slot_exp=slot_exp) as slot:
                slot.renew()
    with user(server, [*documented_commands(), *documented_for_fencing()]) as client:
        init_cachify(client)
        with pool('reports', max_size=1, fence=True) as slot:
            assert slot.fence is not None
    assert documented_for_fencing() == ['GET', 'SET']
    for left_out in documented_for_fencing():
        allowed = [name for name in documented_for_fencing() if name != left_out]
        with user(server, [*documented_commands(), *allowed]) as client:
            init_cachify(client)
            with pytest.raises(redis.RedisError, match='permission'), pool('reports', max_size=1, fence=True):
                raise AssertionError('the body ran')
            assert pool('reports', max_size=1).size() == 0


class Records(logging.Handler):
    """Keeps the texts of warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def wait_for_a_slot(client: 'redis.Redis', *, warned: bool) -> list[str]:
    """Wait until another process gives its slot back; return the warnings that were logged."""
    records = Records()
    logger = logging.getLogger('py_cachify')
    logger.addHandler(records)
    try:
        init_cachify(client)
        backend = RedisBackend(client)
        holder = '1:another process:0:0:1:60.0:1'
        backend.perform(TakeSlot('PYC-reports', holder, 1, 60))
        thread = threading.Thread(target=_enter, args=(pool('reports', max_size=1, wait=None),))
        thread.start()
        until(lambda: backend.perform(CountWaiting('PYC-reports')) == 1 and bool(records.texts) == warned)
        backend.perform(DropSlot('PYC-reports', holder))
        thread.join(60)
        assert not thread.is_alive()
    finally:
        logger.removeHandler(records)
    return records.texts


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is true, for a minute at most."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def _enter(one: pool) -> None:
    with one:
        pass


def test_the_documented_permissions_are_enough_to_wait(server: 'redis.Redis') -> None:
    commands, channels = documented_for_waiting()
    with user(server, [*documented_commands(), *commands], '~PYC-*', channels) as client:
        assert wait_for_a_slot(client, warned=False) == []


@pytest.mark.parametrize('left_out', ['PUBLISH', 'SUBSCRIBE', 'the channels'])
def test_without_one_of_them_a_waiter_asks_more_often_and_it_is_logged_once(
    server: 'redis.Redis', left_out: str
) -> None:
    commands, channels = documented_for_waiting()
    rules = ['~PYC-*', 'resetchannels' if left_out == 'the channels' else channels]
    allowed = [name for name in (*documented_commands(), *commands) if name != left_out]
    # A name of its own: a listener of an earlier test may still log in with the usual one.
    with user(server, allowed, *rules, name=f'worker-without-{left_out.split()[-1]}') as client:
        [text] = wait_for_a_slot(client, warned=True)
        assert 'hear of free slots only when they ask' in text


def test_a_user_without_scripts_gets_one_clear_error(server: 'redis.Redis') -> None:
    """The server's error names the command, at the first entry; it is never "full"."""
    with user(server, ['GET', 'SET', 'DEL', 'TIME']) as client:
        init_cachify(client)
        with pytest.raises(redis.exceptions.NoPermissionError, match='evalsha'), pool('reports', max_size=1):
            raise AssertionError('the body ran')
    assert server.keys('*') == []
