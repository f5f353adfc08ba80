"""Troubles of a live run beyond its faults: each is reported by name and leaves nothing behind."""

import errno
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import redis

from py_cachify import init_cachify
from simulations import Scenario
from simulations.cli import main
from simulations.faults import ServerPause
from simulations.live import live
from simulations.live.supervisor.lookout import Lookout
from tests.support.broken_scripts import BREAK
from tests.support.servers import accident_prone_server, or_skip


pytestmark = pytest.mark.usefixtures('running_server')


def _hear_signals() -> None:
    """Restore the signals that the parent of the tests may ignore: a program inherits that."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Command:
    """A running ``pool-sim live``, with a private folder for its files."""

    def __init__(self, folder: Path, *words: str, python_path: Path | None = None) -> None:
        self.folder = folder
        environment = os.environ | {'TMPDIR': str(folder)}
        if python_path is not None:
            environment['PYTHONPATH'] = str(python_path)
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'simulations', 'live', *words, '--out', str(folder / 'out')],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_hear_signals,
        )

    def __enter__(self) -> 'Command':
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def wait_until_it_runs(self) -> None:
        """Wait until the first jobs were granted slots."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if 'slots' in line and ' 0 granted' not in line:
                return
        raise AssertionError('the command ended before the first grant')

    def end(self) -> tuple[int, str, str]:
        """Return its exit status, report and errors."""
        out, errors = self.process.communicate(timeout=120)
        return self.process.returncode, out, errors

    def nursery(self) -> int:
        """Return the process that starts workers."""
        [found] = [pid for pid, parent in self._processes().items() if parent == self.process.pid]
        return found

    def worker(self) -> int:
        """Return one of the workers."""
        nursery = self.nursery()
        return next(pid for pid, parent in self._processes().items() if parent == nursery)

    def leaves_nothing(self) -> bool:
        """Wait until all processes and folders are gone."""
        until = time.monotonic() + 60
        while left := [*self._processes(), *self.folder.glob('live-*')]:
            if time.monotonic() > until:
                raise AssertionError(f'still there: {left}')
            time.sleep(0.05)
        return True

    def _processes(self) -> dict[int, int]:
        found = {}
        for process in psutil.process_iter(['ppid', 'cmdline']):
            # A process that has ended, but whose parent has not read its status yet, has no command
            # line.
            arguments = ' '.join(process.info['cmdline'] or [])
            if str(self.folder / 'live-') in arguments and 'nursery' in arguments:
                found[process.pid] = process.info['ppid']
        return found


