"""``init_cachify(url)``: one URL for threads and asyncio, on a real server, and its closing."""

import asyncio
import contextlib
import gc
import hashlib
import inspect
import logging
import re
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import redis
import redis.asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from py_cachify import CachifyPoolFullError, CachifyPoolTimeoutError, init_cachify, pool, pooled
from py_cachify._settings import global_settings
from py_cachify.backends._batches import MOST_UNDER_WAY, Batches
from py_cachify.backends._opened import LoopClients
from py_cachify.backends.redis import AsyncRedisBackend
from tests.library.api.test_import import _run
from tests.support.servers import free_port
from tests.support.stores import AsyncDictClient, DictClient


SECRET = 'hunter2'


@pytest.fixture
def url(socket: str, server: 'redis.Redis') -> Iterator[str]:
    """The URL of the real server; at the end, no connection to it is left open."""
    yield f'unix://{socket}'
    gc.collect()
    assert connections(server) == 0


@pytest.fixture
def port(server: 'redis.Redis') -> Iterator[int]:
    """A port on loopback on which the real server listens during the test."""
    port = free_port()
    server.config_set('port', port)
    yield port
    server.config_set('port', 0)


def connections(server: 'redis.Redis') -> int:
    """Return how many connections the server has, besides the one that asks.

    Those that listen for waiters are not counted: those of earlier tests may not have ended yet.
    """
    # A server may answer this connection before it sees that another was closed earlier, but once.
    server.ping()
    return len(server.client_list(_type='normal')) - 1


def listeners(server: 'redis.Redis') -> set[str]:
    """Return the connections that listen for waiters."""
    return {each['id'] for each in server.client_list(_type='pubsub')}


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something is true, for a minute at most."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


# --- what a URL may be


def test_one_url_serves_threads_and_asyncio(url: str) -> None:
    """A thread counts the slot that a task took, for pools and for decorated functions."""
    with contextlib.closing(init_cachify(url)):
        one = pool('reports', max_size=1)

        @pooled('reports', max_size=1)
        def report() -> str:
            return 'done'

        async def main() -> None:
            async with one:
                assert (one.size(), await one.asize(), report()) == (1, 1, None)

        asyncio.run(main())
        assert (one.size(), report()) == (0, 'done')


@pytest.mark.parametrize('scheme', ['redis', 'valkey', 'REDIS'])
def test_a_url_with_a_host_reaches_the_server(scheme: str, server: 'redis.Redis', port: int) -> None:
    """With user, password, database and options, for threads and asyncio alike."""
    server.acl_setuser('worker', enabled=True, reset=True, passwords=[f'+{SECRET}/?'], keys='*', commands=['+@all'])
    cachify = init_cachify(f'{scheme}://worker:{SECRET}%2F%3F@localhost:{port}/3?socket_timeout=5', prefix='')

    async def main() -> None:
        async with cachify.pool('reports', max_size=1) as reports:
            assert (reports.size(), await reports.asize()) == (1, 1)
            assert 'db3' in server.info('keyspace')

    with contextlib.closing(cachify):
        asyncio.run(main())
    server.acl_deluser('worker')


@pytest.mark.parametrize('scheme', ['rediss', 'valkeys'])
def test_a_url_with_an_s_uses_tls(scheme: str) -> None:
    """On both sides."""
    cachify = init_cachify(f'{scheme}://localhost', is_global=False)
    assert cachify._opened is not None
    pools: list[Any] = [cachify._opened.sync.connection_pool, cachify._opened.asynchronous._make_pool()]
    made = [each.make_connection() for each in pools]
    assert [type(each) for each in made] == [redis.SSLConnection, redis.asyncio.SSLConnection]


@pytest.mark.parametrize('path', ['', '/', '/0', '/3', '/3/', '?db=3'])
def test_the_path_is_the_number_of_a_database(path: str) -> None:
    """Database 0 without one."""
    cachify = init_cachify(f'redis://localhost{path}', is_global=False)
    assert cachify._opened is not None
    assert cachify._opened.sync.get_connection_kwargs().get('db', 0) == (3 if '3' in path else 0)


@pytest.mark.parametrize('options', ['decode_responses=True', 'protocol=2', 'protocol=3', 'db=5', 'max_connections=1'])
def test_options_of_redis_do_not_change_a_pool(url: str, options: str) -> None:
    """Whatever type its answers have."""

    async def main() -> None:
        async with one:
            assert (one.size(), await one.asize()) == (1, 1)
            with pytest.raises(CachifyPoolFullError):
                async with one:
                    pass

    with contextlib.closing(init_cachify(f'{url}?{options}')):
        one = pool('reports', max_size=1)
        asyncio.run(main())
        with one:
            assert one.size() == 1
        assert one.size() == 0


