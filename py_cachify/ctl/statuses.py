"""The exit statuses of ``pool-ctl``, which are those of ``pool-sim``."""

FINE, FOUND, IMPOSSIBLE, UNCHECKED, INTERRUPTED, CUT_OFF = 0, 1, 2, 3, 130, 141
"""``FOUND`` is for what ``doctor`` found, ``UNCHECKED`` for what it could not look at."""
