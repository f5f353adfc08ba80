"""The names and commands in docstrings and pages exist, so no reader meets one that has moved."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import PAGES, ROOT


ROLE = re.compile(r':(?:class|func|meth|mod|data|attr|exc):`~?((?:simulations|py_cachify)[\w.]*)`')
COMMAND = re.compile(r'python -m ((?:simulations|tests)[\w.]*)')
MODULES = sorted(path for folder in ('py_cachify', 'simulations', 'tests') for path in (ROOT / folder).rglob('*.py'))


def docstrings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def lookup(name: str) -> object:
    """Return the module, or the object in a module, with this dotted name."""
    parts = name.split('.')
    for length in range(len(parts), 0, -1):
        try:
            target: object = importlib.import_module('.'.join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            target = getattr(target, part)
        return target
    raise ModuleNotFoundError(name)


def test_every_reference_in_a_docstring_exists() -> None:
    names = {name for path in MODULES for text in docstrings(path) for name in ROLE.findall(text)}
    assert len(names) > 20
    for name in sorted(names):
        lookup(name)


def test_every_documented_command_exists() -> None:
    texts = [path.read_text(encoding='utf-8') for path in PAGES]
    texts += [text for path in MODULES if path.parts[-2] != 'support' for text in docstrings(path)]
    names = {name.rstrip('.') for text in texts for name in COMMAND.findall(text)}
    assert 'simulations.jupyter.pages' in names
    for name in sorted(names):
        path = ROOT.joinpath(*name.split('.'))
        assert path.with_suffix('.py').is_file() or (path / '__main__.py').is_file(), name


@pytest.mark.parametrize('name', ['simulations.nowhere.Name', 'simulations.Nobody', 'nothing'])
def test_a_name_that_does_not_exist_is_not_found(name: str) -> None:
    with pytest.raises((ModuleNotFoundError, AttributeError)):
        lookup(name)
