"""The search catches each broken pool by its shortest schedule, and the shipped ones pass."""

import functools
import json
import random
from pathlib import Path

import pytest
import redis
from hypothesis import find, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from py_cachify import MemoryClient
from py_cachify.backends.memory import MemoryBackend
from py_cachify.backends.redis import Script, load_script
from py_cachify.commands import Refusal
from simulations.broken import BROKEN
from simulations.exploring import SUBJECTS, Move, Schedule, Scope, explore, replay_schedule, subject
from simulations.exploring.explore import Exploration, _count_ways
from simulations.exploring.moves import (
    ARRIVE,
    CRASH,
    FAULTS,
    FORGET,
    LATE,
    LATE_FAULTS,
    LOSE_REPLY,
    LOSE_REQUEST,
    OVERTAKEN,
    REPEAT,
    STEP,
)
from simulations.exploring.states import Machine
from simulations.exploring.subjects import HOLDING
from simulations.exploring.worlds import MemoryWorld, RedisWorld, fakeredis_world, server_world


pytestmark = pytest.mark.quick


SHORTEST = {
    'check-then-add': (6, '2 clients hold a slot of a pool of 1 at the same time: A1, B1'),
    'blind-release': (4, 'A1 released a slot that it no longer held'),
    'short-lock': (12, '2 clients hold a slot of a pool of 1 at the same time: A1, B1'),
    'client-clock': (5, '2 clients hold a slot of a pool of 1 at the same time: A1, B1'),
    'counter': (2, '1 of 1 slot stays taken forever although nobody holds it'),
    'delete-by-index': (6, 'the release of B1 reported its slot as gone although it had not expired'),
    'retried-acquire': (1, 'A1 was refused although a slot was free throughout'),
    'no-tombstone': (4, 'at the end 1 of 1 slot was taken instead of 0'),
    'revived-slot': (3, 'A1 renewed a slot that it no longer held'),
    'renewed-after-release': (5, 'at the end 1 of 1 slot was taken instead of 0'),
    'lost-token': (4, 'B1 waits forever although nobody holds a slot'),
    'missed-signal': (5, 'B1 waits forever although nobody holds a slot'),
    'swallowed-signal': (7, 'C1 waits forever although nobody holds a slot'),
    'dead-head': (3, 'B1 waits forever although nobody holds a slot'),
    'wake-all': (7, 'C1 was given a slot although B1 has waited longer'),
}


def test_there_is_a_length_for_each_broken_pool() -> None:
    """The table lists every broken pool."""
    assert SHORTEST.keys() == {broken.name for broken in BROKEN}
    assert [name for name in SUBJECTS if name not in SHORTEST] == [
        'redis',
        'memory',
        'nx',
        'redis-wait',
        'redis-wait-together',
        'redis-wait-mixed',
        'redis-wait-sizes',
        'redis-wait-bounded',
        'memory-wait',
        *(each.name for each in HOLDING),
    ]


@functools.cache
def caught(name: str) -> Exploration:
    """Search a broken pool in the scope that it declares, once for all tests."""
    return explore(subject(name))


@pytest.mark.parametrize('name', SHORTEST)
def test_a_broken_pool_is_found_out_by_its_shortest_schedule(name: str) -> None:
    """The search uses the scope that the pool declares; replaying the schedule fails again."""
    found = caught(name)

    assert found.violation is not None
    assert (len(found.violation.schedule.moves), found.violation.reason) == SHORTEST[name]
    again = replay_schedule(found.violation.schedule)
    assert again is not None
    assert (again.reason, again.story) == (found.violation.reason, found.violation.story)
    assert SHORTEST[name][1] in str(found)


@pytest.mark.parametrize('name', SHORTEST)
def test_random_schedules_find_it_too_and_are_cut_down_to_what_they_need(name: str) -> None:
    """2,000 random schedules are enough, and shrinking leaves at most three extra moves."""
    found = explore(subject(name), schedules=2000, seed=1)

    assert found.violation is not None
    assert found.violation.found_after <= 2000
    moves = found.violation.schedule.moves
    assert SHORTEST[name][0] <= len(moves) <= SHORTEST[name][0] + 3
    assert explore(subject(name), schedules=2000, seed=1)._replace(seconds=0) == found._replace(seconds=0)


