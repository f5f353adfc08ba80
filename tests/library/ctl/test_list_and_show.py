"""``pool-ctl list`` and ``show`` on a real server: what is listed, what is left alone, and how."""

import threading
import time
from collections.abc import Iterator

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from py_cachify import init_cachify
from py_cachify.backends.pool_keys import derived_key, pool_keys
from py_cachify.ctl.screens import without_middle
from py_cachify.ctl.texts import safe, shortened
from tests.library.ctl.rewriting import rewriting
from tests.library.ctl.running import Terminal, plain, pool_ctl
from tests.seen_from_outside import hold, queue, token
from tests.support.older import OlderRelease


ODD_KEYS = ['a*[x]?\\', 'x~undone~jhjnnk', 'with space', 'línea', '{tag}', 'a:0', '\x1b[31m\n\t', '🎉' * 40]


@pytest.fixture
def held(socket: str) -> Iterator[None]:
    """Pools that this process holds, under odd keys."""
    made = init_cachify(f'unix://{socket}', is_global=False)
    slots = [
        made.pool(key, max_size=number + 2, label=f'label of {key}').acquire() for number, key in enumerate(ODD_KEYS)
    ]
    yield
    for slot in slots:
        slot.release()
    made.close()


@pytest.mark.usefixtures('held')
def test_every_pool_is_listed_by_its_key(socket: str) -> None:
    listed = pool_ctl('list', '--json', url=socket).json()
    assert [pool['key'] for pool in listed['list']] == sorted(ODD_KEYS)
    for pool in listed['list']:
        assert (pool['occupancy'], pool['max_sizes']) == (1, [ODD_KEYS.index(pool['key']) + 2])
        assert pool['oldest']['label'].startswith('label of ')
        shown = pool_ctl('show', pool['key'], '--json', url=socket).json()
        assert [holder['token'] for holder in shown['holders']] == [pool['oldest']['token']]


@pytest.mark.usefixtures('held')
def test_a_pipe_gets_a_line_for_each_pool_whatever_its_key_is(socket: str) -> None:
    ran = pool_ctl('list', url=socket)
    rows = ran.rows()
    assert len(rows) == len(ODD_KEYS)
    assert all(line.replace('\t', '').isprintable() for line in ran.out.splitlines())
    assert {row['taken'] for row in rows} == {'1'}
    assert any(row['pool'] == '🎉' * 40 for row in rows)


def test_what_is_no_pool_is_left_alone(server: 'redis.Redis', socket: str) -> None:
    """Lists, strings, foreign sorted sets, binary names, tombstones, plain slots."""
    server.rpush('PYC-list', 'x')
    server.set('PYC-a:0', token(1, host='h'))
    server.zadd('PYC-board', {'alice': 10, 'bob': 20})
    server.zadd('PYC-mixed', {token(2, host='h'): time.time() + 60, 'alice': time.time() + 60})
    server.zadd('PYC-long', {f'{number:04}': number for number in range(1000)})
    server.zadd(b'PYC-\xff', {token(3, host='h'): time.time() + 60})
    server.zadd(derived_key('PYC-reports', 'undone'), {token(4, host='h'): time.time() + 60})
    server.zadd('other-pool', {token(5, host='h'): time.time() + 60})
    server.zadd('PYC-over', {token(6, host='h'): time.time() - 1})
    assert pool_ctl('list', url=socket) == (0, pool_ctl('list', '--prefix=nothing', url=socket).out, '')
    server.config_resetstat()
    pool_ctl('list', url=socket)
    asked = {name.removeprefix('cmdstat_') for name in server.info('commandstats')}
    assert asked <= {'scan', 'time', 'zrange', 'info', 'hello', 'client|setinfo', 'config|resetstat', 'select'}
    for key in ('list', 'board', 'mixed'):
        ran = pool_ctl('show', key, url=socket)
        assert (ran.status, ran.out) == (2, '')
        assert ran.err == f"pool-ctl: 'PYC-{key}' is no pool: pass a KEY that `pool-ctl list` shows\n"