def test_nothing_connects_before_the_first_use(url: str, server: 'redis.Redis') -> None:
    """So a program starts while the server is down."""
    cachify = init_cachify(url)
    pool('reports', max_size=1)
    assert connections(server) == 0
    pool('reports', max_size=1).size()
    assert connections(server) == 1
    cachify.close()


def test_many_tasks_share_a_few_connections(url: str, server: 'redis.Redis') -> None:
    """200 tasks that enter and leave together."""
    cachify = init_cachify(url)
    everyone = pool('reports', max_size=200)
    most = 0

    async def hold(all_hold: asyncio.Barrier) -> None:
        nonlocal most
        async with everyone:
            await all_hold.wait()
            most = max(most, connections(server))

    async def main() -> None:
        all_hold = asyncio.Barrier(200)
        await asyncio.gather(*(hold(all_hold) for _ in range(200)))
        assert await everyone.asize() == 0

    asyncio.run(main())
    assert 1 < most <= MOST_UNDER_WAY
    cachify.close()


@pytest.mark.parametrize(('options', 'seconds'), [('', 5), ('?socket_timeout=2&socket_connect_timeout=2', 2)])
def test_no_request_waits_forever(options: str, seconds: float) -> None:
    """With any version of redis-py, on both sides, unless the URL says how long."""
    cachify = init_cachify(f'redis://localhost{options}', is_global=False)
    assert cachify._opened is not None
    pools: list[Any] = [cachify._opened.sync.connection_pool, cachify._opened.asynchronous._make_pool()]
    for each in [one.make_connection() for one in pools]:
        assert (each.socket_timeout, each.socket_connect_timeout) == (seconds, seconds)


def test_a_connection_that_the_server_closed_is_opened_again(url: str, server: 'redis.Redis') -> None:
    """Without an error, on both sides, for a new slot and for one that is given back."""
    cachify = init_cachify(url)
    few = pool('reports', max_size=3)

    def close_connections() -> None:
        server.execute_command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')  # type: ignore[no-untyped-call]

    async def main() -> None:
        with few:
            async with few:
                close_connections()
                with few:
                    assert (few.size(), await few.asize()) == (3, 3)
                close_connections()
        assert (few.size(), await few.asize()) == (0, 0)
        await cachify.aclose()

    asyncio.run(main())


# --- what is refused


@pytest.mark.parametrize('text', ['', f'user:{SECRET}@localhost', f'http://:{SECRET}@localhost', 'redis:localhost'])
def test_a_string_that_is_no_url_of_a_server_is_refused(text: str) -> None:
    """The error names the schemes, and does not show the string."""
    with pytest.raises(ValueError, match='sync_client must be a client, or a URL that begins with') as refusal:
        init_cachify(text)
    assert 'redis://, rediss://, unix://, valkey:// or valkeys://;' in str(refusal.value)
    assert SECRET not in everything_said(refusal.value)


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        (f'redis://:{SECRET}@localhost:port', 'its host and port'),
        (f'redis://:{SECRET}@localhost:99999', 'its host and port'),
        (f'redis://:{SECRET}@localhost:0', 'its host and port'),
        (f'redis://[{SECRET}', 'its host and port'),
        (f'redis://user:{SECRET}/x@localhost', 'its host and port'),
        (f'redis://:12/{SECRET}@localhost', 'its path must be the number of a database'),
        (f'redis://:{SECRET}@localhost/reports', 'its path must be the number of a database'),
        (f'redis://:{SECRET}@localhost/0/1', 'its path must be the number of a database'),
        (f'redis://:12#{SECRET}@localhost', 'it must not contain #'),
        (f'redis://:12?{SECRET}@localhost', 'after the ?, it must have options'),
        (f'redis://localhost?{SECRET}', 'after the ?, it must have options'),
        (f'redis://localhost?{SECRET}=1', 'redis-py does not accept one of the options'),
        (f'redis://localhost?db={SECRET}', 'redis-py does not accept one of the options'),
        (f'redis://localhost?socket_timeout={SECRET}', 'redis-py does not accept one of the options'),
        (f'rediss://localhost?ssl_cert_reqs={SECRET}', 'redis-py does not accept one of the options'),
        ('unix://', 'unix:// must be followed by an absolute path'),
        (f'unix://:{SECRET}@', 'unix:// must be followed by an absolute path'),
        ('unix://run/redis.sock', 'unix:// must be followed by an absolute path'),
    ],
)
def test_a_malformed_url_is_refused_immediately(text: str, problem: str) -> None:
    """Also where redis-py would silently use another database, host or socket."""
    with pytest.raises(ValueError, match=re.escape(f'sync_client is a malformed URL: {problem}')) as refusal:
        init_cachify(text)
    assert SECRET not in everything_said(refusal.value)


