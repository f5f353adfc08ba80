"""Let the model follow the order in which the server carried out the requests, and compare.

* Each request reaches the server exactly once, and once more with its script if the server had
  forgotten that.  One whose task was cancelled meanwhile may not have left.
* Each answer is the one that the model gives: whether there was room in that order, who is before a
  waiter, how many slots there are, whether a slot is released or renewed in time.
* The waiters that were told are those to which the model gave a slot.
* At the end the server has the slots, claims and waiters that the model has.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from py_cachify.commands import Queued, Refusal
from tests.state_machine.shared.journal import Carried
from tests.state_machine.shared.recording import Asked, Request
from tests.support.queue_model import Caller, Model


class PoolModel(Model):
    """One pool; a caller's number is the number in its token."""

    def __init__(self) -> None:
        super().__init__(server=True)
        self._callers: dict[bytes, Caller] = {}
        self._fence = 0

    def carry_out(self, name: str, token: bytes, arguments: list[bytes]) -> Any:
        """Carry out a request; return the right reply, of a waiter in the queue its rank."""
        match name, arguments:
            case 'take', [size, life]:
                return self.take(self._caller(token, size, life))
            case 'join', [size, life, most]:
                return self.join(self._caller(token, size, life), int(most) if most else None)
            case 'ask', [size, life, place]:
                caller = self._caller(token, size, life)
                caller.place = float(place)
                return self.ask(caller)
            case 'leave', [_, tombstone, _]:
                return self.leave(self._caller(token), tombstone=tombstone != b'')
            case 'drop', []:
                return self.drop(self._caller(token))
            case 'undo', [_, _]:
                return self.undo(self._caller(token))
            case 'fence', [_]:
                return self._draw(self._caller(token))
            case 'renew', [_, *pairs]:
                # The places of those that are gone.
                renewals = enumerate(zip(pairs[::2], pairs[1::2], strict=True))
                return tuple(place for place, (each, life) in renewals if not self._renew(self._caller(each), life))
            case 'size', []:
                return len(self.live())
            case 'waiting', []:
                return len(self.waiting())
            case 'holders', []:
                return frozenset((number, end - self.now) for number, end in self.live().items())
            case 'tickets', []:
                return tuple(caller.number for caller in self.waiting())
            case _:
                raise AssertionError(f'{name} with {arguments}')

    def live(self) -> dict[int, float]:
        """Return the slots and claims that have not expired."""
        return {number: end for number, end in (self.slots | self.claims).items() if end > self.now}

    def _caller(self, token: bytes, size: bytes = b'0', life: bytes = b'') -> Caller:
        found = self._callers.get(token)
        if found is None:
            found = self._callers[token] = Caller('', int(size), float(life) if life else None, number_in(token))
        return found

    def _draw(self, caller: Caller) -> int | Refusal:
        if self.slots.get(caller.number, 0) <= self.now:
            return Refusal.EXPIRED
        self._fence = max(self._fence + 1, math.floor(self.now * 1_000_000))
        return self._fence

    def _renew(self, caller: Caller, life: bytes) -> bool:
        if self.slots.get(caller.number, 0) <= self.now:
            return False
        self.slots[caller.number] = self.now + float(life) if life else math.inf
        return True


def number_in(token: bytes | str) -> int:
    """Return the number of a token, which is its last field."""
    text = token.decode() if isinstance(token, bytes) else token
    return int(text.rpartition(':')[2])


class Referee:
    """The model of some pools, next to what the server carried out.

    Attributes:
        pools: the model of each pool.
        events: what happened.
    """

    def __init__(self, pool_of: Mapping[bytes, str]) -> None:
        """Begin with empty pools; ``pool_of`` is the pool of each key of the server."""
        self._pool_of = pool_of
        self.pools = {pool: PoolModel() for pool in pool_of.values()}
        self.events: Counter[str] = Counter()
        self._right: defaultdict[Request, list[Any]] = defaultdict(list)
        self._sent: Counter[Request] = Counter()
        self._with_text: Counter[Request] = Counter()
        self._told: Counter[int] = Counter()

    def follow(self, carried: Iterable[Carried]) -> None:
        """Carry out in the model what the server carried out."""
        for each in carried:
            if each.has_text:
                self._with_text[each.request] += 1
            else:
                self._sent[each.request] += 1
            if not each.is_known:
                self.events['the server did not know the script'] += 1
                continue
            name, arguments = each.request
            model = self.pools[self._pool_of[arguments[0]]]
            rest = [argument for argument in arguments if argument not in self._pool_of]
            model.now = float(rest[-1])
            model.told.clear()
            right = model.carry_out(name, rest[0], rest[1:-1])
            self._right[each.request].append(right)
            self._told.update(model.told)

    def judge(self, asked: Mapping[Request, Asked], told: Mapping[str, int]) -> None:
        """Compare the model with what the tasks asked and were told."""
        unasked = self._sent.keys() - asked.keys() | self._with_text.keys() - asked.keys()
        assert not unasked, f'nobody asked {_words(unasked.pop())}'
        is_certain = True
        for request, each in asked.items():
            assert not each.failures, f'{_words(request)} failed: {each.failures[0]!r}'
            self._judge_ways(request, each)
            self._judge_replies(request, each)
            is_certain = is_certain and not each.given_up
        heard = Counter({number_in(ticket): times for ticket, times in told.items()})
        assert heard <= self._told, f'waiters were told of slots that they do not have: {heard - self._told}'
        assert not is_certain or heard == self._told, f'waiters were not told of slots: {self._told - heard}'
        self.events['waiter told'] += heard.total()

    def _judge_ways(self, request: Request, asked: Asked) -> None:
        sent, answered = self._sent[request], asked.times - asked.given_up
        assert answered <= sent <= asked.times, (
            f'{_words(request)} was asked {asked.times} times and given up {asked.given_up} times,'
            f' but sent {sent} times'
        )
        unknown = sent - (len(self._right[request]) - self._with_text[request])
        assert self._with_text[request] in range(max(0, unknown - asked.given_up), unknown + 1), (
            f'the server did not know the script of {_words(request)} {unknown} times, but the text was sent'
            f' {self._with_text[request]} times'
        )

    def _judge_replies(self, request: Request, asked: Asked) -> None:
        replies = Counter(_plain(request[0], reply) for reply in asked.replies)
        right = Counter((type(each), each) for each in self._right[request])
        assert replies <= right, (
            f'{_words(request)} was answered {list(replies.elements())}, but right is {list(right.elements())}'
        )
        for reply in asked.replies:
            self.events[_event(request[0], reply)] += 1
        self.events['given up'] += asked.given_up


def _plain(name: str, reply: Any) -> tuple[type, Any]:
    """Return the type of a reply and the reply, in the terms of the model."""
    if isinstance(reply, Queued):
        reply = reply.rank
    elif name == 'holders':
        reply = frozenset(
            (number_in(member), float(left)) for member, left in zip(reply[::2], reply[1::2], strict=True)
        )
    elif name == 'tickets':
        reply = tuple(map(number_in, reply))
    return type(reply), reply


def _event(name: str, reply: Any) -> str:
    match reply:
        case Queued():
            return f'{name}: queued'
        case bool() | Refusal():
            return f'{name}: {reply.value if isinstance(reply, Refusal) else reply}'
        case tuple() if name == 'renew':
            return f'renew: {not reply}'
        case _:
            return name


def _words(request: Request) -> str:
    name, arguments = request
    return f'{name} {b" ".join(arguments).decode()}'
