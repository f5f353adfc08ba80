"""Cancelled requests in shared batches: ``python -m tests.cancelled_batches``, some minutes.

Tasks of one event loop acquire, wait for and release slots of three pools, through a proxy that
cuts connections and holds batches up.  Most tasks are cancelled while a request of theirs waits to
leave or is under way, by every means of asyncio and anyio.  After each round nothing is left: no
slot, no ticket, and of what was undone only tombstones that expire.  A slot may stay only if the
log says so, as where a machine is so slow that a release which was cut is not repeated; how many
did is reported.  Each round has its own seed, which is
printed if the round fails; ``--seed SEED --cancelled 1`` repeats it.
"""

import argparse
import asyncio
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import anyio
import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from tqdm.auto import tqdm

from py_cachify import Cachify, CachifyPoolFullError, CachifyPoolTimeoutError, init_cachify
from py_cachify.backends import _batches as batches
from py_cachify.backends.atomic import AsyncAtomicBackend
from py_cachify.backends.pool_keys import pool_keys
from py_cachify.commands import MAX_TOMBSTONES, TOMBSTONE_LIFE
from simulations.stores.embedded import embedded_server
from tests.support.proxy import CUTS, CuttingProxy, cutting_proxy


CANCELLED, CUT = 100_000, 200
"""How many requests are cancelled, and how many connections are cut, at least."""

TASKS = 240
"""How many tasks a round has."""

POOLS: dict[str, dict[str, Any]] = {
    'few': {'max_size': 20},
    'many': {'max_size': TASKS},
    'queue': {'max_size': 10, 'wait': 30},
}
"""The options of each pool; with the last one, tasks wait."""

SHARES = 8, 10, 2
"""How the tasks are divided among them."""

PATIENCE = 0.02
"""How long the answer to a cancelled acquire may take, in seconds, in a round without a cut.

Whoever gives up must undo, and if that is cut as well, a slot stays.
"""


class Worker:
    """A task that enters and leaves a pool, and is cancelled while it makes one of its requests.

    Attributes:
        cancel: cancels it.
        stage: ``'acquire'``, ``'body'`` or ``'release'``.
        struck: whether it has been cancelled.
    """

    def __init__(self, chance: random.Random) -> None:
        self.cancel: Callable[[], object] = lambda: None
        self.stage = 'acquire'
        self.struck = False
        self._when = chance.choice(('acquire', 'acquire', 'release', 'never'))
        self._turns = chance.randrange(6)
        self._answer: asyncio.Future[Any] | None = None

    def asks(self, answer: 'asyncio.Future[Any]') -> None:
        """Note that one of its requests waits to leave with others."""
        if self.stage == self._when and not self.struck:
            self.struck = True
            asyncio.get_running_loop().call_soon(self._strike, answer, self._turns)

    def _strike(self, answer: 'asyncio.Future[Any]', turns: int) -> None:
        if turns and not answer.done():
            asyncio.get_running_loop().call_soon(self._strike, answer, turns - 1)
            return
        if not answer.done():
            self._answer = answer
        self.cancel()

    @property
    def was_cancelled_in_a_batch(self) -> bool:
        """Whether its request left with others, or waited to, when it was cancelled."""
        answer = self._answer
        return answer is not None and (answer.cancelled() or answer.result() is not batches._ALONE)


CURRENT: ContextVar[Worker | None] = ContextVar('CURRENT', default=None)


@contextmanager
def _noting() -> Iterator[None]:
    """Tell each worker which of its requests travel with others."""
    leave = batches.Batches._leave_with_others

    async def noting_leave(self: batches.Batches, asked: Any) -> Any:
        worker = CURRENT.get()
        if worker is not None:
            worker.asks(asked.answer)
        return await leave(self, asked)

    patience = AsyncAtomicBackend.patience
    batches.Batches._leave_with_others = noting_leave  # type: ignore[method-assign]
    try:
        yield
    finally:
        batches.Batches._leave_with_others, AsyncAtomicBackend.patience = leave, patience  # type: ignore[method-assign]


