"""How often an interval without a caveat holds the truth: ``python -m tests.coverage``."""
