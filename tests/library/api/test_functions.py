"""A decorated function still looks like the original, and binds in the same way in a class."""

import abc
import asyncio
import copy
import dataclasses
import functools
import gc
import inspect
import pickle
import typing
import warnings
import weakref
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

import pytest

from py_cachify import MemoryClient, WrappedFunctionPool, init_cachify, pool, pooled


pytestmark = pytest.mark.quick


@pooled(key='reports-{name}', max_size=1)
def report(name: str, pages: int = 1) -> str:
    """Make a report."""
    return f'{name}: {pages}'


@pooled(key='reports-{name}', max_size=1)
async def areport(name: str, pages: int = 1) -> str:
    """Make a report, later."""
    await asyncio.sleep(0)
    return f'{name}: {pages}'


class Printer:
    """A class with a decorated method of each kind."""

    def __init__(self, name: str) -> None:
        self.name = name

    @pooled(key='method-{self.name}', max_size=1)
    def method(self, text: str) -> object:
        return self, text

    @pooled(key='async-{self.name}', max_size=1)
    async def amethod(self, text: str) -> object:
        return self, text

    @pooled(key='class-{cls.__name__}', max_size=1)
    @classmethod
    def of_class(cls, text: str) -> object:
        return cls, text

    @pooled(key='aclass-{cls.__name__}', max_size=1)
    @classmethod
    async def aof_class(cls, text: str) -> object:
        return cls, text

    @pooled(key='static-{text}', max_size=1)
    @staticmethod
    def static(text: str) -> object:
        return text


class Sub(Printer):
    """Inherits the methods."""


# Type checkers cannot follow a decorator above @classmethod, or size() with fewer arguments.
PRINTER: Any = Printer
SUB: Any = Sub


@pytest.fixture(autouse=True)
def _init() -> None:
    init_cachify()


def _plain(name: 'str', /, pages: 'int' = 1, *more: 'int', colour: 'bool' = False) -> 'str':
    """Make a report."""
    return name


async def _aplain(name: 'str', /, pages: 'int' = 1, *more: 'int', colour: 'bool' = False) -> 'str':
    """Make a report, later."""
    return name


class Plain:
    """``Decorated`` without a pool."""

    def method(self, name: 'str', pages: 'int' = 1) -> 'str':
        """Make a report."""
        return name

    async def amethod(self, name: 'str', pages: 'int' = 1) -> 'str':
        """Make a report."""
        return name

    @classmethod
    def of_class(cls, name: 'str', pages: 'int' = 1) -> 'str':
        """Make a report."""
        return name

    @classmethod
    async def aof_class(cls, name: 'str', pages: 'int' = 1) -> 'str':
        """Make a report."""
        return name

    @staticmethod
    def static(name: 'str', pages: 'int' = 1) -> 'str':
        """Make a report."""
        return name

    @staticmethod
    async def astatic(name: 'str', pages: 'int' = 1) -> 'str':
        """Make a report."""
        return name


METHODS = ['method', 'amethod', 'of_class', 'aof_class', 'static', 'astatic']

_decorate: Any = pooled(key='reports', max_size=2)

DECORATED: Any = type('Decorated', (), {name: _decorate(vars(Plain)[name]) for name in METHODS})

PAIRS: list[tuple[str, Any, Any]] = [
    ('a function', _plain, _decorate(_plain)),
    ('an async function', _aplain, _decorate(_aplain)),
    ('a function twice', _plain, _decorate(_decorate(_plain))),
    ('an async function twice', _aplain, _decorate(_decorate(_aplain))),
    *((f'{name} of the class', getattr(Plain, name), getattr(DECORATED, name)) for name in METHODS),
    *((f'{name} of an object', getattr(Plain(), name), getattr(DECORATED(), name)) for name in METHODS),
]


