"""``holders()`` and ``queue()``: who holds a slot and who waits, over every store and side."""

import html
import math
import os
import socket as sockets
import threading
import time
import tracemalloc
from functools import partial
from typing import Any

import pytest

from py_cachify import Holder, MemoryClient, Slot, Waiter, init_cachify, pool, pooled
from py_cachify._process import name as process
from py_cachify.tokens import LONGEST_LABEL
from tests.library.leases.conftest import extending, on_servers, plain
from tests.library.leases.sides import Side
from tests.library.waiting.crowd import LIMIT, until
from tests.support.stores import Clients


pytestmark = pytest.mark.quick

KEY = 'reports'

HOSTILE = {
    'lines': 'a\nb\r\nc\x00d',
    'a terminal': '\x1b[31mred\x1b[0m\x07',
    'fields': '1:p-1:0:0:9:9.0:evil:r:1',
    'quotes': '"\' %3A %00 %ff {x} `rm` @7',
    'emoji': '🐍🇩🇪 ü 漢字 \u202e',
    'html': '<script>alert(1)</script>&amp;',
    'long': 'x' * 10_000_000,
    'long and wide': '🐍' * 1000,
    'blank': '   ',
}


def shown(label: str) -> str:
    """Return what of a label people see."""
    return ''.join(each if each.isprintable() else '\ufffd' for each in label[:LONGEST_LABEL])


@pytest.mark.usefixtures('cachify')
def test_holders_are_listed_with_what_their_pools_say(side: Side, store: str) -> None:
    """Those who leave first come first; each token finds its slot."""

    async def body() -> None:
        before = time.time()
        renews = {} if store in ('plain', 'sqlite') else {'renew_for': 60}
        of: Any = pool
        first = await side.acquire(of(KEY, max_size=3, slot_exp=100, label='import of 14:00'))
        second = await side.acquire(of(KEY, max_size=3, slot_exp=200, **renews))
        listed = {holder.token: holder for holder in await side.holders(pool(KEY, max_size=3))}
        assert set(listed) == {first.token, second.token}
        one, other = listed[first.token], listed[second.token]
        assert type(one) is Holder
        assert (one.label, other.label) == ('import of 14:00', '')
        assert (one.host, one.pid) == (sockets.gethostname(), os.getpid())
        assert (one.max_size, one.renewing, other.renewing) == (3, False, bool(renews))
        if store in ('plain', 'sqlite'):
            assert one.remaining is None
        else:
            assert one.remaining is not None
            assert other.remaining is not None
            assert 90 < one.remaining <= 100.01 < 190 < other.remaining <= 200.01
            assert list(listed) == [first.token, second.token]
        if one.asked_at is not None:
            assert before - 0.01 <= one.asked_at <= time.time()
        assert await side.release(pool(KEY, max_size=3).slot(one.token)) is True
        assert [holder.token for holder in await side.holders(pool(KEY, max_size=3))] == [second.token]
        await side.release(second)
        assert await side.holders(pool(KEY, max_size=3)) == []

    side.run(body())


@pytest.mark.usefixtures('cachify')
def test_a_slot_that_never_expires_is_listed_as_such(side: Side, store: str) -> None:
    async def body() -> None:
        async with side.hold(pool(KEY, max_size=3, slot_exp=None)):
            [holder] = await side.holders(pool(KEY, max_size=3))
            assert holder.remaining == (None if store in ('plain', 'sqlite') else math.inf)

    side.run(body())


