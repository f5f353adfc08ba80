"""Break a ``set`` off at each of its statements, as an interrupt or an error would.

The exception is raised just before a simple statement of the client's own file. It is not raised
where Python itself cannot protect a correct client: in a ``finally``, at the line of a ``try`` just
after a lock was taken, or at the end of a ``with``.
"""

import ast
import asyncio
import functools
import linecache
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from simulations.checking.calls import Call, Interrupted, perform, take
from simulations.checking.expiries import Left
from simulations.checking.host import Host, StuckError
from simulations.checking.sequences import Names
from simulations.checking.switching import source_files


MOST = 100
"""The most statements at which a ``set`` is broken off."""
CLAUSE, WHO = 'interrupted', 'the caller'


class Broken(NamedTuple):
    """What was seen after calls of ``set`` were broken off, by interrupts or by kills.

    Attributes:
        left: the names that may be left with no expiry, to be looked at later.
        observed: what went wrong at once, in a sentence; empty if nothing did.
        calls: the calls that show it.
    """

    left: tuple[Left, ...]
    observed: str = ''
    calls: tuple[Call, ...] = ()


class Statements:
    """A trace function that counts the statements of some files, and acts before one of them.

    Args:
        files: the files.
        number: before which statement to act, counted from 1.
        act: what to do; it may raise.

    Attributes:
        count: how many statements were reached.
        task: the only task that counts; ``None`` for a synchronous client.
        where: the file and line of the statement before which it acted.
    """

    def __init__(self, files: frozenset[str], number: int, act: Callable[[], None]) -> None:
        # Read beforehand, because a trace function must do little.
        self._lines = {file: _statements(file) for file in files}
        self._number, self._act = number, act
        self.count = 0
        self.task = _current_task()
        self.where: tuple[str, int] | None = None

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG002
        return self._inside if frame.f_code.co_filename in self._lines else None

    def _inside(self, frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG002
        file, line = frame.f_code.co_filename, frame.f_lineno
        # A task of the client's own, such as one that reads replies, is not what is broken off.
        if event == 'line' and line in self._lines[file] and _current_task() is self.task:
            self.count += 1
            if self.count == self._number:
                self.where = file, line
                self._act()
        return self._inside


def _current_task() -> 'asyncio.Task[Any] | None':
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _interrupt() -> None:
    raise Interrupted


_PARSING = threading.Lock()


@functools.cache
def _statements(file: str) -> frozenset[int]:
    """Return the first lines of the simple statements at which an interrupt is fair."""
    try:
        # On Python 3.11 two threads that parse at the same time may both fail.
        with _PARSING:
            tree = ast.parse(''.join(linecache.getlines(file)))
    except SyntaxError:
        return frozenset()
    spared = {
        inner.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Try | ast.TryStar)
        for statement in node.finalbody
        for inner in ast.walk(statement)
        if isinstance(inner, ast.stmt)
    }
    compound = (ast.Try, ast.TryStar, ast.With, ast.AsyncWith, ast.If, ast.For, ast.AsyncFor, ast.While, ast.Match)
    simple = {node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt) and not isinstance(node, compound)}
    return frozenset(simple - spared)


def can_break_off(client: Any) -> bool:
    """Return whether the statements of the client are known."""
    return any(_statements(file) for file in source_files(client))


def break_off(host: Host, names: Names, *, allow_errors: bool = False) -> Broken:
    """Break a ``set`` off at each statement in turn, and use the client after each.

    With ``allow_errors``, that use may raise.

    Raises:
        StuckError: a call did not return afterwards.
    """
    files = source_files(host.client)
    left: list[Left] = []
    for number in range(1, MOST + 1):
        breaker = Statements(files, number, _interrupt)
        calls: list[Call] = []
        host.do(functools.partial(_break_off, breaker=breaker, names=names, calls=calls))
        if breaker.where is None:
            break
        file, line = breaker.where
        where = f'before line {line} of {Path(file).name}, `{linecache.getline(file, line).strip()}`'
        left.append(Left(CLAUSE, calls[-1], time.monotonic(), where))
        observed = f'after a set was broken off {where}, set of another name '
        try:
            host.do(functools.partial(perform, request=take(names.new('interrupted'), 'value'), who=WHO, calls=calls))
        except StuckError:
            return Broken(tuple(left), f'{observed}did not return within {host.patience:g} s', tuple(calls))
        if not calls[-1].reply and not (calls[-1].error and allow_errors):
            observed += f'raised {calls[-1].error}' if calls[-1].error else 'was refused'
            return Broken(tuple(left), observed, tuple(calls))
    return Broken(tuple(left))


async def _break_off(client: Any, breaker: Statements, names: Names, calls: list[Call]) -> None:
    try:
        await traced_set(client, breaker, names.new('interrupted'), calls)
    except Interrupted:
        calls[-1] = calls[-1]._replace(text='is broken off')


async def traced_set(client: Any, statements: Statements, name: str, calls: list[Call]) -> None:
    """Set a name for a second, with this trace function."""
    before = sys.gettrace()
    statements.task = _current_task()
    sys.settrace(statements)
    try:
        await perform(client, take(name, 'value', 1), WHO, calls)
    finally:
        sys.settrace(before)


def count_statements(host: Host, names: Names) -> int:
    """Return how many statements a ``set`` has, of those before which it can be broken off."""
    statements = Statements(source_files(host.client), 0, _interrupt)
    host.do(functools.partial(traced_set, statements=statements, name=names.new('interrupted'), calls=[]))
    return statements.count
