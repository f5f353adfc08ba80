"""The worker process of another package, as the benchmark sees it."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

from tests.benchmarks.contention import Outcome
from tests.benchmarks.others.environments import Other, python_of
from tests.benchmarks.others.subject import CannotError
from tests.benchmarks.rounds import Chunk
from tests.benchmarks.waiting import Waited
from tests.support.paths import ROOT


# The project comes last on the path, so its packages do not hide the other's, or first, so the
# other's do not hide the project's; `-P` leaves the current folder out.
_START = (
    'import runpy, sys; sys.path.insert({place}, sys.argv.pop(1));'
    ' runpy.run_module(sys.argv.pop(1), run_name="__main__")'
)


class Child:
    """A worker process; a context manager that ends it.

    Args:
        other: the package.
        socket: the unix socket of the server.
    """

    def __init__(self, other: Other, socket: str) -> None:
        start = _START.format(place=0 if other.project_first else 'len(sys.path)')
        self._process = subprocess.Popen(
            [python_of(other), '-P', '-c', start, ROOT, f'{__package__}.worker', other.module, socket],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def __enter__(self) -> 'Child':
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def chunk(self, measure: str) -> Chunk:
        """Return the loop of a row.

        Raises:
            CannotError: the package does not support the row.
        """
        self._ask('prepare', measure)
        return lambda count: float(self._ask('measure', measure, count))

    def arena(self, kind: str) -> 'ChildArena':
        """Return the actors of a contended row.

        Raises:
            CannotError: the package does not support the row.
        """
        self._ask('gather', kind)
        return ChildArena(lambda seconds: Outcome(*self._ask('round', kind, seconds)))

    def crowd(self, kind: str, workers: int, body: float) -> 'ChildCrowd':
        """Return workers that wait.

        Raises:
            CannotError: the package does not support this.
        """
        self._ask('crowd', kind, workers, body)
        return ChildCrowd(lambda seconds: Waited(*self._ask('wait', kind, seconds)))

    def _ask(self, *line: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(line) + '\n')
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f'the worker process ended before it answered {line!r}: see its output above')
        answered = json.loads(answer)
        if 'cannot' in answered:
            raise CannotError(answered['cannot'])
        return answered['ok']


class ChildArena:
    """Actors in the worker process, or in processes that it started."""

    def __init__(self, run_round: Callable[[float], Outcome]) -> None:
        self._run_round = run_round

    def round(self, seconds: float) -> Outcome:
        """Let the actors compete for this many seconds, and return the outcome."""
        return self._run_round(seconds)

    def close(self) -> None:
        """Do nothing, because the actors end with the worker."""


class ChildCrowd:
    """Workers that wait in the worker process."""

    def __init__(self, run_round: Callable[[float], Waited]) -> None:
        self._run_round = run_round

    def round(self, seconds: float) -> Waited:
        """Let the workers wait and work for this many seconds, and return the outcome."""
        return self._run_round(seconds)
