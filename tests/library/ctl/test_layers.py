"""The modules of ``pool-ctl`` have an order, which its docstring lists."""

import ast
import re

import py_cachify.ctl
from tests.support.paths import ROOT


ORDER = re.findall(r'^``(\w+)``  +\S', str(py_cachify.ctl.__doc__), re.MULTILINE)
FOLDER = ROOT / 'py_cachify' / 'ctl'


def test_each_module_imports_only_those_listed_before_it() -> None:
    assert {path.stem for path in FOLDER.iterdir() if not path.stem.startswith('__')} == set(ORDER)
    for path in FOLDER.rglob('*.py'):
        own = path.relative_to(FOLDER).parts[0].removesuffix('.py')
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if own in ORDER and isinstance(node, ast.ImportFrom) and (node.module or '').startswith('py_cachify.ctl.'):
                imported = str(node.module).split('.')[2]
                assert imported == own or ORDER.index(imported) < ORDER.index(own), f'{path} imports {imported}'


def test_what_decides_knows_neither_a_screen_nor_a_server() -> None:
    """Values, checks and lines can be tested without either."""
    for name in (
        'members',
        'values',
        'texts',
        'names',
        'documents',
        'plain',
        'watching',
        'doctor/of_servers',
        'doctor/of_pools',
    ):
        text = (FOLDER / f'{name}.py').read_text(encoding='utf-8')
        assert not re.search(r'^\s*(from|import) (rich|redis)\b', text, re.MULTILINE), name
