"""Real servers that answer with an error: it passes through, and nobody claims more than is known.

An acquire that the server refused took no slot, so no record says that one may stay taken.
``size()`` works wherever reading is allowed.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, OutOfMemoryError, ReadOnlyError, ResponseError
from redis.retry import Retry

from py_cachify import CachifyPoolFullError, init_cachify, pool
from py_cachify._refusals import was_refused
from tests.support.proxy import cutting_proxy
from tests.support.servers import accident_prone_server, free_port, or_skip, redis_server
from tests.support.stores import AsyncDriver, Clients, Driver, SyncDriver, slots_in


pytestmark = pytest.mark.quick


class Refusal(NamedTuple):
    """A way in which a server refuses, and what still works meanwhile.

    ``begins`` and ``ends`` are commands; ``error`` and ``text`` are what an acquire raises.
    """

    name: str
    begins: tuple[str, ...]
    ends: tuple[str, ...]
    error: type[Exception]
    text: str
    reads: bool
    gives_back: bool


REFUSALS = (
    Refusal(
        'out of memory',
        ('CONFIG SET maxmemory 1',),
        ('CONFIG SET maxmemory 0',),
        OutOfMemoryError,
        "command not allowed when used memory > 'maxmemory'",
        reads=True,
        gives_back=True,
    ),
    Refusal(
        'turned into a replica',
        ('REPLICAOF 127.0.0.1 1',),
        ('REPLICAOF NO ONE',),
        ReadOnlyError,
        "You can't write against a read only replica",
        reads=True,
        gives_back=False,
    ),
    Refusal(
        'too few replicas',
        ('CONFIG SET min-replicas-to-write 1',),
        ('CONFIG SET min-replicas-to-write 0',),
        ResponseError,
        'NOREPLICAS Not enough good replicas to write',
        reads=True,
        gives_back=False,
    ),
    Refusal(
        'scripts refused',
        ('ACL SETUSER default -@scripting',),
        ('ACL SETUSER default +@all',),
        NoPermissionError,
        "no permissions to run the 'evalsha' command",
        reads=False,
        gives_back=False,
    ),
    Refusal(
        'other keys only',
        ('ACL SETUSER default resetkeys ~other*',),
        ('ACL SETUSER default allkeys',),
        NoPermissionError,
        'permissions to access',
        reads=False,
        gives_back=False,
    ),
    Refusal(
        'reading only',
        ('ACL SETUSER default resetkeys %R~*',),
        ('ACL SETUSER default allkeys',),
        NoPermissionError,
        'permissions to access',
        reads=True,
        gives_back=False,
    ),
)

on_both_servers = pytest.mark.parametrize('store', ['valkey', 'redis'])
whenever_it_refuses = pytest.mark.parametrize('refusal', REFUSALS, ids=[refusal.name for refusal in REFUSALS])


@contextmanager
def refusing(clients: Clients, refusal: Refusal) -> Iterator[None]:
    """Let the server refuse, and be as it was afterwards."""
    for command in refusal.begins:
        clients.sync.execute_command(*command.split())
    try:
        yield
    finally:
        for command in refusal.ends:
            clients.sync.execute_command(*command.split())


def _never(*_: Any, **__: Any) -> None:
    raise AssertionError('an error of the server was taken for a full pool')


async def fails(driver: Driver, one: pool, error: type[Exception], text: str) -> BaseException:
    """Enter a pool in both ways; return the error of the ``with``."""
    with pytest.raises(error, match=text):
        await driver.result(one.pooled(on_full=_never)(driver.function(_never))())
    with pytest.raises(error, match=text) as raised:
        async with driver.hold(one):
            raise AssertionError('the body ran without a slot')
    assert type(raised.value) is error
    return raised.value


def records(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    """Return what the library has logged, all on this level."""
    ours = [record for record in caplog.records if record.name == 'py_cachify']
    assert {record.levelno for record in ours} <= {level}
    return [record.getMessage() for record in ours]


def expect_no_claim(raised: BaseException, messages: list[str]) -> None:
    """Neither the note nor the records say that a slot may stay taken or was taken back."""
    notes = getattr(raised, '__notes__', [])
    assert len(notes) == 1
    for text in (*notes, *messages):
        assert 'a slot stays taken only if the client had sent it before and lost the reply [token ' in text
        assert 'may stay' not in text
        assert 'was undone' not in text


@on_both_servers
@whenever_it_refuses
def test_an_acquire_that_is_refused_takes_no_slot_and_nobody_fears_one(
    cachify: object, clients: Clients, driver: Driver, refusal: Refusal, caplog: pytest.LogCaptureFixture
) -> None:
    """The server's error is raised, ``on_full`` is not called, and no record is a warning."""
    caplog.set_level(logging.INFO, 'py_cachify')

    async def body() -> None:
        one = pool('reports', max_size=1)
        with refusing(clients, refusal):
            raised = await fails(driver, one, refusal.error, refusal.text)
            messages = records(caplog, logging.INFO)
            assert len(messages) == 2
            if refusal.gives_back:
                # This server still lets go, so it also carries out the undo.
                assert all('was undone, so no slot stays taken' in message for message in messages)
                assert not hasattr(raised, '__notes__')
            else:
                expect_no_claim(raised, messages)
        assert not clients.sync.exists('PYC-reports')
        async with driver.hold(one):
            assert await driver.size(one) == 1
        assert await driver.size(one) == 0

    driver.run(body())


