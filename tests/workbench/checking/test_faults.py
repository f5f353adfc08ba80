"""Clients that raise, hang, or come from a factory that another process cannot use."""

import asyncio
import importlib.util
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from py_cachify import MemoryClient
from simulations import check_client
from simulations.checking.interrupts import _statements
from tests.support.stores import DictClient
from tests.workbench.checking.test_check_client import failing
from tests.workbench.checking.wrong_clients import FileClient


class Lost(Exception):  # noqa: N818 - it is an error of the network
    """What a client raises when its connection is cut."""


class Flaky(DictClient):
    """Some calls raise, before or after they were carried out."""

    def __init__(self, share: float = 0.05) -> None:
        super().__init__()
        self.share = share
        self.stream = random.Random(3)

    def get(self, name: str) -> Any:
        self.perhaps()
        return super().get(name)

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        self.perhaps()
        with self.lock:
            there, until = self.values.get(name, (None, 0))
            done = not (nx and there is not None and self.clock() < until)
            if done:
                self.values[name] = value, self.clock() + (ex if ex is not None else 1e9)
        self.perhaps()
        return done

    def delete(self, *names: str) -> None:
        self.perhaps()
        super().delete(*names)
        self.perhaps()

    def perhaps(self) -> None:
        if self.stream.random() < self.share:
            raise Lost('the connection was cut')


def test_calls_may_raise_if_that_is_allowed() -> None:
    """Each such call may have happened or not; everything else must hold, and does."""
    outcome = check_client(Flaky, processes=0, rounds=36, allow_errors=True)

    outcome.assert_holds()
    [threads] = [finding for finding in outcome.findings if finding.name == 'threads']
    assert 'of which' in threads.observed
    assert 'any order' not in {finding.name for finding in outcome.findings}


def test_calls_must_not_raise_otherwise() -> None:
    """The finding has the error, and the calls up to it."""
    outcome = check_client(lambda: Flaky(0.3), processes=0, rounds=6)

    assert outcome.problem or 'Lost: the connection was cut' in outcome.failures[0].observed
    assert not outcome.holds


def test_a_client_that_exits_does_not_end_the_caller() -> None:
    """Whatever a client raises is a finding."""

    class Exits(DictClient):
        def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
            sys.exit('no connection')

    outcome = check_client(Exits, processes=0, rounds=6)

    assert failing(outcome)[0] == 'stored'
    assert outcome.failures[0].observed == 'set raised SystemExit: no connection'


def test_an_error_excuses_no_second_winner() -> None:
    """A client that raises now and then and checks before it sets is found all the same."""

    class FlakyGetThenSet(Flaky):
        def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
            if nx and self.get(name) is not None:
                return False
            return super().set(name, value, ex)

    outcome = check_client(FlakyGetThenSet, processes=0, allow_errors=True)

    assert failing(outcome) == ('threads',)
    assert 'raised' not in outcome.failures[0].observed


def test_an_error_must_not_leave_a_name_without_expiry() -> None:
    """A half state after an error of the store, not after an interrupt of the check."""

    class HalfState(DictClient):
        def __init__(self) -> None:
            super().__init__()
            self.sets = 0

        def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
            self.sets += 1
            if ex == 1 and self.sets % 2 and super().set(name, value, None, nx):
                raise Lost('the connection was cut before the expiry was sent')
            return super().set(name, value, ex, nx)

    outcome = check_client(HalfState, processes=0, rounds=6, allow_errors=True)

    assert 'by an error' in {finding.name: finding.observed for finding in outcome.failures}['expiry with nx']


