"""How the key of a call is made from its arguments, and which templates are refused."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from py_cachify import Cachify, init_cachify, pool, pooled
from py_cachify._keys import KeyTemplate


pytestmark = pytest.mark.quick


ADA = SimpleNamespace(id=7, name='ada', team={'city': 'Graz'})


def _by_position(user: Any, page: Any = 1, /) -> None: ...
def _plain(user: Any, page: Any = 1) -> None: ...
def _by_keyword(*, user: Any, page: Any = 1) -> None: ...
def _any_keyword(first: Any = 0, **fields: Any) -> None: ...
def _any_position(*items: Any) -> None: ...


@pytest.mark.parametrize(
    ('template', 'function', 'args', 'kwargs', 'key'),
    [
        ('reports', _plain, ('a',), {}, 'reports'),
        ('r-{user}', _plain, ('a',), {}, 'r-a'),
        ('r-{user}', _plain, (), {'user': 'a'}, 'r-a'),
        ('r-{user}-{page}', _plain, ('a',), {}, 'r-a-1'),
        ('r-{user}-{page}', _plain, ('a', 2), {}, 'r-a-2'),
        ('r-{user}-{page}', _plain, ('a',), {'page': 3}, 'r-a-3'),
        ('r-{page}', _plain, (), {}, 'r-1'),
        ('r-{user}-{page}', _by_position, ('a',), {}, 'r-a-1'),
        ('r-{user}-{page}', _by_position, ('a', 2), {}, 'r-a-2'),
        ('r-{user}-{page}', _by_keyword, (), {'user': 'a'}, 'r-a-1'),
        ('r-{user}-{page}', _by_keyword, (), {'user': 'a', 'page': 2}, 'r-a-2'),
        ('r-{user.id}-{user.team[city]}', _plain, (ADA,), {}, 'r-7-Graz'),
        ('r-{user[0]}-{user[1].name}', _plain, ([5, ADA],), {}, 'r-5-ada'),
        ('r-{user:03d}', _plain, (7,), {}, 'r-007'),
        ('r-{user:>{page}}', _plain, ('a', 4), {}, 'r-   a'),
        ('r-{user!r}', _plain, ('a',), {}, "r-'a'"),
        ('{{user}}-{user}-{{}}', _plain, ('a',), {}, '{user}-a-{}'),
        ('{{user}}', _plain, ('a',), {}, '{user}'),
        ('r-{user}', _plain, ('{page}',), {}, 'r-{page}'),
        ('r-{who}-{first}', _any_keyword, (), {'who': 'a'}, 'r-a-0'),
        ('r-{fields[who]}', _any_keyword, (), {'who': 'a'}, 'r-a'),
        ('r-{items[0]}-{items[1]}', _any_position, ('a', 'b'), {}, 'r-a-b'),
        ('r-{}-{}', _any_position, ('a', 'b'), {}, 'r-a-b'),
        ('r-{1}-{0}', _any_position, ('a', 'b'), {}, 'r-b-a'),
        ('r-{}-{}', _plain, ('a',), {}, 'r-a-1'),
        ('r-{}-{}', _plain, (), {'page': 2, 'user': 'a'}, 'r-a-2'),
        ('r-{1}', _plain, (), {'page': 2}, 'r-2'),
        ('r-{1}-{user}', _by_position, ('a', 2), {}, 'r-2-a'),
        ('r-{0.id}-{0.team[city]}', _plain, (ADA,), {}, 'r-7-Graz'),
        ('r-{:>{}}', _plain, ('a', 4), {}, 'r-   a'),
    ],
)
def test_a_key_is_formatted_with_the_calls_arguments(
    template: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], key: str
) -> None:
    """Positional, keyword and default ones, attributes and items; a value is never parsed again."""
    assert KeyTemplate(template, function).key(args, kwargs) == key


@pytest.mark.parametrize('template', ['r-{nobody}', 'r-{user}-{nobody.id}', 'r-{user:{nobody}}'])
def test_a_field_that_the_signature_cannot_supply_is_refused_at_once(template: str) -> None:
    """When the function is decorated; the error names the field and the remedy."""
    fault = 'has the field {nobody}, but the function has no parameter of that name'

    def report(user: str, page: int = 1) -> None: ...

    with pytest.raises(ValueError, match='has the field') as refusal:
        pooled(key=template, max_size=1)(report)
    assert str(refusal.value) == f'key {template!r} {fault}: use {{user}} or {{page}}'


@pytest.mark.parametrize(
    ('function', 'remedy'),
    [
        (lambda: None, 'use no field'),
        (lambda user: None, 'use {user}'),
        (lambda user, page, *, size: None, 'use {user}, {page} or {size}'),
    ],
)
def test_the_refusal_of_a_field_names_the_functions_own_parameters(function: Any, remedy: str) -> None:
    """Whatever their number is."""
    with pytest.raises(ValueError, match='has no parameter of that name') as refusal:
        KeyTemplate('r-{nobody}', function)
    assert str(refusal.value).endswith(f': {remedy}')


@pytest.mark.parametrize('template', ['r-{user', 'r-user}', 'r-{user!x}', 'r-{}-{0}'])
def test_a_malformed_template_is_refused_at_once(template: str) -> None:
    """A malformed format string is refused when the function is decorated."""
    with pytest.raises(ValueError, match='is not a valid format string'):
        pooled(key=template, max_size=1)(_plain)


@pytest.mark.parametrize(
    ('template', 'function', 'fault'),
    [
        ('r-{}-{}', _any_keyword, 'argument 1 (the first is 0), but the function takes 1:'),
        ('r-{2}', _plain, 'argument 2 (the first is 0), but the function takes 2:'),
        ('r-{}', _by_keyword, 'argument 0 (the first is 0), but the function takes 0:'),
        ('r-{256}', _any_position, 'argument 256 (the first is 0), but the function takes 0:'),
    ],
)
def test_a_position_that_the_signature_cannot_supply_is_refused_at_once(
    template: str, function: Any, fault: str
) -> None:
    """``**fields`` and keyword-only parameters have no position."""
    with pytest.raises(ValueError, match='names the positional argument') as refusal:
        pooled(key=template, max_size=1)(function)
    assert fault in str(refusal.value)


def test_a_position_does_not_count_the_object_of_a_method() -> None:
    """``{}`` is the first argument after ``self`` or ``cls``, on the object and on the class."""
    init_cachify()

    class Printer:
        @pooled(key='method-{}', max_size=1)
        def method(self, tray: int) -> int:
            return pool(f'method-{tray}', max_size=1).size()

        @pooled(key='class-{0}', max_size=1)
        @classmethod
        def of_class(cls, tray: int) -> int:
            return pool(f'class-{tray}', max_size=1).size()

        @pooled(key='static-{0}', max_size=1)
        @staticmethod
        def static(tray: int) -> int:
            return pool(f'static-{tray}', max_size=1).size()

    printer: Any = Printer()
    assert printer.method(7) == printer.method(tray=7) == Printer.method(printer, 7) == 1
    assert printer.of_class(7) == printer.of_class(tray=7) == 1
    assert printer.static(7) == printer.static(tray=7) == 1
    with pool('method-7', max_size=1):
        assert (printer.method.size(7), printer.method.size(tray=7), printer.method.size(8)) == (1, 1, 0)


def test_a_call_without_a_positional_argument_that_the_key_needs_is_a_type_error() -> None:
    """The error names the position."""
    init_cachify()
    decorated = pooled(key='r-{}-{}', max_size=1)(_any_position)
    assert decorated.size('a', 'b') == 0
    with pytest.raises(TypeError, match='needs the positional argument 1'):
        decorated('a')
    with pytest.raises(TypeError, match='needs the positional argument 1'):
        decorated.size('a')


@pytest.mark.parametrize(('args', 'kwargs'), [(('a', 1, True), {}), ((), {'nobody': 1}), (('a',), {'user': 'a'})])
def test_size_refuses_arguments_that_the_function_never_takes(args: Any, kwargs: Any) -> None:
    """Whether or not the key has fields; the answer would be the size of another pool."""
    init_cachify()

    def report(user: str, page: int = 1) -> None: ...

    async def areport(user: str, page: int = 1) -> None: ...

    class Printer:
        @pooled(key='printer-{user}', max_size=1)
        def print(self, user: str, page: int = 1) -> None: ...

    decorate: Any = pooled(key='r', max_size=1)
    for decorated in (decorate(report), pool('r', 1).pooled()(report), Printer().print):
        with pytest.raises(TypeError, match=r'size\(\) got arguments that the function never takes'):
            decorated.size(*args, **kwargs)
    with pytest.raises(TypeError, match=r'size\(\) got arguments that the function never takes'):
        asyncio.run(decorate(areport).size(*args, **kwargs))


def test_a_call_without_an_argument_that_the_key_needs_is_a_type_error() -> None:
    """Like the call itself; the pool is not touched."""
    init_cachify()

    @pooled(key='r-{user}', max_size=1)
    def report(user: str) -> str:
        return user

    with pytest.raises(TypeError, match="needs the argument 'user'"):
        report()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="needs the argument 'user'"):
        report.size()  # type: ignore[call-arg]


def test_size_needs_only_the_arguments_of_the_key() -> None:
    """The others may be left out."""
    init_cachify()

    @pooled(key='r-{user}', max_size=2)
    def report(text: str, user: str, *, colour: bool) -> int:
        return report.size(user='a')  # type: ignore[call-arg]

    assert report('text', 'a', colour=True) == 1
    assert report.size(user='a') == 0  # type: ignore[call-arg]


def test_the_instance_is_an_argument_of_its_methods() -> None:
    """``{self.name}`` gives each object, or each group of objects, its own pool."""
    init_cachify()

    class Printer:
        def __init__(self, name: str) -> None:
            self.name = name

        @pooled(key='printer-{self.name}-{tray}', max_size=1)
        def print(self, tray: int) -> int:
            return pool(f'printer-{self.name}-{tray}', max_size=1).size()

    red, blue = Printer('red'), Printer('blue')
    assert red.print(2) == 1
    with pool('printer-red-2', max_size=1):
        assert red.print(2) is None
        assert (red.print.size(2), red.print.size(tray=1), blue.print.size(2)) == (1, 0, 0)
        assert blue.print(2) == 1
        assert Printer.print(red, 2) is None
        assert Printer.print.size(red, 2) == 1


def test_the_prefix_stands_before_every_key(server: Any, socket: str) -> None:
    """In the store; errors and the pool's own key do not contain it."""
    client = type(server)(unix_socket_path=socket)
    local: Cachify = init_cachify(client, prefix='LOCAL-', is_global=False)

    @local.pooled(key='r-{user}', max_size=1)
    def report(user: str) -> object:
        return server.keys()

    assert report('a') == [b'LOCAL-r-a']
    client.close()
