"""The limits of waiting that ``protocols.py`` and the guide name, and what holds within them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from py_cachify import Cachify, pool
from py_cachify.backends.base import Backend
from py_cachify.backends.redis import RedisBackend
from py_cachify.commands import (
    CLAIM,
    DEADLINE,
    AskAgain,
    CountSlots,
    CountWaiting,
    DropSlot,
    JoinQueue,
    LeaveQueue,
    Queued,
    Refusal,
    TakeSlot,
    UndoSlot,
)
from tests.library.waiting.crowd import LIMIT, Crowd
from tests.support.older import OlderRelease
from tests.support.stores import Clients, VirtualClock, backend_in_virtual_time


pytestmark = pytest.mark.quick

LONG_AGO = 1_700_000_000.0
LIFE = 600.0


def ticket(number: int, max_size: int = 1, process: str = 'p', slot_exp: float | None = LIFE) -> str:
    """Return a ticket of some process."""
    return f'1:{process}:0:0:{max_size}:{"" if slot_exp is None else slot_exp}:{number}'


class Line(NamedTuple):
    """A pool of a store in virtual time, and what its callers ask.

    Attributes:
        backend: the store.
        clock: its time.
    """

    backend: Backend
    clock: VirtualClock

    def join(self, name: str, max_size: int = 1, most: int | None = None) -> Any:
        return self.backend.perform(JoinQueue('k', name, max_size, LIFE, most))

    def ask(self, name: str, place: float, max_size: int = 1) -> Any:
        return self.backend.perform(AskAgain('k', name, max_size, LIFE, place))

    def take(self, name: str, max_size: int = 1) -> Any:
        return self.backend.perform(TakeSlot('k', name, max_size, LIFE))

    def drop(self, name: str) -> Any:
        return self.backend.perform(DropSlot('k', name))

    def counts(self) -> tuple[int, int]:
        """Return how many slots are taken, and how many wait."""
        return self.backend.perform(CountSlots('k')), self.backend.perform(CountWaiting('k'))


@pytest.fixture(params=['memory', 'fakeredis', 'valkey', 'redis'])
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    socket = {'valkey': 'running_server', 'redis': 'running_redis'}.get(request.param)
    place = '' if socket is None else str(request.getfixturevalue(socket))
    clock = VirtualClock(LONG_AGO)
    with backend_in_virtual_time(request.param, place, clock) as backend:
        yield Line(backend, clock)


@pytest.fixture(params=['fakeredis', 'valkey', 'redis'])
def server_line(request: pytest.FixtureRequest) -> Iterator[Line]:
    """The same on servers alone: a store in memory knows no silent waiters."""
    socket = {'valkey': 'running_server', 'redis': 'running_redis'}.get(request.param)
    place = '' if socket is None else str(request.getfixturevalue(socket))
    clock = VirtualClock(LONG_AGO)
    with backend_in_virtual_time(request.param, place, clock) as backend:
        yield Line(backend, clock)


# --- unequal sizes


def test_a_small_max_size_holds_up_those_behind_it(line: Line) -> None:
    """Until it can be served itself; then both get their slots, in order."""
    small, large = ticket(1, 1), ticket(2, 3)
    held = [ticket(8), ticket(9)]
    assert [line.take(name, 3) for name in held] == [True, True]
    assert isinstance(line.join(small), Queued)
    waiting = line.join(large, 3)
    assert isinstance(waiting, Queued)
    # One of three slots is free, which the second could have.
    assert line.ask(large, waiting.place, 3) == waiting
    assert line.take('c', 3) is Refusal.PROMISED
    assert line.drop(held[0]) is True
    assert line.counts() == (1, 2)
    assert line.drop(held[1]) is True
    assert line.counts() == (2, 0)
    assert line.drop(small) is True
    assert line.drop(large) is True


def test_when_the_small_one_leaves_the_next_is_served_at_once(line: Line) -> None:
    """Its own request gives the slot to those it held up."""
    small, large = ticket(1, 1), ticket(2, 3)
    line.take('a', 3)
    line.join(small)
    line.join(large, 3)
    assert line.backend.perform(LeaveQueue('k', small, 1, LIFE, False)) is False
    assert line.counts() == (2, 0)
    assert line.drop(large) is True


def test_a_slot_goes_to_as_many_as_their_sizes_allow(line: Line) -> None:
    """One release serves the first two of three, because they allow more slots than the third."""
    names = [ticket(1, 2), ticket(2, 3), ticket(3, 3)]
    held = [ticket(8), ticket(9)]
    assert [line.take(name, 3) for name in held] == [True, True]
    for name, size in zip(names, (2, 3, 3), strict=True):
        assert isinstance(line.join(name, size), Queued)
    assert line.counts() == (2, 3)
    assert line.drop(held[0]) is True
    assert line.counts() == (3, 1)
    assert (line.drop(names[0]), line.drop(names[1])) == (True, True)
    assert line.counts() == (2, 0)


# --- clocks


def test_a_clock_that_jumps_ahead_makes_waiters_silent(server_line: Line) -> None:
    """A newcomer is served; the others ask, and are in their old order again."""
    line = server_line
    first, second, newcomer = ticket(1), ticket(2), ticket(3)
    line.take('a', 1)
    places = [line.join(name).place for name in (first, second)]
    line.clock.now += DEADLINE
    assert line.counts() == (1, 0)
    assert line.drop('a') is True
    assert line.join(newcomer) is True
    # In the wrong order.
    assert line.ask(second, places[1]) == Queued(places[1], 0, LIFE)
    assert line.ask(first, places[0]) == Queued(places[0], 0, LIFE)
    assert line.ask(second, places[1]) == Queued(places[1], 1, LIFE)
    assert line.counts() == (1, 2)
    line.drop(newcomer)
    assert line.ask(first, places[0]) is True
    assert line.ask(second, places[1]).rank == 0


def test_a_waiter_that_asks_in_time_stays(server_line: Line) -> None:
    """Just before the deadline, and so again and again, whoever else is silent."""
    line = server_line
    lively, silent = ticket(2), ticket(1)
    line.take('a', 1)
    assert line.join(silent).rank == 0
    place = line.join(lively).place
    for rank in (1, 0, 0, 0):
        line.clock.now += DEADLINE - 1
        assert line.ask(lively, place).rank == rank
    assert line.counts() == (1, 1)


def test_a_clock_that_is_set_back_keeps_the_order(line: Line) -> None:
    """Who comes afterwards stands behind those who came before."""
    names = [ticket(number) for number in range(4)]
    line.take('a', 1)
    places = []
    for name in names:
        places.append(line.join(name).place)
        line.clock.now -= 100
    assert places == sorted(set(places))
    for left, name in zip(('a', *names), names, strict=False):
        assert line.drop(left) is True
        assert line.ask(name, 0.0) is True
    assert line.counts() == (1, 0)


def test_a_clock_that_stands_still_keeps_the_order(line: Line) -> None:
    """Even one that shows 0, or less."""
    line.clock.now = -5.0
    line.take('a', 1)
    names = [ticket(number) for number in (3, 1, 2)]
    places = [line.join(name).place for name in names]
    assert places == sorted(set(places))
    assert places[0] > 0
    assert [line.ask(name, place).rank for name, place in zip(names, places, strict=True)] == [0, 1, 2]


# --- late copies


def test_a_second_copy_of_a_request_to_wait_that_arrives_after_the_waiter_has_left(server_line: Line) -> None:
    """It takes a place, which is lost if nobody asks with it, or a slot until its life is over."""
    line = server_line
    line.take('a', 1)
    late = ticket(1)
    assert isinstance(line.join(late), Queued)
    assert line.backend.perform(LeaveQueue('k', late, 1, LIFE, False)) is False
    assert line.counts() == (1, 0)
    assert isinstance(line.join(late), Queued)
    assert line.counts() == (1, 1)
    line.clock.now += DEADLINE
    assert line.counts() == (1, 0)
    line.drop('a')
    assert line.join(late) is True
    assert line.counts() == (1, 0)
    line.clock.now += LIFE
    assert line.counts() == (0, 0)


@pytest.mark.parametrize('undo', [False, True])
def test_after_a_tombstone_no_copy_takes_anything(line: Line, undo: bool) -> None:
    """So a waiter whose request may still be on its way leaves one."""
    late = ticket(1)
    line.take('a', 1)
    line.join(late)
    line.backend.perform(UndoSlot('k', late) if undo else LeaveQueue('k', late, 1, LIFE, True))
    assert line.counts() == (1, 0)
    assert (line.join(late), line.ask(late, 1.0)) == (False, False)
    line.drop('a')
    assert (line.join(late), line.ask(late, 1.0), line.take(late)) == (False, False, False)
    assert line.counts() == (0, 0)


def test_a_late_question_gets_a_claim_alone(server_line: Line) -> None:
    """A ticket that nobody knows any more: its waiter may be gone, so the slot is kept briefly."""
    line = server_line
    assert line.ask(ticket(1), 1.0) == Queued(1.0, 0, 0.0)
    assert line.counts() == (1, 0)
    line.clock.now += CLAIM
    assert line.counts() == (0, 0)


# --- an older release


@pytest.fixture(params=['fakeredis', 'valkey', 'redis'])
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def older(clients: Clients, cachify: Cachify) -> OlderRelease:
    """What a process of an older release does, on the same server."""
    return OlderRelease(clients.sync)


KEY = 'PYC-reports'


def one() -> pool:
    return pool('reports', max_size=1, wait=None)


def test_an_older_release_overtakes(older: OlderRelease, clients: Clients) -> None:
    """What it gives back is granted to nobody, so the next acquire gets it, if that is its own."""
    backend = RedisBackend(clients.sync)
    first, second = older.new_token(), older.new_token()
    assert older.take(KEY, first, 1, 60) is True
    waiting = backend.perform(JoinQueue(KEY, ticket(1), 1, LIFE, None))
    assert isinstance(waiting, Queued)
    assert older.give_back(KEY, first) is True
    assert (backend.perform(CountSlots(KEY)), backend.perform(CountWaiting(KEY))) == (0, 1)
    assert older.take(KEY, second, 1, 60) is True
    assert isinstance(backend.perform(AskAgain(KEY, ticket(1), 1, LIFE, waiting.place)), Queued)
    # The next request of any other kind grants what it gives back.
    assert older.give_back(KEY, second) is True
    assert backend.perform(TakeSlot(KEY, ticket(2), 1, LIFE)) is False
    assert backend.perform(AskAgain(KEY, ticket(1), 1, LIFE, waiting.place)) is True
    assert (backend.perform(CountSlots(KEY)), backend.perform(CountWaiting(KEY))) == (1, 0)


def test_an_older_release_never_gets_a_slot_too_many(older: OlderRelease, clients: Clients) -> None:
    """What was given to a waiter counts for it too, claims and slots alike."""
    backend = RedisBackend(clients.sync)
    holder = ticket(0, process='another')
    backend.perform(TakeSlot(KEY, holder, 1, LIFE))
    backend.perform(JoinQueue(KEY, ticket(1), 1, LIFE, None))
    backend.perform(DropSlot(KEY, holder))
    assert older.take(KEY, older.new_token(), 1, 60) is False
    assert backend.perform(AskAgain(KEY, ticket(1), 1, LIFE, 1.0)) is True
    assert older.take(KEY, older.new_token(), 1, 60) is False
    assert backend.perform(CountSlots(KEY)) == 1


def test_a_waiter_gets_what_an_older_release_gives_back(
    older: OlderRelease, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody tells it, so it takes a pause: within the time of a claim, which is shorter here."""
    monkeypatch.setattr('py_cachify.pauses.CLAIM', 0.2)
    token = older.new_token()
    assert older.take(KEY, token, 1, 60) is True
    waiter = crowd.queue(one())
    assert older.give_back(KEY, token) is True
    assert waiter.entered.wait(LIMIT)


