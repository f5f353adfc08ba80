"""What can happen next in an exploration, and schedules as short texts.

A schedule contains everything that is needed to repeat it, on any store.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from simulations.arguments import nearest


STEP, CRASH, LOSE_REQUEST, LOSE_REPLY, REPEAT = 'step', 'crash', 'lose request', 'lose reply', 'repeat'
WAIT, HALF, ALMOST, ARRIVE = 'wait', 'wait half', 'wait almost', 'arrive'
HURRY, FORGET, LATE, OVERTAKEN = 'clock ahead', 'store forgets', 'late', 'overtaken'
TIME_OUT = 'time out'
BETWEEN = (HALF, ALMOST)
"""The passages of time that end between two expiries.

* ``wait half``: half of the time until the next slot expires;
* ``wait almost``: until just before it expires, a thousandth of the life of a slot.
"""
WAITS = (WAIT, *BETWEEN)
"""How time can pass; ``wait`` is until the next slot expires."""
PLAIN = (STEP, *WAITS, ARRIVE, TIME_OUT)
"""The moves that are not faults; with ``time out``, the time of a waiter is up."""
FAULTS = (CRASH, LOSE_REQUEST, LOSE_REPLY, REPEAT, HURRY)
"""The kinds of fault, each of which counts as one.

* ``crash``: the client does nothing more;
* ``lose request``: the command does not reach the store, and the client sees a lost connection;
* ``lose reply``: the command reaches the store, but the client sees a lost connection;
* ``repeat``: after a lost reply the client library (such as redis-py) sends the request again
  itself, and the client receives the second answer;
* ``clock ahead``: from now on the client's own clock is ahead by the life of a slot.
"""
LATE_FAULTS = (LATE, OVERTAKEN)
"""Faults after which a request is still on its way; it can arrive at any later move.

* ``late``: the client gives up on its request and sees a lost connection;
* ``overtaken``: the client library sends the request again itself, the second one overtakes the
  first, and the client receives its answer.
"""
STORE_FAULTS = (FORGET,)
"""What no protocol promises to survive; it is searched only on request.

* ``store forgets``: the server restarts without its data, or fails over to an empty replica.
"""
KINDS = (*FAULTS, *LATE_FAULTS, *STORE_FAULTS)
"""Every kind of fault."""


class Move(NamedTuple):
    """One thing that happens.

    Attributes:
        do: ``step`` (the client's next command or call), one of ``WAITS`` (time passes),
            ``arrive`` (a late request reaches the store), ``time out`` (the time of a waiter is
            up), or one of the faults.
        client: the number of the client, from 0; -1 if no client is involved, as when time passes.
        which: which of the client's late requests arrives, counted from 0 in the order in which
            they were sent.
    """

    do: str
    client: int = -1
    which: int = 0


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
        renewals: how often each client renews its slot before it releases it.
        fences: whether each client draws a fencing token.
    """

    protocol: str
    clients: int
    max_size: int
    slot_exp: int | None
    rounds: int
    moves: tuple[Move, ...]
    renewals: int = 0
    fences: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the schedule as plain values."""
        moves = [_plain(move) for move in self.moves]
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
            # Older files do not have these.
            renewals, fences = _number(plain.get('renewals', 0)), bool(plain.get('fences', False))
            return cls(str(plain['protocol']), clients, size, life, rounds, moves, renewals, fences)
        except KeyError as error:
            raise ValueError(f'this is not a schedule: the field {error} is missing') from None
        except TypeError:
            raise ValueError('this is not a schedule: it must be a JSON object with a list of moves') from None
        except ValueError as error:
            raise ValueError(f'this is not a schedule: {error}') from None

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


def known_kind(kind: str) -> str:
    """Return ``kind`` if it is a kind of fault.

    Raises:
        ValueError: it is not; the message names the nearest kind.
    """
    if kind not in KINDS:
        raise ValueError(
            f'unknown fault {kind!r}: the nearest is {nearest(kind, KINDS)!r}; choose from {", ".join(KINDS)}'
        )
    return kind


def _plain(move: Move) -> Any:
    if move.client < 0:
        return move.do
    return [move.client, move.do, move.which] if move.which else [move.client, move.do]


def _move(plain: Any) -> Move:
    if isinstance(plain, str):
        return Move(_known_move(plain, (*WAITS, *STORE_FAULTS)))
    try:
        client, do, *which = plain
    except (TypeError, ValueError):
        raise ValueError(f'a move must be its name, or a list of a client and a name, got {plain!r}') from None
    do = _known_move(do, (STEP, ARRIVE, TIME_OUT, *FAULTS, *LATE_FAULTS))
    return Move(do, _number(client), *map(_number, which))


def _known_move(do: Any, known: Sequence[str]) -> str:
    if do not in known:
        raise ValueError(f'unknown move {do!r}, the nearest is {nearest(do, known)!r}')
    return str(do)


def _number(plain: Any) -> int:
    if not isinstance(plain, int) or isinstance(plain, bool) or plain < 0:
        raise ValueError(f'a whole number of at least 0 is needed, got {plain!r}')
    return plain
