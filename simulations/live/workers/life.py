"""One life of a worker, in its own process."""

import asyncio
import os
import traceback
from contextlib import suppress

from simulations.live.plan import Plan
from simulations.live.schedule import Schedule
from simulations.live.workers.tasks import Tasks
from simulations.live.workers.threads import Threads


def main(plan: Plan, schedule: Schedule, worker: int, life: int) -> None:
    """Run a worker's life in a forked process, and exit with status 0, or 1 after an error."""
    status = 1
    with suppress(BaseException):
        try:
            _live_through(plan, schedule, worker, life)
            status = 0
        except BaseException:
            traceback.print_exc()
            raise
    os._exit(status)


def _live_through(plan: Plan, schedule: Schedule, worker: int, life: int) -> None:
    if plan.tasks is None:
        threads = Threads(plan, schedule, worker, life)
        threads.begin()
        threads.run()
        threads.end()
    else:
        tasks = Tasks(plan, schedule, worker, life)
        tasks.begin()
        asyncio.run(tasks.run())
        tasks.end()
