"""A decorated function keeps its parameters and its result; ``size`` has the same parameters."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, assert_type

from py_cachify import WrappedFunctionPool, pool, pooled


P = ParamSpec('P')
R = TypeVar('R')
T = TypeVar('T')


@pooled('reports-{name}', max_size=2)
def report(name: str, pages: int = 1, *, colour: bool = False) -> bytes:
    return name.encode() * pages


@pooled('reports-{name}', max_size=2)
async def areport(name: str, pages: int = 1, *, colour: bool = False) -> bytes:
    return name.encode() * pages


@pool('reports', max_size=2).pooled()
def shared(name: str) -> bytes:
    return name.encode()


def of_a_function() -> None:
    """Positional arguments, keywords and defaults, as before."""
    assert_type(report('a'), bytes | None)
    assert_type(report('a', 2, colour=True), bytes | None)
    assert_type(report(name='a', pages=2), bytes | None)
    assert_type(report.size('a', 2, colour=True), int)
    assert_type(shared('a'), bytes | None)
    assert_type(shared.size(name='a'), int)


async def of_an_async_function() -> None:
    """A call makes a coroutine, and so does ``size``."""
    assert_type(await areport('a', 2, colour=True), bytes | None)
    assert_type(await areport(name='a'), bytes | None)
    assert_type(await areport.size('a'), int)
    assert_type(await asyncio.create_task(areport('a')), bytes | None)
    assert_type(await asyncio.gather(areport('a'), areport('b')), tuple[bytes | None, bytes | None])


def wrong_calls() -> None:
    """What the function would not take, neither the call nor ``size`` takes."""
    report()  # type: ignore[call-arg]
    report(1)  # type: ignore[arg-type]
    report('a', 'b')  # type: ignore[arg-type]
    report('a', 1, True)  # type: ignore[call-arg]
    report('a', color=True)  # type: ignore[call-arg]
    report.size(1)  # type: ignore[arg-type]
    report.size('a', color=True)  # type: ignore[call-arg]
    report.length('a')  # type: ignore[attr-defined]
    _of_result: str = report('a')  # type: ignore[assignment]
    _without_none: bytes = report('a')  # type: ignore[assignment]


async def wrong_awaited_calls() -> None:
    """The same of an ``async`` function."""
    await areport()  # type: ignore[call-arg]
    await areport(1)  # type: ignore[arg-type]
    await areport.size('a', color=True)  # type: ignore[call-arg]
    _not_awaited: bytes | None = areport('a')  # type: ignore[assignment]
    _of_result: bytes = await areport('a')  # type: ignore[assignment]


@pooled('first', max_size=1)
def first(items: list[T], default: T) -> list[T]:
    return [*items, default][:1]


@pooled('nothing', max_size=1)
def nothing(**options: Any) -> dict[str, Any]:
    return options


@pooled('nothing', max_size=1)
async def anything(*items: Any, **options: Any) -> dict[str, Any]:
    return options


@pooled('reports-{name}', max_size=1)
def untold(name: str) -> Any:
    return name


async def of_generic_functions() -> None:
    """Type variables are those of the call; ``Any`` stays where it was and does not spread."""
    assert_type(first([1], 2), list[int] | None)
    assert_type(first(['a'], default='b'), list[str] | None)
    assert_type(nothing(a=1, b='c'), dict[str, Any] | None)
    assert_type(await anything(1, 'a', b=None), dict[str, Any] | None)
    assert_type(untold('a'), Any)
    first(1, 2)  # type: ignore[arg-type]
    nothing(1)  # type: ignore[call-arg]


def logged(function: Callable[P, R]) -> Callable[P, R]:
    """Another decorator, as they are usually written."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(*args, **kwargs)

    return call


def limited(function: Callable[P, R]) -> WrappedFunctionPool[P, R | None, int]:
    """A decorator of your own, made from ours."""
    decorated: WrappedFunctionPool[P, R | None, int] = pooled('all', max_size=9)(function)
    return decorated


@logged
@pooled('reports-{name}', max_size=1)
def above(name: str) -> bytes:
    return name.encode()


@pooled('reports-{name}', max_size=1)
@logged
def below(name: str) -> bytes:
    return name.encode()


@pooled('all', max_size=9)
@pooled('reports-{name}', max_size=1, raise_on_full=True)
def twice(name: str) -> bytes:
    return name.encode()


@limited
def by_a_decorator_of_ones_own(name: str) -> bytes:
    return name.encode()


def of_other_decorators() -> None:
    """Above, below, two of ours, and one that is made of ours."""
    assert_type(above('a'), bytes | None)
    assert_type(below(name='a'), bytes | None)
    assert_type(below.size('a'), int)
    assert_type(twice('a'), bytes | None)
    assert_type(twice.size('a'), int)
    assert_type(by_a_decorator_of_ones_own('a'), bytes | None)
    above(1)  # type: ignore[arg-type]
    below(1)  # type: ignore[arg-type]
    twice(1)  # type: ignore[arg-type]
    by_a_decorator_of_ones_own(1)  # type: ignore[arg-type]


def as_a_callable() -> None:
    """It is a function to whatever takes one."""
    _sync: Callable[[str, int], bytes | None] = report
    _async: Callable[[str], Awaitable[bytes | None]] = areport
    _coroutine: Callable[[str], Coroutine[Any, Any, bytes | None]] = areport
    _of_another_parameter: Callable[[int], bytes | None] = report  # type: ignore[assignment]
    assert_type(list(map(report, ['a', 'b'])), list[bytes | None])
    assert_type(functools.partial(report, 'a')(), bytes | None)
    functools.partial(report, 1)  # type: ignore[arg-type]
