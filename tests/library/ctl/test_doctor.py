"""``pool-ctl doctor``: each finding is provoked on a real server, and a sound server has none."""

import math
import re
import socket as sockets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from py_cachify import init_cachify
from py_cachify.backends.pool_keys import pool_keys
from py_cachify.ctl.doctor import CHECKS, diagnose
from py_cachify.ctl.doctor.facts import PAUSE, SAMPLES, clock_step
from py_cachify.ctl.doctor.following import FOLLOWED, Followed, follow
from py_cachify.ctl.servers import Server, connect
from py_cachify.ctl.values import Pool
from tests.library.ctl.rewriting import rewriting
from tests.library.ctl.running import Terminal, as_url, pool_ctl
from tests.seen_from_outside import hold, queue, token
from tests.support.servers import free_port, or_skip, redis_server


NAMES = [name for name, _, _ in CHECKS]


@pytest.fixture(scope='module')
def running_sound() -> Iterator[str]:
    """The unix socket of a server with which nothing is wrong."""
    with or_skip(FileNotFoundError), redis_server() as socket:
        yield socket


@pytest.fixture
def sound(running_sound: str) -> Iterator['redis.Redis']:
    """A client of that server, which is empty."""
    with redis.Redis(unix_socket_path=running_sound) as client:
        client.flushall()
        yield client


def found(place: str, *words: str) -> list[tuple[str, str, list[str]]]:
    """Return the check, the problem and the pools of each finding; the exit status agrees."""
    ran = pool_ctl('doctor', '--json', *(words or ('--for', '0')), url=place)
    document = ran.json()
    assert ran.status == (1 if document['findings'] else 3 if document['unchecked'] else 0)
    for finding in document['findings']:
        assert finding['check'] in NAMES
        assert all(finding[part].endswith('.') for part in ('problem', 'reason', 'remedy'))
    return [(each['check'], each['problem'], each['pools']) for each in document['findings']]


def test_a_sound_server_has_no_finding(sound: 'redis.Redis', running_sound: str) -> None:
    """With ordinary holders and waiters; and the exit status is 0."""
    made = init_cachify(f'unix://{running_sound}', is_global=False)
    slots = [made.pool('reports', max_size=3, slot_exp=30, renew_for=None, fence=True).acquire() for _ in range(3)]
    waiting = made.pool('reports', max_size=3, wait=None)
    waiter = threading.Thread(target=lambda: waiting.acquire().release())
    waiter.start()
    while not waiting.queue_size():
        time.sleep(0.01)
    ran = pool_ctl('doctor', '--json', url=running_sound)
    assert (ran.status, ran.json()['findings'], ran.json()['unchecked'], ran.json()['pools']) == (0, [], [], 1)
    for slot in slots:
        slot.release()
    waiter.join()
    with Terminal('doctor', url=running_sound) as terminal:
        assert terminal.end() == 0
        assert terminal.received.count('✓') == len(NAMES)
    made.close()


@pytest.mark.usefixtures('sound')
def test_a_server_that_is_too_old(running_sound: str) -> None:
    """A real server that gives an older version: there is no such binary here."""

    def older(_: bytes, answer: bytes) -> bytes:
        version = answer.partition(b'redis_version:')[2].partition(b'\r')[0]
        return answer.replace(b'redis_version:' + version, b'redis_version:' + b'4.0.99'[: len(version)])

    with rewriting(running_sound, older) as place:
        [(check, problem, _)] = found(place)
    assert check == 'version'
    assert problem.startswith('The server is Redis 4.0.')