def test_an_undo_that_leaves_no_trace_is_found_by_late_requests_only() -> None:
    """An acquire that is delivered after its own undo takes a slot, here for ever."""
    scope = Scope(clients=1, max_size=1, faults=1)
    late = explore(subject('no-tombstone'), scope._replace(kinds=(LATE,), slot_exp=None)).violation

    assert explore(subject('no-tombstone'), scope).violation is None
    assert late is not None
    assert [move.do for move in late.schedule.moves] == [LATE, STEP, STEP, ARRIVE]
    assert 'arrives; the store carries it out, and nobody receives the reply True' in str(late)


def test_clients_that_count_and_then_add_have_sixty_odd_ways_to_go_on() -> None:
    """This is the example of the notebook, with two clients."""
    assert explore(subject('check-then-add')).schedules == 67


SCOPES = {
    'memory': [
        Scope(faults=1),
        Scope(clients=2, max_size=1, rounds=2, faults=1),
        Scope(clients=2, max_size=1, faults=2),
        Scope(clients=2, max_size=2, faults=2, slot_exp=None),
    ],
    'redis': [
        Scope(clients=2, max_size=1, faults=1),
        Scope(clients=3, max_size=2, faults=0),
        Scope(clients=2, max_size=1, faults=1, slot_exp=None),
    ],
    'nx': [
        Scope(clients=2, max_size=1, faults=1, pauses=False),
        Scope(clients=3, max_size=2, faults=0, pauses=False),
        Scope(clients=2, max_size=1, faults=1, slot_exp=None, pauses=False),
    ],
}


@pytest.mark.parametrize(('name', 'scope'), [(name, scope) for name in SCOPES for scope in SCOPES[name]], ids=str)
def test_the_shipped_protocols_keep_every_promise(name: str, scope: Scope) -> None:
    """Schedules contain crashes, lost requests and replies, repeats, and clocks ahead."""
    found = explore(subject(name), scope)

    assert found.violation is None, found.violation
    assert found.complete
    assert found.schedules > found.states / 4 > 5


def test_the_shipped_protocols_keep_every_promise_in_random_schedules_of_more_clients() -> None:
    """The scope is five clients, two rounds and three faults."""
    found = explore(subject('memory'), Scope(5, 2, 2, 3), schedules=300, seed=1)

    assert found.violation is None, found.violation
    assert found.schedules == 300


def test_the_scripts_on_a_real_server_come_out_like_those_in_memory(server: 'redis.Redis', socket: str) -> None:
    """The number of schedules is the same; the database must be empty before, and is afterwards."""
    scope = Scope(clients=2, max_size=1, faults=1)
    there = explore(subject('redis'), scope, world=server_world(f'unix://{socket}'))
    here = explore(subject('memory'), scope)

    assert there.violation is here.violation is None
    assert there.schedules == here.schedules
    server.flushdb()
    server.set('theirs', 'kept')
    with pytest.raises(ValueError, match='is not empty'):
        server_world(f'unix://{socket}')


def test_a_limit_of_the_plain_contract_is_found_as_it_is_named() -> None:
    """A release that pauses past the expiry, between check and deletion, frees another's slot."""
    found = explore(subject('nx'), Scope(clients=2, max_size=1, faults=0, pauses=True))

    assert found.violation is not None
    assert found.violation.reason == 'the release of B1 reported its slot as gone although it had not expired'
    assert len(found.violation.schedule.moves) == 6


def _goes_wrong(name: str, scope: Scope, choices: list[int]) -> str | None:
    """Make the possible moves that these numbers choose; return what goes wrong, if anything."""
    machine = Machine(subject(name), scope)
    state = machine.start()
    for choice in choices:
        possible = list(machine.moves(state))
        if not possible:
            break
        state, _, wrong = machine.make(state, possible[choice % len(possible)])
        if wrong:
            return wrong
    return machine.left_behind(state) if state.over else None


CHOICES = st.lists(st.integers(0, 23), max_size=60)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(['memory', 'nx']), CHOICES)
def test_no_schedule_that_hypothesis_makes_up_goes_wrong(name: str, choices: list[int]) -> None:
    """The schedule is data, so Hypothesis would shrink one that goes wrong."""
    assert _goes_wrong(name, Scope(4, 2, 2, 3, pauses=name != 'nx'), choices) is None


