"""Pools on a real server: what the metrics say agrees with the program and with the store."""

import asyncio
import contextlib
import gc
import os
import random
import signal
import struct
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from py_cachify import (
    CachifyPoolFullError,
    CachifyPoolTimeoutError,
    CachifySlotLostError,
    init_cachify,
    observe,
    pool,
    pooled,
)
from py_cachify.metrics import by_key
from tests.library.metrics.scrapes import KINDS_OF_LISTENER, Scraped, scraped
from tests.library.metrics.test_processes import Multiprocess
from tests.library.waiting.crowd import LIMIT
from tests.support.paths import ROOT
from tests.support.servers import accident_prone_server


@pytest.fixture(params=KINDS_OF_LISTENER)
def observed(request: pytest.FixtureRequest, socket: str) -> Iterator[Scraped]:
    """A listener that hears the pools of a real server, and names them by their keys."""
    init_cachify(f'unix://{socket}')
    with scraped(request.param, name=by_key) as scrape, observe(scrape.listener):
        yield scrape


def gauges(scrape: Scraped, name: str) -> tuple[float, float]:
    return scrape.value('pending_requests', pool=name), scrape.value('count', pool=name)


def counted(scrape: Scraped, name: str) -> dict[str, float]:
    """The events that happened, by kind."""
    kinds = ('granted', 'refused', 'timed_out', 'released', 'overrun', 'renewed', 'lost')
    found = {kind: scrape.value('events_total', pool=name, kind=kind) for kind in kinds}
    return {kind: count for kind, count in found.items() if count}


def test_holders_and_waiters_are_those_of_the_store(observed: Scraped) -> None:
    of = pool('reports', max_size=2, slot_exp=60)
    slots = [of.acquire(), of.acquire()]

    def wait() -> None:
        with pool('reports', max_size=2, slot_exp=60, wait=None):
            pass

    waiters = [threading.Thread(target=wait) for _ in range(3)]
    for waiter in waiters:
        waiter.start()
    until = time.monotonic() + 60
    # A waiter is in the store's queue before it knows of it and tells its listeners.
    while of.queue_size() < 3 or gauges(observed, 'reports')[0] < 3:
        assert time.monotonic() < until
        time.sleep(0.01)

    assert gauges(observed, 'reports') == (of.queue_size(), of.size()) == (3, 2)
    assert observed.value('max', pool='reports') == 2
    assert observed.value('exp_seconds', pool='reports') == 60
    for slot in slots:
        slot.release()
    for waiter in waiters:
        waiter.join()
    assert gauges(observed, 'reports') == (0, 0)
    assert counted(observed, 'reports') == {'granted': 5, 'released': 5}


def test_threads_that_hold_wait_and_fail(observed: Scraped) -> None:
    """Each thread counts for itself how its attempts ended."""
    seen: Counter[str] = Counter()
    lock = threading.Lock()

    @pooled('mail-{user}', max_size=2, slot_exp=60, raise_on_full=True)
    def send(user: str, chance: random.Random) -> None:
        time.sleep(chance.random() / 500)
        if chance.random() < 0.3:
            raise ZeroDivisionError

    @pooled('mail-{user}', max_size=2, slot_exp=60, raise_on_full=True, wait=0.003)
    def send_or_wait(user: str, chance: random.Random) -> None:
        send.__wrapped__(user, chance)

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(40):
            try:
                chance.choice([send, send_or_wait])(f'ann-{chance.randrange(2)}', chance)
                kind = 'granted'
            except ZeroDivisionError:
                kind = 'granted'
            except CachifyPoolTimeoutError:
                kind = 'timed_out'
            except CachifyPoolFullError:
                kind = 'refused'
            with lock:
                seen[kind] += 1

    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(work, seed) for seed in range(8)]:
            done.result()

    assert gauges(observed, 'mail-{user}') == (0, 0)
    assert counted(observed, 'mail-{user}') == seen | {'released': seen['granted']}
    assert min(seen['granted'], seen['refused'], seen['timed_out']) > 0
    assert observed.value('timeouts_total', pool='mail-{user}') == seen['timed_out']
    assert observed.value('wait_time_seconds_count', pool='mail-{user}') == seen['granted']
    assert observed.value('use_time_seconds_count', pool='mail-{user}') == seen['granted']


def test_tasks_that_are_cancelled_anywhere(observed: Scraped) -> None:
    async def work(chance: random.Random) -> None:
        async with pool('reports', max_size=3, slot_exp=60, wait=None):
            await asyncio.sleep(chance.random() / 200)

    async def body() -> None:
        chance = random.Random(7)
        tasks = [asyncio.create_task(work(chance)) for _ in range(150)]
        while not all(task.done() for task in tasks):
            await asyncio.sleep(0.001)
            chance.choice(tasks).cancel()
        cancelled = sum(task.cancelled() for task in tasks)
        assert 0 < cancelled < len(tasks)

    asyncio.run(body())

    counts = counted(observed, 'reports')
    assert gauges(observed, 'reports') == (0, 0)
    assert counts.keys() == {'granted', 'released'}
    assert counts['granted'] == counts['released']
    failed = observed.value('events_total', pool='reports', kind='failed', error='asyncio.exceptions.CancelledError')
    # A task that is cancelled before it began made no attempt.
    assert 0 < failed <= 150 - counts['granted']


