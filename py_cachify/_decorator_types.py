"""What a type checker knows of the decorators that ``pooled`` makes.

A call that was refused results in what ``on_full`` returns, so the type of a decorated function depends on the
function *and* on ``on_full``: on whether each of them is ``async``, and on what it results in.
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
"""True to mypy, whatever is said here."""


class AnyFunction:
    """Marks a decorator for functions of both kinds."""


class AsyncFunction:
    """Marks a decorator for ``async`` functions only."""


class NeverReturned:
    """Nothing returns one, so what seems to is declared to return ``Any``, and may be of either kind."""


class Decorator(Protocol[F_co, D_co]):
    """Decorates a function.

    ``F_co`` is what ``on_full`` returns.  ``D_co`` is ``AsyncFunction`` where that has to be awaited, which a
    function that is not ``async`` could not do.
    """

    @overload
    def __call__(
        self: 'Decorator[Awaitable[F], AsyncFunction]', function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> WrappedFunctionPool[P, Coroutine[Any, Any, R | F], Coroutine[Any, Any, int]]: ...

    if not MYPY:
        # To pyright, what returns Any could else return a coroutine; to mypy, a type variable could be this class.
        @overload
        def __call__(
            self: 'Decorator[F, AnyFunction]', function: Callable[P, NeverReturned], /
        ) -> WrappedFunctionPool[P, Any, int]: ...

    @overload
    def __call__(  # type: ignore[overload-overlap]  # a coroutine is also "any result": the first that fits is meant
        self: 'Decorator[F, AnyFunction]', function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> WrappedFunctionPool[P, Coroutine[Any, Any, R | F], Coroutine[Any, Any, int]]: ...
    @overload
    def __call__(
        self: 'Decorator[F, AnyFunction]', function: Callable[P, R], /
    ) -> WrappedFunctionPool[P, R | F, int]: ...
