"""The worker process of another package, seen from the benchmark."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

from tests.benchmarks.contention import Outcome
from tests.benchmarks.others.environments import Other, python_of
from tests.benchmarks.others.subject import CannotError
from tests.benchmarks.rounds import Chunk
from tests.support.paths import ROOT


# The project comes last on the path, so that its packages do not hide the other's, or first, so that the other's do not
# hide its own; `-P` leaves the present folder out.
_START = (
    'import runpy, sys; sys.path.insert({place}, sys.argv.pop(1));'
    ' runpy.run_module(sys.argv.pop(1), run_name="__main__")'
)


class Child:
    """A worker; a context manager, at whose end it is gone."""

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
        """The loop of a row; ``CannotError`` if the package has no such thing."""
        self._ask('prepare', measure)
        return lambda count: float(self._ask('measure', measure, count))

    def arena(self, kind: str) -> 'ChildArena':
        """The actors of a contended row; ``CannotError`` likewise."""
        self._ask('gather', kind)
        return ChildArena(lambda seconds: Outcome(*self._ask('round', kind, seconds)))

    def _ask(self, *line: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(line) + '\n')
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f'{" ".join(map(str, line))}: the worker process ended; what it wrote stands above')
        answered = json.loads(answer)
        if 'cannot' in answered:
            raise CannotError(answered['cannot'])
        return answered['ok']


class ChildArena:
    """Actors in the worker process, or in processes of its own."""

    def __init__(self, let_loose: Callable[[float], Outcome]) -> None:
        self._let_loose = let_loose

    def round(self, seconds: float) -> Outcome:
        """Let them loose for so long."""
        return self._let_loose(seconds)

    def close(self) -> None:
        """They are sent home when the worker ends."""
