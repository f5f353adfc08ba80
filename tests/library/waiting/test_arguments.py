"""``wait`` and ``max_waiting``: what is accepted, what is refused when the pool is made, copies."""

import copy
import decimal
import pickle
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy
import pytest

from py_cachify import (
    CachifyDeadlockError,
    CachifyError,
    CachifyPoolFullError,
    CachifyPoolTimeoutError,
    init_cachify,
    pool,
    pooled,
)


pytestmark = pytest.mark.quick

RANGE = 'wait must be 0 or more and at most 3153600000 seconds, or None to wait as long as it takes, got'
KIND = 'wait must be a number of seconds (an int or a float), a timedelta, 0 to be refused at once, or None'

WRONG_WAITS = [
    (-1, ValueError, f'{RANGE} -1'),
    (-0.001, ValueError, f'{RANGE} -0.001'),
    (float('nan'), ValueError, f'{RANGE} nan'),
    (float('inf'), ValueError, f'{RANGE} inf'),
    (100 * 365 * 24 * 3600 + 1, ValueError, f'{RANGE} 3153600001'),
    (10**400, ValueError, f'{RANGE} an int of 1329 bits'),
    (timedelta(seconds=-1), ValueError, f'{RANGE} datetime.timedelta(days=-1, seconds=86399)'),
    (timedelta.max, ValueError, RANGE),
    (True, TypeError, KIND),
    (False, TypeError, KIND),
    ('5', TypeError, KIND),
    (decimal.Decimal(5), TypeError, KIND),
    (numpy.float32(5), TypeError, KIND),
    (5j, TypeError, KIND),
    ([], TypeError, KIND),
]
WRONG_MAX_WAITING = [
    (0, ValueError, 'max_waiting must be at least 1, or None for any number, got 0'),
    (-1, ValueError, 'got -1: to be refused at once, use wait=0'),
    (2**31, ValueError, 'got 2147483648'),
    (10**400, ValueError, 'got an int of 1329 bits'),
    (True, TypeError, 'max_waiting must be a whole number (an int), or None for any number, not True'),
    (1.0, TypeError, 'not 1.0'),
    ('5', TypeError, "not '5'"),
    (numpy.int64(5), TypeError, 'not np.int64(5)'),
]


def work() -> None:
    pass


def makers() -> dict[str, Callable[..., Any]]:
    """Return all that takes the two arguments."""
    cachify = init_cachify(is_global=False)
    return {
        'pool': lambda **options: pool('a', max_size=1, **options),
        '@pooled': lambda **options: pooled(key='a', max_size=1, **options)(work),
        'Cachify.pool': lambda **options: cachify.pool('a', max_size=1, **options),
        '@Cachify.pooled': lambda **options: cachify.pooled(key='a', max_size=1, **options)(work),
    }


MAKERS = list(makers())


@pytest.mark.parametrize('maker', MAKERS)
@pytest.mark.parametrize(('wait', 'kind', 'text'), WRONG_WAITS, ids=repr)
def test_a_wrong_wait_is_refused_when_the_pool_is_made(maker: str, wait: Any, kind: type, text: str) -> None:
    with pytest.raises(kind, match=re.escape(text)) as refused:
        makers()[maker](wait=wait)
    assert type(refused.value) is kind


@pytest.mark.parametrize('maker', MAKERS)
@pytest.mark.parametrize(('most', 'kind', 'text'), WRONG_MAX_WAITING, ids=repr)
def test_a_wrong_max_waiting_is_refused_when_the_pool_is_made(maker: str, most: Any, kind: type, text: str) -> None:
    """Also without ``wait``, when nobody would wait."""
    for options in ({}, {'wait': 5}):
        with pytest.raises(kind, match=re.escape(text)) as refused:
            makers()[maker](max_waiting=most, **options)
        assert type(refused.value) is kind


@pytest.mark.parametrize('maker', MAKERS)
def test_what_is_right_is_accepted(maker: str) -> None:
    """To the limits."""
    for wait in (0, 0.0, timedelta(0), 5e-324, 0.5, 7, timedelta(microseconds=1), 100 * 365 * 24 * 3600, None):
        for most in (None, 1, 2**31 - 1):
            makers()[maker](wait=wait, max_waiting=most)


def test_both_can_be_given_by_name_alone() -> None:
    """The positional parameters are as before."""
    cachify = init_cachify(is_global=False)
    for make in (pool, cachify.pool):
        with pytest.raises(TypeError, match='positional argument'):
            make('a', 1, 600, 5)  # type: ignore[call-arg]
    for decorate in (pooled, cachify.pooled):
        with pytest.raises(TypeError, match='positional argument'):
            decorate('a', 1, 600, None, False, 5)  # type: ignore[call-overload]


