"""A process with its own client, which makes the calls that its parent asks for.

Each line of its input is a request in JSON, and each line of its output the reply to one. It ends
when its input ends, so it does not outlive its parent.
"""

import contextlib
import functools
import json
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import IO, Any

from simulations.checking.board import Board
from simulations.checking.calls import Call, Request, perform, take
from simulations.checking.factory import NoClientError, load, open_host
from simulations.checking.host import Factory, Host, StuckError
from simulations.checking.interrupts import Statements, traced_set
from simulations.checking.races import follow
from simulations.checking.rounds import Round
from simulations.checking.switching import pausing, source_files


def serve(requests: IO[str], replies: IO[str], factory: Factory, name: str, patience: float, tries: int = 1) -> None:
    """Make a client and answer each request until there are no more.

    Args:
        requests, replies: the two ends of the conversation.
        factory: makes the client.
        name: a name that does not exist in the store.
        patience: how long to wait for a call, in seconds.
        tries: how often the first call is made if it raises.
    """

    def reply(**values: Any) -> None:
        replies.write(json.dumps(values) + '\n')
        replies.flush()

    try:
        host = open_host(factory, name, patience, tries)
    except NoClientError as error:
        reply(error=str(error))
        return
    reply(ready=True)
    for line in requests:
        order = json.loads(line)
        try:
            match order.pop('do'):
                case 'calls':
                    reply(calls=[call.to_json() for call in _calls(host, **order)])
                case 'race':
                    rounds = _race(host, **order)
                    reply(rounds=[[call.to_json() for call in calls] for calls in rounds])
                case 'set and die':
                    _set_and_die(host, **order)
                    reply(alive=True)
                case 'set forever':
                    _set_forever(host, **order)
        except StuckError:
            reply(stuck=True)
            return
    host.close()


def _calls(host: Host, who: str, requests: list[dict[str, Any]]) -> list[Call]:
    made: list[Call] = []

    async def work(client: Any) -> None:
        for values in requests:
            await perform(client, Request(**{**values, 'names': tuple(values['names'])}), who, made)

    host.do(work)
    return made


def _race(
    host: Host, rounds: list[list[Any]], first: int, board: str, process: int, processes: int, seed: int
) -> list[list[Call]]:
    files = source_files(host.client)
    made: list[list[Call]] = []
    meeting = Board(Path(board), processes)
    for number, fields in enumerate(rounds, first):
        each = Round(*fields)
        calls: list[Call] = []
        made.append(calls)

        def work(client: Any, each: Round = each, calls: list[Call] = calls) -> 'Coroutine[Any, Any, None]':
            return _one_round(client, each, process, seed, files, calls)

        if not meeting.meet(process, number, host.patience):
            break
        host.do(work)
    meeting.close()
    return made


async def _one_round(
    client: Any, each: Round, process: int, seed: int, files: frozenset[str], calls: list[Call]
) -> None:
    pauses = pausing(files, f'{seed} {each.name} {process}') if each.pauses else contextlib.nullcontext()
    with pauses:
        await follow(client, each.script(process), f'process {process}', calls)


def _set_and_die(host: Host, name: str, statement: int) -> None:
    """Kill this process before a statement of ``set``; return if there is no such statement."""
    statements = Statements(source_files(host.client), statement, _die)
    host.do(functools.partial(traced_set, statements=statements, name=name, calls=[]))


def _die() -> None:
    if hasattr(signal, 'SIGKILL'):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _set_forever(host: Host, names: str, board: str) -> None:
    """Set one name after the other until this process is killed; count them on the board."""
    count = Board(Path(board), 1)

    async def work(client: Any) -> None:
        number = 0
        while True:
            number += 1
            count[0] = number
            await perform(client, take(f'{names}{number}', 'of the killed', 1), 'the killed process', [])

    host.do(work, float(1 << 20))


def main() -> None:
    """Serve over standard input and output; the first line says which client."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), 'w', encoding='utf-8')
    # What the client prints must not be taken for a reply.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    first = json.loads(sys.stdin.readline())
    sys.path[:] = first['path']
    try:
        factory = load(first['factory'])
    except NoClientError as error:
        replies.write(json.dumps({'unknown': str(error)}) + '\n')
        replies.flush()
        return
    serve(sys.stdin, replies, factory, *first['terms'])
