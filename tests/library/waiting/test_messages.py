"""What the scripts tell other processes, and when the keys of a queue expire."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from py_cachify.backends.pool_keys import pool_keys
from py_cachify.backends.redis import RedisBackend
from py_cachify.commands import CLAIM, DEADLINE, Queued
from py_cachify.tokens import channel_name


KEY = 'reports'
MINUTE = 60_000
"""In milliseconds, as the ends of keys are, which the scripts round up."""


def ticket(number: int, *, process: str = 'other', max_size: int = 1) -> str:
    return f'1:{process}:7:0:{max_size}:600.0:{number}'


@pytest.fixture
def messages(server: 'redis.Redis') -> Iterator[Any]:
    """A subscription to the channel of the waiters."""
    subscribe: Any = server.pubsub
    with subscribe() as subscription:
        subscription.subscribe(channel_name('other', 7))
        assert subscription.get_message(timeout=60)['type'] == 'subscribe'
        yield subscription


def next_message(messages: Any) -> str:
    """Return the next message; fail if there is none within a minute."""
    message = messages.get_message(timeout=60)
    assert message is not None
    return str(message['data'].decode())


def full(backend: RedisBackend, waiters: int, max_size: int = 1) -> list[str]:
    """Fill the pool, let others queue, and return the tokens of the holders."""
    held = [ticket(number, process='holder', max_size=max_size) for number in range(max_size)]
    assert all(backend.take_slot(KEY, token, max_size, 600) for token in held)
    for number in range(waiters):
        assert isinstance(backend.join_queue(KEY, ticket(number, max_size=max_size), max_size, 600, None), Queued)
    return held


def test_a_waiter_of_another_process_is_told_when_a_slot_is_kept_for_it(server: 'redis.Redis', messages: Any) -> None:
    backend = RedisBackend(server)
    [holder] = full(backend, waiters=2)
    assert backend.drop_slot(KEY, holder) is True
    assert next_message(messages) == ticket(0)
    assert backend.ask_again(KEY, ticket(0), 1, 600, 0.0) is True
    assert backend.drop_slot(KEY, ticket(0)) is True
    # A waiter of the process that gives a slot back is told by the reply.
    assert backend.ask_again(KEY, ticket(1), 1, 600, 0.0) is True
    assert messages.get_message(timeout=0.05) is None


def test_the_next_waiter_is_told_if_one_request_does_not_serve_all(server: 'redis.Redis', messages: Any) -> None:
    """It asks, and its own request goes on where that one stopped."""
    backend = RedisBackend(server, max_grants=1)
    holders = full(backend, waiters=2, max_size=2)
    server.zrem(KEY, *holders)
    assert backend.undo_slot(KEY, 'nobody') is False
    assert [next_message(messages), next_message(messages)] == [ticket(0, max_size=2), ticket(1, max_size=2)]
    assert backend.count_waiting(KEY) == 1


def test_a_ticket_that_cannot_be_read_stops_no_request(server: 'redis.Redis', messages: Any) -> None:
    """Someone else wrote it. One request removes as many as it may serve; the next continues."""
    backend = RedisBackend(server, max_grants=1)
    [holder] = full(backend, waiters=1)
    server.zadd(pool_keys(KEY).queue, {'x': 1.0, '!x': -1e12, 'y': 2.0, '!y': -1e12})
    assert backend.drop_slot(KEY, holder) is True
    assert backend.undo_slot(KEY, 'nobody') is False
    assert backend.undo_slot(KEY, 'nobody') is False
    assert next_message(messages) == ticket(0)


def test_the_queue_expires_when_its_last_waiter_has_been_silent_for_too_long(server: 'redis.Redis') -> None:
    """So nothing stays if all waiters die. The slots stay as long as the last of them lives."""
    backend = RedisBackend(server)
    full(backend, waiters=1)
    queue = pool_keys(KEY).queue
    assert DEADLINE * 1000 / 2 < server.pttl(queue) <= DEADLINE * 1000 + 1
    server.pexpire(queue, MINUTE)
    assert isinstance(backend.ask_again(KEY, ticket(0), 1, 600, 0.0), Queued)
    assert server.pttl(queue) <= DEADLINE * 1000 + 1


def test_the_slots_do_not_expire_with_a_claim_that_has_become_a_slot(server: 'redis.Redis') -> None:
    backend = RedisBackend(server)
    [holder] = full(backend, waiters=1)
    backend.drop_slot(KEY, holder)
    assert 0 < server.pttl(KEY) <= CLAIM * 1000 + 1
    assert backend.ask_again(KEY, ticket(0), 1, 600, 0.0) is True
    assert server.pttl(KEY) > 5 * MINUTE
