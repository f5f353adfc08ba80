"""The state machine: what holders do, and what must be true afterwards."""

import asyncio
import logging
import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from py_cachify import UNSET, CachifyPoolFullError, pool
from py_cachify import _giving_back as giving_back_of_the_library
from py_cachify import _retries as retries_of_the_library
from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.commands import TakeSlot
from py_cachify.protocols import Lease
from tests.state_machine.model import Model
from tests.state_machine.sides import FRAMES, PLACES, STRANGER, Side, side_of
from tests.state_machine.stores import DEFAULT_LIFE, PREFIX, Store, stores_of
from tests.state_machine.wire import CANCELLATIONS, LOSSES, Fate


KEYS = ('reports', 'reports:1')
SIZES = ((1,), (2,), (3,), (1, 2), (2, 3), (1, 3))
"""The sizes of one pool in one history: usually a single one, as recommended."""
LIVES = (UNSET, 1, 1.5, 5, None, None)
"""In seconds. All durations are multiples of 0.25 s, so the very instant of an expiry occurs."""

keys = st.sampled_from([KEYS[0], *KEYS])
lives: Any = st.sampled_from(LIVES)
frames = st.integers(0, FRAMES - 1)
places = st.integers(0, PLACES - 1)
which = st.integers(0, 7)
body_errors: Any = st.sampled_from([None, ZeroDivisionError('of the body')])
# A plain release sends two requests, so an accident can hit the second.
accidents = st.sampled_from(
    [[first] for first in LOSSES]
    + [[first, second] for first in (*LOSSES, Fate.ARRIVES) for second in LOSSES]
    + [[Fate.ARRIVES, first, second] for first in LOSSES for second in LOSSES]
)
cancellations = st.one_of(
    st.sampled_from([[fate] for fate in CANCELLATIONS] + [[Fate.ARRIVES, fate] for fate in CANCELLATIONS]),
    st.lists(st.sampled_from([*CANCELLATIONS, *Fate]), min_size=2, max_size=3),
)

NO_TASK = -1
"""The place of a task that ends after one action."""


@dataclass
class Entry:
    """A slot that was taken by entering a pool object, and is released by leaving it."""

    frame: int
    place: int
    token: str
    since: float


@dataclass(repr=False)
class Object:
    """A pool object, with the entries that have not been left yet, in order."""

    of: pool
    key: str
    max_size: int
    life: float | None
    entries: list[Entry] = field(default_factory=list)

    def __repr__(self) -> str:
        return repr(self.of)

    def whose_turn(self, frame: int, place: int) -> Entry:
        """Return the entry that ``frame`` leaves: its newest, that of the place, or the oldest."""
        of_frame = [entry for entry in self.entries if entry.frame == frame]
        of_place = [entry for entry in self.entries if entry.place == place]
        return (of_frame or of_place or self.entries[:1])[-1]


@dataclass
class Tally:
    """What was done and what happened, and after how many examples something was found."""

    examples: int = 0
    steps: int = 0
    found: int | None = None
    events: 'Counter[str]' = field(default_factory=Counter)


