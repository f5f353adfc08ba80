"""What a call of a decorated function does, on every store, for sync and async functions."""

import asyncio
import contextlib
import functools
import inspect
import sys
from collections.abc import Awaitable
from typing import Any
from unittest import mock

import pytest

from py_cachify import Cachify, CachifyPoolFullError, pool, pooled
from tests.support.stores import AsyncDriver, Clients, Driver


pytestmark = [pytest.mark.quick, pytest.mark.usefixtures('cachify')]


class Calls:
    """Return a function that records its calls and returns ``answer``."""

    def __init__(self, answer: object = None) -> None:
        self.answer = answer
        self.seen: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.seen.append((args, kwargs))
        return self.answer


def _report(name: str, pages: int = 1, *, colour: bool = False) -> str:
    return f'{name}: {pages} {colour}'


def test_a_call_with_room_runs_the_function(driver: Driver) -> None:
    """It returns what the function returned, and ``on_full`` is not called."""
    on_full = Calls()

    async def body() -> None:
        report = pooled(key='reports', max_size=1, on_full=on_full)(driver.function(_report))
        assert await driver.result(report('a', pages=2)) == 'a: 2 False'
        assert await driver.result(report.size('a')) == 0
        assert not on_full.seen

    driver.run(body())


def test_a_running_call_holds_one_slot(driver: Driver) -> None:
    """The pool counts it while the body runs, and not afterwards."""
    seen = []

    async def body() -> None:
        of = pool('reports', max_size=2)

        def look() -> Any:
            async def sizes() -> None:
                seen.append(await driver.size(of))

            if driver.name == 'async':
                return sizes()
            seen.append(of.size())
            return None

        function = pooled(key='reports', max_size=2)(driver.function(look))
        await driver.result(function())
        assert seen == [1]
        assert await driver.size(of) == 0

    driver.run(body())


def test_a_refused_call_does_not_run_and_results_in_none(driver: Driver) -> None:
    """Without ``on_full``."""
    calls = Calls()

    async def body() -> None:
        report = pooled(key='reports', max_size=1)(driver.function(lambda *args, **kwargs: calls(*args, **kwargs)))
        async with driver.hold(pool('reports', max_size=1)):
            assert await driver.result(report('a', pages=2)) is None
        assert not calls.seen

    driver.run(body())


def test_on_full_gets_the_exact_arguments_of_the_call(driver: Driver) -> None:
    """Positional arguments stay positional, keywords stay keywords, and no default is added."""
    answer = object()
    on_full = Calls(answer)

    async def body() -> None:
        report = pooled(key='reports-{name}', max_size=1, on_full=on_full)(driver.function(_report))
        async with driver.hold(pool('reports-a', max_size=1)):
            assert await driver.result(report('a', pages=2)) is answer
            assert await driver.result(report(name='a', colour=True)) is answer
        assert on_full.seen == [(('a',), {'pages': 2}), ((), {'name': 'a', 'colour': True})]

    driver.run(body())


def test_raise_on_full_raises_instead_of_calling_on_full(driver: Driver) -> None:
    """The error names the formatted key and the size."""
    on_full = Calls()

    async def body() -> None:
        report = pooled(key='reports-{name}', max_size=1, on_full=on_full, raise_on_full=True)(driver.function(_report))
        async with driver.hold(pool('reports-a', max_size=1)):
            with pytest.raises(CachifyPoolFullError) as refusal:
                await driver.result(report('a'))
        assert (refusal.value.key, refusal.value.max_size) == ('reports-a', 1)
        assert not on_full.seen

    driver.run(body())


@pytest.mark.parametrize('decorated_by', ['function', 'pool'])
def test_an_error_of_the_body_passes_through_and_the_slot_comes_back(driver: Driver, decorated_by: str) -> None:
    """Exactly this exception, and ``on_full`` is not called."""
    on_full, error = Calls(), ZeroDivisionError('of the body')

    def fails() -> None:
        raise error

    async def body() -> None:
        of = pool('reports', max_size=1)
        decorate: Any = (
            of.pooled(on_full=on_full) if decorated_by == 'pool' else pooled('reports', max_size=1, on_full=on_full)
        )
        function = decorate(driver.function(fails))
        with pytest.raises(ZeroDivisionError) as caught:
            await driver.result(function())
        assert caught.value is error
        assert await driver.size(of) == 0
        assert not on_full.seen

    driver.run(body())


