"""Hear from a server that a waiter of this process may have a slot.

Scripts publish a waiter's ticket on the channel that the ticket names.  A *listener* reads that
channel on a separate connection, which is made with the options of the client.  It is a daemon
thread for all threads that wait on one client, and a task for the tasks of one event loop.  It
starts with the first waiter, and ends when there has been no waiter for a while.

Messages only save time.  A waiter whose message is lost asks again by itself, and so does every
waiter when a listener has begun to listen, or again after its connection was lost.
"""

import asyncio
import contextvars
import itertools
import logging
import math
import os
import random
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from py_cachify._process import give_lock
from py_cachify._waiters import Waiter, tell
from py_cachify.commands import Turn
from py_cachify.tokens import channel_name, process_name


logger = logging.getLogger('py_cachify')

IDLE = 10.0
"""In seconds: how long a listener continues without a waiter."""

_CHECK = 2.5
"""In seconds: how often a listener looks whether it is idle."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
"""In seconds: how long a listener pauses after an error."""

_channels = itertools.count()
_random = random.Random()


class _Listener:
    """Who waits for messages on one channel of one client.

    Attributes:
        channel: the number of the channel.
        is_listening: whether messages arrive.
    """

    lock: threading.RLock

    def __init__(self, client: Any, identify: bool) -> None:
        self._client = client
        self._identify = identify
        self.channel = next(_channels)
        self.is_listening = False
        self._waiters: dict[str, Waiter] = {}
        self._idle_since = time.monotonic()
        self._is_useless = False
        self._pause = _FIRST_PAUSE

    def leave(self, ticket: str) -> None:
        """Note that this waiter waits no longer."""
        self._waiters.pop(ticket, None)
        self._idle_since = time.monotonic()

    def _is_idle(self) -> bool:
        return not self._waiters and time.monotonic() - self._idle_since > IDLE

    def _name(self) -> str:
        return channel_name(process_name(os.getpid(), identify=self._identify), self.channel)

    def _hear(self, message: Any) -> None:
        if message is None:
            return
        self._pause = _FIRST_PAUSE
        if message['type'] == 'subscribe':
            self.is_listening = True
            # What was published before is lost.
            for waiter in list(self._waiters.values()):
                waiter.tell(Turn.ASK)
        elif message['type'] == 'message':
            ticket = message['data']
            tell(ticket.decode() if isinstance(ticket, bytes) else str(ticket), Turn.ASK)

    def _failed(self, error: Exception) -> float | None:
        """Return how long to pause after an error, in seconds; ``None`` if it always fails."""
        self.is_listening = False
        if _is_permanent(error):
            self._give_up(error)
            return None
        pause, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE)
        return pause * _random.uniform(0.5, 1)

    def _give_up(self, error: Exception) -> None:
        self._is_useless = True
        logger.warning(
            'waiters on this client hear of free slots only when they ask, several times a second, because they cannot'
            ' subscribe to the channels %s* (%s: %s); allow SUBSCRIBE and PUBLISH there, or use another client',
            'py-cachify:',
            type(error).__name__,
            error,
        )


class ThreadListener(_Listener):
    """Listens for the threads that wait on one client."""

    def __init__(self, client: Any, identify: bool = True) -> None:
        super().__init__(client, identify)
        self._thread: threading.Thread | None = None
        self._connections: Any = None
        self._pid = os.getpid()
        give_lock(self)

    def join(self, ticket: str, waiter: Waiter) -> None:
        """Tell this waiter when it may have a slot."""
        if self._pid != os.getpid():
            # A forked process has none of its parent's threads, and its connection is not its own.
            self._pid, self._thread, self.is_listening, self._waiters = os.getpid(), None, False, {}
        self._waiters[ticket] = waiter
        # With the lock, because the thread may be about to end for want of waiters.
        with self.lock:
            if self._thread is None and not self._is_useless:
                thread = threading.Thread(target=self._run, name='py-cachify listener', daemon=True)
                # In this order, an interrupt in between leaves a second listener, but never none.
                thread.start()
                self._thread = thread

    def stop(self) -> None:
        """End now, unless there is a waiter."""
        self._idle_since = -math.inf
        if not self._waiters:
            # The thread is reading, and its connection is the only thing that reaches it.
            with suppress(Exception):
                self._connections.disconnect()

    def _run(self) -> None:
        while True:
            try:
                self._listen()
            except Exception as error:
                pause = self._failed(error)
                if pause is None:
                    return
                time.sleep(pause)
            with self.lock:
                if self._is_idle():
                    self._thread = None
                    return

    def _listen(self) -> None:
        """Read messages until there is no waiter for a while; raise what the client raises."""
        connections, pubsub = _subscription(self._client)
        self._connections = connections
        try:
            # A user who may subscribe but not publish would wait for messages in vain.
            pubsub.execute_command('PUBLISH', self._name(), '')
            pubsub.parse_response()
            pubsub.subscribe(self._name())
            while not self._is_idle():
                self._hear(pubsub.get_message(timeout=_CHECK))
        finally:
            self.is_listening = False
            with suppress(Exception):
                pubsub.close()
                connections.disconnect()


class TaskListener(_Listener):
    """Listens for the tasks of one event loop that wait on one client."""

    def __init__(self, client: Any, identify: bool = True) -> None:
        super().__init__(client, identify)
        self._task: asyncio.Task[None] | None = None

    def join(self, ticket: str, waiter: Waiter) -> None:
        """Tell this waiter when it may have a slot."""
        self._waiters[ticket] = waiter
        if (self._task is None or self._task.done()) and not self._is_useless:
            loop = asyncio.get_running_loop()
            # In an empty context: it does not belong to the task that happens to wait first.
            self._task = asyncio.Task(self._run(), loop=loop, name='py-cachify listener', context=contextvars.Context())
            # A loop may be closed while the task pauses, which is no reason for a warning.
            self._task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001

    async def stop(self) -> None:
        """End now, unless there is a waiter."""
        if self._task is not None and not self._waiters:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def _ends(self) -> bool:
        # A client may swallow a cancellation, which would keep `asyncio.run()` from ending.
        return self._is_idle() or (self._task is not None and self._task.cancelling() > 0)

    async def _run(self) -> None:
        try:
            while not self._ends():
                try:
                    await self._listen()
                except Exception as error:
                    pause = self._failed(error)
                    if pause is None:
                        return
                    await asyncio.sleep(pause)
        finally:
            # A task refers to its loop, and a backend keeps one listener for each loop that lives.
            self._task = None

    async def _listen(self) -> None:
        """Read messages until there is no waiter for a while; raise what the client raises."""
        connections, pubsub = _subscription(self._client)
        try:
            await pubsub.execute_command('PUBLISH', self._name(), '')
            await pubsub.parse_response()
            await pubsub.subscribe(self._name())
            while not self._ends():
                self._hear(await pubsub.get_message(timeout=_CHECK))
        finally:
            self.is_listening = False
            with suppress(Exception):
                await pubsub.aclose()
                await connections.disconnect()


class UnsupportedError(Exception):
    """The client cannot subscribe."""


def _subscription(client: Any) -> tuple[Any, Any]:
    """Return a pool with one connection like those of the client, and a subscription that uses it.

    The client's own pool may have a single connection, which is needed for everything else.
    """
    try:
        node = None
        its_own = getattr(client, 'connection_pool', None)
        if its_own is None:
            node = client.get_default_node()
            its_own = getattr(getattr(node, 'redis_connection', None), 'connection_pool', None) or node
        bases = [base for base in type(its_own).__mro__ if base.__name__ == 'ConnectionPool']
        # A node of an asynchronous cluster has connections, and no pool of them.
        kind: Any = bases[0] if bases else sys.modules[its_own.connection_class.__module__].ConnectionPool
        connections = kind(connection_class=its_own.connection_class, **its_own.connection_kwargs)
        pubsub = client.pubsub() if node is None else client.pubsub(node=node)
        pubsub.connection_pool = connections
    except Exception as error:
        raise UnsupportedError(f'{type(error).__name__}: {error}') from error
    return connections, pubsub


def _is_permanent(error: Exception) -> bool:
    """Return whether a subscription that failed with ``error`` fails each time."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {'UnsupportedError', 'NoPermissionError', 'AttributeError', 'TypeError', 'NotImplementedError'})