@pytest.mark.parametrize('asynchronous', [False, True])
def test_a_call_that_never_returns_ends_the_check_not_the_caller(asynchronous: bool) -> None:
    """The clause of the call fails, the later ones are not checked, and the names are reported."""

    class Hangs(DictClient):
        def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
            if 'refused' in name:
                threading.Event().wait()
            return super().set(name, value, ex, nx)

    class AsyncHangs:
        def __init__(self) -> None:
            self.client = Hangs()

        async def get(self, name: str) -> Any:
            return self.client.get(name)

        async def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
            return self.client.set(name, value, ex, nx)

        async def delete(self, *names: str) -> None:
            self.client.delete(*names)

    outcome = check_client(AsyncHangs if asynchronous else Hangs, processes=0, patience=5)

    assert failing(outcome) == ('refused',)
    assert outcome.failures[0].observed == 'set did not return within 5 s'
    assert {finding.verdict for finding in outcome.findings[5:]} == {'not checked'}
    assert outcome.left
    assert not outcome.holds


def test_a_hanging_race_ends_with_the_call_that_hangs() -> None:
    """Here two threads in `set` at the same time never leave it."""

    class Deadlock(DictClient):
        def __init__(self) -> None:
            super().__init__()
            self.busy = 0

        def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
            with self.lock:
                self.busy += 1
            time.sleep(0.01)
            if self.busy > 1:
                threading.Event().wait()
            with self.lock:
                self.busy -= 1
            return super().set(name, value, ex, nx)

    outcome = check_client(Deadlock, processes=0, patience=5, rounds=12)

    assert failing(outcome)[0] == 'threads'
    assert 'set did not return' in outcome.failures[0].observed
    assert any('does not return' in str(call) for call in outcome.failures[0].calls)


def test_a_factory_that_fails_in_another_process_is_a_finding(tmp_path: Path) -> None:
    """It works here, and only here."""
    here = os.getpid()

    def factory() -> FileClient:
        if os.getpid() != here:
            raise PermissionError('one process only')
        return FileClient(str(tmp_path))

    outcome = check_client(factory, rounds=6)

    assert failing(outcome) == ('shared',)
    assert 'in another process, the factory raised PermissionError: one process only' in outcome.failures[0].observed


def test_a_module_that_another_process_cannot_import_is_used_all_the_same(tmp_path: Path) -> None:
    """As with pytest's import mode ``importlib``: the process is forked instead."""
    (tmp_path / 'hidden.py').write_text(
        'from tests.workbench.checking.wrong_clients import FileClient\n'
        f'def make():\n    return FileClient({str(tmp_path)!r})\n'
    )
    spec = importlib.util.spec_from_file_location('hidden_module', tmp_path / 'hidden.py')
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules['hidden_module'] = module
    try:
        spec.loader.exec_module(module)
        outcome = check_client(module.make, rounds=6)
    finally:
        del sys.modules['hidden_module']

    assert {finding.name: finding.verdict for finding in outcome.findings}['shared'] == 'holds'


def test_a_process_that_ends_by_itself_is_a_finding(tmp_path: Path) -> None:
    """A client that brings its process down cannot take the check with it."""
    here = os.getpid()

    class Crashes(FileClient):
        def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
            if os.getpid() != here:
                os._exit(3)
            return super().set(name, value, ex, nx)

    outcome = check_client(lambda: Crashes(str(tmp_path)), rounds=6)

    assert failing(outcome)[0] == 'shared'
    assert 'a process ended by itself' in outcome.failures[0].observed


@pytest.mark.parametrize(
    ('factory', 'problem'),
    [
        (lambda: None, 'the factory returned a NoneType, which is not a client: it lacks get and set and delete'),
        (lambda: MemoryClient, 'the factory returned the class MemoryClient, not a client'),
        (lambda: 1 / 0, 'the factory raised ZeroDivisionError: division by zero'),
        (lambda: sys.exit(3), 'the factory raised SystemExit: 3'),
        (lambda needed: needed, "missing 1 required positional argument: 'needed'"),
        (lambda: threading.Event().wait(), 'the factory did not return within 1 s'),
    ],
)
def test_without_a_client_the_outcome_says_why_and_nothing_is_raised(factory: Any, problem: str) -> None:
    outcome = check_client(factory, patience=1)

    assert problem in outcome.problem
    assert (outcome.holds, bool(outcome), outcome.findings) == (False, False, ())
    assert str(outcome) == f'no client was checked: {outcome.problem}'
    assert outcome.to_json()['problem'] == outcome.problem
    with pytest.raises(AssertionError, match='no client was checked'):
        outcome.assert_holds()


