"""The packages of the workbench stand in layers: each imports only those below it, and no import is circular."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.support.paths import ROOT


LAYERS = (
    'extras',
    'arguments',
    'units',
    'textfile',
    'history',
    'statistics',
    'drawing',
    'traces',
    'broken',
    'judging',
    'distributions',
    'stores',
    'measuring',
    'workloads',
    'faults',
    'theory',
    'conditions',
    'exploring',
    'results',
    'engine',
    'scenarios',
    'sweeps',
    'live',
    'sizing',
    'jupyter',
    'pages',
    'cli',
    '__main__',
)
"""From the ground up.  The facade, ``simulations/__init__.py``, offers them all and is imported by none."""

PLAIN_MODULES = 8


def modules(root: Path) -> dict[str, Path]:
    """Every module of the workbench by its dotted name."""
    found = {}
    for path in (root / 'simulations').rglob('*.py'):
        parts = path.relative_to(root).with_suffix('').parts
        found['.'.join(parts[:-1] if parts[-1] == '__init__' else parts)] = path
    return found


def imports(known: dict[str, Path], module: str) -> Iterator[tuple[str, int]]:
    """What a module imports of the workbench and in which line, in functions and for type checkers included."""
    for node in ast.walk(ast.parse(known[module].read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split('.')[0] == 'simulations':
            for alias in node.names:
                inner = f'{node.module}.{alias.name}'
                yield (inner if inner in known else node.module), node.lineno
        elif isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name.startswith('simulations'))


def upward(root: Path) -> list[str]:
    """The imports that do not point downwards, each in a line that says where it stands."""
    known = modules(root)
    rank = {f'simulations.{name}': place for place, name in enumerate(LAYERS)}

    def layer(module: str) -> str:
        return '.'.join(module.split('.')[:2])

    return [
        f'{known[module].relative_to(root)}:{line} imports {imported}, which does not stand below {layer(module)}'
        for module in sorted(known)
        if module != 'simulations'
        for imported, line in imports(known, module)
        if layer(imported) != layer(module) and rank[layer(module)] <= rank.get(layer(imported), len(rank))
    ]


def circle(root: Path) -> list[str]:
    """The modules of one circle of imports, in order; none if there is no circle."""
    known = modules(root)
    graph = {module: {each for each, _ in imports(known, module)} - {module} for module in known}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_every_package_has_its_place() -> None:
    """A new one is given a layer here."""
    there = {path.stem for path in (ROOT / 'simulations').iterdir() if (path / '__init__.py').exists()}
    there |= {path.stem for path in (ROOT / 'simulations').glob('*.py')} - {'__init__'}
    assert {name for name in there if not (name.startswith('_') and name != '__main__')} == set(LAYERS)


def test_every_import_points_downwards() -> None:
    assert upward(ROOT) == []


def test_no_module_is_imported_in_a_circle() -> None:
    assert circle(ROOT) == []


def test_few_plain_modules_stand_beside_the_packages() -> None:
    assert len(list((ROOT / 'simulations').glob('*.py'))) <= PLAIN_MODULES


def test_every_package_opens_with_its_contract() -> None:
    for name in LAYERS:
        path = ROOT / 'simulations' / name / '__init__.py'
        if path.exists():
            assert ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))), path


@pytest.mark.parametrize(
    'planted',
    ['from simulations.cli import main', 'def late():\n    from simulations.cli import main', 'import simulations'],
    ids=['at the top', 'in a function', 'of the facade'],
)
def test_a_planted_import_is_named(tmp_path: Path, planted: str) -> None:
    folder = tmp_path / 'simulations'
    (folder / 'history').mkdir(parents=True)
    (folder / 'cli').mkdir()
    (folder / 'cli' / '__init__.py').write_text('main = None')
    (folder / '__init__.py').write_text('')
    (folder / 'history' / '__init__.py').write_text('')
    (folder / 'history' / 'events.py').write_text(planted)

    [found] = upward(tmp_path)
    assert found.startswith(f'simulations/history/events.py:{planted.count(chr(10)) + 1} imports simulations')


def test_a_planted_circle_is_named(tmp_path: Path) -> None:
    folder = tmp_path / 'simulations'
    folder.mkdir()
    (folder / 'units.py').write_text(
        'from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from simulations.arguments import x'
    )
    (folder / 'arguments.py').write_text('def f():\n    from simulations.units import y')

    assert set(circle(tmp_path)) == {'simulations.units', 'simulations.arguments'}
