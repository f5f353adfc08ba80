"""A worker whose jobs run in asyncio tasks, by ``async with pool`` and ``@pooled``."""

import asyncio
import random
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from py_cachify import Slot, pooled
from simulations.live.plan import NANO
from simulations.live.schedule import Due, clients_of
from simulations.live.workers.worker import FULL, RELEASE, UNDER_WAY, Asked, Ending, Progress, Worker, key_in_store


class Tasks(Worker):
    """Runs its jobs in the planned number of tasks, or in one task for each client."""

    def _decorate(self, patience: float | None) -> Any:
        plan = self._plan

        async def full(*_: Any) -> Progress:
            return FULL

        @pooled('{key}', plan.scenario.max_size, full, slot_exp=plan.slot_exp, **self._options(patience))
        async def in_a_slot(key: str, body: Callable[[], Any]) -> None:  # noqa: ARG001 - the pool's
            await body()

        return in_a_slot

    async def run(self) -> None:
        """Run all jobs in tasks of one event loop."""
        clients = clients_of(self._plan, self._number)
        begun, dues = self._begun(), self._dues()
        running = [self._client(client, begun) for client in clients]
        running = running or [self._task(dues) for _ in range(self._plan.loops)]
        try:
            await asyncio.gather(*running)
        except BaseException as error:
            self._notebook.error(time.monotonic_ns(), error, False, traceback.format_exc())
            raise

    async def _task(self, dues: Iterator[Due]) -> None:
        while (taken := self._take(dues)) is not None:
            due, sleep = taken
            await asyncio.sleep(sleep / NANO)
            await self._job(due)

    async def _client(self, client: int, begun: Iterator[int]) -> None:
        for due, sleep in self._turn(client, begun):
            await asyncio.sleep(sleep / NANO)
            await self._job(due)

    async def _job(self, job: Due) -> None:
        stream: list[random.Random] = []
        attempt = 1
        while True:
            asked = self._ask(job, attempt)
            if not (await self._attempt(asked)).refused or (pause := self._pause(asked, stream)) is None:
                return
            await asyncio.sleep(self._until(time.monotonic_ns() + pause) / NANO)
            attempt += 1

    async def _attempt(self, asked: Asked) -> Progress:
        job, progress = asked.job, Progress()

        async def body() -> None:
            await asyncio.sleep(self._enter(asked, progress) / NANO)
            self._leave(asked, progress)

        failed: Exception | None = None
        endings: list[Ending] = []
        token, under_way = RELEASE.set(endings), UNDER_WAY.set((asked, progress))
        try:
            if job.crash is not None:
                await self._crash(asked, progress)
            elif job.number % 2:
                progress.refused = await self._decorated(job)(key_in_store(job.key), body) is FULL
            else:
                async with self._pool(job):
                    await body()
        except Exception as error:
            failed = error
        finally:
            RELEASE.reset(token)
            UNDER_WAY.reset(under_way)
        if job.crash is None or failed is not None:
            self._ended(asked, progress, endings, failed)
        return progress

    async def _crash(self, asked: Asked, progress: Progress) -> None:
        slot: Slot | None = None
        if self._plan.renewed or self._plan.waits:
            # It is renewed as long as somebody refers to it.
            slot = await self._new_pool(asked.job).aacquire()
        else:
            await self._new_pool(asked.job).__aenter__()
        self._enter(asked, progress, slot)
        until = progress.began + self._plan.nanoseconds(self._life_of(asked.job))
        await asyncio.sleep(self._until(until) / NANO)
        self._abandon(asked, slot)
