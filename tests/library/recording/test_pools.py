"""Real pools, on a real server: each attempt has one line, with its outcome and its times."""

import asyncio
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import redis
import redis.asyncio

from py_cachify import Cachify, CachifyPoolFullError, MemoryClient, init_cachify, observe, observing, pool, pooled
from py_cachify.recording import Attempt, Recorder, read_recording, record
from tests.library.waiting.crowd import until


def recorded(path: Path) -> list[Attempt]:
    read = read_recording(path)
    assert (read.losses.torn, read.losses.unreadable) == (0, 0)
    return read.attempts


@pytest.fixture
def on_server(socket: str) -> Cachify:
    """Pools on a real server."""
    return init_cachify(redis.Redis(unix_socket_path=socket))


def test_each_outcome_has_its_line(on_server: Cachify, path: Path, server: 'redis.Redis') -> None:
    with record(path, keys=True) as recorder:
        with pool('released', max_size=2, slot_exp=60):
            with pytest.raises(CachifyPoolFullError), pool('released', max_size=1):
                pass
            with pytest.raises(CachifyPoolFullError), pool('released', max_size=1, wait=0.05):
                pass
        with pool('overrun', max_size=1) as slot:
            server.delete('PYC-overrun')
        server.set('PYC-failed', 'no set of slots')
        with pytest.raises(redis.ResponseError), pool('failed', max_size=1, slot_exp=None):
            pass
    assert slot.lost
    assert repr(recorder).endswith('closed>')

    lines = {(each.key, each.outcome): each for each in recorded(path)}
    assert set(lines) == {
        ('released', 'released'),
        ('released', 'refused'),
        ('released', 'timed_out'),
        ('overrun', 'overrun'),
        ('failed', 'failed'),
    }
    released, refused = lines['released', 'released'], lines['released', 'refused']
    waited, failed = lines['released', 'timed_out'], lines['failed', 'failed']
    assert (released.max_size, released.slot_exp, released.template) == (2, 60.0, None)
    assert released.holding is not None
    assert released.holding > waited.wait >= 0.05
    assert (refused.holding, waited.holding, failed.holding) == (None, None, None)
    assert (refused.max_size, refused.slot_exp, failed.slot_exp) == (1, 600.0, None)
    assert released.arrival < refused.arrival < waited.arrival < failed.arrival


def test_the_times_are_those_of_the_body(on_server: Cachify, path: Path) -> None:
    """Compared with the same clocks, read around it."""
    with record(path):
        before = time.time()
        with pool('reports', max_size=1):
            began = time.monotonic()
            time.sleep(0.1)
            body = time.monotonic() - began
        after = time.time()

    [attempt] = recorded(path)
    assert attempt.holding is not None
    assert attempt.holding >= body - 1e-6
    assert before - 1e-3 <= attempt.arrival.timestamp() <= after
    assert attempt.arrival.timestamp() + attempt.wait + attempt.holding <= after + 1e-3


def test_a_wait_is_recorded(on_server: Cachify, path: Path) -> None:
    with record(path, keys=True):
        holder = pool('reports', max_size=1).acquire()

        def wait() -> None:
            with pool('reports', max_size=1, wait=60):
                pass

        thread = threading.Thread(target=wait)
        began = time.monotonic()
        thread.start()
        until(lambda: pool('reports', max_size=1).queue_size())
        time.sleep(0.1)
        holder.release()
        thread.join()
        took = time.monotonic() - began

    first, waited = recorded(path)
    assert 0.1 <= waited.wait <= took
    assert first.arrival < waited.arrival


@pytest.mark.parametrize('wait', [0, 60])
def test_threads_have_a_line_for_each_attempt(on_server: Cachify, path: Path, wait: int) -> None:
    """An independent count of what each of them got."""
    got: Counter[str] = Counter()
    lock = threading.Lock()

    @pooled('mail-{user}', max_size=2, wait=wait)
    def send_mail(user: int) -> bool:
        time.sleep(0.001)
        return True

    def work(number: int) -> None:
        for turn in range(50):
            outcome = 'released' if send_mail((number + turn) % 2) else 'refused'
            with lock:
                got[outcome] += 1

    with record(path, keys=True):
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    attempts = recorded(path)
    assert Counter(attempt.outcome for attempt in attempts) == got
    assert got.total() == 400
    assert {(attempt.key, attempt.template) for attempt in attempts} == {
        ('mail-0', 'mail-{user}'),
        ('mail-1', 'mail-{user}'),
    }