def test_hypothesis_cuts_a_schedule_down_to_the_shortest() -> None:
    """It finds a schedule as short as that of the exhaustive search."""
    scope = subject('check-then-add').scope
    shortest = find(
        CHOICES,
        lambda choices: _goes_wrong('check-then-add', scope, choices) is not None,
        settings=settings(max_examples=5000, database=None, deadline=None),
        random=random.Random(1),
    )

    assert len(shortest) == 6


def test_a_store_that_forgets_is_a_limit_of_every_protocol() -> None:
    """Like a failover without the last writes: the holder's slot goes to another client."""
    found = explore(subject('redis'), Scope(clients=2, max_size=1, faults=1, kinds=(FORGET,)))

    assert found.violation is not None
    assert found.violation.reason == 'the release of A1 reported its slot as gone although it had not expired'
    moves = found.violation.schedule.moves
    assert [move.do for move in moves] == ['step', 'store forgets', 'step']
    overbooked = replay_schedule(found.violation.schedule.with_moves([*moves[:2], Move('step', 1)]))
    assert overbooked is not None
    assert overbooked.reason == '2 clients hold a slot of a pool of 1 at the same time: A1, B1'
    assert 'The store forgets everything.' in str(found)
    assert Schedule.from_json(found.violation.schedule.to_json()) == found.violation.schedule
    assert replay_schedule(found.violation.schedule) is not None
    assert found.violation.plot(Figure().add_subplot()).texts


# --- mutants: shipped code without one of its decisions


def _without(name: str, old: str, new: str) -> RedisWorld:
    world = fakeredis_world()
    assert isinstance(world, RedisWorld)
    script = load_script(name, 'virtual_clock')
    assert script.text.count(old.encode()) == 1, (name, old)
    text = script.text.replace(old.encode(), new.encode())
    import hashlib

    digest = hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()
    setattr(world._backend, f'_{name}', Script(text, digest, script.keys))
    return world


@pytest.mark.parametrize(
    ('name', 'old', 'new', 'reason'),
    [
        ('acquire', "redis.call('ZSCORE', KEYS[1], ARGV[1]) and 1 or 0", '0', 'was refused although a slot was free'),
        (
            'acquire',
            "taken - redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)",
            'taken',
            'was refused although a slot was free',
        ),
        (
            'acquire',
            'taken >= tonumber(ARGV[2]) then\n    return request',
            'taken > tonumber(ARGV[2]) then\n    return request',
            'hold a slot of a pool of 1 at the same time',
        ),
        (
            'release',
            "(expiry == 'inf' or tonumber(expiry) > now) and 1 or 0",
            '1',
            'released a slot that it no longer held',
        ),
        (
            'release',
            "  redis.call('ZREM', KEYS[1], ARGV[1])\n  in_time",
            '  in_time',
            'was refused although a slot was free',
        ),
    ],
    ids=['own token not looked for', 'expired not dropped', 'one too many', 'expired released', 'not released'],
)
def test_a_script_without_one_of_its_decisions_is_found_out(name: str, old: str, new: str, reason: str) -> None:
    """The unchanged script passes the same search."""
    found = explore(subject('redis'), Scope(clients=2, max_size=1, faults=1), world=_without(name, old, new))

    assert found.violation is not None
    assert reason in found.violation.reason


class _Forgetful(MemoryClient):
    """A client that does not look for its own token before it counts."""

    def take_slot(self, key: str, token: str, max_size: int, slot_exp: float | None) -> bool | Refusal:
        if token in self._slots.live.get(key, {}):
            return len(self._slots.live[key]) < max_size
        return super().take_slot(key, token, max_size, slot_exp)


class _KeepsExpired(MemoryClient):
    """A client that does not drop an expired slot before a release."""

    def drop_slot(self, key: str, token: str) -> bool:
        return self._slots.remove(key, token)


class _NeverDrops(MemoryClient):
    """A client whose release succeeds but keeps the slot."""

    def drop_slot(self, key: str, token: str) -> bool:
        return token in self._slots.live.get(key, {})


@pytest.mark.parametrize('broken', [_Forgetful, _KeepsExpired, _NeverDrops])
def test_a_store_in_memory_without_one_of_its_decisions_is_found_out(broken: type[MemoryClient]) -> None:
    """The unchanged store passes the same search."""
    world = MemoryWorld(MemoryBackend, broken)

    assert explore(subject('memory'), Scope(clients=2, max_size=1, faults=1), world=world).violation is not None


