"""The time limits of task queues: signal handlers whose exceptions derive from ``Exception``.

They are interrupts, meant for the program, wherever they arrive: none is lost, and no slot stays.
"""

import functools
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from py_cachify import init_cachify, pool, pooled
from py_cachify._signals import is_interrupt
from tests.support.stores import DictClient


class TimeLimitError(Exception):
    """As Celery's ``SoftTimeLimitExceeded`` and RQ's ``JobTimeoutException``."""


def limit(*_: Any) -> None:
    raise TimeLimitError


class Limits:
    """Handlers of other kinds."""

    def limit(self, *_: Any) -> None:
        raise TimeLimitError

    def __call__(self, *_: Any) -> None:
        raise TimeLimitError


@pytest.fixture(
    params=[limit, Limits().limit, Limits(), functools.partial(limit, 'x')],
    ids=['function', 'method', 'object', 'partial'],
)
def handler(request: pytest.FixtureRequest) -> Iterator[Any]:
    before = signal.signal(signal.SIGUSR1, request.param)
    yield request.param
    signal.signal(signal.SIGUSR1, before)


def _arrives() -> None:
    os.kill(os.getpid(), signal.SIGUSR1)
    # A signal is handled between two bytecodes.
    for _ in range(1000):
        pass


def test_an_exception_of_a_handler_is_an_interrupt(handler: Any) -> None:
    """Whatever kind of object the handler is; the same exception from elsewhere is none."""
    with pytest.raises(TimeLimitError) as raised:
        _arrives()
    assert is_interrupt(raised.value)

    with pytest.raises(TimeLimitError) as own:
        raise TimeLimitError
    assert not is_interrupt(own.value)
    assert is_interrupt(KeyboardInterrupt())


class Interrupted(DictClient):
    """A signal arrives at its first ``delete``, before or after the name was removed."""

    def __init__(self, *, after: bool, fails: bool = False) -> None:
        super().__init__()
        self.deletes, self.after, self.fails = 0, after, fails

    def delete(self, *names: str) -> None:
        self.deletes += 1
        if self.deletes > 1 and self.fails:
            raise ConnectionError('the server is gone')
        if self.after or self.deletes > 1:
            super().delete(*names)
        if self.deletes == 1:
            _arrives()


def _in_a_with(slot_exp: float | None) -> None:
    with pool('reports', max_size=3, slot_exp=slot_exp):
        pass


def _in_a_call(slot_exp: float | None) -> None:
    pooled('reports', max_size=3, slot_exp=slot_exp)(lambda: None)()


@pytest.mark.parametrize('slot_exp', [None, 60])
@pytest.mark.parametrize('use', [_in_a_with, _in_a_call])
@pytest.mark.parametrize('after', [False, True])
def test_a_time_limit_within_a_release_is_raised_and_the_slot_is_given_back(
    use: Callable[[float | None], None], slot_exp: float | None, after: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It was taken for an error of the server, and logged or repeated."""
    before = signal.signal(signal.SIGUSR1, limit)
    try:
        client = Interrupted(after=after)
        init_cachify(client)
        with pytest.raises(TimeLimitError):
            use(slot_exp)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert client.values == {}
    assert caplog.text == ''


@pytest.mark.parametrize('use', [_in_a_with, _in_a_call])
def test_a_time_limit_is_raised_although_the_slot_could_not_be_given_back(
    use: Callable[[float | None], None], caplog: pytest.LogCaptureFixture
) -> None:
    """A record and a note say that the slot may stay taken."""
    before = signal.signal(signal.SIGUSR1, limit)
    try:
        init_cachify(Interrupted(after=False, fails=True))
        with pytest.raises(TimeLimitError) as raised:
            use(60)
    finally:
        signal.signal(signal.SIGUSR1, before)
    [record] = caplog.records
    assert 'a slot could not be given back (ConnectionError: the server is gone)' in record.getMessage()
    assert any('may stay taken' in note for note in raised.value.__notes__)


@pytest.mark.parametrize('decorated', [False, True])
def test_a_time_limit_at_each_call_within_an_exit_leaves_no_slot(decorated: bool) -> None:
    """At the beginning of every Python function that is called after the body, in turn."""
    before = signal.signal(signal.SIGUSR1, limit)
    armed = -1

    def profile(frame: FrameType, event: str, _: Any) -> None:
        nonlocal armed
        if event == 'call' and armed >= 0 and '/py_cachify/' in frame.f_code.co_filename:
            armed -= 1
            if armed < 0:
                os.kill(os.getpid(), signal.SIGUSR1)

    reached = 0
    try:
        for number in itertools.count(1):
            init_cachify(DictClient())
            one = pool('reports', max_size=1, slot_exp=None)

            @one.pooled()
            def call(number: int = number) -> None:
                nonlocal armed
                armed = number - 1
                sys.setprofile(profile)

            try:
                if decorated:
                    call()
                else:
                    one.__enter__()
                    armed = number
                    sys.setprofile(profile)
                    one.__exit__(None, None, None)
            except TimeLimitError:
                pass
            finally:
                sys.setprofile(None)
            assert one.size() == 0, f'a limit at call {number} leaves a slot'
            if armed >= 0:
                break
            reached = number
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert reached > 5


PROGRAM = """
import json, logging, random, signal, sys
from py_cachify import CachifyPoolFullError, init_cachify

class TimeLimitError(Exception): pass

def limit(*_): raise TimeLimitError

logging.disable()
cachify = init_cachify(sys.argv[1])
few = cachify.pool('reports', max_size=10_000, slot_exp=None)
stream = random.Random(3)
limits = 0
signal.signal(signal.SIGALRM, limit)
while limits < 1500:
    try:
        signal.setitimer(signal.ITIMER_REAL, stream.uniform(0.00002, 0.0012), 0.05)
        while True:
            with few:
                pass
    except TimeLimitError:
        signal.setitimer(signal.ITIMER_REAL, 0)
        limits += 1
print(json.dumps({'limits': limits, 'left': few.size()}))
"""


def test_time_limits_at_random_moments_do_not_stop_the_threads_of_a_url(socket: str) -> None:
    """redis-py's pool of connections that waits could never be used again after such a limit."""
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM, f'unix://{socket}'], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    print(found)
    assert found['limits'] == 1500
    # As `__exit__` begins, before its first statement, nothing can catch an interrupt.
    assert found['left'] <= 40
