"""What the tasks asked and were answered, and what left together."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from py_cachify._waiters import tell
from py_cachify.backends._batches import MOST_TOGETHER, MOST_UNDER_WAY, Batches
from py_cachify.backends.redis import AsyncRedisBackend, Script
from py_cachify.commands import Turn


Request = tuple[str, tuple[bytes, ...]]
"""The name of a script, and its keys and arguments, the instant last."""


@dataclass
class Asked:
    """What was asked with one and the same request: usually once.

    Attributes:
        times: how often.
        replies: what was answered.
        failures: the errors of the client, or of the server.
        given_up: how often the task was cancelled before its answer arrived.
    """

    times: int = 0
    replies: list[Any] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    given_up: int = 0


SCRIPTS = {
    'take': '_acquire',
    'drop': '_release',
    'undo': '_undo',
    'join': '_join',
    'ask': '_ask_on',
    'leave': '_leave',
    'fence': '_fence',
    'size': '_size',
    'waiting': '_waiting',
    'holders': '_holders',
    'tickets': '_tickets',
    'renew': '_renew',
}
"""The requests, each with the attribute of a backend that has its script."""


class RecordingBackend(AsyncRedisBackend):
    """The backend, which notes each request and its reply.

    Attributes:
        asked: what was asked.
        told: the tickets of waiters that were told that they have a slot.
        names: for the digest and for the text of each script, its name.
    """

    def __init__(self, client: Any, clock: Callable[[], float]) -> None:
        super().__init__(client, clock)
        self.asked: defaultdict[Request, Asked] = defaultdict(Asked)
        self.told: Counter[str] = Counter()
        scripts: dict[str, Script] = {name: getattr(self, attribute) for name, attribute in SCRIPTS.items()}
        self.names = {script.digest: name for name, script in scripts.items()}
        self.names |= {script.text: name for name, script in scripts.items()}

    @staticmethod
    async def agranted(backend: Any, key: str, ticket: str) -> None:
        """Tell a waiter."""
        del key
        backend.told[ticket] += 1
        tell(ticket, Turn.GRANTED)

    async def _ask(self, read: Any, script: Script, key: str, name: bytes, *arguments: bytes) -> Any:
        _, *keys = script.keys(key)
        asked = self.asked[self.names[script.digest], (*keys, name, *arguments, *self._now())]
        asked.times += 1
        try:
            reply = await super()._ask(read, script, key, name, *arguments)
        except Exception as error:
            asked.failures.append(error)
            raise
        except BaseException:
            asked.given_up += 1
            raise
        asked.replies.append(reply)
        return reply


@dataclass
class Travelled:
    """How requests left.

    Attributes:
        batches: the number of batches that were carried out.
        together: the number of requests in them.
        largest: the number of requests in the largest batch.
        under_way: the largest number of batches under way at the same time.
        without_connection: the batches for which the client had no connection free.
    """

    batches: int = 0
    together: int = 0
    largest: int = 0
    under_way: int = 0
    without_connection: int = 0


@contextmanager
def counted(travelled: Travelled) -> Iterator[None]:
    """Count the batches of all clients, and check what is in each of them."""
    answers, fill = Batches._answers, Batches._fill

    def checked(self: Batches, batch: list[Any]) -> None:
        before = {pool: len(line) for pool, line in self._waiting.items()}
        fill(self, batch)
        assert not any(asked.answer.done() for asked in batch), 'a request leaves that was given up'
        turns = {pool: number - len(self._waiting.get(pool, ())) for pool, number in before.items()}
        late = [pool for pool in self._waiting if turns[pool] < max(turns.values()) - 1]
        assert not late, f'{late} wait although others have had more turns: {turns}'

    async def counting(self: Batches, batch: Any) -> list[Any]:
        travelled.under_way = max(travelled.under_way, self._batches)
        assert self._batches <= MOST_UNDER_WAY, f'{self._batches} batches are under way'
        assert 2 <= len(batch) <= MOST_TOGETHER, f'a batch has {len(batch)} requests'
        try:
            found = await answers(self, batch)
        except Exception:
            travelled.without_connection += 1
            raise
        travelled.batches += 1
        travelled.together += len(batch)
        travelled.largest = max(travelled.largest, len(batch))
        return found

    Batches._answers, Batches._fill = counting, checked  # type: ignore[method-assign]
    try:
        yield
    finally:
        Batches._answers, Batches._fill = answers, fill  # type: ignore[method-assign]