def _is_async_for_asyncio(function: Any) -> bool:
    """Frameworks still call the ``asyncio`` function, which is deprecated from Python 3.14 on."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        return asyncio.iscoroutinefunction(function)


QUESTIONS: dict[str, Callable[[Any], Any]] = {
    'is it async': inspect.iscoroutinefunction,
    'is it async, for asyncio': _is_async_for_asyncio,
    'is a partial function of it async': lambda function: inspect.iscoroutinefunction(functools.partial(function, 'a')),
    'is it a generator': inspect.isgeneratorfunction,
    'is it an async generator': inspect.isasyncgenfunction,
    'is it a class': inspect.isclass,
    'is it a routine': inspect.isroutine,
    'is it a method': inspect.ismethod,
    'can it be called': callable,
    'its signature': inspect.signature,
    'its signature with types': lambda function: inspect.signature(function, eval_str=True),
    'the signature of a partial function': lambda function: inspect.signature(functools.partial(function, 'a')),
    'its types': typing.get_type_hints,
    'its name': lambda function: function.__name__,
    'its qualified name': lambda function: function.__qualname__,
    'its module': lambda function: function.__module__,
    'its documentation': inspect.getdoc,
    'its text': inspect.getsource,
    'its code': lambda function: inspect.unwrap(function).__code__,
    'its copy is itself': lambda function: copy.copy(function) == function,
    'it equals itself, hashed too': lambda function: len({function, function}) == 1,
}


@pytest.mark.parametrize('question', QUESTIONS)
@pytest.mark.parametrize(('plain', 'decorated'), [pair[1:] for pair in PAIRS], ids=[pair[0] for pair in PAIRS])
def test_a_framework_gets_the_same_answers_as_of_the_function(question: str, plain: Any, decorated: Any) -> None:
    """Every check by which a framework decides how to call a function, and with which arguments."""
    ask = QUESTIONS[question]
    assert ask(decorated) == ask(plain)


def test_outside_a_class_it_is_a_real_function() -> None:
    """Frameworks ask for its type, and refer to it by its name; its own attributes are kept."""

    def marked() -> None: ...

    marked.__dict__['label'] = 'a'
    decorated: Any = pooled(key='reports', max_size=1)(marked)
    assert decorated.label == 'a'
    assert decorated.__wrapped__ is marked
    partial: Any = pooled(key='reports', max_size=1)(functools.partial(marked))
    of_method: Any = pooled(key='reports', max_size=1)(Printer('a').method)
    functions: list[Any] = [report, areport, decorated, partial, of_method]
    assert {type(function) for function in functions} == {FunctionType}
    methods: list[Any] = [PRINTER.method, PRINTER('a').method, PRINTER.of_class, PRINTER.static]
    assert all(isinstance(each, WrappedFunctionPool) for each in functions + methods)


def test_size_survives_decorators_above() -> None:
    """``functools.wraps`` copies it; the outermost ``@pooled`` has the last word."""

    def other(function: Any) -> Any:
        @functools.wraps(function)
        def call(*args: Any) -> Any:
            return function(*args)

        return call

    with pool('reports-a', max_size=1), pool('outer', max_size=2):
        assert other(report).size('a') == 1
        assert other(report)('a') is None
        assert asyncio.run(other(areport).size('a')) == 1
        assert pooled('outer', max_size=2)(other(report)).size('b') == 1


def limited(function: Any) -> Any:
    """A decorator of your own, made from ours."""
    return pooled(key='limited-{self.name}-{}', max_size=1)(pooled(key='all', max_size=9)(function))


class Doubled:
    """A callable object, which does not bind."""

    def __call__(self, *texts: str) -> object:
        return texts * 2


class Limited(Printer):
    """Has what is no function by itself, and methods that another decorator pools."""

    doubled = pooled(key='doubled', max_size=1)(Doubled())
    _plain = pooled(key='plain-{name.name}', max_size=1)(_plain)

    @limited
    def write(self, text: str) -> object:
        return self, text


def test_a_method_is_recognised_without_a_class_around_the_decorator() -> None:
    """In a helper function; and what does not bind by itself does not begin to."""
    of: Any = Limited('a')
    assert of.doubled('a') == ('a', 'a')
    assert of._plain() is of
    assert of.write('text') == Limited.write(of, 'text') == (of, 'text')
    with pool('limited-a-text', max_size=1), pool('plain-a', max_size=1):
        assert of.write('text') is None
        assert (of.write.size('text'), of.write.size('other'), of._plain.size()) == (1, 0, 1)


def test_it_keeps_name_documentation_and_signature() -> None:
    """``help()`` and frameworks show the function's own documentation."""
    assert report.__name__ == 'report'
    assert report.__qualname__ == 'report'
    assert report.__module__ == __name__
    assert report.__doc__ == 'Make a report.'
    assert str(inspect.signature(report)) == '(name: str, pages: int = 1) -> str'
    assert str(inspect.signature(PRINTER('a').method)) == '(text: str) -> object'
    assert 'report' in repr(report)


def test_frameworks_can_tell_async_from_sync() -> None:
    """``inspect.iscoroutinefunction`` is true only for ``async`` functions and methods."""
    printer = PRINTER('a')
    assert inspect.iscoroutinefunction(areport)
    assert inspect.iscoroutinefunction(printer.amethod)
    assert inspect.iscoroutinefunction(PRINTER.aof_class)
    assert not inspect.iscoroutinefunction(report)
    assert not inspect.iscoroutinefunction(printer.method)
    assert not inspect.iscoroutinefunction(PRINTER.of_class)


