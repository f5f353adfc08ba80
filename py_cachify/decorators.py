"""The functions that ``@pooled`` returns: each call runs in a slot of a pool."""

import contextlib
import functools
import inspect
import sys
from asyncio import _get_running_loop, current_task
from collections.abc import Callable, Coroutine, Mapping
from threading import get_ident
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType, MethodType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    NamedTuple,
    ParamSpec,
    Protocol,
    TypeVar,
    overload,
    runtime_checkable,
)

from py_cachify import _bodies as bodies
from py_cachify import _looking as looking
from py_cachify._attempts import UNHEARD, refusal_kind
from py_cachify._giving_back import agive_back, give_back, give_back_despite
from py_cachify._keys import KeyTemplate
from py_cachify._options import DEFAULTS, Options
from py_cachify._settings import Settings, Specs
from py_cachify._signals import is_interrupt
from py_cachify._signatures import FunctionAnnotations, is_async, signature_of
from py_cachify._spec import SlotSpec
from py_cachify._taking import atake, take
from py_cachify._waiting import PendingWait, Waiting, refusal_error
from py_cachify._waiting import Wait as SlotWait
from py_cachify.arguments import UnsetType, check_flag, is_a, shown
from py_cachify.backends.memory import MemoryBackend
from py_cachify.protocols import NoLease
from py_cachify.slots import PoolSource, Slot, make_current, make_current_in_task


P = ParamSpec('P')
Q = ParamSpec('Q')
R = TypeVar('R')
S = TypeVar('S')
T = TypeVar('T')
R_co = TypeVar('R_co', covariant=True)
S_co = TypeVar('S_co', covariant=True)

KeyOf = Callable[[tuple[Any, ...], Mapping[str, Any]], str]
"""Returns the key of the pool for a call with these positional and keyword arguments."""

# The functions that these decorators of the standard library return all share one code object each.
_CONTEXT_MANAGER_CODE = {
    make(lambda: None).__code__  # type: ignore[arg-type, return-value]
    for make in (contextlib.contextmanager, contextlib.asynccontextmanager)
}


