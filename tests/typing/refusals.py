"""The result of a call shows what a refusal returns, and nothing of it where a refusal raises."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, assert_type

from py_cachify import init_cachify, pool, pooled


local = init_cachify(is_global=False)
one = pool('reports', max_size=1)


def report(name: str) -> bytes:
    return name.encode()


async def areport(name: str) -> bytes:
    return name.encode()


def later(name: str) -> str:
    return f'later: {name}'


def forget(name: str) -> None: ...


async def alater(name: str) -> str:
    return f'later: {name}'


def later_awaited(name: str) -> Awaitable[str]:
    return alater(name)


async def reschedule(*args: Any, **kwargs: Any) -> str:
    return 'later'


def something(*args: Any, **kwargs: Any) -> Any:
    return 'later'


def is_strict() -> bool:
    return True


async def of_nothing() -> None:
    """``None``, without ``on_full``."""
    assert_type(pooled('reports', 1)(report)('a'), bytes | None)
    assert_type(pooled('reports', 1, None, False, 60)(report)('a'), bytes | None)
    assert_type(pooled('reports', 1, slot_exp=timedelta(minutes=1))(report)('a'), bytes | None)
    assert_type(one.pooled()(report)('a'), bytes | None)
    assert_type(local.pooled('reports', max_size=1)(report)('a'), bytes | None)
    assert_type(await pooled('reports', 1)(areport)('a'), bytes | None)
    assert_type(await one.pooled()(areport)('a'), bytes | None)


async def of_on_full() -> None:
    """Its type, which may be ``None`` as well."""
    assert_type(pooled('reports', 1, later)(report)('a'), bytes | str)
    assert_type(pooled('reports', 1, on_full=later, slot_exp=None)(report)('a'), bytes | str)
    assert_type(one.pooled(later)(report)('a'), bytes | str)
    assert_type(one.pooled(on_full=forget)(report)('a'), bytes | None)
    assert_type(pooled('reports', 1, on_full=report)(report)('a'), bytes)
    assert_type(await pooled('reports', 1, on_full=later)(areport)('a'), bytes | str)
    assert_type(await one.pooled(later)(areport)('a'), bytes | str)


async def of_an_on_full_that_is_awaited() -> None:
    """What comes of awaiting it, also where it takes ``Any``."""
    assert_type(await pooled('reports', 1, on_full=alater)(areport)('a'), bytes | str)
    assert_type(await pooled('reports', 1, on_full=later_awaited)(areport)('a'), bytes | str)
    assert_type(await pooled('reports', 1, on_full=reschedule)(areport)('a'), bytes | str)
    assert_type(await local.pooled('reports', 1, on_full=reschedule)(areport)('a'), bytes | str)
    assert_type(await one.pooled(on_full=reschedule)(areport)('a'), bytes | str)


def of_an_async_on_full_of_a_sync_function() -> None:
    """Nobody could await it: an error, as at run time."""
    pooled('reports', 1, on_full=alater)(report)  # type: ignore[arg-type]
    pooled('reports', 1, on_full=later_awaited)(report)  # type: ignore[arg-type]
    pooled('reports', 1, on_full=reschedule)(report)  # type: ignore[arg-type]
    local.pooled('reports', 1, on_full=alater)(report)  # type: ignore[arg-type]
    one.pooled(on_full=alater)(report)  # type: ignore[arg-type]


async def of_an_on_full_that_returns_anything() -> None:
    """``Any`` beside the function's own result; such a callback is for functions of both kinds."""
    assert_type(pooled('reports', 1, on_full=something)(report)('a'), bytes | Any)
    assert_type(one.pooled(on_full=something)(report)('a'), bytes | Any)
    assert_type(await pooled('reports', 1, on_full=something)(areport)('a'), bytes | Any)
    pooled('reports', 1, on_full=something)(report)(1)  # type: ignore[arg-type]