STARTS = ['redis://', 'redis://:', 'rediss://', 'unix://', 'valkey://', 'http://', '']
PIECES = [
    *(':', '@', '/', '?', '#', '[', ']', '%', '=', '&', '+', ' ', '\n', '\0', 'é', '℀', '\ud800', '0', '6379', '99999'),
    *('localhost', 'db', 'password', 'socket_timeout', SECRET, SECRET, SECRET),
]


@given(start=st.sampled_from(STARTS), rest=st.lists(st.sampled_from(PIECES), max_size=9).map(''.join))
@settings(max_examples=1000)
def test_a_string_is_a_url_or_is_refused_without_being_shown(start: str, rest: str) -> None:
    """Whatever is wrong with it, wherever the password is."""
    try:
        shown = repr(init_cachify(f'{start}{rest}', is_global=False))
    except ValueError as refusal:
        shown = everything_said(refusal)
    assert SECRET not in shown


def everything_said(error: BaseException) -> str:
    """Return an error with its traceback and with all errors from which it came."""
    said = '\n'.join(traceback.format_exception(error))
    return f'{said}\n{error!r}\n{error.__context__!r}\n{error.__cause__!r}'


@pytest.mark.parametrize('other', [redis.asyncio.Redis(), AsyncDictClient(DictClient()), 'redis://localhost'])
def test_a_url_beside_another_client_is_refused(other: Any) -> None:
    """The URL serves asyncio already."""
    with pytest.raises(TypeError, match='async_client must'):
        init_cachify('redis://localhost', other)


def test_a_url_for_asyncio_alone_is_refused() -> None:
    """The error says where it belongs."""
    with pytest.raises(TypeError, match='pass a URL as the first argument, sync_client,') as refusal:
        init_cachify(async_client=f'redis://:{SECRET}@localhost')  # type: ignore[arg-type]
    assert SECRET not in everything_said(refusal.value)


def test_without_redis_the_error_names_the_extra() -> None:
    """In an interpreter that has no package but the standard library."""
    printed = _run(
        'from py_cachify import init_cachify\n'
        f'try: init_cachify("redis://:{SECRET}@localhost")\n'
        'except ModuleNotFoundError as error: print(error.name, error)',
        '-S',
        '-E',
    )
    assert printed.startswith('redis a URL needs the package redis, ')
    assert "pip install 'py-cachify-lab[redis]'" in printed
    assert SECRET not in printed


# --- what is shown


def test_the_password_is_never_shown(url: str, server: 'redis.Redis', caplog: pytest.LogCaptureFixture) -> None:
    """Neither in a ``repr()``, nor in the log, nor in the error of a server that refuses it."""
    caplog.set_level(logging.DEBUG)
    cachify = init_cachify(f'{url.replace("unix://", f"unix://worker:{SECRET}@")}?db=0', default_cache_ttl=60)
    reports = cachify.pool('reports', max_size=1)
    settings = global_settings()
    assert cachify._opened is not None
    things = (cachify, reports, settings, cachify._opened, cachify._opened.asynchronous, *settings.backends)
    assert SECRET not in repr(things)

    async def enter() -> None:
        async with reports:
            raise AssertionError('the server has no such user')

    with pytest.raises(redis.ConnectionError) as refusal:
        asyncio.run(enter(), debug=True)
    with pytest.raises(redis.ConnectionError) as sync_refusal, reports:
        raise AssertionError('the server has no such user')
    assert len(caplog.records) > 1
    assert SECRET not in caplog.text
    assert SECRET not in everything_said(refusal.value) + everything_said(sync_refusal.value)
    cachify.close()


