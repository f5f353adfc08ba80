"""Break a ``set`` off at each of its statements, as an interrupt or an error would.

The exception is raised just before a simple statement of the client's own file. It is not raised
where Python itself cannot protect a correct client: in a ``finally``, at the line of a ``try`` just
after a lock was taken, or at the end of a ``with``.
"""

import ast
import functools
import linecache
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from simulations.checking.calls import Call, perform, take
from simulations.checking.expiries import Left
from simulations.checking.host import Host, StuckError
from simulations.checking.sequences import Names
from simulations.checking.switching import source_files


MOST = 100
"""The most statements at which a ``set`` is broken off."""
CLAUSE, WHO = 'interrupted', 'the caller'


class Interrupted(BaseException):
    """Raised inside a client."""


class Broken(NamedTuple):
    """What the interrupts have shown.

    Attributes:
        left: the names that may be left with no expiry, to be looked at later.
        observed: what went wrong at once, in a sentence; empty if nothing did.
        calls: the calls that show it.
    """

    left: tuple[Left, ...]
    observed: str = ''
    calls: tuple[Call, ...] = ()


class _Breaker:
    """A trace function that raises at the given statement, counted from 1."""

    def __init__(self, files: frozenset[str], number: int) -> None:
        self._files, self._left = files, number
        self.where: tuple[str, int] | None = None

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG002
        return self._inside if frame.f_code.co_filename in self._files else None

    def _inside(self, frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG002
        file, line = frame.f_code.co_filename, frame.f_lineno
        if event == 'line' and line in _statements(file):
            self._left -= 1
            if self._left == 0:
                self.where = file, line
                raise Interrupted
        return self._inside


@functools.cache
def _statements(file: str) -> frozenset[int]:
    """Return the first lines of the simple statements at which an interrupt is fair."""
    try:
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
        breaker = _Breaker(files, number)
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


async def _break_off(client: Any, breaker: _Breaker, names: Names, calls: list[Call]) -> None:
    before = sys.gettrace()
    sys.settrace(breaker)
    try:
        await perform(client, take(names.new('interrupted'), 'value', 1), WHO, calls)
    except Interrupted:
        calls[-1] = calls[-1]._replace(text='is broken off')
    finally:
        sys.settrace(before)
