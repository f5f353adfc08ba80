"""Requests of several tasks travel in one batch, and its connection is cut at every point.

What was cut is unknown to each of them, and each undoes itself: nobody gets a second slot, no slot
stays, and no holder is refused by its own slot.  An error of the server is told to the one whose
request it answers.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from py_cachify import Cachify, CachifyPoolFullError, init_cachify, pool
from tests.support.proxy import CUTS, CuttingProxy, cutting_proxy


TOGETHER = 4
"""How many tasks acquire and release together: the first by itself, the others in one batch."""

BATCH = TOGETHER - 1


def _apart(first: int, second: int) -> bool:
    """Return whether the second request is part of a later batch than the first."""
    return (first - 1) // BATCH < (second - 1) // BATCH


# Of the batch that acquires; and of the next one, which releases, or undoes what was cut.
POINTS = range(1, 2 * BATCH + 1)
ONE_CUT = [{number: cut} for number in POINTS for cut in CUTS]
# In two batches.  The third repeats one of them, or follows it.
TWO_POINTS = [(first, second) for first in POINTS for second in range(1, 3 * BATCH + 1) if _apart(first, second)]
POOLS = [['reports'], ['reports', 'mails']]


@pytest.fixture
def proxy(socket: str) -> Iterator[CuttingProxy]:
    with cutting_proxy(socket) as made:
        yield made


@pytest.fixture(autouse=True)
def _scripts_are_known(server: 'redis.Redis', caplog: pytest.LogCaptureFixture) -> None:
    """So that each acquire and release is one request."""
    init_cachify(server)
    with pool('warm', max_size=1) as warm:
        warm.size()
    with suppress(CachifyPoolFullError), pool('warm', max_size=1), pool('warm', max_size=1):
        pass
    caplog.set_level(logging.INFO, logger='py_cachify')


class Together:
    """Tasks that enter pools together and leave them together.

    Attributes:
        bodies: the tasks whose body ran.
        most: how many bodies of each pool ran at the same time, at most.
        errors: what each task raised, by its number.
    """

    def __init__(self, names: list[str], tasks: int = TOGETHER, max_size: int = TOGETHER, slot_exp: float = 60) -> None:
        self._names, self._tasks, self._max_size, self._slot_exp = names, tasks, max_size, slot_exp
        self.bodies: list[int] = []
        self.most = dict.fromkeys(names, 0)
        self.errors: dict[int, BaseException] = {}

    def run(self, proxy: CuttingProxy, repeats: int = 0, **options: Any) -> None:
        """Run them in an event loop of their own."""
        asyncio.run(self._main(proxy, repeats, options))

    async def _main(self, proxy: CuttingProxy, repeats: int, options: dict[str, Any]) -> None:
        plain: Any = {'unix_socket_path': proxy.path, 'protocol': 2, 'driver_info': None, **options}
        async with redis.asyncio.Redis(retry=Retry(NoBackoff(), repeats), **plain) as client:
            made: Any = client
            await self.in_loop(init_cachify(async_client=made))

    async def in_loop(self, made: Cachify) -> None:
        """Run them on this client."""
        arrived, leave = asyncio.Barrier(self._tasks + 1), asyncio.Event()
        inside = dict.fromkeys(self._names, 0)

        async def come_and_go(number: int) -> None:
            name = self._names[number % len(self._names)]
            one = made.pool(name, max_size=self._max_size, slot_exp=self._slot_exp)
            try:
                try:
                    await one.__aenter__()
                    self.bodies.append(number)
                    inside[name] += 1
                    self.most[name] = max(self.most[name], inside[name])
                finally:
                    await arrived.wait()
                await leave.wait()
                inside[name] -= 1
                await one.__aexit__(None, None, None)
            except Exception as error:
                self.errors[number] = error

        tasks = [asyncio.create_task(come_and_go(number)) for number in range(self._tasks)]
        async with asyncio.timeout(60):
            await arrived.wait()
            # Until no request is under way, so that one of them leaves by itself.
            for _ in range(5):
                await asyncio.sleep(0)
            leave.set()
            await asyncio.gather(*tasks)

    def left(self, server: Any) -> set[str]:
        """Return the tokens of the slots that are still taken."""
        return {token.decode() for name in self._names for token in server.zrange(f'PYC-{name}', 0, -1)}

    def have_errors_of_their_own(self) -> bool:
        """Return whether no two tasks raised the same object, or share their notes."""
        errors = list(self.errors.values())
        notes = [note for error in errors for note in getattr(error, '__notes__', [])]
        return len({*map(id, errors)}) == len(errors) and len({*notes}) == len(notes)


pools = pytest.mark.parametrize('names', POOLS, ids=['one pool', 'two pools'])


@pools
def test_without_a_cut_it_is_one_batch_each(proxy: CuttingProxy, server: 'redis.Redis', names: list[str]) -> None:
    """The numbers of the other tests count these."""
    proxy.start_counting({})
    together = Together(names)
    together.run(proxy)

    assert (proxy.batches, proxy.requests) == ([BATCH, BATCH], 2 * TOGETHER)
    assert sorted(together.bodies) == [*range(TOGETHER)]
    assert (together.errors, together.left(server)) == ({}, set())


def _assert_unnoticed(proxy: CuttingProxy, server: Any, names: list[str], cuts: dict[int, str]) -> None:
    """Run a client that repeats each request twice.

    The pools have just as many slots as holders, so no holder is refused by its own.
    """
    proxy.start_counting({}, cuts)
    together = Together(names, max_size=TOGETHER // len(names))
    together.run(proxy, repeats=2)

    assert sorted(together.bodies) == [*range(TOGETHER)], cuts
    assert (together.errors, together.left(server)) == ({}, set()), cuts
    assert proxy.batches == [BATCH] * (2 + len(cuts)), cuts


@pools
@pytest.mark.parametrize('cuts', ONE_CUT, ids=str)
def test_a_client_that_repeats_notices_no_cut(
    proxy: CuttingProxy, server: 'redis.Redis', names: list[str], cuts: dict[int, str]
) -> None:
    """It repeats the whole batch, and a request that was carried out before is answered again."""
    _assert_unnoticed(proxy, server, names, cuts)


@pytest.mark.parametrize(('first', 'second'), TWO_POINTS)
def test_a_client_that_repeats_notices_no_two_cuts(
    proxy: CuttingProxy, server: 'redis.Redis', first: int, second: int
) -> None:
    """Of one batch, or of two."""
    for cut, other in itertools.product(CUTS, CUTS):
        _assert_unnoticed(proxy, server, ['reports', 'mails'], {first: cut, second: other})


@pools
@pytest.mark.parametrize('cuts', ONE_CUT, ids=str)
def test_one_cut_leaves_no_slot_also_without_repeats(
    proxy: CuttingProxy, server: 'redis.Redis', names: list[str], cuts: dict[int, str]
) -> None:
    """Each acquire of a cut batch raises an error of its own and is undone.

    A cut release is requested again.
    """
    proxy.start_counting({}, cuts)
    together = Together(names)
    together.run(proxy)

    cut_while_acquiring = min(cuts) < TOGETHER
    assert len(together.errors) == (BATCH if cut_while_acquiring else 0)
    assert all(isinstance(error, redis.ConnectionError) for error in together.errors.values())
    assert together.have_errors_of_their_own()
    assert {*together.bodies, *together.errors} == {*range(TOGETHER)}
    assert together.left(server) == set()


@pytest.mark.parametrize(('first', 'second'), TWO_POINTS)
def test_where_two_cuts_leave_slots_it_is_said_of_each(
    proxy: CuttingProxy, server: 'redis.Redis', first: int, second: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A batch and its undos, or two requests to release, are cut: only the expiry can free a slot.

    Each slot that stays is named by the error of its own task, or by the log.
    """
    for cut, other in itertools.product(CUTS, CUTS):
        caplog.clear()
        server.flushdb()
        proxy.start_counting({}, {first: cut, second: other})
        together = Together(['reports', 'mails'])
        together.run(proxy)

        failed = BATCH if first <= BATCH else 0
        assert len(together.errors) == failed
        assert sorted([*together.bodies, *together.errors]) == [*range(TOGETHER)]
        assert together.have_errors_of_their_own()
        left = together.left(server)
        # Those that were carried out first, and neither undone nor given back in the second batch.
        reached = (second - 1) % BATCH + (other != 'before the request')
        carried_out = (first - 1) % BATCH + (cut != 'before the request')
        if first <= BATCH and second <= 2 * BATCH:
            assert len(left) == max(0, carried_out - reached)
        elif first > BATCH:
            assert len(left) == BATCH - max(carried_out, reached)
        else:
            assert left == set()
        warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        for token in left:
            assert [warning for warning in warnings if token in warning and 'until it expires' in warning]
            if failed:
                assert sum(token in ' '.join(error.__notes__) for error in together.errors.values()) == 1