def test_an_acquire_that_is_not_undone_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost reply leaves a slot behind that counts against the next client."""
    monkeypatch.setattr('py_cachify.protocols._undo', lambda release, token, error: iter(()))
    found = explore(subject('memory'), Scope(clients=2, max_size=1, faults=1, kinds=(LOSE_REPLY,)))

    assert found.violation is not None
    assert found.violation.reason == 'B1 was refused although a slot was free throughout'


def test_a_plain_release_that_does_not_look_whose_slot_it_is_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is caught even if time passes only between operations."""
    from py_cachify.commands import DeleteName, Steps
    from py_cachify.protocols import Lease

    def blind(lease: Lease) -> Steps[bool]:
        yield from DeleteName(lease.name)
        return True

    monkeypatch.setattr('py_cachify.protocols._delete_if_own', blind)
    assert explore(subject('nx'), Scope(clients=2, max_size=1, faults=0, pauses=False)).violation is not None


# --- schedules as text, test and picture


def test_a_schedule_is_a_small_text_that_is_read_again(tmp_path: Path) -> None:
    """The format is plain JSON, which other programs can write too."""
    found = explore(subject('delete-by-index')).violation
    assert found is not None
    found.schedule.save(tmp_path / 'it.json')

    assert Schedule.load(tmp_path / 'it.json') == found.schedule
    assert json.loads((tmp_path / 'it.json').read_text())['moves'][:4] == [
        [0, 'step'],
        [0, 'step'],
        'wait',
        [1, 'step'],
    ]
    assert (tmp_path / 'it.json').stat().st_size < 500


def test_a_schedule_of_slots_for_ever_is_read_again_too() -> None:
    """Its life is null, and no slot can expire; a life of 0 is refused."""
    schedule = Schedule('memory', 2, 1, None, 1, (Move('step', 0), Move('crash', 0), Move('step', 1)))

    assert Schedule.from_json(json.loads(json.dumps(schedule.to_json()))) == schedule
    assert replay_schedule(schedule) is None
    with pytest.raises(ValueError, match='move 3, wait, cannot be made: nothing is left that could expire'):
        replay_schedule(schedule.with_moves([*schedule.moves[:2], Move('wait')]))
    with pytest.raises(ValueError, match='slot_exp must be at least 1'):
        explore(subject('memory'), Scope(slot_exp=0))


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        ('no json', 'cannot read the schedule'),
        ('[]', 'this is not a schedule'),
        ('{"protocol": "redis", "clients": 2, "max_size": 1, "slot_exp": 10, "rounds": 1}', 'moves'),
        ('{"protocol": "redis", "clients": -2, "max_size": 1, "slot_exp": 10, "rounds": 1, "moves": []}', '-2'),
        (
            '{"protocol": "redis", "clients": 2, "max_size": 1, "slot_exp": 10, "rounds": 1, "moves": [[0, "fly"]]}',
            'fly',
        ),
    ],
)
def test_what_is_no_schedule_is_refused_in_words(tmp_path: Path, text: str, complaint: str) -> None:
    """The message names what is wrong."""
    (tmp_path / 'it.json').write_text(text)
    with pytest.raises(ValueError, match=complaint):
        Schedule.load(tmp_path / 'it.json')
    with pytest.raises(ValueError, match='cannot read the schedule'):
        Schedule.load(tmp_path / 'nowhere.json')


def test_a_move_that_cannot_be_made_is_named() -> None:
    """This happens, for example, if the schedule was saved for an older protocol."""
    schedule = Schedule('memory', 1, 1, 10, 1, (Move('step', 0), Move('step', 0), Move('step', 0)))
    with pytest.raises(ValueError, match='move 3, step, cannot be made: client 0 has finished'):
        replay_schedule(schedule)
    with pytest.raises(ValueError, match='move 1, wait, cannot be made: nothing is left that could expire'):
        replay_schedule(schedule.with_moves([Move('wait')]))
    with pytest.raises(ValueError, match="there is no protocol 'mine': choose redis, memory"):
        replay_schedule(schedule._replace(protocol='mine'))


