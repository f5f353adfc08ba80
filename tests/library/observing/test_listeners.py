"""Listeners come and go, fail, and use pools themselves; no body comes to harm."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import Mock

import pytest

from py_cachify import (
    CachifyPoolFullError,
    MemoryClient,
    Observation,
    _bodies,
    current_slot,
    init_cachify,
    observe,
    pool,
    pooled,
)
from py_cachify._settings import global_settings
from py_cachify.testing import ManualClock
from tests.library.leases.sides import AsyncSide, Side
from tests.library.observing.heard import Heard


pytestmark = [pytest.mark.quick, pytest.mark.usefixtures('cachify')]

KEY = 'reports'
in_memory = pytest.mark.parametrize('store', ['memory'])


@in_memory
def test_observe_begins_at_once_and_ends_with_stop() -> None:
    heard = Heard()
    observation = observe(heard)
    try:
        with pool(KEY, max_size=1):
            pass
        assert heard.kinds_heard == ['granted', 'released']
        assert (observation.is_active, observation.listener) == (True, heard)
    finally:
        observation.stop()
        observation.stop()
    with pool(KEY, max_size=1):
        pass
    assert heard.kinds_heard == ['granted', 'released']
    assert 'stopped' in repr(observation)


@in_memory
def test_a_listener_may_come_before_init_cachify_and_outlast_it() -> None:
    heard = Heard()
    with observe(heard):
        for _ in range(2):
            init_cachify(MemoryClient())
            with pool(KEY, max_size=1):
                pass
    assert heard.kinds_heard == ['granted', 'released'] * 2


@in_memory
def test_an_attempt_is_told_from_its_beginning_or_not_at_all() -> None:
    late, early = Heard(), Heard()
    observation = observe(early)
    with pool(KEY, max_size=2):
        with observe(late), pool(KEY, max_size=2):
            observation.stop()
        with observe(late):
            pass
    assert (early.kinds_heard, late.kinds_heard) == (['granted', 'granted'], ['granted', 'released'])


@in_memory
def test_an_object_is_observed_alone_and_observe_hears_all() -> None:
    first, second = (init_cachify(MemoryClient(), is_global=False) for _ in range(2))
    of_first, of_all = Heard(), Heard()
    with first.observe(of_first), observe(of_all):
        for made in (first, second):
            with made.pool(KEY, max_size=1):
                pass
            made.pooled('call', 1)(lambda: None)()
    assert (len(of_first.events), len(of_all.events)) == (4, 8)


@in_memory
def test_a_listener_is_told_once_however_often_it_was_added() -> None:
    heard, made = Heard(), init_cachify(MemoryClient())
    with observe(heard), observe(heard), made.observe(heard), pool(KEY, max_size=1):
        pass
    assert heard.kinds_heard == ['granted', 'released']

    class Methods(Heard):
        def method(self, event: Any) -> None:
            self(event)

    methods = Methods()
    with observe(methods.method):
        with observe(methods.method), pool(KEY, max_size=1):
            pass
        with pool(KEY, max_size=1):
            pass
    assert methods.kinds_heard == ['granted', 'released'] * 2


@in_memory
def test_a_class_is_no_listener() -> None:
    listener: Any = Heard
    with pytest.raises(TypeError, match=r'listener must be an object, not the class .*Heard.*: call it first'):
        observe(listener)


@in_memory
def test_the_global_object_is_observed_with_the_global_pools() -> None:
    heard = Heard()
    made = init_cachify(MemoryClient())
    with made.observe(heard), pool(KEY, max_size=1):
        assert heard.kinds_heard == ['granted']
    # Another init_cachify() has listeners of its own.
    with made.observe(heard):
        init_cachify(MemoryClient())
        with pool(KEY, max_size=1):
            pass
    assert heard.kinds_heard == ['granted', 'released']


@in_memory
def test_a_pool_made_and_used_before_is_observed_too() -> None:
    heard = Heard()
    made, function = pool(KEY, max_size=1), pooled('call', 1)(lambda: None)
    for _ in range(2):
        with made:
            pass
        function()
    with observe(heard):
        with made:
            pass
        function()
    assert heard.kinds_heard == ['granted', 'released'] * 2


@in_memory
def test_without_a_listener_a_pool_is_plain_again() -> None:
    with observe(Heard()):
        assert not global_settings().slot_spec(KEY, 1, 60).is_plain
    assert global_settings().slot_spec(KEY, 1, 60).is_plain


@in_memory
def test_an_object_that_is_dropped_is_not_kept_for_its_listeners() -> None:
    client = MemoryClient()
    made = init_cachify(client, is_global=False)
    made.observe(Heard())
    gc.collect()
    before = len(gc.get_referrers(client))
    del made
    gc.collect()
    assert len(gc.get_referrers(client)) < before


def test_a_listener_that_raises_is_logged_and_harms_no_body(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        caplog.set_level(logging.DEBUG, 'py_cachify')
        with observe(lambda _: 1 // 0):
            async with side.hold(pool(KEY, max_size=1)) as slot:
                assert not slot.lost
        assert await side.size(pool(KEY, max_size=1)) == 0

    side.run(body())
    levels = [record.levelno for record in caplog.records if 'the listener' in record.message]
    # The second failure is not worth an error.
    assert levels == [logging.ERROR, logging.DEBUG]
    assert 'ZeroDivisionError' in caplog.text


@in_memory
def test_the_other_listeners_are_told_after_one_has_failed() -> None:
    heard = Heard()
    with observe(lambda _: 1 // 0), observe(heard), pool(KEY, max_size=1):
        pass
    assert heard.kinds_heard == ['granted', 'released']


@pytest.mark.parametrize('when', ['granted', 'released'])
def test_an_interrupt_in_a_listener_leaves_no_slot_taken(side: Side, when: str) -> None:
    def interrupt(event: Any) -> None:
        if event.kind == when:
            raise KeyboardInterrupt

    async def body() -> None:
        with observe(interrupt):
            with pytest.raises(KeyboardInterrupt):
                async with side.hold(pool(KEY, max_size=1)):
                    pass
            with pytest.raises(KeyboardInterrupt):
                await side.result(pooled(KEY, max_size=1)(side.function(lambda: None))())
            if when == 'granted':
                with pytest.raises(KeyboardInterrupt):
                    await side.acquire(pool(KEY, max_size=1))
        assert await side.size(pool(KEY, max_size=1)) == 0

    side.run(body())


@in_memory
def test_the_other_listeners_are_told_what_an_interrupted_one_was_told() -> None:
    """So that what they count for a grant and for its end fits together."""

    def interrupt(event: Any) -> None:
        if event.kind == 'granted':
            raise KeyboardInterrupt

    heard = Heard()
    with observe(interrupt), observe(heard), pytest.raises(KeyboardInterrupt):
        with pool(KEY, max_size=1):
            raise AssertionError('the body ran')
    assert heard.kinds_heard == ['granted', 'released']


class LimitError(Exception):
    """A time limit, as task queues raise it in a signal handler."""


@pytest.fixture
def limit() -> Iterator[Callable[[], None]]:
    """Call it where the time limit is to be raised."""

    def over(*_: object) -> None:
        raise LimitError

    before = signal.signal(signal.SIGUSR1, over)
    yield lambda: signal.raise_signal(signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)


@in_memory
def test_an_interrupt_as_an_event_is_told_makes_no_thread_deaf(
    limit: Callable[[], None], monkeypatch: pytest.MonkeyPatch, heard: Heard
) -> None:
    class Threads(set[int]):
        def add(self, thread: int) -> None:
            super().add(thread)
            if calls.pop():
                limit()

    calls = [False, False, False, True]
    monkeypatch.setattr('py_cachify._attempts._telling', Threads())
    with pytest.raises(LimitError), pool(KEY, max_size=1):
        pass
    heard.events.clear()
    with pool(KEY, max_size=1):
        pass
    assert heard.kinds_heard == ['granted', 'released']


@in_memory
def test_an_interrupt_before_the_grant_is_told_is_a_failure(
    limit: Callable[[], None], monkeypatch: pytest.MonkeyPatch, heard: Heard
) -> None:
    def slot_text(*_: object) -> str:
        limit()
        return ''

    with monkeypatch.context() as patch:
        patch.setattr('py_cachify._bodies.slot_text', slot_text)
        with pytest.raises(LimitError), pool(KEY, max_size=1):
            pass
    assert heard.kinds_heard == ['failed']
    assert pool(KEY, max_size=1).size() == 0


@in_memory
def test_an_interrupt_after_the_slot_was_given_back_hides_no_end(
    limit: Callable[[], None], monkeypatch: pytest.MonkeyPatch, heard: Heard
) -> None:
    give_back: Any = vars(_bodies)['give_back']

    def interrupted(*args: Any, **kwargs: Any) -> None:
        give_back(*args, **kwargs)
        limit()

    with monkeypatch.context() as patch:
        patch.setattr(_bodies, 'give_back', interrupted)
        with pytest.raises(LimitError), pool(KEY, max_size=1):
            pass
    assert heard.kinds_heard == ['granted', 'released']


@pytest.mark.parametrize('store', ['valkey'])
def test_the_end_of_a_coroutine_that_is_thrown_away_is_told(heard: Heard, clients: Any) -> None:
    async def orphan() -> None:
        async with pool(KEY, max_size=1, slot_exp=5):
            await asyncio.get_running_loop().create_future()

    async def body() -> None:
        coroutine = orphan()
        while heard.kinds_heard != ['granted']:
            coroutine.send(None)
            await asyncio.sleep(0.01)
        with contextlib.suppress(RuntimeError):
            coroutine.close()
        del coroutine
        gc.collect()
        assert heard.kinds_heard[0] == 'granted'
        assert heard.kinds_heard[1:] in (['failed'], ['released'])

    AsyncSide(clients).run(body())


@pytest.mark.parametrize('store', ['memory', 'valkey'])
@pytest.mark.parametrize('first', ['the other thread', 'the exit'])
def test_a_slot_that_another_thread_releases_as_its_body_ends_is_no_overrun(
    first: str, heard: Heard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The one that gave it back learns so only after the other has found that it was gone."""
    kind = type(global_settings().sync_backend())
    real: Any = kind.release
    goes_on, was_asked = threading.Event(), threading.Event()

    def slow_if_there(backend: Any, lease: Any) -> Any:
        there = real(backend, lease)
        if there:
            was_asked.set()
            assert goes_on.wait(60)
        return there

    def other(slot: Any) -> None:
        if first == 'the exit':
            assert was_asked.wait(60)
        slot.release()
        if first == 'the exit':
            goes_on.set()

    of = pool(KEY, max_size=1)
    with of as slot:
        monkeypatch.setattr(kind, 'release', slow_if_there)
        thread = threading.Thread(target=other, args=(slot,))
        thread.start()
        if first == 'the other thread':
            assert was_asked.wait(60)
    goes_on.set()
    thread.join()
    assert heard.kinds_heard == ['granted', 'released']
    assert caplog.text == ''
    assert slot.lost is False


