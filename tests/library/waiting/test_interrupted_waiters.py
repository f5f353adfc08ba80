"""Threads whose wait a signal breaks off, in any phase, leave nothing and cost nobody a turn.

The handler of the signal raises an exception in the main thread, as Ctrl-C does.  By hand, with
more of them: ``INTERRUPTS=20000 pytest tests/library/waiting/test_interrupted_waiters.py``.
"""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import redis

from tests.support.paths import ROOT


INTERRUPTS = int(os.environ.get('INTERRUPTS', '400'))

PROGRAM = """
import json, logging, os, random, signal, sys, threading, time
import redis
from py_cachify import CachifyPoolTimeoutError, init_cachify
from py_cachify import _waiters as waiters
from py_cachify.backends.redis import RedisBackend, load_script
from py_cachify.commands import Turn

socket, phase, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])
OPERATIONS = {load_script(name).digest: name for name in ('acquire', 'release', 'undo', 'join', 'ask', 'leave')}
PATIENCE = 100
chance = random.Random(phase)
main = threading.get_ident()
logging.disable()


class Interrupted(BaseException):
    pass


class Victim:
    # What the main thread does; the handler raises as often as `armed` says.
    armed = 0
    hit = False
    token = ''
    late = False
    joined = threading.Event()


victim = Victim()


def interrupt(number, frame):
    if victim.armed:
        victim.armed -= 1
        raise Interrupted


def strike():
    # An undo begins with one interrupt, and is hit by the next.
    victim.hit |= phase != 'undo' or victim.armed == 1
    signal.pthread_kill(main, signal.SIGALRM)


class Client(redis.Redis):
    def evalsha(self, sha, numkeys, *arguments):
        operation = OPERATIONS.get(sha)
        mine = threading.get_ident() == main and victim.armed
        if mine and operation == 'join':
            victim.token = arguments[numkeys].decode()
        hits = mine and operation == phase and not victim.hit
        if hits and not victim.late:
            victim.hit = True
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.000001, 0.0003))
        answer = super().evalsha(sha, numkeys, *arguments)
        if hits and victim.late:
            strike()
        if not mine and phase == 'granted' and isinstance(answer, list) and victim.token.encode() in answer:
            strike()
        if threading.get_ident() == main and operation == 'join':
            victim.joined.set()
        return answer


connections = dict(unix_socket_path=socket, max_connections=100_000)
client = Client(**connections)
for name in OPERATIONS.values():
    client.script_load(load_script(name).text)
made = init_cachify(client)
here, foreign = RedisBackend(client), RedisBackend(redis.Redis(**connections))
look = redis.Redis(**connections)
signal.signal(signal.SIGALRM, interrupt)


def waiting():
    return made.pool('reports', max_size=1).queue_size()


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise SystemExit('nothing happened for 60 s')
        time.sleep(0.0003)


hits = entered = 0
served = []
longest = 0.0


def wait(name):
    global longest
    began = time.monotonic()
    with made.pool('reports', max_size=1, slot_exp=600, wait=PATIENCE):
        served.append(name)
    longest = max(longest, time.monotonic() - began)


def helper(holder):
    # Brings the victim into its phase, and then gives the slot back.
    after = threading.Thread(target=wait, args=('after',))
    victim.joined.wait()
    after.start()
    until(lambda: waiting() >= 2 or victim.hit)
    if phase == 'queued':
        until(lambda: getattr(waiters._waiters.get(victim.token), '_silence', None) is not None)
        time.sleep(chance.uniform(0, 0.0005))
        strike()
    elif phase == 'ask':
        waiters.tell(victim.token, Turn.ASK)
    if phase == 'undo':
        strike()
    if phase != 'granted' and chance.random() < 0.7:
        until(lambda: victim.hit)
    if holder == 'elsewhere':
        if phase == 'granted':
            foreign.drop_slot('PYC-reports', token)
            strike()
        else:
            foreign.drop_slot('PYC-reports', token)
    else:
        here.drop_slot('PYC-reports', token)
    after.join()


number = 0
while hits < wanted:
    number += 1
    served.clear()
    holder = chance.choice(['elsewhere', 'here'])
    token = f'1:elsewhere-1:0:0:1:600.0:{number:09}' if holder == 'elsewhere' else here.new_token(os.getpid(), 1, 600)
    assert foreign.take_slot('PYC-reports', token, 1, 600)
    before = threading.Thread(target=wait, args=('before',))
    before.start()
    until(lambda: waiting() >= 1)
    victim.hit, victim.token, victim.late = False, '', chance.random() < 0.5
    victim.joined.clear()
    thread = threading.Thread(target=helper, args=(holder,))
    thread.start()
    try:
        try:
            victim.armed = 2 if phase == 'undo' else 1
            seconds = chance.uniform(0.003, 0.01) if phase == 'leave' else PATIENCE
            try:
                with made.pool('reports', max_size=1, slot_exp=600, wait=seconds):
                    victim.armed = 0
                    entered += 1
            except CachifyPoolTimeoutError:
                victim.armed = 0
        except Interrupted:
            hits += victim.hit
            victim.armed = 0
    except Interrupted:
        # The second of an undo arrived late.
        pass
    signal.setitimer(signal.ITIMER_REAL, 0)
    victim.armed = 0
    victim.hit = True
    before.join()
    thread.join()
    if served != ['before', 'after']:
        raise SystemExit(f'round {number}: served {served}')
    if made.pool('reports', max_size=1).size() or waiting():
        raise SystemExit(f'round {number}: {look.zrange("PYC-reports", 0, -1)} stay')
print(json.dumps({
    'hits': hits, 'entered': entered, 'longest': round(longest, 2), 'known': len(waiters._waiters),
    'left': [str(key) for key in look.scan_iter() if b'~undone~' not in key],
}))
"""


@pytest.mark.parametrize('phase', ['queued', 'granted', 'ask', 'leave', 'undo'])
def test_an_interrupted_wait_leaves_nothing_and_no_other_is_skipped(
    phase: str, socket: str, server: 'redis.Redis'
) -> None:
    """The slot goes to the one before and to the one after, and then the pool is empty."""
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM, socket, phase, str(INTERRUPTS // 5)],
        env=os.environ | {'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    print(phase, found)
    assert found['hits'] >= INTERRUPTS // 5
    assert (found['known'], found['left']) == (0, [])
