"""A cluster, and the URL of the real server."""

from collections.abc import Iterator

import pytest

from tests.support.servers import cluster, or_skip


@pytest.fixture(scope='session')
def running_cluster() -> Iterator[int]:
    """The port of one node of a cluster that this session started."""
    with or_skip(FileNotFoundError), cluster() as port:
        yield port


@pytest.fixture(autouse=True)
def _no_server_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command asks the server that the test names, and no other."""
    monkeypatch.setenv('REDIS_URL', 'unix:///nonexistent/of/the/tests')
