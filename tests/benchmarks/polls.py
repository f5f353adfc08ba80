"""Clients that count polls in vain: requests after which their waiter still waits.

They are measured in rounds of their own, because counting takes time.
"""

from typing import Any

import redis
import redis.asyncio

from py_cachify.backends.redis import load_script
from tests.benchmarks.sizes import ENOUGH_CONNECTIONS


_POLL = load_script('ask').digest


class PollCounter:
    """How many polls of its clients were in vain."""

    def __init__(self) -> None:
        self.in_vain = 0

    def note(self, digest: Any, answer: Any) -> None:
        """Note the answer to a script."""
        # Such an answer is a list that begins with a number whose leading digits are 3.
        if digest == _POLL and isinstance(answer, list) and answer[0] // 2**43 == 3:
            self.in_vain += 1


def counting_client(socket: str, counter: PollCounter) -> Any:
    """Return a synchronous client whose polls are counted."""

    class Counting(redis.Redis):
        def evalsha(self, sha: Any, numkeys: int, *arguments: Any) -> Any:
            answer = super().evalsha(sha, numkeys, *arguments)
            counter.note(sha, answer)
            return answer

    return Counting(unix_socket_path=socket, max_connections=ENOUGH_CONNECTIONS)


def async_counting_client(socket: str, counter: PollCounter) -> Any:
    """Return an asynchronous client whose polls are counted."""

    class Counting(redis.asyncio.Redis):
        async def evalsha(self, sha: Any, numkeys: int, *arguments: Any) -> Any:
            answer = await super().evalsha(sha, numkeys, *arguments)
            counter.note(sha, answer)
            return answer

    return Counting(unix_socket_path=socket, max_connections=ENOUGH_CONNECTIONS)
