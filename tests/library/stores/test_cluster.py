"""A pool on a cluster of three nodes: each pool is one key, on the node that owns the key."""

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
from redis.cluster import RedisCluster
from redis.exceptions import ClusterError

from py_cachify import CachifyPoolFullError, init_cachify, pool
from py_cachify.backends.redis import RedisBackend
from tests.support.servers import cluster, or_skip
from tests.support.stores import AsyncDriver, Clients, SyncDriver


@pytest.fixture(scope='module')
def port() -> Iterator[int]:
    """The port of one node of a cluster."""
    with or_skip(FileNotFoundError), cluster() as port:
        yield port


HOLDER = '1:elsewhere-1:0:0:1:600.0:000000001'

KEYS = [f'reports-{number}' for number in range(30)]


def test_pools_live_on_all_nodes_and_are_shared(port: int) -> None:
    """Thirty pools, on three nodes, each with its own slots; two clients share the count."""
    with RedisCluster(host='127.0.0.1', port=port) as mine, RedisCluster(host='127.0.0.1', port=port) as others:
        init_cachify(mine)
        theirs = init_cachify(others, is_global=False)
        nodes = {mine.get_node_from_key(f'PYC-{key}').name for key in KEYS}
        assert len(nodes) == 3
        for key in KEYS:
            with pool(key, max_size=2), theirs.pool(key, max_size=2):
                with pytest.raises(CachifyPoolFullError), pool(key, max_size=2):
                    pass
                assert pool(key, max_size=2).size() == 2
            assert theirs.pool(key, max_size=2).size() == 0


def test_an_asynchronous_client_of_the_cluster_counts_with_a_synchronous_one(port: int) -> None:
    """The same pools, from asyncio."""

    async def main() -> None:
        async with AsyncRedisCluster(host='127.0.0.1', port=port) as asynchronous:
            with RedisCluster(host='127.0.0.1', port=port) as sync:
                init_cachify(sync, asynchronous)
                for key in KEYS:
                    async with pool(key, max_size=1):
                        assert pool(key, max_size=1).size() == 1
                        with pytest.raises(CachifyPoolFullError), pool(key, max_size=1):
                            pass
                    assert await pool(key, max_size=1).asize() == 0

    asyncio.run(main())


def test_a_waiting_task_hears_from_any_node(port: int, caplog: pytest.LogCaptureFixture) -> None:
    """Its listener subscribes on one node, and a slot is given back on each."""

    async def main() -> None:
        async with AsyncRedisCluster(host='127.0.0.1', port=port) as asynchronous:
            with RedisCluster(host='127.0.0.1', port=port) as sync:
                backend = RedisBackend(sync)
                made = init_cachify(async_client=asynchronous)
                for key in KEYS[:9]:
                    assert backend.take_slot(f'PYC-{key}', HOLDER, 1, 600)

                async def wait(key: str) -> None:
                    async with made.pool(key, max_size=1, wait=60):
                        pass

                tasks = [asyncio.create_task(wait(key)) for key in KEYS[:9]]
                until = time.monotonic() + 30
                while not all([await made.pool(key, max_size=1).aqueue_size() for key in KEYS[:9]]):
                    assert time.monotonic() < until
                    await asyncio.sleep(0.01)
                while not any(node.redis_connection.pubsub_channels('py-cachify:*') for node in sync.get_nodes()):
                    assert time.monotonic() < until
                    await asyncio.sleep(0.01)
                for key in KEYS[:9]:
                    assert backend.drop_slot(f'PYC-{key}', HOLDER)
                await asyncio.gather(*tasks)

    asyncio.run(main())
    assert not caplog.records


def test_a_node_that_has_forgotten_its_scripts_is_told_again(port: int) -> None:
    """Each node keeps its own scripts."""
    with RedisCluster(host='127.0.0.1', port=port) as client:
        init_cachify(client)
        for key in KEYS[:9]:
            client.script_flush()
            with pool(key, max_size=1):
                client.script_flush()
            assert pool(key, max_size=1).size() == 0


class Move:
    """Moves the hash slot of a key to another node, step by step."""

    def __init__(self, client: Any, key: str) -> None:
        owner = client.get_node_from_key(key)
        ports = owner.port, next(node.port for node in client.get_primaries() if node.port != owner.port)
        self._key = key
        self._hash_slot = client.keyslot(key)
        self._port = ports[1]
        self._source: Any = redis.Redis(port=ports[0])
        self._target: Any = redis.Redis(port=ports[1])
        nodes: list[Any] = [self._source, self._target]
        self._names = [node.execute_command('CLUSTER MYID').decode() for node in nodes]

    def begin(self) -> None:
        self._target.execute_command('CLUSTER SETSLOT', self._hash_slot, 'IMPORTING', self._names[0])
        self._source.execute_command('CLUSTER SETSLOT', self._hash_slot, 'MIGRATING', self._names[1])

    def move_the_key(self) -> None:
        self._source.migrate('127.0.0.1', self._port, self._key, 0, 5000)

    def end(self) -> None:
        for node in (self._target, self._source):
            node.execute_command('CLUSTER SETSLOT', self._hash_slot, 'NODE', self._names[1])
            node.close()


@pytest.mark.parametrize('key_moves', [False, True], ids=['the key is still there', 'the key has moved'])
@pytest.mark.parametrize('side', ['sync', 'async'])
def test_while_its_hash_slot_moves_a_pool_may_be_out_of_reach(
    port: int, side: str, key_moves: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A named limit: an acquire has two keys, and raises; a release has one, and works.

    The acquire was refused, so nobody says that a slot may stay taken.
    """
    caplog.set_level(logging.INFO, 'py_cachify')

    async def body() -> None:
        moving = cachify.pool('moving', max_size=2)
        async with driver.hold(moving):
            move = Move(client, 'moving')
            move.begin()
            if key_moves:
                move.move_the_key()
            with pytest.raises(ClusterError) as raised:
                async with driver.hold(moving):
                    raise AssertionError('the body ran')
            assert await driver.size(moving) == 1
        assert await driver.size(moving) == 0
        move.end()
        [message] = [record.getMessage() for record in caplog.records if record.name == 'py_cachify']
        for text in (message, *raised.value.__notes__):
            assert 'a slot stays taken only if the client had sent it before and lost the reply' in text
        async with driver.hold(moving):
            assert await driver.size(moving) == 1
        assert await driver.size(moving) == 0

    with RedisCluster(host='127.0.0.1', port=port) as client:
        asynchronous = AsyncRedisCluster(host='127.0.0.1', port=port)
        cachify = init_cachify(client, asynchronous, prefix='', is_global=False)
        driver = SyncDriver() if side == 'sync' else AsyncDriver(Clients(client, asynchronous, None))
        driver.run(body())
