"""Requests of one event loop travel together: in batches, on a few connections.

A request that finds others under way does not leave at once.  It waits until the tasks that are
ready in this turn of the event loop have run, and what they ask leaves with it: as one pipeline
without a transaction, on one connection.  So a hundred tasks need few connections and few system
calls.

* A request on an idle client goes by itself, as if there were no batches.
* At most ``MOST_UNDER_WAY`` batches are under way, for any number of tasks and pools.  A request
  that goes by itself is one of them.
* While others are under way on a fast connection, what waits leaves once there is at least one for
  each four of those (``WORTHWHILE``), or after ``LONGEST_HOLD``.  Otherwise tasks that began
  together would drift apart until each went by itself.  On a slow connection they do not hold each
  other up: there, what a request costs the processor matters less than how long it takes.
* A batch has at most ``MOST_TOGETHER`` requests, because the event loop does nothing else while it
  reads their answers.  The pools take turns, so a thousand requests for one of them delay one for
  another by at most one batch.
* An error of the server belongs to the request that it answers.  If it is one after which the
  client repeats a request (``retry_on_error``), the request goes again by itself, beside the
  batches, because the client repeats only batches that fail as a whole.
* A connection that breaks fails all requests of its batch: of none is it known whether it was
  carried out, and each undoes itself.
* A batch for which the client has no connection free waits for one: until another batch ends, or
  with pauses if the rest of the program uses all of them.  A request waits so for ``UNSENT_LIMIT``
  in total, or for less if its task says so.
* What happens to one task does not touch the requests of others.  A request that is given up before
  it has left does not leave, and its task is told so; a later one is carried out, and its answer
  is not read.  Once all requests of a batch were given up, its connection is closed.

A request fails here as the client's own would.  To undo it, or to ask again, is up to the caller.
"""

import asyncio
import copy
import math
import operator
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Awaitable
from contextlib import suppress
from contextvars import Context
from typing import Any

from py_cachify._cancellation import Request, unsent_limit
from py_cachify._unsent import UNSENT_LIMIT, UnsentPauses, note_unsent, was_never_sent
from py_cachify.backends._inherited import module_of
from py_cachify.backends._opened import LoopClients


MOST_UNDER_WAY = 8
"""How many batches of one event loop are under way at the same time, at most."""

MOST_TOGETHER = 128
"""How many requests a batch has, at most."""

WORTHWHILE = 1 / 4
"""How many requests must wait to leave while others are under way, as a part of those."""

LONGEST_HOLD = 0.001
"""For how long they wait for more to leave with them, in seconds.

Not at all if the shortest of the last batches took longer.
"""

_FORGETTING = 1.1
"""By how much the shortest duration of a batch grows with each batch, as a factor."""

_ALONE = object()
"""Instead of an answer: the task sends the request itself."""


class _Asked:
    """A request that waits to leave, or is under way.

    Attributes:
        request: the command and its arguments.
        since: when it was asked, by the monotonic clock.
        until: until when it waits for a connection, by the same clock.
        answer: what its task waits for: the answer, or an error.  An error is no exception of this
            future, because perhaps nobody is there to see it.
        has_left: whether it may have reached the server.
    """

    __slots__ = ('answer', 'has_left', 'request', 'since', 'until')

    def __init__(self, request: tuple[Any, ...], since: float, until: float) -> None:
        self.request = request
        self.since = since
        self.until = until
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.has_left = False

    @property
    def pool(self) -> Any:
        """The first key of its script."""
        return self.request[3]


_since = operator.attrgetter('since')


