"""Clients that renew their slots and draw fencing tokens: the stores keep what they promise."""

import pytest
from matplotlib.figure import Figure

from py_cachify import MemoryClient
from py_cachify.backends.memory import MemoryBackend
from py_cachify.commands import Refusal
from py_cachify.protocols import INDEXED, Renewals
from simulations.broken import BROKEN
from simulations.exploring import Move, Schedule, Scope, explore, replay_schedule, subject
from simulations.exploring.explore import Failure
from simulations.exploring.moves import ARRIVE, CRASH, HALF, LATE, LOSE_REPLY, LOSE_REQUEST, REPEAT, STEP, WAIT
from simulations.exploring.states import Happened, Machine, State
from simulations.exploring.subjects import HOLDING
from simulations.exploring.worlds import MemoryWorld
from simulations.stores.protocols import PROTOCOLS


SMALL = [
    ('redis-renew', {'clients': 2, 'max_size': 1}),
    ('redis-renew', {'clients': 2, 'faults': 0, 'max_size': 1, 'renewals': 2}),
    ('redis-renew', {'clients': 2, 'slot_exp': None, 'faults': 1}),
    ('memory-renew', {'clients': 2}),
    ('memory-renew', {'clients': 2, 'faults': 1, 'max_size': 1, 'rounds': 2, 'between': 0}),
    ('redis-fence', {'clients': 2, 'faults': 1}),
    ('redis-fence', {'clients': 3, 'faults': 0, 'max_size': 2}),
    ('memory-fence', {'clients': 2}),
    ('memory-fence', {'clients': 2, 'faults': 1, 'renewals': 1}),
    ('redis-wait-renew', {'faults': 0}),
    ('redis-wait-renew', {'timeouts': 0, 'kinds': (CRASH, LATE)}),
    ('redis-wait-fence', {'clients': 2, 'kinds': (CRASH, LOSE_REPLY, LATE), 'timeouts': 1}),
    ('memory-wait-renew', {'faults': 0}),
    ('memory-wait-renew', {'clients': 2}),
    ('memory-wait-fence', {'faults': 1, 'timeouts': 0}),
]


@pytest.mark.parametrize(('name', 'scope'), SMALL)
def test_nothing_goes_wrong_while_clients_hold_their_slots(name: str, scope: dict[str, object]) -> None:
    """Each scope is a part of the subject's own, or as large as it."""
    known = subject(name)
    found = explore(known, known.scope._replace(**scope))  # type: ignore[arg-type]  # of any field

    assert found.complete
    assert found.violation is None, str(found)


def test_every_subject_that_holds_is_searched() -> None:
    """The list above leaves out none."""
    assert {name for name, _ in SMALL} == {each.name for each in HOLDING}


@pytest.mark.parametrize('name', ['memory-renew', 'redis-wait-renew', 'redis-wait-fence'])
def test_random_schedules_of_more_clients_keep_every_promise(name: str) -> None:
    """Two slots, and each client holds one twice."""
    known = subject(name)
    scope = known.scope._replace(clients=4, max_size=2, rounds=2, faults=3, together=None)
    found = explore(known, scope, schedules=40, seed=1)

    assert found.schedules == 40
    assert found.violation is None, str(found)


RENEWING = [each for each in BROKEN if each.renewals]


@pytest.mark.parametrize('name', [each.name for each in RENEWING])
@pytest.mark.parametrize('store', ['redis-renew', 'memory-renew'])
def test_the_shipped_renewal_keeps_every_promise_in_the_scope_of_each_broken_one(name: str, store: str) -> None:
    """It makes neither mistake; and without renewals the broken pools make none."""
    scope = subject(name).scope

    assert explore(subject(store), scope).violation is None
    assert explore(subject(name), scope).violation is not None
    assert explore(subject(name), scope._replace(renewals=0)).violation is None


def test_a_simulated_store_does_not_offer_pools_that_renew() -> None:
    """Nobody renews a slot there, so nothing would go wrong."""
    assert RENEWING
    assert not {each.name for each in RENEWING} & PROTOCOLS.keys()