def test_a_server_that_cannot_select_a_type_is_read_too(server: 'redis.Redis', socket: str) -> None:
    """Before Redis 6.0 ``SCAN`` knows no ``TYPE``; here a proxy refuses it."""
    server.rpush('PYC-list', 'x')
    server.set('PYC-text', 'x')
    hold(server, 'reports', token(1, host='h'))

    def older(request: bytes, answer: bytes) -> bytes:
        if b'HELLO' in request:
            return b"-ERR unknown command 'HELLO'\r\n"
        return b'-ERR syntax error\r\n' if b'SCAN' in request and b'TYPE' in request else answer

    with rewriting(socket, older) as place:
        assert [row['pool'] for row in pool_ctl('list', url=f'unix://{place}?protocol=2').rows()] == ['reports']


def test_of_a_foreign_sorted_set_few_members_are_read(server: 'redis.Redis', socket: str) -> None:
    server.zadd('PYC-long', {f'{number:04}': number for number in range(100_000)})
    before = server.info('stats')['total_net_output_bytes']
    assert pool_ctl('list', url=socket).rows() == []
    assert server.info('stats')['total_net_output_bytes'] - before < 50_000


def test_a_pool_of_many_slots_is_read_whole(server: 'redis.Redis', socket: str) -> None:
    now = time.time()
    server.zadd('PYC-many', {token(number, host='h', max_size=3000): now + 500 + number for number in range(2500)})
    [row] = pool_ctl('list', url=socket).rows()
    assert (row['taken'], row['max_size']) == ('2500', '3000')


def test_slots_of_older_releases_are_listed(server: 'redis.Redis', socket: str) -> None:
    older = OlderRelease(server)
    assert older.take('PYC-reports', older.new_token(), 3, 60)
    hold(server, 'reports', token(1, host='web-1', max_size=3))
    [row] = pool_ctl('list', url=socket).rows()
    assert (row['taken'], row['max_size'], row['host']) == ('2', '3', 'web-1')
    rows = pool_ctl('show', 'reports', url=socket).rows()
    assert [(row['host'], row['process'], row['asked'] == '?') for row in rows] == [
        ('web-1', '4711', False),
        ('-', '4711', True),
    ]


def test_waiters_are_shown_in_order_and_the_silent_are_not(server: 'redis.Redis', socket: str) -> None:
    queue(server, 'reports', *(token(number, host='h', label=f'w{number}') for number in (5, 3, 4)))
    queue(server, 'reports', token(9, host='h', label='silent'), deadline=-1.0)
    server.persist(pool_keys('PYC-reports').queue)
    queue(server, 'reports', token(1, host='h', label='last'))
    shown = pool_ctl('show', 'reports', '--json', url=socket).json()
    assert sorted(waiter['label'] for waiter in shown['waiters']) == ['last', 'w3', 'w4', 'w5']
    assert [waiter['label'] for waiter in shown['waiters'] if waiter['label'][0] == 'w'] == ['w5', 'w3', 'w4']
    assert [waiter['rank'] for waiter in shown['waiters']] == [0, 1, 2, 3]
    [row] = pool_ctl('list', url=socket).rows()
    assert (row['taken'], row['waiting']) == ('0', '4')


def test_what_show_says_is_what_the_library_says(socket: str) -> None:
    """Real holders, one of which renews, and a real waiter."""
    made = init_cachify(f'unix://{socket}', is_global=False)
    pool = made.pool('reports', max_size=2, slot_exp=60, renew_for=None, label='import')
    slots = [pool.acquire(), made.pool('reports', max_size=2, slot_exp=None).acquire()]
    waiter = threading.Thread(
        target=lambda: made.pool('reports', max_size=2, wait=None, label='next').acquire().release()
    )
    waiter.start()
    while not pool.queue_size():
        time.sleep(0.01)
    shown = pool_ctl('show', 'reports', '--json', url=socket).json()
    ours = {holder.token: holder for holder in pool.holders()}
    assert {each['token'] for each in shown['holders']} == set(ours)
    for each in shown['holders']:
        holder = ours[each['token']]
        assert (each['label'], each['host'], each['process'], each['asked_at'], each['renewed'], each['max_size']) == (
            holder.label,
            holder.host,
            holder.pid,
            holder.asked_at,
            holder.renewing,
            holder.max_size,
        )
    assert [each['expires'] for each in shown['holders']] == [True, False]
    assert [each['token'] for each in shown['waiters']] == [each.token for each in pool.queue()]
    for slot in slots:
        slot.release()
    waiter.join()
    made.close()


