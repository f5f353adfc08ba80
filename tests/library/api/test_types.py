"""The types of the public names, under two checkers; ``tests/typing`` states them line by line.

The rest of this file is checked as well, and also runs: the values have the stated types.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, assert_type

import pytest

from py_cachify import Slot, init_cachify, pool, pooled
from tests.support.paths import ROOT


FOR_MYPY_ALONE = 'limits_of_mypy.py'

# Each line with an error must be found, or a checker that reads nothing would pass.
CANARY = """
from typing import assert_type
from py_cachify import pooled
@pooled('a', max_size=1)
def f(a: int) -> str: return str(a)
assert_type(f(1), str)  # wrong
f('a')  # wrong
f(1)  # type: ignore[call-arg]  # wrong
"""


def _run(*command: str) -> str:
    # pyright looks for the package where the first Python on the path would look.
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    return subprocess.run(
        [sys.executable, '-m', *command],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {'PATH': path},
    ).stdout


def _mypy(files: list[str]) -> set[tuple[str, int]]:
    printed = _run('mypy', '--strict', '--no-pretty', *files)
    assert re.search(rf'checked {len(files)} source files', printed), printed
    return {(Path(place).name, int(line)) for place, line in re.findall(r'^(.+?):(\d+): error:', printed, re.MULTILINE)}


def _basedpyright(files: list[str]) -> set[tuple[str, int]]:
    files = [file for file in files if not file.endswith(FOR_MYPY_ALONE)]
    printed = _run('basedpyright', '--outputjson', '--pythonpath', sys.executable, *files)
    found = json.loads(printed)
    assert found['summary']['filesAnalyzed'] >= len(files), printed
    return {
        (Path(each['file']).name, each['range']['start']['line'] + 1)
        for each in found['generalDiagnostics']
        if each['severity'] != 'information'
    }


@pytest.mark.parametrize('errors_in', [_mypy, _basedpyright])
def test_users_see_the_types_that_are_stated(
    errors_in: Callable[[list[str]], set[tuple[str, int]]], tmp_path: Path
) -> None:
    """Every ``assert_type`` holds, every line marked as wrong is an error, and no other line is."""
    canary = tmp_path / 'canary.py'
    canary.write_text(CANARY)
    files = [str(file) for file in sorted((ROOT / 'tests' / 'typing').glob('*.py'))]
    assert len(files) > 5
    expected = {('canary.py', number) for number, line in enumerate(CANARY.splitlines(), 1) if '# wrong' in line}
    assert errors_in([*files, str(canary)]) == expected


def test_every_public_name_has_a_type() -> None:
    """No public name is unknown to a checker that reads the package as users install it."""
    report: dict[str, Any] = json.loads(
        _run('basedpyright', '--verifytypes', 'py_cachify', '--ignoreexternal', '--outputjson')
    )
    counts = report['typeCompleteness']['exportedSymbolCounts']
    assert counts['withKnownType'] > 100
    assert counts['withUnknownType'] == 0


def _pages(name: str) -> int:
    return len(name)


async def _apages(name: str) -> int:
    return len(name)


async def _later(name: str) -> bytes:
    return name.encode()


def test_the_type_of_a_call_is_what_it_can_result_in() -> None:
    """Also ``None`` or what ``on_full`` returns; nothing else if a refusal raises."""
    init_cachify()
    one = pool('reports', max_size=1)
    plain, raising = pooled('reports', max_size=1)(_pages), pooled('reports', max_size=1, raise_on_full=True)(_pages)
    with_answer = pooled('reports', max_size=1, on_full=str.encode)(_pages)
    assert assert_type(plain('a'), int | None) == 1
    assert assert_type(raising('a'), int) == 1
    assert assert_type(with_answer('a'), int | bytes) == 1
    assert assert_type(plain.size('a'), int) == 0
    assert assert_type(one.pooled(raise_on_full=True)(_pages)('a'), int) == 1
    with one:
        assert plain('a') is None
        assert with_answer('a') == b'a'


def test_the_type_of_an_awaited_call_is_the_same() -> None:
    """For ``async`` functions, with a sync or an async ``on_full``; ``size()`` is awaited too."""
    init_cachify()
    one = pool('reports', max_size=1)
    plain = pooled('reports', max_size=1)(_apages)
    with_answer = pooled('reports', max_size=1, on_full=_later)(_apages)

    async def main() -> None:
        assert assert_type(await plain('a'), int | None) == 1
        assert assert_type(await with_answer('a'), int | bytes) == 1
        assert assert_type(await plain.size('a'), int) == 0
        assert assert_type(await one.pooled(raise_on_full=True)(_apages)('a'), int) == 1
        async with one as entered:
            assert_type(entered, Slot)
            assert await plain('a') is None
            assert await with_answer('a') == b'a'

    asyncio.run(main())


def test_a_method_is_bound() -> None:
    """``self`` is no argument of a bound method, but is one of the unbound method."""
    init_cachify()

    class Printer:
        @pooled('reports', max_size=1)
        def pages(self, name: str) -> int:
            return len(name)

    assert assert_type(Printer().pages('a'), int | None) == 1
    assert assert_type(Printer.pages(Printer(), 'a'), int | None) == 1
    assert assert_type(Printer().pages.size('a'), int) == 0
