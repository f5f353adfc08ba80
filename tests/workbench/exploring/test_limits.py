"""Each named limit of the shipped protocols is shown by its shortest schedule."""

from pathlib import Path

import pytest
import redis

from simulations.cli import main
from simulations.exploring import LIMITS, SUBJECTS, Scope, explore, replay_schedule, subject
from simulations.stores.embedded import EmbeddedServerError
from tests.support.servers import or_skip


pytestmark = pytest.mark.quick


SHORTEST = {
    'nx-spurious-refusal': (6, 'C1 was refused although a slot was free throughout'),
    'nx-paused-release': (6, 'the release of B1 reported its slot as gone although it had not expired'),
    'nx-repeated-request': (1, 'A1 was refused although a slot was free throughout'),
    'nx-late-request': (3, 'at the end 1 of 1 slot was taken instead of 0'),
    'redis-late-by-hours': (6, 'at the end 1 of 1 slot was taken instead of 0'),
    'redis-forgets': (3, 'the release of A1 reported its slot as gone although it had not expired'),
    'redis-outlived-slot': (3, '2 bodies run at the same time in a pool of 1, because one outlived its slot: A1, B1'),
}


def test_there_is_a_schedule_for_each_limit() -> None:
    """The table lists every limit, and no limit is also a protocol."""
    assert SHORTEST.keys() == LIMITS.keys()
    assert not SHORTEST.keys() & SUBJECTS.keys()


@pytest.mark.parametrize('name', LIMITS)
def test_a_limit_is_found_by_its_shortest_schedule(name: str) -> None:
    """Replaying the schedule shows the limit again."""
    found = explore(subject(name))

    assert found.violation is not None
    assert (len(found.violation.schedule.moves), found.violation.reason) == SHORTEST[name]
    again = replay_schedule(found.violation.schedule)
    assert again is not None
    assert again.reason == SHORTEST[name][1]


@pytest.mark.parametrize('name', LIMITS)
def test_the_protocol_itself_does_not_promise_it(name: str) -> None:
    """The same schedules break no promise of the shipped one; no pool survives a lost store."""
    limit = LIMITS[name]
    shipped = subject(name.partition('-')[0])
    scope = limit.scope._replace(pauses=shipped.scope.pauses, kinds=shipped.scope.kinds, late_by=shipped.scope.late_by)

    assert shipped.protocol is limit.protocol
    assert explore(shipped, scope).violation is None


def test_a_slot_that_is_not_outlived_is_shared_by_no_two_bodies() -> None:
    """Without an expiry in between no schedule shows this limit, so the expiry causes it."""
    limit = LIMITS['redis-outlived-slot']
    found = explore(limit)
    assert found.violation is not None
    assert [move.do for move in found.violation.schedule.moves].count('wait') == 1
    moves = [move for move in found.violation.schedule.moves if move.do != 'wait']

    assert replay_schedule(found.violation.schedule.with_moves(moves)) is None


def test_a_limit_is_searched_by_its_name_and_ends_with_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit exits like a violation, and its saved schedule replays."""
    monkeypatch.chdir(tmp_path)
    assert main(['explore', 'nx-spurious-refusal']) == 1
    output = capsys.readouterr().out

    assert 'GOES WRONG after 6 moves: C1 was refused although a slot was free throughout' in output
    saved = tmp_path / 'pool-sim-results' / 'nx_spurious_refusal.json'
    assert main(['explore', '--replay', str(saved)]) == 1


def test_the_scripts_are_explored_on_an_embedded_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server starts and stops with the search, and shows the same limits."""
    monkeypatch.chdir(tmp_path)
    with or_skip(EmbeddedServerError):
        from simulations.stores.embedded import embedded_server

        with embedded_server() as socket, redis.Redis(unix_socket_path=str(socket)) as client:
            assert client.ping()
    words = ['--clients', '2', '--max-size', '1', '--faults', '1', '--schedules', '20']
    assert main(['explore', 'redis', '--store', 'valkey', *words]) == 0
    assert '--store valkey' in capsys.readouterr().out
    assert main(['explore', 'redis-outlived-slot', '--store', 'valkey']) == 1


def test_who_holds_no_slot_any_more_runs_no_body() -> None:
    """A crashed holder, and one that was refused, are not counted among those that run."""
    limit = LIMITS['redis-outlived-slot']
    found = explore(limit, Scope(clients=2, max_size=1, faults=1, kinds=('crash',)))
    assert found.violation is not None
    assert 'crash' not in [move.do for move in found.violation.schedule.moves]
