"""The benchmark measures what it says; no test depends on how fast the library is."""

import asyncio
import json
import math
import os
import socket as socket_module
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from py_cachify import init_cachify, pool
from py_cachify.backends.redis import load_script
from tests.benchmarks import contention, loops, rows_tasks, waiting
from tests.benchmarks.bench import Bench
from tests.benchmarks.clients import make_blocking_client, make_client
from tests.benchmarks.command import MEASURES, main
from tests.benchmarks.connections import ConnectionCount
from tests.benchmarks.contention import Counter, Threads
from tests.benchmarks.cores import has_two
from tests.benchmarks.delaying_proxy import DelayingProxy, Load
from tests.benchmarks.judge import Grant, Refusal, Verdict, judge
from tests.benchmarks.loops import async_with_loop
from tests.benchmarks.others.subject import CannotError
from tests.benchmarks.others.worker import Worker
from tests.benchmarks.output import choose
from tests.benchmarks.polls import PollCounter
from tests.benchmarks.recorded import record
from tests.benchmarks.rounds import Chunk, Plan, Spread, interleave, ratios, spread, turns
from tests.benchmarks.rows_server import NotingClient, ServerTime
from tests.benchmarks.rows_store import two_core_rows
from tests.benchmarks.sizes import LATENCY_BODIES, LATENCY_TASKS
from tests.benchmarks.table import Absolute, Cell, NotMeasured, Row, WaitLine, as_json, markdown, waits_markdown
from tests.benchmarks.waiting import ThreadCrowd, _Worker