# --- what is judged


class _Shorter(MemoryClient):
    """A client whose renewal gives half of the life."""

    def renew_slots(self, key: str, renewals: Renewals) -> tuple[bool, ...]:
        return super().renew_slots(key, tuple((token, life and life / 2) for token, life in renewals))


class _Longer(MemoryClient):
    """A client whose renewal gives twice the life."""

    def renew_slots(self, key: str, renewals: Renewals) -> tuple[bool, ...]:
        return super().renew_slots(key, tuple((token, life and life * 2) for token, life in renewals))


class _Reviving(MemoryClient):
    """A client whose renewal takes a slot again that is gone."""

    def renew_slots(self, key: str, renewals: Renewals) -> tuple[bool, ...]:
        for token, life in renewals:
            self.take_slot(key, token, 9, life)
        return super().renew_slots(key, renewals)


class _Stubborn(MemoryClient):
    """A client that renews no slot."""

    def renew_slots(self, key: str, renewals: Renewals) -> tuple[bool, ...]:
        return (False,) * len(renewals)


class _Boasting(MemoryClient):
    """A client that says that it has renewed a slot, and has not."""

    def renew_slots(self, key: str, renewals: Renewals) -> tuple[bool, ...]:
        there = super().list_slots(key)
        return tuple(any(slot.token == token for slot in there) for token, _ in renewals)


class _Releasing(MemoryClient):
    """A client whose renewal gives the slot back."""

    def renew_slots(self, key: str, renewals: Renewals) -> tuple[bool, ...]:
        return tuple(self.drop_slot(key, token) for token, _ in renewals)


class _Same(MemoryClient):
    """A client that gives the same fencing token to everybody."""

    def draw_fence(self, key: str, token: str) -> int | Refusal:
        return 7


class _Generous(MemoryClient):
    """A client that gives a fencing token to whoever asks."""

    def draw_fence(self, key: str, token: str) -> int | Refusal:
        self._fences[key] = self._fences.get(key, 0) + 1
        return self._fences[key]


class _Stingy(MemoryClient):
    """A client that gives nobody a fencing token."""

    def draw_fence(self, key: str, token: str) -> int | Refusal:
        return Refusal.EXPIRED


WRONG = {
    _Shorter: ('memory-renew', 4, 'the release of A1 reported its slot as gone although it had not expired'),
    _Longer: ('memory-renew', 4, 'A1 released a slot that it no longer held'),
    _Reviving: ('memory-renew', 3, 'A1 renewed a slot that it no longer held'),
    _Stubborn: ('memory-renew', 2, 'the renewal of A1 reported its slot as gone although it had not expired'),
    _Boasting: ('memory-renew', 5, 'the release of A1 reported its slot as gone although it had not expired'),
    _Releasing: ('memory-renew', 3, 'the release of A1 reported its slot as gone although it had not expired'),
    _Same: ('memory-fence', 5, 'B1 received the fencing token 7 after 7'),
    _Generous: ('memory-fence', 5, 'A1 received a greater fencing token than B1, which got the slot later'),
    _Stingy: ('memory-fence', 2, 'A1 was told that its slot had expired although it had not'),
}


@pytest.mark.parametrize('client', WRONG, ids=lambda each: each.__name__)
def test_a_store_that_breaks_one_promise_is_found_out(client: type[MemoryClient]) -> None:
    """The unchanged store passes the same search."""
    name, moves, reason = WRONG[client]
    scope = Scope(clients=2, max_size=1, faults=0, renewals=1) if name == 'memory-renew' else None
    found = explore(subject(name), scope, world=MemoryWorld(MemoryBackend, client))

    assert found.violation is not None
    assert (found.violation.reason, len(found.violation.schedule.moves)) == (reason, moves)
    assert explore(subject(name), found.scope._replace(faults=0)).violation is None


# --- what a client does