@pytest.mark.parametrize(
    ('options', 'error'),
    [
        ({'threads': 1}, 'threads must be at least 2'),
        ({'processes': 1}, 'processes must be 0 or at least 2, got 1'),
        ({'rounds': 0}, 'rounds must be at least 1'),
        ({'seconds': 0}, 'seconds must be finite and more than 0'),
        ({'patience': -1}, 'patience must be finite and more than 0'),
        ({'seed': 'a'}, 'seed must be a whole number'),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, Any], error: str) -> None:
    with pytest.raises((TypeError, ValueError), match=error):
        check_client(MemoryClient, **options)
    with pytest.raises(TypeError, match='make_client must be a function'):
        check_client(MemoryClient())  # type: ignore[arg-type]


def test_the_client_is_closed_and_the_time_is_kept() -> None:
    """Every client that the factory made; further rounds end when the time is up."""
    made = []

    class Closes(DictClient):
        def __init__(self) -> None:
            super().__init__()
            self.closed = 0
            made.append(self)

        def close(self) -> None:
            self.closed += 1

    outcome = check_client(Closes, processes=0, rounds=100_000, seconds=0.01)

    outcome.assert_holds()
    [threads] = [finding for finding in outcome.findings if finding.name == 'threads']
    assert '12 rounds of 100000, because the time was up' in threads.observed
    assert [client.closed for client in made] == [1]
    assert made[0].values == {}


STATEMENTS = """
def set(self):
    if self.full:
        return False
    self.lock.acquire()
    try:
        self.value = 1
    except KeyError:
        self.value = 2
    finally:
        self.lock.release()
        self.after = 3
    with self.lock:
        self.value = 4
    return True
"""


def test_interrupts_spare_what_python_cannot_protect(tmp_path: Path) -> None:
    """Neither the line of a `try`, nor a `finally`, nor that of a `with`."""
    file = tmp_path / 'module.py'
    file.write_text(STATEMENTS)
    lines = STATEMENTS.splitlines()

    interrupted = {lines[number - 1].strip() for number in _statements(str(file))}

    assert interrupted == {
        'def set(self):',
        'return False',
        'self.lock.acquire()',
        'self.value = 1',
        'self.value = 2',
        'self.value = 4',
        'return True',
    }


def test_a_task_of_the_client_is_not_interrupted() -> None:
    """Here a task of its own carries out the requests, and every statement of it runs traced."""

    class WithReader:
        def __init__(self) -> None:
            self.store = DictClient()
            self.requests: asyncio.Queue[Any] = asyncio.Queue()
            self.reader = asyncio.create_task(self.read())

        async def read(self) -> None:
            while True:
                method, arguments, reply = await self.requests.get()
                result = method(*arguments)
                reply.set_result(result)

        async def ask(self, method: Any, *arguments: Any) -> Any:
            reply = asyncio.get_running_loop().create_future()
            await self.requests.put((method, arguments, reply))
            return await reply

        async def get(self, name: str) -> Any:
            return await self.ask(self.store.get, name)

        async def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> Any:
            return await self.ask(self.store.set, name, value, ex, nx)

        async def delete(self, *names: str) -> None:
            await self.ask(self.store.delete, *names)

        async def aclose(self) -> None:
            self.reader.cancel()

    async def factory() -> WithReader:
        return WithReader()

    outcome = check_client(factory, processes=0, rounds=6)

    outcome.assert_holds()
    [interrupted] = [finding for finding in outcome.findings if finding.name == 'interrupted']
    assert interrupted.observed == 'broken off before 4 statements'
