"""What the scripts promise on Redis and Valkey, on every kind of client.

They use one command each, a key that is freed with its last slot, and replies that survive a
repetition.  They also work on a server that forgot the scripts.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import fakeredis
import pytest
import redis
import redis.asyncio

from py_cachify import Cachify, CachifyPoolFullError, init_cachify, pool
from py_cachify.backends.redis import AsyncRedisBackend, RedisBackend
from py_cachify.commands import (
    Command,
    CountSlots,
    DrawFence,
    DropSlot,
    JoinQueue,
    LeaveQueue,
    ListSlots,
    ListWaiting,
    Queued,
    Refusal,
    RenewSlots,
    SetIfAbsent,
    TakeSlot,
)
from tests.support.stores import SERVERS, Clients, Driver, VirtualClock, make_clients


pytestmark = pytest.mark.quick


R = TypeVar('R')
Perform = Callable[[Command[Any]], Any]

on_both_servers = pytest.mark.parametrize('store', SERVERS)
on_the_real_server = pytest.mark.parametrize('store', ['valkey'])


@pytest.fixture(params=['sync', 'async'])
def perform(request: pytest.FixtureRequest, clients: Clients) -> Iterator[Perform]:
    """Performs one command with either backend."""
    if request.param == 'sync':
        yield RedisBackend(clients.sync).perform
        return
    backend = AsyncRedisBackend(clients.asynchronous)
    with asyncio.Runner() as runner:
        yield lambda command: runner.run(_awaited(backend.aperform(command)))
        runner.run(clients.asynchronous.aclose())


async def _awaited(reply: Awaitable[R]) -> R:
    return await reply


class Sent:
    """Records what clients have sent to the real server since the last reading."""

    def __init__(self, server: 'redis.Redis', monitor: Any) -> None:
        self._server = server
        self._monitor = monitor

    def commands(self) -> list[str]:
        """Return their names, without the commands of scripts and of this call itself."""
        self._server.echo('that is all')
        names: list[str] = []
        while True:
            seen = self._monitor.next_command()
            if seen['command'] == 'ECHO that is all':
                return names
            if seen['client_type'] != 'lua':
                names.append(seen['command'].split()[0])


@contextmanager
def watched(server: 'redis.Redis') -> Iterator[Sent]:
    """Record what clients send to the real server."""
    with server.monitor() as monitor:  # type: ignore[no-untyped-call]
        sent = Sent(server, monitor)
        sent.commands()  # the commands of the recorder's own first connection
        yield sent


# --- one command for each


@on_the_real_server
def test_each_operation_sends_one_command(driver: Driver, cachify: Cachify, server: 'redis.Redis') -> None:
    """An acquire, a refusal, a size and a release send one command each, and nothing else."""

    async def body() -> None:
        one = pool('reports', max_size=1)
        async with driver.hold(one):  # connect, and load the scripts
            await driver.size(one)
        with watched(server) as sent:
            async with driver.hold(one):
                assert sent.commands() == ['EVALSHA']
                with pytest.raises(CachifyPoolFullError):
                    async with driver.hold(one):
                        pass
                assert sent.commands() == ['EVALSHA']
                await driver.size(one)
                assert sent.commands() == ['EVALSHA']
            assert sent.commands() == ['EVALSHA']

    driver.run(body())


@on_the_real_server
@pytest.mark.parametrize(
    'command',
    [RenewSlots('k', (('a', 60.0), ('b', None))), DrawFence('k', 'a'), ListSlots('k'), ListWaiting('k')],
    ids=lambda command: type(command).__name__,
)
def test_what_a_holder_asks_is_one_command(perform: Perform, server: 'redis.Redis', command: Command[Any]) -> None:
    """However many slots it is about, and whatever the answer is."""
    perform(command)  # connect, and load the script
    for token in ('a', 'c'):
        perform(TakeSlot('k', token, 2, 60))
        with watched(server) as sent:
            perform(command)
            assert sent.commands() == ['EVALSHA']


@on_the_real_server
def test_a_server_without_the_script_costs_one_more_command(
    driver: Driver, cachify: Cachify, server: 'redis.Redis'
) -> None:
    """The text of a script is sent only if the server answers that it does not know it."""

    async def body() -> None:
        one = pool('reports', max_size=1)
        await driver.size(one)
        server.script_flush()
        with watched(server) as sent:
            async with driver.hold(one):
                assert sent.commands() == ['EVALSHA', 'EVAL']

    driver.run(body())


@on_both_servers
def test_a_server_that_forgets_its_scripts_goes_on_counting(driver: Driver, cachify: Cachify, clients: Clients) -> None:
    """After SCRIPT FLUSH every operation still works; nothing is lost or counted twice."""

    async def body() -> None:
        two = pool('reports', max_size=2)
        async with driver.hold(two):
            clients.sync.script_flush()
            async with driver.hold(two):
                clients.sync.script_flush()
                assert await driver.size(two) == 2
                clients.sync.script_flush()
                with pytest.raises(CachifyPoolFullError):
                    async with driver.hold(two):
                        pass
                clients.sync.script_flush()
            clients.sync.script_flush()
            assert await driver.size(two) == 1
            clients.sync.script_flush()
        assert await driver.size(two) == 0

    driver.run(body())


# --- what the scripts leave behind


@pytest.mark.parametrize('clock', [None, VirtualClock(5.0)], ids=['real time', 'virtual time'])
def test_no_script_assigns_a_global_variable(clock: VirtualClock | None) -> None:
    """After every branch of every script, another script still runs; one global would stop it."""
    poisoned = fakeredis.FakeRedis(server=fakeredis.FakeServer())
    with pytest.raises(redis.ResponseError):
        poisoned.eval('stray = 1 return 1', 0)
    with pytest.raises(redis.ResponseError):
        poisoned.eval('return 7', 0)
    poisoned.close()

    client = fakeredis.FakeRedis(server=fakeredis.FakeServer())
    backend = RedisBackend(client, clock)
    assert backend.perform(TakeSlot('k', 'a', 2, 60)) is True
    assert backend.perform(TakeSlot('k', 'a', 2, 60)) is True
    assert backend.perform(TakeSlot('k', 'b', 2, None)) is True
    assert backend.perform(TakeSlot('k', 'c', 2, None)) is False
    assert backend.perform(CountSlots('k')) == 2
    assert backend.perform(RenewSlots('k', (('a', 60.0), ('a', None), ('b', 60.0), ('c', 60.0)))) == (True,) * 3 + (
        False,
    )
    assert type(backend.perform(DrawFence('k', 'a'))) is int
    assert backend.perform(DrawFence('k', 'c')) is Refusal.EXPIRED
    assert len(backend.perform(ListSlots('k'))) == 2
    assert isinstance(backend.perform(JoinQueue('k', '1:p:0:0:2::c', 2, None, None)), Queued)
    assert backend.perform(ListWaiting('k')) == ('1:p:0:0:2::c',)
    assert backend.perform(LeaveQueue('k', '1:p:0:0:2::c', 2, None, True)) is False
    assert backend.perform(DropSlot('k', 'c')) is False
    assert backend.perform(DropSlot('k', 'b')) is True
    assert backend.perform(DropSlot('k', 'a')) is True
    assert backend.perform(CountSlots('k')) == 0
    assert client.eval('return 7', 0) == 7
    client.close()


@on_both_servers
def test_the_key_lives_as_long_as_its_latest_slot(perform: Perform, clients: Clients) -> None:
    """With any mix of lives, the key expires with the last slot, or never if a slot never expires.

    Giving a slot back does not shorten it: that would cost one more command for each release.
    """
    looking = clients.sync

    def ends() -> int:
        return cast(int, looking.pexpiretime('k'))

    def latest() -> int:
        slots: list[tuple[bytes, float]] = looking.zrange('k', 0, -1, withscores=True)
        return math.ceil(max(score for _, score in slots) * 1000)

    perform(TakeSlot('k', 'a', 9, 100))
    assert ends() == latest()
    first = ends()
    perform(TakeSlot('k', 'b', 9, 300))
    assert ends() == latest() > first + 190_000
    perform(TakeSlot('k', 'c', 9, 200.5))
    assert ends() == latest() > first + 190_000
    before = ends()
    perform(DropSlot('k', 'b'))
    assert latest() < ends() == before
    perform(TakeSlot('k', 'for ever', 9, None))
    assert ends() == -1
    perform(TakeSlot('k', 'd', 9, 400))
    assert ends() == -1
    perform(DropSlot('k', 'd'))
    assert ends() == -1
    perform(TakeSlot('k', 'for ever too', 9, None))
    perform(DropSlot('k', 'for ever too'))
    assert ends() == -1
    perform(DropSlot('k', 'for ever'))
    assert first + 90_000 < ends() == latest() < first + 190_000
    perform(DropSlot('k', 'c'))
    perform(TakeSlot('k', 'e', 9, 1000))
    assert ends() == latest() > first + 890_000
    perform(DropSlot('k', 'e'))
    perform(DropSlot('k', 'a'))
    assert looking.exists('k') == 0


@on_both_servers
def test_a_slot_lives_as_long_as_it_was_given(perform: Perform, clients: Clients) -> None:
    """The stored expiry is the server's current instant plus ``slot_exp``, with its fraction."""
    before = time.time()
    perform(TakeSlot('k', 'a', 9, 100.25))
    after = time.time()
    ((_, expiry),) = clients.sync.zrange('k', 0, -1, withscores=True)
    assert before + 100.25 - 0.01 <= expiry <= after + 100.25 + 0.01


