"""A real server for the whole session, emptied between tests, and the clients of every store."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import settings

from py_cachify import Cachify, init_cachify
from simulations.stores.embedded import EmbeddedServerError, embedded_server
from tests.support.open_connections import left_open, note_connections
from tests.support.servers import or_skip, redis_server
from tests.support.stores import STORES, AsyncDriver, Clients, Driver, SyncDriver, make_clients


note_connections()


# The same examples at every run, and no verdict on how fast a machine is.
settings.register_profile('suite', derandomize=True, deadline=None, database=None, print_blob=True)
settings.load_profile('suite')


def pytest_configure(config: pytest.Config) -> None:
    """Compile each module once for all processes that the tests start.

    The bytecode goes into pytest's cache, even if the environment forbids Python to write any
    next to the sources.
    """
    sys.pycache_prefix = str(config.rootpath / '.pytest_cache' / 'bytecode')
    sys.dont_write_bytecode = False
    os.environ['PYTHONPYCACHEPREFIX'] = sys.pycache_prefix
    os.environ.pop('PYTHONDONTWRITEBYTECODE', None)


@pytest.fixture(scope='session')
def running_server() -> Iterator[Path]:
    """The unix socket of an embedded Valkey server that this session started."""
    with or_skip(EmbeddedServerError), embedded_server() as socket:
        with redis.Redis(unix_socket_path=str(socket)) as client:
            process_id = int(client.info('server')['process_id'])
        # Raises if that is no child of ours, and is (0, 0) if it runs.
        assert os.waitpid(process_id, os.WNOHANG) == (0, 0)
        yield socket


@pytest.fixture
def socket(running_server: Path) -> str:
    """The unix socket of the real server, which is empty."""
    with redis.Redis(unix_socket_path=str(running_server)) as client:
        client.flushall()
    return str(running_server)


@pytest.fixture
def server(socket: str) -> 'Iterator[redis.Redis]':
    """A client of the real server for looking at what is in it."""
    with redis.Redis(unix_socket_path=socket) as client:
        yield client


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> str:
    """Every store in turn."""
    return str(request.param)


@pytest.fixture(scope='session')
def running_redis() -> Iterator[str]:
    """The unix socket of a Redis server, as distributions ship it, that this session started."""
    with or_skip(FileNotFoundError), redis_server() as socket:
        yield socket


def place_of(store: str, request: pytest.FixtureRequest) -> str:
    """Where the clients of ``store`` find it, which is empty."""
    match store:
        case 'valkey':
            return str(request.getfixturevalue('socket'))
        case 'redis':
            socket: str = request.getfixturevalue('running_redis')
            with redis.Redis(unix_socket_path=socket) as client:
                client.flushall()
            return socket
        case 'sqlite':
            return str(request.getfixturevalue('tmp_path'))
        case _:
            return ''


@pytest.fixture
def clients(store: str, request: pytest.FixtureRequest) -> Iterator[Clients]:
    """New clients of an empty store, for both sides."""
    made = make_clients(store, place_of(store, request))
    yield made
    if hasattr(made.sync, 'close'):
        made.sync.close()


@pytest.fixture
def cachify(clients: Clients) -> Cachify:
    """``init_cachify()`` with those clients, for the global functions as well."""
    return init_cachify(clients.sync, clients.asynchronous)


@pytest.fixture(params=['sync', 'async'])
def driver(request: pytest.FixtureRequest, clients: Clients) -> Driver:
    """Threads and asyncio in turn."""
    return SyncDriver() if request.param == 'sync' else AsyncDriver(clients)


@pytest.fixture(autouse=True)
def _no_settings_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins as a program does: without ``init_cachify()``, and without a listener."""
    monkeypatch.setattr('py_cachify._settings._global_settings', None)
    monkeypatch.setattr('py_cachify._settings._global_place', None)
    monkeypatch.setattr('py_cachify.observing._everywhere.observations', ())


@pytest.fixture(autouse=True)
def _no_connection_is_left() -> Iterator[None]:
    """Each test closes its asynchronous connections before it ends their loop."""
    yield
    left = left_open()
    assert not left, f'close the asynchronous client before its event loop ends: {left}'