@extending
@pytest.mark.usefixtures('cachify')
def test_waiters_are_listed_in_their_order(side: Side) -> None:
    """Each with its rank; the ticket of one is the token of its slot."""
    got: list[Slot] = []

    def wait(label: str) -> None:
        got.append(pool(KEY, max_size=1, wait=None, label=label).acquire())

    def is_queued(number: int) -> bool:
        return pool(KEY, max_size=1).queue_size() == number

    def has(token: str) -> bool:
        return [slot.token for slot in got][-1:] == [token]

    async def body() -> None:
        holder = await side.acquire(pool(KEY, max_size=1))
        threads = []
        for number, label in enumerate(['first', 'second'], 1):
            threads.append(threading.Thread(target=wait, args=(label,)))
            threads[-1].start()
            await side.until(partial(is_queued, number))
        waiting = await side.queue(pool(KEY, max_size=1))
        assert {type(one) for one in waiting} == {Waiter}
        assert [(one.label, one.rank) for one in waiting] == [('first', 0), ('second', 1)]
        assert {(one.host, one.pid) for one in waiting} == {(sockets.gethostname(), os.getpid())}
        for one in waiting:
            await side.release(holder)
            await side.until(partial(has, one.token))
            holder = got[-1]
        await side.release(holder)
        for thread in threads:
            thread.join(LIMIT)
        assert await side.queue(pool(KEY, max_size=1)) == []

    side.run(body())


@plain
@pytest.mark.usefixtures('cachify')
def test_a_plain_client_has_no_queue_to_list(side: Side) -> None:
    async def body() -> None:
        with pytest.raises(NotImplementedError, match=r'^queue\(\) needs a store that can queue, memory, Redis'):
            await side.queue(pool(KEY, max_size=1))

    side.run(body())


# --- labels from outside


@pytest.mark.parametrize('name', HOSTILE)
@pytest.mark.usefixtures('cachify')
def test_no_label_does_any_harm(side: Side, name: str) -> None:
    """It is cut, it moves no other field, and nothing in it commands a terminal."""
    label = HOSTILE[name]

    async def body() -> None:
        async with side.hold(pool(KEY, max_size=3, label=label)) as slot:
            [holder] = await side.holders(pool(KEY, max_size=3))
            assert holder.label == shown(label)
            assert (holder.pid, holder.max_size, holder.renewing) == (os.getpid(), 3, False)
            assert len(slot.token) < 1700
            assert slot.token.isascii()
            assert slot.token.isprintable()
            assert await side.release(pool(KEY, max_size=3).slot(slot.token)) is True
        assert await side.size(pool(KEY, max_size=3)) == 0

    side.run(body())


@pytest.mark.parametrize('name', [*HOSTILE, 'half a pair'])
@pytest.mark.usefixtures('cachify')
def test_no_argument_in_a_label_does_any_harm(side: Side, name: str) -> None:
    """A field is filled from the call; half of a surrogate pair becomes a question mark."""
    label = HOSTILE.get(name, 'a\ud800b')

    async def body() -> None:
        found: list[Holder] = []

        def work(user: str) -> None:
            found.extend(pool(KEY, max_size=3).holders())

        for decorate in (pooled(KEY, max_size=3, label='{user}'), pool(KEY, max_size=3).pooled(label='{user}')):
            await side.result(decorate(side.function(work))(label))
        expected = shown(label).replace('\ufffd', '?') if name == 'half a pair' else shown(label)
        assert [holder.label for holder in found] == [expected] * 2
        assert await side.size(pool(KEY, max_size=3)) == 0

    side.run(body())


def test_labels_of_any_length_are_not_kept() -> None:
    """Only what a token says of them is, however many there were."""
    init_cachify()

    @pooled(KEY, max_size=3, label='{user}')
    def work(user: str) -> None: ...

    work('')
    tracemalloc.start()
    try:
        for number in range(20):
            work('x' * 1_000_000 + str(number))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 3_000_000


def test_a_label_with_a_field_that_the_function_lacks_is_refused() -> None:
    """As in a key: when the function is decorated."""
    with pytest.raises((TypeError, ValueError), match='label'):

        @pooled(KEY, max_size=3, label='{nobody}')
        def work(user: str) -> None: ...


# --- what others have written


