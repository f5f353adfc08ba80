"""Run the steps of a protocol to their result: ``run`` for threads, ``arun`` for asyncio.

A driver performs each command and passes its reply, or the error that it raised, to the protocol.
The simulation uses ``run`` as well, with a store in virtual time.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from py_cachify.commands import Command, Steps


R = TypeVar('R')


def run(steps: Steps[R], perform: Callable[[Command[Any]], Any]) -> R:
    """Drive ``steps`` and return their result; ``perform(command)`` returns a reply or raises.

    The protocol also receives an interrupt that arrives between two commands, because it may
    have something to undo.
    """
    resume: Callable[[Any], Command[Any]] = steps.send
    value: Any = None
    while True:
        try:
            while True:
                command = resume(value)
                resume, value = steps.throw, None
                try:
                    value = perform(command)
                    resume = steps.send
                except BaseException as error:
                    value = error
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # StopIteration.value is untyped
        except BaseException as error:
            if inspect.getgeneratorstate(steps) == inspect.GEN_CLOSED:
                raise
            resume, value = steps.throw, error


async def arun(steps: Steps[R], perform: Callable[[Command[Any]], Awaitable[Any]]) -> R:
    """Drive ``steps`` and return their result; ``perform(command)`` is awaited for each reply."""
    try:
        command = next(steps)
        while True:
            try:
                reply = await perform(command)
            except BaseException as error:
                command = steps.throw(error)
            else:
                command = steps.send(reply)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
