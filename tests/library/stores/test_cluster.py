"""A pool on a cluster of three nodes: each pool is one key, on the node that owns the key."""

import asyncio
from collections.abc import Iterator

import pytest
import redis
from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
from redis.cluster import RedisCluster
from redis.exceptions import ClusterError

from py_cachify import CachifyPoolFullError, init_cachify, pool
from tests.support.servers import cluster, or_skip


@pytest.fixture(scope='module')
def port() -> Iterator[int]:
    """The port of one node of a cluster."""
    with or_skip(FileNotFoundError), cluster() as port:
        yield port


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


def test_a_node_that_has_forgotten_its_scripts_is_told_again(port: int) -> None:
    """Each node keeps its own scripts."""
    with RedisCluster(host='127.0.0.1', port=port) as client:
        init_cachify(client)
        for key in KEYS[:9]:
            client.script_flush()
            with pool(key, max_size=1):
                client.script_flush()
            assert pool(key, max_size=1).size() == 0


def test_while_its_hash_slot_moves_a_pool_may_be_out_of_reach(port: int) -> None:
    """A named limit: an acquire has two keys, and raises; a release has one, and works."""
    with RedisCluster(host='127.0.0.1', port=port) as client:
        cachify = init_cachify(client, prefix='', is_global=False)
        moving = cachify.pool('moving', max_size=2)
        owner = client.get_node_from_key('moving')
        ports = [owner.port, next(node.port for node in client.get_primaries() if node.port != owner.port)]
        with redis.Redis(port=ports[0]) as source, redis.Redis(port=ports[1]) as target:
            names = [node.execute_command('CLUSTER MYID').decode() for node in (source, target)]
            hash_slot = client.keyslot('moving')
            with moving:
                target.execute_command('CLUSTER SETSLOT', hash_slot, 'IMPORTING', names[0])
                source.execute_command('CLUSTER SETSLOT', hash_slot, 'MIGRATING', names[1])
                with pytest.raises(ClusterError), cachify.pool('moving', max_size=2):
                    raise AssertionError('the body ran')
                assert moving.size() == 1
            for node in (target, source):
                node.execute_command('CLUSTER SETSLOT', hash_slot, 'NODE', names[1])
        with moving:
            assert moving.size() == 1
        assert moving.size() == 0
