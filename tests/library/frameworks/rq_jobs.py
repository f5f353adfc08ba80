"""The jobs of RQ, which its workers import by their names."""

from typing import Any

from py_cachify import init_cachify, pooled
from tests.library.frameworks import shared_desk


init_cachify(shared_desk.client())


@pooled('rq', max_size=shared_desk.SIZE, raise_on_full=True)
def report(name: str) -> str:
    """Report something."""
    return shared_desk.hold(name)


def note(*_: Any) -> None:
    """Run when a job failed, also if it will be retried."""
    shared_desk.note_refusal()
