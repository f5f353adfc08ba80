"""The library's modules import one another one way, and what is public can be told at a glance."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import py_cachify
from tests.support.paths import ROOT


PUBLIC = (
    'commands',
    'protocols',
    'drivers',
    'backends',
    'clients',
    'decorators',
    'pools',
    'cachify',
    'errors',
    'arguments',
)


def imports(root: Path) -> dict[str, set[str]]:
    """For each module of the library the ones that it imports, in functions and for type checkers included."""
    paths = {}
    for path in (root / 'py_cachify').rglob('*.py'):
        parts = path.relative_to(root).with_suffix('').parts
        paths['.'.join(parts[:-1] if parts[-1] == '__init__' else parts)] = path
    graph: dict[str, set[str]] = {module: set() for module in paths}
    for module, path in paths.items():
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split('.')[0] == 'py_cachify':
                for alias in node.names:
                    inner = f'{node.module}.{alias.name}'
                    graph[module].add(inner if inner in paths else node.module)
            elif isinstance(node, ast.Import):
                graph[module] |= {alias.name for alias in node.names if alias.name.startswith('py_cachify')}
    return {module: imported - {module} for module, imported in graph.items()}


def circle(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one circle of imports, in order; none if there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_is_imported_in_a_circle() -> None:
    assert circle(imports(ROOT)) == []


def test_no_module_imports_the_facade() -> None:
    assert [module for module, imported in imports(ROOT).items() if 'py_cachify' in imported] == []


def test_a_module_is_public_and_described_or_private() -> None:
    modules = {path.stem for path in (ROOT / 'py_cachify').glob('*.py')}
    modules |= {path.parent.name for path in (ROOT / 'py_cachify').glob('*/__init__.py')}
    public = {name for name in modules if not name.startswith('_')}

    assert public == set(PUBLIC)
    for name in PUBLIC:
        assert f'\n``{name}`` ' in str(py_cachify.__doc__)


def test_a_public_name_comes_from_a_public_module() -> None:
    """So ``help()``, ``repr()`` and what is pickled by name show a path that stays."""
    exported = {name: getattr(getattr(py_cachify, name), '__module__', '') for name in py_cachify.__all__}
    assert {name: module for name, module in exported.items() if '._' in module} == {}


def test_the_workbench_imports_what_is_public() -> None:
    for path in (ROOT / 'simulations').rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith('py_cachify'):
                assert '._' not in node.module, f'{path.relative_to(ROOT)}:{node.lineno}'


@pytest.mark.parametrize('planted', ['from py_cachify.pools import pool', 'def f():\n    import py_cachify.pools'])
def test_a_planted_circle_is_named(tmp_path: Path, planted: str) -> None:
    folder = tmp_path / 'py_cachify'
    folder.mkdir()
    (folder / 'errors.py').write_text(planted)
    (folder / 'pools.py').write_text('from py_cachify.errors import x')

    assert set(circle(imports(tmp_path))) == {'py_cachify.errors', 'py_cachify.pools'}