# --- repr and copies


@pytest.mark.parametrize(
    ('options', 'shown'),
    [
        ({}, ''),
        ({'wait': 0}, ''),
        ({'wait': timedelta(0)}, ''),
        ({'wait': None}, ', wait=None'),
        ({'wait': 10}, ', wait=10'),
        ({'wait': timedelta(seconds=2.5)}, ', wait=2.5'),
        ({'wait': 0.5, 'max_waiting': 100}, ', wait=0.5, max_waiting=100'),
    ],
    ids=repr,
)
def test_repr_shows_them_where_the_pool_waits(options: dict[str, Any], shown: str) -> None:
    for made in (pool('a', 2, 60, **options), init_cachify(is_global=False).pool('a', 2, 60, **options)):
        assert repr(made) == f"pool(key='a', max_size=2, slot_exp=60{shown})"


COPIES: dict[str, Callable[[Any], Any]] = {
    'copy': copy.copy,
    'deepcopy': copy.deepcopy,
    **{
        f'pickle {protocol}': lambda made, protocol=protocol: pickle.loads(pickle.dumps(made, protocol))  # type: ignore[misc]
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


@pytest.mark.parametrize('how', COPIES)
@pytest.mark.parametrize('options', [{'wait': None}, {'wait': 0.05, 'max_waiting': 1}, {}], ids=repr)
def test_a_copy_waits_as_the_pool_does(how: str, options: dict[str, Any]) -> None:
    made = pool('a', max_size=1, **options)
    copied = COPIES[how](made)
    assert type(copied) is pool
    assert repr(copied) == repr(made)
    # And so does a copy of the copy.
    assert repr(COPIES[how](copied)) == repr(made)


def test_a_copy_that_waits_does_wait() -> None:
    init_cachify()
    copied = copy.copy(pool('a', max_size=1, wait=0.01))
    with pool('a', max_size=1), pytest.raises(CachifyPoolTimeoutError), copied:
        raise AssertionError('the body ran')


# --- the errors


def test_a_time_out_is_a_refusal_and_no_error_of_the_system() -> None:
    """The builtin ``TimeoutError`` is an ``OSError``, which retries take for a lost connection."""
    assert issubclass(CachifyPoolTimeoutError, CachifyPoolFullError)
    assert not issubclass(CachifyPoolTimeoutError, OSError)
    assert CachifyPoolTimeoutError.__mro__[1:3] == (CachifyPoolFullError, CachifyError)


def test_a_deadlock_is_no_refusal() -> None:
    """Whoever handles a full pool must not hide it."""
    assert issubclass(CachifyDeadlockError, CachifyError)
    assert not issubclass(CachifyDeadlockError, CachifyPoolFullError)


@pytest.mark.parametrize('how', COPIES)
@pytest.mark.parametrize(
    'error',
    [
        CachifyPoolTimeoutError('reports', 3, 10.25),
        CachifyPoolTimeoutError('reports', 1),
        CachifyPoolTimeoutError('all printers are busy'),
        CachifyPoolTimeoutError(),
        CachifyPoolFullError('reports', 3, 'its free slots are promised to those who wait'),
    ],
    ids=str,
)
def test_a_copy_of_an_error_says_the_same(how: str, error: CachifyPoolFullError) -> None:
    """Between processes too, as task queues pass them."""
    copied = COPIES[how](error)
    assert type(copied) is type(error)
    assert (str(copied), repr(copied), vars(copied)) == (str(error), repr(error), vars(error))


@pytest.mark.parametrize(
    ('error', 'text'),
    [
        (CachifyPoolTimeoutError('reports', 3, 10.254), "pool 'reports' is full: waited 10.3 s for one of its 3 slots"),
        (CachifyPoolTimeoutError('reports', 1, 0.5), "pool 'reports' is full: waited 0.5 s for its only slot"),
        (CachifyPoolTimeoutError('all printers are busy'), 'all printers are busy'),
        (CachifyPoolTimeoutError(), 'the pool is full'),
        (CachifyPoolFullError('reports', 3), "pool 'reports' is full: all 3 slots are taken"),
    ],
)
def test_what_an_error_says(error: CachifyPoolFullError, text: str) -> None:
    assert str(error) == text


def test_what_an_error_knows() -> None:
    made = CachifyPoolTimeoutError('reports', 3, 10.25)
    assert (made.key, made.max_size, made.waited) == ('reports', 3, 10.25)
    bare = CachifyPoolTimeoutError()
    assert (bare.key, bare.max_size, bare.waited) == ('', 0, 0.0)