@pytest.mark.parametrize('name', SHORTEST)
def test_a_schedule_becomes_a_test_that_fails_until_it_is_mended(name: str) -> None:
    """The text is a complete test module."""
    found = caught(name).violation
    assert found is not None
    module: dict[str, object] = {}
    exec(found.to_test('it'), module)
    check = module['test_it_keeps_every_promise']
    assert callable(check)

    with pytest.raises(AssertionError, match=SHORTEST[name][1].split(':')[0]):
        check()


@pytest.mark.parametrize('name', SHORTEST)
def test_a_schedule_is_drawn_as_a_sequence_diagram(name: str) -> None:
    """Clients and store have lanes, commands are arrows, and the reason comes last."""
    found = caught(name).violation
    assert found is not None
    axes = Figure(figsize=(8, 6)).add_subplot()
    assert found.plot(axes) is axes
    words = [text.get_text() for text in axes.texts]

    assert {'client A', 'store\n(max_size 1)'} <= set(words)
    assert SHORTEST[name][1] in [word.replace('\n', ' ') for word in words]
    assert sum(happened.command is not None for happened in found.story) <= len(words)


def test_an_unknown_kind_of_fault_is_refused_with_the_nearest() -> None:
    """A misspelled kind must not be searched as if it were none."""
    with pytest.raises(ValueError, match="unknown fault 'crsh': the nearest is 'crash'; choose from crash, lose"):
        explore(subject('memory'), Scope(kinds=('crsh',)))
    with pytest.raises(ValueError, match="this is not a schedule: unknown move 'lose replay', the nearest is 'lose re"):
        Schedule.from_json(Schedule('memory', 1, 1, 10, 1, (Move('lose replay', 0),)).to_json())
    with pytest.raises(
        ValueError, match="this is not a schedule: unknown move 'wait hlaf', the nearest is 'wait half'"
    ):
        Schedule.from_json(Schedule('memory', 1, 1, 10, 1, (Move('wait hlaf'),)).to_json())


def test_the_scope_says_how_time_passes() -> None:
    """ "Every schedule" is every schedule of these passages."""
    small = Scope(clients=1, max_size=1, faults=0)

    assert 'to the next expiry, and at most once half-way there or until just before it' in str(
        explore(subject('memory'), small)
    )
    assert 'time passes to the next expiry\n' in str(explore(subject('memory'), small._replace(between=0)))
    assert 'at most 3 times half-way' in str(explore(subject('memory'), small._replace(between=3)))
    assert 'but never within an operation' in str(explore(subject('nx'), small._replace(pauses=False)))
    assert 'slots never expire' in str(explore(subject('memory'), small._replace(slot_exp=None)))


def test_faults_and_stops_can_be_limited_together() -> None:
    """Two of either kind, or one of each: the search lies between that of one and that of both."""
    scope = Scope(clients=2, max_size=1, faults=1, kinds=(CRASH,))
    states = [explore(subject('memory'), scope._replace(together=each)).states for each in (0, 1, 2, None)]

    assert states[0] < states[1] < states[2] == states[3]
    assert states[0] == explore(subject('memory'), scope._replace(faults=0, between=0)).states
    assert 'at most 1 fault or such stop together' in str(explore(subject('memory'), scope._replace(together=1)))
    with pytest.raises(ValueError, match='together must be at least 0'):
        explore(subject('memory'), scope._replace(together=-1))


def test_the_default_scope_of_the_scripts_contains_late_requests() -> None:
    """Each kind of fault happens, and time stops between two expiries."""
    for name in ('memory', 'redis'):
        scope = subject(name).scope
        assert set(scope.kinds) == {*FAULTS, *LATE_FAULTS}
        assert (scope.faults, scope.between, scope.together) == (2, 1, 2)


def test_a_state_that_follows_from_itself_does_not_keep_the_count() -> None:
    """In a world that never comes to rest, time can pass to an equal state."""
    assert _count_ways([[1, 2], [3], [3], []]) == 2
    assert _count_ways([[1], [1, 2], [0, 3], []]) == 1


def test_clients_that_have_not_begun_are_interchangeable() -> None:
    """Each schedule that is left out is one that is searched, with other letters."""
    memory, scope = subject('memory'), Scope(clients=3, max_size=2, faults=1, kinds=(*FAULTS, *LATE_FAULTS), between=0)
    alike, each = explore(memory, scope), explore(memory._replace(alike=False), scope)

    assert each.schedules == 6 * alike.schedules
    assert not subject('nx').alike  # it begins its scan at a name that depends on the token