@pytest.mark.parametrize('store', ['memory', 'valkey'])
def test_a_slow_listener_delays_no_renewal() -> None:
    """What is renewed by a thread is told by another one."""
    told, goes_on = threading.Event(), threading.Event()

    def slow(event: Any) -> None:
        if event.kind == 'renewed' and event.key == 'slow':
            told.set()
            assert goes_on.wait(60)

    with (
        observe(slow),
        pool('slow', max_size=1, slot_exp=0.9, renew_for=None),
        pool('other', max_size=1, slot_exp=0.9, renew_for=None) as other,
    ):
        assert told.wait(60)
        threading.Event().wait(2)
        try:
            assert not other.lost
        finally:
            goes_on.set()


@pytest.mark.parametrize('store', ['valkey'])
def test_a_time_limit_that_a_signal_raises_in_a_listener_ends_the_call(side: Side) -> None:
    """As the time limits of task queues do, which derive from ``Exception``."""

    class TimeLimitError(Exception): ...

    def over(*_: object) -> None:
        raise TimeLimitError

    def listener(event: Any) -> None:
        if event.kind == 'granted':
            os.kill(os.getpid(), signal.SIGUSR1)

    async def body() -> None:
        before = signal.signal(signal.SIGUSR1, over)
        try:
            with observe(listener), pytest.raises(TimeLimitError):
                async with side.hold(pool(KEY, max_size=1)):
                    pass
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert await side.size(pool(KEY, max_size=1)) == 0

    side.run(body())