@extending
@pytest.mark.usefixtures('cachify')
@pytest.mark.parametrize(
    'token', ['5f0c9a7be2d14c08-4711-42', '1:5f0c9a7be2d14c08-4711:2:1795904095964:3:600.0:42', 'anything', '\x1b[31m']
)
def test_tokens_of_older_releases_are_listed(side: Side, clients: Clients, token: str, store: str) -> None:
    """What they do not say is ``None``; they can be released like any other."""
    if store == 'memory':
        clients.sync.take_slot(f'PYC-{KEY}', token, 3, 600.0)
    else:
        clients.sync.zadd(f'PYC-{KEY}', {token: time.time() + 600})

    async def body() -> None:
        [holder] = await side.holders(pool(KEY, max_size=3))
        assert (holder.token, holder.label, holder.host, holder.renewing) == (token, '', None, False)
        assert holder.pid == (4711 if token.startswith('1:') else None)
        assert holder.remaining is not None
        assert 500 < holder.remaining < 700
        assert await side.release(pool(KEY, max_size=3).slot(token)) is True
        assert await side.holders(pool(KEY, max_size=3)) == []

    side.run(body())


# --- who does not want to be identified


def test_an_anonymous_process_says_neither_host_nor_process(side: Side, clients: Clients, store: str) -> None:
    """Not in its tokens, its tickets, or the lists; labels stay, and slots are found as ever."""
    made = init_cachify(clients.sync, clients.asynchronous, identify=False)
    secrets = (sockets.gethostname(), f'-{os.getpid()}', process)

    async def body() -> None:
        async with side.hold(made.pool(KEY, max_size=1, label='nightly')) as slot:
            [holder] = await side.holders(made.pool(KEY, max_size=1))
            assert (holder.label, holder.host, holder.pid, holder.token) == ('nightly', None, None, slot.token)
            if store != 'memory':
                assert not [secret for secret in secrets if secret in slot.token]
            if store not in ('plain', 'sqlite'):
                thread = threading.Thread(target=lambda: made.pool(KEY, max_size=1, wait=30).acquire().release())
                thread.start()
                await side.until(lambda: made.pool(KEY, max_size=1).queue_size() == 1)
                [waiter] = await side.queue(made.pool(KEY, max_size=1))
                assert (waiter.host, waiter.pid) == (None, None)
                await side.release(slot)
                thread.join(LIMIT)

    side.run(body())


@on_servers
def test_the_channel_of_an_anonymous_process_is_anonymous(clients: Clients) -> None:
    """Whoever may list the channels of a server learns nothing."""
    made = init_cachify(clients.sync, identify=False, is_global=False)
    holder = made.pool(KEY, max_size=1).acquire()
    thread = threading.Thread(target=lambda: made.pool(KEY, max_size=1, wait=30).acquire().release())
    thread.start()
    try:
        until(lambda: clients.sync.pubsub_channels('py-cachify:*'))
        channels = [each.decode() for each in clients.sync.pubsub_channels('py-cachify:*')]
        assert not [each for each in channels if process in each and f'-{os.getpid()}:' not in each]
        anonymous = [each for each in channels if process not in each]
        assert anonymous
        assert not [each for each in anonymous if f'-{os.getpid()}' in each]
    finally:
        holder.release()
        thread.join(LIMIT)


@pytest.mark.parametrize('identify', [None, 1, 'no'])
def test_identify_is_a_flag(identify: Any) -> None:
    with pytest.raises(TypeError, match=r'^identify must be True or False, not '):
        init_cachify(identify=identify)


# --- in a notebook


@extending
@pytest.mark.usefixtures('cachify')
def test_a_notebook_shows_holders_and_queue_as_text() -> None:
    """A label is never HTML."""
    label = HOSTILE['html']
    with pool(KEY, max_size=1, label=label):
        thread = threading.Thread(target=lambda: pool(KEY, 1, wait=30, label=label + '2').acquire().release())
        thread.start()
        until(lambda: pool(KEY, max_size=1).queue_size() == 1)
        page = pool(KEY, max_size=1)._repr_html_()
    thread.join(LIMIT)
    assert '<script' not in page
    assert page.count(html.escape(label)) == 2
    assert html.escape(label + '2') in page
    assert '>holders<' in page
    assert '>queue<' in page


def test_holders_of_a_pool_in_memory_ask_no_clock_of_their_own() -> None:
    """A label of one pool is not that of another."""
    init_cachify(MemoryClient())
    with pool('a', 1, label='of a'), pool('b', 1, label='of b'):
        assert [holder.label for holder in pool('a', 1).holders()] == ['of a']
        assert [holder.label for holder in pool('b', 1).holders()] == ['of b']