def test_two_late_requests_of_one_client_arrive_in_any_order() -> None:
    """The schedule says which one, and is read again from its text."""
    moves = (Move(LATE, 0), Move(LATE, 0), Move(ARRIVE, 0, 1), Move(ARRIVE, 0))
    schedule = Schedule('memory', 1, 1, 10, 1, moves)
    text = schedule.to_json()
    machine = Machine(subject('memory'), Scope(clients=1, max_size=1, faults=2))
    state = machine.start()
    for move in moves[:2]:
        state, _, _ = machine.make(state, move)

    assert [move for move in machine.moves(state) if move.do == ARRIVE] == [Move(ARRIVE, 0), Move(ARRIVE, 0, 1)]
    assert text['moves'] == [[0, 'late'], [0, 'late'], [0, 'arrive', 1], [0, 'arrive']]
    assert Schedule.from_json(json.loads(json.dumps(text))) == schedule
    assert replay_schedule(schedule) is None  # nobody promised that this acquire was undone
    with pytest.raises(ValueError, match='move 5, arrive, cannot be made: client 0 has no such late request'):
        replay_schedule(schedule.with_moves((*moves, Move(ARRIVE, 0))))


def test_a_request_is_late_by_an_hour_at_most() -> None:
    """A tombstone that lasts for an hour is therefore enough, and a later request is a limit."""
    scope = Scope(clients=1, max_size=1, faults=1, kinds=(LATE,), slot_exp=4000)
    found = explore(subject('no-tombstone'), scope._replace(late_by=1000))
    machine = Machine(subject('no-tombstone'), Scope(clients=2, max_size=1, faults=1, kinds=(LATE,), slot_exp=4000))
    state = machine.start()
    for move in (Move(LATE, 0), Move('step', 0), Move('step', 0), Move('step', 1)):
        state, _, _ = machine.make(state, move)

    assert found.violation is not None
    assert Move(ARRIVE, 0) in machine.moves(state)
    state, _, _ = machine.make(state, Move('wait'))
    assert Move(ARRIVE, 0) not in machine.moves(state)


def test_each_kind_of_fault_is_told_and_drawn() -> None:
    """The story says what happened and what the client received."""
    faults = {
        CRASH: 'crashes and does nothing more',
        LOSE_REQUEST: 'the request and the connection are lost',
        LOSE_REPLY: 'the server carries it out, but the reply True',
        REPEAT: 'its client library sends the request again and receives True',
        'clock ahead': 'runs ahead from now on',
        LATE: 'the request is late, and the client gives up',
        OVERTAKEN: 'the request is late, and its client library sends it again, overtakes it, and receives True',
    }
    assert faults.keys() == {*FAULTS, *LATE_FAULTS}
    for fault, words in faults.items():
        first = [Move('step', 0)] if fault == CRASH else []
        moves = (*first, Move(fault, 0))
        schedule = Schedule('memory', 1, 1, 10, 1, moves)
        from simulations.exploring.explore import Failure

        machine = Machine(subject('memory'), Scope(1, 1, faults=1))
        state, story = machine.start(), []
        for move in moves:
            state, happened, _ = machine.make(state, move)
            story.append(happened)
        failure = Failure(schedule, 'nothing', tuple(story), 0)
        assert words in str(failure)
        assert failure.plot(Figure().add_subplot()).texts


def test_a_scope_that_cannot_be_is_refused() -> None:
    """The error is raised before the search begins."""
    with pytest.raises(ValueError, match='clients must be at least 1'):
        explore(subject('memory'), Scope(clients=0))
    with pytest.raises(ValueError, match='clients must be at most 26'):
        explore(subject('memory'), Scope(clients=27))
    with pytest.raises(ValueError, match='schedules must be at least 1'):
        explore(subject('memory'), schedules=0)
    with pytest.raises(ValueError, match='most_states must be at least 1'):
        explore(subject('memory'), most_states=0)


def test_a_search_that_is_cut_off_says_so() -> None:
    """An incomplete search must not read like a pass."""
    found = explore(subject('memory'), most_states=50)

    assert not found.complete
    assert 'verdict     CUT OFF after 50 states: nothing went wrong so far' in str(found)
    assert 'every schedule' not in str(found)