class Terms(NamedTuple):
    """How a function is pooled: the pool of each call, and the result of a refusal."""

    settings: Callable[[], Settings]
    key: KeyOf
    parameters: inspect.Signature | None
    max_size: int
    slot_exp: float | UnsetType | None
    on_full: Callable[..., Any] | None
    raise_on_full: bool
    waiting: Waiting | None
    specs: Specs
    options: Options
    label: KeyOf | None
    pool_of: PoolSource
    template: str | None

    def labelled(self, settings: Settings, key: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> SlotSpec:
        """Return the arguments of the acquire for a call whose label has fields."""
        options = self.options if self.label is None else self.options._replace(label=self.label(args, kwargs))
        return settings.slot_spec(key, self.max_size, self.slot_exp, options, self.template)

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Refuse arguments that the function does not take, as the call itself would do."""
        if self.parameters is not None:
            self.parameters.bind(*args, **kwargs)

    def refuse(
        self,
        key: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        refusal: NoLease,
        wait: SlotWait | PendingWait | None,
    ) -> Any:
        """Return the result of a call that got no slot of the pool ``key``, or raise."""
        self.bind(args, kwargs)
        if self.raise_on_full:
            raise refusal_error(key, self.max_size, refusal, wait)
        return None if self.on_full is None else self.on_full(*args, **kwargs)

    def key_to_count(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """Return the key that ``size()`` counts; refuse arguments that no call could have."""
        if self.parameters is not None:
            try:
                self.parameters.bind_partial(*args, **kwargs)
            except TypeError as error:
                raise TypeError(
                    f'size() got arguments that the function never takes ({error}): pass arguments of the function,'
                    ' without self on a bound method'
                ) from None
        return self.key(args, kwargs)


@runtime_checkable
class WrappedFunctionPool(Protocol[P, R_co, S_co]):
    """The type of a function or method whose calls each take a slot.

    Call it like the function that it wraps.  It returns what that function returns; if the pool is
    full, ``None`` or the result of ``on_full``.  In a class it binds as that function would.  ``P``
    are its parameters, ``R_co`` is what a call returns, and ``S_co`` is what ``size()`` returns: an
    ``int``, or a coroutine of one for an ``async`` function.

    Outside the body of a class, it is a plain function or an ``async`` one.
    """

    __wrapped__: Callable[..., Any]
    __name__: str
    __qualname__: str

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function in a slot of its pool."""
        ...

    def size(self, /, *args: P.args, **kwargs: P.kwargs) -> S_co:
        """Return how many slots are taken in the pool of a call with these arguments.

        Only the arguments that the key names are needed.  Await it if the function is ``async``.

        Raises:
            TypeError: the function never takes these arguments, or the key needs another one.
        """
        ...

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
        """Return the method of an object."""
        ...


if TYPE_CHECKING:

    class _OnClass(WrappedFunctionPool[P, R_co, S_co], Protocol[P, Q, R_co, S_co]):
        """A method on its class; a type checker cannot know whether access binds a parameter."""

        @overload
        def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
        @overload
        def __call__(self, /, *args: Q.args, **kwargs: Q.kwargs) -> R_co: ...
        def __call__(self, /, *args: Any, **kwargs: Any) -> R_co: ...

        @overload
        def size(self, /, *args: P.args, **kwargs: P.kwargs) -> S_co: ...
        @overload
        def size(self, /, *args: Q.args, **kwargs: Q.kwargs) -> S_co: ...
        def size(self, /, *args: Any, **kwargs: Any) -> S_co: ...


def _run(
    terms: Terms, function: Callable[..., Any], first: tuple[Any, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call a function in a slot; ``first`` holds the object that it is bound to, if any."""
    settings = terms.settings()
    key = terms.key(first + args, kwargs)
    spec = (
        terms.specs.make(settings, key) if terms.label is None else terms.labelled(settings, key, first + args, kwargs)
    )
    backend = spec.backends.sync or settings.sync_backend()
    is_plain = spec.is_plain
    attempt = UNHEARD if is_plain else bodies.check(backend, spec)
    wait = None
    try:
        if terms.waiting is None:
            taken = take(backend, spec, terms.pool_of)
        else:
            terms.bind(first + args, kwargs)
            wait = SlotWait(backend, spec, terms.waiting, terms.pool_of, attempt, sys._getframe())  # noqa: SLF001 - see _deadlocks.py
            taken = wait.take()
    except BaseException as error:
        attempt.tell('failed', error=error)
        raise
    if not taken:
        attempt.tell(refusal_kind(taken))
        return terms.refuse(key, first + args, kwargs, taken, wait)
    given_back = False
    try:
        if not is_plain:
            bodies.begin(taken, attempt)
        # As `current_owner()`, whose call a pool in memory would notice.
        make_current(taken, (_get_running_loop() and current_task()) or get_ident())
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            _end(taken, is_plain, error)
            given_back = True
            raise
        _end(taken, is_plain, None)
        given_back = True
    except BaseException as raised:
        # An interrupt that arrived as the slot was about to be given back.
        if not given_back and is_interrupt(raised):
            give_back_despite(raised, taken)
        attempt.tell('failed', error=raised)
        raise
    if isinstance(result, CoroutineType | GeneratorType | AsyncGeneratorType):
        raise TypeError(_late_body_error(function, result))
    return result


def _end(slot: Slot, is_plain: bool, error: BaseException | None) -> None:
    """Give the slot back at the end of a call that raised ``error``, if anything."""
    if is_plain:
        give_back(slot, body_failed=error is not None)
    else:
        bodies.end(slot, error)


async def _arun(
    terms: Terms, function: Callable[..., Any], first: tuple[Any, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Await an ``async`` function in a slot."""
    settings = terms.settings()
    key = terms.key(first + args, kwargs)
    spec = (
        terms.specs.make(settings, key) if terms.label is None else terms.labelled(settings, key, first + args, kwargs)
    )
    backend = spec.backends.asynchronous or settings.async_backend()
    is_plain = spec.is_plain
    attempt = UNHEARD if is_plain else bodies.check(backend, spec, is_async=True)
    wait = None
    taken: Slot | NoLease = None
    try:
        if terms.waiting is not None:
            terms.bind(first + args, kwargs)
            wait = PendingWait(backend, spec, terms.waiting, terms.pool_of, attempt)
            taken = await wait.take()
        # Memory answers at once, and a separate coroutine would take longer than the acquire.
        elif isinstance(backend, MemoryBackend):
            taken = take(backend, spec, terms.pool_of)
        else:
            taken = await atake(backend, spec, terms.pool_of)
        if taken and not is_plain:
            if spec.options is DEFAULTS:
                bodies.begin_plainly(taken, attempt)
            else:
                await bodies.abegin(taken, attempt)
    except BaseException as error:
        if taken:
            await agive_back(taken, body_failed=True)
        attempt.tell('failed', error=error)
        raise
    if not taken:
        attempt.tell(refusal_kind(taken))
        instead = terms.refuse(key, first + args, kwargs, taken, wait)
        if inspect.isawaitable(instead):
            instead = await instead
        return instead
    make_current_in_task(taken)
    try:
        result = await function(*args, **kwargs)
    except BaseException as error:
        await _aend(taken, error)
        raise
    await _aend(taken, None)
    return result


def _aend(slot: Slot, error: BaseException | None) -> Coroutine[Any, Any, None]:
    """Give the slot back as :func:`_end` does, in a task."""
    if slot.spec.options is DEFAULTS:
        return agive_back(slot, body_failed=error is not None)
    return bodies.aend(slot, error)


def _size(terms: Terms, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    settings = terms.settings()
    key = settings.prefix + terms.key_to_count(args, kwargs)
    return looking.size(settings.sync_backend(), key, terms.max_size)


async def _asize(terms: Terms, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    settings = terms.settings()
    key = settings.prefix + terms.key_to_count(args, kwargs)
    return await looking.asize(settings.async_backend(), key, terms.max_size)


def _as_function(function: Callable[..., Any], terms: Terms) -> Any:
    def pooled_function(*args: Any, **kwargs: Any) -> Any:
        return _run(terms, function, (), args, kwargs)

    def size(*args: Any, **kwargs: Any) -> int:
        return _size(terms, args, kwargs)

    return _with_size(pooled_function, function, size)


def _as_async_function(function: Callable[..., Any], terms: Terms) -> Any:
    async def pooled_function(*args: Any, **kwargs: Any) -> Any:
        return await _arun(terms, function, (), args, kwargs)

    async def size(*args: Any, **kwargs: Any) -> int:
        return await _asize(terms, args, kwargs)

    return _with_size(pooled_function, function, size)


def _with_size(wrapper: Any, function: Callable[..., Any], size: Callable[..., Any]) -> Any:
    functools.update_wrapper(wrapper, function)
    # In its `__dict__`, which `functools.wraps` copies to what a decorator above returns.
    wrapper.size = size
    return wrapper


class _PooledMethod:
    """A pooled method, class method or static method: what the body of a class holds.

    Accessing it through an object makes a copy that is bound to it, so that ``size`` of that copy
    knows the object as well.  A method of a plain function could not do that.
    """

    if sys.version_info >= (3, 14):
        __annotations__ = FunctionAnnotations()

    _bound_kind: 'ClassVar[type[_PooledMethod]]'

    def __init__(self, function: Callable[..., Any], terms: Terms) -> None:
        wrapper: Any = self
        functools.update_wrapper(wrapper, function)
        # An attribute copied from the function must not hide the method.
        self.__dict__.pop('size', None)
        for name in ('__name__', '__qualname__'):
            self.__dict__.setdefault(name, 'pooled')
        # A class method or static method has this property, but not in its `__dict__`.
        self.__isabstractmethod__ = getattr(function, '__isabstractmethod__', False) is True
        self._function: Any = function
        self._call: Callable[..., Any] = _callable(function)
        self._terms = terms
        self._first: tuple[Any, ...] = ()

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        get = getattr(type(self._function), '__get__', None)
        if get is None or self._first:
            return self
        method = get(self._function, instance, owner)
        # A static method is a plain function, and what is already bound stays as it is.
        if method is self._function or not isinstance(method, MethodType | _PooledMethod):
            return self
        bound = object.__new__(self._bound_kind)
        bound._bind(self, method)
        return bound

    def _bind(self, method: '_PooledMethod', call: Any) -> None:
        """Become ``method``, bound to the object that ``call`` is bound to."""
        owned_by = getattr(call, '__self__', None)
        # A copy of its attributes; creating a new object costs ten times as much.
        self.__dict__ = method.__dict__ | {
            '__wrapped__': call,
            '__self__': owned_by,
            '__func__': method,
            '_function': call,
            '_call': call,
            '_first': (owned_by,),
        }

    def __repr__(self) -> str:
        return f'<pooled {self._call!r}>'

    def __eq__(self, other: object) -> bool:
        # Like methods: equal if they are the same function of the same object.
        if not self._first or not isinstance(other, _PooledMethod):
            return NotImplemented
        return self._terms is other._terms and bool(self._function == other._function)

    def __hash__(self) -> int:
        return hash(self._function) if self._first else object.__hash__(self)

    def __reduce__(self) -> Any:
        # Like functions: by name; and a method as its owner's attribute.
        name = self.__dict__['__name__' if self._first else '__qualname__']
        return (getattr, (self._first[0], name)) if self._first else name


class _PooledSyncMethod(_PooledMethod):
    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return _run(self._terms, self._call, self._first, args, kwargs)

    def size(self, /, *args: Any, **kwargs: Any) -> int:
        return _size(self._terms, self._first + args, kwargs)


class _PooledAsyncMethod(_PooledMethod):
    def __init__(self, function: Callable[..., Any], terms: Terms) -> None:
        super().__init__(function, terms)
        if not hasattr(inspect, 'markcoroutinefunction'):
            # Python 3.11 recognises a coroutine function by these attributes of a function.
            source = _innermost(self._call)
            for name in ('__name__', '__code__', '__defaults__', '__kwdefaults__', '__annotations__'):
                setattr(self, name, getattr(source, name, None))

    async def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return await _arun(self._terms, self._call, self._first, args, kwargs)

    async def size(self, /, *args: Any, **kwargs: Any) -> int:
        return await _asize(self._terms, self._first + args, kwargs)


class _BoundMethod(_PooledMethod):
    """Makes a bound method what its users look for: an instance of ``MethodType``.

    ``inspect.ismethod`` is true for it, and ``weakref.WeakMethod`` binds it again by calling its
    type with the function and the object.
    """

    def __init__(self, function: _PooledMethod, owned_by: Any) -> None:
        self._bind(function, MethodType(function._call, owned_by))  # noqa: SLF001 - of the same kind

    @property
    def __class__(self) -> Any:
        return MethodType

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise TypeError('the class of a bound method cannot be changed: decorate another function instead')


class _BoundSyncMethod(_BoundMethod, _PooledSyncMethod):
    pass


class _BoundAsyncMethod(_BoundMethod, _PooledAsyncMethod):
    pass


_PooledSyncMethod._bound_kind = _BoundSyncMethod  # noqa: SLF001 - defined only now
_PooledAsyncMethod._bound_kind = _BoundAsyncMethod  # noqa: SLF001

if hasattr(inspect, 'markcoroutinefunction'):
    inspect.markcoroutinefunction(_PooledAsyncMethod)

# Task queues check the arguments of a call against the parameters of `__call__`, including `self`.
for _kind in (_PooledSyncMethod, _PooledAsyncMethod):
    vars(_kind)['__call__'].__signature__ = inspect.signature(lambda *_args, **_kwargs: None)


def label_maker(label: str) -> Callable[[Callable[..., Any], int], KeyOf] | None:
    """Return what makes the label of each call from a format string; ``None`` without fields."""
    if '{' not in label and '}' not in label:
        return None
    return lambda function, skipped: KeyTemplate(label, function, skipped=skipped, kind='label').key


def make_decorator(
    key_for: Callable[[Callable[..., Any], int], KeyOf],
    settings: Callable[[], Settings],
    max_size: int,
    slot_exp: float | UnsetType | None,
    on_full: Callable[..., Any] | None,
    raise_on_full: bool,
    waiting: Waiting | None,
    options: Options,
    label_for: Callable[[Callable[..., Any], int], KeyOf] | None,
    pool_of: Callable[[SlotSpec], Any],
    template: str | None = None,
) -> Any:
    """Return the decorator for all forms of ``pooled``.

    ``key_for(function, skipped)`` returns a function that makes the key of each call; ``skipped``
    is how many parameters (``self`` or ``cls``) the fields ``{}`` and ``{0}`` do not count.
    ``label_for`` does the same for the label, or is ``None`` if that of ``options`` is fixed.
    ``pool_of(spec)`` returns the pool whose slot was acquired with ``spec``.  ``template`` is the
    key as it was written, if it is one.
    """
    if on_full is not None and not callable(on_full):
        raise TypeError(f'on_full must be a function, or None, not {shown(on_full)}')
    raises = check_flag('raise_on_full', raise_on_full)
    source = PoolSource(pool_of)

    def decorate(function: Any) -> Any:
        call = _callable(function)
        if not callable(call):
            raise TypeError(f'only a function or a method can be decorated, not {shown(function)}')
        if _inspect('the function', call, _is_generator):
            raise TypeError(
                f'{shown(call)} is a generator function, whose body runs only after the call has returned:'
                ' use `with pool(...)` inside it instead'
            )
        if _inspect('the function', call, _is_context_manager):
            raise TypeError(
                f'{shown(call)} makes a context manager, whose body runs only after the call has returned:'
                ' use `with pool(...)` inside it instead'
            )
        awaits = _inspect('the function', call, is_async)
        if not awaits and on_full is not None and _inspect('on_full', on_full, is_async):
            raise TypeError(
                f'on_full {shown(on_full)} is async, but {shown(call)} is not and could not await it:'
                ' pass a plain function as on_full'
            )
        skipped = _inspect('the function', function, _skipped)
        terms = Terms(
            settings,
            key_for(call, skipped),
            _parameters(call),
            max_size,
            slot_exp,
            on_full,
            raises,
            waiting,
            Specs(max_size, slot_exp, options, template),
            options,
            None if label_for is None else label_for(call, skipped),
            source,
            template,
        )
        in_class = (
            call is not function
            or _runs_class_body(sys._getframe(1))  # noqa: SLF001 - a callable object has no name that says where it is
            or _inspect('the function', function, _is_in_class)
        )
        if in_class:
            make: Callable[..., Any] = _PooledAsyncMethod if awaits else _PooledSyncMethod
        else:
            make = _as_async_function if awaits else _as_function
        return _inspect('the function', function, lambda function: make(function, terms))

    return decorate


def _inspect(name: str, function: Any, query: Callable[[Any], T]) -> T:
    """Return ``query(function)``; raise ``TypeError`` if the object cannot be inspected.

    A callable object may raise any error when its attributes are read.
    """
    try:
        return query(function)
    except Exception as error:
        raise TypeError(
            f'{name} {shown(function)} cannot be inspected ({shown(error)}): wrap it in a plain function and use that'
        ) from error


def _parameters(call: Any) -> inspect.Signature | None:
    """Return the parameters that a call is bound to, or ``None`` if they are unknown."""
    try:
        # A decorator that copied the signature of another function may take other arguments.
        return signature_of(call, follow_wrapped=False)
    except Exception:
        return None


def _skipped(function: Any) -> int:
    """Return 1 if the first parameter is ``self`` or ``cls``, otherwise 0."""
    if is_a(function, staticmethod):
        return 0
    return 1 if is_a(function, classmethod) or _is_in_class(function) else 0


def _is_in_class(function: Any) -> bool:
    """Return whether something that binds like a function was defined in the body of a class."""
    if isinstance(function, MethodType | _PooledMethod) and hasattr(function, '__self__'):
        return False
    owner = str(getattr(function, '__qualname__', '')).rpartition('.')[0]
    return hasattr(type(function), '__get__') and bool(owner) and not owner.endswith('<locals>')


def _runs_class_body(frame: FrameType) -> bool:
    """Return whether a frame executes the body of a class."""
    names = frame.f_locals if not frame.f_code.co_flags & inspect.CO_OPTIMIZED else {}
    return '__qualname__' in names and '__module__' in names


def _late_body_error(call: Any, result: Any) -> str:
    if not isinstance(result, AsyncGeneratorType):
        result.close()
    return (
        f'{shown(call)} returned a {type(result).__name__}, whose body would run only after its slot was given back:'
        ' decorate the async function itself, or use `with pool(...)` inside the generator'
    )


def _callable(function: Any) -> Any:
    """Return the function itself, unwrapped from a ``classmethod`` or ``staticmethod``."""
    return function.__func__ if is_a(function, classmethod) or is_a(function, staticmethod) else function


def _innermost(call: Any) -> Any:
    """Return the function that a partial function or a callable object finally calls."""
    while isinstance(call, functools.partial):
        call = call.func
    return call if inspect.isroutine(call) or isinstance(call, _PooledMethod) else type(call).__call__


def _is_context_manager(call: Any) -> bool:
    seen = []
    call = _innermost(call)
    while inspect.isfunction(call) and call not in seen:
        if call.__code__ in _CONTEXT_MANAGER_CODE:
            return True
        seen.append(call)
        call = getattr(call, '__wrapped__', None)
    return False


def _is_generator(call: Any) -> bool:
    return any(
        inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body) for body in (call, _innermost(call))
    )