def test_a_full_pool_deeper_down_is_the_bodys_own_error(driver: Driver) -> None:
    """``CachifyPoolFullError`` of another pool passes through; ``on_full`` is not called for it."""
    on_full = Calls()
    deeper = CachifyPoolFullError('deeper', 9)

    def body_that_finds_another_pool_full() -> None:
        raise deeper

    async def body() -> None:
        function = pooled(key='reports', max_size=1, on_full=on_full)(
            driver.function(body_that_finds_another_pool_full)
        )
        with pytest.raises(CachifyPoolFullError) as caught:
            await driver.result(function())
        assert caught.value is deeper
        assert not on_full.seen
        assert await driver.result(function.size()) == 0

    driver.run(body())


def test_an_error_of_on_full_passes_through(driver: Driver) -> None:
    """Then it is the call's own error."""

    def on_full() -> None:
        raise ZeroDivisionError

    async def body() -> None:
        function = pooled(key='reports', max_size=1, on_full=on_full)(driver.function(lambda: None))
        async with driver.hold(pool('reports', max_size=1)):
            with pytest.raises(ZeroDivisionError):
                await driver.result(function())

    driver.run(body())


def test_an_async_on_full_is_awaited(clients: Clients) -> None:
    """For an ``async`` function ``on_full`` may be async as well."""

    async def on_full(name: str) -> str:
        await asyncio.sleep(0)
        return f'later: {name}'

    @pooled(key='reports', max_size=1, on_full=on_full)
    async def report(name: str) -> str:
        return name

    async def main() -> None:
        async with pool('reports', max_size=1):
            assert await report('a') == 'later: a'
        assert await report('a') == 'a'

    AsyncDriver(clients).run(main())


def test_each_formatted_key_is_a_pool_of_its_own(driver: Driver, cachify: Cachify) -> None:
    """A call is refused by the pool of its own arguments only; ``size()`` counts that pool."""

    async def body() -> None:
        report = cachify.pooled(key='reports-{name}', max_size=1)(driver.function(_report))
        async with driver.hold(pool('reports-a', max_size=1)):
            assert await driver.result(report('a')) is None
            assert await driver.result(report('b')) == 'b: 1 False'
            assert await driver.result(report.size('a')) == 1
            assert await driver.result(report.size(name='b')) == 0

    driver.run(body())


def test_the_decorator_of_a_pool_object_reuses_that_pool_whatever_the_arguments(driver: Driver) -> None:
    """Every function that it decorates uses its key as it is, including braces."""

    async def body() -> None:
        of = pool('reports-{name}', max_size=1)
        report, other = (of.pooled()(driver.function(function)) for function in (_report, lambda: 'other'))
        assert await driver.result(report('a')) == 'a: 1 False'
        async with driver.hold(of):
            for call in (report('a'), report('b'), other()):
                assert await driver.result(call) is None
            assert await driver.result(report.size('whatever')) == 1
            assert await driver.result(other.size()) == 1

    driver.run(body())


def test_the_decorator_of_a_pool_object_has_the_same_parameters(driver: Driver) -> None:
    """``on_full`` and ``raise_on_full``; the error names the pool."""
    answer = object()
    on_full = Calls(answer)

    async def body() -> None:
        of = pool('reports', max_size=1)
        function = driver.function(_report)
        async with driver.hold(of):
            assert await driver.result(of.pooled(on_full=on_full)(function)('a', pages=3)) is answer
            with pytest.raises(CachifyPoolFullError, match="'reports'"):
                await driver.result(of.pooled(on_full=on_full, raise_on_full=True)(function)('a'))
        assert on_full.seen == [(('a',), {'pages': 3})]

    driver.run(body())


