"""A worker whose jobs run in threads, by ``with pool`` and ``@pooled``."""

import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from py_cachify import pooled
from simulations.live.plan import NANO, Plan
from simulations.live.schedule import Due, Schedule, clients_of
from simulations.live.workers.worker import FULL, RELEASE, Asked, Ending, Progress, Worker, key_in_store


class Threads(Worker):
    """Runs its jobs in the planned number of threads, or in one thread for each client."""

    def __init__(self, plan: Plan, schedule: Schedule, worker: int, life: int) -> None:
        super().__init__(plan, schedule, worker, life)

        def full(*_: Any) -> Progress:
            return FULL

        @pooled('{key}', plan.scenario.max_size, full, slot_exp=plan.slot_exp)
        def in_a_slot(key: str, body: Callable[[], None]) -> None:  # noqa: ARG001 - the pool's
            body()

        self._in_a_slot: Any = in_a_slot

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
        token = RELEASE.set(endings)
        try:
            if job.crash is not None:
                self._crash(asked, progress)
            elif job.number % 2:
                progress.refused = self._in_a_slot(key_in_store(job.key), body) is FULL
            else:
                with self._pool(job.key):
                    body()
        except Exception as error:
            failed = error
        finally:
            RELEASE.reset(token)
        if job.crash is None or failed is not None:
            self._ended(asked, progress, endings, failed)
        return progress

    def _crash(self, asked: Asked, progress: Progress) -> None:
        """Enter a ``with`` and never leave it: hold the slot for a while, and do not release it."""
        # A separate pool object, which disappears with the holder.
        self._new_pool(asked.job.key).__enter__()
        self._enter(asked, progress)
        time.sleep(self._until(asked.called + self._plan.nanoseconds(self._life_of(asked.job))) / NANO)
        self._abandon(asked)
