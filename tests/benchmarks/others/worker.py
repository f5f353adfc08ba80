"""The process in which another package is measured, driven from outside line by line.

``worker.py MODULE SOCKET``, in an environment that has the package.  Each line of standard input is a JSON list, and
one JSON object answers it: ``{"ok": …}``, or ``{"cannot": "why"}``.  It ends with its input.

=============================  ==================================================
``["prepare", MEASURE]``       make the loop of a row ready
``["measure", MEASURE, N]``    go round it N times; the answer is in seconds
``["gather", KIND]``           make the actors of a contended row ready
``["round", KIND, SECONDS]``   let them loose; the answer is an ``Outcome``
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


class Worker:
    """Answers for one package."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._chunks: dict[str, Chunk] = {}
        self._arenas: dict[str, Arena] = {}

    def answer(self, verb: str, name: str, *amount: float) -> Any:
        """Carry out one line."""
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
            case _:
                raise ValueError(f'{verb!r} is no verb of this protocol')
        return None

    def close(self) -> None:
        """Send all actors home."""
        while self._arenas:
            self._arenas.popitem()[1].close()


def main() -> None:
    """Answer until the input ends."""
    module, socket = sys.argv[1:]
    answers, sys.stdout = sys.stdout, sys.stderr  # what a package prints is no answer
    subject = importlib.import_module(f'tests.benchmarks.others.{module}').Subject(socket)
    worker = Worker(subject)
    for line in sys.stdin:
        try:
            answer = {'ok': worker.answer(*json.loads(line))}
        except CannotError as error:
            answer = {'cannot': str(error)}
        print(json.dumps(answer), file=answers, flush=True)
    worker.close()
    os._exit(0)  # thousands of slots are held; they end with their server


if __name__ == '__main__':
    main()