@pools
def test_a_cut_never_lets_more_than_max_size_in(proxy: CuttingProxy, server: 'redis.Redis', names: list[str]) -> None:
    """Twelve tasks want two slots, and each batch is cut once at each point in turn."""
    for point, cut in itertools.product(range(1, 12), CUTS):
        for repeats in (0, 2):
            proxy.start_counting({}, {point: cut})
            together = Together(names, tasks=12, max_size=2)
            together.run(proxy, repeats=repeats)

            assert {*together.bodies, *together.errors} == {*range(12)}
            kinds = (CachifyPoolFullError,) if repeats else (CachifyPoolFullError, redis.ConnectionError)
            assert all(isinstance(error, kinds) for error in together.errors.values())
            assert max(together.most.values()) <= 2
            assert len(together.bodies) == 2 * len(names) or not repeats
            assert together.left(server) == set()


def test_a_batch_that_a_client_repeats_finds_its_own_slots(proxy: CuttingProxy, server: 'redis.Redis') -> None:
    """All were granted, the answers were lost, and the pool is full of those who ask again."""
    proxy.start_counting({}, {BATCH: 'before the reply'})
    together = Together(['reports'], max_size=TOGETHER)
    together.run(proxy, repeats=1)

    assert sorted(together.bodies) == [*range(TOGETHER)]
    assert proxy.batches == [BATCH] * 3
    assert together.left(server) == set()


