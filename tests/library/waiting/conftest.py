"""The clients of every store, and who waits on them."""

from collections.abc import Iterator

import pytest

from py_cachify import MemoryClient
from tests.conftest import place_of
from tests.library.waiting.crowd import KINDS, Crowd, crowd_of
from tests.support.stores import Clients, make_clients


QUEUEING = ('memory', 'fakeredis', 'valkey', 'redis')
"""The stores that can queue, and so serve in order."""


@pytest.fixture
def clients(store: str, request: pytest.FixtureRequest) -> Iterator[Clients]:
    """New clients of an empty store, for both sides; memory in real time, in which waiters wait."""
    if store == 'memory':
        client = MemoryClient()
        yield Clients(client, client, None)
        return
    made = make_clients(store, place_of(store, request))
    yield made
    if hasattr(made.sync, 'close'):
        made.sync.close()


@pytest.fixture(params=QUEUEING)
def queueing(request: pytest.FixtureRequest) -> str:
    """Every store that can queue in turn."""
    return str(request.param)


@pytest.fixture(params=KINDS)
def crowd(request: pytest.FixtureRequest, clients: Clients) -> Iterator[Crowd]:
    """Threads, tasks, and both by turns, who use these clients."""
    with crowd_of(str(request.param), clients) as made:
        yield made