@pytest.mark.usefixtures('running_server')
def test_every_row_can_be_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In quick mode all ratios are finite, no promise is broken, and each row has a line."""
    files = tmp_path / 'rows.json', tmp_path / 'table.md'
    assert main(['--quick', '--json', str(files[0]), '--markdown', str(files[1])]) == 0
    rows = json.loads(files[0].read_text())['rows']
    measured = [row['measure'] for row in rows]
    assert len(set(measured)) == len(measured)
    first_words = {name.partition('-')[0] for name in MEASURES}
    assert {measure.replace(',', '').replace('@', '').split()[0] for measure in measured} == first_words
    without = [row['measure'] for row in rows if row['ratio'] is None]
    assert without == ([] if has_two() else ['sync, acquire + release, two cores'])
    assert all(math.isfinite(number) for row in rows for number in (row['ratio'] or {}).values())
    assert not any(row['broken'] for row in rows)
    assert {row['met'] for row in rows} == {None}
    waits = json.loads(files[0].read_text())['waits']
    table = files[1].read_text()
    assert table == capsys.readouterr().out
    assert [line.split('|')[1].strip() for line in table.splitlines() if line.startswith('| ')] == [
        'measure',
        *measured,
        'crowd',
        *(line['crowd'] for line in waits),
    ]
    crowds = {line['crowd'] for line in waits}
    assert crowds < set(measured)
    assert [line['way'] for line in waits].count('wait=None') == len(crowds)
    assert {line['way'] for line in waits} == {'wait=None', 'retrying', 'BLPOP'}
    for line in waits:
        assert 0 <= line['fewest'] <= line['most']
        assert line['longest'] >= 0
        # Each grant takes a request, and so does each release; only the first slots need no wait.
        assert line['commands'] >= 2
        assert (line['in_vain'] is None) == (line['way'] != 'wait=None')


def test_rows_are_chosen_by_name_or_first_word() -> None:
    """No name means all; an unknown name is refused with a list of the known ones."""
    assert choose([], MEASURES) == list(MEASURES)
    assert choose(['memory', 'sync'], MEASURES) == ['sync', 'sync-two-cores', 'memory-sync', 'memory-async']
    assert choose(['contended-tasks'], MEASURES) == ['contended-tasks']
    with pytest.raises(ValueError, match="no row 'memroy': choose from sync, sync-two-cores, async"):
        choose(['memroy'], MEASURES)


def test_client_and_server_have_a_core_each_if_the_cores_are_chosen() -> None:
    """And get back those that they had; with free cores the row is not measured, and says so."""
    plan = Plan(rounds=2, seconds=0.001, window=0.01)
    with Bench(plan) as bench:
        (row,) = two_core_rows(bench)
        assert isinstance(row, NotMeasured)
    if not has_two():
        return
    with Bench(plan, one_core=True) as bench:
        server, before = bench.server_info()['process_id'] if bench.socket else 0, os.sched_getaffinity(0)
        with bench.two_cores():
            cores = os.sched_getaffinity(0), os.sched_getaffinity(server)
        assert [len(each) for each in cores] == [1, 1]
        assert cores[0] != cores[1]
        assert os.sched_getaffinity(0) == os.sched_getaffinity(server) == before


# --- the statistics


def test_a_ratio_is_made_within_each_round() -> None:
    """A machine that slows down tenfold from round to round changes no ratio."""
    assert ratios([1, 10, 100, 1000], [2, 20, 200, 2000]) == Spread(0.5, 0.5, 0.5)
    assert ratios([2, 9, 40], [1, 3, 10]) == Spread(3, 2.5, 3.5)


def test_a_spread_is_the_median_and_the_quartiles() -> None:
    """One value out of line does not move it."""
    assert spread([5, 1, 4, 2, 3]) == Spread(3, 2, 4)
    assert spread([5, 1, 4, 2, 3_000]) == Spread(4, 2, 5)


def test_contestants_take_turns() -> None:
    """Each has one turn in a round, and each round begins with the next contestant."""
    rounds: list[str] = []
    assert [*turns('ABC', 3, lambda: rounds.append('end'))] == [*'ABC', *'BCA', *'CAB']
    assert len(rounds) == 3


def test_times_are_those_of_one_operation() -> None:
    """Each contestant works about as long as asked, with any number of operations in a round."""
    counts: list[int] = []

    def chunk(seconds_each: float) -> Chunk:
        def counted(count: int) -> float:
            counts.append(count)
            return count * seconds_each

        return counted

    times = interleave({'slow': chunk(0.5), 'fast': chunk(0.125)}, rounds=2, seconds=4)
    assert times == {'slow': [0.5, 0.5], 'fast': [0.125, 0.125]}
    assert counts[-4:] == [8, 32, 32, 8]


def test_all_may_do_the_same_number_of_operations() -> None:
    """A given number is done however long it takes, and once more at first, without measuring."""
    counts: list[int] = []

    def chunk(count: int) -> float:
        counts.append(count)
        return count * 0.5

    assert interleave({'one': chunk, 'two': chunk}, rounds=2, seconds=0, count=7) == {
        'one': [0.5] * 2,
        'two': [0.5] * 2,
    }
    assert counts == [7] * 6


# --- the server's own time


class _Server:
    """A client and its connection: each batch costs 3 s outside the kernel and 1 s within."""

    def __init__(self, *answers: int) -> None:
        self.connection_pool = self
        self.answers = answers
        self.batches = 0

    def get_connection(self) -> '_Server':
        return self

    def pack_commands(self, commands: list[tuple[str, ...]]) -> list[bytes]:
        return [' '.join(command).encode() for command in commands]

    def send_packed_command(self, sent: list[bytes]) -> None:
        assert sent == [b'take 1give 1take 2give 2']
        self.batches += 1
        self.left = iter(self.answers)

    def read_response(self) -> int:
        return next(self.left)

    def info(self, section: str) -> dict[str, Any]:
        return {'used_cpu_user_main_thread': 3.0 * self.batches, 'used_cpu_sys_main_thread': 1.0 * self.batches}


_REQUESTS = [('take', '1'), ('give', '1'), ('take', '2'), ('give', '2')]


def test_the_time_of_the_server_is_that_of_as_many_acquires() -> None:
    """Requests are sent in whole batches, and the time of those beyond the count is left out."""
    server = _Server(1, 2, 3, 4)
    loop = ServerTime(server, _REQUESTS, [1, 2, 3, 4])
    assert (loop(1), server.batches) == (2, 1)
    assert (loop(4), server.batches) == (8, 3)
    assert (loop.user, loop.pairs) == (9, 6)


def test_a_server_that_answers_in_another_way_is_not_measured() -> None:
    """Refusals take another time than grants."""
    with pytest.raises(RuntimeError, match='in another way'):
        ServerTime(_Server(1, 2, 0, 4), _REQUESTS, [1, 2, 3, 4])(1)


def test_what_is_measured_is_what_a_pool_sends(socket: str) -> None:
    """The scripts of an acquire and of a release, each time in the same state of the pool."""
    with NotingClient(socket) as client:
        init_cachify(client)
        one = pool('server', 1)
        client.script_flush()
        for _ in range(3):
            # The first time, the text of each script is sent, which is not noted.
            with one:
                pass
        acquire, release = load_script('acquire').digest, load_script('release').digest
        assert [request[1] for request in client.requests] == [acquire, release] * 2
        loop = ServerTime(client, client.requests, client.answers)
        assert loop(5) > 0
        assert loop.pairs == 6


# --- many tasks


class _Crossing(AbstractAsyncContextManager[None]):
    """Counts the tasks that are in it, and lets the others run."""

    def __init__(self) -> None:
        self.entered = 0
        self.inside = Counter()

    async def __aenter__(self) -> None:
        self.entered += 1
        self.inside.enter()
        await asyncio.sleep(0)

    async def __aexit__(self, *_: object) -> None:
        self.inside.leave()


@pytest.mark.parametrize('tasks', [1, 3])
def test_each_task_does_all_operations_beside_the_others(tasks: int) -> None:
    """The library and what it is compared with are in as many tasks."""
    crossing = _Crossing()
    with asyncio.Runner() as runner:
        async_with_loop(runner, crossing, tasks)(5)
    assert (crossing.entered, crossing.inside.peak()) == (5 * tasks, tasks)


def test_the_time_of_many_tasks_is_divided_by_the_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So rows with more and fewer tasks show the time of one operation."""
    clock = iter([10.0, 16.0])
    monkeypatch.setattr(loops, 'time', SimpleNamespace(perf_counter=lambda: next(clock)))
    with asyncio.Runner() as runner:
        assert async_with_loop(runner, _Crossing(), 3)(1) == 2