# --- time-outs


@pools
@pytest.mark.parametrize('where', ['before the request', 'before the reply'])
def test_a_time_out_is_told_to_the_whole_batch_and_each_undoes_itself(
    proxy: CuttingProxy, server: 'redis.Redis', names: list[str], where: str
) -> None:
    """What arrives at the server after its undo is refused."""

    async def main() -> None:
        plain: Any = {'unix_socket_path': proxy.path, 'protocol': 2, 'driver_info': None, 'socket_timeout': 1}
        async with redis.asyncio.Redis(retry=Retry(NoBackoff(), 0), **plain) as client:
            made: Any = client
            running = asyncio.create_task(together.in_loop(init_cachify(async_client=made)))
            while proxy.held < TOGETHER:  # noqa: ASYNC110 - the proxy is a thread
                await asyncio.sleep(0.001)
            proxy.hold_no_more()
            await running

    proxy.hold(where)
    together = Together(names)
    asyncio.run(main())
    assert sorted(together.errors) == [*range(TOGETHER)]
    assert all(isinstance(error, redis.TimeoutError) for error in together.errors.values())
    assert together.have_errors_of_their_own()
    assert not any(hasattr(error, '__notes__') for error in together.errors.values())
    assert together.left(server) == set()
    # What was held up arrives now, in order with what this connection asks.
    proxy.let_go()
    expected = proxy.requests + 1
    with redis.Redis(unix_socket_path=proxy.path, protocol=2, driver_info=None) as late:
        while late.ping() and proxy.requests < expected:
            pass
    assert together.left(server) == set()


