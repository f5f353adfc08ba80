"""Complete a request that has begun, even if its task is cancelled in the meantime.

A cancelled ``await`` may or may not have reached the server.  So a cancellation is held back until
the outcome of the request is known.  The client's own timeout decides how long that can take.  A
request with *patience* is cancelled within, as by the client's own timeout, if its answer takes
longer than that; it must then undo itself, and has all the time that this takes.

anyio repeats a cancellation in each turn of the event loop until its task reacts, and so keeps a
processor busy while the task waits.  So the rest of the wait is in a shielded scope of anyio's.

The usual shield is a separate task for the request, which costs two more turns of the event loop
each time.  Here the request runs inside the waiting task, as with a plain ``await``.  Only the two
ways to cancel a task are distinguished:

* From outside, ``Task.cancel()`` cancels what the task waits for.  That is a :class:`_Wait`, which
  only records the cancellation.
* From within, a client's own timeout cancels ``asyncio.current_task()``.  While the request runs,
  that is the :class:`Request`, which does cancel what the request waits for.

Both replace asyncio's own objects through documented protocols: "Future-like" objects, and
``_enter_task`` and ``_leave_task`` for other kinds of task (*Extending asyncio* in Python's
documentation).
"""

import asyncio
import sys
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar


R = TypeVar('R')


class Request(Generic[R]):
    """A coroutine that is awaited to its end, whatever happens to the task that awaits it::

        request = Request(client.get('name'))
        await request
        request.result()                    # return what it returned, or raise what it raised
        request.interruption                # the cancellation that the caller must raise afterwards

    The coroutine sees it as the current task, with the methods that timeouts and task groups use.

    Attributes:
        interruption: the cancellation of the awaiting task.
        unsent_until: until when the request may wait for a connection, by the monotonic clock;
            ``None`` for as long as usual.
    """

    # Class attributes, because most requests end without setting any of these.
    interruption: asyncio.CancelledError | None = None
    unsent_until: float | None = None
    _timer: asyncio.TimerHandle | None = None
    _shield: Any = None
    _value: Any = None
    _error: BaseException | None = None
    _done = False
    _cancellations = 0
    # anyio reads these names of a task: what it waits for, and whether a cancellation is pending.
    _fut_waiter: Any = None
    _must_cancel = False
    _message: Any = None

    def __init__(self, work: Coroutine[Any, Any, R]) -> None:
        self._work = work

    def __await__(self) -> Generator[Any, None, None]:
        loop = self._loop = asyncio.get_running_loop()
        outer = asyncio.current_task(loop)
        if outer is None:
            raise RuntimeError('a pool must be entered and exited in an asyncio task, but no task is running')
        self._outer = outer
        work = self._work
        error: BaseException | None = None
        while True:
            _leave_task(loop, outer)
            _enter_task(loop, self)  # type: ignore[arg-type]  # any object works
            try:
                waits_for = self._fut_waiter = work.send(None) if error is None else work.throw(error)
            except StopIteration as done:
                self._value, self._done = done.value, True
                break
            except BaseException as raised:
                self._error, self._done = raised, True
                break
            finally:
                _leave_task(loop, self)  # type: ignore[arg-type]
                _enter_task(loop, outer)
            if self._must_cancel and waits_for is not None and waits_for.cancel(self._message):
                self._must_cancel = False
            while True:
                try:
                    yield None if waits_for is None else _Wait(self, waits_for)
                except GeneratorExit:
                    self._done = True
                    work.close()
                    raise
                except BaseException as raised:
                    error = raised
                    if isinstance(raised, asyncio.CancelledError) and not (waits_for and waits_for.done()):
                        self.interrupt(raised)
                        error = None
                        if waits_for is not None:
                            continue
                else:
                    error = None
                break
            self._fut_waiter = None
            if self._must_cancel:
                if not isinstance(error, asyncio.CancelledError):
                    error = _cancelled(self._message)
                self._must_cancel = False
        if self.interruption is not None:
            self._wait_no_longer()

    # --- the rest of the wait, once the awaiting task is cancelled

    def interrupt(self, interruption: asyncio.CancelledError) -> None:
        """Note that the awaiting task is cancelled; later the caller raises ``interruption``."""
        if self.interruption is None:
            # Later, because anyio may be going through the tasks of its scope.
            self._loop.call_soon(self._wait_on)
        self.interruption = interruption

    def _wait_on(self) -> None:
        if self._done:
            return
        loop = self._loop
        patience = self._patience()
        if patience is not None:
            self._timer = loop.call_later(patience, self.cancel)
        anyio = sys.modules.get('anyio')
        if anyio is None:
            return
        _enter_task(loop, self._outer)
        try:
            self._shield = anyio.CancelScope(shield=True)
            self._shield.__enter__()
        finally:
            _leave_task(loop, self._outer)

    def _patience(self) -> float | None:
        """Return how long the answer may take now, in seconds; ``None``: as long as the client."""
        return None

    def _wait_no_longer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._shield is not None:
            self._shield.__exit__(None, None, None)

    # --- the outcome

    def result(self) -> R:
        """Return what the coroutine returned, or raise what it raised."""
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[no-any-return]

    def exception(self) -> BaseException | None:
        """Return what the coroutine raised, or ``None``."""
        return self._error

    def cancelled(self) -> bool:
        """Return whether the request itself was cancelled, and not just the task that awaits it."""
        return isinstance(self._error, asyncio.CancelledError)

    # --- the methods of a task, for the coroutine and for whatever it calls

    def cancel(self, msg: Any = None) -> bool:
        """Cancel as a task does: raise ``CancelledError`` in the coroutine, unless it has ended."""
        if self._done:
            return False
        self._cancellations += 1
        if self._fut_waiter is None or not self._fut_waiter.cancel(msg):
            self._must_cancel, self._message = True, msg
        return True

    def cancelling(self) -> int:
        """Return the number of pending cancellations, as a task does."""
        return self._cancellations

    def uncancel(self) -> int:
        """Withdraw one cancellation and return the number of those left, as a task does."""
        self._cancellations = max(0, self._cancellations - 1)
        if not self._cancellations:
            self._must_cancel = False
        return self._cancellations

    def done(self) -> bool:
        """Return whether the coroutine has ended."""
        return self._done

    def get_coro(self) -> Coroutine[Any, Any, R]:
        """Return the coroutine."""
        return self._work

    def get_name(self) -> str:
        """Return a name for debugging."""
        return f'request {id(self):#x}'


def unsent_limit() -> float | None:
    """Return the ``unsent_until`` of the request that is running, if there is one."""
    return getattr(asyncio.current_task(), 'unsent_until', None)


class _Wait:
    """What the awaiting task waits for, instead of the future that the request waits for.

    The future wakes the task directly when it is done; only a cancellation stops here.
    """

    _asyncio_future_blocking = True

    def __init__(self, request: Request[Any], future: Any) -> None:
        self._request = request
        self.get_loop = future.get_loop
        self.add_done_callback = future.add_done_callback
        self.done = future.done

    def cancel(self, msg: Any = None) -> bool:
        self._request.interrupt(_cancelled(msg))
        return True


def _cancelled(message: Any) -> asyncio.CancelledError:
    return asyncio.CancelledError() if message is None else asyncio.CancelledError(message)
