"""The command ``pool-sim check-client``."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.support.command import here, in_a_process


CLIENTS = """
import os
import redis
from py_cachify import MemoryClient

a_number = 3

def make_redis():
    return redis.Redis(unix_socket_path=os.environ['SOCKET'])

def make_async():
    import redis.asyncio
    return redis.asyncio.Redis(unix_socket_path=os.environ['SOCKET'])

def make_memory():
    return MemoryClient()

class AlwaysOk(MemoryClient):
    def set(self, name, value, ex=None, nx=False):
        super().set(name, value, ex, nx)
        return 'OK'

def raises():
    raise ConnectionError('the store is down')

def make_list():
    return []

def make_class():
    return MemoryClient

def make_unreachable():
    return redis.Redis(unix_socket_path='/nowhere/socket')

class inner:
    make = MemoryClient
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a user's module, which no other test has imported."""
    (tmp_path / 'users_clients.py').write_text(CLIENTS)
    (tmp_path / 'broken_module.py').write_text('import no_such_thing\n')
    (tmp_path / 'wrong_module.py').write_text('1 / 0\n')
    monkeypatch.setattr(sys, 'path', list(sys.path))
    for name in ('users_clients', 'broken_module', 'wrong_module'):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def test_a_right_client_ends_with_status_0(
    folder: Path, monkeypatch: pytest.MonkeyPatch, socket: str, server: 'redis.Redis'
) -> None:
    """Fresh interpreters import the factory; the report has the command that repeats it."""
    monkeypatch.setitem(os.environ, 'SOCKET', socket)

    done = in_a_process(folder, 'check-client', 'users_clients:make_redis', '--rounds', '24', '--seed', '7')

    assert done.returncode == 0, done.stdout + done.stderr
    assert 'verdict     all 21 clauses hold' in done.stdout
    assert 'seed 7' in done.stdout
    assert 'repeat it with: pool-sim check-client users_clients:make_redis --rounds 24 --seed 7' in done.stdout
    assert '100%' in done.stderr
    assert server.dbsize() == 0


def test_a_wrong_client_ends_with_status_1_and_its_findings(folder: Path) -> None:
    """With ``--json -`` the findings are alone on standard output."""
    done = here(folder, 'check-client', 'users_clients:AlwaysOk', '--processes', '0', '--json', '-')
    told = json.loads(done.stdout)

    assert done.returncode == 1
    assert (told['holds'], told['failures'], told['problem']) == (False, ['refused'], None)
    [finding] = [finding for finding in told['findings'] if finding['clause'] == 'refused']
    assert finding['verdict'] == 'fails'
    assert 'returned a true value although the name existed' in finding['observed']
    assert [call['request']['method'] for call in finding['calls']] == ['set', 'set']
    assert 'mend it   Pass nx on to the store' in done.stderr
    assert {finding['verdict'] for finding in told['findings']} == {'holds', 'fails', 'not checked'}


def test_the_findings_go_to_a_file(folder: Path) -> None:
    """A dotted name is found, and the clauses about processes are left out on request."""
    words = ('users_clients:inner.make', '--processes', '0', '--rounds', '6', '--json', 'found.json')
    done = here(folder, 'check-client', *words)

    assert done.returncode == 0, done.stdout
    told = json.loads((folder / 'found.json').read_text())
    assert told['holds'] is True
    assert told['prefix'].startswith('check-')
    assert not {'shared', 'processes', 'killed'} & {finding['clause'] for finding in told['findings']}


def test_an_asynchronous_client_is_recognised(folder: Path, monkeypatch: pytest.MonkeyPatch, socket: str) -> None:
    monkeypatch.setitem(os.environ, 'SOCKET', socket)

    done = in_a_process(folder, 'check-client', 'users_clients:make_async', '--rounds', '12', '--processes', '2')

    assert done.returncode == 0, done.stdout + done.stderr
    assert 'Redis: asynchronous client' in done.stdout
    assert 'tasks           holds       8 callers, 12 rounds' in done.stdout


def test_an_interruption_leaves_the_store_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch, socket: str, server: 'redis.Redis'
) -> None:
    """The names are removed before the command ends with the usual status."""
    monkeypatch.setitem(os.environ, 'SOCKET', socket)
    words = ['check-client', 'users_clients:make_redis', '--rounds', '1000000', '--seconds', '300']
    command = [str(Path(sys.executable).with_name('pool-sim')), *words]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        seen = ''
        while 'of 1000000 rounds' not in seen:
            letter = process.stderr.read(1)
            assert letter, seen
            seen += letter
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()

    assert process.returncode == 130
    assert rest.endswith('pool-sim: interrupted\n')
    assert server.dbsize() == 0


@pytest.mark.parametrize(
    ('words', 'complaint'),
    [
        ([], 'the following arguments are required: MODULE:NAME'),
        (['users_clients'], "name the factory as MODULE:NAME, such as my_module:make_client, not 'users_clients'"),
        (['users_clients.py:make_memory'], "'users_clients.py' is a file: write the name of the module"),
        (['nowhere:make'], "there is no module 'nowhere' in "),
        (['nowhere.inside:make'], "there is no module 'nowhere.inside' in "),
        (['broken_module:make'], "importing broken_module raised ModuleNotFoundError: No module named 'no_such_thing'"),
        (['wrong_module:make'], 'importing wrong_module raised ZeroDivisionError: division by zero'),
        (['users_clients:make_memori'], "has no 'make_memori': did you mean 'make_memory'?"),
        (['users_clients:a_number'], 'is a int, not a function that makes a client'),
        (['users_clients:raises'], 'the factory raised ConnectionError: the store is down'),
        (['users_clients:make_list'], 'a list, which is not a client: it lacks get and set and delete'),
        (['users_clients:make_class'], 'the factory returned the class MemoryClient, not a client'),
        (['users_clients:make_unreachable'], 'check that the store is running'),
        (['users_clients:make_memory', '--threads', '1'], 'threads must be at least 2'),
        (['users_clients:make_memory', '--processes', '1'], 'processes must be 0 or at least 2, got 1'),
        (['users_clients:make_memory', '--rounds', '0'], 'rounds must be at least 1'),
        (['users_clients:make_memory', '--seconds', 'nan'], 'seconds must be a number'),
        (['users_clients:make_memory', '--json', 'nowhere/found.json'], 'cannot write the file nowhere/found.json'),
    ],
)
def test_what_cannot_be_done_gets_one_line_and_status_2(folder: Path, words: list[str], complaint: str) -> None:
    done = here(folder, 'check-client', *words)

    assert done.returncode == 2
    assert complaint in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith('pool-sim: ')]) == 1
    assert done.stdout == ''