@pytest.mark.parametrize(
    ('number', 'status'),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGKILL, -9)],
    ids=['terminated', 'terminal closed', 'interrupted', 'killed'],
)
def test_a_run_that_is_ended_leaves_no_process_and_no_folder(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    """Workers, the nursery and the server end with the command, however it ends."""
    with Command(tmp_path, 'slow-downstream') as command:
        command.wait_until_it_runs()
        assert command.worker()
        command.process.send_signal(number)

        assert command.end()[0] == status
        assert command.leaves_nothing()


@pytest.mark.parametrize(
    ('whom', 'words'),
    [
        (Command.nursery, 'the process that starts workers ended before the workers did'),
        (Command.worker, 'was ended by SIGKILL, which this run did not send'),
    ],
    ids=['who starts workers', 'a worker'],
)
def test_a_process_that_is_killed_from_outside_ends_the_run_by_name(
    whom: Callable[[Command], int], words: str, tmp_path: Path
) -> None:
    """A system without memory does this: it is neither a fault of the scenario nor a violation."""
    with Command(tmp_path, 'slow-downstream') as command:
        command.wait_until_it_runs()
        os.kill(whom(command), signal.SIGKILL)
        status, _, errors = command.end()

        assert status == 2
        assert words in errors
        assert 'Traceback' not in errors
        assert command.leaves_nothing()


def test_a_server_of_others_that_dies_is_told_with_the_keys_that_may_be_left(tmp_path: Path) -> None:
    """The error is one line, and the status says that no promise was broken."""
    with or_skip(FileNotFoundError), accident_prone_server() as server:
        words = ['--rate', '50', '--jobs', '150', '--max-size', '3', '--slot-exp', '0.5', '--processes', '2']
        with Command(tmp_path, *words, '--store', f'unix://{server.socket}') as command:
            command.wait_until_it_runs()
            server.kill()
            status, _, errors = command.end()

    assert status == 2
    assert 'pool-sim: the store unix://' in errors
    assert 'does not answer' in errors
    assert 'keys of this run may be left on the server; they begin with pool-sim-' in errors
    assert 'Traceback' not in errors


@pytest.mark.parametrize('old', [b"redis.call('ZREM', KEYS[1], ARGV[1])", b'taken >= tonumber(ARGV[2])'])
def test_a_script_that_fails_is_a_broken_promise(old: bytes, tmp_path: Path) -> None:
    """An error that the server answers is undocumented, whichever script fails."""
    (tmp_path / 'sitecustomize.py').write_text(BREAK.format(old=old, new=b"redis.call('NOSUCH')"))
    words = ['--rate', '100', '--jobs', '60', '--max-size', '3', '--slot-exp', '0.5', '--processes', '2']
    with Command(tmp_path, *words, python_path=tmp_path) as command:
        status, report, errors = command.end()

    assert status == 1, errors
    [verdict] = [line for line in report.splitlines() if line.startswith('  verdict')]
    assert 'VIOLATED: ' in verdict
    assert 'a worker met an undocumented error' in report
    assert report.count('a worker met') <= 11
    assert ' more\n' in report.partition('verdict')[2].partition('\n')[2]


@pytest.mark.parametrize(
    ('new', 'words'),
    [
        (b"local slots = redis.call('NOSUCH')", 'the store answered a size query with an error: '),
        (b'local slots = 0', 'the store counted 0 slots of the pool '),
    ],
    ids=['fails', 'lies low'],
)
def test_a_size_that_is_wrong_is_a_broken_promise(new: bytes, words: str, tmp_path: Path) -> None:
    """It is compared with the leases that certainly lasted, and an error is not an answer."""
    size = b"local slots = redis.call('ZCARD', KEYS[1]) - redis.call('ZCOUNT', KEYS[1], '-inf', now)"
    (tmp_path / 'sitecustomize.py').write_text(BREAK.format(old=size, new=new))
    jobs = ['--rate', '100', '--holding', 'const:0.2', '--jobs', '60', '--max-size', '3', '--slot-exp', '5']
    with Command(tmp_path, *jobs, '--processes', '2', python_path=tmp_path) as command:
        status, report, errors = command.end()

    assert status == 1, errors
    assert 'VIOLATED: ' in report
    assert words in report


def test_a_size_that_counts_expired_slots_is_a_broken_promise(tmp_path: Path) -> None:
    """It is compared with the leases that can have lasted; bodies outlive their slots here."""
    (tmp_path / 'sitecustomize.py').write_text(
        BREAK.format(old=b"- redis.call('ZCOUNT', KEYS[1], '-inf', now)", new=b'')
    )
    jobs = ['--rate', '10', '--holding', 'const:0.5', '--jobs', '60', '--max-size', '3', '--slot-exp', '0.05']
    with Command(tmp_path, *jobs, '--processes', '2', python_path=tmp_path) as command:
        status, report, errors = command.end()

    assert status == 1, errors
    assert 'size violated' in report
    assert re.search('counted [1-3] slots? of the pool .*, but at most [0-2] can have been taken', report)


def test_a_server_that_stands_still_breaks_no_promise(tmp_path: Path) -> None:
    """Acquires and releases that are not answered in time are reported as documented errors."""
    with or_skip(FileNotFoundError), accident_prone_server() as server:
        words = ['--rate', '60', '--holding', 'const:0.2', '--jobs', '120', '--max-size', '3', '--slot-exp', '4']
        with Command(tmp_path, *words, '--processes', '2', '--store', f'unix://{server.socket}') as command:
            command.wait_until_it_runs()
            server.signal(signal.SIGSTOP)
            time.sleep(7)
            server.signal(signal.SIGCONT)
            status, report, errors = command.end()

    assert status == 0, report + errors
    assert 'TimeoutError' in report


def test_a_pause_of_the_server_ends_with_the_run() -> None:
    """However long it should last, because nobody could end it earlier."""
    scenario = Scenario(
        arrivals='poisson:100',
        holding='exp:0.02',
        max_size=6,
        slot_exp=1.0,
        workers=2,
        horizon=1.5,
        faults=[ServerPause(at=0.8, lasting=300.0)],
    )
    result = live(scenario, threads=10, compare=False)

    assert result.violations == []
    assert result.measured.accidents == {'server pause': 1}
    assert [episode.kind for episode in result.episodes] == ['server pause']
    assert result.measured.wall < 300.0


def test_a_pool_that_vanishes_is_seen_to_be_empty(server: 'redis.Redis') -> None:
    """With many pools, a slot is free when its key is gone, not when another slot is taken."""
    init_cachify(server, prefix='many-', is_global=False).pool('a', 2, slot_exp=0.2).__enter__()
    lookout = Lookout(server, 'many-', None, 2)
    lookout.start()
    until = time.monotonic() + 60
    while not lookout.seen:
        assert time.monotonic() < until, 'the slot was never seen to be gone'
        time.sleep(0.01)
    lookout.stop(60.0)

    [slot] = lookout.seen
    assert slot.pid == os.getpid()
    assert slot.last_seen < slot.gone


def test_a_report_is_shown_although_a_file_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run may have been long, so its figures are reported, and then the file that failed."""

    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, 'write_text', full)
    figures = tmp_path / 'figures.json'
    words = ['run', '--rate', '2', '--jobs', '50', '--max-size', '3', '--store', 'memory']
    status = main([*words, '--out', str(tmp_path), '--json', str(figures)])
    printed = capsys.readouterr()

    assert status == 2
    assert 'jobs checked, 0 violations' in printed.out
    assert f'wrote {tmp_path / "occupancy.png"}' in printed.out
    assert f'wrote {figures}' not in printed.out
    assert str(figures) in printed.err
    assert os.strerror(errno.ENOSPC) in printed.err


def test_a_run_that_nothing_answered_is_not_called_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There was nothing to check, so the status is that of a run that could not be completed."""
    words = ['run', '--rate', '2', '--jobs', '20', '--max-size', '3', '--slot-exp', '5', '--timeout', '0.5']
    cut = ['--latency', '0.01', '--fault', 'partition at=0 lasting=1000 workers=all', '--store', 'memory']
    status = main([*words, *cut, '--out', str(tmp_path)])

    assert status == 2
    assert 'nothing to check: the store answered no attempt' in capsys.readouterr().out