def test_a_waiter_gets_what_expires_of_an_older_release(older: OlderRelease, crowd: Crowd) -> None:
    assert older.take(KEY, older.new_token(), 1, 0.1) is True
    assert crowd.enter(one()).entered.wait(LIMIT)


def test_an_undo_of_an_older_release_frees_its_slot(
    older: OlderRelease, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tombstone is where the others are."""
    monkeypatch.setattr('py_cachify.pauses.CLAIM', 0.2)
    token = older.new_token()
    older.take(KEY, token, 1, 60)
    waiter = crowd.queue(one())
    assert older.undo(KEY, token) is True
    assert waiter.entered.wait(LIMIT)
    assert older.take(KEY, token, 5, 60) is False


def test_its_slots_are_given_back_and_handed_over_by_a_newer_release(
    older: OlderRelease, clients: Clients, crowd: Crowd
) -> None:
    """A token of its form is one like any other: it counts, and its release serves the queue."""
    token = older.new_token()
    older.take(KEY, token, 1, None)
    assert one().size() == 1
    waiter = crowd.queue(one())
    assert RedisBackend(clients.sync).perform(DropSlot(KEY, token)) is True
    assert waiter.entered.wait(LIMIT)
    assert one().size() == 1


def test_a_slot_of_a_waiter_is_given_back_by_an_older_release(older: OlderRelease, clients: Clients) -> None:
    """The other way round: tokens are texts to it."""
    backend = RedisBackend(clients.sync)
    assert backend.perform(JoinQueue(KEY, ticket(1), 1, LIFE, None)) is True
    assert older.give_back(KEY, ticket(1)) is True
    assert backend.perform(CountSlots(KEY)) == 0