@in_memory
def test_what_a_listener_does_with_pools_is_not_told() -> None:
    heard = Heard()

    def use_a_pool(event: Any) -> None:
        heard(event)
        with pool('log', max_size=1):
            pass

    with observe(use_a_pool), pool(KEY, max_size=1):
        pass
    assert [event.key for event in heard.events] == [KEY, KEY]


@in_memory
def test_the_slot_is_current_neither_before_nor_after_its_body_for_a_listener() -> None:
    found = []
    with observe(lambda _: found.append(current_slot())), pool(KEY, max_size=1):
        pass
    assert found == [None, None]


@in_memory
@pytest.mark.parametrize('listener', [None, 7, 'print'])
def test_what_is_no_function_is_refused(listener: Any) -> None:
    with pytest.raises(TypeError, match='listener must be a function of an event, not'):
        observe(listener)
    with pytest.raises(TypeError, match='listener must be a function of an event, not'):
        init_cachify(MemoryClient(), is_global=False).observe(listener)


@in_memory
def test_an_async_listener_is_refused() -> None:
    async def listener(_: Any) -> None: ...

    with pytest.raises(TypeError, match='is async, and nothing could await it'):
        observe(listener)


@in_memory
def test_a_listener_is_told_the_kinds_that_it_wants() -> None:
    class Refusals(Heard):
        kinds = ('refused', 'timed_out')

    refusals, all_usual = Refusals(), Heard()
    with observe(refusals), observe(all_usual), pool(KEY, max_size=1):
        with contextlib.suppress(CachifyPoolFullError), pool(KEY, max_size=1):
            pass
    assert refusals.kinds_heard == ['refused']
    assert all_usual.kinds_heard == ['granted', 'refused', 'released']


