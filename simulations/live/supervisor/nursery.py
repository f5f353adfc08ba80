"""The nursery: the process that starts, kills, stops and wakes the workers of a live run.

It is a separate process with one thread and everything imported, so it forks the replacement of a
killed worker within milliseconds.  Only the nursery waits for its children: it knows when each
ended, and a signal never goes to a process number that now belongs to another process.  It reads
commands from its standard input, a line each (``start 2``), and writes what happened to its
standard output, a JSON object a line.  When its input ends, it kills all workers and ends; if the
process that started it was killed, it also removes the folder of the run.
"""

import gc
import json
import os
import pickle
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from simulations.live.board import Board
from simulations.live.plan import LiveError, Plan
from simulations.live.schedule import schedule


PLAN = 'plan'
_POLL = 0.01
"""Seconds between two checks whether a child has ended."""
PATIENCE = 60.0
"""Seconds within which the nursery must have carried out a command."""


class Life(NamedTuple):
    """One life of a worker: the worker itself, or a replacement after a crash.

    Attributes:
        worker: the number of the worker.
        life: which of its lives this is, from 0.
        pid: its process.
        began: when it was started, in nanoseconds.
        killed: the instant just before its kill, in nanoseconds; ``None`` if it was not killed.
        ended: the instant just after its end, in nanoseconds; ``None`` while it is alive.
        status: its exit status, 0 for success; negative for the signal that ended it.
    """

    worker: int
    life: int
    pid: int
    began: int
    killed: int | None = None
    ended: int | None = None
    status: int | None = None

    @property
    def name(self) -> str:
        """The name of its notes."""
        return f'{self.worker}-{self.life}'


# --- inside the process


class _Nursery:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._schedule = schedule(plan)
        self._board = Board(plan.folder / 'board', plan.processes)
        self._alive: dict[int, Life] = {}
        self._lives = [0] * plan.processes
        self._dismissed = False

    def run(self) -> None:
        jobs, first, last = self._schedule.jobs, self._schedule.first, self._schedule.last
        # The objects that exist now do not change, and children share them.
        gc.freeze()
        self._report({'what': 'ready', 'jobs': jobs, 'first': first, 'last': last})
        unread = b''
        while True:
            readable, _, _ = select.select([0], [], [], _POLL)
            if readable:
                read = os.read(0, 4096)
                if not read:
                    break
                *lines, unread = (unread + read).split(b'\n')
                for line in lines:
                    what, worker = line.decode().split()
                    getattr(self, f'_{what}')(int(worker))
            self._reap()
        for alive in list(self._alive):
            self._kill(alive)
        if not self._dismissed:
            # The process that started this one was killed, so nobody else removes the folder.
            shutil.rmtree(self._plan.folder, ignore_errors=True)

    @staticmethod
    def _report(event: dict[str, object]) -> None:
        # The process that reads this may have been killed.
        with suppress(BrokenPipeError):
            os.write(1, json.dumps(event).encode() + b'\n')

    def _start(self, worker: int) -> None:
        if worker in self._alive:
            return
        life = self._lives[worker]
        self._lives[worker] += 1
        began = time.monotonic_ns()
        pid = os.fork()
        if not pid:
            self._become_worker(worker, life)
        self._alive[worker] = Life(worker, life, pid, began)
        self._report({'what': 'started', 'life': self._alive[worker]})

    def _become_worker(self, worker: int, life: int) -> None:
        from simulations.live.workers.life import main

        # The child must not use the pipes of the nursery.
        nothing = os.open(os.devnull, os.O_RDWR)
        errors = os.open(self._plan.folder / f'{worker}-{life}.stderr', os.O_WRONLY | os.O_CREAT, 0o600)
        for number, file in ((0, nothing), (1, nothing), (2, errors)):
            os.dup2(file, number)
        main(self._plan, self._schedule, worker, life)

    def _kill(self, worker: int) -> None:
        alive = self._alive.get(worker)
        if alive is None:
            return
        before = time.monotonic_ns()
        os.kill(alive.pid, signal.SIGKILL)
        _, status = os.waitpid(alive.pid, 0)
        self._gone(worker, status, before)

    def _dismiss(self, _: int) -> None:
        self._dismissed = True

    def _stop(self, worker: int) -> None:
        self._signal(worker, signal.SIGSTOP)

    def _wake(self, worker: int) -> None:
        self._signal(worker, signal.SIGCONT)

    def _signal(self, worker: int, number: signal.Signals) -> None:
        if worker in self._alive:
            os.kill(self._alive[worker].pid, number)

    def _reap(self) -> None:
        for worker, alive in list(self._alive.items()):
            pid, status = os.waitpid(alive.pid, os.WNOHANG)
            if pid:
                self._gone(worker, status, None)

    def _gone(self, worker: int, status: int, killed: int | None) -> None:
        code = os.waitstatus_to_exitcode(status)
        # The worker may have ended just before the kill.
        killed = killed if code == -signal.SIGKILL else None
        life = self._alive.pop(worker)._replace(killed=killed, ended=time.monotonic_ns(), status=code)
        self._board.dead(worker)
        self._report({'what': 'ended', 'life': life})


