"""Annotations may name what is defined further down, or imported for type checkers only.

Python 3.14 evaluates annotations when they are read, so such names need no quotes.  Before,
``from __future__ import annotations`` turns them into text.  Everything below holds on both.
"""

import asyncio
import inspect
import sys
import textwrap
import typing
from typing import Any

import pytest

from py_cachify import WrappedFunctionPool, init_cachify, pooled


LAZY = '' if sys.version_info >= (3, 14) else 'from __future__ import annotations\n'


def run_module(source: str) -> dict[str, Any]:
    """Return the names that a module with this text defines, while ``Unknown`` does not exist."""
    namespace: dict[str, Any] = {'pooled': pooled, '__name__': __name__}
    exec(LAZY + textwrap.dedent(source), namespace)
    return namespace


FUNCTIONS = """
    def report(name: Unknown, pages: int = 1) -> Unknown:
        return name, report_pool.size(name, pages)

    async def areport(name: Unknown, pages: int = 1) -> Unknown:
        return name, await areport_pool.size(name, pages)

    report_pool = pooled('reports-{name}-{pages}', max_size=1)(report)
    areport_pool = pooled('reports-{name}-{pages}', max_size=1)(areport)

    class Printer:
        @pooled('printer-{pages}', max_size=1)
        def write(self, text: Unknown, pages: int = 1) -> Printer:
            return self.write.size(pages=pages)
"""


def test_a_function_whose_annotations_name_something_unknown_can_be_decorated() -> None:
    """Its key is made from its parameters as usual."""
    init_cachify()
    module = run_module(FUNCTIONS)

    assert module['report_pool']('a') == ('a', 1)
    assert asyncio.run(module['areport_pool']('a', pages=2)) == ('a', 1)
    assert module['Printer']().write('text', pages=3) == 1


def test_a_key_with_a_field_that_no_parameter_supplies_is_still_refused() -> None:
    """With an error that shows the parameters."""
    report = run_module(FUNCTIONS)['report']

    with pytest.raises(
        ValueError,
        match=r'field \{colour\}, but the function has no parameter of that name: use \{name\} or \{pages\}$',
    ):
        pooled('reports-{colour}', max_size=1)(report)


@pytest.mark.parametrize('name', ['report', 'areport'])
def test_a_decorated_function_has_the_annotations_of_the_function(name: str) -> None:
    """As soon as they can be evaluated, on the class and on an object."""
    module = run_module(FUNCTIONS)
    module['Unknown'] = bytes

    assert module[f'{name}_pool'].__annotations__ == module[name].__annotations__ != {}
    assert typing.get_type_hints(module[f'{name}_pool']) == {'name': bytes, 'pages': int, 'return': bytes}
    printer = module['Printer']
    assert inspect.get_annotations(printer.write, eval_str=True)['return'] is printer
    assert printer.write.__annotations__ == printer().write.__annotations__ == printer.write.__wrapped__.__annotations__


def test_the_class_of_decorated_functions_has_annotations_of_its_own() -> None:
    """Documentation tools read them."""
    assert typing.get_type_hints(WrappedFunctionPool)['__name__'] is str


CLIENTS = """
    from collections.abc import Awaitable
    from typing import Any

    class Client:
        def get(self, name: Unknown) -> Unknown: ...
        def set(self, name: str, value: Unknown, ex: Any = None, nx: bool = False) -> Unknown: ...
        def delete(self, *names: Unknown) -> Unknown: ...

    class NoExpiry(Client):
        def set(self, name: str, value: Unknown, nx: bool = False) -> Unknown: ...

    class Awaited(Client):
        def get(self, name: str) -> Awaitable[Unknown]: ...
"""


@pytest.fixture
def clients() -> dict[str, Any]:
    """The classes of clients, by name."""
    return run_module(CLIENTS)


def test_a_client_whose_annotations_name_something_unknown_is_taken(clients: dict[str, Any]) -> None:
    """On the side that it is for."""
    init_cachify(clients['Client'](), clients['Awaited'](), is_global=False)


@pytest.mark.parametrize(
    ('side', 'kind', 'why'),
    [
        ('sync_client', 'NoExpiry', r'sync_client\.set must accept .*ex=1'),
        ('sync_client', 'Awaited', 'sync_client must be a synchronous client'),
        ('async_client', 'Client', 'async_client must be an asynchronous client'),
    ],
)
def test_a_client_is_still_checked(side: str, kind: str, why: str, clients: dict[str, Any]) -> None:
    """For a method that does not accept its arguments, and for the wrong side."""
    with pytest.raises(TypeError, match=why):
        init_cachify(**{side: clients[kind]()}, is_global=False)
