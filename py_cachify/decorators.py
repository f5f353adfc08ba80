"""What ``@pooled`` makes of a function: one whose every call runs in a slot of a pool."""

import functools
import inspect
import sys
from collections.abc import Callable, Coroutine, Mapping
from types import AsyncGeneratorType, CoroutineType, GeneratorType, MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, NamedTuple, ParamSpec, TypeVar, overload

from py_cachify import _slots as slots
from py_cachify._settings import Settings
from py_cachify._signatures import FunctionAnnotations
from py_cachify.arguments import UnsetType, check_flag, is_a, shown
from py_cachify.errors import CachifyPoolFullError


P = ParamSpec('P')
Q = ParamSpec('Q')
R = TypeVar('R')
S = TypeVar('S')
T = TypeVar('T')

KeyOf = Callable[[tuple[Any, ...], Mapping[str, Any]], str]
"""The key of the pool for a call with these positional and keyword arguments."""


class Terms(NamedTuple):
    """Under what terms a function runs: the pool of each call, and what a refusal does."""

    settings: Callable[[], Settings]
    key: KeyOf
    max_size: int
    slot_exp: float | UnsetType | None
    on_full: Callable[..., Any] | None
    raise_on_full: bool

    def refuse(self, key: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """What comes of a call with these arguments that found the pool ``key`` full."""
        if self.raise_on_full:
            raise CachifyPoolFullError(key, self.max_size)
        return None if self.on_full is None else self.on_full(*args, **kwargs)


class _Annotated:
    # In a class of its own, as the one below has annotations itself.
    if sys.version_info >= (3, 14):
        __annotations__ = FunctionAnnotations()


class WrappedFunctionPool(_Annotated, Generic[P, R, S]):
    """A function, or a method, whose calls each take a slot.

    It is called like the function that it wraps and results in the same, or in what ``on_full`` returned.
    In a class it binds as that function would.  ``P`` are its parameters, ``R`` what a call returns, ``S``
    what ``size()`` returns: ``int``, or a coroutine of one for an ``async`` function.
    """

    __wrapped__: Callable[..., Any]
    __name__: str
    __qualname__: str
    __isabstractmethod__: bool

    def __init__(self, function: Callable[..., Any], terms: Terms) -> None:
        functools.update_wrapper(self, function)
        # What is copied from the function's own attributes must not hide the method.
        self.__dict__.pop('size', None)
        # A class method and a static method have no attribute to copy, but say so.
        self.__isabstractmethod__ = getattr(function, '__isabstractmethod__', False) is True
        self._function: Any = function
        self._call: Callable[..., Any] = _callable(function)
        self._terms = terms
        self._first: tuple[Any, ...] = ()

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function in a slot of its pool."""
        raise NotImplementedError

    def size(self, /, *args: P.args, **kwargs: P.kwargs) -> S:
        """How many slots are taken in the pool of a call with these arguments.

        Only those arguments are needed that the key names.
        """
        raise NotImplementedError

    @overload
    def __get__(
        self: 'WrappedFunctionPool[Concatenate[T, Q], R, S]', instance: None, owner: type | None = None
    ) -> '_OnClass[P, Q, R, S]': ...
    @overload
    def __get__(
        self: 'WrappedFunctionPool[[], R, S]', instance: None, owner: type | None = None
    ) -> 'WrappedFunctionPool[P, R, S]': ...
    @overload
    def __get__(
        self: 'WrappedFunctionPool[Concatenate[type[T], Q], R, S]', instance: T, owner: type | None = None
    ) -> 'WrappedFunctionPool[Q, R, S]': ...
    @overload
    def __get__(
        self: 'WrappedFunctionPool[Concatenate[T, Q], R, S]', instance: T, owner: type | None = None
    ) -> 'WrappedFunctionPool[Q, R, S]': ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        get = getattr(type(self._function), '__get__', None)
        if get is None or self._first:
            return self
        method = get(self._function, instance, owner)
        # A static method is a function again, and what was bound before stays what it is.
        if method is self._function or not isinstance(method, MethodType | WrappedFunctionPool):
            return self
        owned_by = getattr(method, '__self__', None)
        # A copy of this object about the bound method; making one anew for each access costs ten times that.
        bound = object.__new__(type(self))
        bound.__dict__ = self.__dict__ | {
            '__wrapped__': method,
            '__self__': owned_by,
            '_function': method,
            '_call': method,
            '_first': (owned_by,),
        }
        return bound

    def __repr__(self) -> str:
        return f'<pooled {self._call!r}>'

    def __eq__(self, other: object) -> bool:
        # As methods are: equal if they are one function of one object.
        if not self._first or not isinstance(other, WrappedFunctionPool):
            return NotImplemented
        return self._terms is other._terms and bool(self._function == other._function)

    def __hash__(self) -> int:
        return hash(self._function) if self._first else object.__hash__(self)

    def __reduce__(self) -> Any:
        # As functions are: by name, and a method as its owner's attribute.
        return (getattr, (self._first[0], self.__name__)) if self._first else self.__qualname__


if TYPE_CHECKING:

    class _OnClass(WrappedFunctionPool[P, R, S], Generic[P, Q, R, S]):
        """A method or a class method, looked up on its class: what it binds there, no type checker can tell."""

        @overload
        def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R: ...
        @overload
        def __call__(self, /, *args: Q.args, **kwargs: Q.kwargs) -> R: ...
        def __call__(self, /, *args: Any, **kwargs: Any) -> R:
            raise NotImplementedError

        @overload
        def size(self, /, *args: P.args, **kwargs: P.kwargs) -> S: ...
        @overload
        def size(self, /, *args: Q.args, **kwargs: Q.kwargs) -> S: ...
        def size(self, /, *args: Any, **kwargs: Any) -> S:
            raise NotImplementedError


class _PooledFunction(WrappedFunctionPool[P, R, int]):
    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        terms = self._terms
        settings = terms.settings()
        key = terms.key(self._first + args, kwargs)
        taken = slots.take(settings.sync_backend(), settings.wanted(key, terms.max_size, terms.slot_exp))
        if taken is None:
            return terms.refuse(key, self._first + args, kwargs)  # type: ignore[no-any-return]
        try:
            result = self._call(*args, **kwargs)
        except BaseException:
            slots.give_back(taken, body_failed=True)
            raise
        slots.give_back(taken, body_failed=False)
        if isinstance(result, CoroutineType | GeneratorType | AsyncGeneratorType):
            raise TypeError(_runs_later(self._call, result))
        return result  # type: ignore[no-any-return]

    def size(self, /, *args: P.args, **kwargs: P.kwargs) -> int:
        terms = self._terms
        settings = terms.settings()
        key = settings.prefix + terms.key(self._first + args, kwargs)
        return slots.size(settings.sync_backend(), key, terms.max_size)


class _PooledCoroutineFunction(WrappedFunctionPool[P, Coroutine[Any, Any, R], Coroutine[Any, Any, int]]):
    def __init__(self, function: Callable[..., Any], terms: Terms) -> None:
        super().__init__(function, terms)
        if not hasattr(inspect, 'markcoroutinefunction'):
            # Python 3.11 takes an object for a coroutine function if it looks like a function with that flag.
            like = _innermost(self._call)
            for name in ('__name__', '__code__', '__defaults__', '__kwdefaults__', '__annotations__'):
                setattr(self, name, getattr(like, name, None))

    async def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        terms = self._terms
        settings = terms.settings()
        key = terms.key(self._first + args, kwargs)
        taken = await slots.atake(settings.async_backend(), settings.wanted(key, terms.max_size, terms.slot_exp))
        if taken is None:
            instead = terms.refuse(key, self._first + args, kwargs)
            if inspect.isawaitable(instead):
                instead = await instead
            return instead  # type: ignore[no-any-return]
        try:
            result = await self._call(*args, **kwargs)
        except BaseException:
            await slots.agive_back(taken, body_failed=True)
            raise
        await slots.agive_back(taken, body_failed=False)
        return result  # type: ignore[no-any-return]

    async def size(self, /, *args: P.args, **kwargs: P.kwargs) -> int:
        terms = self._terms
        settings = terms.settings()
        key = settings.prefix + terms.key(self._first + args, kwargs)
        return await slots.asize(settings.async_backend(), key, terms.max_size)


if hasattr(inspect, 'markcoroutinefunction'):
    inspect.markcoroutinefunction(_PooledCoroutineFunction)

# Task queues check the arguments of a call against the parameters of `__call__`, and take `self` for one of them.
for _kind in (_PooledFunction, _PooledCoroutineFunction):
    vars(_kind)['__call__'].__signature__ = inspect.signature(lambda *_args, **_kwargs: None)


def make_decorator(
    key_for: Callable[[Callable[..., Any]], KeyOf],
    settings: Callable[[], Settings],
    max_size: int,
    slot_exp: float | UnsetType | None,
    on_full: Callable[..., Any] | None,
    raise_on_full: bool,
) -> Any:
    """What all forms of ``pooled`` share; ``key_for(function)`` makes the function that makes the keys."""
    if on_full is not None and not callable(on_full):
        raise TypeError(f'on_full must be a function, or None, not {shown(on_full)}')
    wants_raise = check_flag('raise_on_full', raise_on_full)

    def decorate(function: Any) -> Any:
        call = _callable(function)
        if not callable(call):
            raise TypeError(f'a function was expected to be decorated, not {shown(function)}')
        if _about('the function', call, _is_generator):
            raise TypeError(
                f'{shown(call)} is a generator function, whose body runs only after the call:'
                ' write `with pool(...)` inside it instead'
            )
        is_async = _about('the function', call, _is_async)
        if not is_async and on_full is not None and _about('on_full', on_full, _is_async):
            raise TypeError(f'on_full {shown(on_full)} is async, but {shown(call)} is not and could not await it')
        terms = Terms(settings, key_for(call), max_size, slot_exp, on_full, wants_raise)
        kind = _PooledCoroutineFunction if is_async else _PooledFunction
        return _about('the function', function, lambda function: kind(function, terms))

    return decorate


def _about(name: str, function: Any, ask: Callable[[Any], T]) -> T:
    """What ``ask`` says of a function; an object that can be called may fail in its own way when it is looked at."""
    try:
        return ask(function)
    except Exception as error:
        raise TypeError(f'{name} {shown(function)} cannot be looked at: {shown(error)}') from error


def _runs_later(call: Any, result: Any) -> str:
    if not isinstance(result, AsyncGeneratorType):
        result.close()
    return (
        f'{shown(call)} returned a {type(result).__name__}, whose body would run only after its slot was given back:'
        ' decorate the async function itself, or write `with pool(...)` in the generator'
    )


def _callable(function: Any) -> Any:
    """What to call: the function itself, also within ``classmethod`` and ``staticmethod``."""
    return function.__func__ if is_a(function, classmethod) or is_a(function, staticmethod) else function


def _innermost(call: Any) -> Any:
    """The function that a partial function or a callable object comes down to."""
    while isinstance(call, functools.partial):
        call = call.func
    return call if inspect.isroutine(call) or isinstance(call, WrappedFunctionPool) else type(call).__call__


def _is_async(call: Any) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(_innermost(call))


def _is_generator(call: Any) -> bool:
    return any(
        inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body) for body in (call, _innermost(call))
    )