def _made(name: str, *moves: Move, **scope: object) -> tuple[State, list[Happened]]:
    known = subject(name)
    machine = Machine(known, known.scope._replace(**scope))  # type: ignore[arg-type]  # of any field
    state, story = machine.start(), []
    for move in moves:
        state, happened, wrong = machine.make(state, move)
        assert wrong is None
        story.append(happened)
    return state, story


def _told(name: str, *moves: Move, **scope: object) -> str:
    _, story = _made(name, *moves, **scope)
    failure = Failure(Schedule(name, 3, 1, 10, 1, moves), 'nothing', tuple(story), 0)
    assert failure.plot(Figure().add_subplot()).texts
    return str(failure)


def test_a_client_renews_as_often_as_the_scope_says_and_then_releases() -> None:
    _, story = _made('memory-renew', *[Move(STEP, 0)] * 4, renewals=2)

    assert [happened.called for happened in story] == ['acquire A1', 'renew A1', 'renew A1', 'release A1']
    assert [happened.ended for happened in story] == ['granted', 'renewed', 'renewed', 'released']


def test_a_client_whose_slot_is_gone_still_releases_it() -> None:
    """As the library does; neither brings it back."""
    _, story = _made('memory-renew', Move(STEP, 0), Move(WAIT), Move(STEP, 0), Move(STEP, 0))

    assert [happened.ended for happened in story[2:]] == ['not renewed', 'too late']


def test_a_lost_renewal_loses_no_slot() -> None:
    """The client holds it still, and the judge allows either outcome."""
    for fault in (LOSE_REQUEST, LOSE_REPLY, LATE):
        state, story = _made('memory-renew', Move(STEP, 0), Move(fault, 0), Move(STEP, 0))
        assert [happened.ended for happened in story] == ['granted', 'renewal failed', 'released']
        assert state.monitor.counts() == {0}


def test_a_late_renewal_can_arrive_after_the_release() -> None:
    """And does nothing then."""
    state, story = _made('redis-renew', Move(STEP, 0), Move(LATE, 0), Move(STEP, 0), Move(ARRIVE, 0))

    assert story[3].answers == ((False,),)
    assert state.monitor.pending == frozenset()


def test_a_late_renewal_can_arrive_in_time() -> None:
    """The slot then outlives its first expiry."""
    late = (Move(STEP, 0), Move(LATE, 0), Move(HALF), Move(ARRIVE, 0), Move(WAIT))
    state, story = _made('memory-renew', *late, Move(STEP, 0))

    assert story[3].answers == ((True,),)
    assert sum(happened.seconds for happened in story) == 10
    assert story[5].ended == 'released'
    assert state.monitor.counts() == {0}


def test_a_fencing_token_is_a_part_of_the_acquire() -> None:
    """A client holds its slot when it has both."""
    state, story = _made('memory-fence', Move(STEP, 0), Move(STEP, 0))

    assert [happened.ended for happened in story] == ['', 'granted']
    assert state.monitor.leases == {('A1', 10.0)}
    assert state.fences.greatest == story[1].answers[0]


def test_an_acquire_without_a_fencing_token_is_undone() -> None:
    """Its reply was lost: the slot is free again, and the next one is greater."""
    moves = (Move(STEP, 0), Move(LOSE_REPLY, 0), Move(STEP, 0), Move(STEP, 1), Move(STEP, 1))
    state, story = _made('redis-fence', *moves)

    assert [happened.ended for happened in story] == ['', '', 'failed', '', 'granted']
    assert story[4].answers[0] == story[1].answers[0] + 1
    assert state.fences.greatest == story[4].answers[0]


def test_a_client_that_was_too_slow_gets_no_fencing_token() -> None:
    """Its acquire ends without a slot, and it goes on."""
    moves = (Move(STEP, 0), Move(WAIT), Move(STEP, 1), Move(STEP, 1), Move(STEP, 0))
    state, story = _made('memory-fence', *moves)

    assert story[4].answers == (Refusal.EXPIRED,)
    assert story[4].ended == 'expired'
    assert state.clients[0].over
    assert state.monitor.counts() == {1}


