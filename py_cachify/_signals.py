"""Recognise an exception that a signal handler has raised, whatever its class.

The time limits of task queues derive from ``Exception`` (Celery's ``SoftTimeLimitExceeded``, RQ's
``JobTimeoutException``), like the errors of clients.  But they are interrupts: they are meant for
the program, not for the request that happened to be under way.
"""

import functools
import signal
from types import CodeType
from typing import Any


def is_interrupt(error: BaseException) -> bool:
    """Return whether ``error`` came from outside: from a signal handler, or by its class."""
    return not isinstance(error, Exception) or _came_through(_handlers(), error)


def _handlers() -> set[CodeType]:
    """Return the code of the signal handlers that are installed now."""
    found = (signal.getsignal(number) for number in signal.valid_signals())
    return {code for handler in found if (code := _code(handler)) is not None}


def _code(handler: Any) -> CodeType | None:
    while isinstance(handler, functools.partial):
        handler = handler.func
    for function in (handler, getattr(handler, '__func__', None), getattr(type(handler), '__call__', None)):  # noqa: B004
        if isinstance(code := getattr(function, '__code__', None), CodeType):
            return code
    return None


def _came_through(codes: set[CodeType], error: BaseException) -> bool:
    place = error.__traceback__
    while place is not None:
        if place.tb_frame.f_code in codes:
            return True
        place = place.tb_next
    return False
