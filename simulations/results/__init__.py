"""The result of a run: facts, the report, card and pictures made from them, and `Result`.

The ``README.md`` of this package lists the pictures.
"""