@on_both_servers
def test_the_key_goes_with_its_last_release(driver: Driver, cachify: Cachify, clients: Clients) -> None:
    """A pool that nobody uses any longer leaves nothing in the store."""

    async def body() -> None:
        for slot_exp in (60, None):
            async with driver.hold(pool('reports', max_size=2, slot_exp=slot_exp)):
                assert clients.sync.keys() == [b'PYC-reports']
            assert clients.sync.keys() == []

    driver.run(body())


@on_the_real_server
def test_the_key_of_crashed_holders_goes_by_itself(perform: Perform, server: 'redis.Redis') -> None:
    """After all holders crashed, the key expires with the last slot, even if nobody uses it."""
    perform(TakeSlot('k', 'a', 9, 0.2))
    perform(TakeSlot('k', 'b', 9, 0.3))
    perform(TakeSlot('kept', 'c', 9, 600))
    until = time.monotonic() + 10
    while server.exists('k') and time.monotonic() < until:
        time.sleep(0.02)
    assert server.exists('k', 'kept') == 1


@on_both_servers
def test_in_virtual_time_the_key_has_a_real_day(store: str, clients: Clients) -> None:
    """A stopped simulation loses no slot, and a killed one leaves nothing forever."""
    backend = RedisBackend(clients.sync, VirtualClock(1000.0))
    for slot_exp in (0.001, 1e6, None):
        backend.perform(TakeSlot('k', f'for {slot_exp}', 9, slot_exp))
        assert 86_300_000 < clients.sync.pttl('k') <= 86_400_000
    assert backend.perform(CountSlots('k')) == 3