def test_a_slot_that_is_dropped_stays_counted(observed: Scraped) -> None:
    """A limit: no listener is told that nothing refers to a slot any longer."""
    of = pool('reports', max_size=1, slot_exp=60)
    token = of.acquire().token
    gc.collect()

    assert gauges(observed, 'reports') == (0, 1)
    assert of.slot(token).release()
    assert gauges(observed, 'reports') == (0, 1)


def test_renewals_losses_and_overruns(observed: Scraped) -> None:
    @pooled('reports', max_size=1, slot_exp=0.05, on_lost='raise')
    def until_it_is_lost() -> None:
        while not observed.value('events_total', pool='reports', kind='lost'):
            time.sleep(0.02)
        assert gauges(observed, 'reports') == (0, 1)

    with pool('reports', max_size=1, slot_exp=60) as slot:
        slot.renew()
        slot.renew()
        assert gauges(observed, 'reports') == (0, 1)
    with pool('reports', max_size=1, slot_exp=0.05):
        time.sleep(0.1)
    with pytest.raises(CachifySlotLostError):
        until_it_is_lost()

    expected = {'granted': 3, 'renewed': 2, 'released': 1, 'lost': 1, 'overrun': 2}
    assert counted(observed, 'reports') == expected
    assert gauges(observed, 'reports') == (0, 0)
    assert observed.value('use_time_seconds_sum', pool='reports') >= 0.1


@pytest.mark.parametrize('kind', KINDS_OF_LISTENER)
def test_a_server_that_is_gone(kind: str) -> None:
    """A slot that cannot be given back counts no longer, and neither does an attempt that fails."""
    with accident_prone_server() as server, scraped(kind, name=by_key) as scrape, observe(scrape.listener):
        init_cachify(redis.Redis(unix_socket_path=server.socket, retry=Retry(NoBackoff(), 0)))
        slot = pool('reports', max_size=3, slot_exp=60).acquire()
        server.kill()
        with pytest.raises(redis.ConnectionError):
            slot.release()
        with pytest.raises(redis.ConnectionError):
            pool('reports', max_size=3).acquire()

        assert gauges(scrape, 'reports') == (0, 0)
        assert scrape.value('events_total', kind='failed', error='redis.exceptions.ConnectionError') == 2


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='this system has no fork')
@pytest.mark.parametrize('kind', ['prometheus', 'opentelemetry'])
def test_a_child_that_leaves_the_with_of_its_parent_counts_nothing(kind: str, socket: str) -> None:
    code = f"""
        import os
        from py_cachify import init_cachify, observe, pool
        from tests.library.metrics.scrapes import scraped

        init_cachify('unix://{socket}')
        with scraped({kind!r}) as scrape, observe(scrape.listener):
            child = 0
            with pool('reports', max_size=3):
                child = os.fork()
            if child == 0:
                with pool('reports', max_size=3):
                    # Served by no thread here, as threads do not survive a fork.
                    scrape.listener.count_noted()
                    [counts] = [each.counts() for each in scrape.listener._pools.values()]
                    assert (counts.used, counts.pending) == (1, 0), counts
                scrape.listener.count_noted()
                [counts] = [each.counts() for each in scrape.listener._pools.values()]
                assert (counts.used, counts.pending, counts.events['released', '']) == (0, 0, 1), counts
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert scrape.value('count') == 0
            assert scrape.value('events_total', kind='released') == 1
            os._exit(0)
    """
    subprocess.run(
        [sys.executable, '-c', textwrap.dedent(code)], env=os.environ | {'PYTHONPATH': str(ROOT)}, check=True
    )


WORKER = """
    import sys
    import time
    from py_cachify import init_cachify, observe, pool
    from py_cachify.metrics import PrometheusListener

    init_cachify(sys.argv[1])
    observe(PrometheusListener())
    with pool('reports', max_size=4, slot_exp=60, wait=None):
        time.sleep(600)
"""


def test_the_sum_over_processes_is_the_occupancy(socket: str, tmp_path: Path) -> None:
    """Six processes want four slots; one of those that hold a slot is killed."""
    shown = Multiprocess(tmp_path)
    url = f'unix://{socket}'
    of = init_cachify(url).pool('reports', max_size=4)
    workers = [
        subprocess.Popen(
            [sys.executable, '-c', textwrap.dedent(WORKER), url],
            env=os.environ | {'PROMETHEUS_MULTIPROC_DIR': str(tmp_path), 'PYTHONPATH': str(ROOT)},
        )
        for _ in range(6)
    ]
    try:
        while of.size() < 4 or of.queue_size() < 2:
            time.sleep(0.02)
        # A slot is taken just before it is counted, and a waiter queued just before that is told.
        seen = None
        until = time.monotonic() + LIMIT
        while seen != (4, 2, 4) and time.monotonic() < until:
            # A file that a process has just made is empty for a moment.
            with contextlib.suppress(struct.error):
                seen = shown.value('count'), shown.value('pending_requests'), shown.value('max')
            time.sleep(0.02)

        assert seen == (4, 2, 4)
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
