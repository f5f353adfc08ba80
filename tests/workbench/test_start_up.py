"""The workbench starts quickly, and works as far as its packages are installed."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import simulations
from simulations.cli import COMMANDS
from simulations.extras import NEEDED
from tests.support.paths import ROOT


HEAVY = ('numpy', 'matplotlib', 'fakeredis', 'redis')
LOADED = """
import contextlib, io, json, sys
{program}
print(json.dumps(sorted(name for name in {heavy!r} if name in sys.modules)))
"""
WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {absent!r}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)

sys.meta_path.insert(0, Absent())
"""


def python(program: str) -> 'subprocess.CompletedProcess[str]':
    return subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.parametrize(
    'program',
    [
        'import simulations',
        'from simulations import erlang_b, Network, Retry, Exponential, parse_holding; parse_holding("exp:1")',
        """
from simulations.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    with contextlib.suppress(SystemExit):
        main(['--help'])
    main(['theory', '--max-size', '5', '--load', '3', '--target', '0.01'])
""",
    ],
    ids=['import', 'light names', 'pool-sim --help and theory'],
)
def test_what_does_not_need_them_loads_no_heavy_package(program: str) -> None:
    done = python(LOADED.format(program=program, heavy=HEAVY))

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_with_simpy_alone_it_can_be_imported_and_names_what_is_missing_when_it_is_used() -> None:
    program = WITHOUT.format(absent=tuple(name for name in NEEDED if name != 'simpy')) + (
        'import simulations\n'
        'print(simulations.erlang_b(5, 3.0))\n'
        'try:\n    simulations.replay\n'
        'except ModuleNotFoundError as error:\n    print(error)\n'
    )
    done = python(program)

    assert done.returncode == 0, done.stderr
    blocked, sentence = done.stdout.splitlines()
    assert blocked.startswith('0.110054')
    assert sentence.startswith('simulations.replay: ')
    assert "is not installed; it comes with the extra `sim`: run pip install -c constraints.txt -e '.[sim]'" in sentence


def test_pool_sim_without_its_extra_says_in_one_line_what_to_install() -> None:
    program = WITHOUT.format(absent=NEEDED) + 'import sys\nfrom simulations.cli import main\nsys.exit(main([]))'
    done = python(program)

    assert (done.returncode, done.stdout) == (2, '')
    [line] = done.stderr.splitlines()
    assert line.startswith('pool-sim: ')
    assert line.endswith("run pip install -c constraints.txt -e '.[sim]' in the checkout")


def test_every_name_is_found_where_the_type_checkers_are_told_that_it_is() -> None:
    tree = ast.parse(Path(simulations.__file__).read_text(encoding='utf-8'))
    told = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module
        and node.module not in ('typing', 'importlib', 'simulations.extras')
        for alias in node.names
        if node.module != 'simulations.extras'
    }

    assert told == simulations._HOME_OF
    assert sorted(told) == sorted(simulations.__all__)
    for name in simulations.__all__:
        assert getattr(simulations, name) is not None
    assert set(simulations.__all__) <= set(dir(simulations))


def test_what_is_called_missing_is_what_the_extra_installs() -> None:
    extras = tomllib.loads((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))['project']['optional-dependencies']
    names = [re.match(r'[\w-]+', requirement) for requirement in extras['sim']]

    assert sorted(found[0].replace('-', '_') for found in names if found) == sorted(NEEDED)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'simulations' has no attribute 'replya'"):
        simulations.replya  # noqa: B018


def test_a_package_is_an_attribute_without_being_imported_first() -> None:
    done = python('import simulations; print(simulations.theory.erlang_b(5, 3.0) > 0.11, simulations.live.__name__)')

    assert done.stdout.split() == ['True', 'simulations.live'], done.stderr


@pytest.mark.parametrize('command', COMMANDS)
def test_every_command_has_a_module_that_configures_it(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    from simulations.cli import main

    with pytest.raises(SystemExit) as ended:
        main([command, '--help'])
    assert ended.value.code == 0
    assert f'usage: pool-sim {command}' in capsys.readouterr().out
