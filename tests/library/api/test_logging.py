"""Problems with a slot are logged with the pool's key and with all that is needed to act."""

import asyncio
import logging
import re
import subprocess
import sys
from typing import Any

import fakeredis
import pytest

from py_cachify import MemoryClient, Slot, init_cachify, pool, pooled
from tests.support.paths import ROOT
from tests.support.stores import (
    SHORT,
    AsyncDictClient,
    AsyncDriver,
    Clients,
    DictClient,
    Driver,
    SyncDriver,
    VirtualClock,
)


TOKEN = re.compile(r'\[(?:slot_exp=[^,]+, )?token (1:[0-9a-f]+-\d+:[^\]]*:\d+)\]$')


class Failing(DictClient):
    """A plain client that loses replies, or requests, of chosen methods."""

    def __init__(self) -> None:
        super().__init__()
        self.lost_replies: set[str] = set()
        self.lost_requests: set[str] = set()

    def _may_fail(self, method: str, lost: set[str]) -> None:
        if method in lost:
            raise ConnectionError(f'{method} failed')

    def get(self, name: str) -> object:
        self._may_fail('get', self.lost_requests)
        return super().get(name)

    def set(self, name: str, value: object, ex: int | None = None, nx: bool = False) -> bool:
        self._may_fail('set', self.lost_requests)
        done = super().set(name, value, ex=ex, nx=nx)
        self._may_fail('set', self.lost_replies)
        return done

    def delete(self, *names: str) -> None:
        self._may_fail('delete', self.lost_requests)
        super().delete(*names)
        self._may_fail('delete', self.lost_replies)


@pytest.fixture
def failing() -> Failing:
    """The client of the global pools."""
    client = Failing()
    init_cachify(client, AsyncDictClient(client))
    return client


@pytest.fixture(params=['sync', 'async'])
def either(request: pytest.FixtureRequest, failing: Failing) -> Driver:
    """Threads, then asyncio."""
    return SyncDriver() if request.param == 'sync' else AsyncDriver(Clients(failing, AsyncDictClient(failing), None))