@pytest.mark.usefixtures('sound')
@pytest.mark.parametrize(('seconds', 'word'), [(30, 'ahead'), (-30, 'back')])
def test_a_clock_that_steps(running_sound: str, seconds: int, word: str) -> None:
    """A real server whose answers to ``TIME`` step: its clock is that of the machine."""
    asked = 0

    def stepping(request: bytes, answer: bytes) -> bytes:
        nonlocal asked
        if request != b'*1\r\n$4\r\nTIME\r\n':
            return answer
        asked += 1
        if asked < SAMPLES // 2:
            return answer
        lines = answer.split(b'\r\n')
        lines[2] = str(int(lines[2]) + seconds).encode()
        return b'\r\n'.join(lines)

    with rewriting(running_sound, stepping) as place:
        findings = found(place)
    assert [check for check, _, _ in findings] == ['clock']
    assert f'stepped {word} by 30s' in findings[0][1]


def test_a_slow_network_is_no_step() -> None:
    """Answers that take up to ten seconds, in virtual time."""
    now = 0.0
    delays = iter([0.1, 10.0, 0.0, 3.0, 0.0, 9.0] * 2)

    def server_time() -> float:
        nonlocal now
        delay = next(delays)
        now += delay / 2
        instant = now
        now += delay / 2
        return 1e9 + instant

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    assert abs(clock_step(server_time, lambda: now, sleep)) < PAUSE / 1000


def test_a_clock_that_went_back_is_seen_in_slots_and_waiters(sound: 'redis.Redis', running_sound: str) -> None:
    hold(sound, 'slots', token(1, host='h', life=60.0), 90.0)
    queue(sound, 'waiters', token(2, host='h'), deadline=60.0)
    hold(sound, 'sound', token(3, host='h', life=60.0), 60.0)
    [(check, problem, pools)] = found(running_sound)
    assert (check, pools) == ('clock', ['slots', 'waiters'])
    assert problem == 'Slots or waiters live up to 45s longer than their full life.'


def test_eviction(sound: 'redis.Redis', running_sound: str) -> None:
    used = int(sound.info('memory')['used_memory'])
    try:
        for policy in ('allkeys-lru', 'volatile-ttl'):
            sound.config_set('maxmemory-policy', policy)
            assert found(running_sound) == []
            sound.config_set('maxmemory', used * 100)
            [(check, problem, _)] = found(running_sound)
            assert (check, policy in problem) == ('eviction', True)
            sound.config_set('maxmemory', 0)
        sound.config_set('maxmemory-policy', 'noeviction')
        sound.config_set('maxmemory', used * 100)
        assert found(running_sound) == []
        sound.config_set('maxmemory', int(used * 1.02))
        [(check, problem, _)] = found(running_sound)
        assert check == 'eviction'
        assert 'of its maxmemory' in problem
    finally:
        sound.config_set('maxmemory', 0)
        sound.config_set('maxmemory-policy', 'noeviction')


def test_persistence(sound: 'redis.Redis', running_sound: str) -> None:
    try:
        sound.config_set('appendonly', 'no')
        assert [problem for _, problem, _ in found(running_sound)] == [
            'The server keeps no log of its changes, nor any snapshot.'
        ]
        sound.config_set('save', '900 1')
        assert [problem for _, problem, _ in found(running_sound)] == ['The server keeps no log of its changes.']
    finally:
        sound.config_set('save', '')
        sound.config_set('appendonly', 'yes')
        wait_until(lambda: not int(sound.info('persistence')['aof_rewrite_in_progress']))


def test_a_server_that_cannot_save() -> None:
    """A folder is where it would write its snapshot; it refuses writes only with save points."""
    with or_skip(FileNotFoundError), redis_server('--dbfilename', 'd.rdb') as socket:
        with redis.Redis(unix_socket_path=socket) as client:
            (Path(client.config_get('dir')['dir']) / 'd.rdb').mkdir()
            with suppress(redis.ResponseError):
                client.bgsave()
            wait_until(lambda: client.info('persistence')['rdb_last_bgsave_status'] == 'err')
            problem = 'The server could not save a snapshot the last time.'
            finding: tuple[str, str, list[str]] = 'persistence', problem, []
            client.config_set('save', '900 1')
            with pytest.raises(redis.ResponseError, match='MISCONF'):
                client.set('written', 1)
            assert finding in found(socket)
            for name, value, before in (('save', '', '900 1'), ('stop-writes-on-bgsave-error', 'no', 'yes')):
                client.config_set(name, value)
                assert client.set('written', 1)
                assert finding not in found(socket)
                client.config_set(name, before)
            client.execute_command('ACL', 'SETUSER', 'ops', 'on', '>s3cret', '~*', '&*', '+@all', '-config')
            [each] = [
                each['reason']
                for each in pool_ctl('doctor', '--json', '--for', '0', url=f'unix://ops:s3cret@{socket}').json()[
                    'findings'
                ]
                if each['problem'] == problem
            ]
            assert each.startswith('If it has save points, it refuses writes, unless')


