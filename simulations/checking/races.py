"""Races of threads or tasks that share one client, round by round."""

import asyncio
import contextlib
import functools
import math
import random
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from simulations.checking.calls import Call, Script, drive, perform
from simulations.checking.host import Host, StuckError
from simulations.checking.register import evidence, reason
from simulations.checking.rounds import Round
from simulations.checking.switching import frequent_switches, pausing, source_files


_FAREWELL = 0.1
"""How long to wait for a thread that may never end, in seconds."""


class Race(NamedTuple):
    """What a race has shown.

    Attributes:
        wrong: what is wrong, in a sentence; empty if nothing is.
        calls: the calls that show it.
        rounds: the number of rounds.
        made: the number of calls.
        raised: how many of them raised.
    """

    wrong: str
    calls: tuple[Call, ...]
    rounds: int
    made: int
    raised: int


async def follow(client: Any, script: Script[None], who: str, calls: list[Call]) -> None:
    """Make the calls of a script, and append them to ``calls``; end at a call that raises."""
    reply: Any = None
    with contextlib.suppress(StopIteration):
        while True:
            call = await perform(client, script.send(reply), who, calls)
            if call.error:
                script.close()
                return
            reply = call.reply


def race_threads(client: Any, rounds: Sequence[Round], callers: int, seed: int, patience: float) -> list[list[Call]]:
    """Run the rounds in threads that share a client; return the calls of each round.

    A call that does not return within ``patience`` seconds is left alone in its thread, and the
    race ends with this round.
    """
    files = source_files(client)
    made: list[list[list[Call]]] = [[[] for _ in range(callers)] for _ in rounds]
    barrier = threading.Barrier(callers)
    progress = [time.monotonic()] * callers
    over = threading.Event()

    def run(caller: int) -> None:
        for number, each in enumerate(rounds):
            try:
                barrier.wait(patience)
            except threading.BrokenBarrierError:
                return
            if over.is_set():
                return
            pauses = pausing(files, f'{seed} {each.name} {caller}') if each.pauses else contextlib.nullcontext()
            with pauses:
                drive(follow(client, each.script(caller), f'thread {caller}', made[number][caller]))
            progress[caller] = time.monotonic()

    threads = [threading.Thread(target=run, args=(caller,), daemon=True) for caller in range(callers)]
    with frequent_switches():
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                for thread in threads:
                    thread.join(0.05)
                if time.monotonic() - max(progress) > patience:
                    break
        finally:
            # After an interruption, too, no thread may set a name that is being cleaned up.
            over.set()
            barrier.abort()
            for thread in threads:
                thread.join(_FAREWELL)
    return _of_rounds(made)


def race_tasks(host: Host, rounds: Sequence[Round], callers: int, seed: int) -> list[list[Call]]:
    """Run the rounds in tasks that share a client; return the calls of each round.

    A call that does not return ends the race with its round.
    """
    made: list[list[list[Call]]] = [[[] for _ in range(callers)] for _ in rounds]
    with contextlib.suppress(StuckError):
        for each, calls in zip(rounds, made, strict=True):
            host.do(functools.partial(_one_round, each=each, seed=seed, made=calls))
    return _of_rounds(made)


async def _one_round(client: Any, each: Round, seed: int, made: list[list[Call]]) -> None:
    stream = random.Random(f'{seed} {each.name}')

    async def run(caller: int, turns: int) -> None:
        # Some tasks begin a few turns of the event loop later.
        for _ in range(turns):
            await asyncio.sleep(0)
        await follow(client, each.script(caller), f'task {caller}', made[caller])

    await asyncio.gather(*(run(caller, stream.randrange(3)) for caller in range(len(made))))


def _of_rounds(made: Sequence[Sequence[Sequence[Call]]]) -> list[list[Call]]:
    return [sorted((call for calls in of_round for call in calls), key=lambda call: call.called) for of_round in made]


def judge(rounds: Sequence[Sequence[Call]], *, allow_errors: bool) -> Race:
    """Judge the calls of each round; of all that is wrong, return what the fewest calls show."""
    found: list[Race] = []
    made = raised = 0
    for number, calls in enumerate(rounds, 1):
        made += len(calls)
        errors = [call for call in calls if call.error]
        raised += len(errors)
        for of_name in _by_name(calls):
            if few := evidence(of_name):
                found.append(Race(reason(few), tuple(few), number, made, raised))
    if found:
        return min(found, key=lambda race: len(race.calls))
    # A contradiction says more than an error, so errors are looked for afterwards.
    for number, calls in enumerate(rounds, 1):
        for call in calls:
            if math.isinf(call.returned):
                return Race(f'{call.request.method} did not return', _around(call, calls), number, made, raised)
            if call.error and not allow_errors:
                what = f'{call.request.method} raised {call.error}'
                return Race(what, _around(call, calls), number, made, raised)
    return Race('', (), len(rounds), made, raised)


def _by_name(calls: Sequence[Call]) -> list[list[Call]]:
    names: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        names[call.request.name].append(call)
    return list(names.values())


_MOST_AROUND = 8


def _around(one: Call, calls: Sequence[Call]) -> tuple[Call, ...]:
    """Return a call and those that overlap it."""
    others = [call for call in calls if call is not one and call.called <= one.returned and call.returned >= one.called]
    return tuple(sorted([one, *others[: _MOST_AROUND - 1]], key=lambda call: call.called))
