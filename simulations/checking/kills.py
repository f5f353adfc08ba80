"""Let processes be killed in the middle of a ``set``, and see what they leave.

Each kills itself before another statement of the client's ``set``, as SIGKILL from outside could.
If the statements are not known, they are killed from outside at random moments.
"""

import functools
import random
import time
from pathlib import Path

from simulations.checking.board import Board
from simulations.checking.calls import Call, delete, get, perform, take
from simulations.checking.expiries import Left
from simulations.checking.host import Factory, Host
from simulations.checking.interrupts import Broken, count_statements
from simulations.checking.processes import Worker, WorkerError, workers
from simulations.checking.sequences import Names


TIMES = 5
"""How many processes are killed at random moments."""
MOST = 8
"""How many processes are killed at most, each before another statement."""
CLAUSE = 'killed'


def kill_in_set(
    host: Host, factory: Factory, names: Names, folder: Path, seed: int, *, allow_errors: bool = False
) -> Broken:
    """Start processes that set names, kill each, and use the client after each kill.

    With ``allow_errors``, that use may raise.

    Raises:
        WorkerError: a process could not be started.
        StuckError: a call did not return after a kill.
    """
    stream = random.Random(f'{seed} kills')
    statements = count_statements(host, names)
    count = min(statements, MOST) or TIMES
    left: list[Left] = []
    with workers(factory, count, names.new('missing'), host.patience, allow_errors=allow_errors) as processes:
        for number, process in enumerate(processes, 1):
            if statements:
                # Evenly among the statements, the last one included.
                last = _killed_before(process, number * statements // count, names.new('killed'), host.patience)
            else:
                last = _killed_at_random(process, names, folder / f'kill-{number}', stream, host.patience)
            since = time.monotonic()
            if last is not None:
                broken_off = Call('the killed process', take(last, 'of the killed', 1), since, text='is broken off')
                left.append(Left(CLAUSE, broken_off, since, 'when its process was killed'))
            calls: list[Call] = []
            host.do(functools.partial(_still_works, names=names, calls=calls))
            if calls[-1].error and allow_errors:
                continue
            if calls[-1].error or not calls[0].reply or calls[1].reply != 'value':
                what = next((call.error for call in calls if call.error), 'a wrong reply')
                observed = f'after a process was killed during set, calls on another name gave {what}'
                return Broken(tuple(left), observed, tuple(calls))
    return Broken(tuple(left))


def _killed_before(process: Worker, statement: int, name: str, patience: float) -> str | None:
    """Let a process kill itself before a statement; return the name, or ``None`` if it lives."""
    process.ask(do='set and die', name=name, statement=statement)
    try:
        process.reply(2 * patience)
    except WorkerError:
        return name
    return None


def _killed_at_random(process: Worker, names: Names, path: Path, stream: random.Random, patience: float) -> str | None:
    """Kill a process while it sets one name after the other; return the last of them."""
    Board.create(path, 1)
    count = Board(path, 1)
    base = names.new('killed') + '-'
    process.ask(do='set forever', names=base, board=str(path))
    until = time.monotonic() + patience
    while not count[0] and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(stream.uniform(0.002, 0.03))
    process.kill()
    last = count[0]
    count.close()
    for number in range(1, last + 1):
        names.keep(f'{base}{number}')
    return f'{base}{last}' if last else None


async def _still_works(client: object, names: Names, calls: list[Call]) -> None:
    name = names.new('killed')
    for request in (take(name, 'value'), get(name), delete(name)):
        if (await perform(client, request, 'the caller', calls)).error:
            return