async def of_an_error() -> None:
    """The function's own result alone, whatever ``on_full`` is."""
    assert_type(pooled('reports', 1, raise_on_full=True)(report)('a'), bytes)
    assert_type(pooled('reports', 1, None, True)(report)('a'), bytes)
    assert_type(pooled('reports', 1, later, True)(report)('a'), bytes)
    assert_type(pooled('reports', 1, on_full=alater, raise_on_full=True, slot_exp=60)(report)('a'), bytes)
    assert_type(one.pooled(raise_on_full=True)(report)('a'), bytes)
    assert_type(one.pooled(later, True)(report)('a'), bytes)
    assert_type(local.pooled('reports', 1, raise_on_full=True)(report)('a'), bytes)
    assert_type(await pooled('reports', 1, raise_on_full=True)(areport)('a'), bytes)
    assert_type(await one.pooled(raise_on_full=True)(areport)('a'), bytes)


def of_an_error_that_is_not_sure() -> None:
    """Where only a run tells whether a refusal raises, it may return as well."""
    assert_type(pooled('reports', 1, raise_on_full=is_strict())(report)('a'), bytes | None)
    assert_type(one.pooled(later, raise_on_full=is_strict())(report)('a'), bytes | str)


async def of_a_call_that_waits() -> None:
    """The same results: it may still be refused, unless a refusal raises."""
    patient = pool('reports', max_size=1, wait=10, max_waiting=5)
    for wait in (0, 10, 0.5, timedelta(seconds=10), None):
        assert_type(pooled('reports', 1, wait=wait)(report)('a'), bytes | None)
        assert_type(pooled('reports', 1, later, wait=wait, max_waiting=5)(report)('a'), bytes | str)
        assert_type(pooled('reports', 1, raise_on_full=True, wait=wait)(report)('a'), bytes)
        assert_type(pooled('reports', 1, None, True, 60, wait=wait)(report)('a'), bytes)
        assert_type(pooled('reports', 1, on_full=something, wait=wait)(report)('a'), bytes | Any)
        assert_type(local.pooled('reports', 1, wait=wait)(report)('a'), bytes | None)
        assert_type(local.pooled('reports', 1, later, wait=wait, max_waiting=5)(report)('a'), bytes | str)
        assert_type(local.pooled('reports', 1, raise_on_full=True, wait=wait)(report)('a'), bytes)
        assert_type(local.pooled('reports', 1, None, True, 60, wait=wait)(report)('a'), bytes)
        assert_type(await pooled('reports', 1, on_full=alater, wait=wait)(areport)('a'), bytes | str)
        assert_type(await local.pooled('reports', 1, on_full=alater, wait=wait)(areport)('a'), bytes | str)
        assert_type(await pooled('reports', 1, wait=wait)(areport)('a'), bytes | None)
        assert_type(pooled('reports', 1, raise_on_full=is_strict(), wait=wait)(report)('a'), bytes | None)
    assert_type(patient.pooled()(report)('a'), bytes | None)
    assert_type(patient.pooled(raise_on_full=True)(report)('a'), bytes)
    assert_type(pooled('reports', 1, wait=10)(report).size('a'), int)


def of_wrong_terms() -> None:
    """What is refused at run time is an error here."""
    pooled(1, max_size=1)  # type: ignore[call-overload]
    pooled('reports')  # type: ignore[call-overload]
    pooled('reports', max_size='1')  # type: ignore[call-overload]
    pooled('reports', max_size=1, slot_exp='60')  # type: ignore[call-overload]
    pooled('reports', max_size=1, on_full='later')  # type: ignore[call-overload]
    one.pooled(on_full='later')  # type: ignore[call-overload]
    one.pooled(slot_exp=60)  # type: ignore[call-overload]
    pooled('reports', 1, wait='10')  # type: ignore[call-overload]
    pooled('reports', 1, max_waiting=1.5)  # type: ignore[call-overload]
    pooled('reports', 1, None, False, 60, 10)  # type: ignore[call-overload]
    pooled('reports', 1, on_full=alater, wait=10)(report)  # type: ignore[arg-type]
    local.pooled('reports', 1, wait='10')  # type: ignore[call-overload]
    local.pooled('reports', 1, max_waiting='10')  # type: ignore[call-overload]
    local.pooled('reports', 1, None, False, 60, 10)  # type: ignore[call-overload]
    one.pooled(wait=10)  # type: ignore[call-overload]
