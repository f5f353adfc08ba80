"""The commands and the example of the guide's section on waiting, word for word."""

import re
import shlex
from pathlib import Path

import pytest

from simulations import Result
from simulations.theory.relaxation import relaxation
from tests.support.command import here
from tests.support.paths import ROOT


PAGE = (ROOT / 'simulations' / 'scenarios' / 'README.md').read_text(encoding='utf-8')
SECTION = PAGE.partition('\n## Waiting\n')[2].partition('\n## ')[0]
[COMMANDS] = re.findall(r'```sh\n(.*?)```', SECTION, re.DOTALL)
[EXAMPLE] = re.findall(r'```python\n(.*?)```', SECTION, re.DOTALL)
FASTER = {'run': ['--store', 'memory'], 'size': ['--workers', '1'], 'sweep': ['--workers', '1']}
TELLS = {
    'run': 'waiting time ',
    'compare': 'B makes jobs wait less',
    'sweep': 'mean wait',
    'size': 'is the smallest that serves at least 0.95 of the jobs within 1 s',
    'theory': '  wait longer than 1 mean holding times  2.',
}
"""Words in what each command prints."""


@pytest.mark.parametrize('line', COMMANDS.splitlines())
def test_each_command_says_how_long_jobs_wait(line: str, tmp_path: Path) -> None:
    program, command, *words = shlex.split(line)
    done = here(tmp_path, command, *words, *FASTER.get(command, []))

    assert program == 'pool-sim'
    assert done.returncode == 0, done.stderr
    assert TELLS[command] in done.stdout


def test_the_example_has_theory_beside_the_measured_wait() -> None:
    names: dict[str, Result] = {}
    exec(EXAMPLE, names)
    result = names['result']

    assert result.estimates.wait_mean is not None
    assert result.theory is not None
    assert result.theory.exact
    assert result.theory.wait_mean in result.estimates.wait_mean
    assert result.figures.wait_mean in result.estimates.wait_mean


def test_a_queue_remembers_its_past_for_as_long_as_the_guide_says() -> None:
    """With ten slots, for 20 holding times at 90 % and for 2,000 at 99 %."""
    assert relaxation(9.0, 1.0, 10).memory == pytest.approx(20, rel=0.01)
    assert relaxation(9.9, 1.0, 10).memory == pytest.approx(2000, rel=0.01)