def test_what_only_py_cachify_has_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    """With one debug record for a call, and none without such an argument."""
    caplog.set_level(logging.DEBUG, logger='py_cachify')
    init_cachify()
    assert not caplog.records
    init_cachify(default_lock_expiration=30, default_cache_ttl=None, lock_poll_interval=0.1)
    [record] = caplog.records
    assert (record.name, record.levelname) == ('py_cachify', 'DEBUG')
    assert 'ignored default_lock_expiration, default_cache_ttl, lock_poll_interval,' in record.getMessage()
    caplog.clear()
    init_cachify(lock_poll_interval=0.1, is_global=False)
    assert 'ignored lock_poll_interval,' in caplog.text


# --- closing


def test_close_closes_what_threads_opened(url: str, server: 'redis.Redis') -> None:
    """Once or twice, and before the first use."""
    cachify = init_cachify(url)
    cachify.close()
    pool('reports', max_size=1).size()
    assert connections(server) == 1
    cachify.close()
    assert connections(server) == 0
    cachify.close()


@pytest.mark.parametrize('side', ['threads', 'asyncio'])
def test_close_ends_what_listens_for_waiters(url: str, server: 'redis.Redis', side: str) -> None:
    """At once, if nobody waits; whoever waits later listens again."""
    cachify = init_cachify(url)
    one = pool('reports', max_size=1, wait=0.05)
    server.zadd('PYC-reports', {'a holder': 'inf'})

    def wait() -> None:
        with pytest.raises(CachifyPoolTimeoutError), one:
            raise AssertionError('the body ran')

    async def await_slot() -> None:
        with pytest.raises(CachifyPoolTimeoutError):
            async with one:
                raise AssertionError('the body ran')

    async def main() -> None:
        for _ in range(2):
            before = listeners(server)
            await await_slot()
            wait_until(lambda: bool(listeners(server) - before))  # noqa: B023 - it is called in this turn
            await cachify.aclose()
            wait_until(lambda: not listeners(server) - before)  # noqa: B023

    if side == 'asyncio':
        asyncio.run(main())
        return
    for _ in range(2):
        before = listeners(server)
        wait()
        wait_until(lambda: bool(listeners(server) - before))  # noqa: B023
        cachify.close()
        wait_until(lambda: not listeners(server) - before)  # noqa: B023


def test_a_pool_opens_a_new_connection_after_close(url: str, server: 'redis.Redis') -> None:
    """A slot that was held meanwhile is given back."""
    cachify = init_cachify(url)
    one = pool('reports', max_size=1)
    with one:
        cachify.close()
        assert connections(server) == 0
        assert server.zcard('PYC-reports') == 1
    assert server.zcard('PYC-reports') == 0
    assert connections(server) == 1
    cachify.close()


def test_aclose_closes_both_sides(url: str, server: 'redis.Redis') -> None:
    """Once or twice; a later use opens new connections, which end with the loop."""
    cachify = init_cachify(url)
    one = pool('reports', max_size=1)

    async def main() -> None:
        await cachify.aclose()
        assert (one.size(), await one.asize(), connections(server)) == (0, 0, 2)
        await cachify.aclose()
        assert connections(server) == 0
        async with one:
            await cachify.aclose()
            assert server.zcard('PYC-reports') == 1
        assert (server.zcard('PYC-reports'), connections(server)) == (0, 1)
        await cachify.aclose()
        await cachify.aclose()

    asyncio.run(main())


def test_close_leaves_what_was_opened_elsewhere(socket: str, server: 'redis.Redis') -> None:
    """A client that was passed is its owner's to close; a memory has nothing to close."""

    async def main() -> None:
        async with redis.asyncio.Redis(unix_socket_path=socket) as asynchronous:
            cachify = init_cachify(client, asynchronous)
            one = pool('reports', max_size=1)
            assert (one.size(), await one.asize()) == (0, 0)
            await cachify.aclose()
            cachify.close()
            assert connections(server) == 2

    with redis.Redis(unix_socket_path=socket) as client:
        asyncio.run(main())
    in_memory = init_cachify()
    with pool('reports', max_size=1) as reports:
        in_memory.close()
        assert reports.size() == 1


def test_a_second_init_closes_nothing_of_the_first(url: str, server: 'redis.Redis') -> None:
    """The first's slots go back to its store; its object closes its connections."""
    first = init_cachify(url, prefix='first-')
    one = pool('reports', max_size=1)
    with one:
        second = init_cachify(url, prefix='second-')
        assert one.size() == 0
        assert (connections(server), server.zcard('first-reports')) == (2, 1)
    assert server.zcard('first-reports') == 0
    first.close()
    assert connections(server) == 1
    second.close()