def test_replicas() -> None:
    """A primary with a replica: neither is sound as they come."""
    port = free_port()
    with or_skip(FileNotFoundError), redis_server('--port', str(port)) as primary:
        with redis_server('--replicaof', '127.0.0.1', str(port)) as replica:
            with redis.Redis(unix_socket_path=primary) as client, redis.Redis(unix_socket_path=replica) as other:
                wait_until(lambda: other.info('replication')['master_link_status'] == 'up')
                wait_until(lambda: client.info('replication').get('slave0', {}).get('state') == 'online')
                [(check, problem, _)] = [each for each in found(primary) if each[0] != 'clock']
                assert (check, 'min-replicas-to-write 0' in problem) == ('replicas', True)
                client.config_set('min-replicas-to-write', 1)
                assert found(primary) == []
                hold(client, 'reports', token(1, host='h'))
                wait_until(lambda: bool(other.exists('PYC-reports')))
                [(check, problem, _)] = found(replica)
                assert (check, problem) == ('replicas', f'The server is a replica of 127.0.0.1:{port}.')
                other.config_set('repl-timeout', 3600)


def test_a_replica_that_lags(sound: 'redis.Redis', running_sound: str) -> None:
    """A real server with a replica that says nothing: a connection that asks to be one."""
    # Its data is not sent before this delay, so that it is loading while we look.
    sound.config_set('repl-diskless-sync', 'yes')
    sound.config_set('repl-diskless-sync-delay', 600)
    with sockets.socket(sockets.AF_UNIX) as silent:
        silent.connect(running_sound)
        silent.sendall(b'REPLCONF listening-port 1\r\n')
        assert silent.recv(100) == b'+OK\r\n'
        silent.sendall(b'PSYNC ? -1\r\n')
        try:
            sound.config_set('min-replicas-to-write', 1)
            wait_until(lambda: int(sound.info('replication')['connected_slaves']) == 1)
            problems = [problem for check, problem, _ in found(running_sound) if check == 'replicas']
        finally:
            sound.config_set('min-replicas-to-write', 0)
            sound.config_set('repl-diskless-sync-delay', 5)
    assert problems == ['1 of 1 replicas of the server are late or still loading.']
    wait_until(lambda: int(sound.info('replication')['connected_slaves']) == 0)


def test_slots_that_never_expire(sound: 'redis.Redis', running_sound: str) -> None:
    made = init_cachify(f'unix://{running_sound}', is_global=False)
    slots = [made.pool('forever', max_size=3, slot_exp=None).acquire() for _ in range(2)]
    slots.append(made.pool('short', max_size=3).acquire())
    assert found(running_sound) == [('endless-slots', '2 slots of 1 pool never expire (slot_exp=None).', ['forever'])]
    for slot in slots:
        slot.release()
    made.close()


def test_keys_without_an_expiry(sound: 'redis.Redis', running_sound: str) -> None:
    """Those of the slots and of the queue; also of a pool whose slots have all expired."""
    hold(sound, 'kept', token(1, host='h'))
    queue(sound, 'waits', token(2, host='h'))
    sound.zadd('PYC-over', {token(3, host='h'): time.time() - 100})
    sound.persist('PYC-kept')
    sound.persist(pool_keys('PYC-waits').queue)
    hold(sound, 'sound', token(4, host='h'))
    [(check, problem, pools)] = found(running_sound)
    assert (check, pools) == ('endless-keys', ['kept', 'over', 'waits'])
    assert problem.startswith("3 keys without an expiry: 'PYC-kept', 'PYC-over', 'PYC-waits~queue~")


