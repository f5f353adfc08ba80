"""Bugs, each planted in the batches or around them: the machine must find every one of them."""

import gc
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from py_cachify import _waiters as waiters
from py_cachify.backends._batches import Batches
from py_cachify.backends.redis import AsyncRedisBackend
from tests.state_machine.mutations import Mutation, planted
from tests.state_machine.shared.crowd import Done, run_history


def _mutation(name: str, where: Callable[..., Any] | str, right: str, wrong: str, number: int = 1) -> Mutation:
    return Mutation(name, where, right, wrong, 'valkey', 'async', number)


MUTATIONS = (
    _mutation(
        'the answers of a batch are delivered in the reverse order',
        Batches._carry,
        'zip(batch, answers, strict=True)',
        'zip(batch, answers[::-1], strict=True)',
    ),
    _mutation('each request gets the answer to the next', Batches._answers, 'answers\n', 'answers[1:] + answers[:1]\n'),
    _mutation(
        'two answers to one pool are exchanged',
        Batches._answers,
        'return answers',
        'return [answers[1], answers[0], *answers[2:]] if batch[0].pool == batch[1].pool else answers',
    ),
    _mutation(
        'an error goes to the request before',
        Batches._answers,
        'return answers',
        'return [a if isinstance(a, int) or not isinstance(b, Exception) else b'
        ' for a, b in zip(answers, answers[1:] + answers[:1])]',
    ),
    _mutation(
        'an error of one request is that of all',
        Batches._answers,
        'return answers',
        'return [next((a for a in answers if isinstance(a, Exception)), answer) for answer in answers]',
    ),
    _mutation('an error is taken for an answer', Batches._leave_with_others, 'raise answer', 'return answer'),
    _mutation(
        'a request for which there is no place is lost',
        Batches._fill,
        'if not asked.answer.done():',
        'if not asked.answer.done() and len(batch) < 20:',
    ),
    _mutation('what was given up leaves', Batches._fill, 'if not asked.answer.done():', 'if True:'),
    _mutation(
        'one pool goes before all others',
        Batches._fill,
        'waiting.move_to_end(pool)',
        'pass',
    ),
    _mutation(
        'the first request of a batch is sent twice',
        Batches._answers,
        'await pipeline.execute(raise_on_error=False)',
        '(await pipeline.execute_command(*batch[0].request).execute(raise_on_error=False))[:-1]',
    ),
    _mutation(
        'a request that travelled goes by itself as well',
        Batches._ask,
        'if answer is not _ALONE:',
        'if answer is not _ALONE and await self._client.execute_command(*request):',
    ),
    _mutation('a batch may have any size', Batches._fill, 'and len(batch) < MOST_TOGETHER', '', 2),
    _mutation('any number of batches is under way', Batches._leave_now, 'self._batches < MOST_UNDER_WAY and', '', 8),
    _mutation(
        'a request that found no connection is lost',
        Batches._put_back,
        'for asked in batch:',
        'for asked in batch[1:]:',
        7,
    ),
    _mutation(
        'a batch that found no connection fails',
        Batches._carry,
        'was_never_sent(error)',
        'False',
        2,
    ),
    _mutation(
        'what goes by itself and finds no connection fails',
        Batches._ask,
        'not was_never_sent(error) or',
        'True or',
        7,
    ),
    _mutation('the first waiter is not told of its slot', AsyncRedisBackend._ask, 'in tickets:', 'in tickets[1:]:'),
    _mutation(
        'a script lets one too many in',
        'acquire',
        'if taken >= tonumber(ARGV[2]) then\n    -- A client',
        'if taken > tonumber(ARGV[2]) then\n    -- A client',
    ),
    _mutation('a script removes nothing', 'release', "redis.call('ZREM', KEYS[1], ARGV[1])", ''),
    _mutation('all requests leave by themselves', Batches._ask, 'not (self._requests or self._leaves_soon)', 'True'),
)


def histories_until_found(mutation: Mutation, socket: str, *, histories: int, number: int | None = None) -> int | None:
    """Return after how many histories the machine finds the bug; ``None`` if it does not."""
    first = mutation.number if number is None else number
    done = Done()
    with planted(mutation), _without_complaints():
        for index in range(histories):
            try:
                run_history(socket, str(first + index), done)
            except Exception:
                return index + 1
    return None


@contextmanager
def _without_complaints() -> Iterator[None]:
    """Throw away what hangs: a client that is broken off, and the library, would complain."""
    hook, logger = sys.unraisablehook, logging.getLogger('py_cachify')
    others = {*waiters._waiters}
    sys.unraisablehook = lambda _: None
    try:
        yield
        logger.disabled = True
        gc.collect()
    finally:
        sys.unraisablehook, logger.disabled = hook, False
        for token in {*waiters._waiters} - others:
            waiters.forget(token)
