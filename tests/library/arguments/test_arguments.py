"""A wrong argument is refused immediately; the error names it, its value and what is allowed."""

import copy
import decimal
import enum
import functools
import pickle
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

import numpy
import pytest

from py_cachify import (
    UNSET,
    CachifyError,
    CachifyInitError,
    CachifyPoolFullError,
    MemoryClient,
    UnsetType,
    init_cachify,
    pool,
    pooled,
)
from tests.support.stores import VirtualClock


pytestmark = pytest.mark.quick


LONGEST = 'at most 3153600000 seconds, or None for no expiration, got'

WRONG_MAX_SIZES = [
    (0, ValueError, 'max_size must be at least 1, got 0'),
    (-1, ValueError, 'max_size must be at least 1, got -1'),
    (True, TypeError, 'max_size must be a whole number (an int), not True'),
    (1.5, TypeError, 'max_size must be a whole number (an int), not 1.5'),
    ('2', TypeError, "max_size must be a whole number (an int), not '2'"),
    (None, TypeError, 'max_size must be a whole number (an int), not None'),
    (numpy.int64(2), TypeError, 'max_size must be a whole number (an int), not np.int64(2)'),
    (2**31, ValueError, 'max_size must be at most 2147483647, got 2147483648'),
    (10**400, ValueError, 'max_size must be at most 2147483647, got an int of 1329 bits'),
]
LIFE = 'a number of seconds (an int or a float), a timedelta, or None for no expiration'
WRONG_SECONDS = [
    (0, ValueError, f'must be more than 0 and {LONGEST} 0'),
    (-1, ValueError, f'must be more than 0 and {LONGEST} -1'),
    (float('nan'), ValueError, f'must be more than 0 and {LONGEST} nan'),
    (float('inf'), ValueError, f'must be more than 0 and {LONGEST} inf'),
    (1e300, ValueError, f'must be more than 0 and {LONGEST} 1e+300'),
    (10**400, ValueError, f'must be more than 0 and {LONGEST} an int of 1329 bits'),
    (decimal.Decimal(5), TypeError, "or None for no expiration; got Decimal('5')"),
    (True, TypeError, f'must be {LIFE}; got True'),
    ('5', TypeError, f"must be {LIFE}; got '5'"),
    (timedelta(0), ValueError, f'must be more than 0 and {LONGEST} 0.0'),
    (timedelta(hours=-1), ValueError, f'must be more than 0 and {LONGEST} -3600.0'),
    (timedelta.max, ValueError, f'must be more than 0 and {LONGEST} {timedelta.max.total_seconds()}'),
]
WRONG_KEYS = [
    ('', ValueError, "key must not be empty, got ''"),
    (3, TypeError, 'key must be a string, not 3'),
    (None, TypeError, 'key must be a string, not None'),
    (b'reports', TypeError, "key must be a string, not b'reports'"),
    ('\ud800', ValueError, "key must be text that UTF-8 can encode, got '\\ud800'"),
]


