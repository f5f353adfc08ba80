"""What can happen next in an exploration, and schedules as short texts.

A schedule contains everything that is needed to repeat it, on any store.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple


STEP, CRASH, LOSE_REQUEST, LOSE_REPLY, REPEAT = 'step', 'crash', 'lose request', 'lose reply', 'repeat'
WAIT, HURRY, FORGET = 'wait', 'clock ahead', 'store forgets'
FAULTS = (CRASH, LOSE_REQUEST, LOSE_REPLY, REPEAT, HURRY)
"""The kinds of fault, each of which counts as one.

* ``crash``: the client does nothing more;
* ``lose request``: the command does not reach the store, and the client sees a lost connection;
* ``lose reply``: the command reaches the store, but the client sees a lost connection;
* ``repeat``: after a lost reply the client library (such as redis-py) sends the request again
  itself, and the client receives the second answer;
* ``clock ahead``: from now on the client's own clock is ahead by the life of a slot.
"""
STORE_FAULTS = (FORGET,)
"""What no protocol promises to survive; it is searched only on request.

* ``store forgets``: the server restarts without its data, or fails over to an empty replica.
"""


class Move(NamedTuple):
    """One thing that happens.

    Attributes:
        do: ``step`` (the client's next command or call), ``wait`` (time passes until the next slot
            expires), or one of the faults.
        client: the number of the client, from 0; -1 if no client is involved, as when time passes.
    """

    do: str
    client: int = -1


class Schedule(NamedTuple):
    """What happened, in order, and in which scope.

    Attributes:
        protocol: the name of the subject.
        clients: the number of clients.
        max_size: the slots of the pool.
        slot_exp: the life of a slot in seconds of virtual time; ``None`` for slots that never
            expire.
        rounds: how often each client acquires and releases.
        moves: the moves.
    """

    protocol: str
    clients: int
    max_size: int
    slot_exp: int | None
    rounds: int
    moves: tuple[Move, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the schedule as plain values."""
        moves = [move.do if move.client < 0 else [move.client, move.do] for move in self.moves]
        return {**self._asdict(), 'moves': moves}

    def save(self, path: str | Path) -> None:
        """Write the schedule to a file that :meth:`load` reads."""
        Path(path).write_text(json.dumps(self.to_json(), indent=1) + '\n', encoding='utf-8')

    @classmethod
    def from_json(cls, plain: Any) -> 'Schedule':
        """Return the schedule with these values. Raise ``ValueError`` for anything else."""
        try:
            moves = tuple(_move(each) for each in plain['moves'])
            clients, size, rounds = (_number(plain[name]) for name in ('clients', 'max_size', 'rounds'))
            life = None if plain['slot_exp'] is None else _number(plain['slot_exp'])
            return cls(str(plain['protocol']), clients, size, life, rounds, moves)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f'this is not a schedule: {error!r} is wrong or missing') from None

    @classmethod
    def load(cls, path: str | Path) -> 'Schedule':
        """Read a schedule from a file. Raise ``ValueError`` if the file contains none."""
        try:
            return cls.from_json(json.loads(Path(path).read_text(encoding='utf-8')))
        except (OSError, ValueError) as error:
            raise ValueError(f'cannot read the schedule {path}: {error}') from None

    def with_moves(self, moves: Sequence[Move]) -> 'Schedule':
        """Return a schedule of the same scope with other moves."""
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