def test_holding_times_are_the_same_at_each_call() -> None:
    """The library and what it is compared with hold their slots as long, in each round."""
    held: list[float] = []

    async def hold(seconds: float) -> float:
        held.append(seconds)
        return seconds

    with asyncio.Runner() as runner:
        first, second = (runner.run(rows_tasks._latencies(hold, 3)) for _ in range(2))
    assert first == second
    assert len(first) == len({*first}) == 3 * LATENCY_TASKS
    assert sorted(held) == sorted(first + second)
    assert sum(first) / len(first) == pytest.approx(LATENCY_BODIES, rel=0.25)


def test_recorded_requests_take_slots_again_and_again(socket: str, server: redis.Redis) -> None:
    """Sent without the library, in one pipeline, they take as many slots, and release them."""
    requests = record(socket, 'recorded', 5, 4)
    of = init_cachify(server, is_global=False).pool('recorded', 5)
    with asyncio.Runner() as runner, closing(_Client(runner, socket)) as client:
        assert of.size() == 0
        for commands, size in ((requests.acquires, 4), (requests.releases, 0)) * 2:
            runner.run(rows_tasks.send_together(client.client, commands))
            assert of.size() == size


class _Client:
    """An asynchronous client that closes in its event loop."""

    def __init__(self, runner: asyncio.Runner, socket: str) -> None:
        self.client = make_blocking_client(socket, 3)
        self._runner = runner

    def close(self) -> None:
        self._runner.run(self.client.aclose())


def test_connections_are_counted_by_the_server(socket: str, server: redis.Redis) -> None:
    """Closed ones count as well; those from before the count, and its own, do not."""
    with make_client(socket) as before:
        before.ping()
        with before.pubsub() as earlier:
            earlier.subscribe('earlier')
            count = ConnectionCount(server)
            assert (count.opened(), count.subscribed()) == (0, 0)
            for _ in range(3):
                with make_client(socket) as client:
                    client.ping()
            with make_client(socket) as client, client.pubsub() as subscription:
                subscription.subscribe('later')
                assert subscription.get_message(timeout=5) is not None
                assert (count.opened(), count.subscribed()) == (4, 1)


# --- the proxy


