"""Where things are in the checkout, in one place, so that tests can move."""

from pathlib import Path


ROOT = Path(__file__).parents[2]
TESTS = ROOT / 'tests'
NOTEBOOKS = ROOT / 'notebooks'
HISTORIES = TESTS / 'workbench' / 'judging' / 'histories'
