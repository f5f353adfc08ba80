"""The sizes of the benchmark's pools and crowds."""

HELD = 10_000
"""How many other slots are live in a crowded pool."""
ROOM = 20_000
"""The ``max_size`` of crowded pools, and of those that they are compared with."""

MAX_SIZE = 8
"""The ``max_size`` of the pool in the contended rows."""
ACTORS = 32
"""How many threads or tasks compete for it."""
PROCESSES = 4
"""How many processes compete for it, with ``ACTORS`` threads in total."""
BODY = 0.001
"""How long each body sleeps, in seconds."""
BACK_OFF = 0.001
"""How long an actor sleeps after a refusal, in seconds."""
