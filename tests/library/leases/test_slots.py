"""A slot as a value: what ``with pool(...) as slot`` and ``acquire()`` give, on every store."""

import asyncio
import contextlib
import copy
import gc
import json
import math
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Generator
from typing import Any

import fakeredis
import pytest
import redis

from py_cachify import (
    CachifyPoolFullError,
    CachifyPoolTimeoutError,
    CachifySlotLostError,
    MemoryClient,
    Slot,
    current_slot,
    init_cachify,
    pool,
    pooled,
    slots,
)
from py_cachify.testing import ManualClock
from tests.library.leases.conftest import extending, on_servers
from tests.library.leases.sides import Side
from tests.library.waiting.crowd import LIMIT, until
from tests.support.stores import Clients


pytestmark = [pytest.mark.quick, pytest.mark.usefixtures('cachify')]

KEY = 'reports'


# --- what a slot knows


def test_with_gives_a_slot_that_knows_its_pool(side: Side) -> None:
    async def body() -> None:
        of = pool(KEY, max_size=3, slot_exp=600)
        async with side.hold(of) as slot:
            assert type(slot) is Slot
            assert (slot.key, slot.max_size, slot.pool) == (KEY, 3, of)
            assert slot.remaining is not None
            assert 0 < slot.remaining <= 600
            assert (slot.lost, slot.fence) == (False, None)
            assert bool(slot) is True
            slot.raise_if_lost()
            assert KEY in repr(slot)
            assert slot.token in repr(slot)

    side.run(body())


def test_a_slot_that_never_expires_remains_for_ever(side: Side) -> None:
    async def body() -> None:
        async with side.hold(pool(KEY, max_size=3, slot_exp=None)) as slot:
            assert (slot.remaining, slot.lost) == (math.inf, False)

    side.run(body())


def test_code_that_treats_the_slot_as_its_pool_keeps_working(side: Side) -> None:
    """``size()``, ``asize()`` and ``pooled`` are those of the pool."""

    async def body() -> None:
        async with side.hold(pool(KEY, max_size=2)) as slot:
            assert (slot.size() if side.name == 'sync' else await slot.asize()) == 1
            function = slot.pooled(raise_on_full=True)(side.function(lambda: current_slot()))
            inner = await side.result(function())
            assert inner.pool.size is not None
            assert (inner.key, inner.max_size) == (KEY, 2)

    side.run(body())


def test_a_slot_cannot_be_entered() -> None:
    """It is held already; the error names what can be entered."""
    with pool(KEY, max_size=2) as slot:
        for enter in (slot.__enter__, slot.__aenter__):
            with pytest.raises(TypeError, match=r'enter slot\.pool, pool\(key=\'reports\', max_size=2'):
                enter()
    with pytest.raises(TypeError, match=r'slot\.pool'), slot:
        raise AssertionError('the body ran')


def test_a_slot_can_neither_be_copied_nor_pickled() -> None:
    """Its token can; ``pool.slot()`` makes a slot of it."""
    with pool(KEY, max_size=2) as slot:
        for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match=r'pass its token, and use pool\.slot\(token\)'):
                duplicate(slot)


# --- release and renew