def test_it_is_pickled_by_name() -> None:
    """Like functions, so that a process pool can call it; a method is pickled with its object."""
    assert pickle.loads(pickle.dumps(report)) is report
    assert pickle.loads(pickle.dumps(areport)) is areport
    assert copy.deepcopy(report) is report
    assert pickle.loads(pickle.dumps(PRINTER('a').method))('text')[0].name == 'a'
    assert pickle.loads(pickle.dumps(PRINTER.method)) is PRINTER.method
    assert pickle.loads(pickle.dumps(SUB.of_class))('text') == (Sub, 'text')
    assert pickle.loads(pickle.dumps(PRINTER.static)) is PRINTER.static
    with pytest.raises((pickle.PicklingError, AttributeError), match='lambda'):
        pickle.dumps(pooled('reports', max_size=1)(lambda: None))


def test_a_method_gets_its_object() -> None:
    """Called on an object, or on the class with the object as argument."""
    printer = PRINTER('a')
    assert printer.method('text') == (printer, 'text')
    assert PRINTER.method(printer, 'text') == (printer, 'text')
    assert asyncio.run(printer.amethod('text')) == (printer, 'text')


def test_a_class_method_gets_its_class() -> None:
    """``@pooled`` is above ``@classmethod``; a subclass is passed as itself, also to the key."""
    assert PRINTER.of_class('text') == (Printer, 'text')
    assert SUB.of_class('text') == (Sub, 'text')
    assert SUB('a').of_class('text') == (Sub, 'text')
    assert asyncio.run(SUB.aof_class('text')) == (Sub, 'text')
    with pool('class-Sub', max_size=1):
        assert SUB.of_class('text') is None
        assert (SUB.of_class.size(), PRINTER.of_class.size()) == (1, 0)
        assert PRINTER.of_class('text') == (Printer, 'text')


def test_a_static_method_gets_nothing() -> None:
    """``@pooled`` is above ``@staticmethod``."""
    assert PRINTER.static('text') == 'text'
    assert PRINTER('a').static('text') == 'text'
    with pool('static-text', max_size=1):
        assert PRINTER('a').static('text') is None
        assert PRINTER.static.size('text') == 1


def test_size_of_a_method_takes_no_self() -> None:
    """It is called on the bound method, sync and async."""
    printer = PRINTER('a')
    with pool('method-a', max_size=1), pool('async-a', max_size=1):
        assert printer.method.size() == 1
        assert asyncio.run(printer.amethod.size()) == 1
        assert PRINTER('b').method.size() == 0


def test_on_full_of_a_method_gets_the_object_as_well() -> None:
    """The exact arguments that the wrapped function would have received."""
    seen: list[tuple[Any, ...]] = []

    class Refused:
        @pooled(key='refused', max_size=1, on_full=lambda *args, **kwargs: seen.append((*args, kwargs)))
        def method(self, text: str, *, colour: bool) -> None: ...

    refused = Refused()
    with pool('refused', max_size=1):
        refused.method('text', colour=True)
    assert seen == [(refused, 'text', {'colour': True})]


def test_any_callable_can_be_decorated() -> None:
    """A partial function and an object with ``__call__``, sync and async."""

    class Callable:
        def __call__(self, name: str) -> str:
            return name

    class AsyncCallable:
        async def __call__(self, name: str) -> str:
            return name

    decorate: Any = pooled(key='reports-{name}', max_size=1)
    assert decorate(functools.partial(lambda first, name: first + name, 'a'))('b') == 'ab'
    assert decorate(Callable())('a') == 'a'
    assert asyncio.run(decorate(AsyncCallable())('a')) == 'a'


def test_a_method_equals_itself_and_no_other() -> None:
    """Like methods, which are new objects each time: a registered one can be found again."""
    printer = PRINTER('a')
    assert printer.method == printer.method
    assert printer.method != PRINTER('a').method
    assert printer.method != printer.amethod
    assert printer.method != PRINTER.method
    assert {printer.method: 1}[printer.method] == 1
    assert PRINTER.of_class == PRINTER.of_class != SUB.of_class
    functions: list[Any] = [report, areport]
    assert functions[0] == functions[0] != functions[1]


