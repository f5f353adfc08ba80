"""The shipped protocols with one decision removed or changed, and what catches the change.

``python -m tests.mutants`` prints the tables of ``README.md``.
"""