@on_both_servers
@whenever_it_refuses
def test_size_works_wherever_reading_is_allowed(
    cachify: object, clients: Clients, driver: Driver, refusal: Refusal
) -> None:
    """It counts the slots that are held; elsewhere it raises what the server said first."""

    async def body() -> None:
        two = pool('reports', max_size=2)
        async with driver.hold(two):
            with refusing(clients, refusal):
                if refusal.reads:
                    assert await driver.size(two) == 1
                else:
                    with pytest.raises(refusal.error, match=refusal.text):
                        await driver.size(two)
            assert await driver.size(two) == 1

    driver.run(body())


@on_both_servers
@whenever_it_refuses
@pytest.mark.parametrize('slot_exp', [60, None])
def test_a_release_that_is_refused_is_reported(
    cachify: object,
    clients: Clients,
    driver: Driver,
    refusal: Refusal,
    slot_exp: int | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The slot does stay: until it expires, which is logged, or forever, which is raised."""

    async def leave() -> None:
        async with driver.hold(pool('reports', max_size=1, slot_exp=slot_exp)):
            for command in refusal.begins:
                clients.sync.execute_command(*command.split())

    async def body() -> None:
        with refusing(clients, refusal._replace(begins=())):
            if refusal.gives_back or slot_exp:
                await leave()
            else:
                with pytest.raises(refusal.error, match=refusal.text):
                    await leave()
        assert await driver.size(pool('reports', max_size=1)) == (0 if refusal.gives_back else 1)

    driver.run(body())
    messages = records(caplog, logging.WARNING)
    assert len(messages) == (0 if refusal.gives_back or slot_exp is None else 1)
    assert all('could not be given back' in message for message in messages)


@on_both_servers
def test_a_server_out_of_memory_grants_slots_of_a_pool_in_use(
    cachify: object, clients: Clients, driver: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    """A script that began to drop expired slots may go on writing."""

    async def body() -> None:
        two = pool('reports', max_size=2)
        async with driver.hold(two):
            with refusing(clients, REFUSALS[0]):
                async with driver.hold(two):
                    assert await driver.size(two) == 2
                    with pytest.raises(CachifyPoolFullError):
                        async with driver.hold(two):
                            raise AssertionError('the body ran without a slot')
                assert await driver.size(two) == 1

    driver.run(body())
    assert records(caplog, logging.INFO) == []


@on_both_servers
def test_a_script_that_is_refused_halfway_may_have_taken_a_slot(
    cachify: object, clients: Clients, driver: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    """A user who lacks ``ZREVRANK`` has a slot when the script fails, and lacks ``ZREM``."""
    caplog.set_level(logging.INFO, 'py_cachify')
    halfway = Refusal('', ('ACL SETUSER default -zrevrank -zrem',), (), ResponseError, 'script', False, False)

    async def body() -> None:
        one = pool('reports', max_size=2)
        async with driver.hold(one):
            with refusing(clients, halfway._replace(ends=('ACL SETUSER default +@all',))):
                with pytest.raises(ResponseError, match='script') as raised:
                    async with driver.hold(one):
                        raise AssertionError('the body ran without a slot')
                (message,) = records(caplog, logging.WARNING)
                assert 'if it was carried out, a slot stays taken until it expires' in message
                assert 'its slot may stay taken' in raised.value.__notes__[0]
            assert await driver.size(one) == 2

    driver.run(body())


class Turning(NoBackoff):
    """Turns a server into a replica before its client repeats a request."""

    def __init__(self, socket: str) -> None:
        super().__init__()
        self._socket = socket

    def compute(self, failures: int) -> float:
        with redis.Redis(unix_socket_path=self._socket) as server:
            server.replicaof('127.0.0.1', 1)
        return super().compute(failures)


def test_a_refused_acquire_that_was_sent_before_may_have_taken_a_slot(
    server: 'redis.Redis', socket: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Why the records say "only if": the first attempt took it, and the second was refused."""
    caplog.set_level(logging.INFO, 'py_cachify')
    init_cachify(server)
    with pool('reports', max_size=1):  # load the script
        pass
    with cutting_proxy(socket) as proxy:
        retry = Retry(Turning(socket), 1)
        with redis.Redis(unix_socket_path=proxy.path, protocol=2, driver_info=None, retry=retry) as client:
            client.ping()
            proxy.start_counting({1: 'before the reply'})
            init_cachify(client)
            try:
                with pytest.raises(ReadOnlyError) as raised, pool('reports', max_size=1):
                    raise AssertionError('the body ran without a slot')
            finally:
                server.replicaof('NO', 'ONE')
    (message,) = records(caplog, logging.INFO)
    expect_no_claim(raised.value, [message])
    [token] = slots_in(Clients(server, None, None), 'PYC-reports')
    assert f'[token {token}]' in message


@pytest.mark.parametrize(
    ('answer', 'refused'),
    [
        (redis.exceptions.BusyLoadingError('Valkey is loading the dataset in memory'), True),
        (redis.exceptions.AuthenticationError('Authentication required.'), True),
        (redis.exceptions.MasterDownError('Link with MASTER is down'), True),
        (redis.exceptions.ClusterDownError('CLUSTERDOWN Hash slot not served'), True),
        (redis.exceptions.MovedError('1 127.0.0.1:1'), True),
        (redis.exceptions.TryAgainError('Multiple keys request during rehashing of slot'), True),
        (redis.exceptions.ClusterError('TTL exhausted.'), True),
        (redis.exceptions.ClusterError('something else'), False),
        (
            redis.exceptions.NoPermissionError(
                'no permissions to run the zrevrank command script: on @user_script:40.'
            ),
            False,
        ),
        (redis.exceptions.ResponseError('Unknown command called from script script: on @user_script:40.'), False),
        (redis.exceptions.ConnectionError('Connection closed by server.'), False),
        (redis.exceptions.TimeoutError('Timeout reading from socket'), False),
        (OSError('READONLY'), False),
        (KeyboardInterrupt(), False),
    ],
    ids=repr,
)
def test_only_an_answer_before_the_script_took_a_slot_is_a_refusal(answer: BaseException, refused: bool) -> None:
    """A lost reply is none, nor is an error within the script, which may come after the slot."""
    assert was_refused(answer) is refused


# --- servers that a test starts for itself


def _driver(side: str, clients: Clients) -> Driver:
    return SyncDriver() if side == 'sync' else AsyncDriver(clients)


@contextmanager
def hasty_clients(**address: Any) -> Iterator[Clients]:
    """Clients that do not repeat what a busy server refused."""
    with redis.Redis(**address, retry=Retry(NoBackoff(), 0)) as sync:
        yield Clients(sync, redis.asyncio.Redis(**address, retry=AsyncRetry(NoBackoff(), 0)), None)


on_either_side = pytest.mark.parametrize('side', ['sync', 'async'])


@on_either_side
def test_the_replica_of_a_primary_counts_its_slots(side: str, caplog: pytest.LogCaptureFixture) -> None:
    """A client of the replica reads how many slots the primary has granted, and takes none."""
    caplog.set_level(logging.INFO, 'py_cachify')
    port = free_port()
    with or_skip(FileNotFoundError), redis_server('--port', str(port)) as primary, redis.Redis(port=port) as at_primary:
        init_cachify(at_primary)
        with redis_server('--replicaof', f'127.0.0.1 {port}', '--replica-read-only', 'yes') as replica:
            with hasty_clients(unix_socket_path=replica) as clients:
                _wait(lambda: clients.sync.info('replication')['master_link_status'] == 'up')
                there = init_cachify(clients.sync, clients.asynchronous, is_global=False).pool('reports', max_size=3)
                driver = _driver(side, clients)

                async def body() -> None:
                    with pool('reports', max_size=3), pool('reports', max_size=3, slot_exp=None):
                        at_primary.wait(1, 30_000)
                        assert await driver.size(there) == 2
                        expect_no_claim(
                            await fails(driver, there, ReadOnlyError, "can't write against a read only replica"),
                            records(caplog, logging.INFO),
                        )
                    at_primary.wait(1, 30_000)
                    assert await driver.size(there) == 0

                driver.run(body())
    assert primary != replica


@on_either_side
def test_a_server_without_scripts_says_so(side: str, caplog: pytest.LogCaptureFixture) -> None:
    """As a managed server may: the commands were renamed away."""
    caplog.set_level(logging.INFO, 'py_cachify')
    gone = ('--rename-command', 'EVALSHA', '', '--rename-command', 'EVAL', '')
    with or_skip(FileNotFoundError), redis_server(*gone) as socket, hasty_clients(unix_socket_path=socket) as clients:
        init_cachify(clients.sync, clients.asynchronous)
        driver = _driver(side, clients)

        async def body() -> None:
            one = pool('reports', max_size=1)
            raised = await fails(driver, one, ResponseError, "unknown command 'EVALSHA'")
            expect_no_claim(raised, records(caplog, logging.INFO))
            with pytest.raises(ResponseError, match="unknown command 'EVALSHA'"):
                await driver.size(one)
            assert clients.sync.keys('*') == []

        driver.run(body())


@on_either_side
def test_a_server_that_is_busy_with_a_script_says_so(side: str, caplog: pytest.LogCaptureFixture) -> None:
    """Someone's endless script lets it refuse every other request."""
    caplog.set_level(logging.INFO, 'py_cachify')
    with or_skip(FileNotFoundError), redis_server() as socket, hasty_clients(unix_socket_path=socket) as clients:
        init_cachify(clients.sync, clients.asynchronous)
        driver = _driver(side, clients)
        one = pool('reports', max_size=1)
        clients.sync.config_set('busy-reply-threshold', 1)
        endless = threading.Thread(target=_run_for_ever, args=(socket,))
        endless.start()

        async def body() -> None:
            raised = await fails(driver, one, ResponseError, '^BUSY ')
            expect_no_claim(raised, records(caplog, logging.INFO))
            with pytest.raises(ResponseError, match=r'^BUSY '):
                await driver.size(one)
            clients.sync.script_kill()
            endless.join()
            async with driver.hold(one):
                assert await driver.size(one) == 1

        try:
            _wait(lambda: _is_busy(clients.sync))
            driver.run(body())
        finally:
            if endless.is_alive():
                clients.sync.script_kill()
                endless.join()


def _run_for_ever(socket: str) -> None:
    with redis.Redis(unix_socket_path=socket, socket_timeout=None) as client:
        with pytest.raises(ResponseError, match='killed'):
            client.eval('while true do end', 0)


def _is_busy(client: Any) -> bool:
    try:
        client.ping()
    except ResponseError as error:
        return str(error).startswith('BUSY ')
    return False


@on_either_side
def test_a_server_that_cannot_save_says_so(side: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It refuses writes because its disk is gone; it still counts."""
    caplog.set_level(logging.INFO, 'py_cachify')
    with or_skip(FileNotFoundError), accident_prone_server() as server:
        with hasty_clients(unix_socket_path=server.socket) as clients:
            init_cachify(clients.sync, clients.asynchronous)
            driver = _driver(side, clients)

            async def body() -> None:
                one = pool('reports', max_size=2)
                async with driver.hold(one):
                    # A folder where its file should be.
                    folder = Path(server.socket).parent / 'dump.rdb'
                    folder.mkdir()
                    (folder / 'x').touch()
                    clients.sync.config_set('save', '3600 1000000')
                    clients.sync.bgsave()
                    _wait(lambda: clients.sync.info('persistence')['rdb_last_bgsave_status'] == 'err')
                    raised = await fails(driver, one, ResponseError, '^MISCONF ')
                    expect_no_claim(raised, records(caplog, logging.INFO))
                    assert await driver.size(one) == 1
                    clients.sync.config_set('save', '')
                assert await driver.size(one) == 0

            driver.run(body())


def _wait(until: Callable[[], bool]) -> None:
    limit = time.monotonic() + 30
    while not until():
        assert time.monotonic() < limit, 'the server did not get there'
        time.sleep(0.02)
