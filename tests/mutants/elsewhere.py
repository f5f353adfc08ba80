"""Run one test of the suite against a changed copy of the project."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.mutants.apply import PACKAGE, changed_text
from tests.mutants.mutant import Beyond


def fails(beyond: Beyond) -> bool:
    """Return whether the test fails with the change. Raise ``RuntimeError`` if it cannot run."""
    with tempfile.TemporaryDirectory(prefix='mutant-') as folder:
        copy = Path(folder)
        root = PACKAGE.parent
        for name in ('py_cachify', 'simulations', 'tests'):
            shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns('__pycache__'))
        for name in ('pyproject.toml', 'README.md'):
            shutil.copy(root / name, copy)
        (copy / 'py_cachify' / beyond.file).write_text(changed_text(beyond), encoding='utf-8')
        status = _status_of(beyond.test, copy)
        if status not in (0, 1):
            raise RuntimeError(f'{beyond.test} cannot be run: pytest exited with status {status}')
        return status == 1


def _status_of(test: str, folder: Path) -> int:
    command = [sys.executable, '-m', 'pytest', '-q', '-x', '-p', 'no:cacheprovider', f'tests/{test}']
    return subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=False).returncode
