"""Users of an access list: what ``doctor`` says of them, and what ``pool-ctl`` itself needs."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from py_cachify import init_cachify
from py_cachify.ctl.doctor.permissions import harmless
from tests.library.ctl.running import Ran, pool_ctl
from tests.library.stores.test_access import documented_commands, documented_for_fencing, documented_for_waiting
from tests.seen_from_outside import hold, queue, token
from tests.support.servers import or_skip, redis_server
from tests.support.stores import GUIDE


PASSWORD = 's3cret'
LIBRARY = documented_commands()
WAITING, CHANNELS = documented_for_waiting()
OWN = ('~PYC-*', '+scan', '+zrange', '+time')


def documented_for_ctl() -> tuple[list[str], list[str]]:
    """Return the rules that the guide says ``pool-ctl`` needs: to look, and for ``doctor`` too."""
    chapter = GUIDE.read_text(encoding='utf-8').partition('\n## Seeing a pool from outside')[2].partition('\n## ')[0]
    rows = re.findall(r'^\| `(?:list|doctor)`.* \| (.*`\+.*) \|$', chapter, re.MULTILINE)
    looking, doctor = ([rule.replace('\\|', '|') for rule in re.findall(r'`([~+][^`]+)`', row)] for row in rows)
    return looking, doctor


@pytest.fixture
def rules(server: Any) -> Iterator[Any]:
    """Sets the rules of the user ``ops``, which then only has these."""

    def allow(*given: str, name: str = 'ops') -> None:
        server.execute_command('ACL', 'SETUSER', name, 'reset', 'on', f'>{PASSWORD}', *given)

    yield allow
    server.execute_command('ACL', 'DELUSER', 'ops', 'worker')


def as_ops(socket: str, *words: str) -> Ran:
    """Run a command as that user."""
    ran = pool_ctl(*words, url=f'unix://ops:{PASSWORD}@{socket}')
    assert PASSWORD not in ran.out + ran.err
    return ran


def permissions(ran: Ran) -> list[str]:
    """Return what is wrong with the permissions."""
    return [each['problem'] for each in ran.json()['findings'] if each['check'] == 'permissions']


def test_three_commands_are_enough_to_look(server: 'redis.Redis', socket: str, rules: Any) -> None:
    hold(server, 'reports', token(1, host='h'))
    queue(server, 'reports', token(2, host='h'))
    rules(*OWN)
    for words in (['list'], ['show', 'reports'], ['watch', '--times', '1'], ['list', '--json']):
        assert as_ops(socket, *words).status == 0
    [row] = as_ops(socket, 'list').rows()
    assert (row['taken'], row['waiting']) == ('1', '1')


@pytest.mark.parametrize('left_out', ['~PYC-*', '+scan', '+zrange', '+time'])
def test_without_one_of_them_the_error_names_it(server: 'redis.Redis', socket: str, rules: Any, left_out: str) -> None:
    hold(server, 'reports', token(1, host='h'))
    rules(*(rule for rule in OWN if rule != left_out))
    ran = as_ops(socket, 'list')
    assert (ran.status, ran.out) == (2, '')
    assert left_out[1:] in ran.err or 'key' in ran.err
    assert 'pool-ctl needs' in ran.err


@pytest.mark.parametrize('dry_run', [True, False], ids=['asked', 'tried'])
@pytest.mark.parametrize('left_out', [*LIBRARY, *WAITING])
def test_each_permission_that_the_library_needs_is_named_if_it_is_missing(
    server: 'redis.Redis', socket: str, rules: Any, left_out: str, dry_run: bool
) -> None:
    allowed = [f'+{name}' for name in (*LIBRARY, *WAITING) if name != left_out]
    needed = '+scan', *(() if left_out in ('TIME', 'ZRANGE') else ('+zrange', '+time'))
    rules('~PYC-*', CHANNELS, *allowed, *needed, *(['+acl|dryrun', '+acl|whoami'] if dry_run else []))
    if left_out == 'TIME':
        # Without it, pool-ctl cannot even list.
        assert as_ops(socket, 'doctor').status == 2
        return
    ran = as_ops(socket, 'doctor', '--json')
    assert ran.status == 1
    [problem] = permissions(ran)
    assert problem.endswith(f' may not use {left_out}.')
    assert f'+{left_out.lower()}' in next(
        each['remedy'] for each in ran.json()['findings'] if each['check'] == 'permissions'
    )
    assert server.keys('*') == []


@pytest.mark.parametrize('dry_run', [True, False], ids=['asked', 'tried'])
def test_missing_keys_and_channels_are_named_once(
    server: 'redis.Redis', socket: str, rules: Any, dry_run: bool
) -> None:
    asking = ['+acl|dryrun', '+acl|whoami'] if dry_run else []
    allowed = [f'+{name}' for name in (*LIBRARY, *WAITING)]
    rules('resetchannels', '~elsewhere-*', *allowed, '+scan', *asking)
    problems = permissions(as_ops(socket, 'doctor', '--json'))
    assert [problem.partition(' may not use ')[2] for problem in problems] == ['~PYC-*.', '&py-cachify:*.']


def test_permissions_to_fence_matter_only_where_pools_fence(server: 'redis.Redis', socket: str, rules: Any) -> None:
    rules('~PYC-*', CHANNELS, *(f'+{name}' for name in (*LIBRARY, *WAITING)), '+scan', '+acl|dryrun', '+acl|whoami')
    assert permissions(as_ops(socket, 'doctor', '--json')) == []
    made = init_cachify(f'unix://{socket}', is_global=False)
    made.pool('reports', max_size=1, fence=True).acquire().release()
    [problem] = permissions(as_ops(socket, 'doctor', '--json'))
    assert problem == f"The user 'ops' may not use {', '.join(documented_for_fencing())}."
    made.close()


def test_the_permissions_of_another_user_are_checked(server: 'redis.Redis', socket: str, rules: Any) -> None:
    rules(*OWN, '+acl|dryrun', '+acl|whoami')
    rules('~PYC-*', '&*', *(f'+{name}' for name in (*LIBRARY, *WAITING)), name='worker')
    assert permissions(as_ops(socket, 'doctor', '--json', '--user', 'worker')) == []
    rules('~PYC-*', '&*', '+eval', name='worker')
    [pools, waiting] = permissions(as_ops(socket, 'doctor', '--json', '--user', 'worker'))
    assert pools.startswith("The user 'worker' may not use EVALSHA, TIME")
    assert waiting == "The user 'worker' may not use PUBLISH, SUBSCRIBE, UNSUBSCRIBE."
    nobody = as_ops(socket, 'doctor', '--json', '--user', 'nobody')
    assert permissions(nobody) == []
    assert any("User 'nobody' not found" in each['problem'] for each in nobody.json()['unchecked'])
    rules(*OWN)
    ran = as_ops(socket, 'doctor', '--json', '--user', 'worker')
    assert permissions(ran) == []
    assert any('ACL DRYRUN' in each['problem'] for each in ran.json()['unchecked'])


def test_what_the_user_may_not_look_at_is_said_and_status_3(server: 'redis.Redis', socket: str, rules: Any) -> None:
    """Neither ``INFO`` nor ``CONFIG`` nor ``PTTL``: nothing was found in the rest."""
    hold(server, 'reports', token(1, host='h'))
    rules('~PYC-*', '&*', *(f'+{name}' for name in (*LIBRARY, *WAITING)), '+scan')
    ran = as_ops(socket, 'doctor', '--json')
    assert (ran.status, ran.json()['findings']) == (3, [])
    unchecked = {each['check'] for each in ran.json()['unchecked']}
    assert unchecked == {'version', 'eviction', 'persistence', 'replicas', 'endless-keys'}
    assert [row['what'] for row in as_ops(socket, 'doctor').rows()] == ['unchecked'] * 5


@pytest.mark.parametrize('dry_run', [True, False], ids=['asked', 'tried'])
@pytest.mark.parametrize('missing', ['EVALSHA', 'ZREVRANK', 'PUBLISH', 'SUBSCRIBE'])
def test_a_command_that_the_server_does_not_have_is_a_finding(missing: str, dry_run: bool) -> None:
    """For every user, also for one that may do everything."""
    renamed = ['--rename-command', missing, '', *([] if dry_run else ['--rename-command', 'ACL', ''])]
    with or_skip(FileNotFoundError), redis_server(*renamed) as place:
        ran = pool_ctl('doctor', '--json', '--for', '0', url=place)
    assert ran.status == 1
    assert permissions(ran) == [f'The server does not have {missing}.']
    assert [each for each in ran.json()['unchecked'] if each['check'] == 'permissions'] == []


def test_pools_that_the_user_may_not_read_are_left_out_and_counted(
    server: 'redis.Redis', socket: str, rules: Any
) -> None:
    """The pools that it may read are looked at."""
    hold(server, 'reports', token(1, host='h', life=600.0), 30.0)
    hold(server, 'others', token(2, host='h', life=600.0), 30.0)
    queue(server, 'others', token(3, host='h'))
    server.zadd('PYC-board', {'alice': 1})
    rules('~PYC-reports*', '&*', '+@all')
    ran = as_ops(socket, 'doctor', '--json')
    assert (ran.status, permissions(ran)) == (1, [])
    document = ran.json()
    assert document['pools'] == 1
    assert [each['pools'] for each in document['findings'] if each['check'] == 'expiries'] == [['reports']]
    assert [(each['check'], each['problem']) for each in document['unchecked']] == [
        (check, '2 keys under the prefix, which the user may not read')
        for check in ('endless-slots', 'endless-keys', 'sizes', 'expiries', 'renewals')
    ]
    rules('~PYC-*', '&*', '+@all', '-zrange')
    assert as_ops(socket, 'doctor').status == 2


def test_the_guide_lists_the_same_requests() -> None:
    sent = [request[0] for _, request in harmless('key', 'channel')]
    assert sorted(sent) == sorted([*LIBRARY, *WAITING, *documented_for_fencing()])


def test_the_documented_permissions_are_enough(server: 'redis.Redis', socket: str, rules: Any) -> None:
    """Those that the guide lists for looking, for ``free`` and for ``doctor``."""
    looking, doctor = documented_for_ctl()
    hold(server, 'reports', text := token(1, host='h'))
    rules(*looking)
    assert as_ops(socket, 'list').status == 0
    rules(*looking, *doctor)
    ran = as_ops(socket, 'doctor', '--json')
    assert ran.json()['unchecked'] == []
    rules(*looking)
    assert as_ops(socket, 'free', 'reports', text, '--yes').status == 2
    rules(*looking, *(f'+{name}' for name in LIBRARY))
    assert as_ops(socket, 'free', 'reports', text, '--yes').status == 0
    assert server.zcard('PYC-reports') == 0
