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

WAITING_THREADS = 32
"""How many threads wait for the slots of one pool."""
WAITING_TASKS = 200
"""How many tasks wait for the slots of one pool."""
MANY_TASKS = 1000
"""How many tasks wait that only the library is measured with, and that are idle."""
BODIES = 0.001, 0.050
"""How long the bodies of those that wait sleep, in seconds."""
ENOUGH_CONNECTIONS = 5000
"""More than the workers that may wait: ``BLPOP`` needs a connection for each."""
