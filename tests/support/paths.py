"""The folders of the checkout, in one place, so that tests can be moved."""

from pathlib import Path


ROOT = Path(__file__).parents[2]
TESTS = ROOT / 'tests'
NOTEBOOKS = ROOT / 'notebooks'
PAGES = [
    ROOT / 'README.md',
    *sorted(
        page for folder in ('notebooks', 'py_cachify', 'simulations', 'tests') for page in (ROOT / folder).rglob('*.md')
    ),
]
"""Every page of documentation."""
HISTORIES = TESTS / 'workbench' / 'judging' / 'histories'
