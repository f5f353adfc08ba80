"""What a type checker reports to users.  Each checker checks these files; nothing runs them.

``assert_type`` says what is known.  A line with ``# type: ignore[...]`` is an error under *every*
checker: each complains where such a comment is not needed.
"""
