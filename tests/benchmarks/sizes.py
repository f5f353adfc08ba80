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

TASKS = 8, 32, 100, 400
"""How many tasks of one event loop use one client."""
MOST_TASKS = max(TASKS)
"""How many tasks the connections are counted of."""
BARE_CONNECTIONS = 100
"""How many connections the client has that they are compared with."""
DELAY = 0.001
"""How much longer a message is on its way in the delayed rows, in seconds."""
LATENCY_TASKS = 100
"""How many tasks the latency of an acquire is measured with."""
LATENCY_BODIES = 0.05
"""How long these hold a slot on average, in seconds: the holding times are exponential."""