class Batches:
    """Runs scripts on a client for the tasks of one event loop."""

    def __init__(self, client: Any) -> None:
        """Serve the running event loop; see :meth:`of`."""
        self._client = client
        # An event loop may end without notice, and this keeps none alive.
        self._loop = weakref.ref(asyncio.get_running_loop())
        # The requests of each pool; the pool whose turn is next is the first.  A `dict` would pass
        # over all that were removed before, each time.
        self._waiting: OrderedDict[Any, deque[_Asked]] = OrderedDict()
        self._number_waiting = 0
        # How many batches are under way, and how many requests.
        self._batches = 0
        self._requests = 0
        # Whether what waits leaves soon: once the tasks that are ready have run, or after a pause.
        self._leaves_soon = False
        # Whether the client has no connection free until a batch ends.
        self._lacks_connection = False
        self._pauses = UnsentPauses()
        # The shortest duration of a batch, in seconds; earlier ones count less and less.
        self._shortest = 0.0
        # Whether what waits leaves after ``LONGEST_HOLD`` in any case.
        self._holds = False
        # By their tasks, to which an event loop keeps no strong reference.
        self._under_way: dict[asyncio.Task[None], tuple[list[_Asked], Request[list[Any]]]] = {}

    @classmethod
    def of(cls, client: Any) -> 'Batches':
        """Return those of a client that :func:`can_batch`, for the running event loop.

        All who use the client there share them, as long as one of them keeps them.
        """
        loop = asyncio.get_running_loop()
        found = _of_clients.get((id(client), id(loop)))
        if found is None or found._loop() is not loop:  # noqa: SLF001 - its own class
            found = _of_clients[id(client), id(loop)] = cls(client)
        return found

    def evalsha(self, *arguments: Any) -> Awaitable[Any]:
        """Run a script that the server knows, as the client's own method does."""
        return self._ask(('EVALSHA', *arguments))

    def eval(self, *arguments: Any) -> Awaitable[Any]:
        """Run a script."""
        return self._ask(('EVAL', *arguments))

    def eval_ro(self, *arguments: Any) -> Awaitable[Any]:
        """Run a script that only reads."""
        return self._ask(('EVAL_RO', *arguments))

    # --- for each request

    async def _ask(self, request: tuple[Any, ...]) -> Any:
        is_free = not (self._requests or self._leaves_soon)
        asked: _Asked | None = None
        while True:
            if not is_free:
                asked = asked or self._asked(request)
                answer = await self._leave_with_others(asked)
                if answer is not _ALONE:
                    return answer
            try:
                return await self._ask_alone(request)
            except Exception as error:
                if not was_never_sent(error) or (asked is not None and time.monotonic() >= asked.until):
                    raise
                self._note_lack()
                is_free = False

    def _asked(self, request: tuple[Any, ...]) -> _Asked:
        now = time.monotonic()
        limit = unsent_limit()
        return _Asked(request, now, now + UNSENT_LIMIT if limit is None else min(now + UNSENT_LIMIT, limit))

    async def _leave_with_others(self, asked: _Asked) -> Any:
        """Return the answer, or ``_ALONE`` if the request is to go by itself."""
        if asked.answer.done():
            asked.answer = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(asked.pool, deque()).append(asked)
        self._number_waiting += 1
        self._leave_soon()
        try:
            answer = await asked.answer
        except asyncio.CancelledError as error:
            if asked.has_left:
                self._give_up_batches()
            else:
                note_unsent(error)
            raise
        if isinstance(answer, BaseException):
            if _is_repeated(self._client, answer):
                return _ALONE
            raise answer
        return answer

    async def _ask_alone(self, request: tuple[Any, ...]) -> Any:
        self._note_begin(1)
        try:
            answer = await self._client.execute_command(*request)
            self._pauses.begin_again()
            return answer
        finally:
            self._note_end(1)
            # A request that is thrown away after the end of its loop may be in another one.
            if self._number_waiting and self._loop() is asyncio._get_running_loop():  # noqa: SLF001 - `None` if none
                self._leave_soon()

    # --- for each batch

    def _leave_soon(self) -> None:
        if not self._leaves_soon:
            # In this order, an interrupt in between lets it leave twice, but never not at all.
            asyncio.get_running_loop().call_soon(self._leave)
            self._leaves_soon = True

    def _leave(self) -> None:
        self._leaves_soon = False
        try:
            if self._shortest > LONGEST_HOLD or self._number_waiting >= self._requests * WORTHWHILE:
                self._leave_now()
            elif not self._holds:
                asyncio.get_running_loop().call_later(LONGEST_HOLD, self._leave_after_hold)
                self._holds = True
        except BaseException:
            # An interrupt, such as a time limit: nobody waits forever because of it.
            self._leave_soon()
            raise

    def _leave_after_hold(self) -> None:
        self._holds = False
        try:
            self._leave_now()
        except BaseException:
            self._leave_soon()
            raise

    def _leave_now(self) -> None:
        while self._batches < MOST_UNDER_WAY and not (self._lacks_connection or self._leaves_soon):
            batch: list[_Asked] = []
            counted = self._batches, self._requests
            try:
                self._fill(batch)
                if len(batch) > 1:
                    self._send(batch)
                    continue
                for asked in batch:
                    asked.has_left = False
                    asked.answer.set_result(_ALONE)
                return
            except BaseException as interrupt:
                self._fail(batch, interrupt)
                if all(other is not batch for other, _ in self._under_way.values()):
                    self._batches, self._requests = counted
                raise

    def _send(self, batch: list[_Asked]) -> None:
        self._note_begin(len(batch))
        sending = Request(self._answers(batch))
        # In no context, because requests of several contexts travel together.
        # The program's own factory of tasks is not asked, which may fail, or know no contexts.
        task = asyncio.Task(self._carry(batch, sending), loop=asyncio.get_running_loop(), context=Context())
        self._under_way[task] = batch, sending
        task.add_done_callback(self._after)

    def _fill(self, batch: list[_Asked]) -> None:
        """Add the next requests, one of each pool in turn, without those that were given up."""
        waiting = self._waiting
        while waiting and len(batch) < MOST_TOGETHER:
            # None is removed before it is in the batch, in case of an interrupt.
            pool = next(iter(waiting))
            line = waiting[pool]
            asked = line[0]
            if not asked.answer.done():
                asked.has_left = True
                batch.append(asked)
            line.popleft()
            self._number_waiting -= 1
            if line:
                waiting.move_to_end(pool)
            else:
                del waiting[pool]

    async def _carry(self, batch: list[_Asked], sending: Request[list[Any]]) -> None:
        """Send a batch and deliver its answers, even if the loop cancels all its tasks."""
        began = time.monotonic()
        try:
            await sending
        finally:
            self._note_end(len(batch))
        self._shortest = min(time.monotonic() - began, (self._shortest or math.inf) * _FORGETTING)
        error = sending.exception()
        if error is not None and was_never_sent(error):
            self._put_back(batch, error)
            self._note_lack()
            return
        self._pauses.begin_again()
        answers = sending.result() if error is None else [_error_for_one(error) for _ in batch]
        for asked, answer in zip(batch, answers, strict=True):
            if not asked.answer.done():
                asked.answer.set_result(answer)
        # Now, so that none of the tasks that wake goes by itself: what they ask leaves after them.
        self._leave_soon()
        if not isinstance(error, asyncio.CancelledError | Exception | None):
            raise error
        if sending.interruption is not None:
            raise sending.interruption

    def _after(self, task: 'asyncio.Task[None]') -> None:
        """Look after what a task leaves behind that did not run to its end."""
        batch, sending = self._under_way.pop(task)
        if not task.cancelled():
            # Such as an interrupt while the answers were delivered.
            error = task.exception()
            if error is not None:
                self._fail(batch, error)
                self._leave_soon()
        elif not sending.done():
            # A loop that ends cancelled the task before it began, so nothing was sent.
            sending.get_coro().close()
            self._note_end(len(batch))
            self._put_back(batch)
            self._leave_soon()

    @staticmethod
    def _fail(batch: list[_Asked], error: BaseException) -> None:
        for asked in batch:
            if not asked.answer.done():
                asked.answer.set_result(_error_for_one(error))

    def _give_up_batches(self) -> None:
        """Break off each batch whose requests were all given up.

        Otherwise a connection on which nothing arrives any more would stay in use.
        """
        for batch, sending in self._under_way.values():
            if all(asked.answer.done() for asked in batch):
                sending.cancel()

    async def _answers(self, batch: list[_Asked]) -> list[Any]:
        """Return the answers to these requests, in order; errors of the server are among them."""
        pipeline = self._client.pipeline(transaction=False)
        for asked in batch:
            # As bytes, even if the client decodes: one answer that is no text would fail them all.
            pipeline.execute_command(*asked.request, NEVER_DECODE=True)
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
        return answers

    def _note_begin(self, requests: int) -> None:
        self._batches += 1
        self._requests += requests

    def _note_end(self, requests: int) -> None:
        self._batches -= 1
        self._requests -= requests
        self._lacks_connection = False

    # --- without a connection

    def _put_back(self, batch: list[_Asked], error: BaseException | None = None) -> None:
        """Let requests that were not sent wait again.

        If the client could not send them (``error``), those that have waited for too long fail.
        """
        now = time.monotonic()
        for asked in batch:
            asked.has_left = False
            if asked.answer.done():
                continue
            if error is not None and now >= asked.until:
                asked.answer.set_result(_error_for_one(error))
            else:
                self._waiting.setdefault(asked.pool, deque()).append(asked)
                self._number_waiting += 1
        for pool in {asked.pool for asked in batch} & self._waiting.keys():
            # In the order in which they were asked, even if several batches come back.
            self._waiting[pool] = deque(sorted(self._waiting[pool], key=_since))

    def _note_lack(self) -> None:
        self._lacks_connection = self._batches > 0
        if not (self._lacks_connection or self._leaves_soon):
            self._leaves_soon = True
            asyncio.get_running_loop().call_later(self._pauses.next(), self._leave)


