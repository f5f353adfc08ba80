"""Kill a process in the middle of a ``set``, several times, and see what it leaves."""

import random
import time
from pathlib import Path
from typing import NamedTuple

from simulations.checking.board import Board
from simulations.checking.calls import Call, delete, get, perform, take
from simulations.checking.expiries import Left
from simulations.checking.host import Factory, Host
from simulations.checking.processes import workers
from simulations.checking.sequences import Names


TIMES = 5
"""How many processes are killed."""
CLAUSE = 'killed'


class Killed(NamedTuple):
    """What the kills have shown.

    Attributes:
        left: the names that may be left with no expiry, to be looked at later.
        observed: what went wrong at once, in a sentence; empty if nothing did.
        calls: the calls that show it.
    """

    left: tuple[Left, ...]
    observed: str = ''
    calls: tuple[Call, ...] = ()


def kill_in_set(
    host: Host, factory: Factory, names: Names, folder: Path, seed: int, *, allow_errors: bool = False
) -> Killed:
    """Start processes that set names, kill each, and use the client after each kill.

    With ``allow_errors``, that use may raise.

    Raises:
        WorkerError: a process could not be started.
        StuckError: a call did not return after a kill.
    """
    stream = random.Random(f'{seed} kills')
    left: list[Left] = []
    missing = names.new('missing')
    with workers(factory, TIMES, missing, host.patience, allow_errors=allow_errors) as processes:
        for number, process in enumerate(processes):
            board = folder / f'kill-{number}'
            Board.create(board, 1)
            count = Board(board, 1)
            base = names.new('killed') + '-'
            process.ask(do='set forever', names=base, board=str(board), seed=seed + number)
            until = time.monotonic() + host.patience
            while not count[0] and time.monotonic() < until:
                time.sleep(0.001)
            time.sleep(stream.uniform(0.002, 0.03))
            process.kill()
            since, last = time.monotonic(), count[0]
            count.close()
            for each in range(1, last + 1):
                names.keep(f'{base}{each}')
            if last:
                request = take(f'{base}{last}', 'of the killed', 1)
                broken_off = Call('the killed process', request, since, text='is broken off')
                left.append(Left(CLAUSE, broken_off, since, 'when its process was killed'))
            calls: list[Call] = []
            host.do(lambda client, calls=calls: _still_works(client, names, calls))  # type: ignore[misc]
            if calls[-1].error and allow_errors:
                continue
            if calls[-1].error or not calls[0].reply or calls[1].reply != 'value':
                what = next((call.error for call in calls if call.error), 'a wrong reply')
                return Killed(
                    tuple(left),
                    f'after a process was killed during set, calls on another name gave {what}',
                    tuple(calls),
                )
    return Killed(tuple(left))


async def _still_works(client: object, names: Names, calls: list[Call]) -> None:
    name = names.new('killed')
    for request in (take(name, 'value'), get(name), delete(name)):
        if (await perform(client, request, 'the caller', calls)).error:
            return
