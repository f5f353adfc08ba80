"""The library's modules have layers: each imports only those below it; public names are obvious."""

import ast
import re
from pathlib import Path

import pytest

import py_cachify
from tests.support.layers import circle, modules, upward
from tests.support.paths import ROOT


LAYERS = (
    'arguments',
    'errors',
    'clients',
    '_process',
    'tokens',
    '_signatures',
    '_keys',
    '_refusals',
    '_unsent',
    '_signals',
    '_transient',
    '_options',
    'commands',
    'events',
    'observing',
    'occupants',
    'renewals',
    '_waiters',
    'pauses',
    'protocols',
    'drivers',
    '_cancellation',
    '_deadlocks',
    '_entries',
    'backends',
    '_retries',
    '_spec',
    '_attempts',
    '_held',
    '_alarms',
    '_renewers',
    '_watching',
    '_giving_back',
    'slots',
    '_taking',
    '_bodies',
    '_looking',
    '_waiting',
    '_settings',
    'decorators',
    '_decorator_types',
    '_display',
    'pools',
    'cachify',
    'recording',
    'testing',
    'metrics',
    'ctl',
)
"""From the ground up.  No module imports the facade ``py_cachify/__init__.py``."""

PUBLIC = [name for name in LAYERS if not name.startswith('_')]


def test_every_module_has_its_place() -> None:
    """A new module needs a layer here."""
    there = {module.split('.')[1] for module in modules(ROOT, 'py_cachify') if module != 'py_cachify'}
    assert there == set(LAYERS)


def test_every_import_points_downwards() -> None:
    assert upward(ROOT, 'py_cachify', LAYERS) == []


def test_no_module_is_imported_in_a_circle() -> None:
    """Also within a package, where the layers do not apply."""
    assert circle(ROOT, 'py_cachify') == []


def test_the_docstring_describes_the_public_modules_from_the_ground_up() -> None:
    assert re.findall(r'^``(\w+)``  +\S', str(py_cachify.__doc__), re.MULTILINE) == PUBLIC


def test_a_public_name_comes_from_a_public_module() -> None:
    """So ``help()``, ``repr()`` and pickles show a path that stays."""
    exported = {name: getattr(getattr(py_cachify, name), '__module__', '') for name in py_cachify.__all__}
    assert {name: module for name, module in exported.items() if '._' in module} == {}


def test_the_workbench_imports_what_is_public() -> None:
    for path in (ROOT / 'simulations').rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.ImportFrom):
                names = [f'{node.module}.{alias.name}' for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            private = [name for name in names if re.match(r'py_cachify\..*\b_', name)]
            assert not private, f'{path.relative_to(ROOT)}:{node.lineno} imports {private}'


@pytest.mark.parametrize(
    'planted',
    [
        'from py_cachify.pools import pool',
        'from py_cachify import pools',
        'def late():\n    import py_cachify.pools',
        'import py_cachify',
    ],
    ids=['at the top', 'as a module', 'in a function', 'of the facade'],
)
def test_a_planted_import_is_named(tmp_path: Path, planted: str) -> None:
    folder = tmp_path / 'py_cachify'
    folder.mkdir()
    (folder / '__init__.py').touch()
    (folder / 'errors.py').write_text(planted)
    (folder / 'pools.py').write_text('from py_cachify.errors import x')

    [line] = upward(tmp_path, 'py_cachify', LAYERS)
    number = 2 if planted.startswith('def') else 1
    imported = planted.split()[-1] if planted == 'import py_cachify' else 'py_cachify.pools'
    assert line == (
        f'py_cachify/errors.py:{number} imports {imported}, which is not in a layer below py_cachify.errors'
    )


def test_a_planted_circle_is_named(tmp_path: Path) -> None:
    folder = tmp_path / 'py_cachify' / 'backends'
    folder.mkdir(parents=True)
    (folder / 'base.py').write_text('from py_cachify.backends.memory import x')
    (folder / 'memory.py').write_text('from py_cachify.backends import base')

    assert set(circle(tmp_path, 'py_cachify')) == {'py_cachify.backends.base', 'py_cachify.backends.memory'}
    assert upward(tmp_path, 'py_cachify', LAYERS) == []
