"""What only mypy cannot follow, so only mypy checks this file.

If mypy learns one of these cases, its line fails.
"""

from collections.abc import Coroutine
from typing import Any, TypeVar, assert_type

from py_cachify import pooled


T = TypeVar('T')


@pooled('first', max_size=1)
def first(items: list[T]) -> T:
    return items[0]


@pooled('first', max_size=1)
def first_in_a_list(items: list[T]) -> list[T]:
    return items[:1]


def a_function_that_returns_a_type_variable() -> None:
    """It is taken for a function that returns a coroutine, as the variable may stand for one."""
    of_coroutines: list[Coroutine[Any, Any, int]] = []
    assert_type(first(of_coroutines), Coroutine[Any, Any, int | None])  # type: ignore[unused-coroutine]
    assert_type(first_in_a_list([1]), list[int] | None)


@pooled('reports-{name}', max_size=1)
def untold(name: str) -> Any:
    return name


def a_function_that_returns_any() -> None:
    """Its parameters are forgotten."""
    untold(1, 2, 3)
