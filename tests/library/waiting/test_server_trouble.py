"""Waiting goes on whatever happens to the server, in order where it kept its data."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
import redis.asyncio

from py_cachify import Cachify, init_cachify
from py_cachify.backends.redis import RedisBackend, load_script
from tests.support.servers import Server, accident_prone_server


WAITERS = 6
HOLDER = '1:elsewhere-1:0:0:1:600.0:000000001'
PATIENCE = 50.0


@pytest.fixture
def troubled() -> Iterator[Server]:
    """A server of this test's own."""
    with accident_prone_server() as server:
        yield server


def restart(server: Server, look: Any) -> None:
    server.kill()
    time.sleep(0.3)
    server.start()


def restart_without_data(server: Server, look: Any) -> None:
    server.kill(lose_data=True)
    time.sleep(0.3)
    server.start()


def flush_scripts(server: Server, look: Any) -> None:
    look.script_flush()


def kill_all_connections(server: Server, look: Any) -> None:
    for kind in ('normal', 'pubsub'):
        look.execute_command('CLIENT', 'KILL', 'TYPE', kind, 'SKIPME', 'yes')


def kill_subscriptions(server: Server, look: Any) -> None:
    look.execute_command('CLIENT', 'KILL', 'TYPE', 'pubsub')


def pause(server: Server, look: Any) -> None:
    look.execute_command('CLIENT', 'PAUSE', 3000, 'ALL')


def flush_data(server: Server, look: Any) -> None:
    look.flushall()


KEEPING = [restart, flush_scripts, kill_all_connections, kill_subscriptions, pause]
LOSING = [restart_without_data, flush_data]


def _wait_in_threads(made: Cachify, trouble: Callable[[], None]) -> list[int]:
    served: list[int] = []
    errors: list[BaseException] = []

    def wait(number: int) -> None:
        try:
            with made.pool('reports', max_size=1, wait=PATIENCE):
                served.append(number)
        except BaseException as error:
            errors.append(error)

    threads = []
    for number in range(WAITERS):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        while made.pool('reports', max_size=1).queue_size() <= number:
            time.sleep(0.001)
    # A caller that does not know yet that it is in the queue gets the error of a lost reply.
    listener: Any = made._settings().sync_backend().listener()
    while len(listener._waiters) < WAITERS:
        time.sleep(0.001)
    trouble()
    for thread in threads:
        thread.join()
    assert not errors
    return served


def _wait_in_tasks(made: Cachify, trouble: Callable[[], None]) -> list[int]:
    served: list[int] = []

    async def wait(number: int) -> None:
        async with made.pool('reports', max_size=1, wait=PATIENCE):
            served.append(number)

    async def main() -> None:
        tasks = []
        for number in range(WAITERS):
            tasks.append(asyncio.create_task(wait(number)))
            until = time.monotonic() + 30
            while await made.pool('reports', max_size=1).aqueue_size() <= number:
                assert time.monotonic() < until
                await asyncio.sleep(0.001)
        # As above.
        backend: Any = made._settings().async_backend()
        until = time.monotonic() + 30
        while len(backend.listener()._waiters) < WAITERS:
            assert time.monotonic() < until
            await asyncio.sleep(0.001)
        await asyncio.to_thread(trouble)
        await asyncio.gather(*tasks)

    asyncio.run(main())
    return served


@pytest.mark.parametrize('wait', [_wait_in_threads, _wait_in_tasks])
@pytest.mark.parametrize('trouble', [*KEEPING, *LOSING])
def test_everybody_is_served(
    trouble: Callable[[Server, Any], None], wait: Callable[[Cachify, Callable[[], None]], list[int]], troubled: Server
) -> None:
    """Six wait for the slot of another process when the trouble comes; then that gives it back."""
    with redis.Redis(unix_socket_path=troubled.socket) as look:
        backend = RedisBackend(look)
        assert backend.take_slot('PYC-reports', HOLDER, 1, 600)
        made = init_cachify(f'unix://{troubled.socket}')

        def make_trouble() -> None:
            trouble(troubled, look)
            if trouble in KEEPING:
                assert backend.count_slots('PYC-reports') == 1
            backend.drop_slot('PYC-reports', HOLDER)

        began = time.monotonic()
        served = wait(made, make_trouble)
        print(f'{trouble.__name__}: served {served} within {time.monotonic() - began:.1f} s')
        assert sorted(served) == list(range(WAITERS))
        if trouble in KEEPING:
            assert served == sorted(served)
        assert (backend.count_slots('PYC-reports'), backend.count_waiting('PYC-reports')) == (0, 0)
        made.close()


ASK = load_script('ask').digest
DELAY = 0.5


class _Losing(redis.Redis):
    """Loses one answer that gave a waiter its slot, and says so only after a while."""

    lost = False

    def evalsha(self, digest: Any, *arguments: Any) -> Any:
        answer = super().evalsha(digest, *arguments)
        if digest == ASK and not self.lost and not isinstance(answer, list):
            self.lost = True
            time.sleep(DELAY)
            raise redis.ConnectionError('lost')
        return answer


class _AsyncLosing(redis.asyncio.Redis):
    lost = False

    async def evalsha(self, digest: Any, *arguments: Any) -> Any:
        answer = await super().evalsha(digest, *arguments)
        if digest == ASK and not self.lost and not isinstance(answer, list):
            self.lost = True
            await asyncio.sleep(DELAY)
            raise redis.ConnectionError('lost')
        return answer


def _life_left(look: Any) -> float:
    [(_, expiry)] = look.zrange('PYC-reports', 0, -1, withscores=True)
    seconds, micros = look.time()
    left: float = expiry - seconds - micros / 1e6
    return left


@pytest.mark.parametrize('is_async', [False, True])
def test_a_waiter_whose_grant_was_lost_counts_the_life_of_its_slot_from_that_request(
    is_async: bool, troubled: Server
) -> None:
    """The next request finds the slot that the lost answer gave, and its life has begun then."""
    with redis.Redis(unix_socket_path=troubled.socket) as look:
        backend = RedisBackend(look)
        assert backend.take_slot('PYC-reports', HOLDER, 1, 0.3)
        if is_async:

            async def main() -> tuple[bool, float, float]:
                client = _AsyncLosing(unix_socket_path=troubled.socket)
                made = init_cachify(async_client=client)
                async with made.pool('reports', max_size=1, slot_exp=20, wait=PATIENCE) as slot:
                    found = client.lost, _life_left(look), slot.remaining or 0.0
                await made.aclose()
                await client.aclose()
                return found

            lost, left, remaining = asyncio.run(main())
        else:
            with _Losing(unix_socket_path=troubled.socket) as client:
                made = init_cachify(client)
                with made.pool('reports', max_size=1, slot_exp=20, wait=PATIENCE) as slot:
                    lost, left, remaining = client.lost, _life_left(look), slot.remaining or 0.0
                made.close()

    assert lost
    # It is read after what the server says, so time that passes in between makes it smaller.
    assert remaining <= left
