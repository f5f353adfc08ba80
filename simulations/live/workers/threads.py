"""A worker whose jobs run in threads, by ``with pool`` and ``@pooled``."""

import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from py_cachify import Slot, pooled
from simulations.live.plan import NANO
from simulations.live.schedule import Due, clients_of
from simulations.live.workers.worker import FULL, RELEASE, UNDER_WAY, Asked, Ending, Progress, Worker, key_in_store


class Threads(Worker):
    """Runs its jobs in the planned number of threads, or in one thread for each client."""

    def _decorate(self, patience: float | None) -> Any:
        plan = self._plan

        def full(*_: Any) -> Progress:
            return FULL

        @pooled('{key}', plan.scenario.max_size, full, slot_exp=plan.slot_exp, **self._options(patience))
        def in_a_slot(key: str, body: Callable[[], None]) -> None:  # noqa: ARG001 - the pool's
            body()

        return in_a_slot

    def run(self) -> None:
        """Run all jobs in threads."""
        clients = clients_of(self._plan, self._number)
        begun, dues = self._begun(), self._dues()
        targets: list[Callable[[], None]] = [lambda client=client: self._client(client, begun) for client in clients]  # type: ignore[misc]
        if not clients:
            targets = [lambda: self._thread(dues)] * self._plan.threads
        threads = [threading.Thread(target=self._guarded, args=(target,), daemon=True) for target in targets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _guarded(self, target: Callable[[], None]) -> None:
        try:
            target()
        except BaseException as error:
            self._notebook.error(time.monotonic_ns(), error, False, traceback.format_exc())
            raise

    def _thread(self, dues: Iterator[Due]) -> None:
        while (taken := self._take(dues)) is not None:
            due, sleep = taken
            time.sleep(sleep / NANO)
            self._job(due)

    def _client(self, client: int, begun: Iterator[int]) -> None:
        for due, sleep in self._turn(client, begun):
            time.sleep(sleep / NANO)
            self._job(due)

    def _job(self, job: Due) -> None:
        stream: list[random.Random] = []
        attempt = 1
        while True:
            asked = self._ask(job, attempt)
            if not self._attempt(asked).refused or (pause := self._pause(asked, stream)) is None:
                return
            time.sleep(self._until(time.monotonic_ns() + pause) / NANO)
            attempt += 1

    def _attempt(self, asked: Asked) -> Progress:
        """Ask for a slot once, with ``with`` or ``@pooled``, and hold it if it is granted."""
        job, progress = asked.job, Progress()

        def body() -> None:
            time.sleep(self._enter(asked, progress) / NANO)
            self._leave(asked, progress)

        failed: Exception | None = None
        endings: list[Ending] = []
        token, under_way = RELEASE.set(endings), UNDER_WAY.set((asked, progress))
        try:
            if job.crash is not None:
                self._crash(asked, progress)
            elif job.number % 2:
                progress.refused = self._decorated(job)(key_in_store(job.key), body) is FULL
            else:
                with self._pool(job):
                    body()
        except Exception as error:
            failed = error
        finally:
            RELEASE.reset(token)
            UNDER_WAY.reset(under_way)
        if job.crash is None or failed is not None:
            self._ended(asked, progress, endings, failed)
        return progress

    def _crash(self, asked: Asked, progress: Progress) -> None:
        """Enter a ``with`` and never leave it: hold the slot for a while, and do not release it."""
        # A separate pool object, which disappears with the holder.
        slot: Slot | None = None
        if self._plan.renewed or self._plan.waits:
            # It is renewed as long as somebody refers to it.
            slot = self._new_pool(asked.job).acquire()
        else:
            self._new_pool(asked.job).__enter__()
        self._enter(asked, progress, slot)
        time.sleep(self._until(progress.began + self._plan.nanoseconds(self._life_of(asked.job))) / NANO)
        self._abandon(asked, slot)
