"""The bench of every row: how long to measure, a server, other packages, a progress bar."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, Generic, NamedTuple, TypeVar

from tqdm import tqdm

from simulations.stores.embedded import embedded_server
from tests.benchmarks.clients import make_async_client, make_client
from tests.benchmarks.contention import Arena
from tests.benchmarks.cores import has_two, on_one_core, on_two_cores
from tests.benchmarks.others.child import Child
from tests.benchmarks.others.environments import Other
from tests.benchmarks.others.subject import CannotError
from tests.benchmarks.rounds import Chunk, Plan, interleave, ratios
from tests.benchmarks.table import Cell, WaitLine
from tests.benchmarks.waiting import Crowd


T = TypeVar('T')
Cells = dict[str, Cell | str]

ANY_CORES = 'any cores'
"""The words for a row in which the system chooses the cores."""


class Asked(NamedTuple, Generic[T]):
    """The loops or actors of the other packages for a row.

    Attributes:
        ready: those of the packages that support the row, by title.
        cannot: why the others do not, by title.
    """

    ready: dict[str, T]
    cannot: dict[str, str]

    def contestants(self, suffix: str = '') -> dict[str, T]:
        """Return those that are ready, under their names in the times."""
        return {title + suffix: each for title, each in self.ready.items()}

    def cells(self, times: Mapping[str, Sequence[float]], against: Sequence[float], suffix: str = '') -> Cells:
        """Return the cells of the row, from the times of the contestants."""
        able: Cells = {title: Cell(ratios(times[title + suffix], against)) for title in self.ready}
        return able | self.cannot


class Bench:
    """A context manager, which ends the server and the processes of the other packages.

    Args:
        plan: how long to measure.
        measures: how many measures there will be, for the progress bar.
        others: other packages to measure alongside the library.
        one_core: whether client and server share one core within ``store_cores()``.

    Attributes:
        waits: the second table: how workers waited, each way in a line.

    Example::

        with Bench(Plan(rounds=30, seconds=0.03, window=0.1)) as bench, bench.client() as client:
            times = bench.times({'LIMIT': limit_loop(client)})
    """

    def __init__(self, plan: Plan, measures: int = 1, others: Sequence[Other] = (), *, one_core: bool = False) -> None:
        self.plan = plan
        self.others = [other.title for other in others]
        self._others = others
        self._one_core = one_core
        self.waits: list[WaitLine] = []
        self._bar = tqdm(total=plan.rounds * measures, disable=None, leave=False, unit='round')
        self._stack = ExitStack()
        self._socket: str | None = None
        self._children: dict[str, Child] | None = None

    def __enter__(self) -> 'Bench':
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
        self._stack.close()

    def at(self, measure: str) -> None:
        """Show the name of the current measure."""
        self._bar.set_description(measure)

    def tick(self) -> None:
        """Count a round that is done."""
        self._bar.update()

    # --- the server

    @property
    def socket(self) -> str:
        """The unix socket of the embedded server, which starts at the first use."""
        if self._socket is None:
            self._socket = str(self._stack.enter_context(embedded_server()))
        return self._socket

    def server_info(self) -> dict[str, Any]:
        """Return the server's ``INFO``; empty if no row needed a server."""
        if self._socket is None:
            return {}
        with make_client(self.socket) as client:
            return dict(client.info('server'))

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Yield a synchronous client of the server; each row uses its own keys."""
        with make_client(self.socket) as client:
            yield client

    @contextmanager
    def async_client(self) -> Iterator[tuple[asyncio.Runner, Any]]:
        """Yield an event loop and an asynchronous client for it."""
        with asyncio.Runner() as runner:
            client = make_async_client(self.socket)
            try:
                yield runner, client
            finally:
                runner.run(client.aclose())

    @property
    def cores(self) -> str:
        """On which cores client and server run within ``store_cores()``, in words."""
        return 'one core' if self._one_core else ANY_CORES

    def store_cores(self, more: Sequence[int] = ()) -> AbstractContextManager[None]:
        """Put client, server, the others and ``more`` processes on one core, if requested."""
        if not self._one_core:
            return nullcontext()
        _ = self.socket
        return on_one_core(
            [self.server_info()['process_id'], *(child.pid for child in self._workers().values()), *more]
        )

    @property
    def has_two_cores(self) -> bool:
        """Whether client and server can have a core each within ``two_cores()``."""
        return self._one_core and has_two()

    def two_cores(self) -> AbstractContextManager[None]:
        """Put the client and the server on a core each."""
        _ = self.socket
        return on_two_cores(self.server_info()['process_id'])

    # --- measuring

    def times(self, chunks: dict[str, Chunk], count: int | None = None) -> dict[str, list[float]]:
        """Return the seconds per operation for each contestant, round by round.

        Args:
            chunks: the loops, by the names of the contestants.
            count: operations in each round; by default as many as fit the plan.
        """
        return interleave(chunks, self.plan.rounds, self.plan.seconds, self.tick, count=count)

    def other_chunks(self, measure: str) -> Asked[Chunk]:
        """Return the loop of a row for each of the other packages."""
        asked: Asked[Chunk] = Asked({}, {})
        for title, child in self._workers().items():
            try:
                asked.ready[title] = child.chunk(measure)
            except CannotError as error:
                asked.cannot[title] = str(error)
        return asked

    def other_arenas(self, kind: str) -> Asked[Arena]:
        """Return the actors of a contended row for each of the other packages."""
        asked: Asked[Arena] = Asked({}, {})
        for title, child in self._workers().items():
            try:
                asked.ready[title] = child.arena(kind)
            except CannotError as error:
                asked.cannot[title] = str(error)
        return asked

    def other_crowds(self, kind: str, workers: int, body: float) -> Asked[Crowd]:
        """Return the workers that wait with each of the other packages."""
        asked: Asked[Crowd] = Asked({}, {})
        for title, child in self._workers().items():
            try:
                asked.ready[title] = child.crowd(kind, workers, body)
            except CannotError as error:
                asked.cannot[title] = str(error)
        return asked

    def _workers(self) -> dict[str, Child]:
        if self._children is None:
            self._children = {
                other.title: self._stack.enter_context(Child(other, self.socket)) for other in self._others
            }
        return self._children
