"""The guide's own example, word for word: the file, the command, its report, and the test."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

from simulations.checking import CLAUSES
from simulations.checking.check import PATIENCE, PROCESSES, ROUNDS, SECONDS, THREADS
from tests.support.command import in_a_process
from tests.support.paths import ROOT
from tests.support.stores import GUIDE


CHAPTER = (ROOT / 'simulations' / 'checking' / 'README.md').read_text(encoding='utf-8')
MODULE, MENDED, TEST = re.findall(r'```python\n(.*?)```', CHAPTER, re.DOTALL)
COMMAND, *_ = re.findall(r'```sh\n(.*?)\n```', CHAPTER, re.DOTALL)
[REPORT] = re.findall(r'```\n(TableClient.*?)```', CHAPTER, re.DOTALL)


def verdicts(report: str) -> list[tuple[str, str]]:
    """Return the clauses of a report with their verdicts, in its order."""
    return re.findall(r'^  (\S.*?) +(holds|FAILS|not checked)(?= |$)', report, re.MULTILINE)


def test_the_example_is_found_wrong_mended_and_right(tmp_path: Path) -> None:
    """The command reports what the guide shows; after the change of the guide, all clauses hold."""
    assert len(MODULE.splitlines()) < 32
    module = tmp_path / 'my_module.py'
    module.write_text(MODULE)
    words = COMMAND.split()[1:]
    assert words == ['check-client', 'my_module:make_client']

    done = in_a_process(tmp_path, *words)

    assert done.returncode == 1, done.stderr
    assert verdicts(done.stdout) == verdicts(REPORT)
    for line in ('contract', 'mend it', 'verdict     2 clauses do not hold: threads, processes', 'repeat it with: '):
        assert f'  {line}' in REPORT
        assert f'  {line}' in done.stdout

    before, after = MODULE.split('    def set(')[0], MODULE[MODULE.index('    def delete(') :]
    module.write_text(f'{before}{textwrap.indent(MENDED, "    ")}\n{after}')
    done = in_a_process(tmp_path, *words, '--seconds', '5')

    assert done.returncode == 0, done.stdout
    assert f'all {len(CLAUSES) - 1} clauses hold' in done.stdout
    assert f'`all {len(CLAUSES) - 1} clauses hold`' in CHAPTER

    (tmp_path / 'test_my_module.py').write_text(TEST)
    assert pytest_in(tmp_path).returncode == 0
    module.write_text(MODULE)
    failed = pytest_in(tmp_path)
    assert failed.returncode == 1
    assert 'threads         FAILS' in failed.stdout


def pytest_in(folder: Path) -> 'subprocess.CompletedProcess[str]':
    command = [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'test_my_module.py']
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_the_guide_lists_every_clause_and_the_defaults() -> None:
    for clause in CLAUSES:
        assert f'| `{clause.name}` | {clause.promise} |' in CHAPTER
    for name, value in (('threads', THREADS), ('processes', PROCESSES), ('rounds', ROUNDS)):
        assert f'| `--{name} N` | `{name}={value}` |' in CHAPTER
    for name, seconds in (('seconds', SECONDS), ('patience', PATIENCE)):
        assert f'| `--{name} S` | `{name}={seconds:g}` |' in CHAPTER


def test_the_clients_that_the_library_documents_keep_the_contract(tmp_path: Path) -> None:
    """Those that a reader is told to copy; the one over a dictionary is for one process."""
    (tmp_path / 'documented.py').write_text(
        '\n'.join(
            block
            for block in re.findall(r'```python\n(.*?)```', GUIDE.read_text(encoding='utf-8'), re.DOTALL)
            if 'class DictClient' in block or 'class SqliteClient' in block
        )
        + '\n\ndef make():\n    return SqliteClient("slots.db")\n'
    )
    sqlite = in_a_process(tmp_path, 'check-client', 'documented:make', '--seconds', '4')
    assert sqlite.returncode == 0, sqlite.stdout
    memory = in_a_process(tmp_path, 'check-client', 'documented:DictClient', '--processes', '0', '--rounds', '24')
    assert memory.returncode == 0, memory.stdout
