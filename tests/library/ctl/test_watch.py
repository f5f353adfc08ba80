"""``pool-ctl watch`` in a real terminal and in a pipe: it redraws, survives errors, and ends."""

import json
import os
import re
import subprocess
import sys
import tempfile

import pytest
import redis

from py_cachify import init_cachify
from py_cachify.ctl.watching import View, watch
from tests.library.ctl.running import INTERRUPTIBLE, Terminal, as_url, pool_ctl
from tests.seen_from_outside import hold, queue, token
from tests.support.paths import ROOT
from tests.support.proxy import CuttingProxy
from tests.support.servers import accident_prone_server, or_skip


def test_it_redraws_what_changes(socket: str) -> None:
    made = init_cachify(f'unix://{socket}', is_global=False)
    pool = made.pool('reports', max_size=2, label='import')
    with Terminal('watch', '--interval', '0.1', url=socket) as terminal:
        end = terminal.wait_for('nobody waits')
        slot = pool.acquire()
        end = terminal.wait_for('1 of 2', after=end)
        assert 'import on ' in terminal.frames()[-1]
        other = pool.acquire()
        end = terminal.wait_for('2 of 2', after=end)
        slot.release()
        other.release()
        terminal.wait_for('nobody waits', after=end)
        terminal.type('\x03')
        assert terminal.end() == 130
    made.close()


def test_one_pool_has_bars_a_queue_and_who_holds_longest_first(server: 'redis.Redis', socket: str) -> None:
    hold(server, 'reports', token(1, host='web-2', label='younger', ago=5))
    hold(server, 'reports', token(2, host='web-1', label='older', ago=500))
    queue(server, 'reports', token(3, host='web-3', label='waits'))
    with Terminal('watch', 'reports', '--times', '1', url=socket) as terminal:
        assert terminal.end() == 0
        frame = terminal.frames()[-1]
    assert re.search(r'━+─+ +2 of 3 taken, 1 waiting', frame)
    assert frame.index('older') < frame.index('younger') < frame.index('waits ')
    assert re.search(r'older .* 8m \d\ds', frame)


def test_with_many_pools_the_fullest_are_shown_and_the_rest_is_counted(server: 'redis.Redis', socket: str) -> None:
    # No other text on the screen looks like these keys: the title shows the folder of the socket.
    for number in range(60):
        hold(server, f'KEY-{number:02}', token(number, host='h', max_size=60 - number))
    with Terminal('watch', '--times', '1', url=socket, columns=80, rows=24) as terminal:
        assert terminal.end() == 0
        frame = terminal.frames()[-1]
    lines = [line for line in frame.split('\n') if line.strip()]
    assert len(frame.split('\n')) <= 24
    shown = re.findall(r'KEY-(\d\d)', frame)
    assert shown == [f'{59 - place:02}' for place in range(len(shown))]
    assert len(shown) > 10
    [more] = re.findall(r'and (\d+) pools more', frame)
    assert int(more) + len(shown) == 60
    assert lines


@pytest.mark.parametrize('columns', [30, 40, 80, 140])
@pytest.mark.parametrize('rows', [6, 12, 24])
def test_a_screen_is_never_taller_than_the_terminal(
    server: 'redis.Redis', socket: str, columns: int, rows: int
) -> None:
    for number in range(40):
        hold(server, f'{"pool" * 30}-{number}', token(number, host='h' * 60, label='l' * 64))
        hold(server, 'reports', token(number, host='h' * 60, label='日' * 64, max_size=40))
    for words in (['watch'], ['watch', 'reports']):
        with Terminal(*words, '--times', '1', url=socket, columns=columns, rows=rows) as terminal:
            assert terminal.end() == 0
            frame = terminal.frames()[-1]
            assert len(frame.split('\n')) <= rows
            assert rows < 12 or re.search(r'and \d+ (pools|holders) more', frame), frame


def test_a_server_that_goes_and_comes_is_survived() -> None:
    """The last values stay, with their age, and the error above them."""
    with or_skip(FileNotFoundError), accident_prone_server() as server:
        with redis.Redis(unix_socket_path=server.socket) as client:
            hold(client, 'reports', token(1, host='web-1', label='import'))
        with Terminal('watch', '--interval', '0.1', url=server.socket) as terminal:
            end = terminal.wait_for('import')
            server.kill()
            end = terminal.wait_for('cannot be reached', after=end)
            end = terminal.wait_for('These values are', after=end)
            assert 'import' in terminal.frames()[-2]
            server.start()
            while 'cannot be reached' in terminal.frames()[-2]:
                end = terminal.wait_for('import', after=end)
            terminal.type('\x03')
            assert terminal.end() == 130
            assert 'Traceback' not in terminal.raw
            assert terminal.raw.endswith('\x1b[?1049l')


