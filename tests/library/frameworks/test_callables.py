"""Schedulers, signals, retries, commands and serializers take decorated functions for functions."""

import datetime
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import blinker
import click
import cloudpickle
import pytest
import tenacity
from apscheduler.jobstores.redis import RedisJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from click.testing import CliRunner

from py_cachify import CachifyPoolFullError, init_cachify, pool, pooled


JOBS = """
from py_cachify import pooled

done = []

@pooled('jobs', max_size=1)
def work(name):
    done.append((name, work.size(name)))
"""


@pytest.fixture(autouse=True)
def _init() -> None:
    init_cachify()


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module that a scheduler can import by its name."""
    (tmp_path / 'scheduled_jobs.py').write_text(JOBS)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module('scheduled_jobs')
    del sys.modules['scheduled_jobs']


def test_a_scheduled_job_survives_a_restart(server: Any, socket: str, jobs: Any) -> None:
    """APScheduler's job store keeps the name of the function and imports it again."""

    def scheduler() -> Any:
        made = BackgroundScheduler(jobstores={'default': RedisJobStore(unix_socket_path=socket)})
        made.start(paused=True)
        return made

    first = scheduler()
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    assert first.add_job(jobs.work, 'date', run_date=later, args=['a'], id='a').func_ref == 'scheduled_jobs:work'
    first.shutdown()
    second = scheduler()
    job = second.get_job('a')
    assert job.func is jobs.work
    job.func(*job.args)
    second.shutdown()
    assert jobs.done == [('a', 1)]


def test_a_signal_reaches_a_pooled_method() -> None:
    """Blinker keeps its receivers by weak references."""
    received: list[tuple[object, int]] = []

    class Desk:
        @pooled('desk', max_size=1)
        def receive(self, sender: object) -> None:
            received.append((sender, self.receive.size(sender)))

    @pooled('function', max_size=1)
    def receive(sender: object) -> None:
        received.append((sender, receive.size(sender)))

    desk: Any = Desk()
    signal = blinker.Signal()
    signal.connect(desk.receive)
    signal.connect(receive)
    signal.send('a')
    assert received == [('a', 1), ('a', 1)]
    signal.disconnect(desk.receive)
    signal.disconnect(receive)
    signal.send('b')
    assert len(received) == 2


def test_a_refused_call_is_retried() -> None:
    """Tenacity stands above ``@pooled``, and keeps ``size``."""
    reports = pool('reports', max_size=1)
    reports.__enter__()

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(CachifyPoolFullError),
        stop=tenacity.stop_after_attempt(2),
        wait=tenacity.wait_none(),
        before_sleep=lambda _: reports.__exit__(None, None, None),
    )
    @pooled('reports', max_size=1, raise_on_full=True)
    def report(name: str) -> str:
        return name

    retried: Any = report
    assert retried.size('a') == 1
    assert retried('a') == 'a'
    assert retried.size('a') == 0


def test_a_command_runs_a_pooled_function() -> None:
    """Click stands above ``@pooled`` and finds the options of the command on it."""

    @click.command()
    @click.option('--name', required=True)
    @pooled('command-{name}', max_size=1, raise_on_full=True)
    def command(name: str) -> None:
        """Report something."""
        click.echo(f'hello {name}')

    done = CliRunner().invoke(command, ['--name', 'a'])
    assert (done.exit_code, done.output) == (0, 'hello a\n')
    assert command.help == 'Report something.'
    with pool('command-a', max_size=1):
        assert isinstance(CliRunner().invoke(command, ['--name', 'a']).exception, CachifyPoolFullError)


def test_a_function_without_a_name_is_sent_by_value() -> None:
    """Cloudpickle sends a local function with its code; it takes slots of the same pool."""

    @pooled('sent-{name}', max_size=1)
    def report(name: str) -> str:
        return name

    copy: Any = cloudpickle.loads(cloudpickle.dumps(report))
    assert copy is not report
    assert copy('a') == 'a'
    with pool('sent-a', max_size=1):
        assert copy('a') is None
        assert copy.size('a') == 1
