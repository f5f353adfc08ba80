"""The process in which another package is measured, driven from outside line by line.

It runs as ``worker.py MODULE SOCKET``, in an environment that has the package.  Each line of
standard input is a JSON list, which one JSON object answers: ``{"ok": …}``, or
``{"cannot": "why"}``.  The process ends with its input.

=============================  ==================================================
``["prepare", MEASURE]``       prepare the loop of a row
``["measure", MEASURE, N]``    run it N times; the answer is in seconds
``["gather", KIND]``           prepare the actors of a contended row
``["round", KIND, SECONDS]``   let them compete; the answer is an ``Outcome``
``["crowd", KIND, N, BODY]``   prepare workers that wait
``["wait", KIND, SECONDS]``    let them wait; the answer is a ``Waited``
=============================  ==================================================
"""

import importlib
import json
import os
import sys
from typing import Any

from tests.benchmarks.contention import Arena
from tests.benchmarks.others.subject import CannotError, Subject
from tests.benchmarks.rounds import Chunk, heap_set_aside
from tests.benchmarks.waiting import Crowd


class Worker:
    """Carries out the commands for one package."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._chunks: dict[str, Chunk] = {}
        self._arenas: dict[str, Arena] = {}
        self._crowds: dict[str, Crowd] = {}

    def answer(self, verb: str, name: str, *amount: float) -> Any:
        """Carry out one command, and return its answer."""
        match verb:
            case 'prepare':
                self._chunks[name] = self._subject.chunk(name)
            case 'measure':
                with heap_set_aside():
                    return self._chunks[name](int(amount[0]))
            case 'gather':
                self._arenas[name] = self._subject.arena(name)
            case 'round':
                with heap_set_aside():
                    return self._arenas[name].round(amount[0])
            case 'crowd':
                self._crowds[name] = self._subject.crowd(name, int(amount[0]), amount[1])
            case 'wait':
                with heap_set_aside():
                    return self._crowds[name].round(amount[0])
            case _:
                raise ValueError(f'the command must be prepare, measure, gather, round, crowd or wait, not {verb!r}')
        return None

    def close(self) -> None:
        """End all actors."""
        while self._arenas:
            self._arenas.popitem()[1].close()


def main() -> None:
    """Answer commands until the input ends."""
    module, socket = sys.argv[1:]
    answers, sys.stdout = sys.stdout, sys.stderr  # the output of a package must not mix with answers
    subject = importlib.import_module(f'tests.benchmarks.others.{module}').Subject(socket)
    worker = Worker(subject)
    for line in sys.stdin:
        try:
            answer = {'ok': worker.answer(*json.loads(line))}
        except CannotError as error:
            answer = {'cannot': str(error)}
        print(json.dumps(answer), file=answers, flush=True)
    worker.close()
    os._exit(0)  # do not release the thousands of held slots: they end with their server


if __name__ == '__main__':
    main()