@pytest.fixture(params=['pool', 'pooled', 'Cachify.pool', 'Cachify.pooled'])
def make(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Each callable that takes a key, a size and a life; global ones before ``init_cachify()``."""
    local = init_cachify(is_global=False)
    makers: dict[str, Callable[..., Any]] = {
        'pool': pool,
        'pooled': pooled,
        'Cachify.pool': local.pool,
        'Cachify.pooled': local.pooled,
    }
    return makers[request.param]


@pytest.fixture(params=['pooled', 'Cachify.pooled', 'pool.pooled'])
def make_decorator(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Each callable that makes a decorator; it only lacks ``on_full`` and ``raise_on_full``."""
    local = init_cachify(is_global=False)
    makers: dict[str, Callable[..., Any]] = {
        'pooled': lambda **terms: pooled(key='reports', max_size=1, **terms),
        'Cachify.pooled': lambda **terms: local.pooled(key='reports', max_size=1, **terms),
        'pool.pooled': lambda **terms: pool(key='reports', max_size=1).pooled(**terms),
    }
    return makers[request.param]


@pytest.mark.parametrize(('max_size', 'kind', 'message'), WRONG_MAX_SIZES)
def test_a_wrong_max_size_is_refused(
    make: Callable[..., Any], max_size: Any, kind: type[Exception], message: str
) -> None:
    """A size is a whole number from 1, and neither a boolean nor a string."""
    with pytest.raises(kind, match=re.escape(message)):
        make(key='reports', max_size=max_size)


@pytest.mark.parametrize(('slot_exp', 'kind', 'message'), WRONG_SECONDS)
def test_a_wrong_slot_exp_is_refused(
    make: Callable[..., Any], slot_exp: Any, kind: type[Exception], message: str
) -> None:
    """A life is a finite number of seconds above 0, or ``None``."""
    with pytest.raises(kind, match=rf'slot_exp .*{re.escape(message)}'):
        make(key='reports', max_size=1, slot_exp=slot_exp)


@pytest.mark.parametrize(('key', 'kind', 'message'), WRONG_KEYS)
def test_a_wrong_key_is_refused(make: Callable[..., Any], key: Any, kind: type[Exception], message: str) -> None:
    """A key is a non-empty string."""
    with pytest.raises(kind, match=re.escape(message)):
        make(key=key, max_size=1)


@pytest.mark.parametrize('slot_exp', [1, 0.001, 3600, 100 * 365 * 24 * 3600, None, UNSET])
def test_every_life_from_above_0_to_a_century_is_taken(make: Callable[..., Any], slot_exp: Any) -> None:
    """Whole seconds, fractions, ``None`` and ``UNSET`` are all allowed."""
    assert make(key='reports', max_size=1, slot_exp=slot_exp) is not None


@pytest.mark.parametrize(
    ('life', 'seconds'),
    [(timedelta(minutes=2), 120.0), (timedelta(microseconds=1), 1e-06), (timedelta(days=36500), 3153600000.0)],
)
def test_a_timedelta_is_the_same_as_its_seconds(life: timedelta, seconds: float) -> None:
    """Converted when the pool is made, so ``repr()`` and the store see seconds only."""
    client = MemoryClient()
    local = init_cachify(client, default_pool_slot_expiration=life, is_global=False)
    for one in pool('reports', max_size=1, slot_exp=life), local.pool('reports', max_size=1, slot_exp=life):
        assert repr(one) == f"pool(key='reports', max_size=1, slot_exp={seconds!r})"
    assert local._settings().default_slot_exp == seconds


def test_a_slot_lives_as_long_as_the_timedelta_says() -> None:
    """As an argument of a pool and of a decorator, and as the default of both."""
    clock = VirtualClock()
    two_minutes = timedelta(minutes=2)
    by_default = init_cachify(MemoryClient(clock), default_pool_slot_expiration=two_minutes, is_global=False)
    by_argument = init_cachify(MemoryClient(clock), is_global=False)

    def sizes_of(one: pool) -> list[int]:
        clock.now = 0.0
        with one:
            sizes = []
            for clock.now in (119.9, 120.0):
                sizes.append(one.size())
            return sizes

    assert sizes_of(by_default.pool('reports', max_size=1)) == [1, 0]
    assert sizes_of(by_argument.pool('reports', max_size=1, slot_exp=two_minutes)) == [1, 0]

    for cachify, own in (by_default, UNSET), (by_argument, two_minutes):
        clock.now = 0.0

        @cachify.pooled('mail', max_size=1, slot_exp=own)
        def sizes() -> list[int]:
            found = []
            for clock.now in (119.9, 120.0):
                found.append(sizes.size())
            return found

        assert sizes() == [1, 0]


def test_a_life_of_more_than_a_century_is_refused(make: Callable[..., Any]) -> None:
    """Just one second more than the longest allowed life."""
    with pytest.raises(ValueError, match=re.escape(f'slot_exp must be more than 0 and {LONGEST} 3153600001')):
        make(key='reports', max_size=1, slot_exp=100 * 365 * 24 * 3600 + 1)


@pytest.mark.parametrize('on_full', ['later', 3, [], False])
def test_an_on_full_that_cannot_be_called_is_refused(make_decorator: Callable[..., Any], on_full: Any) -> None:
    """Before any function is decorated."""
    with pytest.raises(TypeError, match=re.escape(f'on_full must be a function, or None, not {on_full!r}')):
        make_decorator(on_full=on_full)


@pytest.mark.parametrize('raise_on_full', [1, 0, None, 'yes'])
def test_a_raise_on_full_that_is_no_boolean_is_refused(make_decorator: Callable[..., Any], raise_on_full: Any) -> None:
    """``True`` or ``False``, not just a true or false value."""
    with pytest.raises(TypeError, match=re.escape(f'raise_on_full must be True or False, not {raise_on_full!r}')):
        make_decorator(raise_on_full=raise_on_full)


@pytest.mark.parametrize('function', [None, 3, 'report', property(lambda self: None)])
def test_only_a_function_can_be_decorated(make_decorator: Callable[..., Any], function: Any) -> None:
    """The error shows what was given instead."""
    with pytest.raises(TypeError, match=re.escape(f'only a function or a method can be decorated, not {function!r}')):
        make_decorator()(function)


@pytest.mark.parametrize('prefix', [None, 3, b'PYC-'])
def test_a_wrong_prefix_is_refused(prefix: Any) -> None:
    """A prefix is a string."""
    with pytest.raises(TypeError, match=re.escape(f'prefix must be a string, not {prefix!r}')):
        init_cachify(prefix=prefix)


def test_a_prefix_that_no_server_could_be_sent_is_refused() -> None:
    """Like such a key."""
    with pytest.raises(ValueError, match='prefix must be text that UTF-8 can encode'):
        init_cachify(prefix='\ud800')


def test_a_prefix_may_be_empty() -> None:
    """Then the store contains the keys without a prefix."""
    client = MemoryClient()
    with init_cachify(client, prefix='').pool('reports', max_size=1):
        assert client.count_slots('reports') == 1


@pytest.mark.parametrize(('seconds', 'kind', 'message'), WRONG_SECONDS)
def test_a_wrong_default_expiration_is_refused(seconds: Any, kind: type[Exception], message: str) -> None:
    """It has the rules of ``slot_exp``, under its own name."""
    with pytest.raises(kind, match=rf'default_pool_slot_expiration .*{re.escape(message)}'):
        init_cachify(default_pool_slot_expiration=seconds)


def test_a_default_expiration_cannot_be_left_unset() -> None:
    """``UNSET`` means this default, so it has no meaning here."""
    unset: Any = UNSET
    with pytest.raises(TypeError, match=r'default_pool_slot_expiration must be a number of seconds.* got UNSET'):
        init_cachify(default_pool_slot_expiration=unset)


@pytest.mark.parametrize('is_global', [1, None, 'no'])
def test_an_is_global_that_is_no_boolean_is_refused(is_global: Any) -> None:
    """``'no'`` would be true."""
    with pytest.raises(TypeError, match=re.escape(f'is_global must be True or False, not {is_global!r}')):
        init_cachify(is_global=is_global)


class Size(enum.IntEnum):
    """A size with a name."""

    SMALL = 2


class Key(str):
    """A key that pretends to be another."""

    def __str__(self) -> str:
        return 'another'

    def __format__(self, specification: str) -> str:
        return 'another'

    def __radd__(self, other: str) -> str:
        return 'another'


def test_what_is_taken_is_taken_as_the_plain_value_that_it_is(make: Callable[..., Any]) -> None:
    """Members of enumerations, numpy's floats, and strings that override everything."""
    client = MemoryClient()
    init_cachify(client)
    made = pool(Key('reports'), max_size=Size.SMALL, slot_exp=numpy.float64(5))
    assert repr(made) == "pool(key='reports', max_size=2, slot_exp=5.0)"
    assert type(made._slot_exp) is float
    with made:
        assert client.count_slots('PYC-reports') == 1
    assert pooled(Key('reports'), max_size=1)(lambda: client.count_slots('PYC-reports'))() == 1
    make(Key('reports'), Size.SMALL, slot_exp=numpy.float64(5))


def test_a_refusal_does_not_show_all_of_an_endless_value() -> None:
    """The error shows its beginning, and its length."""
    with pytest.raises(TypeError, match=r'^max_size must be a whole number \(an int\), not .{500}\.\.\. ') as refusal:
        pool('reports', max_size='x' * 1_000_000)  # type: ignore[arg-type]
    assert str(refusal.value).endswith('xxx... (1000002 characters)')


def test_a_refused_init_changes_nothing() -> None:
    """The settings of the previous ``init_cachify()`` stay."""
    init_cachify()
    with pool('reports', max_size=1):
        with pytest.raises(ValueError, match='default_pool_slot_expiration'):
            init_cachify(default_pool_slot_expiration=-1)
        assert pool('reports', max_size=1).size() == 1


@pytest.mark.parametrize('clock', [3.0, None, '12:00'])
def test_a_clock_that_cannot_be_called_is_refused(clock: Any) -> None:
    """A clock is a function that returns seconds."""
    with pytest.raises(TypeError, match=re.escape(f'clock must be a function that returns seconds, not {clock!r}')):
        MemoryClient(clock=clock)


def test_all_errors_share_one_base() -> None:
    """``except CachifyError`` catches both, and neither is a subclass of the other."""
    assert issubclass(CachifyError, Exception)
    assert CachifyInitError.__bases__ == (CachifyError,)
    assert CachifyPoolFullError.__bases__ == (CachifyError,)


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_refusal_survives_pickling(protocol: int) -> None:
    """As if it came from another process: the pool, its size and the text stay the same."""
    error = CachifyPoolFullError('reports', 3)
    for other in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error)):
        assert type(other) is CachifyPoolFullError
        assert (other.key, other.max_size) == ('reports', 3)
        assert str(other) == "pool 'reports' is full: all 3 slots are taken"