@pytest.mark.parametrize('decorated_by', ['function', 'pool'])
def test_an_async_on_full_is_refused_for_a_sync_function(decorated_by: str) -> None:
    """Nothing could await it; decorating raises, before the pool can be full."""

    async def on_full() -> None: ...

    class AsyncCallable:
        async def __call__(self) -> None: ...

    for callback in (on_full, AsyncCallable()):
        decorate: Any = (
            pool('reports', max_size=1).pooled(on_full=callback)
            if decorated_by == 'pool'
            else pooled('reports', max_size=1, on_full=callback)
        )
        with pytest.raises(TypeError, match=r'on_full .* is async'):
            decorate(lambda: None)


def test_a_generator_function_is_refused() -> None:
    """Its body would run after the slot was given back."""

    def generator() -> Any:
        yield

    async def async_generator() -> Any:
        yield

    for function in (generator, async_generator):
        with pytest.raises(TypeError, match='generator function'):
            pooled('reports', max_size=1)(function)


def test_a_context_manager_function_is_refused() -> None:
    """A generator in disguise: the body of its ``with`` would run without a slot."""

    @contextlib.contextmanager
    def lent() -> Any:
        yield

    @contextlib.asynccontextmanager
    async def alent() -> Any:
        yield

    @functools.wraps(lent)
    def wrapped() -> Any:
        return lent()

    def of_itself() -> None: ...

    of_itself.__wrapped__ = of_itself  # type: ignore[attr-defined]
    for function in (lent, alent, wrapped, functools.partial(lent)):
        with pytest.raises(TypeError, match=r'makes a context manager, .* use `with pool\(...\)` inside it'):
            pooled('reports', max_size=1)(function)
    assert pooled('reports', max_size=1)(of_itself)() is None


@pytest.mark.parametrize('raise_on_full', [False, True])
def test_a_call_with_wrong_arguments_is_a_type_error_in_a_full_pool_too(driver: Driver, raise_on_full: bool) -> None:
    """The caller's mistake does not look like a refusal, and ``on_full`` is not called."""
    on_full = Calls()

    async def _areport(name: str, pages: int = 1, *, colour: bool = False) -> None: ...

    async def body() -> None:
        reports = pool('reports', max_size=1)
        function: Any = _areport if driver.name == 'async' else _report
        report = pooled('reports', 1, on_full, raise_on_full)(function)
        for args, kwargs in (((), {}), (('a', 1, 2), {}), (('a',), {'nobody': 1})):
            with pytest.raises(TypeError, match='argument'):
                await driver.result(report(*args, **kwargs))
            async with driver.hold(reports):
                with pytest.raises(TypeError, match='argument'):
                    await driver.result(report(*args, **kwargs))
        assert await driver.size(reports) == 0
        assert not on_full.seen

    driver.run(body())


@pytest.mark.parametrize('store', ['memory'], indirect=True)
def test_a_refused_call_fits_the_function_itself_and_not_the_one_that_it_wraps() -> None:
    """A decorator such as ``mock.patch`` adds arguments, so the signature it shows is another's."""

    @mock.patch('time.sleep')
    def report(name: str, sleep: Any) -> str:
        return name

    decorated: Any = pooled('reports', max_size=1)(report)
    assert decorated('a') == 'a'
    with pool('reports', max_size=1):
        assert decorated('a') is None


def test_an_object_whose_call_is_a_generator_is_refused() -> None:
    """Like a generator function, also inside a partial function."""

    class Generator:
        def __call__(self) -> Any:
            yield

    class AsyncGenerator:
        async def __call__(self) -> Any:
            yield

    for function in (Generator(), AsyncGenerator(), functools.partial(Generator())):
        with pytest.raises(TypeError, match='generator function'):
            pooled('reports', max_size=1)(function)