# --- replies


@on_both_servers
@pytest.mark.parametrize('slot_exp', [60, None])
def test_an_acquire_that_is_repeated_is_granted_and_counted_once(perform: Perform, slot_exp: float | None) -> None:
    """A driver that lost the reply may repeat it, even if its own slot filled the pool."""
    take = TakeSlot('k', 'a', 2, slot_exp)
    assert [perform(take), perform(take)] == [True, True]
    assert perform(CountSlots('k')) == 1
    assert perform(TakeSlot('k', 'b', 2, slot_exp)) is True
    assert perform(take) is True
    assert perform(TakeSlot('k', 'c', 2, slot_exp)) is False
    assert perform(CountSlots('k')) == 2


@on_both_servers
@pytest.mark.parametrize('max_size', [1, 9])
def test_a_repeated_acquire_does_not_prolong_the_slot(perform: Perform, clients: Clients, max_size: int) -> None:
    """A slot that the token already has keeps its first expiry, whether the pool is full or not."""
    perform(TakeSlot('k', 'a', max_size, 100))
    before = clients.sync.zscore('k', 'a')
    perform(TakeSlot('k', 'a', max_size, 900))
    assert clients.sync.zscore('k', 'a') == before


@on_both_servers
def test_a_release_of_an_unknown_token_removes_nothing(perform: Perform) -> None:
    """It returns false, and the slots of others stay; so does a repeated release."""
    assert perform(DropSlot('k', 'nobody')) is False
    perform(TakeSlot('k', 'a', 9, 60))
    perform(TakeSlot('k', 'b', 9, 60))
    perform(TakeSlot('other', 'nobody', 9, 60))
    assert perform(DropSlot('k', 'nobody')) is False
    assert (perform(CountSlots('k')), perform(CountSlots('other'))) == (2, 1)
    assert [perform(DropSlot('k', 'a')), perform(DropSlot('k', 'a'))] == [True, False]
    assert perform(CountSlots('k')) == 1


