"""What can happen next in an exploration, and a schedule: what did, as a small text.

A schedule is all that is needed to make the same happen again, on any store.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple


STEP, CRASH, LOSE_REQUEST, LOSE_REPLY, REPEAT = 'step', 'crash', 'lose request', 'lose reply', 'repeat'
WAIT, HURRY, FORGET = 'wait', 'clock ahead', 'store forgets'
FAULTS = (CRASH, LOSE_REQUEST, LOSE_REPLY, REPEAT, HURRY)
"""Each takes one of the faults that a search may use.

* ``crash``: the client never does anything again;
* ``lose request``: the command does not reach the store, and the client is told that the connection is gone;
* ``lose reply``: it does, and the client is told the same;
* ``repeat``: the client's driver asks again by itself after a lost reply, and the second answer is the one it gets;
* ``clock ahead``: from now on the client's own clock is ahead by the life of a slot.
"""
STORE_FAULTS = (FORGET,)
"""What no protocol promises to survive, and is searched only where it is asked for.

* ``store forgets``: the server is restarted without its data, or fails over to a replica that has none of it.
"""


class Move(NamedTuple):
    """One thing that happens.

    Attributes:
        do: ``step`` (the client's next command, or its next call), ``wait`` (time passes until the next slot expires),
            or one of the faults.
        client: whose, from 0; -1 where it is nobody's, as time passes or the store forgets.
    """

    do: str
    client: int = -1


class Schedule(NamedTuple):
    """What happened, in order, and in which scope.

    Attributes:
        protocol: the name of the subject.
        clients: how many.
        max_size: slots of the pool.
        slot_exp: life of a slot in seconds of virtual time; ``None`` for ever.
        rounds: how often each client acquires and releases.
        moves: what happened.
    """

    protocol: str
    clients: int
    max_size: int
    slot_exp: int | None
    rounds: int
    moves: tuple[Move, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        moves = [move.do if move.client < 0 else [move.client, move.do] for move in self.moves]
        return {**self._asdict(), 'moves': moves}

    def save(self, path: str | Path) -> None:
        """Write the schedule to a file, which :meth:`load` reads."""
        Path(path).write_text(json.dumps(self.to_json(), indent=1) + '\n', encoding='utf-8')

    @classmethod
    def from_json(cls, plain: Any) -> 'Schedule':
        """The schedule that was written so.  Raises ``ValueError`` for anything else."""
        try:
            moves = tuple(_move(each) for each in plain['moves'])
            clients, size, rounds = (_number(plain[name]) for name in ('clients', 'max_size', 'rounds'))
            life = None if plain['slot_exp'] is None else _number(plain['slot_exp'])
            return cls(str(plain['protocol']), clients, size, life, rounds, moves)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f'this is not a schedule: {error!r} is wrong or missing') from None

    @classmethod
    def load(cls, path: str | Path) -> 'Schedule':
        """Read a schedule from a file.  Raises ``ValueError`` if it holds none."""
        try:
            return cls.from_json(json.loads(Path(path).read_text(encoding='utf-8')))
        except (OSError, ValueError) as error:
            raise ValueError(f'cannot read the schedule {path}: {error}') from None

    def with_moves(self, moves: Sequence[Move]) -> 'Schedule':
        """The same scope, other moves."""
        return self._replace(moves=tuple(moves))


def _move(plain: Any) -> Move:
    if plain in (WAIT, *STORE_FAULTS):
        return Move(plain)
    client, do = plain
    if do not in (STEP, *FAULTS):
        raise ValueError(do)
    return Move(do, _number(client))


def _number(plain: Any) -> int:
    if not isinstance(plain, int) or isinstance(plain, bool) or plain < 0:
        raise ValueError(plain)
    return plain