def test_a_weak_reference_to_a_method_lives_as_long_as_its_object() -> None:
    """Signals keep receivers so; ``size`` of the method that comes back knows the object."""
    printer = PRINTER('a')
    for method in (printer.method, printer.amethod, SUB.of_class):
        weak: Any = weakref.WeakMethod(method)
        assert weak() == method
        assert hash(weak()) == hash(method)
        assert type(weak()) is type(method)
        assert weak().__self__ is method.__self__
        assert weak().__func__ is method.__func__
        assert weak().__func__.__get__(method.__self__)
    weak = weakref.WeakMethod(printer.method)
    assert weak()('text') == printer.method.__func__(printer, 'text') == (printer, 'text')
    with pool('method-a', max_size=1):
        assert (weak()('text'), weak().size()) == (None, 1)
    del printer, method
    gc.collect()
    assert weak() is None


def test_a_partial_method_binds_the_object() -> None:
    """``functools.partialmethod`` of a pooled method."""

    class Half(Printer):
        half = functools.partialmethod(PRINTER.method, 'text')
        ahalf = functools.partialmethod(PRINTER.amethod, text='text')

    half: Any = Half('a')
    assert half.half() == asyncio.run(half.ahalf()) == (half, 'text')
    with pool('method-a', max_size=1):
        assert half.half() is None


def test_data_classes_and_protocol_classes_have_pooled_methods() -> None:
    """The methods are no fields, and objects without a hash have methods with one."""

    @dataclasses.dataclass
    class Report:
        name: str

        @pooled(key='data-{self.name}', max_size=1)
        def write(self) -> str:
            return self.name

    @typing.runtime_checkable
    class Writes(typing.Protocol):
        @pooled(key='protocol', max_size=1)
        def write(self) -> str:
            return 'of the protocol'

    class Inherits(Writes):
        pass

    report = Report('a')
    assert [field.name for field in dataclasses.fields(report)] == ['name']
    assert report.write() == 'a'
    assert len({report.write, report.write, Report('a').write}) == 2
    assert isinstance(report, Writes)
    assert Inherits().write() == 'of the protocol'


def test_the_class_of_a_bound_method_cannot_be_changed() -> None:
    """It says that it is a method."""
    assert PRINTER('a').method.__class__ is MethodType
    with pytest.raises(TypeError, match='cannot be changed'):
        PRINTER('a').method.__class__ = object


def test_what_is_abstract_stays_abstract() -> None:
    """Methods of each kind whose class cannot be created before they exist."""

    class Report(abc.ABC):
        @pooled(key='reports', max_size=1)
        @abc.abstractmethod
        def method(self) -> None: ...

        @pooled(key='reports', max_size=1)
        @classmethod
        @abc.abstractmethod
        def of_class(cls) -> None: ...

        @pooled(key='reports', max_size=1)
        @staticmethod
        @abc.abstractmethod
        async def static() -> None: ...

    assert Report.__abstractmethods__ == {'method', 'of_class', 'static'}
    assert not getattr(report, '__isabstractmethod__', False)


def test_a_subclass_calls_the_method_that_it_overrides() -> None:
    """With ``super()``, in its own pool or in the same pool."""

    class Loud(Printer):
        @pooled(key='loud-{self.name}', max_size=1)
        def method(self, text: str) -> object:
            return super().method(text.upper())

    loud: Any = Loud('a')
    assert loud.method('text') == (loud, 'TEXT')
    with pool('method-a', max_size=1):
        assert loud.method('text') is None
        assert (loud.method.size(), super(Loud, loud).method.size()) == (0, 1)


def test_calls_of_one_function_nest() -> None:
    """A function that calls itself takes a slot for each call, and the pool is empty afterwards."""
    init_cachify(MemoryClient())

    @pooled(key='nested', max_size=3)
    def nested(depth: int) -> list[int]:
        return [nested.size(0), *(nested(depth + 1) or [])]

    assert nested(0) == [1, 2, 3]
    assert nested.size(0) == 0


@pytest.mark.parametrize('name', ['self', 'key', 'function'])
def test_an_argument_may_have_any_name(name: str) -> None:
    """Also names that the decorator might use itself."""

    @pooled(key='reports', max_size=1)
    def keywords(**fields: str) -> dict[str, str]:
        return fields

    @pooled(key='reports', max_size=1)
    async def akeywords(**fields: str) -> dict[str, str]:
        return fields

    assert keywords(**{name: 'a'}) == {name: 'a'}
    assert keywords.size(**{name: 'a'}) == 0
    assert asyncio.run(akeywords(**{name: 'a'})) == {name: 'a'}
    assert asyncio.run(akeywords.size(**{name: 'a'})) == 0
