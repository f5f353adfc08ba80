"""Random calls of one caller, compared with a model; a wrong reply is shown by as few as possible.

The model is a dictionary. The scripts of :mod:`simulations.checking.sequences` check known
mistakes; this looks for others.
"""

import random
from collections.abc import Sequence
from typing import Any

from simulations.checking.calls import Call, Request, delete, get, perform, put, shown, take
from simulations.checking.sequences import Names


LENGTH = 120
"""The number of random calls."""
_ENDS = ('', ':0', ':1')
_MOST_RUNS = 200
"""A wrong sequence is shortened by running it at most this often with calls left out."""


def random_requests(seed: int) -> list[Request]:
    """Return random requests for three names, which are given by their ends only."""
    stream = random.Random(f'{seed} any order')
    requests = []
    for number in range(LENGTH):
        name = stream.choice(_ENDS)
        kind = stream.random()
        if kind < 0.35:
            requests.append(take(name, f'v{number}', stream.choice((None, 3600, 86400))))
        elif kind < 0.45:
            requests.append(put(name, f'v{number}', stream.choice((None, 3600))))
        elif kind < 0.75:
            requests.append(get(name))
        elif kind < 0.95:
            requests.append(delete(name))
        else:
            requests.append(delete(*stream.sample(_ENDS, 2)))
    return requests


async def wrong_order(client: Any, requests: Sequence[Request], names: Names) -> tuple[list[Call], str] | None:
    """Make the requests on new names; return the shortest calls that end in a wrong reply, and why.

    Return ``None`` if all replies are right.
    """
    wrong = await _first_wrong(client, requests, names)
    if wrong is None:
        return None
    few = list(requests[: len(wrong[0])])
    runs, place = 0, 0
    while place < len(few) and runs < _MOST_RUNS:
        runs += 1
        # From the end, because what the last reply is about happened shortly before.
        last = len(few) - 1 - place
        without = few[:last] + few[last + 1 :]
        shorter = await _first_wrong(client, without, names)
        if shorter is None:
            place += 1
        else:
            few, wrong, place = without[: len(shorter[0])], shorter, 0
    return wrong


async def _first_wrong(client: Any, requests: Sequence[Request], names: Names) -> tuple[list[Call], str] | None:
    base = names.new('order')
    there: dict[str, str] = {}
    calls: list[Call] = []
    try:
        for request in requests:
            here = request._replace(names=tuple(names.keep(f'{base}{name}') for name in request.names))
            call = await perform(client, here, 'the caller', calls)
            if why := _why_wrong(call, there):
                return calls, why
        return None
    finally:
        # What this run leaves must not change the next, with fewer calls.
        await perform(client, delete(*(f'{base}{end}' for end in _ENDS)), 'the caller', [])


def _why_wrong(call: Call, there: dict[str, str]) -> str:
    """Return what is wrong with a reply, or an empty text; make the change in the model."""
    request = call.request
    if call.error:
        return f'{request.method} raised {call.error}'
    expected: Any = None
    match request.method:
        case 'get':
            expected = there.get(request.name)
        case 'set':
            expected = not request.nx or request.name not in there
            if expected:
                there[request.name] = request.value
            # What `set` returns without nx is not part of the contract.
            if not request.nx:
                return ''
        case _:
            for name in request.names:
                there.pop(name, None)
    if call.reply == expected:
        return ''
    right = shown(expected) if request.method == 'get' else f'a {str(expected).lower()} value'
    return f'the last reply is {call.text}; the contract wants {right}'