class Holders(RuleBasedStateMachine):
    """The holders of the pools of one store, next to the model."""

    make_store: ClassVar[Callable[[Callable[[], float]], Store]]
    side: ClassVar[Side]
    tally: ClassVar[Tally]
    may_fork: ClassVar[bool] = hasattr(os, 'fork')

    objects = Bundle('objects')
    leases = Bundle('leases')

    def __init__(self) -> None:
        super().__init__()
        self.tally.examples += 1
        self._patches = in_virtual_time(lambda: self.model.now)
        self._patches.__enter__()
        self.log = Log()
        self.store = type(self).make_store(lambda: self.model.now)
        self.model = Model(whole_seconds=self.store.whole_seconds)
        self.settings = self.store.cachify._settings()
        for backend in self.settings.backends:
            if backend is not None:
                backend.new_token = self.new_token
        self.protocol = self.settings.sync_backend().protocol
        self.side.new_frames()
        self.sizes: tuple[int, ...] = (1,)
        self.made: list[Object] = []
        self.held: list[Lease] = []
        self.largest = dict.fromkeys(KEYS, 0)
        self.tokens = self.children = 0
        self.process = os.getpid()
        self.just_passed = self.was_left_too_often = False

    def new_token(self, process: int, *_terms: object) -> str:
        """Return a token that is the same in each run: it decides where plain scans begin."""
        self.tokens += 1
        return f'token-{self.tokens}' if process == self.process else f'token-{self.tokens}-of-child-{self.children}'

    def happened(self, event: str) -> None:
        self.tally.events[event] += 1

    @initialize(sizes=st.sampled_from(SIZES))
    def begin(self, sizes: tuple[int, ...]) -> None:
        """Choose the sizes of the pools."""
        self.sizes = sizes

    # --- pool objects

    @precondition(lambda self: len(self.made) < 6)
    @rule(target=objects, key=keys, size=st.integers(0, 1), slot_exp=lives)
    def make_pool(self, key: str, size: int, slot_exp: Any) -> Object:
        """Make another object of a new or a known pool, perhaps with another life of its slots."""
        made = self.new_pool(key, size, slot_exp)
        self.made.append(made)
        return made

    @precondition(lambda self: len(self.made) < 6)
    @rule(target=objects, key=keys, size=st.integers(0, 1), slot_exp=lives, frame=frames, place=places)
    def make_and_enter(self, key: str, size: int, slot_exp: Any, frame: int, place: int) -> Object:
        """Make a pool object and enter it immediately, as most programs do."""
        made = self.new_pool(key, size, slot_exp)
        self.made.append(made)
        self.enter(made, frame, place)
        return made

    def new_pool(self, key: str, size: int, slot_exp: Any) -> Object:
        max_size = self.sizes[size % len(self.sizes)]
        life = DEFAULT_LIFE if slot_exp is UNSET else slot_exp
        return Object(self.store.cachify.pool(key, max_size, slot_exp), key, max_size, life)

    @rule(of=objects, frame=frames, place=places)
    def enter(self, of: Object, frame: int, place: int) -> None:
        """Enter: it succeeds exactly if a slot is free, even if the same frame holds one."""
        outcome = self.side.do(('enter', of.of, None), frame, place)
        self.entered(of, frame, place, outcome)
        assert self.log.new_kinds() == []

    @precondition(lambda self: self.open_entries())
    @rule(nth=which, frame=frames, place=places)
    def enter_once_more(self, nth: int, frame: int, place: int) -> None:
        """Enter an object that was entered and not left."""
        of, _ = self.open_entries()[nth % len(self.open_entries())]
        self.enter(of, frame, place)

    @precondition(lambda self: self.model.ends())
    @rule(of=objects, frame=frames, place=places, nth=which, offset=st.sampled_from([-0.25, 0, 0.25]))
    def enter_when_a_slot_ends(self, of: Object, frame: int, place: int, nth: int, offset: float) -> None:
        """Enter around an expiry: just before it the slot is taken, at that instant it is free."""
        ends = self.model.ends(of.key) or self.model.ends()
        self.model.now = max(self.model.now, ends[nth % len(ends)] + offset)
        self.enter(of, frame, place)
        self.happened('entered when a slot ended')

    def entered(self, of: Object, frame: int, place: int, outcome: BaseException | None) -> None:
        """Judge the outcome of an undisturbed acquire."""
        assert outcome is None or isinstance(outcome, CachifyPoolFullError), repr(outcome)
        if outcome is not None:
            assert (outcome.key, outcome.max_size) == (of.key, of.max_size)
        token = self.judged(of.key, of.max_size, of.life, granted=outcome is None)
        if token is not None:
            if of.entries:
                self.happened('one object entered again')
            of.entries.append(Entry(frame, place, token, self.model.now))

    def judged(self, key: str, max_size: int, life: float | None, *, granted: bool) -> str | None:
        """Check whether a grant or refusal was right; return the new slot's token, if any."""
        live = self.model.live(key)
        self.happened('granted' if granted else 'refused')
        if not granted and self.is_exact(key, max_size):
            assert len(live) >= max_size, f'refused with {len(live)} live slots of {max_size}'
        if not granted:
            assert live, 'refused by an empty pool'
        if granted and self.is_exact(key, max_size):
            assert len(live) < max_size, f'granted with {len(live)} live slots of {max_size}'
        if not granted:
            return None
        new = self.store.tokens(key) - live
        assert len(new) == 1, f'{len(new)} new slots for one grant'
        token = new.pop()
        self.model.take(key, token, life)
        self.largest[key] = max(self.largest[key], max_size)
        return token

    def is_exact(self, key: str, max_size: int) -> bool:
        """Return whether an acquire with this ``max_size`` sees every possible slot of the pool."""
        return self.store.sees_all or max_size >= self.largest[key]

    def open_entries(self) -> list[tuple[Object, Entry]]:
        return [(of, entry) for of in self.made for entry in of.entries]

    def one_who_entered(self, of: Object, nth: int) -> Entry | None:
        """Return an open entry of this object; enter it first if there is none."""
        if not of.entries:
            self.enter(of, nth % FRAMES, nth % PLACES)
        return of.entries[nth % len(of.entries)] if of.entries else None

    @rule(of=objects, nth=which, place=places, error=body_errors)
    def leave(self, of: Object, nth: int, place: int, error: Any) -> None:
        """Leave in any place and any order: it releases its own slot and no other."""
        entry = self.one_who_entered(of, nth)
        if entry is not None:
            self.leave_from(of, entry.frame, place, error)

    @rule(of=objects, nth=which, twice=st.booleans())
    def leave_from_another_frame(self, of: Object, nth: int, twice: bool) -> None:
        """Leave as an ``ExitStack`` does: it releases the object's newest slot in the place."""
        entry = self.one_who_entered(of, nth)
        if entry is not None and twice:
            # Now there are two entries to choose from, in one place or in two.
            self.enter(of, entry.frame, nth % PLACES)
        if entry is not None:
            self.leave_from(of, STRANGER, entry.place if entry.place >= 0 else 0, None)

    def leave_from(self, of: Object, frame: int, place: int, error: BaseException | None) -> None:
        entry = of.whose_turn(frame, place)
        if entry is not of.entries[-1]:
            self.happened('left in another order')
        if entry.frame != frame:
            self.happened('left from another frame')
        if entry.place != place:
            self.happened('left in another place')
        outcome = self.side.do(('leave', of.of, error), frame, place)
        assert outcome is None, repr(outcome)
        of.entries.remove(entry)
        self.given_back(of.key, entry, of.life)

    def given_back(self, key: str, entry: Entry, life: float | None) -> None:
        """Judge an undisturbed release: it logs a warning exactly if the slot was gone."""
        in_time = self.model.drop(key, entry.token)
        kinds = [] if in_time else [self.why_gone(entry, life)]
        assert self.log.new_kinds() == kinds
        self.happened('released' if in_time else f'released too late: {kinds[0]}')

    def why_gone(self, entry: Entry, life: float | None) -> str:
        return 'expired' if self.outlived(entry, life) else 'lost'

    def outlived(self, entry: Entry, life: float | None) -> bool:
        return life is not None and self.model.now - entry.since >= life

    @precondition(lambda self: not all(of.entries for of in self.made) and not self.was_left_too_often)
    @rule(of=objects, frame=frames, place=places)
    def leave_too_often(self, of: Object, frame: int, place: int) -> None:
        """Leave without an open entry: it raises, and no slot is released."""
        if not of.entries:
            outcome = self.side.do(('leave', of.of, None), frame, place)
            self.happened('left too often')
            self.was_left_too_often = True
            assert isinstance(outcome, RuntimeError)
            assert 'more often' in str(outcome)

    @rule(of=consumes(objects))
    def crash(self, of: Object) -> None:
        """Crash: the holders of this object never release their slots."""
        self.made.remove(of)
        if of.entries:
            self.happened('crashed')

    @rule(of=objects)
    def look(self, of: Object) -> None:
        """Call ``size()`` through an object of any size."""
        size = self.side.size(of.of)
        live = len(self.model.live(of.key))
        assert size == live or (not self.is_exact(of.key, of.max_size) and size <= live)

    # --- decorated functions

    @rule(
        key=keys,
        size=st.integers(0, 1),
        slot_exp=lives,
        when_full=st.sampled_from(['nothing', 'on_full', 'raise']),
        body=st.sampled_from(['returns', 'raises', 'outlives its slot']),
        by_object=st.booleans(),
    )
    def call(self, key: str, size: int, slot_exp: Any, when_full: str, body: str, by_object: bool) -> None:
        """Call a function: it holds a slot while its body runs, or a full pool refuses it."""
        made = self.new_pool(key, size, slot_exp)
        of = Object(made.of, key, made.max_size, made.life)
        on_full = None if when_full == 'nothing' else lambda name: f'{name} is full'
        options: dict[str, Any] = {'on_full': on_full, 'raise_on_full': when_full == 'raise'}

        def report(name: str) -> str:
            self.entered(of, 0, 0, None)
            self.the_store_is_as_the_model()
            if body == 'raises':
                raise ZeroDivisionError(name)
            if body == 'outlives its slot':
                self.model.now += 2
            return f'{name} is done'

        if by_object:
            function = of.of.pooled(**options)(self.side.function(report))
        else:
            decorate = self.store.cachify.pooled('{name}', made.max_size, slot_exp=slot_exp, **options)
            function = decorate(self.side.function(report))
        result: Any
        try:
            result = self.side.asked(function(key))
        except (ZeroDivisionError, CachifyPoolFullError) as raised:
            result = raised
        if of.entries:
            assert result == f'{key} is done' if body != 'raises' else isinstance(result, ZeroDivisionError)
            self.given_back(key, of.entries[0], of.life)
        else:
            self.judged(key, of.max_size, of.life, granted=False)
            self.happened(f'a call was refused: {when_full}')
            expected = {'nothing': None, 'on_full': f'{key} is full'}
            if when_full == 'raise':
                assert isinstance(result, CachifyPoolFullError)
            else:
                assert result == expected[when_full]
        counted = self.side.asked(function.size(key))
        assert counted == len(self.model.live(key)) or not self.is_exact(key, of.max_size)

    # --- the steps of the protocol, as the simulations use them

    @rule(target=leases, key=keys, size=st.integers(0, 1), life=st.sampled_from([1, 1.5, 5, None]))
    def acquire(self, key: str, size: int, life: float | None) -> Any:
        """Acquire without a pool object, under the same promise."""
        token = self.new_token(self.process)
        max_size = self.sizes[size % len(self.sizes)]
        lease = self.side.drive(self.settings, self.protocol.acquire(PREFIX + key, token, max_size, life))
        granted = self.judged(key, max_size, life, granted=bool(lease))
        if not lease:
            return multiple()
        assert lease.token == granted == token
        self.held.append(lease)
        return lease

    @rule(lease=leases)
    def release(self, lease: Lease) -> None:
        """Release: it returns whether the slot was still there, so never true the second time."""
        in_time = self.side.drive(self.settings, self.protocol.release(lease))
        assert in_time == self.model.drop(self.key_of(lease), lease.token)
        if lease in self.held:
            self.held.remove(lease)

    @precondition(lambda self: self.store.sees_all)
    @rule(lease=leases, max_size=st.integers(1, 3), life=st.sampled_from([1, 5, None]), after_release=st.booleans())
    def ask_again(self, lease: Lease, max_size: int, life: float | None, after_release: bool) -> None:
        """Repeat an acquire: a token with a slot is granted it again, another takes a new one."""
        if after_release:
            self.release(lease)
        key = self.key_of(lease)
        granted = self.side.perform(self.settings, TakeSlot(lease.name, lease.token, max_size, life))
        if lease.token in self.model.live(key):
            assert granted
            self.happened('an acquire was repeated')
        elif self.judged(key, max_size, life, granted=bool(granted)) is not None and lease not in self.held:
            self.held.append(lease)

    def key_of(self, lease: Lease) -> str:
        name = lease.name.removeprefix(PREFIX)
        return name if self.store.sees_all else name.rpartition(':')[0]

    @rule(lease=consumes(leases))
    def forget_lease(self, lease: Lease) -> None:
        """Crash the holder of a lease."""
        if lease in self.held:
            self.held.remove(lease)

    # --- time and restarts

    @rule(seconds=st.sampled_from([0.25, 1, 2]))
    def time_passes(self, seconds: float) -> None:
        """Let a few seconds pass."""
        self.model.now += seconds
        self.just_passed = True

    @precondition(lambda self: self.model.ends())
    @rule(nth=which, offset=st.sampled_from([-0.25, 0, 0.25]))
    def time_passes_to_an_end(self, nth: int, offset: float) -> None:
        """Let time pass to just before an expiry, to that very instant, or to just after it."""
        ends = self.model.ends()
        self.model.now = max(self.model.now, ends[nth % len(ends)] + offset)
        self.just_passed = True

    @precondition(lambda self: self.store.wire is not None)
    @rule()
    def restart(self) -> None:
        """Restart the store with its data, which changes nothing."""
        self.store.restart()

    @precondition(lambda self: self.store.forgets and len(self.open_entries()) > 1)
    @rule()
    def restart_without_data(self) -> None:
        """Restart without data: all slots are free, and holders notice when they release."""
        self.happened('the data was lost')
        self.store.forget()
        self.model.forget()

    # --- lost messages and cancelled tasks

    @precondition(lambda self: self.store.wire is not None)
    @rule(of=objects, frame=frames, place=places, fates=accidents)
    def enter_over_a_bad_line(self, of: Object, frame: int, place: int, fates: list[Fate]) -> None:
        """Enter while messages get lost: a failed acquire leaves no slot, or says it may have."""
        self.wire.plan(fates)
        outcome = self.side.do(('enter', of.of, None), frame, place)
        self.judge_disturbed_entry(of, frame, place, outcome)

    @precondition(lambda self: self.store.wire is not None and self.side.name == 'async')
    @rule(of=objects, frame=frames, fates=cancellations)
    def enter_in_a_cancelled_task(self, of: Object, frame: int, fates: list[Fate]) -> None:
        """Enter in a cancelled task: it holds no slot, whatever the store did or what fails."""
        self.wire.plan(fates)
        outcome = self.side.do_cancelled(('enter', of.of, None), frame, self.begun)
        self.judge_disturbed_entry(of, frame, NO_TASK, outcome)

    def judge_disturbed_entry(self, of: Object, frame: int, place: int, outcome: BaseException | None) -> None:
        lost, cancelled = self.wire.lost(), self.wire.was_cancelled()
        unheard = bool(lost) and lost[0][0] != 'get' and lost[0][1] is Fate.REPLY_LOST
        self.wire.plan([])
        kinds = self.log.new_kinds()
        if not lost and not cancelled:
            assert kinds == []
            self.entered(of, frame, place, outcome)
            return
        self.happened('an acquire was cancelled' if cancelled else 'an acquire failed')
        expected: type[BaseException] = asyncio.CancelledError if cancelled else ConnectionError
        assert isinstance(outcome, expected), repr(outcome)
        live = self.model.live(of.key)
        left = self.store.tokens(of.key) - live
        if len(lost) < 2:
            assert kinds == []
            assert not left, 'a failed acquire left a slot'
        elif not cancelled:
            assert kinds == ['not undone']
            assert 'could not be undone' in ''.join(getattr(outcome, '__notes__', []))
            if not unheard:
                assert not left
            elif self.store.sees_all:
                # If only its reply was lost, the undo was carried out as well.
                kept = lost[1][1] is Fate.REQUEST_LOST and len(live) < of.max_size
                assert len(left) == kept
        else:
            assert kinds in (['not undone'], ['not given back'])
        assert len(left) <= 1
        for token in left:
            assert len(live) < of.max_size or not self.is_exact(of.key, of.max_size)
            self.model.take(of.key, token, of.life)
            self.happened('a failed acquire left a slot and reported it')
            self.largest[of.key] = max(self.largest[of.key], of.max_size)

    @precondition(lambda self: self.store.wire is not None)
    @rule(of=objects, nth=which, place=places, error=body_errors, fates=accidents)
    def leave_over_a_bad_line(self, of: Object, nth: int, place: int, error: Any, fates: list[Fate]) -> None:
        """Leave while messages get lost: one failure is repeated, a second is logged or raised."""
        entry = self.one_who_entered(of, nth)
        if entry is None:
            return
        entry = of.whose_turn(entry.frame, place)
        self.wire.plan(fates)
        outcome = self.side.do(('leave', of.of, error), entry.frame, place)
        self.judge_disturbed_exit(of, entry, error, outcome)

    @precondition(lambda self: self.store.wire is not None and self.side.name == 'async')
    @rule(of=objects, nth=which, error=body_errors, fates=cancellations)
    def leave_in_a_cancelled_task(self, of: Object, nth: int, error: Any, fates: list[Fate]) -> None:
        """Leave in a cancelled task: the slot is released, and the cancellation continues."""
        entry = self.one_who_entered(of, nth)
        if entry is None:
            return
        entry = of.whose_turn(entry.frame, NO_TASK)
        self.wire.plan(fates)
        outcome = self.side.do_cancelled(('leave', of.of, error), entry.frame, self.begun)
        self.judge_disturbed_exit(of, entry, error, outcome)

    def judge_disturbed_exit(
        self, of: Object, entry: Entry, error: BaseException | None, outcome: BaseException | None
    ) -> None:
        lost, cancelled, unheard = self.wire.lost(), self.wire.was_cancelled(), self.wire.performed_unheard()
        self.wire.plan([])
        of.entries.remove(entry)
        kinds, given_up = self.log.new_kinds(), len(lost) >= 2
        is_raised = given_up and of.life is None and error is None and not cancelled
        if cancelled:
            self.happened('a release was cancelled')
            assert isinstance(outcome, asyncio.CancelledError), repr(outcome)
        elif is_raised:
            self.happened('a release failed and raised')
            assert isinstance(outcome, ConnectionError), repr(outcome)
        else:
            assert outcome is None, repr(outcome)
        if given_up:
            self.happened('a release was given up')
            assert kinds == ([] if is_raised else ['not given back'])
            # If neither request was carried out, the slot stays like that of a crashed holder.
            if unheard:
                self.model.drop(of.key, entry.token)
            return
        in_time = self.model.drop(of.key, entry.token)
        if not lost:
            assert kinds == ([] if in_time else [self.why_gone(entry, of.life)])
        else:
            # If the first reply was lost, a missing slot only means that the body took too long.
            self.happened('a release was repeated')
            is_late = (not in_time or unheard) and self.outlived(entry, of.life)
            assert kinds == (['expired'] if is_late else [])

    @property
    def wire(self) -> Any:
        assert self.store.wire is not None
        return self.store.wire

    def begun(self, task: Any) -> None:
        self.wire.victim = task

    # --- another process

    @precondition(lambda self: self.may_fork and self.children < 2 and self.open_entries())
    @rule(key=keys, size=st.integers(0, 1), slot_exp=lives)
    def fork(self, key: str, size: int, slot_exp: Any) -> None:
        """Fork: the child leaves its parent's entries, releases nothing and enters a pool."""
        of = self.new_pool(key, size, slot_exp)
        self.children += 1
        self.happened('forked')
        granted = in_a_child(lambda: self.as_a_child(of))
        if self.store.shared:
            self.judged(key, of.max_size, of.life, granted=granted)

    def as_a_child(self, of: Object) -> bool:
        before = {key: self.store.tokens(key) for key in KEYS}
        for held, entry in self.open_entries():
            outcome = self.side.do_in_child(('leave', held.of, None), entry.frame)
            assert outcome is None, repr(outcome)
        assert {key: self.store.tokens(key) for key in KEYS} == before, 'a child released what its parent holds'
        assert self.log.new_kinds() == []
        try:
            of.of.__enter__()
        except CachifyPoolFullError:
            return False
        return True

    # --- invariants

    @invariant()
    def the_store_is_as_the_model(self) -> None:
        """Exactly the slots of the model are live, and never more than ``max_size``."""
        for key in KEYS:
            tokens = self.store.tokens(key)
            assert tokens == self.model.live(key)
            assert len(tokens) <= self.largest[key]

    @invariant()
    def the_occupancy_is_the_models(self) -> None:
        """``size()`` is the number of live slots.

        In memory it drops expired slots, so it is not called when time has just passed: the next
        operation has to drop them.
        """
        self.tally.steps += 1
        if self.just_passed:
            self.just_passed = False
            return
        for key in KEYS:
            everything = self.store.cachify.pool(key, max(self.largest[key], 1))
            assert self.side.size(everything) == len(self.model.live(key))

    def teardown(self) -> None:
        """Release or expire all slots: only those that never expire are left."""
        error = sys.exc_info()[1]
        try:
            if error is None:
                self.end()
        except Exception as raised:
            error = raised
            raise
        finally:
            if isinstance(error, Exception) and self.tally.found is None:
                self.tally.found = self.tally.examples
            self.log.close()
            self._patches.__exit__(None, None, None)

    def end(self) -> None:
        for of, entry in self.open_entries():
            self.leave_from(of, entry.frame, 0, None)
        for lease in list(self.held):
            self.release(lease)
        self.the_store_is_as_the_model()
        self.model.now += 10
        self.just_passed = False
        self.the_occupancy_is_the_models()
        for key in KEYS:
            # On a server, only an acquire drops what has expired.
            steps = self.protocol.acquire(PREFIX + key, self.new_token(self.process), self.largest[key] + 1, 1)
            granted = self.side.drive(self.settings, steps)
            assert granted
            self.side.drive(self.settings, self.protocol.release(granted))
        has_lasting_slots = any(self.model.live(key) for key in KEYS)
        assert bool(self.store.names()) == has_lasting_slots, f'left in the store: {self.store.names()}'