def test_a_claim_counts_as_taken_and_is_called_a_claim(server: 'redis.Redis', socket: str) -> None:
    hold(server, 'reports', f'?{token(1, host="h", label="next")}', 2.0)
    [row] = pool_ctl('show', 'reports', url=socket).rows()
    assert (row['what'], row['label']) == ('claim', 'next')
    assert pool_ctl('list', '--json', url=socket).json()['slots'] == 1


ABSENT = (
    "No slot of 'PYC-PYC-reports' is taken, and nobody waits. The server stores nothing of such a pool, so a wrong KEY"
    ' or --prefix looks the same: KEY is given without the prefix, as `pool-ctl list` shows it.'
)


def test_an_unused_pool_is_said_to_look_like_a_wrong_key(socket: str) -> None:
    ran = pool_ctl('show', 'PYC-reports', '--json', url=socket)
    assert (ran.status, ran.err) == (0, '')
    assert (ran.json()['stored'], ran.json()['holders'], ran.json()['waiters']) == (False, [], [])
    ran = pool_ctl('show', 'PYC-reports', url=socket)
    assert (ran.status, ran.rows(), ran.err) == (0, [], f'pool-ctl: {ABSENT}\n')
    ran = pool_ctl('watch', 'PYC-reports', '--interval', '0.1', '--times', '3', url=socket)
    assert (ran.status, ran.rows(), ran.err) == (0, [], f'pool-ctl: {ABSENT}\n')
    for words in (['show', 'PYC-reports'], ['watch', 'PYC-reports', '--times', '1']):
        with Terminal(*words, url=socket) as terminal:
            assert terminal.end() == 0
            assert ABSENT in ' '.join(plain(terminal.received).split())
            assert ' of ?' not in terminal.received
    with Terminal('list', url=socket) as terminal:
        assert terminal.end() == 0
        assert 'No slot is taken, and nobody waits, in any pool under this prefix.' in terminal.received


@pytest.mark.parametrize('columns', [20, 40, 80, 140])
def test_a_terminal_of_any_width_gets_no_longer_line(server: 'redis.Redis', socket: str, columns: int) -> None:
    """Whatever labels and keys there are; and no escape of theirs reaches it."""
    for number, label in enumerate(
        ['\x1b[2J\x07', '[bold red]x[/]', '🎉👨‍👩‍👧‍👦' * 8, 'a' * 64, '日本語' * 20, ':smile:']
    ):
        hold(server, f'{label}-{"k" * 300}', token(number, host=label, label=label), 400.0)
        hold(server, 'reports', token(number, host=label, label=label), 400.0)
    queue(server, 'reports', token(9, host='🎉' * 60, label='日' * 64))
    for words in (['list'], ['show', 'reports'], ['watch', '--times', '1'], ['watch', 'reports', '--times', '1']):
        with Terminal(*words, url=socket, columns=columns, rows=24) as terminal:
            assert terminal.end() == 0
            received = terminal.received
        assert '\x1b[2J\x07' not in received
        text = plain(received)
        assert text.replace('\n', '').isprintable()
        assert [line for line in text.split('\n') if cell_len(line) > columns] == []
        assert '[bold red]x' in text or columns < 80


def test_a_key_can_be_copied_from_the_list_whatever_is_in_it(server: 'redis.Redis', socket: str) -> None:
    """Also a key that is too long to be printed whole; and a literal backslash comes first."""
    keys = ['weird\x1b[31mred', 'a\nb', 'k' * 300 + '\x07', r'path\to', '日\x9b本']
    for number, key in enumerate(keys):
        hold(server, key, token(number, host='h'))
        hold(server, key, token(9, host='h'))
    for key in keys:
        for printed in (safe(key), shortened(key)):
            shown = pool_ctl('show', printed, '--json', url=socket).json()
            assert (shown['key'], shown['occupancy']) == (key, 2)
    assert pool_ctl('free', r'a\nb', token(1, host='h'), '--yes', url=socket).status == 1
    [first, _] = pool_ctl('show', r'a\nb', url=socket).rows()
    assert pool_ctl('free', r'a\nb', first['id'], '--yes', url=socket).status == 0
    hold(server, r'a\nb', token(7, host='h', label='literal'))
    [row] = pool_ctl('show', r'a\nb', url=socket).rows()
    assert row['label'] == 'literal'