@pytest.fixture(autouse=True)
def _everything_is_recorded(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def the_record(caplog: pytest.LogCaptureFixture, level: int) -> str:
    """Return the text of the only record, which must have this level and the package's logger."""
    (record,) = (record for record in caplog.records if record.name != 'asyncio')
    assert (record.name, record.levelno) == ('py_cachify', level)
    return record.getMessage()


def token_in(message: str) -> str:
    found = TOKEN.search(message)
    assert found, message
    return found[1]


def test_a_use_that_goes_well_logs_nothing(either: Driver, caplog: pytest.LogCaptureFixture) -> None:
    """Not even at the level of debugging; nor is a refusal logged, which the caller sees."""

    @pooled('reports', max_size=1)
    def report() -> None: ...

    async def body() -> None:
        async with either.hold(pool('reports', max_size=1)):
            if either.name == 'sync':
                report()
        assert await either.size(pool('reports', max_size=1)) == 0

    either.run(body())
    assert [record for record in caplog.records if record.name != 'asyncio'] == []


def test_an_expiry_under_a_running_body(caplog: pytest.LogCaptureFixture) -> None:
    """The warning names the pool, how long the body ran and its slot lived, and what to change."""
    clock = VirtualClock()
    init_cachify(MemoryClient(clock))
    with pool('reports', max_size=3, slot_exp=SHORT):
        clock.now += SHORT
        asyncio.run(asyncio.sleep(SHORT))
    message = the_record(caplog, logging.WARNING)
    assert message.startswith("pool 'PYC-reports': the body ran for 0.")
    assert f'but its slot expired after {SHORT} s; more than max_size=3 bodies may have run at once' in message
    assert 'set slot_exp above the longest expected run time' in message
    assert f'slot_exp={SHORT} s' in message
    assert token_in(message)


@pytest.mark.parametrize('slot_exp', [60, None])
def test_a_release_that_fails(
    failing: Failing, either: Driver, slot_exp: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    """The warning says which slot of which pool stays, why, and until when."""

    async def fail_while_cut_off() -> None:
        async with either.hold(pool('reports', max_size=1, slot_exp=slot_exp)):
            failing.lost_requests = {'get', 'delete'}
            raise ZeroDivisionError

    async def body() -> None:
        with pytest.raises(ZeroDivisionError):
            await fail_while_cut_off()

    either.run(body())
    message = the_record(caplog, logging.WARNING)
    assert message.startswith("pool 'PYC-reports': a slot could not be given back (ConnectionError: get failed)")
    assert ('forever' if slot_exp is None else 'until it expires, within 60 s') in message
    assert token_in(message) in [value for value, _ in failing.values.values()]


def test_a_release_that_fails_and_raises(failing: Failing, either: Driver, caplog: pytest.LogCaptureFixture) -> None:
    """Without an expiry the caller gets the error, with a note that names pool and token."""

    async def body() -> None:
        async with either.hold(pool('reports', max_size=1, slot_exp=None)):
            failing.lost_requests = {'get', 'delete'}

    with pytest.raises(ConnectionError, match='get failed') as raised:
        either.run(body())
    [note] = raised.value.__notes__
    assert note.startswith("pool 'PYC-reports': a slot could not be given back and may stay taken forever")
    assert token_in(note) in [value for value, _ in failing.values.values()]
    assert [record for record in caplog.records if record.name == 'py_cachify'] == []


def test_a_release_whose_reply_was_lost_is_no_overrun(
    failing: Failing, either: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    """The second request finds no slot, because the first gave it back: all is well."""

    async def body() -> None:
        async with either.hold(pool('reports', max_size=1)):
            failing.lost_replies = {'delete'}
        assert await either.size(pool('reports', max_size=1)) == 0

    either.run(body())
    assert [record for record in caplog.records if record.name != 'asyncio'] == []


def test_an_acquire_that_failed_and_was_undone(
    failing: Failing, either: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller has the error and the pool its slot, so the level is info: nobody has to act."""
    failing.lost_replies = {'set'}

    async def body() -> None:
        with pytest.raises(ConnectionError, match='set failed'):
            async with either.hold(pool('reports', max_size=1)):
                raise AssertionError('the body ran without a slot')

    either.run(body())
    assert not failing.values
    message = the_record(caplog, logging.INFO)
    assert message.startswith("pool 'PYC-reports': an acquire failed (ConnectionError: set failed) and was undone, so")
    assert token_in(message)


@pytest.mark.parametrize('slot_exp', [60, None])
def test_an_acquire_that_failed_and_could_not_be_undone(
    failing: Failing, either: Driver, slot_exp: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    """The warning says which slot may stay, and until when, with its token in the store."""
    failing.lost_replies = {'set'}
    failing.lost_requests = {'delete'}

    async def body() -> None:
        with pytest.raises(ConnectionError, match='set failed'):
            async with either.hold(pool('reports', max_size=1, slot_exp=slot_exp)):
                raise AssertionError('the body ran without a slot')

    either.run(body())
    ((left, _),) = failing.values.values()
    message = the_record(caplog, logging.WARNING)
    assert message.startswith("pool 'PYC-reports': an acquire failed (ConnectionError: set failed) and could not be")
    assert ('forever' if slot_exp is None else 'until it expires, within 60 s') in message
    assert token_in(message) == left


class Interrupting(DictClient):
    """A plain client that is interrupted once a slot is set, or fails to free one."""

    def __init__(self, *, can_undo: bool) -> None:
        super().__init__()
        self._can_undo = can_undo

    def set(self, name: str, value: object, ex: int | None = None, nx: bool = False) -> bool:
        super().set(name, value, ex=ex, nx=nx)
        raise KeyboardInterrupt

    def delete(self, *names: str) -> None:
        if not self._can_undo:
            raise ConnectionError('delete failed')
        super().delete(*names)


@pytest.mark.parametrize('can_undo', [True, False])
@pytest.mark.parametrize('side', ['sync', 'async'])
def test_an_acquire_that_an_interrupt_ended(can_undo: bool, side: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged as any other failure; the note on the interrupt contains the token too."""
    client = Interrupting(can_undo=can_undo)
    init_cachify(client, AsyncDictClient(client))
    driver = SyncDriver() if side == 'sync' else AsyncDriver(Clients(client, AsyncDictClient(client), None))

    async def body() -> None:
        async with driver.hold(pool('reports', max_size=1, slot_exp=None)):
            raise AssertionError('the body ran without a slot')

    with pytest.raises(KeyboardInterrupt) as raised:
        driver.run(body())
    message = the_record(caplog, logging.INFO if can_undo else logging.WARNING)
    assert message.startswith("pool 'PYC-reports': an acquire failed (KeyboardInterrupt: ) and ")
    if can_undo:
        assert not client.values
        assert not hasattr(raised.value, '__notes__')
    else:
        ((left, _),) = client.values.values()
        (note,) = raised.value.__notes__
        assert token_in(message) == left
        assert f'[token {left}]' in note


def test_an_interrupt_after_the_grant_whose_release_fails(
    failing: Failing, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interrupt is raised, not the release's error, which is logged with the token."""

    def interrupted_once(*arguments: Any) -> Slot:
        if not failing.lost_requests:
            failing.lost_requests = {'delete'}
            raise KeyboardInterrupt
        return Slot(*arguments)

    monkeypatch.setattr('py_cachify._taking.Slot', interrupted_once)
    with pytest.raises(KeyboardInterrupt), pool('reports', max_size=1, slot_exp=None):
        raise AssertionError('the body ran after an interrupt')
    ((left, _),) = failing.values.values()
    message = the_record(caplog, logging.WARNING)
    assert 'could not be given back' in message
    assert token_in(message) == left


def test_an_acquire_that_failed_in_a_cancelled_task(failing: Failing, caplog: pytest.LogCaptureFixture) -> None:
    """The caller sees only the cancellation, so its slot can be found in the log."""
    failing.lost_replies = {'set'}
    failing.lost_requests = {'delete'}

    async def hold() -> None:
        async with pool('reports', max_size=1):
            raise AssertionError('the body ran without a slot')

    async def main() -> None:
        task = asyncio.ensure_future(hold())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    ((left, _),) = failing.values.values()
    assert token_in(the_record(caplog, logging.WARNING)) == left


def test_the_token_is_what_removes_a_slot_of_a_server(caplog: pytest.LogCaptureFixture) -> None:
    """As the guide says: ``ZREM KEY TOKEN``, with the key of the record."""
    server = fakeredis.FakeServer()
    client = fakeredis.FakeRedis(server=server)
    init_cachify(client)
    with pool('reports', max_size=1):
        server.connected = False
    server.connected = True
    message = the_record(caplog, logging.WARNING)
    key = re.findall(r"^pool '(.+?)': ", message)[0]
    assert client.zrem(key, token_in(message)) == 1
    assert pool('reports', max_size=1).size() == 0


def test_a_key_from_outside_cannot_forge_a_line(failing: Failing, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the key contains, one record is one line, in which the key is quoted."""
    with pool("x': all is well\nCRITICAL\r\x1b[2J\x00\u2028", max_size=1):
        failing.lost_requests = {'get'}
    message = the_record(caplog, logging.WARNING)
    assert len(message.splitlines()) == 1
    assert message.isprintable()


OVERRUN = """
import logging, sys, time
from py_cachify import MemoryClient, init_cachify, pool
now = [0.0]
init_cachify(MemoryClient(lambda: now[0]))
{setup}
with pool('reports', max_size=1, slot_exp=1):
    now[0] = 2.0
"""


@pytest.mark.parametrize(
    ('setup', 'printed'),
    [
        ('', r"pool 'PYC-reports': the body ran for .*\n"),
        ('logging.basicConfig()', r"WARNING:py_cachify:pool 'PYC-reports': the body ran for .*\n"),
        ("logging.getLogger('py_cachify').setLevel('ERROR')", ''),
        ("logging.getLogger('py_cachify').addHandler(logging.NullHandler())", ''),
    ],
    ids=['not configured', 'configured', 'by its level', 'by a handler'],
)
def test_the_program_decides_where_it_goes(setup: str, printed: str) -> None:
    """The package configures nothing: warnings reach standard error by default."""
    command = [sys.executable, '-c', OVERRUN.format(setup=setup)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert re.fullmatch(printed, done.stderr)