def test_what_nobody_refers_to_any_more_is_closed(url: str, server: 'redis.Redis') -> None:
    """Of a thread at once, of a running event loop in its next turns."""

    async def main() -> None:
        async with init_cachify(url, is_global=False).pool('reports', max_size=1) as reports:
            assert (reports.size(), connections(server)) == (1, 2)
        del reports
        gc.collect()
        while connections(server):  # noqa: ASYNC110 - the server has no event to wait for
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(main(), 30))


# --- event loops


def test_the_client_of_all_loops_has_all_that_the_backend_uses(url: str, server: 'redis.Redis') -> None:
    """Each name exists, and means that of the client of the running loop."""
    used = set(re.findall(r'self\._client\.(\w+)', inspect.getsource(AsyncRedisBackend) + inspect.getsource(Batches)))
    assert used >= {'execute_command', 'pipeline'}
    assert used <= vars(LoopClients).keys()
    cachify = init_cachify(url)
    assert cachify._opened is not None
    client = cachify._opened.asynchronous

    async def main() -> None:
        for _ in range(2):
            script = 'return {KEYS[1], ARGV[1]}', 1, 'key', 'argument'
            assert await client.eval(*script) == [b'key', b'argument']
            assert await client.evalsha(hashlib.sha1(b'return 1').hexdigest(), 0) == 1
            assert await client.execute_command('EVAL_RO', *script) == [b'key', b'argument']
            pipeline = client.pipeline(transaction=False)
            pipeline.execute_command('EVAL', *script)
            assert await pipeline.execute(raise_on_error=False) == [[b'key', b'argument']]
            await client.connection_pool.disconnect(inuse_connections=False)
            assert connections(server) == 0

    server.script_load('return 1')
    asyncio.run(main())


def test_a_url_works_in_one_event_loop_after_another(url: str, server: 'redis.Redis') -> None:
    """Each loop has connections of its own, which are closed when it ends."""
    cachify = init_cachify(url)
    one = pool('reports', max_size=1)

    async def main() -> None:
        async with one:
            assert (await one.asize(), connections(server)) == (1, 1)

    for _ in range(5):
        asyncio.run(main())
        assert connections(server) == 0
    assert cachify._opened is not None
    assert len(cachify._opened.asynchronous._clients) == 1


def test_a_url_works_in_several_event_loops_at_once(url: str) -> None:
    """One in each of four threads, which hold slots of one pool together."""
    few = pool('reports', max_size=4)
    all_hold = threading.Barrier(4)
    sizes: list[int] = []

    async def main() -> None:
        for _ in range(20):
            async with few:
                await asyncio.to_thread(all_hold.wait, 30)
                sizes.append(await few.asize())
                await asyncio.to_thread(all_hold.wait, 30)

    with contextlib.closing(init_cachify(url)):
        threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sizes == [4] * 80
        assert few.size() == 0


@pytest.mark.filterwarnings('ignore::ResourceWarning', 'ignore::pytest.PytestUnraisableExceptionWarning')
def test_a_slot_is_given_back_by_what_ends_with_the_loop(url: str, server: 'redis.Redis') -> None:
    """By a task that is cancelled, and by an asynchronous generator that is closed, at the end.

    The generator needs a connection after the loop has closed those of the library, and redis-py
    one of its own generators, of which asyncio warns.
    """
    few = init_cachify(url, is_global=False).pool('reports', max_size=2)
    held: list[Any] = []

    async def generator() -> AsyncIterator[None]:
        async with few:
            yield

    async def forever() -> None:
        async with few:
            await asyncio.Event().wait()

    async def main() -> None:
        held.extend([asyncio.ensure_future(forever()), generator()])
        await anext(held[1])
        while await few.asize() < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)

    asyncio.run(main())
    assert server.zcard('PYC-reports') == 0


@pytest.mark.filterwarnings('ignore::ResourceWarning', 'ignore::pytest.PytestUnraisableExceptionWarning')
def test_a_loop_that_is_closed_without_shutting_down_does_not_matter_to_the_next(
    url: str, server: 'redis.Redis'
) -> None:
    """Its connections are left to the garbage collector, with asyncio's own warnings."""
    cachify = init_cachify(url)
    one = pool('reports', max_size=1)

    async def main() -> None:
        async with one:
            assert await one.asize() == 1

    for _ in range(3):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        loop.close()
    asyncio.run(main())
    assert cachify._opened is not None
    assert len(cachify._opened.asynchronous._clients) == 1
