"""The folders of the checkout, in one place, so that tests can be moved."""

from pathlib import Path


ROOT = Path(__file__).parents[2]
TESTS = ROOT / 'tests'
NOTEBOOKS = ROOT / 'notebooks'
HISTORIES = TESTS / 'workbench' / 'judging' / 'histories'
