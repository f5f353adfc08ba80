"""A pool in a notebook cell shows its key, size, occupancy and slots, and never fails."""

import re
from contextlib import ExitStack
from typing import Any

import fakeredis
import pytest
import redis

from py_cachify import Cachify, MemoryClient, init_cachify, pool
from py_cachify._display import BOX_LIMIT, REQUEST_LIMIT
from py_cachify.backends.redis import load_script
from tests.support.stores import DictClient, VirtualClock


pytestmark = pytest.mark.quick


def words(shown: Any) -> str:
    """Return the visible text above the tables of holders and waiters."""
    above, *_ = shown._repr_html_().split('<table><caption')
    return ' '.join(re.sub(r'<[^>]*>', ' ', above).split())


def in_memory(clock: VirtualClock | None = None) -> Cachify:
    return init_cachify(MemoryClient(clock or VirtualClock()), is_global=False)


def test_it_shows_each_slot_with_its_remaining_time() -> None:
    """Slots are sorted by expiry, then the free ones; each time has a convenient unit."""
    clock = VirtualClock(now=1000.0)
    mine = in_memory(clock)
    lives = {'a': 7200.0, 'b': 30.0, 'c': None, 'd': 300.0, 'e': 200_000.0}
    with ExitStack() as stack:
        for life in lives.values():
            stack.enter_context(mine.pool('reports', 6, life))
        clock.now += 25.0
        read = words(mine.pool('reports', max_size=6, slot_exp=60))

    assert (
        read == 'pool key reports max_size 6 slot_exp 60 s occupancy 5 of 6 5.0 s 5 min 120 min 2 days no expiry free'
    )


def test_a_slot_that_was_just_taken_has_all_of_its_life() -> None:
    """It has the same unit as its life: 120 seconds."""
    mine = in_memory()
    with mine.pool('reports', 2, 120):
        assert words(mine.pool('reports', 2, 120)).endswith('slot_exp 120 s occupancy 1 of 2 120 s free')


def test_what_has_expired_is_not_shown() -> None:
    """At the exact instant of its expiry a slot is gone."""
    clock = VirtualClock()
    mine = in_memory(clock)
    with mine.pool('reports', 2, 30), mine.pool('reports', 2, 31):
        clock.now = 30.0
        assert words(mine.pool('reports', 2)).endswith('occupancy 1 of 2 1.0 s free')


def test_a_server_tells_the_same_by_its_own_clock(socket: str) -> None:
    """Redis, Valkey and fakeredis, whether or not the client decodes; showing changes nothing."""
    clients: list[Any] = [
        fakeredis.FakeRedis(),
        redis.Redis(unix_socket_path=socket),
        redis.Redis(unix_socket_path=socket, decode_responses=True, protocol=3),
    ]
    for client in clients:
        client.zadd('PYC-reports', {'expired': 1.0})
        mine = init_cachify(client, is_global=False)
        with mine.pool('reports', 3, 86_400 * 10), mine.pool('reports', 3, None):
            # So long ago that no server's clock is behind it; the next acquire will remove it.
            client.zadd('PYC-reports', {'expired': 1.0})
            assert words(mine.pool('reports', 3)).endswith('occupancy 2 of 3 10 days no expiry free')
            assert client.zcard('PYC-reports') == 3
        client.close()


def test_a_plain_client_tells_how_many() -> None:
    """It knows the names, but not when they expire."""
    mine = init_cachify(DictClient(), is_global=False)
    with mine.pool('reports', max_size=3):
        assert words(mine.pool('reports', 3)) == 'pool key reports max_size 3 slot_exp 600 s occupancy 1 of 3'


def test_a_plain_client_is_not_asked_a_thousand_times() -> None:
    """Each of its slots costs one call."""

    class Counting(DictClient):
        asked = 0

        def get(self, name: str) -> Any:
            self.asked += 1
            return super().get(name)

    client = Counting()
    mine = init_cachify(client, is_global=False)

    assert 'not counted' in words(mine.pool('reports', REQUEST_LIMIT + 1))
    assert client.asked == 0
    assert 'occupancy 0 of' in words(mine.pool('reports', REQUEST_LIMIT))


def test_an_asynchronous_client_is_not_asked() -> None:
    """A cell cannot await it here; what is known without it is shown."""
    client = fakeredis.FakeAsyncRedis(connected=False)
    read = words(init_cachify(None, client, is_global=False).pool('reports', 3))

    assert read.startswith('pool key reports max_size 3 slot_exp 600 s occupancy use await ….asize()')


def test_an_error_is_a_line() -> None:
    """A server that is down, a user who may count but not list, and an error without a text."""
    gone = fakeredis.FakeServer()
    gone.connected = False
    away = init_cachify(fakeredis.FakeRedis(server=gone), is_global=False)
    assert 'occupancy unknown, redis.exceptions.ConnectionError: ' in words(away.pool('reports', 3))

    class OnlyDigests(fakeredis.FakeRedis):
        def eval(self, *_: Any) -> Any:
            raise redis.exceptions.NoPermissionError('no EVAL')

    client = OnlyDigests()
    client.script_load(load_script('size').text.decode())
    assert 'occupancy 0 of 3; individual slots: unknown, redis.exceptions.NoPermissionError: no EVAL' in words(
        init_cachify(client, is_global=False).pool('reports', 3)
    )

    class UnspeakableError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    class Odd(DictClient):
        def get(self, name: str) -> Any:
            raise UnspeakableError

    assert 'UnspeakableError:' in words(init_cachify(Odd(), is_global=False).pool('reports', 3))


def test_before_init_cachify_it_says_what_to_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool may be created and shown at module level."""
    monkeypatch.setattr('py_cachify._settings._global_settings', None)

    assert 'call init_cachify() before you use a pool' in words(pool('reports', max_size=3))


def test_names_and_errors_are_text_and_not_html() -> None:
    """A key may come from users, and an error may contain it."""
    key = '<img src=x onerror="alert(1)">&'

    class Repeating(DictClient):
        def get(self, name: str) -> Any:
            raise ValueError(name)

    for client in MemoryClient(), Repeating():
        shown = init_cachify(client, is_global=False).pool(key, 3)._repr_html_()
        assert '<img' not in shown
        assert '&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;' in shown


def test_a_large_pool_shows_the_slots_that_expire_first() -> None:
    """It also says how many more there are."""
    clock = VirtualClock()
    mine = in_memory(clock)
    with ExitStack() as stack:
        for life in range(100, 0, -1):
            stack.enter_context(mine.pool('reports', 1000, life))
        shown = mine.pool('reports', 1000)._repr_html_()

    assert len(re.findall('<span', shown)) == BOX_LIMIT
    assert '>1.0 s<' in shown
    assert f'>{BOX_LIMIT} s<' in shown
    assert '… and 976 more' in shown


def test_more_slots_than_the_pool_has_are_all_told() -> None:
    """Another process may have a larger ``max_size`` for the same key."""
    mine = in_memory()
    with mine.pool('reports', 3, 60), mine.pool('reports', 3, 60):
        assert words(mine.pool('reports', 1)).endswith('occupancy 2 of 1 60 s 60 s')