@pytest.mark.parametrize('store', ['memory'], indirect=True)
def test_a_class_is_called_and_not_what_its_objects_do() -> None:
    """Creating an object is not ``async``, even if calling the object is."""

    class Report:
        async def __call__(self) -> None: ...

    decorated = pooled('reports', max_size=1)(Report)
    assert not inspect.iscoroutinefunction(decorated)
    assert isinstance(decorated(), Report)
    on_full: Any = Report
    assert pooled('reports', max_size=1, on_full=on_full)(lambda: 'done')() == 'done'


@pytest.mark.parametrize('store', ['memory'], indirect=True)
def test_a_function_that_does_not_tell_its_parameters_needs_a_key_without_fields() -> None:
    """Like some functions written in C: nothing could supply the fields."""
    smallest: Any = min
    assert pooled('reports', max_size=1)(smallest)(3, 2) == 2
    with pytest.raises(ValueError, match=r"key 'reports-\{name\}' has fields, but the parameters of .* cannot be read"):
        pooled('reports-{name}', max_size=1)(smallest)


def test_what_is_not_a_function_is_refused() -> None:
    """By name, when it is decorated."""
    decorate: Any = pooled('reports', max_size=1)
    with pytest.raises(TypeError, match='only a function or a method'):
        decorate(3)


def test_two_pools_can_guard_one_function(driver: Driver) -> None:
    """Stacked decorators take a slot of both pools; an inner refusal frees the outer slot."""
    outer, inner = pool('all', max_size=2), pool('reports-a', max_size=1)

    async def body() -> None:
        report = pooled(key='all', max_size=2)(
            pooled(key='reports-{name}', max_size=1, raise_on_full=True)(driver.function(_report))
        )
        assert await driver.result(report('a')) == 'a: 1 False'
        async with driver.hold(inner):
            with pytest.raises(CachifyPoolFullError, match="'reports-a'"):
                await driver.result(report('a'))
            assert await driver.size(outer) == 0
            assert await driver.result(report('b')) == 'b: 1 False'
        async with driver.hold(outer), driver.hold(outer):
            assert await driver.result(report('a')) is None
            assert await driver.result(report.size('a')) == 2

    driver.run(body())


def test_two_pools_can_guard_one_method(driver: Driver) -> None:
    """Likewise in a class."""

    class Printer:
        name = 'red'

        write = pooled(key='all', max_size=2)(
            pooled(key='printer-{self.name}', max_size=1)(driver.function(lambda self, text: (self.name, text)))
        )

    async def body() -> None:
        printer: Any = Printer()
        assert await driver.result(printer.write('text')) == ('red', 'text')
        async with driver.hold(pool('printer-red', max_size=1)):
            assert await driver.result(printer.write('text')) is None
            assert await driver.result(printer.write.size('text')) == 0

    driver.run(body())


def test_on_full_may_be_a_function_with_a_pool_of_its_own(driver: Driver) -> None:
    """What overflows goes to a second pool, and what overflows there is refused."""

    async def body() -> None:
        later = pooled(key='later', max_size=1)(driver.function(lambda name: f'later: {name}'))
        report = pooled(key='reports', max_size=1, on_full=later)(driver.function(_report))
        async with driver.hold(pool('reports', max_size=1)):
            assert await driver.result(report('a')) == 'later: a'
            async with driver.hold(pool('later', max_size=1)):
                assert await driver.result(report('a')) is None

    driver.run(body())


def test_what_a_sync_on_full_returns_is_awaited_if_it_can_be(clients: Clients) -> None:
    """An ``async`` function accepts a plain function around an async one."""

    async def later(name: str) -> str:
        return f'later: {name}'

    def on_full(name: str) -> Awaitable[str]:
        return later(name)

    @pooled(key='reports', max_size=1, on_full=on_full)
    async def report(name: str) -> str:
        return name

    async def main() -> None:
        async with pool('reports', max_size=1):
            assert await report('a') == 'later: a'

    AsyncDriver(clients).run(main())