def test_a_waiter_that_was_told_of_its_slot_draws_a_fencing_token_at_once() -> None:
    """In one move, whose request can be lost."""
    told = (Move(STEP, 0), Move(STEP, 0), Move(STEP, 1), Move(STEP, 0))
    _, story = _made('memory-wait-fence', *told, Move(STEP, 1))
    assert story[4].ended == 'granted'
    _, story = _made('memory-wait-fence', *told, Move(LOSE_REPLY, 1), Move(STEP, 1))
    assert [happened.ended for happened in story[4:]] == ['', 'failed']
    with pytest.raises(ValueError, match='sends nothing'):
        _made('memory-wait', Move(STEP, 0), Move(STEP, 1), Move(STEP, 0), Move(REPEAT, 1))


def test_a_crash_ends_a_hold_without_a_release() -> None:
    """Before its renewal, and between its slot and its fencing token."""
    for name in ('memory-renew', 'redis-fence'):
        state, _ = _made(name, Move(STEP, 0), Move(CRASH, 0))
        assert state.clients[0].over
        assert state.monitor.counts() in ({1}, {0, 1})


# --- words and files


def test_the_story_says_what_became_of_a_renewal() -> None:
    words = _told('memory-renew', Move(STEP, 0), Move(STEP, 0), Move(STEP, 0), max_size=1)
    assert "Client A renews: it sends RenewSlots(pool, (('A1', 10.0),)) and receives (True,); A1 holds its" in words
    assert 'holds its slot for longer' in words
    words = _told('memory-renew', Move(STEP, 0), Move(WAIT), Move(STEP, 0), max_size=1)
    assert 'receives (False,); the slot of A1 is already gone' in words
    words = _told('memory-renew', Move(STEP, 0), Move(LATE, 0), max_size=1)
    assert 'its connection is lost; the renewal of A1 has failed' in words


def test_the_story_says_that_an_acquire_was_too_slow() -> None:
    words = _told('memory-fence', Move(STEP, 0), Move(WAIT), Move(STEP, 0))
    assert 'sends DrawFence(pool, A1) and receives' in words
    assert 'the slot of A1 expired before its acquire returned' in words


def test_the_scope_says_what_clients_do_with_their_slots() -> None:
    small = Scope(clients=1, max_size=1, faults=0)

    assert '1 round each, no fault' in str(explore(subject('memory'), small))
    assert '1 round each with 1 renewal, no' in str(explore(subject('memory'), small._replace(renewals=1)))
    assert '1 round each with a fencing token, no' in str(explore(subject('memory'), small._replace(fences=True)))
    both = explore(subject('memory'), small._replace(renewals=2, fences=True))
    assert '1 round each with 2 renewals and a fencing token, no' in str(both)


def test_a_saved_schedule_says_how_its_clients_hold() -> None:
    """A file of an earlier version does not, because they did neither."""
    moves = (Move(STEP, 0), Move(STEP, 0), Move(STEP, 0), Move(STEP, 0))
    schedule = Schedule('memory', 1, 1, 10, 1, moves, renewals=1, fences=True)
    plain = schedule.to_json()

    assert Schedule.from_json(plain) == schedule
    assert replay_schedule(schedule) is None
    del plain['renewals'], plain['fences']
    assert Schedule.from_json(plain) == schedule._replace(renewals=0, fences=False)
    with pytest.raises(ValueError, match='move 3, step, cannot be made: client 0 has finished'):
        replay_schedule(Schedule.from_json(plain))


def test_what_a_protocol_cannot_do_is_refused() -> None:
    """The error is raised before the search begins."""
    assert (INDEXED.renew, INDEXED.fence) == (None, None)
    with pytest.raises(ValueError, match='the protocol nx cannot renew a slot: set renewals to 0'):
        explore(subject('nx'), Scope(renewals=1))
    with pytest.raises(ValueError, match='the protocol nx cannot draw a fencing token: set fences to False'):
        explore(subject('nx'), Scope(fences=True))
    with pytest.raises(ValueError, match='renewals must be at least 0'):
        explore(subject('memory'), Scope(renewals=-1))