def test_a_server_that_is_down_at_the_beginning_is_awaited(tmp_path: object) -> None:
    with or_skip(FileNotFoundError), accident_prone_server() as server:
        server.kill()
        with Terminal('watch', '--interval', '0.1', url=server.socket) as terminal:
            terminal.wait_for('cannot be reached')
            server.start()
            terminal.wait_for('nobody waits')
            terminal.type('\x03')
            assert terminal.end() == 130


def test_a_slow_server_is_waited_for_and_one_that_hangs_is_an_error(socket: str, server: 'redis.Redis') -> None:
    hold(server, 'reports', token(1, host='web-1', label='import'))
    with tempfile.TemporaryDirectory(prefix='slow-') as folder:
        proxy = CuttingProxy(f'{folder}/s', socket)
        proxy.delay = 0.3
        url = f'unix://{folder}/s?socket_timeout=1'
        with Terminal('watch', '--interval', '0.1', url=url) as terminal:
            end = terminal.wait_for('import')
            proxy.delay = 30.0
            end = terminal.wait_for('did not answer in time', after=end)
            proxy.delay = 0.0
            terminal.wait_for('1 full|0 full', after=end)
            terminal.type('\x03')
            assert terminal.end() == 130
        proxy.close()


def test_a_terminal_may_change_its_size(server: 'redis.Redis', socket: str) -> None:
    for number in range(40):
        hold(server, f'KEY-{number:02}', token(number, host='h'))
    with Terminal('watch', '--interval', '0.1', url=socket, columns=140, rows=40) as terminal:
        terminal.wait_for('KEY-30')
        terminal.resize(40, 10)
        terminal.wait_for('3[0-9] pools more')
        terminal.type('\x03')
        assert terminal.end() == 130


def test_as_json_it_prints_one_line_each_time(server: 'redis.Redis', socket: str) -> None:
    hold(server, 'reports', token(1, host='h'))
    ran = pool_ctl('watch', '--json', '--interval', '0.1', '--times', '3', url=socket)
    documents = [json.loads(line) for line in ran.out.splitlines()]
    assert [document['list'][0]['key'] for document in documents] == ['reports'] * 3
    ran = pool_ctl('watch', 'reports', '--json', '--interval', '0.1', '--times', '2', url=socket)
    assert [json.loads(line)['occupancy'] for line in ran.out.splitlines()] == [1, 1]
    ran = pool_ctl('watch', '--json', '--interval', '0.1', '--times', '2', url='/nonexistent/s')
    assert ['cannot be reached' in json.loads(line)['error'] for line in ran.out.splitlines()] == [True, True]


def test_in_a_pipe_it_prints_lines_with_their_time(server: 'redis.Redis', socket: str) -> None:
    hold(server, 'reports', token(1, host='h'))
    ran = pool_ctl('watch', '--interval', '0.1', '--times', '2', url=socket)
    assert [row['pool'] for row in ran.rows()] == ['reports', 'reports']
    assert all(row['time'].endswith('+00:00') for row in ran.rows())
    assert '\x1b' not in ran.out
    refused = pool_ctl('watch', '--interval', '0.1', '--times', '2', url='/nonexistent/s')
    assert (refused.out, refused.err.count('cannot be reached')) == ('', 2)


def test_a_terminal_that_cannot_be_redrawn_gets_lines(server: 'redis.Redis', socket: str) -> None:
    hold(server, 'reports', token(1, host='h'))
    with Terminal('watch', '--times', '1', url=socket, term='dumb') as terminal:
        assert terminal.end() == 0
        assert '\x1b' not in terminal.received
        assert '\treports\t' in terminal.received


def test_an_interrupt_in_a_pipe_ends_it_quietly(server: 'redis.Redis', socket: str) -> None:
    process = subprocess.Popen(
        [sys.executable, '-c', INTERRUPTIBLE, 'watch', '--json', '--url', as_url(socket)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(2)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, '')


def test_a_reading_that_fails_keeps_the_last_values() -> None:
    """In this process, without a clock."""
    answers: list[int | Exception] = [1, OSError('gone'), 2]
    seen: list[View[int]] = []

    def read() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    watch(read, seen.append, interval=5, times=3, explain=str, sleep=lambda _: None)
    assert [(view.value, view.error) for view in seen] == [(1, None), (1, 'gone'), (2, None)]
    answers[:] = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        watch(read, seen.append, interval=5, times=1, explain=lambda _: None)
