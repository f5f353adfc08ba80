"""One process of a service with three pools: it serves metrics, records, and counts for itself.

``python -m tests.library.production.service SOCKET RECORDING SEED``.  It prints the port of its
metrics, then obeys one word per line on standard input, and answers each with one line of JSON:

=========  =======================================================================================
word       what it does
=========  =======================================================================================
``go``     its threads take slots, hold them, wait, and are refused
``freeze`` its threads stay where they are: in a body, in a queue, or between two attempts
``count``  answers its own counts, by outcome, and how many it holds, by pool
``end``    ends its threads and the process
=========  =======================================================================================
"""

import json
import random
import sys
import threading
import time
from collections import Counter

import redis
from prometheus_client import start_http_server

from py_cachify import CachifyPoolFullError, CachifyPoolTimeoutError, init_cachify, observe, pooled
from py_cachify.metrics import PrometheusListener
from py_cachify.recording import record


THREADS = 6
POOLS = {'mail-{user_id}': 3, 'report-{user_id}': 2, 'import-{user_id}': 4}


class Service:
    """The threads of the process, and what they count."""

    def __init__(self, seed: int) -> None:
        self.runs, self.ended = threading.Event(), threading.Event()
        self.outcomes: Counter[str] = Counter()
        self.held: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._functions = {
            'mail-{user_id}': pooled('mail-{user_id}', 3, raise_on_full=True)(self._body),
            'report-{user_id}': pooled('report-{user_id}', 2, raise_on_full=True, wait=0.2)(self._body),
            'import-{user_id}': pooled('import-{user_id}', 4, raise_on_full=True, wait=None, renew_for=None)(
                self._body
            ),
        }
        self._threads = [threading.Thread(target=self._work, args=(seed * 100 + number,)) for number in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def _body(self, user_id: int, template: str, seconds: float) -> None:
        self._count(template, 1)
        time.sleep(seconds)
        while not self.runs.is_set() and not self.ended.is_set():
            self.runs.wait(0.05)
        self._count(template, -1)

    def _count(self, template: str, change: int) -> None:
        with self._lock:
            self.held[template] += change

    def _work(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self.ended.is_set():
            if not self.runs.wait(0.05):
                continue
            [template] = chance.choices(list(POOLS), weights=[2, 1, 2])
            try:
                self._functions[template](1, template, chance.expovariate(1 / 0.01))
                outcome = 'released'
            except CachifyPoolTimeoutError:
                outcome = 'timed_out'
            except CachifyPoolFullError:
                outcome = 'refused'
            with self._lock:
                self.outcomes[f'{template} {outcome}'] += 1

    def end(self) -> None:
        self.runs.set()
        self.ended.set()
        for thread in self._threads:
            thread.join()


def main(socket: str, recording: str, seed: int) -> None:
    """Run one process of the service."""
    init_cachify(redis.Redis(unix_socket_path=socket), default_pool_slot_expiration=60)
    server, _ = start_http_server(0, addr='127.0.0.1')
    observe(PrometheusListener())
    with record(recording, salt='of the service'):
        service = Service(seed)
        print(server.server_port, flush=True)
        for line in sys.stdin:
            match line.strip():
                case 'go':
                    service.runs.set()
                case 'freeze':
                    service.runs.clear()
                case 'end':
                    service.end()
                    break
            print(json.dumps({'outcomes': service.outcomes, 'held': service.held}), flush=True)
    print(json.dumps({'outcomes': service.outcomes, 'held': service.held}), flush=True)
    # The metrics stay until the reader has scraped them for the last time.
    sys.stdin.read()


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