class Log:
    """The warnings of the library."""

    KINDS: ClassVar = {
        'but its slot expired': 'expired',
        'the store lost it': 'lost',
        'could not be given back': 'not given back',
        'could not be undone': 'not undone',
    }

    def __init__(self) -> None:
        self._messages: list[str] = []
        self._logger = logging.getLogger('py_cachify')
        self._propagates = self._logger.propagate
        self._handler = logging.Handler(logging.WARNING)
        self._handler.emit = lambda record: self._messages.append(record.getMessage())  # type: ignore[method-assign]
        self._logger.addHandler(self._handler)
        self._logger.propagate = False

    def new_kinds(self) -> list[str]:
        """Return the kinds of the messages since the last call."""
        kinds = []
        for message in self._messages:
            [kind] = [kind for part, kind in self.KINDS.items() if part in message]
            kinds.append(kind)
        self._messages.clear()
        return kinds

    def close(self) -> None:
        self._logger.removeHandler(self._handler)
        self._logger.propagate = self._propagates


@contextmanager
def in_virtual_time(clock: Callable[[], float]) -> Iterator[None]:
    """Let the library use this clock for durations."""
    modules: tuple[Any, ...] = giving_back_of_the_library, retries_of_the_library
    bases: tuple[Any, ...] = Backend, AsyncBackend
    right = modules[0].time
    for module in modules:
        module.time = SimpleNamespace(monotonic=clock)
    for base in bases:
        base.now = staticmethod(clock)
    try:
        yield
    finally:
        for module in modules:
            module.time = right
        for base in bases:
            base.now = staticmethod(right.monotonic)


