"""``pool-ctl`` on a cluster of three nodes: it is recognised, and all nodes are read."""

from collections.abc import Iterator
from typing import Any

import pytest
from redis.cluster import RedisCluster

from py_cachify import init_cachify
from tests.library.ctl.running import Terminal, pool_ctl


KEYS = [f'reports-{number:02}' for number in range(30)]


@pytest.fixture
def client(running_cluster: int) -> Iterator[Any]:
    """A client of an empty cluster."""
    with RedisCluster(host='127.0.0.1', port=running_cluster) as client:
        client.flushall(target_nodes=RedisCluster.PRIMARIES)
        yield client


@pytest.fixture
def url(running_cluster: int, client: Any) -> str:
    """The URL of one node of it."""
    return f'redis://127.0.0.1:{running_cluster}'


def test_pools_of_all_nodes_are_listed_shown_and_freed(client: Any, url: str) -> None:
    made = init_cachify(client, is_global=False)
    assert len({client.get_node_from_key(f'PYC-{key}').name for key in KEYS}) == 3
    slots = [made.pool(key, max_size=3, label=key).acquire() for key in KEYS]
    for words in (['list'], ['list', '--cluster']):
        rows = pool_ctl(*words, url=url).rows()
        assert [(row['pool'], row['taken'], row['label']) for row in rows] == [(key, '1', key) for key in KEYS]
    assert pool_ctl('list', '--json', url=url).json()['server'].startswith('cluster at 127.0.0.1:')
    for key, slot in zip(KEYS, slots, strict=True):
        [row] = pool_ctl('show', key, url=url).rows()
        assert row['token'] == slot.token
    for key, slot in zip(KEYS[:5], slots, strict=False):
        assert pool_ctl('free', key, slot.token, '--yes', url=url).status == 0
    assert [row['pool'] for row in pool_ctl('list', url=url).rows()] == KEYS[5:]


def test_it_can_be_watched(client: Any, url: str) -> None:
    made = init_cachify(client, is_global=False)
    slot = made.pool('reports', max_size=3).acquire()
    with Terminal('watch', '--interval', '0.1', url=url) as terminal:
        end = terminal.wait_for('reports')
        slot.release()
        terminal.wait_for('nobody waits', after=end)
        terminal.type('\x03')
        assert terminal.end() == 130


def test_doctor_looks_at_each_node(client: Any, url: str) -> None:
    """These nodes keep no log, and each says so."""
    document = pool_ctl('doctor', '--json', url=url).json()
    nodes = {node.name for node in client.get_primaries()}
    assert {each['problem'].split()[2] for each in document['findings']} == nodes
    assert {each['check'] for each in document['findings']} == {'persistence'}


def test_a_user_who_may_only_look_sees_all_nodes_too(client: Any, running_cluster: int) -> None:
    """Without ``INFO`` a cluster is recognised all the same."""
    made = init_cachify(client, is_global=False)
    slots = [made.pool(key, max_size=3).acquire() for key in KEYS]
    rules = 'reset', 'on', '>s3cret', '~PYC-*', '+scan', '+zrange', '+time', '+cluster|slots', '+command'
    for node in client.get_primaries():
        client.get_redis_connection(node).execute_command('ACL', 'SETUSER', 'ops', *rules)
    ran = pool_ctl('list', url=f'redis://ops:s3cret@127.0.0.1:{running_cluster}')
    assert (ran.status, ran.err) == (0, '')
    assert [row['pool'] for row in ran.rows()] == KEYS
    for slot in slots:
        slot.release()


def test_a_socket_cannot_be_a_cluster(socket: str) -> None:
    ran = pool_ctl('list', '--cluster', url=socket)
    assert (ran.status, ran.out) == (2, '')
    assert 'through a unix socket' in ran.err
