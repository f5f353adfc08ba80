"""The clients of every store, a cluster included, and who holds a slot in it."""

from collections.abc import Iterator

import pytest
from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
from redis.cluster import RedisCluster

from py_cachify import MemoryClient, _renewers
from tests.conftest import place_of
from tests.library.leases.sides import AsyncSide, Side, SyncSide
from tests.support.servers import cluster, or_skip
from tests.support.stores import STORES, Clients, make_clients


EXTENDING = ('memory', 'fakeredis', 'valkey', 'redis', 'cluster')
"""The stores that can renew a slot and draw fencing tokens: all but the plain contract."""

extending = pytest.mark.parametrize('store', EXTENDING)
"""Runs a test only on these."""

plain = pytest.mark.parametrize('store', ['plain', 'sqlite'])
"""Runs a test only on clients of the plain contract."""

on_servers = pytest.mark.parametrize('store', ['valkey', 'redis'])
"""Runs a test only on real servers."""


@pytest.fixture(scope='session')
def running_cluster() -> Iterator[int]:
    """The port of one node of a cluster that this session started."""
    with or_skip(FileNotFoundError), cluster() as port:
        yield port


@pytest.fixture(params=(*STORES, 'cluster'))
def store(request: pytest.FixtureRequest) -> str:
    """Every store in turn."""
    return str(request.param)


@pytest.fixture
def clients(store: str, request: pytest.FixtureRequest) -> Iterator[Clients]:
    """New clients of an empty store, for both sides; memory in real time."""
    match store:
        case 'memory':
            client = MemoryClient()
            yield Clients(client, client, None)
            return
        case 'cluster':
            port: int = request.getfixturevalue('running_cluster')
            of_cluster = RedisCluster(host='127.0.0.1', port=port)
            of_cluster.flushall(target_nodes=RedisCluster.PRIMARIES)
            made = Clients(of_cluster, AsyncRedisCluster(host='127.0.0.1', port=port), None)
        case _:
            made = make_clients(store, place_of(store, request))
    yield made
    if hasattr(made.sync, 'close'):
        made.sync.close()


@pytest.fixture(params=['sync', 'async'])
def side(request: pytest.FixtureRequest, clients: Clients) -> Side:
    """Threads and asyncio in turn."""
    return SyncSide() if request.param == 'sync' else AsyncSide(clients)


@pytest.fixture(autouse=True)
def nothing_is_renewed_afterwards() -> Iterator[None]:
    """What a test has left is not renewed while others run."""
    yield
    _renewers._forget_all()