def in_a_child(body: Callable[[], bool]) -> bool:
    """Return the result of ``body()`` in a forked child, or raise its error."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # The warning is about other threads, which are idle here.
        warnings.simplefilter('ignore', DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            os.write(writing, str(body()).encode())
        except BaseException as error:
            os.write(writing, f'{type(error).__name__}: {error}'.encode()[:4000])
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as reader:
        output = reader.read()
    os.waitpid(child, 0)
    assert output in ('True', 'False'), f'in a forked child: {output}'
    return output == 'True'


@contextmanager
def machine_over(backend: str, driver: str, socket: str = '') -> Iterator[type[Holders]]:
    """Return the machine over new stores of one kind, driven by threads or by tasks."""
    side = side_of(driver)
    try:
        with stores_of(backend, side.loop, socket) as make:
            yield type(
                'Holders',
                (Holders,),
                {'make_store': staticmethod(make), 'side': side, 'tally': Tally()},
            )
    finally:
        side.close()


def examine(
    machine: type[Holders],
    examples: int,
    *,
    steps: int = 40,
    number: Hashable = 0,
    phases: tuple[Phase, ...] = (Phase.generate, Phase.shrink),
) -> None:
    """Run histories that depend on the seed ``number`` only; raise the failure that they find."""
    run_state_machine_as_test(
        seed(number)(machine),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            phases=phases,
            report_multiple_bugs=False,
            deadline=None,
            database=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
