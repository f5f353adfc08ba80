"""Hostile values: they fail at every use, lie about their type, or fit nowhere."""

import datetime
import decimal
import fractions
import functools
import sys
import types
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock

import fakeredis
import numpy
import redis
import redis.asyncio
from hypothesis import strategies as st

from py_cachify import UNSET, MemoryClient, pool
from tests.support.stores import AsyncDictClient, DictClient


QUESTIONS = [
    *('__repr__', '__str__', '__format__', '__eq__', '__ne__', '__hash__', '__bool__', '__len__', '__getattr__'),
    *('__lt__', '__le__', '__gt__', '__ge__', '__int__', '__index__', '__float__', '__iter__', '__contains__'),
    *('__getitem__', '__add__', '__radd__', '__mod__', '__get__', '__set_name__', '__await__'),
]
"""The methods that code may call while it examines a value."""


class Given:
    """A box for a value, which pytest and Hypothesis can examine safely."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        try:
            return repr(self.value)[:100]
        except Exception:
            return 'something hostile'


class OfAValueError(Exception):
    """An error of a type that no caller expects."""


def hostile(base: type, error: type[Exception], *also: str) -> Any:
    """Return a class whose instances raise ``error`` at every use."""

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    answers: dict[str, Any] = dict.fromkeys([*QUESTIONS, *also], fail)
    return type('Hostile', (base,), answers | {'__class__': property(fail)})


class Liar:
    """A value that claims to be of another class."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self._kind


class _Nameless(type):
    def __getattribute__(cls, name: str) -> Any:
        raise OfAValueError


class OfANamelessClass(metaclass=_Nameless):
    """A value without a ``repr()``, of a class without a name."""

    __slots__ = ()

    def __repr__(self) -> str:
        raise OfAValueError


class Endless:
    """A value with an extremely long ``repr()``."""

    def __repr__(self) -> str:
        return 'x' * 1_000_000


class ShowsNoText:
    """A value whose ``repr()`` is not a string."""

    def __repr__(self) -> str:
        return 3  # type: ignore[return-value]


class ShowsHostileText:
    """A value whose ``repr()`` is a string that fails at every use."""

    def __repr__(self) -> str:
        return hostile(str, OfAValueError)('text')  # type: ignore[no-any-return]


class AsyncCallable:
    async def __call__(self, *args: Any, **kwargs: Any) -> None: ...


class GeneratorCallable:
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        yield


def _generator() -> Any:
    yield


async def _async_generator() -> Any:
    yield


async def _coroutine() -> None: ...


LIES: list[type] = [int, str, float, bool, type(None), types.FunctionType, classmethod, functools.partial]

ERRORS = [OfAValueError, KeyError, AttributeError, RecursionError, StopIteration, TypeError, ValueError]

# All values are in boxes from the start, because Hypothesis examines what it draws.

hostile_values = st.one_of(
    st.sampled_from([Given(hostile(object, error)()) for error in ERRORS]),
    st.sampled_from([Given(hostile(object, error, '__call__')()) for error in ERRORS]),
    st.sampled_from([Given(hostile(str, error)('text')) for error in ERRORS]),
    st.sampled_from([Given(hostile(int, error)(3)) for error in ERRORS]),
    st.sampled_from([Given(hostile(float, error)(3.5)) for error in ERRORS]),
    st.sampled_from([Given(Liar(kind)) for kind in LIES]),
    st.sampled_from([Given(kind()) for kind in (OfANamelessClass, Endless, ShowsNoText, ShowsHostileText)]),
)


def one_of(*values: Any) -> st.SearchStrategy[Given]:
    """Return a strategy for one of these values, in its box."""
    return st.sampled_from([Given(value) for value in values])


numbers = st.one_of(
    st.integers().map(Given),
    one_of(0, 1, -1, 2**31 - 1, 2**31, 2**53 + 1, 2**64, 10**400, -(10**400), 10**5000, -(10**5000)),
    st.floats().map(Given),
    one_of(5e-324, 1e-9, 3153600000, 3153600000.5, 3153600001, sys.float_info.max),
    one_of(numpy.float64(5), numpy.float64('nan'), numpy.float32(5), numpy.int64(5), numpy.bool_(True), True, False),
    one_of(decimal.Decimal(5), decimal.Decimal('sNaN'), fractions.Fraction(5, 2), 5j, datetime.timedelta(seconds=5)),
)

texts = st.one_of(
    st.text(min_size=1).map(Given),
    st.text(alphabet=st.characters(exclude_categories=())).map(Given),
    st.text(alphabet='ab{}[]!:.0-<>%\0\n\ud800').map(Given),
    one_of('', '{', '{}', '{0}', '{a', '{a!x}', '{a.}', '{a[}', '{a:{b:{a}}}', '\ud800', '\0', 'x' * 10**6),
    one_of(numpy.str_('text'), b'text', bytearray(b'text')),
)

functions = st.one_of(
    one_of(len, min, print, dict, type, object, pool, _generator, _async_generator, _coroutine, Mock, lambda: None),
    one_of(classmethod(_coroutine), staticmethod(len), classmethod(3), property(len)),  # type: ignore[arg-type]
    one_of(AsyncCallable(), AsyncCallable, GeneratorCallable(), Mock(), AsyncMock(), Mock(spec=int)),
    one_of(functools.partial(_generator), functools.partial(AsyncCallable()), functools.partial(max, 1)),
)

good_clients: list[Any] = [MemoryClient(), DictClient(), fakeredis.FakeRedis()]
good_async_clients: list[Any] = [MemoryClient(), AsyncDictClient(DictClient()), fakeredis.FakeAsyncRedis()]

clients = st.one_of(
    one_of(*good_clients, *good_async_clients),
    one_of(MemoryClient, DictClient, redis.Redis, redis, {}, 'redis://localhost', Liar(MemoryClient)),
    one_of(Mock(), MagicMock(), AsyncMock(), Mock(spec=redis.Redis), Mock(spec=MemoryClient)),
    one_of(fakeredis.FakeRedis().pipeline(), types.SimpleNamespace(get=len, set=len, delete=len)),
)

others = one_of(None, UNSET, NotImplemented, ..., object(), int, [], [1], {}, {'a': 1}, (), set(), range(3))

anything = st.one_of(hostile_values, numbers, texts, functions, clients, others)
