"""``check_client``: correct clients keep every clause, and each mistake is named."""

import asyncio
import functools
import math
import sqlite3
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio

from py_cachify import MemoryClient
from simulations import ClientCheck, check_client
from simulations.checking import CLAUSES
from tests.support.stores import AsyncDictClient, DictClient
from tests.workbench.checking.wrong_clients import (
    WRONG,
    FileClient,
    KeepsItsLock,
    LockFileClient,
    RedisGetThenSet,
    RedisPx,
    RedisSecondStep,
    RedisWithCache,
)


EVERY = {clause.name for clause in CLAUSES}


def failing(outcome: ClientCheck) -> tuple[str, ...]:
    assert not outcome.problem
    return tuple(finding.name for finding in outcome.failures)


class SqliteClient:
    """A correct client for all threads and processes of one machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.execute('CREATE TABLE IF NOT EXISTS slots (name TEXT PRIMARY KEY, value TEXT, until REAL)')

    def execute(self, statement: str, *parameters: Any) -> tuple[Any, int]:
        with closing(sqlite3.connect(self.path, timeout=60, isolation_level=None)) as database:
            database.execute('PRAGMA synchronous=OFF')
            cursor = database.execute(statement, parameters)
            return cursor.fetchone(), cursor.rowcount

    def get(self, name: str) -> str | None:
        row, _ = self.execute('SELECT value FROM slots WHERE name = ? AND until > ?', name, time.time())
        return None if row is None else str(row[0])

    def set(self, name: str, value: str, ex: int | None = None, nx: bool = False) -> bool:
        until = math.inf if ex is None else time.time() + ex
        changes = (
            'INSERT INTO slots VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE'
            ' SET value = excluded.value, until = excluded.until WHERE NOT ? OR until <= ?'
        )
        return self.execute(changes, name, value, until, nx, time.time())[1] == 1

    def delete(self, *names: str) -> None:
        for name in names:
            self.execute('DELETE FROM slots WHERE name = ?', name)


# --- correct clients


@pytest.mark.parametrize('decode', [False, True], ids=['bytes', 'text'])
def test_redis_py_keeps_every_clause(server: 'redis.Redis', socket: str, decode: bool) -> None:
    """With either kind of reply; afterwards the server is as empty as before."""
    outcome = check_client(lambda: redis.Redis(unix_socket_path=socket, decode_responses=decode), rounds=36)

    outcome.assert_holds()
    assert outcome.holds
    assert outcome
    assert {finding.name for finding in outcome.findings} == EVERY - {'tasks'}
    assert (outcome.client, outcome.asynchronous, outcome.left) == ('Redis', False, ())
    assert server.dbsize() == 0


@pytest.mark.parametrize('decode', [False, True], ids=['bytes', 'text'])
def test_redis_asyncio_keeps_every_clause(server: 'redis.Redis', socket: str, decode: bool) -> None:
    """The tasks race in place of threads, and the client lives in one event loop throughout."""
    outcome = check_client(lambda: redis.asyncio.Redis(unix_socket_path=socket, decode_responses=decode), rounds=36)

    outcome.assert_holds()
    assert {finding.name for finding in outcome.findings} == EVERY - {'threads'}
    assert outcome.asynchronous
    assert server.dbsize() == 0


def test_a_client_over_sqlite_keeps_every_clause(tmp_path: Path) -> None:
    """Threads and processes race for rows of one file, which is empty afterwards."""
    path = tmp_path / 'slots.db'

    check_client(lambda: SqliteClient(path), rounds=24).assert_holds()

    with closing(sqlite3.connect(path)) as database:
        assert database.execute('SELECT count(*) FROM slots').fetchone() == (0,)


def test_the_memory_client_keeps_every_clause_but_shares_nothing_between_processes() -> None:
    """That is its documented limit; without the clauses about processes, everything holds."""
    outcome = check_client(MemoryClient, rounds=24, processes=2)

    assert failing(outcome) == ('shared',)
    [shared] = outcome.failures
    assert 'shares nothing between processes' in shared.observed
    assert '--processes 0' in shared.clause.remedy
    unchecked = [finding.name for finding in outcome.findings if finding.verdict == 'not checked']
    assert unchecked == ['processes', 'killed']
    check_client(MemoryClient, rounds=24, processes=0).assert_holds()


@pytest.mark.parametrize('asynchronous_factory', [False, True])
def test_an_asynchronous_client_in_memory_keeps_every_clause(asynchronous_factory: bool) -> None:
    """The factory may be ``async`` too."""

    async def factory() -> AsyncDictClient:
        await asyncio.sleep(0)
        return AsyncDictClient(DictClient())

    made = factory if asynchronous_factory else lambda: AsyncDictClient(DictClient())
    outcome = check_client(made, rounds=24, processes=0)

    outcome.assert_holds()
    assert outcome.asynchronous


def test_a_store_that_counts_in_whole_seconds_keeps_every_clause() -> None:
    """It may keep a name up to a second too long, and never too short."""

    class WholeSeconds(DictClient):
        def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
            now = self.clock()
            return super().set(name, value, None if ex is None else math.ceil(now + ex) - now, nx)  # type: ignore[arg-type]

    check_client(WholeSeconds, processes=0, rounds=12).assert_holds()


# --- wrong clients


def judged(client: type[Any]) -> ClientCheck:
    """Check a client; again, as the report says, if the machine was too busy to see a name."""
    for _ in range(10):
        outcome = check_client(client, processes=0)
        if 'too busy' not in str(outcome):
            break
    return outcome


@pytest.fixture(scope='module')
def outcomes() -> 'Iterator[dict[type[Any], Future[ClientCheck]]]':
    """The checks of all wrong clients, which mostly wait for names to expire: several at a time."""
    interval = sys.getswitchinterval()
    with ThreadPoolExecutor(4) as pool:
        yield {client: pool.submit(judged, client) for client, _ in WRONG}
    assert sys.getswitchinterval() == interval


@pytest.mark.parametrize(('client', 'clauses'), WRONG, ids=lambda value: getattr(value, '__name__', ''))
def test_each_mistake_is_named(
    client: type[Any], clauses: tuple[str, ...], outcomes: 'dict[type[Any], Future[ClientCheck]]'
) -> None:
    """The clauses that it breaks fail, with the calls that show it, and no other."""
    outcome = outcomes[client].result()

    assert failing(outcome) == clauses
    assert not outcome.holds
    for finding in outcome.failures:
        assert finding.observed
        assert finding.calls or finding.name == 'methods'
        assert f'  {finding.name:<15} FAILS' in str(outcome)
    with pytest.raises(AssertionError, match=clauses[0]):
        outcome.assert_holds()


def test_a_lock_that_an_error_leaves_taken_is_found() -> None:
    """The next call never returns; the check does, and names what it cannot check any more."""
    outcome = check_client(KeepsItsLock, processes=0, rounds=6, patience=5)

    assert failing(outcome) == ('interrupted',)
    [finding] = outcome.failures
    assert 'did not return within 5 s' in finding.observed
    assert {finding.name for finding in outcome.findings if finding.verdict == 'not checked'} >= {
        'expiry',
        'stale token',
    }


@pytest.mark.parametrize(
    ('client', 'clauses'),
    [
        (RedisGetThenSet, ('threads', 'processes')),
        (RedisSecondStep, ('interrupted', 'killed')),
        (RedisPx, ('expiry', 'expiry with nx')),
    ],
)
def test_mistakes_over_a_server_are_named(client: type[Any], clauses: tuple[str, ...], socket: str) -> None:
    """A race inside the client shows in threads and in processes."""
    outcome = check_client(lambda: client(redis.Redis(unix_socket_path=socket)))

    assert failing(outcome) == clauses


def test_a_cache_of_one_process_hides_what_another_does(socket: str) -> None:
    """Each process alone sees its own changes at once."""
    outcome = check_client(lambda: RedisWithCache(redis.Redis(unix_socket_path=socket)), rounds=12)

    assert 'shared' in failing(outcome)
    [shared] = [finding for finding in outcome.failures if finding.name == 'shared']
    assert 'still sees a name that another process has deleted' in shared.observed


def test_a_lock_of_one_process_does_not_stop_another(tmp_path: Path) -> None:
    """The threads of one process do exclude each other."""
    outcome = check_client(functools.partial(FileClient, str(tmp_path)))

    assert failing(outcome) == ('processes',)
    [finding] = outcome.failures
    assert {call.who.split()[0] for call in finding.calls} == {'process'}


def test_a_lock_file_that_a_killed_process_leaves_is_found(tmp_path: Path) -> None:
    outcome = check_client(functools.partial(LockFileClient, str(tmp_path)), rounds=6)

    assert failing(outcome) == ('killed',)
    [finding] = outcome.failures
    assert 'the lock file is taken' in finding.observed
