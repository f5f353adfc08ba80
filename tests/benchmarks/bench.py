"""What every row is given: how long to measure, a server, the other packages, a progress bar."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis
import redis.asyncio
from tqdm import tqdm

from simulations.embedded import embedded_server
from tests.benchmarks.rounds import Chunk, Plan, interleave


class Bench:
    """Use it as a context manager; at its end the server is gone.

    Example::

        with Bench(Plan(rounds=30, seconds=0.03, window=0.12)) as bench, bench.client() as client:
            times = bench.times({'ping': ...})
    """

    def __init__(self, plan: Plan, measures: int = 1) -> None:
        self.plan = plan
        self._bar = tqdm(total=plan.rounds * measures, disable=None, leave=False, unit='round')
        self._stack = ExitStack()
        self._socket: Path | None = None

    def __enter__(self) -> 'Bench':
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
        self._stack.close()

    def at(self, measure: str) -> None:
        """Show what is being measured."""
        self._bar.set_description(measure)

    def tick(self) -> None:
        """One round is done."""
        self._bar.update()

    @property
    def socket(self) -> str:
        """The unix socket of the embedded server, which is started when it is first asked for."""
        if self._socket is None:
            self._socket = self._stack.enter_context(embedded_server())
        return str(self._socket)

    def server_info(self) -> dict[str, Any]:
        """What the server says of itself; empty if none was needed."""
        if self._socket is None:
            return {}
        with redis.Redis(unix_socket_path=self.socket) as client:
            return dict(client.info('server'))

    @contextmanager
    def client(self) -> Iterator['redis.Redis']:
        """A synchronous client of the server, which is empty."""
        with redis.Redis(unix_socket_path=self.socket) as client:
            client.flushall()
            yield client

    @contextmanager
    def async_client(self) -> Iterator[tuple[asyncio.Runner, Any]]:
        """An event loop, and an asynchronous client for it."""
        with asyncio.Runner() as runner:
            client = redis.asyncio.Redis(unix_socket_path=self.socket)
            try:
                yield runner, client
            finally:
                runner.run(client.aclose())

    def times(self, chunks: dict[str, Chunk]) -> dict[str, list[float]]:
        """The seconds of one operation, for each contestant, round by round."""
        return interleave(chunks, self.plan.rounds, self.plan.seconds, self.tick)