def main() -> None:
    """Run the nursery; the argument of the process is the folder of the run."""
    import redis.asyncio  # noqa: F401 - so that no child has to import anything

    import simulations.live.workers.life  # noqa: F401

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Nursery(pickle.loads((Path(sys.argv[1]) / PLAN).read_bytes())).run()


# --- outside the process


class Nursery:
    """The nursery as the process that started it sees it; a context manager.

    Attributes:
        lives: the latest state of every life of every worker, by the numbers of worker and life.
        jobs, first, last: those of :class:`simulations.live.schedule.Schedule`.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.lives: dict[tuple[int, int], Life] = {}
        self.jobs = 0
        self.first = 0.0
        self.last: float | None = None
        self._ready = False
        self._changed = threading.Condition()
        self._over = False

    def __enter__(self) -> 'Nursery':
        (self._plan.folder / PLAN).write_bytes(pickle.dumps(self._plan))
        # Numerical libraries would start threads, and forking a process with threads is not safe.
        environment = os.environ | {'OPENBLAS_NUM_THREADS': '1', 'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1'}
        self._errors = (self._plan.folder / 'nursery.stderr').open('wb')
        self._process = subprocess.Popen(
            [sys.executable, '-c', f'from {__name__} import main; main()', str(self._plan.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            # An interrupt from the keyboard must reach only the process that started this one.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.wait(lambda: self._ready, 'read the jobs', 10 * PATIENCE)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.write(b'dismiss 0\n')
            self._process.stdin.flush()
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(PATIENCE)
        self._process.stdout.close()
        self._errors.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            with self._changed:
                if event['what'] == 'ready':
                    self.jobs, self.first, self.last, self._ready = event['jobs'], event['first'], event['last'], True
                else:
                    life = Life(*event['life'])
                    self.lives[life.worker, life.life] = life
                self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def wait(self, until: Callable[[], bool], task: str, seconds: float = PATIENCE) -> None:
        """Wait until a condition holds.

        Args:
            until: the condition.
            task: what the nursery is doing, as a verb phrase for the message of the error.
            seconds: how long to wait.

        Raises:
            LiveError: the condition does not hold in time, or the nursery has ended.
        """
        with self._changed:
            self._changed.wait_for(lambda: until() or self._over, seconds)
        if not until():
            how = 'ended before it could' if self._over else f'took more than {seconds:g} s to'
            raise LiveError(f'the process that starts workers {how} {task}. {self.errors()}'.strip())

    def errors(self) -> str:
        """Return the end of what the processes wrote to their standard error."""
        texts = [path.read_text(encoding='utf-8', errors='replace') for path in _stderrs(self._plan.folder)]
        return '\n'.join(text.strip()[-2000:] for text in texts if text.strip())

    def send(self, command: str, worker: int) -> None:
        """Send ``start``, ``kill``, ``stop`` or ``wake`` for a worker, without waiting."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f'{command} {worker}\n'.encode())
            self._process.stdin.flush()
        except OSError:
            raise LiveError(self._ended()) from None

    def _ended(self) -> str:
        return f'the process that starts workers ended before the workers did. {self.errors()}'.strip()

    def check(self) -> None:
        """Raise ``LiveError`` if the nursery has ended."""
        if self._over:
            raise LiveError(self._ended())

    def living(self) -> list[int]:
        """Return the numbers of the workers that are alive."""
        with self._changed:
            return [life.worker for life in self.lives.values() if life.ended is None]

    def start(self, worker: int) -> None:
        """Start a dead worker, and wait until it has started; it may have ended by then."""
        life = sum(key[0] == worker for key in self.lives)
        self.send('start', worker)
        self.wait(lambda: (worker, life) in self.lives, f'start worker {worker}')

    def kill(self, worker: int) -> Life:
        """Kill a worker, wait until it is gone, and return the life that ended."""
        with self._changed:
            key = max(key for key in self.lives if key[0] == worker)
        self.send('kill', worker)
        self.wait(lambda: self.lives[key].ended is not None, f'kill worker {worker}')
        return self.lives[key]


def _stderrs(folder: Path) -> list[Path]:
    return sorted(folder.glob('*.stderr'))
