"""What a type checker tells users.  These files are checked, by each checker in turn, and never run.

``assert_type`` says what is known.  A line with ``# type: ignore[...]`` is an error under *every* checker: each
complains where such a comment is not needed.
"""
