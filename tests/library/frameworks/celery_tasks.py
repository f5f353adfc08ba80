"""The tasks of a Celery app, which the test and its worker import."""

from typing import Any

import celery
from celery.signals import task_retry, worker_process_init

from py_cachify import CachifyPoolFullError, init_cachify, pooled
from tests.library.frameworks import shared_desk


SOON = 0.05
"""In seconds: the delay before a refused task is tried again."""

app = celery.Celery('reports')


@worker_process_init.connect
def connect(**_: Any) -> None:
    init_cachify(shared_desk.client())


@task_retry.connect
def note(**_: Any) -> None:
    shared_desk.note_refusal()


@app.task(max_retries=None, autoretry_for=(CachifyPoolFullError,), retry_kwargs={'countdown': SOON})
@pooled('celery', max_size=shared_desk.SIZE, raise_on_full=True)
def report(name: str) -> str:
    """Report something."""
    return shared_desk.hold(name)


def try_again(task: Any, name: str) -> None:
    """Put a refused task back; ``retry`` raises."""
    task.retry(countdown=SOON)


@app.task(bind=True, max_retries=None)
@pooled('celery', max_size=shared_desk.SIZE, on_full=try_again)
def bound_report(task: Any, name: str) -> str:
    """Report something, as a task that can retry itself."""
    return shared_desk.hold(name)


@celery.shared_task(max_retries=None, autoretry_for=(CachifyPoolFullError,), retry_kwargs={'countdown': SOON})
@pooled('celery', max_size=shared_desk.SIZE, raise_on_full=True)
def shared_report(name: str) -> str:
    """Report something, for any app."""
    return shared_desk.hold(name)