def test_the_proxy_delays_each_message_in_both_directions(socket: str) -> None:
    """A request and its reply are each late by at least so much; the proxy counts them."""
    with DelayingProxy(socket, 0.05) as proxy, make_client(proxy.socket) as client:
        client.ping()  # connects
        before, asked = proxy.load(), time.monotonic()
        client.ping()
        assert time.monotonic() - asked >= 0.1
        after = proxy.load()
    assert after.messages - before.messages == 2
    assert after.late >= before.late
    assert after.working > before.working
    assert after.now - before.now >= 0.1


def test_a_report_of_the_proxy_begins_where_the_last_one_ended(socket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So each row tells of its own messages."""
    loads = iter([Load(10, 0.002, 3.0, 10.0), Load(60, 0.007, 3.5, 20.0)])
    with DelayingProxy(socket, 0) as proxy:
        monkeypatch.setattr(proxy, 'load', lambda: next(loads))
        proxy.report()
        assert proxy.report() == 'messages left the proxy 0.10 ms late, it took 5% of a core'


def test_the_proxy_keeps_the_order_and_the_ends() -> None:
    """Messages arrive as they were sent, in either direction, and so does the end of each."""
    messages = [b'%d,' % number for number in range(500)]
    with tempfile.TemporaryDirectory() as folder, socket_module.socket(socket_module.AF_UNIX) as listener:
        place = f'{folder}/s'
        listener.bind(place)
        listener.listen()
        with DelayingProxy(place, 0.02) as proxy, socket_module.socket(socket_module.AF_UNIX) as client:
            client.connect(proxy.socket)
            server, _ = listener.accept()
            with server:
                for side, other in ((client, server), (server, client)):
                    side.settimeout(30)
                    other.settimeout(30)
                    for message in messages:
                        side.sendall(message)
                    side.shutdown(socket_module.SHUT_WR)
                    received = b''
                    while piece := other.recv(65536):
                        received += piece
                    assert received == b''.join(messages)


# --- the judge


def _holders(number: int, asked: float, entered: float, left: float, gone: float) -> list[Grant]:
    return [Grant(asked, entered, left, gone)] * number


def test_a_good_run_is_judged_good() -> None:
    """Eight of eight slots, a refusal in between, and a ninth holder at the very end of another."""
    grants = [*_holders(8, 0, 1, 5, 6), Grant(4, 5, 7, 8)]
    assert judge(grants, [Refusal(2, 3)], max_size=8) == Verdict(peak=8, overfull=0, false_refusals=0)


def test_a_ninth_holder_is_found() -> None:
    """Its body began before any of eight ended."""
    grants = [*_holders(8, 0, 1, 5, 6), Grant(3, 4.9, 7, 8)]
    assert judge(grants, [], max_size=8) == Verdict(peak=9, overfull=1, false_refusals=0)


def test_a_refusal_with_room_is_found() -> None:
    """Seven certainly held a slot, and the eighth had released before the refused call began."""
    grants = [*_holders(7, 0, 1, 9, 10), Grant(0, 1, 2, 3)]
    assert judge(grants, [Refusal(3.1, 4)], max_size=8) == Verdict(peak=8, overfull=0, false_refusals=1)


@pytest.mark.parametrize(
    'refusal', [Refusal(3, 4), Refusal(2.5, 8), Refusal(-1, 0), Refusal(5, 5.5)], ids=['end', 'over', 'begin', 'asking']
)
def test_a_refusal_is_honest_if_the_pool_can_have_been_full(refusal: Refusal) -> None:
    """One instant is enough; a holder counts from its call until its release returned."""
    grants = [*_holders(7, 0, 1, 9, 10), Grant(0, 1, 2, 3), Grant(5, 6, 7, 8)]
    assert judge(grants, [refusal], max_size=8).false_refusals == 0


def test_a_slot_that_goes_as_another_comes_counts_with_it_against_a_false_refusal() -> None:
    """Nobody knows which of the two came first at that instant."""
    grants = [*_holders(6, 0, 1, 9, 10), Grant(0, 1, 2, 3), Grant(3, 4, 5, 6)]
    assert judge(grants, [Refusal(2.9, 3.1)], max_size=8) == Verdict(peak=7, overfull=0, false_refusals=0)
    assert judge(grants, [Refusal(3.1, 3.2)], max_size=8) == Verdict(peak=7, overfull=0, false_refusals=1)


def test_actors_that_are_always_refused_were_refused_falsely() -> None:
    """The notes of threads reach the judge."""
    outcome = Threads(lambda: lambda body: False, actors=2).round(0.01)
    assert outcome.refusals > 0
    assert outcome == (0, outcome.refusals, 0, 0, 0, outcome.refusals)


def test_actors_that_are_let_in_without_slots_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a pool of none, each of their bodies is one too many."""

    def let_in(body: Callable[[], None]) -> bool:
        body()
        return True

    monkeypatch.setattr(contention, 'MAX_SIZE', 0)
    outcome = Threads(lambda: let_in, actors=2).round(0.01)
    assert outcome.overfull == outcome.grants > 0
    assert outcome.rate > 0


def test_the_counter_needs_nobody_elses_notes() -> None:
    """It knows the most bodies at the same time, and forgets them when it is asked."""
    counter = Counter()
    counter.enter()
    counter.enter()
    counter.leave()
    assert (counter.peak(), counter.peak()) == (2, 1)


# --- workers that wait


class _Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_body_counts_as_far_as_it_lies_in_the_time_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wait takes 2 s and each body 4 s, and the seconds from 10 to 20 count."""
    clock = _Time()
    monkeypatch.setattr(waiting, 'time', clock)

    def wait(body: Callable[[], None]) -> None:
        clock.sleep(2)
        body()

    worker = _Worker(Counter(), body=4, begin=10, end=20)
    worker.work(wait)
    # The bodies last from 2 to 6, from 8 to 12, and from 14 to 18; the last one begins at 20.
    assert (worker.all, worker.in_time, worker.bodies, worker.longest) == (4, 1, 1.5, 2)


def test_a_wait_that_never_ends_counts_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is starved has no grant, and waits for all the time that counts."""
    clock = _Time()
    monkeypatch.setattr(waiting, 'time', clock)

    def wait(body: Callable[[], None]) -> None:
        clock.sleep(1000)
        body()

    worker = _Worker(Counter(), body=4, begin=10, end=20)
    worker.work(wait)
    assert (worker.in_time, worker.bodies, worker.longest) == (0, 0, 20)


def test_workers_that_need_not_wait_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a pool of none, a body of theirs is one too many."""
    monkeypatch.setattr(waiting, 'MAX_SIZE', 0)
    outcome = ThreadCrowd(lambda: lambda body: body(), 2, 0.001).round(0.01)
    assert outcome.overfull > 0


def test_a_poll_is_in_vain_if_its_waiter_still_waits() -> None:
    """A request of another kind is none, and a grant may be a list as well."""
    counter = PollCounter()
    poll, other = (load_script(name).digest for name in ('ask', 'join'))
    waits, granted = 3 * 2**43 + 17, 2**43 + 17
    for digest, answer in ((poll, granted), (poll, [granted, b'ticket']), (other, [waits, b'1', 0, b''])):
        counter.note(digest, answer)
    assert counter.in_vain == 0
    counter.note(poll, [waits, b'1', 0, b''])
    assert counter.in_vain == 1


def test_a_line_says_how_workers_waited() -> None:
    """A dash means that this way makes no polls of its own."""
    line = WaitLine('5 tasks', 'BLPOP', Spread(1_500, 1_400, 1_600), 0.25, 3, 12, 2.004, None)
    *_, last = waits_markdown([line]).splitlines()
    assert [cell.strip() for cell in last.split('|')[1:-1]] == [
        '5 tasks',
        'BLPOP',
        '1,500 (1,400 to 1,600)',
        '0.250 s',
        '3 to 12',
        '2.00',
        '-',
    ]


def test_a_row_without_a_target_is_not_judged() -> None:
    """Its verdict is empty, unless a promise was broken."""
    row = Row('a', Spread(9, 9, 9), 'LIMIT', Absolute(2, 1, 'µs'), bound=None)
    assert [cell.strip() for cell in markdown([row], []).splitlines()[-1].split('|')[4:6]] == ['', '']
    assert (as_json(row)['met'], as_json(row)['target']) == (None, None)


# --- the table


def test_a_target_is_met_by_the_median_and_by_all_that_was_counted() -> None:
    """At most or at least, and not if a promise was broken or a further condition was not met."""
    times = Absolute(2, 1, 'µs')
    ratio = Spread(1.1, 0.9, 1.3)
    assert Row('a', ratio, 'LIMIT', times, bound=1.1).met
    assert not Row('a', ratio, 'LIMIT', times, bound=1.09).met
    assert Row('a', ratio, 'LIMIT', times, bound=1.1, at_least=True).met
    assert not Row('a', ratio, 'LIMIT', times, bound=1.11, at_least=True).met
    assert not Row('a', ratio, 'LIMIT', times, bound=1.1, unmet=('not flat',)).met
    assert not Row('a', ratio, 'LIMIT', times, bound=1.1, broken=('1 overfull',)).met


def test_a_quick_run_is_judged_by_no_target() -> None:
    """A few tiny rounds say nothing about speed, but a broken promise still counts."""
    times = Absolute(2, 1, 'µs')
    slow = Row('slow', Spread(9, 9, 9), 'LIMIT', times, bound=1.1)
    wrong = Row('wrong', Spread(1, 1, 1), 'LIMIT', times, bound=1.1, broken=('1 overfull',))
    verdicts = [line.split('|')[5].strip() for line in markdown([slow, wrong], [], quick=True).splitlines()[2:]]
    assert verdicts == ['quick: not judged', '**broken**']
    assert (as_json(slow, quick=True)['met'], as_json(slow)['met']) == (None, False)


def test_a_row_without_numbers_says_why() -> None:
    """It was not asked for, or a promise was broken."""
    rows = [
        NotMeasured('a', 'quick 1.0', 'needs --others'),
        NotMeasured('b', 'quick 1.0', '', broken=('occupancy violated at 3 s',)),
    ]
    cells = [[cell.strip() for cell in line.split('|')[1:-1]] for line in markdown(rows, []).splitlines()[2:]]
    assert cells == [
        ['a', '', 'quick 1.0', '', 'not measured', 'needs --others'],
        ['b', '', 'quick 1.0', '', '**broken**', 'occupancy violated at 3 s'],
    ]
    assert as_json(rows[1])['broken'] == ['occupancy violated at 3 s']


def test_the_table_shows_the_others_and_what_they_cannot() -> None:
    """Each has a column, with a ratio or the reason why there is none."""
    row = Row(
        'sync',
        Spread(1.23, 1.0, 1.5),
        'LIMIT',
        Absolute(2_000, 1.5, 'µs'),
        bound=1.1,
        others={'quick 1.0': Cell(Spread(4, 3, 5), '8 of 8 in use'), 'small 2.0': 'no expiry'},
    )
    *_, last = markdown([row], ['quick 1.0', 'small 2.0']).splitlines()
    assert [cell.strip() for cell in last.split('|')[1:-1]] == [
        'sync',
        '1.230 (1.000 to 1.500)',
        'LIMIT',
        '<= 1.10',
        '**missed**',
        '2,000 / 1.5 µs',
        '4.00 (3.00 to 5.00); 8 of 8 in use',
        'no expiry',
    ]


# --- the other packages


class _Subject:
    """A package that supports one measure."""

    def chunk(self, measure: str) -> Chunk:
        if measure != 'store sync empty':
            raise CannotError('no asyncio')
        return lambda count: count / 8

    def arena(self, kind: str) -> Threads:
        return Threads(lambda: lambda body: False, actors=1)

    def crowd(self, kind: str, workers: int, body: float) -> ThreadCrowd:
        return ThreadCrowd(lambda: lambda in_slot: in_slot(), workers, body)


def test_a_worker_answers_line_by_line() -> None:
    """A prepared loop can be measured any number of times; what the package lacks is reported."""
    worker = Worker(_Subject())
    assert worker.answer('prepare', 'store sync empty') is None
    assert worker.answer('measure', 'store sync empty', 2) == 0.25
    worker.answer('gather', 'threads')
    assert worker.answer('round', 'threads', 0.005)[0] == 0
    with pytest.raises(CannotError, match='no asyncio'):
        worker.answer('prepare', 'store async empty')
    worker.close()
