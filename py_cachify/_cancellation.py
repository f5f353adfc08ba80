"""Let a request that was begun be ended, also in a task that is cancelled meanwhile.

A cancelled ``await`` may or may not have reached the server.  So a cancellation is kept back until the outcome
of the request is known.  How long that can take is the client's own time-out.

The usual shield is a task of its own for the request, which costs two more turns of the event loop each time.
Here the request runs within the waiting task, as a plain ``await`` would let it; only the two ways in which a
task can be cancelled are kept apart:

* from outside, ``Task.cancel()`` cancels what the task waits for.  That is a :class:`_Wait`, which makes a note;
* from within, a client's own time-out cancels ``asyncio.current_task()``.  That is the :class:`Request` while it
  runs, and it does cancel what the request waits for.

Both stand in for asyncio's own by its documented protocols: "Future-like" objects, and ``_enter_task`` and
``_leave_task`` for tasks of other kinds (*Extending asyncio* in Python's documentation).
"""

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar


R = TypeVar('R')


class Request(Generic[R]):
    """A coroutine that is awaited to its end, whatever happens to the task that awaits it::

        request = Request(client.get('name'))
        await request
        request.result()                    # what it returned, or raises what it raised
        request.interruption                # the cancellation that the caller must raise when it is done

    To the coroutine it is the current task, with what time-outs and task groups ask of one.
    """

    # Defaults here, as most requests end without any of these being set.
    interruption: asyncio.CancelledError | None = None
    _value: Any = None
    _error: BaseException | None = None
    _done = False
    _cancellations = 0
    # By the names that anyio looks for in a task: what it waits for, and whether a cancellation is still to come.
    _fut_waiter: Any = None
    _must_cancel = False
    _message: Any = None

    def __init__(self, work: Coroutine[Any, Any, R]) -> None:
        self._work = work

    def __await__(self) -> Generator[Any, None, None]:
        loop = asyncio.get_running_loop()
        outer = asyncio.current_task(loop)
        if outer is None:
            raise RuntimeError('a pool must be entered and left by a task of asyncio, and none is running')
        work = self._work
        error: BaseException | None = None
        while True:
            _leave_task(loop, outer)
            _enter_task(loop, self)  # type: ignore[arg-type]  # any object will do
            try:
                waits_for = self._fut_waiter = work.send(None) if error is None else work.throw(error)
            except StopIteration as done:
                self._value, self._done = done.value, True
                return
            except BaseException as raised:
                self._error, self._done = raised, True
                return
            finally:
                _leave_task(loop, self)  # type: ignore[arg-type]
                _enter_task(loop, outer)
            if self._must_cancel and waits_for is not None and waits_for.cancel(self._message):
                self._must_cancel = False
            while True:
                try:
                    yield None if waits_for is None else _Wait(self, waits_for)
                except GeneratorExit:
                    work.close()
                    raise
                except BaseException as raised:
                    error = raised
                    if isinstance(raised, asyncio.CancelledError) and not (waits_for and waits_for.done()):
                        self.interruption, error = raised, None
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

    # --- how it ended

    def result(self) -> R:
        """What the coroutine returned; raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[no-any-return]

    def exception(self) -> BaseException | None:
        """What the coroutine raised."""
        return self._error

    def cancelled(self) -> bool:
        """Whether it was cancelled itself: not the task that awaits it, but what it waited for."""
        return isinstance(self._error, asyncio.CancelledError)

    # --- what the coroutine, and those whom it tells, may ask of its task

    def cancel(self, msg: Any = None) -> bool:
        """As of a task: the coroutine gets a ``CancelledError``, unless it has ended."""
        if self._done:
            return False
        self._cancellations += 1
        if self._fut_waiter is None or not self._fut_waiter.cancel(msg):
            self._must_cancel, self._message = True, msg
        return True

    def cancelling(self) -> int:
        """As of a task."""
        return self._cancellations

    def uncancel(self) -> int:
        """As of a task."""
        self._cancellations = max(0, self._cancellations - 1)
        if not self._cancellations:
            self._must_cancel = False
        return self._cancellations

    def done(self) -> bool:
        """As of a task."""
        return self._done

    def get_coro(self) -> Coroutine[Any, Any, R]:
        """As of a task."""
        return self._work

    def get_name(self) -> str:
        """As of a task."""
        return f'request {id(self):#x}'


class _Wait:
    """What the awaiting task waits for, in place of the future that the request waits for.

    That one wakes the task itself when it is done; only a cancellation stops here.
    """

    _asyncio_future_blocking = True

    def __init__(self, request: Request[Any], future: Any) -> None:
        self._request = request
        self.get_loop = future.get_loop
        self.add_done_callback = future.add_done_callback
        self.done = future.done

    def cancel(self, msg: Any = None) -> bool:
        self._request.interruption = _cancelled(msg)
        return True


def _cancelled(message: Any) -> asyncio.CancelledError:
    return asyncio.CancelledError() if message is None else asyncio.CancelledError(message)
