"""Celery runs decorated functions in processes of its worker, and retries a refused task."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from py_cachify import init_cachify, pool
from tests.library.frameworks import celery_tasks
from tests.library.frameworks.shared_desk import ENOUGH, NAMES, SIZE, empty_desk, most_at_once, worker


MODULE = 'tests.library.frameworks.celery_tasks'


@pytest.fixture(scope='module')
def app(running_server: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The app, with a queue on the real server and a worker of three processes."""
    queue = f'redis+socket://{running_server}'
    # In files, because a result in Redis talks to the server when Python deletes it, however late.
    results = f'file://{tmp_path_factory.mktemp("results")}'
    celery_tasks.app.conf.update(broker_url=queue, result_backend=results)
    command = ['celery', '-A', MODULE, '-b', queue, '--result-backend', results, 'worker', '-c', str(SIZE + 1)]
    with worker(str(running_server), '-m', *command, '-l', 'warning', '--without-gossip', '--without-mingle'):
        yield celery_tasks.app
    celery_tasks.app.close()


@pytest.mark.parametrize('kind', ['report', 'bound_report', 'shared_report'])
def test_a_refused_task_is_retried(app: Any, running_server: Path, kind: str) -> None:
    """The task has the name of the function; no more run at once than the pool allows.

    So many refusals are five or more of one task, although Celery allows three retries by default.
    """
    task = app.tasks[f'{MODULE}.{kind}']
    with empty_desk(str(running_server), refusals=4 * (len(NAMES) - SIZE) + 1) as server:
        init_cachify(server)
        results = [task.delay(name) for name in NAMES]
        done = [result.get(timeout=ENOUGH, interval=0.02) for result in results]
        assert done == [f'{name} is done' for name in NAMES]
        assert most_at_once(server) == SIZE
        assert task.run.size(name='a') == pool('celery', max_size=SIZE).size() == 0