class Said(logging.Handler):
    """Collects the warnings of the library."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what says that a slot stays taken."""
        if 'until it expires' in record.getMessage():
            self.messages.append(record.getMessage())


Work = Callable[[], Awaitable[None]]


async def _by_task(worker: Worker, work: Work) -> str:
    task = asyncio.current_task()
    assert task is not None
    worker.cancel = task.cancel
    try:
        await work()
    except asyncio.CancelledError:
        task.uncancel()
        return 'cancelled'
    return 'ended'


async def _by_timeout(worker: Worker, work: Work) -> str:
    try:
        async with asyncio.timeout(None) as timeout:
            worker.cancel = lambda: timeout.reschedule(0)
            await work()
    except TimeoutError:
        return 'cancelled'
    return 'ended'


async def _by_anyio(worker: Worker, work: Work) -> str:
    with anyio.CancelScope() as scope:
        worker.cancel = scope.cancel
        await work()
    return 'cancelled' if scope.cancelled_caught else 'ended'


MEANS = (_by_task, _by_timeout, _by_anyio)


class Figures(NamedTuple):
    """What happened.

    Attributes:
        cancelled: how many requests in shared batches were cancelled.
        cut: how many connections were cut.
        rounds: how many rounds there were.
        ends: how the tasks ended.
        said: how many slots stayed taken, as the log said.
        tombstones: how many tombstones were left, at most 10,000 of each pool.
    """

    cancelled: int
    cut: int
    rounds: int
    ends: dict[str, int]
    said: int
    tombstones: int


class Rounds:
    """Many rounds on one server."""

    def __init__(self, proxy: CuttingProxy, server: 'redis.Redis') -> None:
        self.cancelled = self.rounds = self.left = 0
        self.said = Said()
        self.ends: Counter[str] = Counter()
        self._proxy = proxy
        self._server: Any = server

    async def round(self, seed: int, *, cut: bool) -> None:
        """Let tasks come and go once, some of them cancelled, and see that nothing is left."""
        chance = random.Random(seed)
        plain: Any = {'unix_socket_path': self._proxy.path, 'protocol': 2, 'driver_info': None, 'socket_timeout': 30}
        repeats = Retry(NoBackoff(), chance.randrange(2))
        # Within what the tasks of a round ask.
        self._proxy.start_counting({chance.randrange(1, 2 * TASKS): chance.choice(CUTS)} if cut else {})
        AsyncAtomicBackend.patience = None if cut else PATIENCE
        self.said.messages.clear()
        held = None if cut or chance.random() > 0.1 else chance.choice(CUTS[:2])
        async with redis.asyncio.Redis(retry=repeats, **plain) as client:
            made: Any = client
            await self._come_and_go(init_cachify(async_client=made, is_global=False), chance, held)
        await self._until_nothing_is_left()
        self.rounds += 1

    async def _come_and_go(self, made: Cachify, chance: random.Random, held: str | None) -> None:
        inside: Counter[str] = Counter()
        workers = [Worker(chance) for _ in range(TASKS)]

        async def task(number: int, worker: Worker) -> str:
            name, options = names[number], POOLS[names[number]]
            CURRENT.set(worker)
            pause, body = chance.choice((0.0, 0.0, chance.random() * 0.005)), chance.random() * 0.002

            async def work() -> None:
                async with made.pool(name, slot_exp=600, **options):
                    worker.stage = 'body'
                    inside[name] += 1
                    assert inside[name] <= options['max_size']
                    try:
                        await asyncio.sleep(body)
                    finally:
                        inside[name] -= 1
                    worker.stage = 'release'

            await asyncio.sleep(pause)
            try:
                end = await means[number](worker, work)
            except (CachifyPoolFullError, CachifyPoolTimeoutError):
                return 'refused'
            except (redis.ConnectionError, redis.TimeoutError):
                return 'cut'
            # A request may end before its cancellation arrives, but not go unnoticed.
            assert end == 'ended' or worker.struck
            return end

        means = chance.choices(MEANS, k=TASKS)
        names = chance.choices(list(POOLS), SHARES, k=TASKS)
        if held:
            self._proxy.hold(held)
        tasks = [asyncio.create_task(task(number, worker)) for number, worker in enumerate(workers)]
        if held:
            # Longer than the answers to cancelled acquires may take.
            await asyncio.sleep(2 * PATIENCE)
            self._proxy.hold_no_more()
            await asyncio.sleep(2 * PATIENCE)
            self._proxy.let_go()
        async with asyncio.timeout(60):
            self.ends.update(await asyncio.gather(*tasks))
        assert not +inside
        self.cancelled += sum(worker.was_cancelled_in_a_batch for worker in workers)

    async def _until_nothing_is_left(self) -> None:
        """Wait until the proxy has passed on what it held up, and check what the server has."""
        until = time.monotonic() + 30
        while left := [key for key in self._server.keys('*') if b'~undone~' not in key]:
            for key in left:
                for token in self._server.zrange(key, 0, -1):
                    if any(token.decode() in message for message in self.said.messages):
                        self.left += self._server.zrem(key, token)
            assert time.monotonic() < until, f'left: {left}'
            await asyncio.sleep(0.002)

    def tombstones(self) -> int:
        """Return how many there are; they expire, and no pool has too many."""
        found = 0
        for name in POOLS:
            undone = pool_keys(f'PYC-{name}').undone
            number = self._server.zcard(undone)
            assert number <= MAX_TOMBSTONES
            assert not number or 0 < self._server.pttl(undone) <= TOMBSTONE_LIFE * 1000 + 1
            found += number
        return found