@in_memory
@pytest.mark.parametrize(
    ('kinds', 'error', 'message'),
    [
        ('refused', TypeError, "kinds must be a set or a tuple of kinds of events, not 'refused'"),
        (['refused', 'asked'], ValueError, "kinds contain 'asked': use some of failed, granted, lost"),
    ],
)
def test_kinds_that_are_none_are_refused(kinds: Any, error: type[Exception], message: str) -> None:
    listener: Any = Heard()
    listener.kinds = kinds
    with pytest.raises(error, match=message):
        observe(listener)


@in_memory
def test_a_mock_is_a_listener() -> None:
    """Although it has every attribute."""
    mock = Mock()
    with observe(mock), pool(KEY, max_size=1):
        pass
    assert [call.args[0].kind for call in mock.call_args_list] == ['granted', 'released']


@in_memory
def test_times_are_those_of_the_clock_of_the_store() -> None:
    clock, heard = ManualClock(), Heard()
    made = init_cachify(MemoryClient(clock=clock), is_global=False)
    with made.observe(heard), made.pool(KEY, max_size=1):
        clock.advance(5)
    assert heard.last.held == 5.0


@pytest.mark.parametrize('store', ['valkey'])
def test_a_forked_child_does_not_end_what_its_parent_holds(heard: Heard) -> None:
    def hold_and_fork() -> int:
        with pool(KEY, max_size=1):
            return os.fork()

    child = hold_and_fork()
    if child == 0:
        os._exit(0 if heard.kinds_heard == ['granted'] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert heard.kinds_heard == ['granted', 'released']


@in_memory
def test_listeners_may_come_and_go_while_others_enter() -> None:
    """Nothing is told twice, or to a listener that has stopped, and no attempt fails."""
    end = threading.Event()
    failures: list[BaseException] = []

    def come_and_go() -> None:
        try:
            while not end.is_set():
                heard = Heard()
                with observe(heard):
                    end.wait(0.001)
                count = len(heard.events)
                end.wait(0.001)
                assert len(heard.events) <= count + 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=come_and_go) for _ in range(3)]
    for thread in threads:
        thread.start()
    constant = Heard()
    with observe(constant):
        for _ in range(3000):
            with pool(KEY, max_size=1):
                pass
    end.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert constant.kinds_heard == ['granted', 'released'] * 3000


def test_an_observation_is_a_context_manager_that_gives_itself() -> None:
    with observe(Heard()) as observation:
        assert isinstance(observation, Observation)