@on_both_servers
def test_a_release_of_an_expired_slot_says_so(perform: Perform) -> None:
    """By the server's clock: a slot that expired before its release was not released in time."""
    perform(TakeSlot('k', 'for long', 9, 600))
    perform(TakeSlot('k', 'a', 9, 0.05))
    time.sleep(0.2)
    assert perform(DropSlot('k', 'a')) is False
    assert perform(CountSlots('k')) == 1


@on_both_servers
def test_a_key_of_another_type_is_the_clients_error(perform: Perform, clients: Clients) -> None:
    """It is not overwritten, and the server's error passes through."""
    clients.sync.set('k', 'a text')
    commands: list[Command[Any]] = [TakeSlot('k', 'a', 9, 60), DropSlot('k', 'a'), CountSlots('k')]
    holding: list[Command[Any]] = [RenewSlots('k', (('a', 60.0),)), DrawFence('k', 'a'), ListSlots('k')]
    for command in (*commands, *holding):
        with pytest.raises(redis.ResponseError, match='WRONGTYPE'):
            perform(command)
    assert clients.sync.get('k') == b'a text'


@on_the_real_server
def test_an_error_of_the_server_is_not_asked_again(perform: Perform, server: 'redis.Redis') -> None:
    """Only a script that the server does not know is sent again: clients retry themselves."""
    perform(CountSlots('k'))
    server.set('k', 'a text')
    with watched(server) as sent:
        with pytest.raises(redis.ResponseError, match='WRONGTYPE'):
            perform(CountSlots('k'))
        assert sent.commands() == ['EVALSHA']


@on_both_servers
def test_a_command_of_the_plain_contract_is_refused(perform: Perform) -> None:
    """Each command belongs to one kind of store."""
    with pytest.raises(TypeError, match='cannot perform SetIfAbsent'):
        perform(SetIfAbsent('k:0', 'a', 60))


# --- every way to set up a client


@pytest.mark.parametrize('decode_responses', [False, True])
@pytest.mark.parametrize('protocol', [2, 3])
def test_any_protocol_and_any_decoding_serves(socket: str, protocol: int, decode_responses: bool) -> None:
    """Both versions of the server's protocol, replies as bytes or text, threads and asyncio."""
    options: dict[str, Any] = {
        'unix_socket_path': socket,
        'protocol': protocol,
        'decode_responses': decode_responses,
    }
    sync, asynchronous = redis.Redis(**options), redis.asyncio.Redis(**options)
    _both_sides_count_together(sync, asynchronous)


@pytest.mark.parametrize('decode_responses', [False, True])
def test_any_decoding_serves_on_a_fake_server(decode_responses: bool) -> None:
    """Likewise the clients that tests use."""
    server = fakeredis.FakeServer()
    sync = fakeredis.FakeRedis(server=server, decode_responses=decode_responses)
    asynchronous = fakeredis.FakeAsyncRedis(server=server, decode_responses=decode_responses)
    _both_sides_count_together(sync, asynchronous)


