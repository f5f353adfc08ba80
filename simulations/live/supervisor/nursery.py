"""Starts the workers of a live run, kills, stops and wakes them, and knows when each ended.

A process of its own, with one thread and everything imported, so that a worker which takes the place of a killed one
is forked within milliseconds.  It alone waits for its children, so no signal ever goes to a number that has become
another process's.  It is told by lines on its standard input, ``start 2``, and tells on its standard output what
happened, a JSON object a line; when its input ends it kills them all and ends, and removes the folder of the run if
whoever started it was killed.
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
_LOOK = 0.01
"""Seconds between two looks whether a child has ended."""
PATIENCE = 60.0
"""Seconds within which the nursery must have done what it was told."""


class Life(NamedTuple):
    """One life of a worker that is over, or under way.

    Attributes:
        worker: its number.
        life: which of its lives it is, from 0.
        pid: its process.
        began: when it was started, in nanoseconds.
        killed: just before it was killed; ``None`` if it was not.
        ended: just after it was gone; ``None`` while it lives.
        status: 0 if it ended well of itself, more if it did not, less than 0 for the signal that ended it.
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
        """By which its notes are found."""
        return f'{self.worker}-{self.life}'


# --- inside of the process


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
        # What is there now stays as it is, and children share it.
        gc.freeze()
        self._tell({'what': 'ready', 'jobs': jobs, 'first': first, 'last': last})
        unread = b''
        while True:
            readable, _, _ = select.select([0], [], [], _LOOK)
            if readable:
                read = os.read(0, 4096)
                if not read:
                    break
                *lines, unread = (unread + read).split(b'\n')
                for line in lines:
                    what, worker = line.decode().split()
                    getattr(self, f'_{what}')(int(worker))
            self._look()
        for alive in list(self._alive):
            self._kill(alive)
        if not self._dismissed:
            # Whoever started it was killed, so nobody else removes the folder.
            shutil.rmtree(self._plan.folder, ignore_errors=True)

    @staticmethod
    def _tell(what: dict[str, object]) -> None:
        # Whoever started it all may have been killed.
        with suppress(BrokenPipeError):
            os.write(1, json.dumps(what).encode() + b'\n')

    def _start(self, worker: int) -> None:
        if worker in self._alive:
            return
        life = self._lives[worker]
        self._lives[worker] += 1
        began = time.monotonic_ns()
        pid = os.fork()
        if not pid:
            self._be_born(worker, life)
        self._alive[worker] = Life(worker, life, pid, began)
        self._tell({'what': 'started', 'life': self._alive[worker]})

    def _be_born(self, worker: int, life: int) -> None:
        from simulations.live.workers.life import main

        # What the nursery reads and writes is not the child's.
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

    def _look(self) -> None:
        for worker, alive in list(self._alive.items()):
            pid, status = os.waitpid(alive.pid, os.WNOHANG)
            if pid:
                self._gone(worker, status, None)

    def _gone(self, worker: int, status: int, killed: int | None) -> None:
        code = os.waitstatus_to_exitcode(status)
        # It may have ended of itself just before it was to be killed.
        killed = killed if code == -signal.SIGKILL else None
        life = self._alive.pop(worker)._replace(killed=killed, ended=time.monotonic_ns(), status=code)
        self._board.dead(worker)
        self._tell({'what': 'ended', 'life': life})


def main() -> None:
    """Be the process; its argument is the folder of the run."""
    import redis.asyncio  # noqa: F401 - so that no child has to import anything

    import simulations.live.workers.life  # noqa: F401

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Nursery(pickle.loads((Path(sys.argv[1]) / PLAN).read_bytes())).run()


# --- from outside


class Nursery:
    """The process, as seen by whoever started it; a context manager.

    Attributes:
        lives: of all workers that were started, the latest state of each.
        jobs, first, last: of :class:`simulations.live.schedule.Schedule`.
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
        # Numerical libraries would start threads, and a process with threads is not forked safely.
        environment = os.environ | {'OPENBLAS_NUM_THREADS': '1', 'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1'}
        self._errors = (self._plan.folder / 'nursery.stderr').open('wb')
        self._process = subprocess.Popen(
            [sys.executable, '-c', f'from {__name__} import main; main()', str(self._plan.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            # An interruption from the keyboard is for whoever started it all.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.wait(lambda: self._ready, 'the jobs are being read', 10 * PATIENCE)
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
            told = json.loads(line)
            with self._changed:
                if told['what'] == 'ready':
                    self.jobs, self.first, self.last, self._ready = told['jobs'], told['first'], told['last'], True
                else:
                    life = Life(*told['life'])
                    self.lives[life.worker, life.life] = life
                self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def wait(self, until: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Wait until something is so.

        Raises:
            LiveError: it is not within so many seconds, or the process has ended.
        """
        with self._changed:
            self._changed.wait_for(lambda: until() or self._over, seconds)
        if not until():
            how = 'it ended' if self._over else f'nothing came of it for {seconds:g} s'
            raise LiveError(f'{what}: {how}. {self.errors()}'.strip())

    def errors(self) -> str:
        """What the processes wrote to their standard error, the last lines of it."""
        texts = [path.read_text(encoding='utf-8', errors='replace') for path in _stderrs(self._plan.folder)]
        return '\n'.join(text.strip()[-2000:] for text in texts if text.strip())

    def tell(self, what: str, worker: int) -> None:
        """``start``, ``kill``, ``stop`` or ``wake`` a worker, and do not wait for it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f'{what} {worker}\n'.encode())
            self._process.stdin.flush()
        except OSError:
            raise LiveError(self._ended()) from None

    def _ended(self) -> str:
        return f'the process that starts workers has ended before them. {self.errors()}'.strip()

    def check(self) -> None:
        """Raise ``LiveError`` if the process has ended."""
        if self._over:
            raise LiveError(self._ended())

    def living(self) -> list[int]:
        """The numbers of the workers that live."""
        with self._changed:
            return [life.worker for life in self.lives.values() if life.ended is None]

    def start(self, worker: int) -> None:
        """Start a worker that does not live, and wait until it does; it may have ended by then."""
        life = sum(key[0] == worker for key in self.lives)
        self.tell('start', worker)
        self.wait(lambda: (worker, life) in self.lives, f'worker {worker} is being started')

    def kill(self, worker: int) -> Life:
        """Kill a worker, and wait until it is gone; gives the life that it had."""
        with self._changed:
            key = max(key for key in self.lives if key[0] == worker)
        self.tell('kill', worker)
        self.wait(lambda: self.lives[key].ended is not None, f'worker {worker} is being killed')
        return self.lives[key]


def _stderrs(folder: Path) -> list[Path]:
    return sorted(folder.glob('*.stderr'))
