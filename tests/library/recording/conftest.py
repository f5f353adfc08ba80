"""Recordings of a test, in a directory of its own, which end with it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from py_cachify.events import Event
from py_cachify.recording import Recorder


MakeRecorder = Callable[..., Recorder]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test records."""
    return tmp_path / 'pool.csv'


@pytest.fixture
def recorder_of(path: Path) -> Iterator[MakeRecorder]:
    """Makes recorders with the given options, and closes them after the test."""
    made: list[Recorder] = []

    def make(**options: Any) -> Recorder:
        recorder = Recorder(options.pop('path', path), **options)
        made.append(recorder)
        return recorder

    yield make
    for recorder in made:
        recorder.close()


@pytest.fixture(autouse=True)
def _no_salt_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('PY_CACHIFY_SALT', raising=False)


def ended(key: str = 'reports', **changes: Any) -> Event:
    """An attempt that waited for 1.5 s and held its slot for 0.25 s, or with changes."""
    event = Event('released', key, None, 1.5, 0.25, max_size=2, token='1:a', slot_exp=600.0, prefix='PYC-')
    return event._replace(**changes)
