"""Runs a small suite as a user does: a folder of its own, and a process of its own."""

import os
import sys

import pytest

from tests.support.paths import ROOT


CONFTEST = "pytest_plugins = ['py_cachify.testing.plugin']\n"


def run(pytester: pytest.Pytester, files: dict[str, str], *options: str) -> pytest.RunResult:
    """Run pytest on these files, from their names to their texts."""
    return run_python(pytester, files, '-m', 'pytest', '-p', 'no:cacheprovider', *options)


def run_python(pytester: pytest.Pytester, files: dict[str, str], *arguments: str) -> pytest.RunResult:
    """Run Python in a folder with these files."""
    for name, text in files.items():
        (pytester.path / name).write_text(text, encoding='utf-8')
    pytester._monkeypatch.setenv('PYTHONPATH', os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')])))
    return pytester.run(sys.executable, *arguments, timeout=300)