def test_tasks_have_a_line_for_each_attempt(socket: str, path: Path) -> None:
    got: Counter[str] = Counter()

    async def work(number: int) -> None:
        for turn in range(20):
            try:
                async with pool(f'mail-{turn % 2}', max_size=2, wait=60 if number % 2 else 0):
                    await asyncio.sleep(0.001)
                got['released'] += 1
            except CachifyPoolFullError:
                got['refused'] += 1

    async def main() -> None:
        await asyncio.gather(*map(work, range(20)))
        held = pool('held', max_size=1, wait=60)
        async with held:
            waiting = [asyncio.create_task(held.aacquire()) for _ in range(3)]
            while await held.aqueue_size() < 3:  # noqa: ASYNC110 - nothing else says that they are
                await asyncio.sleep(0.005)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        got['released'] += 1
        got['failed'] += 3
        await client.aclose()

    client = redis.asyncio.Redis(unix_socket_path=socket)
    init_cachify(async_client=client)

    with record(path):
        asyncio.run(main())
    assert Counter(attempt.outcome for attempt in recorded(path)) == got


def test_an_attempt_that_is_open_at_the_end_has_no_line(path: Path) -> None:
    init_cachify()
    before = pool('before', max_size=1).acquire()
    with record(path, keys=True):
        before.release()
        with pool('in', max_size=1):
            pass
        after = pool('after', max_size=1).acquire()
    after.release()
    assert [attempt.key for attempt in recorded(path)] == ['in']
    assert not observing._everywhere.observations, 'pools cost nothing after it'


def test_the_pools_of_one_object_can_be_recorded_alone(path: Path) -> None:
    init_cachify()
    mine = init_cachify(MemoryClient(), prefix='mine-', is_global=False)
    with record(path, keys=True, cachify=mine):
        with pool('global', max_size=1), mine.pool('of mine', max_size=1):
            pass
    assert [attempt.key for attempt in recorded(path)] == ['of mine']


def test_equal_keys_with_different_prefixes_are_two_pools(path: Path) -> None:
    init_cachify()
    mine = init_cachify(MemoryClient(), prefix='mine-', is_global=False)
    with record(path), pool('reports', max_size=1), mine.pool('reports', max_size=1):
        pass
    assert len({attempt.key for attempt in recorded(path)}) == 2


def test_a_recorder_that_observes_for_good(path: Path) -> None:
    init_cachify()
    recorder = Recorder(path)
    observation = observe(recorder)
    for _ in range(3):
        with pool('reports', max_size=1):
            pass
    recorder.flush()
    assert len(recorded(path)) == 3
    observation.stop()
    recorder.close()


def test_two_recordings_at_once_have_both_lines(path: Path, tmp_path: Path) -> None:
    init_cachify()
    with record(path), record(tmp_path / 'other.csv'), pool('reports', max_size=1):
        pass
    assert len(recorded(path)) == len(recorded(tmp_path / 'other.csv')) == 1


def test_a_recording_cannot_be_entered_again(path: Path) -> None:
    recording = record(path)
    with recording:
        pass
    with pytest.raises(RuntimeError, match=r'call record\(\) again'), recording:
        pass


def test_a_recording_that_is_not_entered_has_no_file(path: Path) -> None:
    recording = record(path)
    assert not path.exists()
    with pytest.raises(ValueError, match='max_bytes'):
        record(path, max_bytes=1)
    with recording:
        assert path.exists()


def test_only_what_init_cachify_returned_can_be_recorded(path: Path) -> None:
    with pytest.raises(TypeError, match=r"cachify must be what init_cachify\(\) returned, or None, not 'redis"):
        record(path, cachify='redis://localhost')  # type: ignore[arg-type]
    assert not path.exists()


def test_a_body_error_is_a_released_slot(path: Path) -> None:
    init_cachify()
    with record(path):
        with pytest.raises(ZeroDivisionError), pool('reports', max_size=1):
            raise ZeroDivisionError
    assert [attempt.outcome for attempt in recorded(path)] == ['released']
