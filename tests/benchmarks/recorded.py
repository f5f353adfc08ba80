"""The library's own requests, recorded, to send them again without the library."""

from contextlib import ExitStack
from typing import Any, NamedTuple

import redis

from py_cachify import init_cachify
from tests.benchmarks.ours import LONG


class Requests(NamedTuple):
    """The commands of a number of holders, each with its arguments."""

    acquires: list[tuple[Any, ...]]
    releases: list[tuple[Any, ...]]


def record(socket: str, key: str, max_size: int, holders: int) -> Requests:
    """Return what the library sends to take some slots, and to release them again.

    No request depends on when it is sent, so all can be sent again once the slots are released.
    """

    class Recording(redis.Redis):
        def execute_command(self, *arguments: Any, **options: Any) -> Any:
            sent.append(arguments)
            return super().execute_command(*arguments, **options)  # type: ignore[no-untyped-call]

    sent: list[tuple[Any, ...]] = []
    with Recording(unix_socket_path=socket) as client:
        pool = init_cachify(client, is_global=False).pool(key, max_size, slot_exp=LONG)
        with pool:
            pass  # loads the scripts
        sent.clear()
        with ExitStack() as stack:
            for _ in range(holders):
                stack.enter_context(pool)
            acquires = list(sent)
        requests = Requests(acquires, sent[holders:])
    if not len(requests.acquires) == len(requests.releases) == holders:
        raise RuntimeError(f'the library sends more than one request for a slot: {len(sent)} for {holders} slots')
    return requests
