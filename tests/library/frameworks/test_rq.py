"""RQ imports a decorated function by its name in its workers, and retries a refused job."""

import importlib
from contextlib import ExitStack

import rq

from py_cachify import pool
from tests.library.frameworks.shared_desk import ENOUGH, NAMES, SIZE, empty_desk, most_at_once, worker


MODULE = 'tests.library.frameworks.rq_jobs'


def test_a_refused_job_is_retried(socket: str) -> None:
    """A second later. It has the name of the function; no more run at once than the pool allows."""
    with empty_desk(socket) as server, ExitStack() as workers:
        jobs = importlib.import_module(MODULE)
        retry = rq.Retry(max=100, interval=1)
        queue = rq.Queue(connection=server)
        sent = [queue.enqueue(jobs.report, name, retry=retry, on_failure=rq.Callback(jobs.note)) for name in NAMES]
        assert {job.func_name for job in sent} == {f'{MODULE}.report'}
        for _ in range(SIZE + 1):
            workers.enter_context(
                worker(socket, '-m', 'rq.cli', 'worker', '--with-scheduler', '-u', f'unix://{socket}')
            )
        for name, job in zip(NAMES, sent, strict=True):
            result = job.latest_result(timeout=ENOUGH)
            assert result is not None
            assert result.return_value == f'{name} is done'
        assert most_at_once(server) == SIZE
        assert jobs.report.size('a') == pool('rq', max_size=SIZE).size() == 0