def test_two_keys_that_are_printed_alike_are_not_guessed_at(server: 'redis.Redis', socket: str) -> None:
    for number in range(2):
        hold(server, f'{"k" * 100}{number}{"k" * 100}', token(number, host='h'))
    ran = pool_ctl('show', f'{"k" * 60}…{"k" * 60}', url=socket)
    assert (ran.status, ran.out) == (2, '')
    assert '2 pools are printed as' in ran.err


def listed(*words: str, url: str, columns: int) -> list[str]:
    """Return the rows of a list in a terminal."""
    with Terminal(*words, url=url, columns=columns, rows=40) as terminal:
        assert terminal.end() == 0
        text = plain(terminal.received)
    return [line.rstrip() for line in text.partition('──')[2].split('\n')[1:] if line.strip()]


@pytest.mark.parametrize('columns', [80, 140])
def test_a_key_gets_the_room_before_its_holder_does(server: 'redis.Redis', socket: str, columns: int) -> None:
    keys = [f'tenant-000-with-a-rather-long-name-{number}f3a' for number in range(3)]
    for number, key in enumerate(keys):
        hold(server, key, token(number, host='web-production-eu-west-1a', label='nightly report'))
    rows = listed('list', url=socket, columns=columns)
    assert [row.split()[0] for row in rows] == keys
    assert all('nightly' in row for row in rows)
    # At 80 columns the bar makes way for the key.
    assert [('━' in row) for row in rows] == [columns == 140] * 3


def test_where_keys_have_no_room_watch_leaves_out_their_middle(server: 'redis.Redis', socket: str) -> None:
    for number in range(3):
        hold(server, f'tenant-000-with-a-rather-long-name-{number}f3a', token(number, host='web-1'))
    rows = listed('watch', '--times', '1', url=socket, columns=80)
    assert sorted(row.split()[0] for row in rows) == [f'tenant-000-with…long-name-{number}f3a' for number in range(3)]
    assert all('━' in row for row in rows)


@given(st.text(), st.integers(1, 30))
def test_a_text_without_its_middle_fits_and_keeps_both_ends(text: str, width: int) -> None:
    shown = without_middle(safe(text), width)
    assert cell_len(shown) <= width
    if shown != safe(text):
        begin, _, end = shown.rpartition('…')
        assert safe(text).startswith(begin)
        assert safe(text).endswith(end)


@pytest.mark.parametrize(
    ('taken', 'shown', 'full'), [(2, '2 of 3\u20135', 0), (3, '3 of 3\u20135', 1), (4, '4 of 3\u20135', 1)]
)
def test_a_pool_whose_users_disagree_is_as_full_as_for_those_with_the_smallest_max_size(
    server: 'redis.Redis', socket: str, taken: int, shown: str, full: int
) -> None:
    for number in range(taken):
        hold(server, 'reports', token(number, host='h', max_size=5 if number else 3))
    queue(server, 'reports', token(9, host='h', max_size=4))
    for words in (['list'], ['show', 'reports'], ['watch', 'reports', '--times', '1']):
        with Terminal(*words, url=socket) as terminal:
            assert terminal.end() == 0
            text = plain(terminal.received)
        assert shown in text
        assert ('━' * 10 in text) == bool(full)
    listing = pool_ctl('list', '--json', url=socket).json()
    assert (listing['full'], listing['list'][0]['max_sizes']) == (full, [3, 4, 5])
    assert [row['max_size'] for row in pool_ctl('list', url=socket).rows()] == ['3/4/5']


def test_a_member_from_a_hostile_process_is_harmless(server: 'redis.Redis', socket: str) -> None:
    """Who may write to the server may write anything; all of it is shown escaped, or not at all."""
    server.zadd('PYC-evil', {'1:\x1b]0;owned\x07-1:0:0:3:600.0:\x1b[2J:%1B%5B2J:r:1': time.time() + 60})
    for words in (['list'], ['show', 'evil'], ['list', '--json'], ['show', 'evil', '--json']):
        ran = pool_ctl(*words, url=socket)
        assert ran.status == 0
        assert '\x1b' not in ran.out
        assert '\x07' not in ran.out
    with Terminal('show', 'evil', url=socket) as terminal:
        assert terminal.end() == 0
        assert '\x1b]' not in terminal.received
        assert '\x1b[2J' not in terminal.received