def run(cancelled: int, cut: int, seed: int, progress: Callable[[int], object]) -> Figures:
    """Make rounds until so many requests were cancelled and so many connections were cut."""
    with ExitStack() as stack:
        socket = str(stack.enter_context(embedded_server()))
        proxy = stack.enter_context(cutting_proxy(socket))
        server: redis.Redis = stack.enter_context(redis.Redis(unix_socket_path=socket))
        stack.enter_context(_noting())
        rounds = Rounds(proxy, server)
        logger = logging.getLogger('py_cachify')
        logger.addHandler(rounds.said)
        stack.callback(logger.removeHandler, rounds.said)
        while rounds.cancelled < cancelled or proxy.cut < cut:
            before = rounds.cancelled
            # Spread over all rounds.
            cuts = proxy.cut < cut and proxy.cut * cancelled <= rounds.cancelled * cut
            try:
                asyncio.run(rounds.round(seed + rounds.rounds, cut=cuts))
            except BaseException:
                print(f'in the round with seed {seed + rounds.rounds}, cut: {cuts}', file=sys.stderr)
                raise
            progress(rounds.cancelled - before)
        return Figures(rounds.cancelled, proxy.cut, rounds.rounds, dict(rounds.ends), rounds.left, rounds.tombstones())


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog='python -m tests.cancelled_batches', description=__doc__)
    parser.add_argument('--cancelled', type=int, default=CANCELLED, help='requests to cancel (default: %(default)s)')
    parser.add_argument('--cut', type=int, default=CUT, help='connections to cut (default: %(default)s)')
    parser.add_argument('--seed', type=int, help='seed of the first round (default: random)')
    options = parser.parse_args(argv)
    seed = random.randrange(10**9) if options.seed is None else options.seed
    print(f'seed {seed}: repeat with --seed {seed}', flush=True)
    with tqdm(total=options.cancelled, unit=' cancelled', file=sys.stderr) as bar:
        figures = run(options.cancelled, options.cut, seed, bar.update)
    ends = ', '.join(f'{number} {end}' for end, number in sorted(figures.ends.items()))
    print(
        f'{figures.cancelled} requests in shared batches cancelled and {figures.cut} connections cut in'
        f' {figures.rounds} rounds; tasks: {ends}; nothing left but {figures.tombstones} tombstones, and'
        f' {figures.said} slots of which the log said so'
    )
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