_of_clients: 'weakref.WeakValueDictionary[tuple[int, int], Batches]' = weakref.WeakValueDictionary()
"""By the ids of a client, which its batches keep alive, and of an event loop."""

_CLIENTS = {('redis.asyncio.client', 'Redis'), ('valkey.asyncio.client', 'Valkey')}
_PACKAGES = {module.partition('.')[0] for module, _ in _CLIENTS}


def can_batch(client: Any) -> bool:
    """Return whether the requests of an asynchronous client may travel in batches.

    It must be one of redis-py or valkey-py, with a pool of connections, and it must send its
    requests as its package does.  A cluster's client does not, and a subclass may not.
    """
    if isinstance(client, LoopClients):
        return True
    # By name, because neither package is imported here.
    kinds = type(client).__mro__
    if not any((kind.__module__, kind.__name__) in _CLIENTS for kind in kinds):
        return False
    if kinds[0].__name__ == 'Pipeline' or client.single_connection_client or client.connection is not None:
        return False
    methods = 'execute_command', 'pipeline', 'eval', 'evalsha', 'eval_ro'
    return all(module_of(client, method).partition('.')[0] in _PACKAGES for method in methods)


def _is_repeated(client: Any, error: BaseException) -> bool:
    """Return whether the client repeats a request by itself that the server answers like this."""
    if not any(kind.__name__ == 'ResponseError' for kind in type(error).__mro__):
        # It failed the whole batch, which the client has repeated already.
        return False
    options = getattr(client.connection_pool, 'connection_kwargs', {})
    repeated = getattr(options.get('retry'), '_supported_errors', ())
    return isinstance(error, (*repeated, *(options.get('retry_on_error') or ())))


def _error_for_one(error: BaseException) -> BaseException:
    """Return the error of a batch for one of its requests, which adds notes of its own."""
    if not isinstance(error, asyncio.CancelledError | Exception):
        # It stops the program, and is raised in one place.
        return ConnectionError(f'a {type(error).__name__} broke off the requests of several tasks')
    own = _copied(error)
    own.__cause__, own.__context__, own.__traceback__ = error.__cause__, error.__context__, error.__traceback__
    own.__suppress_context__ = error.__suppress_context__
    if hasattr(own, '__notes__'):
        own.__notes__ = [*own.__notes__]
    return own


def _copied(error: BaseException) -> BaseException:
    with suppress(Exception):
        return copy.copy(error)
    with suppress(Exception):
        # Its class takes other arguments than those that it keeps.
        own = type(error).__new__(type(error))
        own.args = error.args
        vars(own).update(vars(error))
        return own
    return error
