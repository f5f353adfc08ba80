"""The packages of the workbench form layers.

Each imports only packages below it, and no import is circular.
"""

import ast
from pathlib import Path

import pytest

from tests.support.layers import circle, upward
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
    'checking',
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
    'comparing',
    'live',
    'sizing',
    'jupyter',
    'pages',
    'cli',
    '__main__',
)
"""The layers, lowest first. Nothing imports the facade, ``simulations/__init__.py``."""

PLAIN_MODULES = 8


def test_every_package_has_its_place() -> None:
    """A new one is given a layer here."""
    there = {path.stem for path in (ROOT / 'simulations').iterdir() if (path / '__init__.py').exists()}
    there |= {path.stem for path in (ROOT / 'simulations').glob('*.py')} - {'__init__'}
    assert {name for name in there if not (name.startswith('_') and name != '__main__')} == set(LAYERS)


def test_every_import_points_downwards() -> None:
    assert upward(ROOT, 'simulations', LAYERS) == []


def test_no_module_is_imported_in_a_circle() -> None:
    assert circle(ROOT, 'simulations') == []


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

    [found] = upward(tmp_path, 'simulations', LAYERS)
    assert found.startswith(f'simulations/history/events.py:{planted.count(chr(10)) + 1} imports simulations')


def test_a_planted_circle_is_named(tmp_path: Path) -> None:
    folder = tmp_path / 'simulations'
    folder.mkdir()
    (folder / 'units.py').write_text(
        'from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from simulations.arguments import x'
    )
    (folder / 'arguments.py').write_text('def f():\n    from simulations.units import y')

    assert set(circle(tmp_path, 'simulations')) == {'simulations.units', 'simulations.arguments'}