def test_after_a_release_in_the_body_the_exit_does_nothing(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    """The slot is free for others at once, and theirs stays."""

    async def body() -> None:
        of = pool(KEY, max_size=1)
        async with side.hold(of) as slot:
            assert await side.release(slot) is True
            assert (slot.remaining, slot.lost) == (0.0, False)
            assert await side.release(slot) is False
            other = await side.acquire(of)
        assert await side.size(of) == 1
        assert await side.release(other) is True
        assert caplog.records == []

    side.run(body())


def test_a_release_says_whether_the_slot_was_still_there(side: Side) -> None:
    """Somebody else freed it by its token."""

    async def body() -> None:
        slot = await side.acquire(pool(KEY, max_size=1))
        distant = pool(KEY, max_size=1).slot(slot.token)
        assert (await side.release(distant), await side.release(distant)) == (True, False)
        assert await side.release(slot) is False
        assert slot.lost is True

    side.run(body())


@extending
def test_a_renewal_restores_the_full_life(side: Side) -> None:
    """In the store as well as here."""

    async def body() -> None:
        of = pool(KEY, max_size=1, slot_exp=600)
        async with side.hold(of) as slot:
            await side.pause(0.3)
            assert slot.remaining is not None
            assert slot.remaining <= 599.7
            [before] = await side.holders(of)
            await side.renew(slot)
            [after] = await side.holders(of)
            assert before.remaining is not None
            assert after.remaining is not None
            assert after.remaining > before.remaining
            assert 599.7 < slot.remaining <= 600

    side.run(body())


@extending
@pytest.mark.parametrize('how', ['released', 'stolen', 'expired'])
def test_a_slot_that_is_gone_is_never_renewed(side: Side, how: str) -> None:
    """``renew()`` raises each time, and nothing is taken again."""

    async def body() -> None:
        of = pool(KEY, max_size=1, slot_exp=0.1 if how == 'expired' else 600)
        slot = await side.acquire(of)
        if how == 'released':
            await side.release(slot)
        elif how == 'stolen':
            await side.release(of.slot(slot.token))
        else:
            await side.until(lambda: slot.lost)
        for _ in range(2):
            with pytest.raises(CachifySlotLostError) as raised:
                await side.renew(slot)
            assert (raised.value.key, raised.value.token) == (KEY, slot.token)
        await side.pause(0.12 if how == 'expired' else 0)
        assert await side.size(of) == 0
        assert await side.release(slot) is False

    side.run(body())


@extending
def test_a_slot_that_never_expires_can_be_renewed(side: Side) -> None:
    async def body() -> None:
        of = pool(KEY, max_size=1, slot_exp=None)
        slot = await side.acquire(of)
        await side.renew(slot)
        assert slot.remaining == math.inf
        assert await side.release(slot) is True

    side.run(body())


def test_threads_that_release_one_slot_together_free_it_once(clients: Clients) -> None:
    """Exactly one is told that it was there, and it does not count as lost."""
    of = pool(KEY, max_size=1)
    for _ in range(20):
        slot, barrier = of.acquire(), threading.Barrier(4)
        answers: list[bool] = []

        def release(slot: Slot = slot, answers: Any = answers, barrier: Any = barrier) -> None:
            barrier.wait(LIMIT)
            answers.append(slot.release())

        threads = [threading.Thread(target=release) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        assert sorted(answers) == [False, False, False, True] or not hasattr(clients.sync, 'evalsha')
        assert True in answers
        assert slot.lost is False
        assert of.size() == 0


def test_a_slot_of_one_side_can_be_given_back_on_the_other(clients: Clients) -> None:
    """A thread releases what a task took, and the other way round."""
    of = pool(KEY, max_size=1)

    async def main() -> None:
        slot = await of.aacquire()
        assert await asyncio.to_thread(slot.release) is True
        slot = of.acquire()
        assert await slot.arelease() is True
        assert await of.asize() == 0
        if hasattr(clients.asynchronous, 'aclose'):
            await clients.asynchronous.aclose()

    asyncio.run(main())


# --- acquire


def test_acquire_waits_as_it_is_told(side: Side) -> None:
    """``wait`` there replaces that of the pool, and the errors are those of the ``with``."""

    async def body() -> None:
        holder = await side.acquire(pool(KEY, max_size=1))
        for of in (pool(KEY, max_size=1), pool(KEY, max_size=1, wait=600)):
            with pytest.raises(CachifyPoolTimeoutError) as late:
                await side.acquire(of, wait=0.02)
            assert late.value.waited >= 0.02
            with pytest.raises(CachifyPoolFullError) as full:
                await side.acquire(of, wait=0)
            assert type(full.value) is CachifyPoolFullError
        with pytest.raises(CachifyPoolTimeoutError):
            await side.acquire(pool(KEY, max_size=1, wait=0.02))
        await side.release(holder)
        slot = await side.acquire(pool(KEY, max_size=1), wait=5)
        assert await side.release(slot) is True

    side.run(body())


@pytest.mark.parametrize('wait', [-1, '5', True])
def test_acquire_refuses_a_wrong_wait(wait: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r'^wait must be '):
        pool(KEY, max_size=1).acquire(wait=wait)


def test_a_body_that_gave_its_slot_back_may_wait_for_another(side: Side) -> None:
    """It does not wait for itself any more."""
    left, entered = threading.Event(), threading.Event()

    def visit() -> None:
        with pool(KEY, max_size=1, wait=None):
            entered.set()
            assert left.wait(LIMIT)

    async def body() -> None:
        async with side.hold(pool(KEY, max_size=1)) as slot:
            await side.release(slot)
            thread = threading.Thread(target=visit)
            thread.start()
            await side.until(entered.is_set)
            threading.Timer(0.1, left.set).start()
            async with side.hold(pool(KEY, max_size=1, wait=None)) as again:
                assert again.token != slot.token
            thread.join(LIMIT)

    side.run(body())


# --- a slot by its token


def test_a_slot_by_its_token_knows_no_more_than_its_token() -> None:
    """It asks nothing, so it is made of a slot that is gone too."""
    of = pool(KEY, max_size=3)
    with of as slot:
        distant = of.slot(slot.token)
        assert (distant.token, distant.key) == (slot.token, KEY)
        assert (distant.remaining, distant.lost, distant.fence) == (None, None, None)
        assert distant.pool is of
        with pytest.raises(TypeError, match=r'^this process does not know whether .*: ask the store by renew'):
            distant.raise_if_lost()
    gone = of.slot(slot.token)
    assert (gone.remaining, gone.lost) == (None, None)
    assert gone.release() is False


@pytest.mark.parametrize(
    ('token', 'error'),
    [
        ('', ValueError),
        (None, TypeError),
        (b'1:a', TypeError),
        (7, TypeError),
        ([], TypeError),
    ],
)
def test_what_is_no_token_is_refused(token: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r'^token must be '):
        pool(KEY, max_size=3).slot(token)


DISTANT = """
import json, sys
import redis
from redis.cluster import RedisCluster
from py_cachify import CachifySlotLostError, init_cachify, pool

place, token, doing = sys.argv[1:]
is_path = place.startswith('/')
client = redis.Redis(unix_socket_path=place) if is_path else RedisCluster(host='127.0.0.1', port=int(place))
init_cachify(client)
slot = pool('reports', max_size=1).slot(token)
if doing == 'release':
    print(json.dumps([slot.release(), slot.release()]))
else:
    slot.renew()
    [holder] = pool('reports', max_size=1).holders()
    print(json.dumps([holder.remaining, slot.remaining, slot.lost]))
"""


def in_another_process(place: str, token: str, doing: str) -> list[Any]:
    """Return what another process prints that has the token alone."""
    command = [sys.executable, '-c', DISTANT, place, token, doing]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    answer: list[Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize('store', ['valkey', 'redis', 'cluster'])
def test_another_process_releases_and_renews_it(store: str, clients: Clients, request: pytest.FixtureRequest) -> None:
    """Its life is the one that it was taken with, whatever the default is there."""
    places = {'valkey': 'running_server', 'redis': 'running_redis', 'cluster': 'running_cluster'}
    place = str(request.getfixturevalue(places[store]))
    slot = pool(KEY, max_size=1, slot_exp=7000).acquire()
    remaining, *unknown = in_another_process(place, slot.token, 'renew')
    assert 6900 < remaining <= 7000
    assert unknown == [None, None]
    assert in_another_process(place, slot.token, 'release') == [True, False]
    assert slot.release() is False


# --- the current slot


def test_the_current_slot_is_the_innermost(side: Side) -> None:
    """None outside; the outer one again after the inner body, and after a release."""

    async def body() -> None:
        assert current_slot() is None
        async with side.hold(pool('outer', max_size=1)) as outer:
            found = current_slot()
            assert found is outer
            async with side.hold(pool(KEY, max_size=1)) as inner:
                found = current_slot()
                assert found == inner
                assert await side.release(inner)
                found = current_slot()
                assert found is outer
            with contextlib.suppress(CachifyPoolFullError):
                async with side.hold(pool('outer', max_size=1)):
                    raise AssertionError('the body ran')
            assert current_slot() is outer
        assert current_slot() is None

    side.run(body())


def test_a_decorated_function_finds_its_slot(side: Side) -> None:
    """Also the one of a pool whose key and label depend on the call."""

    async def body() -> None:
        def work(user: str) -> tuple[str, int, Any]:
            slot = current_slot()
            assert slot is not None
            return slot.key, slot.max_size, slot.pool

        function = pooled('mail-{user}', max_size=2, label='for {user}')(side.function(work))
        key, max_size, of = await side.result(function('ann'))
        assert (key, max_size) == ('mail-ann', 2)
        assert isinstance(of, pool)
        assert current_slot() is None

    side.run(body())


def test_an_acquired_slot_is_not_current(side: Side) -> None:
    """It has no body."""

    async def body() -> None:
        slot = await side.acquire(pool(KEY, max_size=1))
        assert current_slot() is None
        await side.release(slot)

    side.run(body())


def test_child_tasks_and_to_thread_inherit_it() -> None:
    """Siblings do not see each other's, and other threads see none."""
    init_cachify()
    found: list[Slot | None] = []

    async def child() -> Slot | None:
        await asyncio.sleep(0)
        return current_slot()

    async def sibling(key: str) -> bool:
        async with pool(key, max_size=1) as slot:
            await asyncio.sleep(0)
            return current_slot() is slot

    async def main() -> None:
        async with pool(KEY, max_size=1) as slot:
            assert await asyncio.create_task(child()) is slot
            assert await asyncio.to_thread(current_slot) is slot
            assert all(await asyncio.gather(sibling('a'), sibling('b')))
            thread = threading.Thread(target=lambda: found.append(current_slot()))
            thread.start()
            thread.join(LIMIT)
            assert found == [None]
            assert current_slot() is slot
            late = asyncio.create_task(child())
        assert await late is None

    asyncio.run(main())


def test_generators_and_exit_stacks_have_their_slots() -> None:
    """From their entry to their exit, wherever they are resumed."""
    init_cachify()

    def generator() -> 'Generator[Slot | None]':
        with pool(KEY, max_size=1):
            yield current_slot()
            yield current_slot()

    steps = generator()
    first = next(steps)
    assert first is not None
    assert next(steps) is first
    steps.close()
    assert current_slot() is None
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(pool('one', max_size=1))
        other = stack.enter_context(pool('other', max_size=1))
        assert current_slot() is other
        stack.pop_all().close()
        assert current_slot() is None
        assert (one.lost, other.lost) == (False, False)


def test_a_new_thread_does_not_inherit_the_slot_of_one_that_ended() -> None:
    """Although it may have the same number; the other slot is still held."""
    init_cachify()
    kept, found = [], []

    def hold() -> None:
        kept.append((threading.get_ident(), pool(KEY, max_size=1).__enter__()))

    def look() -> None:
        found.append((threading.get_ident(), current_slot()))

    for target in (hold, *[look] * 20):
        thread = threading.Thread(target=target)
        thread.start()
        thread.join(LIMIT)
    assert kept[0][1].lost is False
    assert {slot for _, slot in found} == {None}


def test_bodies_that_begin_before_the_last_one_ends_leave_no_chain() -> None:
    """A program may go on so for as long as it runs, without using more and more memory."""
    init_cachify()
    pools = [pool(KEY, max_size=2), pool(KEY, max_size=2)]
    first = weakref.ref(pools[0].__enter__())
    for number in range(1, 100):
        pools[number % 2].__enter__()
        pools[(number + 1) % 2].__exit__(None, None, None)
    link: Any = slots._in_threads[threading.get_ident()]
    length = 0
    while link is not None:
        link, length = link[1], length + 1
    pools[1].__exit__(None, None, None)
    gc.collect()
    assert first() is None
    assert length <= 3
    assert current_slot() is None


# --- a forked child


def in_a_child(look: Any) -> Any:
    """Return what a function returns in a forked process."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.write(writing, json.dumps(look()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, 'rb') as pipe:
        return json.loads(pipe.read())


@pytest.mark.filterwarnings('ignore:.*fork.*:DeprecationWarning')
@on_servers
def test_a_forked_child_may_look_at_a_slot_and_no_more(clients: Clients) -> None:
    """It can neither release nor renew it, and nothing renews it there."""
    with pool(KEY, max_size=1, slot_exp=600, renew_for=None) as slot:

        def look() -> list[Any]:
            errors = []
            for ask in (slot.release, slot.renew):
                try:
                    ask()
                except RuntimeError as error:
                    errors.append(str(error))
            names = [thread.name for thread in threading.enumerate()]
            return [errors, slot.key, slot.lost, names, current_slot() is slot]

        errors, key, lost, names, is_current = in_a_child(look)
        assert len(errors) == 2
        for error in errors:
            assert slot.token in error
            assert 'use pool.slot(token) if you mean to free it or to renew it' in error
        assert (key, lost, is_current) == (KEY, False, True)
        assert names == ['MainThread']
        assert pool(KEY, max_size=1).size() == 1
    assert slot.lost is False


@pytest.mark.filterwarnings('ignore:.*fork.*:DeprecationWarning')
@on_servers
def test_a_forked_child_renews_its_own_slots(clients: Clients) -> None:
    """While those of the parent are renewed by the parent."""

    def look() -> Any:
        client = clients.sync
        client.connection_pool.reset()
        init_cachify(client)
        with pool('of the child', max_size=1, slot_exp=0.6, renew_for=None) as slot:
            end = threading.Event()
            end.wait(1.3)
            return [slot.lost, pool('of the child', max_size=1).size()]

    with pool(KEY, max_size=1, slot_exp=0.6, renew_for=None) as slot:
        assert in_a_child(look) == [False, 1]
        assert slot.lost is False
        assert pool(KEY, max_size=1).size() == 1


@pytest.mark.filterwarnings('ignore:.*fork.*:DeprecationWarning')
def test_a_childs_clock_neither_renews_nor_loses_the_slots_of_its_parent() -> None:
    """The store in its memory is a copy, in which the parent's slots expire."""
    clock = ManualClock()
    init_cachify(MemoryClient(clock=clock))
    calls: list[Slot] = []
    of = pool(KEY, max_size=1, slot_exp=30, renew_for=None, on_lost=calls.append)
    with of:

        def look() -> list[Any]:
            clock.advance(100)
            return [of.size(), len(calls)]

        assert in_a_child(look) == [0, 0]
        clock.advance(100)
        assert of.size() == 1


def test_a_fakeredis_client_of_another_kind_has_tokens_too() -> None:
    """Clients that decode answers list the same tokens."""
    made = init_cachify(fakeredis.FakeRedis(decode_responses=True), is_global=False)
    with made.pool(KEY, max_size=1) as slot:
        [holder] = made.pool(KEY, max_size=1).holders()
    assert holder.token == slot.token


def test_an_error_of_the_server_leaves_the_slot_to_another_release() -> None:
    """``release()`` raises it, and a later call frees the slot; it is not lost by that."""
    server = fakeredis.FakeServer()
    init_cachify(fakeredis.FakeRedis(server=server))
    slot = pool(KEY, max_size=1).acquire()
    server.connected = False
    for ask in (slot.release, slot.release):
        with pytest.raises(redis.ConnectionError):
            ask()
    server.connected = True
    assert slot.lost is False
    assert slot.release() is True
    until(lambda: pool(KEY, max_size=1).size() == 0)