@pools
def test_a_server_that_pauses_leaves_no_slot_of_which_nothing_is_said(
    proxy: CuttingProxy, server: 'redis.Redis', names: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """All requests time out, and perhaps their undos; the server carries out some of them later."""
    server.client_pause(60_000, all=False)  # all writes, until the end of the pause
    together = Together(names)

    async def main() -> None:
        plain: Any = {'unix_socket_path': proxy.path, 'protocol': 2, 'driver_info': None, 'socket_timeout': 0.1}
        async with redis.asyncio.Redis(retry=Retry(NoBackoff(), 0), **plain) as client:
            made: Any = client
            await together.in_loop(init_cachify(async_client=made))

    try:
        asyncio.run(main())
    finally:
        server.client_unpause()
    assert sorted(together.errors) == [*range(TOGETHER)]
    assert all(isinstance(error, redis.TimeoutError) for error in together.errors.values())
    assert together.have_errors_of_their_own()
    for error in together.errors.values():
        assert any('could not be undone' in note for note in error.__notes__)
    for token in together.left(server):
        assert token in caplog.text


# --- errors of the server


def _run_out_of_memory(server: 'redis.Redis') -> None:
    # The first task's request goes by itself, and must not be refused as well.
    while not server.exists('PYC-reports'):
        pass
    server.config_set('maxmemory', 1)


def _find_memory(server: 'redis.Redis') -> None:
    server.config_set('maxmemory', 0)


@pytest.mark.parametrize('place', range(1, TOGETHER))
def test_a_server_out_of_memory_refuses_one_request(proxy: CuttingProxy, server: 'redis.Redis', place: int) -> None:
    """It has no memory for one request of the batch, and again for the next.

    Each asks for a pool of its own, because a script that has begun to write may go on.
    """
    proxy.before = {place: lambda: _run_out_of_memory(server), place + 1: lambda: _find_memory(server)}
    together = Together(['reports', 'mails', 'pictures', 'exports'])
    try:
        together.run(proxy)
    finally:
        _find_memory(server)

    [refused] = together.errors.values()
    assert isinstance(refused, redis.exceptions.OutOfMemoryError)
    assert sorted([*together.bodies, *together.errors]) == [*range(TOGETHER)]
    assert together.left(server) == set()


@pytest.mark.parametrize('place', range(1, BATCH))
def test_a_client_repeats_what_it_is_told_to_repeat_also_in_a_batch(
    proxy: CuttingProxy, server: 'redis.Redis', place: int
) -> None:
    """With ``retry_on_error``, the one whose request the server refused notices nothing."""
    proxy.before = {place: lambda: _run_out_of_memory(server), place + 1: lambda: _find_memory(server)}
    together = Together(['reports', 'mails', 'pictures', 'exports'])
    proxy.start_counting({})
    try:
        together.run(proxy, repeats=1, retry_on_error=[redis.exceptions.OutOfMemoryError])
    finally:
        _find_memory(server)

    assert (together.errors, sorted(together.bodies)) == ({}, [*range(TOGETHER)])
    # One acquire more than without an error.
    assert proxy.requests == 2 * TOGETHER + 1
    assert together.left(server) == set()


@pytest.mark.parametrize('point', POINTS)
def test_scripts_that_are_forgotten_within_a_batch_are_sent_again(
    proxy: CuttingProxy, server: 'redis.Redis', point: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The requests before were carried out, and those after it are asked again with the script."""
    proxy.before = {point: server.script_flush}
    together = Together(['reports', 'mails'])
    together.run(proxy)

    assert sorted(together.bodies) == [*range(TOGETHER)]
    assert (together.errors, together.left(server)) == ({}, set())
    assert caplog.text == ''


def _wrong_type(server: 'redis.Redis') -> Callable[[], object]:
    server.set('PYC-mails', 'a text')
    return lambda: server.delete('PYC-mails')


def _forbidden(server: 'redis.Redis') -> Callable[[], object]:
    server.acl_setuser('default', enabled=True, nopass=True, keys=['PYC-reports*', 'PYC-warm*'], reset_keys=True)
    return lambda: server.acl_setuser('default', enabled=True, keys=['*'])


@pytest.mark.parametrize(
    ('hurt', 'text'), [(_wrong_type, 'WRONGTYPE'), (_forbidden, 'permission')], ids=['wrong type', 'forbidden']
)
def test_an_error_of_one_pool_is_none_of_another(
    proxy: CuttingProxy, server: 'redis.Redis', hurt: Callable[[Any], Callable[[], object]], text: str
) -> None:
    """In one batch, whoever asks for one pool fails, and whoever asks for the other is served."""
    mend = hurt(server)
    together = Together(['reports', 'mails'], tasks=8)
    try:
        together.run(proxy)
    finally:
        mend()

    assert proxy.batches[0] == 7
    assert sorted(together.bodies) == [0, 2, 4, 6]
    assert sorted(together.errors) == [1, 3, 5, 7]
    for error in together.errors.values():
        assert isinstance(error, redis.ResponseError)
        assert text in str(error)
    assert together.have_errors_of_their_own()
    assert together.left(server) == set()


# --- the object that a task raises


class AwkwardError(ConnectionError):
    """An error that cannot be made again from what it keeps."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f'{host}:{port} is gone')
        self.port = port


class Breaks(redis.asyncio.UnixDomainSocketConnection):
    """A connection on which a batch fails with an error of the client's own."""

    error: Callable[[], BaseException]

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        await super().send_packed_command(command, check_health)
        if b''.join(command).count(b'EVALSHA') > 1:
            await self.disconnect()
            raise type(self).error()


def _noted() -> BaseException:
    error = ConnectionError('lost')
    error.add_note('noted by the client')
    return error


def _awkward() -> BaseException:
    error = AwkwardError('server', 6379)
    error.__cause__ = OSError('cause')
    return error


@pytest.mark.parametrize('error', [_noted, _awkward])
def test_each_task_raises_an_object_of_its_own_that_tells_the_same(
    socket: str, server: 'redis.Redis', error: Callable[[], BaseException]
) -> None:
    """Whatever the client's error is; what one task notes on it does not show on another's."""

    class Breaking(Breaks):
        pass

    Breaking.error = staticmethod(error)

    async def main() -> None:
        connections: Any = redis.asyncio.ConnectionPool(
            connection_class=Breaking, path=socket, retry=Retry(NoBackoff(), 0)
        )
        client: Any = redis.asyncio.Redis(connection_pool=connections)
        made = init_cachify(async_client=client)
        await together.in_loop(made)
        await connections.aclose()

    together = Together(['reports'])
    asyncio.run(main())
    model = error()
    assert len(together.errors) == BATCH
    for raised in together.errors.values():
        assert (type(raised), str(raised), vars(raised).keys()) == (type(model), str(model), vars(raised).keys())
        assert getattr(raised, 'port', None) == getattr(model, 'port', None)
        assert str(raised.__cause__) == str(model.__cause__)
        # The undos failed as well, so each has a note that names its own slot.
        own = [note for note in raised.__notes__ if 'token' in note]
        assert len(own) == 1
        assert len(raised.__notes__) == 1 + len(getattr(model, '__notes__', []))
    assert len({id(raised) for raised in together.errors.values()}) == BATCH
