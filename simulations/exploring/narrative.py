"""Describe a schedule in numbered sentences, and write a test of it."""

import json
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from simulations.exploring.clients import name_of, short
from simulations.exploring.moves import (
    ALMOST,
    ARRIVE,
    CRASH,
    FORGET,
    HALF,
    HURRY,
    LATE,
    LOSE_REPLY,
    LOSE_REQUEST,
    OVERTAKEN,
    REPEAT,
    STEP,
    TIME_OUT,
    WAITS,
    Schedule,
)
from simulations.exploring.states import Happened


def story_text(story: Sequence[Happened], reason: str) -> str:
    """Return the story as numbered sentences; the last one says what goes wrong."""
    lines = [f'  {number:>2}. {sentence(each)}' for number, each in enumerate(story, 1)]
    return '\n'.join([*lines, f'      ! {reason}'])


def sentence(happened: Happened) -> str:
    """Return one move as a sentence."""
    do, client = happened.move.do, happened.move.client
    if do in WAITS:
        until = {HALF: ', half of the time to the next expiry', ALMOST: ', until just before the next expiry'}
        return f'{happened.seconds:.4g} s pass{until.get(do, "")}.'
    if do == FORGET:
        return 'The store forgets everything.'
    who = f'Client {name_of(client)}'
    if do == CRASH:
        return f'{who} crashes and does nothing more.'
    if do == HURRY:
        return f'The clock of {who[0].lower()}{who[1:]} runs ahead from now on, by the life of a slot.'
    if do == TIME_OUT:
        return f'{who} has waited long enough{_ending(happened)}.'
    if do == STEP and happened.command is None:
        return f'{who} was told of its slot{_ending(happened)}.'
    if do == ARRIVE:
        return (
            f'The late {command_words(happened.command)} of {who[0].lower()}{who[1:]} arrives; the store carries it'
            f' out, and nobody receives the reply {happened.answers[0]!r}.'
        )
    calls = {'acquire': f'{who} acquires: it', 'renew': f'{who} renews: it', 'release': f'{who} releases: it'}
    call = calls.get(happened.called.partition(' ')[0], who)
    answer = f' and receives {happened.received}'
    if do == LOSE_REQUEST:
        answer = '; the request and the connection are lost'
    elif do == LATE:
        answer = '; the request is late, and the client gives up: its connection is lost'
    elif do == OVERTAKEN:
        answer = (
            '; the request is late, and its client library sends it again, overtakes it, and receives'
            f' {happened.received}'
        )
    elif do == LOSE_REPLY:
        answer = f'; the server carries it out, but the reply {happened.answers[0]!r} and the connection are lost'
    elif do == REPEAT:
        first, second = happened.answers[:2]
        answer = (
            f'; the reply {first!r} is lost, and its client library sends the request again and receives {second!r}'
        )
    told = f'; told of their slots: {", ".join(happened.told)}' if happened.told else ''
    undone = f'; gone, so undone at once: {", ".join(happened.undone)}' if happened.undone else ''
    waits = f'; it waits in {command_words(happened.waits)}' if happened.waits else ''
    return f'{call} sends {command_words(happened.command)}{answer}{_ending(happened)}{told}{undone}{waits}.'


def _ending(happened: Happened) -> str:
    ends = {
        'granted': f'; {happened.token} holds a slot',
        'refused': f'; {happened.token} is refused',
        'expired': f'; the slot of {happened.token} expired before its acquire returned',
        'renewed': f'; {happened.token} holds its slot for longer',
        'not renewed': f'; the slot of {happened.token} is already gone',
        'released': f'; {happened.token} has released its slot',
        'too late': f'; the slot of {happened.token} is already gone',
        'failed': f'; the attempt of {happened.token} has failed',
        'renewal failed': f'; the renewal of {happened.token} has failed',
    }
    return ends.get(happened.ended, '')


def command_words(command: Any) -> str:
    """Return a command as a call: its name and its arguments."""
    names = (
        [field.name for field in fields(command)] if is_dataclass(command) else list(getattr(command, '__dict__', ()))
    )
    values = (getattr(command, name) for name in names)
    given = ', '.join(_value(value) for value in values if value is not None)
    return f'{type(command).__name__}({given})'


def _value(value: Any) -> str:
    return f'{value:g}' if isinstance(value, float) else short(str(value))


def as_test(schedule: Schedule, reason: str, name: str) -> str:
    """Return the text of a pytest test of a schedule."""
    text = json.dumps(schedule.to_json(), indent=4)
    return (
        'import json\n\n'
        'from simulations.exploring import Schedule, replay_schedule\n\n\n'
        f'def test_{name}_keeps_every_promise() -> None:\n'
        f'    """Replay a schedule that went wrong: {reason}."""\n'
        f"    schedule = Schedule.from_json(json.loads('''{text}'''))\n\n"
        '    # Moves that a mended protocol no longer makes are left out.\n'
        '    failure = replay_schedule(schedule, strict=False)\n'
        # As text, because pytest shows a text as it stands, and a value cut short.
        '    assert failure is None, str(failure)\n'
    )
