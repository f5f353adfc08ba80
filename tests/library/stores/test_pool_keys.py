"""All keys of a pool lie in one hash slot of a cluster, and no two pools share one."""

import itertools
from collections.abc import Iterator

import pytest
import redis
from hypothesis import example, given
from hypothesis import strategies as st
from redis.cluster import RedisCluster

from py_cachify import CachifyPoolFullError, init_cachify, pool
from py_cachify.backends import pool_keys as module
from py_cachify.backends.pool_keys import HASH_SLOTS, ROLES, derived_key, is_derived, pool_keys
from py_cachify.backends.redis import RedisBackend
from py_cachify.commands import CountSlots, DrawFence, JoinQueue, RenewSlots, TakeSlot, UndoSlot
from tests.support.servers import cluster, or_skip


pytestmark = pytest.mark.quick

AWKWARD = (
    '',
    'PYC-reports',
    'a}b',
    'a{}b',
    '{}a}b',
    '{x}y',
    'a{x}y{z}',
    '{{x}}',
    '}{',
    '{',
    '}',
    'a{b',
    '{}{x}',
    'PYC-{b',
    'PYC-mails-{ä€😀}',
    'with spaces\r\nand lines',
    '\x00',
    'a~undone~',
    'a:0',
)
"""Keys that a cluster hashes in every way: between braces, whole, with braces that do not count."""

texts = st.text(st.sampled_from('ab{}~:ä') | st.characters(codec='utf-8'), max_size=12)


def hash_slot(key: bytes) -> int:
    """Return the hash slot of a key, as the cluster specification computes it, bit by bit."""
    first = key.find(b'{')
    if first >= 0 and (end := key.find(b'}', first + 1)) > first + 1:
        key = key[first + 1 : end]
    crc = 0
    for byte in key:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc % HASH_SLOTS


def all_keys(key: str) -> list[bytes]:
    return [pool_keys(key).slots, *(derived_key(key, role) for role in ROLES)]


def test_the_hash_slot_of_the_specification() -> None:
    """Its own example, and what it says about braces."""
    assert hash_slot(b'123456789') == 0x31C3
    assert hash_slot(b'{user1000}.following') == hash_slot(b'{user1000}.followers')
    assert hash_slot(b'foo{}{bar}') == 8363
    assert hash_slot(b'foo{{bar}}zap') == hash_slot(b'{bar')


@pytest.mark.parametrize('key', AWKWARD)
def test_all_keys_of_a_pool_lie_in_the_hash_slot_of_its_key(key: str) -> None:
    assert {hash_slot(name) for name in all_keys(key)} == {hash_slot(key.encode())}


@given(texts)
@example('a{b')
def test_all_keys_of_any_pool_lie_in_one_hash_slot(key: str) -> None:
    assert {hash_slot(name) for name in all_keys(key)} == {hash_slot(key.encode())}


def test_there_are_letters_for_every_hash_slot() -> None:
    """Each of 14 bits of the hash can be changed by the letters alone."""
    lowest = [bit for bit, _, _ in module._corrections()]
    assert lowest == [1 << bit for bit in range(14)]


def test_a_pool_keeps_its_key() -> None:
    """Slots of earlier releases are found, whatever the key ends in but a derived form."""
    for key in AWKWARD:
        assert pool_keys(key).slots == key.encode()


@given(st.lists(texts, min_size=2, max_size=4, unique=True), st.lists(st.sampled_from(ROLES), max_size=3))
def test_no_two_pools_share_a_key(keys: list[str], roles: list[str]) -> None:
    """Nor does a pool whose own key is a key of another pool, at any depth."""
    imitation = keys[0]
    for role in roles:
        imitation = derived_key(imitation, role).decode()
        keys.append(imitation)
    names = [name for key in set(keys) for name in set(all_keys(key))]
    assert len(names) == len(set(names))


@given(texts, st.sampled_from(ROLES))
def test_a_derived_key_is_known_by_its_form(key: str, role: str) -> None:
    assert is_derived(derived_key(key, role))
    assert not is_derived(derived_key(key, role) + b':0')


def test_a_derived_key_begins_with_the_key_of_its_pool() -> None:
    """So a pattern of an access list, such as ``PYC-*``, includes it; the names are fixed."""
    assert {role: derived_key('PYC-reports', role) for role in ROLES} == {
        'undone': b'PYC-reports~undone~jhjnnk',
        'slots': b'PYC-reports~slots~jjkijn',
        'queue': b'PYC-reports~queue~jlhhll',
        'fence': b'PYC-reports~fence~jlijll',
    }


def test_only_the_keys_of_the_pool_are_created(server: 'redis.Redis') -> None:
    backend = RedisBackend(server)
    backend.perform(TakeSlot('k', 'a', 1, None))
    backend.perform(UndoSlot('k', 'b'))
    backend.perform(CountSlots('k'))
    assert backend.perform(DrawFence('k', 'a'))
    assert backend.perform(RenewSlots('k', (('a', None),))) == (True,)
    backend.perform(JoinQueue('k', '1:p:0:0:1::c', 1, None, None))
    assert sorted(server.keys()) == sorted(pool_keys('k'))


def test_a_pool_named_like_the_tombstones_of_another_disturbs_it_in_nothing(server: 'redis.Redis') -> None:
    init_cachify(server)
    RedisBackend(server).perform(UndoSlot('PYC-reports', 'late'))
    imitation = pool_keys('PYC-reports').undone.decode().removeprefix('PYC-')
    with pool(imitation, max_size=1):
        assert (pool(imitation, max_size=1).size(), pool('reports', max_size=1).size()) == (1, 0)
        with pytest.raises(CachifyPoolFullError), pool(imitation, max_size=1):
            pass
    assert pool(imitation, max_size=1).size() == 0
    assert RedisBackend(server).perform(TakeSlot('PYC-reports', 'late', 1, None)) is False


# --- on a real cluster


@pytest.fixture(scope='module')
def node() -> Iterator[RedisCluster]:
    """A client of a cluster of three nodes."""
    with or_skip(FileNotFoundError), cluster() as port, RedisCluster(host='127.0.0.1', port=port) as client:
        yield client


def test_a_cluster_agrees_about_the_hash_slots(node: RedisCluster) -> None:
    """Its own command, for every awkward key and a thousand more."""
    more = [''.join(letters) for letters in itertools.product('a{}', repeat=6)]
    for key in (*AWKWARD, *more):
        names = {pool_keys(key).slots, pool_keys(key).undone, derived_key(key, 'queue')}
        assert {node.cluster_keyslot(name.decode()) for name in names} == {hash_slot(key.encode())}, key


@pytest.mark.parametrize('key', [key for key in AWKWARD if key])
@pytest.mark.parametrize('prefix', ['', 'PYC-'])
def test_a_pool_with_an_awkward_key_works_on_a_cluster(node: RedisCluster, prefix: str, key: str) -> None:
    """Acquire, refusal, undo, late request and release: each script's keys are on one node."""
    cachify = init_cachify(node, prefix=prefix, is_global=False)
    one, backend = cachify.pool(key, max_size=1, slot_exp=None), RedisBackend(node)
    with one:
        assert one.size() == 1
        with pytest.raises(CachifyPoolFullError), cachify.pool(key, max_size=1):
            pass
    assert backend.perform(UndoSlot(prefix + key, 'late')) is False
    assert backend.perform(TakeSlot(prefix + key, 'late', 1, None)) is False
    assert one.size() == 0