def test_partial_functions_of_a_decorated_one_take_slots_too(driver: Driver) -> None:
    """``functools.partial`` and ``partialmethod``; a partial async function is still async."""

    class Printer:
        name = 'red'

        write = pooled(key='printer-{self.name}-{pages}', max_size=1)(
            driver.function(lambda self, text, pages: (self.name, text, pages))
        )
        write_two = functools.partialmethod(write, pages=2)

    async def body() -> None:
        report = pooled(key='reports-{name}', max_size=1)(driver.function(_report))
        partial = functools.partial(report, 'a', pages=2)
        assert await driver.result(partial(colour=True)) == 'a: 2 True'
        assert inspect.iscoroutinefunction(partial) == (driver.name == 'async')
        assert inspect.iscoroutinefunction(report) == (driver.name == 'async')
        async with driver.hold(pool('reports-a', max_size=1)), driver.hold(pool('printer-red-2', max_size=1)):
            assert await driver.result(partial()) is None
            assert await driver.result(Printer().write_two('text')) is None
        assert await driver.result(Printer().write_two('text')) == ('red', 'text', 2)

    driver.run(body())


@pytest.mark.parametrize('kind', [classmethod, staticmethod])
def test_class_and_static_methods_may_also_stand_above(driver: Driver, kind: Any) -> None:
    """``@pooled`` below ``@classmethod`` or ``@staticmethod``, called on class and object.

    From Python 3.13 on, a class method no longer binds what it wraps, so ``size`` needs the class
    there: a limit of this order only.
    """
    function: Any = (lambda cls, text: text) if kind is classmethod else (lambda text: text)

    class Printer:
        write = kind(pooled(key='reports-{text}', max_size=1)(driver.function(function)))

    async def body() -> None:
        for printer in (Printer, Printer()):
            assert await driver.result(printer.write('a')) == 'a'
            async with driver.hold(pool('reports-a', max_size=1)):
                assert await driver.result(printer.write(text='a')) is None
                first = (Printer,) if kind is classmethod and sys.version_info >= (3, 13) else ()
                assert await driver.result(printer.write.size(*first, 'a')) == 1
                assert await driver.result(printer.write.size(*first, text='b')) == 0

    driver.run(body())


def test_the_function_itself_stays_at_hand(driver: Driver) -> None:
    """``__wrapped__`` runs it without a slot, on a method bound to the same object."""

    class Printer:
        write = pooled(key='reports', max_size=1)(driver.function(lambda self, text: (self, text)))

    async def body() -> None:
        function = driver.function(_report)
        report: Any = pooled(key='reports', max_size=1)(function)
        assert report.__wrapped__ is function
        printer: Any = Printer()
        async with driver.hold(pool('reports', max_size=1)):
            assert await driver.result(report.__wrapped__('a')) == 'a: 1 False'
            assert await driver.result(printer.write.__wrapped__('text')) == (printer, 'text')
            assert printer.write.__self__ is printer

    driver.run(body())


def test_a_decorated_partial_async_function_is_known_as_one() -> None:
    """Like the partial function itself."""

    async def report(name: str) -> str:
        return name

    partial = functools.partial(report, 'a')
    assert inspect.iscoroutinefunction(partial)
    assert inspect.iscoroutinefunction(pooled('reports', max_size=1)(partial))


@pytest.mark.parametrize('store', ['memory'], indirect=True)
def test_a_function_whose_body_runs_later_is_found_out_at_its_call() -> None:
    """A slot that is given back before the body runs protects nothing."""

    async def report() -> None:
        raise AssertionError('it ran')

    def pages() -> Any:
        return (page for page in 'ab')

    for function in (lambda: report(), pages):
        with pytest.raises(TypeError, match='would run only after its slot was given back'):
            pooled(key='reports', max_size=1)(function)()
    assert pool('reports', max_size=1).size() == 0


@pytest.mark.parametrize('store', ['memory'], indirect=True)
def test_an_attribute_of_the_function_does_not_hide_the_size() -> None:
    """What ``functools.wraps`` copies does not replace what is promised."""

    def report() -> Any:
        return decorated.size()

    report.size = 'A4'  # type: ignore[attr-defined]
    report.author = 'me'  # type: ignore[attr-defined]
    decorated: Any = pooled(key='reports', max_size=1)(report)
    assert (decorated(), decorated.author) == (1, 'me')