def _both_sides_count_together(sync: Any, asynchronous: Any) -> None:
    init_cachify(sync, asynchronous)
    two = pool('reports', max_size=2)

    async def asynchronously() -> None:
        try:
            async with two:
                assert (two.size(), await two.asize()) == (2, 2)
                with pytest.raises(CachifyPoolFullError):
                    async with two:
                        pass
                with pytest.raises(CachifyPoolFullError), two:
                    pass
            assert (two.size(), await two.asize()) == (1, 1)
        finally:
            await asynchronous.aclose()

    with two:
        asyncio.run(asynchronously())
    assert two.size() == 0
    sync.close()


def test_a_client_that_repeats_a_request_is_not_counted_twice(socket: str) -> None:
    """One reply is lost and the client repeats the request: a pool of one is granted, not full."""

    class RepeatsOnce:
        def __init__(self, client: Any) -> None:
            self._client = client

        def evalsha(self, *args: Any) -> Any:
            self._client.evalsha(*args)
            return self._client.evalsha(*args)

        def eval(self, *args: Any) -> Any:
            self._client.eval(*args)
            return self._client.eval(*args)

        def get(self, name: str) -> Any:
            return self._client.get(name)

        def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> Any:
            return self._client.set(name, value, ex=ex, nx=nx)

        def delete(self, *names: str) -> Any:
            return self._client.delete(*names)

    client = make_clients('valkey', socket).sync
    init_cachify(RepeatsOnce(client))
    one = pool('reports', max_size=1)
    with one:
        assert one.size() == 1
    assert one.size() == 0
    client.close()


@pytest.mark.parametrize('side', ['sync', 'async'])
def test_only_an_unknown_script_is_sent_again(side: str) -> None:
    """After any other error it may have run: the library does not add its own retries."""
    asked: list[str] = []

    class Fails:
        def evalsha(self, *args: Any) -> Any:
            asked.append('evalsha')
            raise redis.ConnectionError('lost')

        def eval(self, *args: Any) -> Any:
            asked.append('eval')
            return 1

    if side == 'sync':
        with pytest.raises(redis.ConnectionError, match='lost'):
            RedisBackend(Fails()).perform(CountSlots('k'))
    else:
        with pytest.raises(redis.ConnectionError, match='lost'):
            asyncio.run(_awaited(AsyncRedisBackend(Fails()).aperform(CountSlots('k'))))
    assert asked == ['evalsha']


@on_both_servers
def test_a_client_of_redis_py_sees_each_command_by_its_name(clients: Clients) -> None:
    """A subclass, or a program that traces all commands, replaces ``execute_command``."""
    seen: list[Any] = []
    kind = type(clients.sync)

    def traced(client: Any, *arguments: Any, **options: Any) -> Any:
        seen.append(arguments[0])
        return kind.execute_command(client, *arguments, **options)

    clients.sync.__class__ = type('Traced', (kind,), {'execute_command': traced})
    init_cachify(clients.sync)
    with pool('reports', max_size=1):
        pass
    with pool('reports', max_size=1):
        pass
    # A text, which is what the tracers of others expect.
    assert seen[-2:] == ['EVALSHA', 'EVALSHA']


@on_both_servers
@pytest.mark.parametrize('place', ['subclass', 'object'])
@pytest.mark.parametrize('name', ['evalsha', '_evalsha'])
def test_an_evalsha_of_a_programs_own_is_called(clients: Clients, name: str, place: str) -> None:
    """Instead of the one that it replaces."""
    seen: list[str] = []
    kind = type(clients.sync)
    own = getattr(clients.sync, name)

    def replaced(*arguments: Any) -> Any:
        seen.append(name)
        return own(*arguments)

    if place == 'subclass':
        clients.sync.__class__ = type('Own', (kind,), {name: staticmethod(replaced)})
    else:
        setattr(clients.sync, name, replaced)
    init_cachify(clients.sync)
    with pool('reports', max_size=1):
        pass
    assert seen == [name, name]
