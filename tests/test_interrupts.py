"""Ctrl-C at any moment: as far as Python allows, no slot stays.

The limit: Python may raise the interrupt as ``__exit__`` begins or as a decorated call begins to give back, where
nothing can catch it.  Then the slot comes back by its expiry.  A program that does nothing but enter and leave a
pool is hit there by a few interrupts in a thousand on a server, and in a hundred in memory.
"""

import json
import subprocess
import sys
from typing import Any

import pytest


PROGRAM = """
import json, logging, random, signal, sys
import redis
from py_cachify import CachifyPoolFullError, MemoryClient, init_cachify, pool, pooled

socket, seed = sys.argv[1], int(sys.argv[2])
logging.disable()
client = redis.Redis(unix_socket_path=socket) if socket else None
init_cachify(client)
few = pool('reports', max_size=10_000, slot_exp=600)
body = pooled('reports', max_size=10_000, slot_exp=600)(lambda: None)
stream = random.Random(seed)
interrupts, inside = 0, 0
signal.signal(signal.SIGALRM, signal.default_int_handler)
while interrupts < 1500:
    try:
        signal.setitimer(signal.ITIMER_REAL, stream.uniform(0.00002, 0.0012 if socket else 0.0002))
        while True:
            with few:
                pass
            body()
    except KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0)
        interrupts += 1
print(json.dumps({'interrupts': interrupts, 'left': few.size(), 'open': len(few._entries._open)}))
"""


@pytest.mark.parametrize(('store', 'most_left'), [('memory', 150), ('valkey', 25)])
def test_an_interrupt_leaves_no_slot_but_for_the_named_limit(
    store: str, most_left: int, request: pytest.FixtureRequest
) -> None:
    """Interrupted 1,500 times at random moments: acquire, body and release end, or are undone."""
    socket = request.getfixturevalue('socket') if store == 'valkey' else ''
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM, socket, '11'], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    print(found)
    assert found['interrupts'] == 1500
    assert found['left'] <= most_left