def test_unequal_sizes(sound: 'redis.Redis', running_sound: str) -> None:
    made = init_cachify(f'unix://{running_sound}', is_global=False)
    slots = [made.pool('reports', max_size=size).acquire() for size in (2, 5)]
    equal = [made.pool('equal', max_size=2).acquire() for _ in range(2)]
    [(check, problem, pools)] = found(running_sound)
    assert (check, pools) == ('sizes', ['reports'])
    assert "'reports' with 2/5" in problem
    for slot in (*slots, *equal):
        slot.release()
    made.close()


def test_many_slots_near_their_expiry(sound: 'redis.Redis', running_sound: str) -> None:
    """Three of four, and one of one; but four of 20 are not many."""
    for number in range(4):
        hold(sound, 'near', token(number, host='h', life=600.0, max_size=9), 50.0 if number else 500.0)
    for number in range(20):
        hold(sound, 'few', token(number, host='h', life=600.0, max_size=20), 50.0 if number < 4 else 500.0)
    hold(sound, 'one', token(1, host='h', life=600.0, max_size=20), 50.0)
    [(check, problem, pools)] = found(running_sound)
    assert (check, pools) == ('expiries', ['near', 'one'])
    assert problem == '4 of 5 slots without renewal, seen in 2 pools, had less than a tenth of their life left.'


@pytest.fixture
def short(running_sound: str) -> Iterator[Callable[[float, float], None]]:
    """Let a thread enter a pool of one slot, which lives for so long, with bodies of so long."""
    made = init_cachify(f'unix://{running_sound}', is_global=False)
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def start(slot_exp: float, body: float) -> None:
        def work() -> None:
            while not ended.is_set():
                with made.pool('short', max_size=1, slot_exp=slot_exp, on_lost=lambda _: None):
                    ended.wait(body)

        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield start
    ended.set()
    for thread in threads:
        thread.join()
    made.close()


@pytest.mark.usefixtures('sound')
def test_a_pool_of_one_slot_whose_bodies_overrun_is_found(
    running_sound: str, short: Callable[[float, float], None]
) -> None:
    """Also if no slot is taken when it begins to look."""
    short(1.0, 1.5)
    findings: list[tuple[str, str, list[str]]] = []

    def look() -> bool:
        findings[:] = found(running_sound, '--for', '3')
        return bool(findings)

    wait_until(look)
    [(check, problem, pools)] = findings
    assert (check, pools) == ('expiries', ['short'])
    assert re.match(r'\d of \d slots? without renewal, seen in 1 pool, had less than', problem)


@pytest.mark.usefixtures('sound')
def test_a_pool_of_short_bodies_is_no_finding(running_sound: str, short: Callable[[float, float], None]) -> None:
    short(100.0, 0.3)
    assert found(running_sound, '--for', '2') == []


def test_a_pool_that_appears_meanwhile_is_followed_too(sound: 'redis.Redis', running_sound: str) -> None:
    """What is no pool, and pools whose slots live long, are not read again and again."""
    sound.zadd('PYC-board', {'alice': 10})
    hold(sound, 'slow', token(1, host='h'))
    appears = threading.Timer(0.5, hold, (sound, 'late', token(2, host='h', life=600.0), 30.0))
    appears.start()
    [followed] = follow(connect(as_url(running_sound)), 'PYC-', [], ['PYC-board', 'PYC-slow'], 3.0)
    appears.join()
    assert (followed.pool.key, followed.mortal, followed.near) == ('late', 1, 1)


