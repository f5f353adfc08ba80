"""Calls of several processes with a client each: whether they share a store, and their races."""

import functools
from collections.abc import Sequence
from pathlib import Path

from simulations.checking.board import Board
from simulations.checking.calls import Call, delete, get, perform, put, take
from simulations.checking.host import Host
from simulations.checking.processes import Worker
from simulations.checking.rounds import Round


def shared_calls(host: Host, name: str, worker: Worker) -> list[Call]:
    """Set a name here, then read, set and delete it in another process; return all calls.

    Raises:
        StuckError: a call did not return.
        WorkerError: the process ended or did not reply.
    """
    calls: list[Call] = []
    for request in (put(name, 'of the parent', 3600), get(name)):
        host.do(functools.partial(perform, request=request, who='this process', calls=calls))
    requests = (get(name), take(name, 'of the child'), delete(name))
    worker.ask(do='calls', who='another process', requests=[request._asdict() for request in requests])
    calls += [Call.from_json(values) for values in worker.reply(host.patience * 2)['calls']]
    host.do(functools.partial(perform, request=get(name), who='this process', calls=calls))
    return calls


def why_not_shared(calls: Sequence[Call]) -> str:
    """Return what the calls of :func:`shared_calls` show to be wrong, or an empty text."""
    for call in calls:
        if call.error:
            return f'{call.request.method} raised {call.error}'
    _, _, seen, taken, _, afterwards = calls
    if seen.reply != 'of the parent':
        return 'another process does not see what this one has set: the client shares nothing between processes'
    if taken.reply:
        return 'another process set a name with nx=True that this process had set'
    if afterwards.reply is not None:
        return 'this process still sees a name that another process has deleted'
    return ''


def race_processes(
    rounds: Sequence[Round], started: Sequence[Worker], board: Path, seed: int, patience: float
) -> list[list[Call]]:
    """Run the rounds in processes; return the calls of each round.

    Raises:
        StuckError: a call did not return.
        WorkerError: a process ended or did not reply.
    """
    counters = Board(board, len(started))
    first = 1 + max(counters[process] for process in range(len(started)))
    counters.close()
    for process, worker in enumerate(started):
        worker.ask(
            do='race',
            rounds=[list(each) for each in rounds],
            first=first,
            board=str(board),
            process=process,
            processes=len(started),
            seed=seed,
        )
    of_process = [worker.reply(patience * (1 + len(rounds)))['rounds'] for worker in started]
    merged = []
    for number in range(len(rounds)):
        # A process that waited for another in vain has fewer rounds.
        of_round = [made[number] for made in of_process if number < len(made)]
        calls = [Call.from_json(values) for made in of_round for values in made]
        merged.append(sorted(calls, key=lambda call: call.called))
    return merged
