"""Fencing tokens over processes: they grow with every grant, and a resource refuses a late writer.

By hand, with more grants: ``FENCED_GRANTS=100000 FENCED_LATE=0.002 pytest -s
tests/library/leases/test_fenced_writers.py``.  A run prints what it saw.
"""

import os
import subprocess
import sys

import pytest
import redis

from tests.support.paths import ROOT


GRANTS = int(os.environ.get('FENCED_GRANTS', '600'))
LATE = os.environ.get('FENCED_LATE', '0.02')
"""The share of bodies that outlive their slots."""
PROCESSES = 4

PROGRAM = """
import asyncio, random, sys, time
import redis.asyncio
from py_cachify import CachifyError, init_cachify

socket, name, grants, late, waits = sys.argv[1:]
chance = random.Random(name)
life, share = 0.15, float(late)
# The resource: it keeps the greatest token that it has seen, and refuses an older one.
WRITE = '''
local greatest = tonumber(redis.call('GET', KEYS[1]) or 0)
local accepted = tonumber(ARGV[1]) > greatest
if accepted then redis.call('SET', KEYS[1], ARGV[1]) end
redis.call('RPUSH', KEYS[2], (accepted and 'accepted ' or 'refused ') .. ARGV[1] .. ' ' .. ARGV[2])
return redis.call('LLEN', KEYS[2])
'''


async def main():
    connections = redis.asyncio.BlockingConnectionPool.from_url(f'unix://{socket}', max_connections=20, timeout=60)
    client = redis.asyncio.Redis(connection_pool=connections)
    of = init_cachify(async_client=client).pool(
        'fenced', max_size=1, slot_exp=life, fence=True, wait=None if waits == 'yes' else 0
    )
    write = client.register_script(WRITE)

    async def writer():
        while True:
            try:
                slot = await of.aacquire()
            except CachifyError:
                await asyncio.sleep(0.001)
                continue
            if chance.random() < share:
                await asyncio.sleep(chance.uniform(1, 2) * life)
            when = 'late' if slot.lost else 'in time'
            written = await write(keys=['greatest', 'writes'], args=[slot.fence, when])
            await slot.arelease()
            if written >= int(grants):
                return

    await asyncio.gather(*(writer() for _ in range(2)))


asyncio.run(main())
"""


@pytest.mark.parametrize('waits', ['yes', 'no'])
def test_each_grant_has_a_greater_token_than_all_before(waits: str, socket: str, server: 'redis.Redis') -> None:
    """Some bodies outlive their slots; others get theirs by a hand-over, or after an expiry."""
    writers = [
        subprocess.Popen(
            [sys.executable, '-c', PROGRAM, socket, f'{number}', str(GRANTS), LATE, waits],
            env=os.environ | {'PYTHONPATH': str(ROOT)},
        )
        for number in range(PROCESSES)
    ]
    assert [writer.wait() for writer in writers] == [0] * PROCESSES
    found: list[bytes] = server.lrange('writes', 0, -1)  # type: ignore[assignment]
    writes = [write.decode().split(' ', 2) for write in found]
    tokens = [int(token) for _, token, _ in writes]
    accepted = [int(token) for outcome, token, _ in writes if outcome == 'accepted']
    refused = [when for outcome, _, when in writes if outcome == 'refused']
    print(f'waiting {waits}: {len(writes)} grants, {len(refused)} late writes refused')
    assert len(writes) >= GRANTS
    assert len(set(tokens)) == len(tokens), 'a token was granted twice'
    assert accepted == sorted(accepted)
    # A write is refused only if a later grant has written: so its own slot was gone.
    assert set(refused) <= {'late'}
    assert refused, 'no body outlived its slot, so nothing was shown'
