"""The shipped protocols with one decision of each taken out or changed, and what finds that out.

``python -m tests.mutants`` prints the table.
"""
