"""Any argument is accepted, or refused with a ``TypeError`` or ``ValueError`` that names it.

Nothing is half done then: settings, pools and functions are unchanged.  For a longer search than
the suite's: ``FUZZ_EXAMPLES=100000 pytest tests/library/arguments/test_fuzz_arguments.py``.
"""

import asyncio
import functools
import math
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import fakeredis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_cachify import UNSET, MemoryClient, WrappedFunctionPool, init_cachify, pool, pooled
from py_cachify import _settings as of_the_library
from tests.support import hostile
from tests.support.hostile import Given
from tests.support.stores import DictClient


pytestmark = pytest.mark.quick


EXAMPLES = int(os.environ.get('FUZZ_EXAMPLES', '400'))
LONGEST_MESSAGE = 3000
A_CENTURY = 100 * 365 * 24 * 3600

NOT_GIVEN: Any = object()
SMALL = st.integers(1, 9).map(Given)


def some(*likely: st.SearchStrategy[Given]) -> st.SearchStrategy[Given]:
    """Anything, with likely values more often."""
    return st.one_of(hostile.anything, *likely)


def some_or_none(*likely: st.SearchStrategy[Given]) -> st.SearchStrategy[Given]:
    """Likewise, or the argument is left out."""
    return st.one_of(st.just(Given(NOT_GIVEN)), some(*likely))


def arguments_of(**arguments: Given) -> dict[str, Any]:
    """Return the arguments that are passed."""
    return {name: each.value for name, each in arguments.items() if each.value is not NOT_GIVEN}


def refusal_of(call: Callable[[], Any], *names: str) -> str | None:
    """Return the text of a call's refusal, which names an argument; ``None`` if it accepted all."""
    before = of_the_library._global_settings
    try:
        call()
        return None
    except (TypeError, ValueError) as refusal:
        text = str(refusal)
    except Exception as error:
        # pytest would show the values, which it could not bear.
        text = f'a {type(error).__name__}'
    assert any(name in text for name in names), text
    assert len(text) < LONGEST_MESSAGE
    assert of_the_library._global_settings is before
    return text


# --- what is allowed, stated a second time


def is_text(value: Any) -> bool:
    if not issubclass(type(value), str):
        return False
    try:
        str.encode(value)
    except UnicodeEncodeError:
        return False
    return True


def is_key(value: Any) -> bool:
    return is_text(value) and str.__len__(value) > 0


def is_size(value: Any) -> bool:
    return issubclass(type(value), int) and type(value) is not bool and 0 < int.__index__(value) < 2**31


def is_life(value: Any) -> bool:
    if issubclass(type(value), timedelta):
        return timedelta() < timedelta.__add__(value, timedelta()) <= timedelta(seconds=A_CENTURY)
    if issubclass(type(value), float):
        return math.isfinite(float.__float__(value)) and 0 < float.__float__(value) <= A_CENTURY
    return issubclass(type(value), int) and type(value) is not bool and 0 < int.__index__(value) <= A_CENTURY


def is_slot_exp(value: Any) -> bool:
    return value is NOT_GIVEN or value is None or value is UNSET or is_life(value)


def is_shown_whole(value: Any) -> bool:
    """Return whether a refusal shows the full value."""
    return type(value) in (str, bytes, float, bool, type(None)) and len(repr(value)) <= 500


# --- the arguments


@given(key=some(hostile.texts), max_size=some(hostile.numbers), slot_exp=some_or_none(hostile.numbers))
@settings(max_examples=EXAMPLES)
def test_a_pool_is_made_of_what_is_allowed_and_of_nothing_else(key: Given, max_size: Given, slot_exp: Given) -> None:
    """And then it works, on every kind of store."""
    arguments = arguments_of(key=key, max_size=max_size, slot_exp=slot_exp)
    asked = ('key', is_key, key), ('max_size', is_size, max_size), ('slot_exp', is_slot_exp, slot_exp)
    wrong = [(name, each.value) for name, is_allowed, each in asked if not is_allowed(each.value)]
    for client in (MemoryClient(), fakeredis.FakeRedis(), DictClient()):
        cachify = init_cachify(client)
        for make in (pool, cachify.pool):
            refused = refusal_of(functools.partial(make, **arguments), 'key', 'max_size', 'slot_exp')
            assert (refused is None) == (not wrong), refused
            if refused is not None:
                name, value = wrong[0]
                assert refused.startswith(f'{name} must ')
                assert not is_shown_whole(value) or repr(value) in refused
        if not wrong:
            made = pool(**arguments)
            with made as slot:
                assert slot.pool is made
                assert repr(made).startswith('pool(key=')
            # Under the plain contract, ``size()`` sends one request for each slot.
            if made._max_size < 100 or not isinstance(client, DictClient):
                assert made.size() == 0


def report(a: Any, b: Any = 1, *items: Any, c: Any = 2, **fields: Any) -> str:
    """A function to decorate when other arguments are tested."""
    return 'done'


async def areport(a: Any, b: Any = 1, *items: Any, c: Any = 2, **fields: Any) -> str:
    """An ``async`` function to decorate when other arguments are tested."""
    return 'done'