@pytest.mark.parametrize(
    ('args', 'text'), [((), 'the pool is full'), (('all printers are busy',), 'all printers are busy')]
)
def test_user_code_raises_a_refusal_without_a_pool(args: tuple[str, ...], text: str) -> None:
    """By the class alone, as mocks do, or with a text; it survives pickling too."""
    error = CachifyPoolFullError(*args)
    for other in (error, pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is CachifyPoolFullError
        assert (other.args, other.key, other.max_size, str(other)) == (args, '', 0, text)
    with pytest.raises(CachifyPoolFullError, match='the pool is full'):
        mock.Mock(side_effect=CachifyPoolFullError)()


def test_unset_is_the_only_one_of_its_type_that_is_public() -> None:
    """It is shown by its name, so that signatures are readable."""
    assert type(UNSET) is UnsetType
    assert repr(UNSET) == 'UNSET'


def test_a_partial_generator_function_is_refused() -> None:
    """Like the generator function itself."""

    def generator(name: str) -> Any:
        yield name

    with pytest.raises(TypeError, match='generator function'):
        pooled('reports', max_size=1)(functools.partial(generator, 'a'))


@pytest.mark.parametrize('field', ['{name!x}', '{name', '{name!}', '{name!rr}'])
def test_a_malformed_field_is_refused_at_once(field: str) -> None:
    """When the function is decorated, not when it is called."""

    def report(name: str) -> str:
        return name

    with pytest.raises(ValueError, match=re.escape(f"key 'reports-{field}' is not a valid format string")):
        pooled(key=f'reports-{field}', max_size=1)(report)


@pytest.mark.parametrize('field', ['{name.}', '{name[]}', '{name[0]b}', '{name..b}', '{name:{name:{name}}}'])
def test_a_field_that_no_value_could_fill_is_refused_at_once(field: str) -> None:
    """When the function is decorated, not when it is called."""

    def report(name: str) -> str:
        return name

    with pytest.raises(ValueError, match='is not a valid format string'):
        pooled(key=f'reports-{field}', max_size=1)(report)
