"""The command itself: options, exit status, errors, and what it never shows."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from py_cachify import init_cachify
from tests.library.ctl.running import Terminal, as_url, pool_ctl
from tests.seen_from_outside import hold, token
from tests.support.paths import ROOT
from tests.support.servers import free_port, or_skip, redis_server


COMMAND = [sys.executable, '-m', 'py_cachify.ctl']


def in_a_process(*words: str, **environment: str) -> 'subprocess.CompletedProcess[str]':
    """Run a command in its own process."""
    return subprocess.run(
        [*COMMAND, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, 'PYTHONPATH': str(ROOT), **environment},
    )


@pytest.fixture(scope='module')
def guarded() -> Iterator[str]:
    """The unix socket of a server with a password."""
    with or_skip(FileNotFoundError), redis_server() as socket:
        with redis.Redis(unix_socket_path=socket) as client:
            client.execute_command('ACL', 'SETUSER', 'ops', 'on', '>s3cret', '~PYC-*', '+@all')
        yield socket


def test_the_url_comes_from_the_environment_or_the_option(socket: str, server: 'redis.Redis') -> None:
    hold(server, 'reports', token(1, host='h'))
    for done in (
        in_a_process('list', REDIS_URL=as_url(socket)),
        in_a_process('list', '--url', as_url(socket)),
        in_a_process('--url', as_url(socket), 'list', REDIS_URL='redis://elsewhere.invalid'),
    ):
        assert (done.returncode, done.stderr) == (0, '')
        assert done.stdout.splitlines()[1].startswith('reports\t1\t3\t')


def test_a_prefix_is_taken_literally(socket: str, server: 'redis.Redis') -> None:
    for prefix in ('a*-', 'ab-', '[ab]-'):
        hold(server, f'of {prefix}', token(1, host='h'), prefix=prefix)
    for prefix in ('a*-', '[ab]-'):
        assert [row['pool'] for row in pool_ctl('list', '--prefix', prefix, url=socket).rows()] == [f'of {prefix}']
    assert len(pool_ctl('list', '--prefix=', url=socket).rows()) == 3


@pytest.mark.parametrize(
    ('words', 'part'),
    [
        ([], 'COMMAND'),
        (['lst'], 'lst'),
        (['show'], 'KEY'),
        (['free', 'reports'], 'TOKEN'),
        (['watch', '--interval', '0'], '0.1 to 86400'),
        (['watch', '--interval', 'soon'], 'soon'),
        (['watch', '--interval', 'nan'], '0.1 to 86400'),
        (['watch', '--times', '0'], 'at least 1'),
        (['show', ''], 'KEY'),
        (['doctor', '--for', '-1'], '0 to 86400'),
        (['doctor', '--for', 'nan'], '0 to 86400'),
        (['doctor', '--for', 'x'], "must be a number of seconds, not 'x'"),
        (['show', '\udcff'], 'KEY'),
        (['doctor', '--user', '\udcff'], '--user'),
        (['list', '--url', 'http://x'], '--url must be a URL that begins with'),
        (['list', '--url', 'redis://host:x/'], '--url is a malformed URL'),
        (['list', '--url', 'redis://localhost/?socket_timeout=soon'], 'redis-py does not accept'),
        (['list', '--url', 'redis://localhost/?socket_timeout=-5'], 'has socket_timeout=-5: it must be'),
        (['list', '--url', 'redis://localhost/?socket_timeout=0'], 'has socket_timeout=0: it must be'),
        (['list', '--url', 'redis://localhost/?socket_timeout=inf'], 'has socket_timeout=inf: it must be'),
        (['watch', '--url', 'redis://localhost/?socket_connect_timeout=nan'], 'has socket_connect_timeout=nan'),
        (['list', '--cluster', '--url', 'redis://localhost/?socket_timeout=-5'], 'has socket_timeout=-5'),
        (['list', '--url', 'redis://localhost/?socket_type=5'], 'redis-py does not accept'),
    ],
)
def test_a_wrong_request_is_refused_in_one_line_with_status_2(words: list[str], part: str) -> None:
    ran = pool_ctl(*words)
    assert (ran.status, ran.out) == (2, '')
    assert ran.err.startswith('pool-ctl: ')
    assert ran.err.count('\n') == 1
    assert part in ran.err


@pytest.mark.parametrize(
    ('url', 'part'),
    [
        ('http://x', 'REDIS_URL must be a URL that begins with'),
        ('redis://host:x/', 'REDIS_URL is a malformed URL'),
        ('redis://localhost/?socket_timeout=soon', 'REDIS_URL has an option'),
    ],
)
def test_a_wrong_url_of_the_environment_is_named(monkeypatch: pytest.MonkeyPatch, url: str, part: str) -> None:
    monkeypatch.setenv('REDIS_URL', url)
    for words in (['list'], ['watch', '--times', '1']):
        ran = pool_ctl(*words)
        assert part in ran.err
        assert '--url' not in ran.err
    assert '--url must be' in pool_ctl('list', '--url', 'http://x').err


@pytest.mark.parametrize('command', ['list', 'show', 'watch', 'free', 'doctor'])
def test_every_command_has_help_and_the_common_options(command: str) -> None:
    ran = pool_ctl(command, '--help')
    assert ran.status == 0
    for option in ('--url', '--prefix', '--json', '--cluster'):
        assert option in ran.out


@pytest.mark.parametrize(
    'words', [['list'], ['show', 'x'], ['free', 'x', 'y', '--yes'], ['doctor'], ['list', '--cluster']]
)
def test_a_server_that_is_not_there_is_status_2(words: list[str]) -> None:
    ran = pool_ctl(*words, url=f'redis://ops:s3cret@127.0.0.1:{free_port()}/0')
    assert (ran.status, ran.out) == (2, '')
    assert ran.err.startswith('pool-ctl: ')
    assert ran.err.count('\n') == 1
    assert 's3cret' not in ran.err


@pytest.mark.parametrize('words', [['list'], ['show', 'x'], ['list', '--json'], ['doctor'], ['doctor', '--json']])
def test_a_password_is_never_shown(guarded: str, words: list[str]) -> None:
    done = in_a_process(*words, '--url', f'unix://ops:s3cret@{guarded}')
    assert done.returncode in (0, 1)
    assert 's3cret' not in done.stdout + done.stderr
    refused = in_a_process(*words, '--url', f'unix://ops:s3cret-wrong@{guarded}')
    assert refused.returncode == 2
    assert 'does not let this user in' in refused.stderr
    assert 's3cret' not in refused.stdout + refused.stderr


def test_options_of_the_url_that_change_the_answers_do_no_harm(socket: str, server: 'redis.Redis') -> None:
    hold(server, 'reports', token(1, host='h'))
    for options in ('decode_responses=True', 'protocol=2', 'protocol=3', 'timeout=3', 'socket_timeout=7', 'db=0'):
        [row] = pool_ctl('list', url=f'unix://{socket}?{options}').rows()
        assert row['pool'] == 'reports'


def test_a_closed_pipe_is_status_141(socket: str, server: 'redis.Redis') -> None:
    now = 4e9
    for number in range(3000):
        server.zadd(f'PYC-{"pool" * 20}-{number}', {token(number, host='h'): now})
    process = subprocess.Popen(
        [*COMMAND, 'list', '--url', as_url(socket)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == b''
    process.stderr.close()


@pytest.mark.parametrize(
    ('closed', 'words', 'sentence'),
    [
        ('>&-', 'list', 'pool-ctl: standard output is closed: redirect it to a file, a pipe or /dev/null\n'),
        ('>&-', 'doctor --json', 'pool-ctl: standard output is closed: redirect it to a file, a pipe or /dev/null\n'),
        (
            '<&-',
            'free reports {token}',
            'pool-ctl: free asks before it frees, and standard input is no terminal: add --yes\n',
        ),
        ('2>&-', 'list --url http://x', ''),
    ],
)
def test_a_stream_that_is_closed_is_status_2(
    socket: str, server: 'redis.Redis', closed: str, words: str, sentence: str
) -> None:
    hold(server, 'reports', text := token(1, host='h'))
    done = subprocess.run(
        ['sh', '-c', f'exec "$@" {closed}', 'sh', *COMMAND, *words.format(token=text).split()],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'REDIS_URL': as_url(socket)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, '', sentence)
    assert server.zcard('PYC-reports') == 1


def test_an_error_of_its_own_has_not_the_status_of_a_finding(socket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError('an error of pool-ctl')

    monkeypatch.setattr('py_cachify.ctl.commands.read_pools', fail)
    ran = pool_ctl('list', url=socket)
    assert (ran.status, ran.out) == (2, '')
    assert ran.err.endswith('ZeroDivisionError: an error of pool-ctl\n')


def test_a_termination_is_status_143(socket: str) -> None:
    with Terminal('watch', '--interval', '0.1', url=socket) as terminal:
        terminal.wait_for('nobody waits')
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 143
        assert terminal.raw.endswith('\x1b[?1049l')


def test_without_rich_a_pipe_works_and_a_terminal_gets_a_plain_error(socket: str, tmp_path: Path) -> None:
    (tmp_path / 'rich.py').write_text("raise ModuleNotFoundError('no rich', name='rich')")
    done = in_a_process('list', '--url', as_url(socket), PYTHONPATH=f'{tmp_path}{os.pathsep}{ROOT}')
    assert (done.returncode, done.stderr) == (0, '')
    with Terminal('list', url=socket, path=tmp_path) as terminal:
        assert terminal.end() == 2
        assert "pip install 'py-cachify-lab[ctl]'" in terminal.received


def test_without_redis_the_error_names_the_extra(tmp_path: Path) -> None:
    (tmp_path / 'redis.py').write_text("raise ModuleNotFoundError('no redis', name='redis')")
    done = in_a_process('list', PYTHONPATH=f'{tmp_path}{os.pathsep}{ROOT}')
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr == (
        "pool-ctl: pool-ctl needs the package redis: install the extra `ctl`, pip install 'py-cachify-lab[ctl]'\n"
    )


def test_the_library_does_not_import_it() -> None:
    code = "import sys, py_cachify; print([name for name in sys.modules if name.startswith('py_cachify.ctl')])"
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout == '[]\n'


def test_it_holds_no_slot_and_leaves_nothing(socket: str, server: 'redis.Redis') -> None:
    """What it reads, it leaves as it was."""
    made = init_cachify(f'unix://{socket}', is_global=False)
    slot = made.pool('reports', max_size=1).acquire()
    before = server.dump('PYC-reports'), sorted(server.keys('*'))
    for words in (['list'], ['show', 'reports'], ['watch', '--times', '1'], ['doctor']):
        pool_ctl(*words, url=socket)
    assert (server.dump('PYC-reports'), sorted(server.keys('*'))) == before
    slot.release()
    made.close()
