"""``pool-ctl free``: it asks first, frees that slot only, and the next waiter gets it."""

import math
import re
import threading
import time
from typing import Any

import pytest
import redis

from py_cachify import CachifySlotLostError, init_cachify
from tests.library.ctl.running import Terminal, pool_ctl
from tests.seen_from_outside import hold, token


def test_the_slot_goes_to_the_first_waiter(socket: str) -> None:
    made = init_cachify(f'unix://{socket}', is_global=False)
    slot = made.pool('reports', max_size=1, label='import').acquire()
    waiting = made.pool('reports', max_size=1, wait=None)
    got: list[Any] = []
    waiter = threading.Thread(target=lambda: got.append(waiting.acquire()))
    waiter.start()
    while not waiting.queue_size():
        time.sleep(0.01)
    ran = pool_ctl('free', 'reports', slot.token, '--yes', url=socket)
    assert (ran.status, ran.err) == (0, '')
    assert 'import on ' in ran.out
    assert 'The slot goes to' in ran.out
    waiter.join(60)
    assert got[0].release()
    made.close()


@pytest.mark.parametrize('as_id', [False, True], ids=['its token', 'its id'])
def test_only_that_slot_is_freed_by(server: 'redis.Redis', socket: str, as_id: bool) -> None:
    held = [token(number, host='h') for number in range(3)]
    for text in held:
        hold(server, 'reports', text)
    ids = {each['token']: each['id'] for each in pool_ctl('show', 'reports', url=socket).rows()}
    ran = pool_ctl('free', 'reports', ids[held[1]] if as_id else held[1], '--yes', '--json', url=socket)
    assert (ran.status, ran.json()['freed'], ran.json()['slot']['token']) == (0, True, held[1])
    assert set(server.zrange('PYC-reports', 0, -1)) == {held[0].encode(), held[2].encode()}


@pytest.mark.parametrize(
    ('answer', 'status', 'left'), [('y', 0, 0), ('yes', 0, 0), ('', 1, 1), ('n', 1, 1), ('\x04', 1, 1), ('maybe', 1, 1)]
)
def test_it_asks_first(server: 'redis.Redis', socket: str, answer: str, status: int, left: int) -> None:
    hold(server, 'reports', text := token(1, host='web-1', label='import', ago=100.0, life=60.0, renewed=True))
    with Terminal('free', 'reports', text, url=socket) as terminal:
        terminal.wait_for(r'\[y/N\]')
        assert server.zcard('PYC-reports') == 1
        for part in ('import on web-1', '1m 4', 'next renewal, within 20s', 'on_lost', 'runs on'):
            assert part in ' '.join(terminal.received.split())
        terminal.type(answer if answer == '\x04' else f'{answer}\r')
        assert terminal.end() == status
    assert server.zcard('PYC-reports') == left


def test_without_a_terminal_it_needs_yes(
    server: 'redis.Redis', socket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    hold(server, 'reports', text := token(1, host='h'))
    with (tmp_path / 'in').open('w+') as empty:
        monkeypatch.setattr('sys.stdin', empty)
        ran = pool_ctl('free', 'reports', text, url=socket)
    assert (ran.status, ran.out) == (2, '')
    assert '--yes' in ran.err
    assert server.zcard('PYC-reports') == 1


def test_a_slot_that_is_not_there_is_status_1_and_a_claim_cannot_be_freed(server: 'redis.Redis', socket: str) -> None:
    hold(server, 'reports', token(1, host='h'))
    hold(server, 'others', other := token(2, host='h'))
    # A real one lives two seconds, which a busy machine may take for the commands below.
    hold(server, 'reports', f'?{(claim := token(3, host="h"))}', 600.0)
    for text in ('x', other, '\x1b[2J'):
        ran = pool_ctl('free', 'reports', text, '--yes', url=socket)
        assert (ran.status, ran.out) == (1, '')
        assert 'it was given back or has expired, or the token is wrong' in ran.err
        assert '\x1b' not in ran.err
    ran = pool_ctl('free', 'reports', 'x', '--yes', '--json', url=socket)
    assert (ran.status, ran.json()['freed'], ran.json()['slot']) == (1, False, None)
    ran = pool_ctl('free', 'reports', claim, '--yes', url=socket)
    assert ran.status == 2
    assert 'is a claim' in ran.err
    assert (server.zcard('PYC-reports'), server.zcard('PYC-others')) == (2, 1)


@pytest.mark.parametrize(
    ('remaining', 'end'),
    [(100.0, r'it would have expired in 1m \d\ds\.'), (math.inf, r'it would never have expired\.')],
)
def test_after_a_slot_was_freed_its_expiry_is_past(
    server: 'redis.Redis', socket: str, remaining: float, end: str
) -> None:
    hold(server, 'reports', text := token(1, host='h'), remaining)
    ran = pool_ctl('free', 'reports', text, '--yes', url=socket)
    assert re.search(end, ran.out)
    assert 'expires' not in ran.out


def test_the_holder_notices_what_it_was_said_to_notice(socket: str) -> None:
    """A renewed slot is lost at the next renewal; another one when its body ends."""
    made = init_cachify(f'unix://{socket}', is_global=False)
    lost: list[Any] = []
    slot = made.pool('renewed', max_size=1, slot_exp=1, renew_for=None, on_lost=lost.append).acquire()
    assert pool_ctl('free', 'renewed', slot.token, '--yes', url=socket).status == 0
    until = time.monotonic() + 60
    while not lost:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert slot.lost

    def body() -> None:
        with made.pool('kept', max_size=1, on_lost='raise') as kept:
            assert pool_ctl('free', 'kept', kept.token, '--yes', url=socket).status == 0
            assert not kept.lost

    with pytest.raises(CachifySlotLostError):
        body()
    made.close()


def test_a_pool_under_a_derived_key_can_be_freed_too(socket: str) -> None:
    made = init_cachify(f'unix://{socket}', is_global=False)
    pool = made.pool('x~undone~jhjnnk', max_size=1)
    slot = pool.acquire()
    assert pool_ctl('free', 'x~undone~jhjnnk', slot.token, '--yes', url=socket).status == 0
    assert pool.size() == 0
    made.close()