def test_of_many_pools_those_are_followed_that_come_near_their_expiry_first(
    sound: 'redis.Redis', running_sound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is waited for here: the pools that would be followed are looked at."""
    chosen: list[str] = []

    def follow_none(_: Server, prefix: str, pools: Iterable[Pool], *__: object, **___: object) -> list[Followed]:
        chosen.extend(pool.key for pool in pools)
        return []

    monkeypatch.setattr('py_cachify.ctl.doctor.facts.follow', follow_none)
    for number in range(FOLLOWED + 50):
        hold(sound, f'{number:03}', token(number, host='h', life=1000.0), 700.0 - number)
    hold(sound, 'later', token(1, host='h', life=9000.0), 8000.0)
    assert diagnose(connect(as_url(running_sound)), 'PYC-', seconds=1000.0).findings == ()
    assert sorted(chosen) == [f'{number:03}' for number in range(50, FOLLOWED + 50)]
    chosen.clear()
    diagnose(connect(as_url(running_sound)), 'PYC-', seconds=1.0)
    assert chosen == []


def test_holders_that_stopped_renewing(sound: 'redis.Redis', running_sound: str) -> None:
    hold(sound, 'crashed', token(1, host='h', life=600.0, renewed=True), 150.0)
    hold(sound, 'alive', token(2, host='h', life=600.0, renewed=True), 410.0)
    hold(sound, 'alive', token(3, host='h', life=600.0, renewed=False), 150.0)
    hold(sound, 'alive', f'?{token(4, host="h", life=600.0, renewed=True)}', 1.5)
    for number in range(5, 8):
        hold(sound, 'hung', token(number, host='h', life=600.0, renewed=True), 30.0)
    problem = '4 slots of 2 pools missed two renewals, or their renew_for is over.'
    assert found(running_sound) == [('renewals', problem, ['crashed', 'hung'])]


@pytest.mark.usefixtures('sound')
def test_a_slot_whose_renew_for_is_over_is_not_called_crashed(running_sound: str) -> None:
    """Its token does not say until when it is renewed, so the finding names both causes."""
    made = init_cachify(f'unix://{running_sound}', is_global=False)
    slot = made.pool('reports', max_size=1, slot_exp=6, renew_for=1, on_lost=lambda _: None).acquire()
    findings: list[tuple[str, str, list[str]]] = []

    def look() -> bool:
        findings[:] = [each for each in found(running_sound) if each[0] == 'renewals']
        return bool(findings)

    wait_until(look)
    assert not slot.lost
    assert findings == [('renewals', '1 slot of 1 pool missed two renewals, or its renew_for is over.', ['reports'])]
    slot.release()
    made.close()


def test_the_screen_says_what_is_wrong_why_and_what_to_do(sound: 'redis.Redis', running_sound: str) -> None:
    for number in range(12):
        hold(sound, f'\x1b[2J[b]{number}', token(1, host='h'), math.inf)
    with Terminal('doctor', url=running_sound) as terminal:
        assert terminal.end() == 1
        text = ' '.join(terminal.received.split())
    assert '\x1b[2J' not in text
    for part in (
        '12 slots of 12 pools never expire',
        'stays taken forever',
        'renew_for=None',
        'and 7 more',
        '1 finding',
    ):
        assert part in text, part
    [row] = pool_ctl('doctor', url=running_sound).rows()
    assert (row['what'], row['check'], row['pools'].count('[b]')) == ('finding', 'endless-slots', 12)


def test_it_changes_nothing(sound: 'redis.Redis', running_sound: str) -> None:
    hold(sound, 'reports', token(1, host='h'))
    sound.config_resetstat()
    with_dry_run = diagnose(connect(as_url(running_sound)), 'PYC-')
    assert with_dry_run.findings == ()
    written = {name for name, each in sound.info('commandstats').items() if name.startswith('cmdstat_z') and each}
    assert written == {'cmdstat_zrange'}
    assert sound.keys('*') == [b'PYC-reports']


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something is true, for a minute at most."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
