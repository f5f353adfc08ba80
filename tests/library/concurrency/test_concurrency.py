"""Many threads and tasks: never more than ``max_size`` at a time; every slot is given back."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from py_cachify import CachifyPoolFullError, pool
from tests.support.stores import AsyncDriver, Clients


pytestmark = [pytest.mark.quick, pytest.mark.usefixtures('cachify')]


class Bodies:
    """Counts the bodies that run at this moment, and their maximum."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.running = self.peak = self.granted = self.refused = 0

    def enter(self) -> None:
        with self._lock:
            self.granted += 1
            self.running += 1
            self.peak = max(self.peak, self.running)

    def leave(self) -> None:
        with self._lock:
            self.running -= 1


def test_many_threads_never_exceed_the_pool() -> None:
    """Twelve threads use one pool of three: at most three bodies, and an empty pool in the end."""
    three = pool('reports', max_size=3)
    bodies = Bodies()
    start = threading.Barrier(12)

    def work() -> None:
        start.wait()
        for _ in range(25):
            try:
                with three:
                    bodies.enter()
                    threading.Event().wait(0.002)
                    bodies.leave()
            except CachifyPoolFullError:
                bodies.refused += 1

    with ThreadPoolExecutor(12) as threads:
        for done in [threads.submit(work) for _ in range(12)]:
            done.result()
    assert 1 <= bodies.peak <= 3
    assert bodies.granted >= 3
    assert bodies.refused > 0
    assert three.size() == 0
    assert not three._entries


def test_many_tasks_never_exceed_the_pool(clients: Clients) -> None:
    """Forty tasks use one pool of three: at most three bodies, and an empty pool in the end."""
    three = pool('reports', max_size=3)
    bodies = Bodies()

    async def work() -> None:
        for _ in range(5):
            try:
                async with three:
                    bodies.enter()
                    await asyncio.sleep(0.0002)
                    bodies.leave()
            except CachifyPoolFullError:
                bodies.refused += 1
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*[work() for _ in range(40)])
        assert await three.asize() == 0

    AsyncDriver(clients).run(main())
    assert 1 <= bodies.peak <= 3
    assert bodies.refused > 0
    assert not three._async_entries


def test_threads_and_tasks_share_one_pool(clients: Clients) -> None:
    """The synchronous and the asynchronous client of one store share the count."""
    one = pool('reports', max_size=1)

    async def main() -> None:
        with one:
            assert await one.asize() == 1
            with pytest.raises(CachifyPoolFullError):
                async with one:
                    pass
        async with one:
            assert one.size() == 1
            with pytest.raises(CachifyPoolFullError), one:
                pass

    AsyncDriver(clients).run(main())
    assert one.size() == 0
