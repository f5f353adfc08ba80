"""The types of the decorators that ``pooled`` returns.

A refused call results in what ``on_full`` returns.  So the type of a decorated function depends on
the function *and* on ``on_full``: on whether each of them is ``async``, and on what it results in.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from py_cachify.decorators import WrappedFunctionPool


P = ParamSpec('P')
R = TypeVar('R')
F = TypeVar('F')
F_co = TypeVar('F_co', covariant=True)
D_co = TypeVar('D_co', covariant=True)

MYPY = False
"""mypy takes this for true, whatever its value."""


class AnyFunction:
    """Marks a decorator for functions of both kinds: plain and ``async``."""


class AsyncFunction:
    """Marks a decorator for ``async`` functions only."""


class NeverReturned:
    """A type that no function returns.

    A function that seems to return it is declared to return ``Any``, and may be plain or ``async``.
    """


class Decorator(Protocol[F_co, D_co]):
    """Decorates a function.

    ``F_co`` is what ``on_full`` returns.  ``D_co`` is ``AsyncFunction`` if that must be awaited,
    which a plain function could not do.
    """

    @overload
    def __call__(
        self: 'Decorator[Awaitable[F], AsyncFunction]', function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> WrappedFunctionPool[P, Coroutine[Any, Any, R | F], Coroutine[Any, Any, int]]: ...

    if not MYPY:
        # Without this, pyright assumes that a function which returns Any may return a coroutine.
        # With it, mypy assumes that a type variable may be this class.
        @overload
        def __call__(
            self: 'Decorator[F, AnyFunction]', function: Callable[P, NeverReturned], /
        ) -> WrappedFunctionPool[P, Any, int]: ...

    @overload
    def __call__(  # type: ignore[overload-overlap]  # a coroutine is "any result" too; the first match counts
        self: 'Decorator[F, AnyFunction]', function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> WrappedFunctionPool[P, Coroutine[Any, Any, R | F], Coroutine[Any, Any, int]]: ...
    @overload
    def __call__(
        self: 'Decorator[F, AnyFunction]', function: Callable[P, R], /
    ) -> WrappedFunctionPool[P, R | F, int]: ...