@given(
    terms=st.fixed_dictionaries(
        {'key': some(hostile.texts, hostile.texts), 'max_size': some(hostile.numbers, SMALL)},
        optional={
            'slot_exp': some(hostile.numbers, SMALL),
            'on_full': some(hostile.functions),
            'raise_on_full': some(hostile.one_of(True, False)),
        },
    )
)
@settings(max_examples=EXAMPLES)
def test_a_function_is_decorated_or_left_as_it_was(terms: dict[str, Given]) -> None:
    """By every form of ``pooled``; a decorated function has a size."""
    cachify = init_cachify()
    arguments = arguments_of(**terms)
    of_a_pool: dict[str, Any] = {name: arguments[name] for name in ('on_full', 'raise_on_full') if name in arguments}
    before = dict(vars(report))
    decorated: list[Any] = []

    def decorate(make: Any, arguments: dict[str, Any], function: Any) -> None:
        decorated.append(make(**arguments)(function))

    for function in (report, areport):
        for make, given_terms in (
            (pooled, arguments),
            (cachify.pooled, arguments),
            (pool('reports', max_size=1).pooled, of_a_pool),
        ):
            refusal_of(functools.partial(decorate, make, given_terms, function), *given_terms)
            assert vars(report) == before
    for made in decorated:
        asked = made.size('a', c='c', d='d')
        assert (asked if isinstance(asked, int) else asyncio.run(asked)) == 0
    if len(decorated) > 2:
        assert is_key(arguments['key'])
        assert is_size(arguments['max_size'])
        assert is_slot_exp(arguments.get('slot_exp'))


@given(function=some(hostile.functions, hostile.functions), key=st.sampled_from(['r', 'r-{a}', 'r-{self.name}']))
@settings(max_examples=EXAMPLES)
def test_whatever_is_decorated_is_taken_or_refused(function: Given, key: str) -> None:
    """A function of any kind, or an object that is not a function."""
    init_cachify()
    decorated: list[Any] = []
    for make in (functools.partial(pooled, key, max_size=1), pool('reports', max_size=1).pooled):
        refusal_of(lambda make=make: decorated.append(make()(function.value)), 'function', 'key')  # type: ignore[misc]
    assert all(isinstance(each, WrappedFunctionPool) for each in decorated)


TEMPLATES = [
    *('r-{a}', 'r-{a!r}', 'r-{a!a}', 'r-{a!s}', 'r-{a.name}', 'r-{a[0]}', 'r-{a[name]}', 'r-{a:03d}', 'r-{a:>10}'),
    *('r-{items}', 'r-{items[0]}', 'r-{fields}', 'r-{fields[d]}', 'r-{d}', 'r-{a}-{b}-{c}'),
]


@given(
    template=st.sampled_from(TEMPLATES),
    positional=st.lists(some(hostile.texts), min_size=1, max_size=4),
    named=st.dictionaries(st.sampled_from(['c', 'd']), some(hostile.texts)),
)
@settings(max_examples=EXAMPLES)
def test_a_key_is_made_of_the_arguments_of_a_call_or_the_call_is_refused(
    template: str, positional: list[Given], named: dict[str, Given]
) -> None:
    """Before the function runs, with an error that names the key; no slot stays taken."""
    args = [each.value for each in positional]
    for client in (MemoryClient(), DictClient()):
        init_cachify(client)
        decorated = pooled(template, max_size=1, raise_on_full=True)(report)
        results: list[str] = []

        def call(decorated: Any = decorated, results: list[str] = results) -> None:
            results.append(decorated(*args, **arguments_of(**named)))

        assert (refusal_of(call, 'the key ') is None) == (results == ['done'])
        assert not (client.values if isinstance(client, DictClient) else client._slots.live)


@given(
    arguments=st.fixed_dictionaries(
        {},
        optional={
            'sync_client': some(hostile.clients, hostile.clients),
            'async_client': some(hostile.clients, hostile.clients),
            'prefix': some(hostile.texts),
            'default_pool_slot_expiration': some(hostile.numbers, SMALL),
            'is_global': some(hostile.one_of(True, False)),
        },
    )
)
@settings(max_examples=EXAMPLES)
def test_init_cachify_settles_all_or_nothing(arguments: dict[str, Given]) -> None:
    """A refused call leaves the global store unchanged."""
    client = MemoryClient()
    init_cachify(client)
    values = arguments_of(**arguments)
    with pool('reports', max_size=1):
        refused = refusal_of(functools.partial(init_cachify, **values), *values)
    assert client.count_slots('PYC-reports') == 0
    if refused is not None:
        return
    assert is_text(values.get('prefix', ''))
    life = values.get('default_pool_slot_expiration')
    assert life is None or is_life(life)
    assert isinstance(values.get('is_global', True), bool)
    is_new = of_the_library.global_settings().backends.sync is not None and values.get('is_global', True)
    if is_new and any(values.get('sync_client') is each for each in hostile.good_clients):
        with pool('others', max_size=1) as others:
            assert others.size() <= 1
        assert others.size() == 0


@given(clock=some(hostile.functions))
@settings(max_examples=EXAMPLES)
def test_a_clock_is_taken_or_refused(clock: Given) -> None:
    """It only has to be callable."""
    assert (refusal_of(lambda: MemoryClient(clock.value), 'clock') is None) == callable(clock.value)
