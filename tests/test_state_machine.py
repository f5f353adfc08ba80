"""Whatever clients do, in any order, and whoever crashes: the pool agrees with a model of a few lines.

One state machine takes slots, gives them back, lets time pass and lets holders crash.  It runs over every
kind of store, in virtual time, and beside it runs the model: the instants at which the slots end.  The
second half proves that the machine can fail: it finds each of several planted bugs.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import fakeredis
import pytest
import redis
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from py_cachify import MemoryClient
from py_cachify.backends import redis as scripts
from py_cachify.backends.base import Backend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.backends.plain import PlainBackend
from py_cachify.backends.redis import RedisBackend
from py_cachify.commands import Command, DropSlot, GetValue, TakeSlot
from py_cachify.drivers import run
from py_cachify.protocols import Lease
from tests.stores import VirtualClock


MAX_SIZE = 3
LIVES: tuple[float | None, ...] = (1, 2, 5, None)
"""Whole seconds, as a plain client keeps them."""


class Holders(RuleBasedStateMachine):
    """Holders of one pool, and beside it the model."""

    make: ClassVar[Callable[[VirtualClock], Backend]]

    held = Bundle('held')

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock(1000.0)
        self.backend = type(self).make(self.clock)
        self.tokens = 0
        # The model: each granted slot that was not released, and the instant at which it is gone.
        self.ends: dict[str, float] = {}

    def live(self) -> int:
        return sum(end > self.clock.now for end in self.ends.values())

    @rule(target=held, slot_exp=st.sampled_from(LIVES))
    def acquire(self, slot_exp: float | None) -> Any:
        """It is granted if, and only if, fewer than ``MAX_SIZE`` slots are live."""
        self.tokens += 1
        token = f'token-{self.tokens}'
        before = self.live()
        protocol = self.backend.protocol
        lease = run(protocol.acquire('reports', token, MAX_SIZE, slot_exp), self.backend.perform)
        assert (lease is not None) == (before < MAX_SIZE), f'{lease} with {before} live slots of {MAX_SIZE}'
        if lease is None:
            return multiple()
        self.ends[token] = math.inf if slot_exp is None else self.clock.now + slot_exp
        return lease

    @rule(lease=consumes(held))
    def release(self, lease: Lease) -> None:
        """It says whether the slot was still there; the invariant sees that no other went."""
        in_time = run(self.backend.protocol.release(lease), self.backend.perform)
        assert in_time == (self.ends.pop(lease.token) > self.clock.now)

    @rule(lease=consumes(held))
    def crash(self, lease: Lease) -> None:
        """The holder is gone, and nobody will release its slot."""

    @rule(seconds=st.sampled_from([0.5, 1, 2, 3]))
    def time_passes(self, seconds: float) -> None:
        """In halves of seconds, so that the very instant of expiry is met as well."""
        self.clock.now += seconds

    @invariant()
    def the_occupancy_is_the_models(self) -> None:
        """``size()`` is the number of live slots, and that is never above ``MAX_SIZE``."""
        size = run(self.backend.protocol.size('reports', MAX_SIZE), self.backend.perform)
        assert size == self.live()
        assert size <= MAX_SIZE

    def teardown(self) -> None:
        """When every slot that can expire has, only those without expiry are left."""
        self.clock.now += 10
        size = run(self.backend.protocol.size('reports', MAX_SIZE), self.backend.perform)
        assert size == sum(end == math.inf for end in self.ends.values())


def examine(
    make: Callable[[VirtualClock], Backend], examples: int = 80, phases: tuple[Phase, ...] = tuple(Phase)
) -> None:
    """Run the machine over new backends made by ``make``; raises what it finds."""
    machine = type('HoldersOfOneStore', (Holders,), {'make': staticmethod(make)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            settings(), max_examples=examples, stateful_step_count=40, phases=phases, report_multiple_bugs=False
        ),
    )


def expect_a_find(make: Callable[[VirtualClock], Backend]) -> None:
    """The machine must find fault with these; how small it could make the history is not asked."""
    with pytest.raises(AssertionError):
        examine(make, examples=200, phases=(Phase.generate,))


def in_memory(clock: VirtualClock) -> Backend:
    return MemoryBackend(MemoryClient(clock))


def over_a_plain_client(clock: VirtualClock) -> Backend:
    client = MemoryClient(clock)
    return PlainBackend(client)


@contextmanager
def over_a_server(client: Any) -> Iterator[Callable[[VirtualClock], Backend]]:
    """Makes backends of ``client``, whose server is emptied for each."""

    def make(clock: VirtualClock) -> Backend:
        client.flushall()
        return RedisBackend(client, clock)

    with client:
        yield make


def test_memory_agrees_with_the_model() -> None:
    """Any history of acquires, releases, crashes and waits, in memory."""
    examine(in_memory)


def test_a_plain_client_agrees_with_the_model() -> None:
    """The same for the plain contract, as long as one request follows the other."""
    examine(over_a_plain_client)


def test_a_real_server_agrees_with_the_model(socket: str) -> None:
    """The same for the scripts on a real Valkey server."""
    with over_a_server(redis.Redis(unix_socket_path=socket)) as make:
        examine(make)


# --- planted bugs


class Counts(MemoryBackend):
    """Lets one too many in: it compares with > where it should with >=."""

    def perform(self, command: Command[Any]) -> Any:
        if isinstance(command, TakeSlot):
            command = dataclasses.replace(command, max_size=command.max_size + 1)
        return super().perform(command)


class ReleasesAny(MemoryBackend):
    """Gives back the slot of whoever took one last, not of the token."""

    def __init__(self, client: MemoryClient) -> None:
        super().__init__(client)
        self.last = ''

    def perform(self, command: Command[Any]) -> Any:
        if isinstance(command, TakeSlot):
            self.last = command.token
        if isinstance(command, DropSlot):
            command = dataclasses.replace(command, token=self.last)
        return super().perform(command)


class NeverExpires(MemoryBackend):
    """Forgets the life of a slot."""

    def perform(self, command: Command[Any]) -> Any:
        if isinstance(command, TakeSlot):
            command = dataclasses.replace(command, slot_exp=None)
        return super().perform(command)


class DoesNotLook(PlainBackend):
    """Does not compare the token before it deletes a name."""

    def perform(self, command: Command[Any]) -> Any:
        reply = super().perform(command)
        if isinstance(command, GetValue) and reply is not None:
            # As if the value were always one's own; counting needs only that there is one.
            return _Equal(reply)
        return reply


class _Equal(str):
    __slots__ = ()

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


@pytest.mark.parametrize('broken', [Counts, ReleasesAny, NeverExpires, DoesNotLook])
def test_the_machine_finds_a_planted_bug(broken: Any) -> None:
    """In the counting, in the release and in the expiry."""
    expect_a_find(lambda clock: broken(MemoryClient(clock)))


@pytest.mark.parametrize(
    ('right', 'wrong'),
    [
        (b'taken >= tonumber', b'taken > tonumber'),
        (b"redis.call('ZREM', KEYS[1], ARGV[1])", b"redis.call('ZPOPMIN', KEYS[1])"),
        (b"redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)", b"redis.call('ZCOUNT', KEYS[1], 1, 0)"),
        (b"'-inf', now", b"'-inf', string.format('(%.17g', now)"),
    ],
    ids=[
        'counts one too many',
        'releases any',
        'never expires',
        'lives on at the instant of expiry',
    ],
)
def test_the_machine_finds_a_planted_bug_in_a_script(
    right: bytes, wrong: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scripts on a fake server, with one line changed."""
    read = scripts._read
    changes: list[str] = []

    def planted(name: str) -> bytes:
        text = read(name)
        if right in text:
            changes.append(name)
        return text.replace(right, wrong)

    monkeypatch.setattr(scripts, '_read', planted)
    scripts.load_script.cache_clear()
    try:
        with over_a_server(fakeredis.FakeRedis(server=fakeredis.FakeServer())) as make:
            expect_a_find(make)
        assert changes
    finally:
        scripts.load_script.cache_clear()
