"""What the scripts of an acquire and a release cost the server, compared with two bare scripts."""

from collections.abc import Sequence
from typing import Any

import redis

from py_cachify import init_cachify, pool
from tests.benchmarks.bench import Bench
from tests.benchmarks.loops import ADD, REMOVE
from tests.benchmarks.rounds import Chunk, ratios
from tests.benchmarks.sizes import ROOM
from tests.benchmarks.table import Row, microseconds


TARGET = 1.9
PAIRS = 50
"""How many acquires, each with its release, are sent at once."""

Request = tuple[Any, ...]


class NotingClient(redis.Redis):
    """A client that notes each script that it runs by its digest, and the answer."""

    def __init__(self, socket: str) -> None:
        super().__init__(unix_socket_path=socket)
        self.requests: list[Request] = []
        self.answers: list[Any] = []

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command."""
        answer = super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        if args[0] == 'EVALSHA':
            self.requests.append(args)
            self.answers.append(answer)
        return answer


class ServerTime:
    """A loop that sends the same requests again and again, and returns the server's own time.

    All requests are sent at once, so that the time is theirs, and hardly that of waking up.

    Args:
        client: a client of the server.
        requests: acquires and releases, alternately.
        answers: what the server answers to them, each time.

    Attributes:
        user: how much of the time was spent outside the kernel, in seconds, in all calls.
        pairs: how many acquires there were, in all calls.
    """

    def __init__(self, client: Any, requests: Sequence[Request], answers: Sequence[Any]) -> None:
        self._client = client
        self._connection = client.connection_pool.get_connection()
        self._sent = [b''.join(self._connection.pack_commands(requests))]
        self._answers = answers
        self.user, self.pairs = 0.0, 0

    def __call__(self, count: int) -> float:
        """Send at least this many acquires; return the seconds that ``count`` of them took."""
        at_once = len(self._answers) // 2
        pairs = -(-count // at_once) * at_once
        user, kernel = self._used()
        for _ in range(pairs // at_once):
            self._connection.send_packed_command(self._sent)
            if [self._connection.read_response() for _ in self._answers] != self._answers:
                raise RuntimeError('the server answers the same requests in another way')
        user_then, kernel_then = self._used()
        self.user += user_then - user
        self.pairs += pairs
        return (user_then - user + kernel_then - kernel) * count / pairs

    def _used(self) -> tuple[float, float]:
        used = self._client.info('cpu')
        return used['used_cpu_user_main_thread'], used['used_cpu_sys_main_thread']


def server_rows(bench: Bench) -> list[Row]:
    """Return the row of the server's own time for ``with pool(...)`` on a pool without slots."""
    with bench.client() as client, NotingClient(bench.socket) as noting:
        init_cachify(noting)
        one = pool('server', ROOM)
        # The first time, the text of each script is sent, which is not noted.
        for _ in range(PAIRS + 1):
            with one:
                pass
        add, remove = client.script_load(ADD), client.script_load(REMOVE)
        bare = [('EVALSHA', add, 1, 'bare', '1', 'member'), ('EVALSHA', remove, 1, 'bare', 'member')]
        loops = {
            'bare': ServerTime(client, bare * PAIRS, [1, 1] * PAIRS),
            'pool': ServerTime(client, noting.requests, noting.answers),
        }
        chunks: dict[str, Chunk] = {**loops}
        times = bench.times(chunks)
    user = {name: loop.user / loop.pairs for name, loop in loops.items()}
    return [
        Row(
            'server time of acquire and release',
            ratios(times['pool'], times['bare']),
            'two bare scripts',
            microseconds(times['pool'], times['bare']),
            bound=TARGET,
            seen=f'user time alone {user["pool"] / user["bare"]:.2f}',
        )
    ]
