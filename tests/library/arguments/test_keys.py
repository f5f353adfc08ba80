"""How the key of a call is made from its arguments, and which templates are refused."""

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
    ],
)
def test_a_key_is_formatted_with_the_calls_arguments(
    template: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], key: str
) -> None:
    """Positional, keyword and default ones, attributes and items; a value is never parsed again."""
    assert KeyTemplate(template, function).key(args, kwargs) == key


@pytest.mark.parametrize('template', ['r-{nobody}', 'r-{user}-{nobody.id}', 'r-{user:{nobody}}', 'r-{}', 'r-{0}'])
def test_a_field_that_the_signature_cannot_supply_is_refused_at_once(template: str) -> None:
    """When the function is decorated; the error names the field and the remedy."""
    fault = {
        'r-{}': "has the field {} without a parameter's name",
        'r-{0}': "has the field {0} without a parameter's name",
    }.get(template, 'has the field {nobody}, but the function has no parameter of that name')

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
    with pytest.raises(ValueError, match="without a parameter's name") as refusal:
        KeyTemplate('r-{}', function)
    assert str(refusal.value).endswith(f': {remedy}')


@pytest.mark.parametrize('template', ['r-{user', 'r-user}', 'r-{user!x}'])
def test_a_malformed_template_is_refused_at_once(template: str) -> None:
    """A malformed format string is refused when the function is decorated."""
    with pytest.raises(ValueError, match='is not a valid format string'):
        pooled(key=template, max_size=1)(_plain)


@pytest.mark.parametrize('template', ['r-{}', 'r-{0}'])
def test_a_field_without_a_name_is_refused_also_beside_any_keyword(template: str) -> None:
    """``**fields`` supplies any name, but not an empty one or a number."""
    with pytest.raises(ValueError, match=r"without a parameter's name: use \{first\} or \{fields\}$"):
        KeyTemplate(template, _any_keyword)


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
