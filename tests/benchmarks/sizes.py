"""How many of everything."""

HELD = 10_000
"""How many other slots are live in a crowded pool."""
ROOM = 20_000
"""The ``max_size`` of pools that are to be crowded, and of those that they are compared with."""

MAX_SIZE = 8
"""Of the pool that the contended rows fight for."""
ACTORS = 32
"""How many threads or tasks fight for it."""
PROCESSES = 4
"""How many processes do, with ``ACTORS`` threads together."""
BODY = 0.001
"""How long each body sleeps, in seconds."""
BACK_OFF = 0.001
"""How long an actor sleeps after a refusal, in seconds."""
