"""``renew_for``, ``on_lost``, ``fence`` and ``label``: what is refused, and what a copy keeps."""

import asyncio
import copy
import inspect
import logging
import pickle
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from py_cachify import Cachify, MemoryClient, Slot, init_cachify, pool, pooled
from tests.library.leases.conftest import plain
from tests.library.leases.sides import Side
from tests.support.stores import Clients


pytestmark = pytest.mark.quick

KEY = 'reports'


def note(slot: Slot) -> None:
    """Be called with a slot that was lost."""
    logging.info('%s', slot)


async def anote(slot: Slot) -> None:
    """Be no function that could be called."""


class Calls:
    """An object that can be called."""

    def __call__(self, slot: Slot) -> None: ...


class CallsLater:
    """An object whose call has to be awaited."""

    async def __call__(self, slot: Slot) -> None: ...


def entries() -> dict[str, Callable[..., Any]]:
    """Return what takes the options, each as a function of them."""
    made: Cachify = init_cachify(is_global=False)
    return {
        'pool()': partial(pool, KEY, max_size=3),
        'Cachify.pool()': partial(made.pool, KEY, max_size=3),
        '@pooled': partial(pooled, KEY, max_size=3),
        'Cachify.pooled()': partial(made.pooled, KEY, max_size=3),
        'pool.pooled()': pool(KEY, max_size=3).pooled,
    }


ENTRIES = tuple(entries())

OPTIONS = ('renew_for', 'on_lost', 'fence', 'label')

REFUSED: tuple[tuple[str, Any, type[Exception], str], ...] = (
    ('renew_for', -1, ValueError, 'renew_for must be 0 or more and at most 3153600000 seconds, or None to renew for'),
    ('renew_for', float('nan'), ValueError, r'renew_for must be 0 or more .*, got nan'),
    ('renew_for', float('inf'), ValueError, r'renew_for must be .* or None to renew for as long as .*, got inf'),
    ('renew_for', timedelta(-1), ValueError, r'renew_for must be 0 or more .*, got datetime\.timedelta\(days=-1\)'),
    ('renew_for', '60', TypeError, r"renew_for must be a number of seconds .* or None to renew .*; got '60'"),
    ('renew_for', True, TypeError, r'renew_for must be a number of seconds .*; got True'),
    ('on_lost', 'abort', ValueError, "on_lost must be 'log', 'raise', 'cancel' or a function, got 'abort'"),
    ('on_lost', None, TypeError, "on_lost must be 'log', 'raise', 'cancel' or a function, not None"),
    ('on_lost', 3, TypeError, "on_lost must be 'log', 'raise', 'cancel' or a function, not 3"),
    ('on_lost', anote, TypeError, r'on_lost <function anote .*> is async, .*: pass a plain function'),
    ('on_lost', partial(anote), TypeError, r'on_lost functools\.partial.* is async, .*: pass a plain function'),
    ('on_lost', CallsLater(), TypeError, r'on_lost .*CallsLater.* is async, .*: pass a plain function'),
    ('fence', 1, TypeError, 'fence must be True or False, not 1'),
    ('fence', 0, TypeError, 'fence must be True or False, not 0'),
    ('fence', None, TypeError, 'fence must be True or False, not None'),
    ('fence', 'yes', TypeError, "fence must be True or False, not 'yes'"),
    ('label', None, TypeError, 'label must be a string, not None'),
    ('label', 0, TypeError, 'label must be a string, not 0'),
    ('label', b'import', TypeError, "label must be a string, not b'import'"),
    ('label', b'', TypeError, "label must be a string, not b''"),
    ('label', '\ud800', ValueError, r"label must be text that UTF-8 can encode, got '\\ud800'"),
)


@pytest.mark.parametrize('entry', ENTRIES)
@pytest.mark.parametrize(('name', 'value', 'error', 'message'), REFUSED)
def test_a_wrong_option_is_refused_when_the_pool_is_made(
    entry: str, name: str, value: Any, error: type[Exception], message: str
) -> None:
    """The error names the argument and its value, and says what to pass instead."""
    with pytest.raises(error, match=f'^{message}'):
        entries()[entry](**{name: value})


@pytest.mark.parametrize('entry', ENTRIES)
def test_all_options_are_keyword_only(entry: str) -> None:
    """Their order may change, and nothing that was passed by position means one of them."""
    parameters = inspect.signature(entries()[entry]).parameters
    assert [name for name in parameters if name in OPTIONS] == list(OPTIONS)
    assert {parameters[name].kind for name in OPTIONS} == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize('entry', ENTRIES)
@pytest.mark.parametrize(
    ('name', 'value'),
    [
        *(('renew_for', value) for value in (0, 0.0, 5, 0.5, timedelta(minutes=1), None)),
        *(('on_lost', value) for value in ('log', 'raise', 'cancel', note, Calls(), partial(note), print)),
        *(('fence', value) for value in (False, True)),
        *(('label', value) for value in ('', 'import of 14:00', 'ü\n\x1b[31m')),
    ],
)
def test_what_an_option_may_be(entry: str, name: str, value: Any) -> None:
    entries()[entry](**{name: value})


# --- slots that never expire


@pytest.mark.parametrize('entry', ENTRIES[:-1])
@pytest.mark.parametrize('renew_for', [None, 60])
def test_slots_that_never_expire_are_not_renewed(entry: str, renew_for: float | None) -> None:
    """This is said when the pool is made, because nothing that happens later could change it."""
    with pytest.raises(ValueError, match=r'^renew_for needs slots that expire, but slot_exp is None .*pass slot_exp='):
        entries()[entry](slot_exp=None, renew_for=renew_for)


def test_a_method_of_a_pool_whose_slots_never_expire_refuses_too() -> None:
    with pytest.raises(ValueError, match='renew_for needs slots that expire'):
        pool(KEY, max_size=3, slot_exp=None).pooled(renew_for=None)


@pytest.mark.usefixtures('clients')
def test_a_default_without_expiration_is_refused_at_entry(side: Side, clients: Clients) -> None:
    """Only there it is known; nothing is taken."""
    init_cachify(clients.sync, clients.asynchronous, default_pool_slot_expiration=None)
    of = pool(KEY, max_size=3, renew_for=None)

    async def body() -> None:
        with pytest.raises(ValueError, match=r'slot_exp is None \(perhaps by init_cachify\(\)\): pass slot_exp=SEC'):
            async with side.hold(of):
                raise AssertionError('the body ran')
        with pytest.raises(ValueError, match='renew_for needs slots that expire'):
            await side.acquire(of)
        function = side.function(lambda: 1)
        with pytest.raises(ValueError, match='renew_for needs slots that expire'):
            await side.result(pooled(KEY, max_size=3, renew_for=None)(function)())
        assert await side.size(of) == 0

    side.run(body())


# --- the plain contract


NEEDS = {
    'renew_for': r'a store that can extend the life of a slot, memory, Redis or Valkey.* without the risk of reviving',
    'fence': r'a store that can count grants, memory, Redis or Valkey: .* because another holder may do so',
}


@plain
@pytest.mark.usefixtures('cachify')
@pytest.mark.parametrize(('name', 'value'), [('renew_for', None), ('renew_for', 60), ('fence', True)])
def test_a_plain_client_can_neither_renew_nor_fence(side: Side, name: str, value: Any) -> None:
    """A renewal could revive a slot that somebody else has taken; nothing is taken."""

    async def body() -> None:
        of = pool(KEY, max_size=1, **{name: value})
        function = side.function(lambda: 1)
        with pytest.raises(TypeError, match=f'^{name} needs {NEEDS[name]}.*: omit it$'):
            async with side.hold(of):
                raise AssertionError('the body ran')
        with pytest.raises(TypeError, match=f'^{name} needs {NEEDS[name]}'):
            await side.acquire(of)
        with pytest.raises(TypeError, match=f'^{name} needs {NEEDS[name]}'):
            await side.result(of.pooled()(function)())
        assert await side.size(of) == 0

    side.run(body())


@plain
@pytest.mark.usefixtures('cachify')
def test_a_slot_of_a_plain_client_cannot_be_renewed(side: Side) -> None:
    """It is held on, and given back."""

    async def body() -> None:
        async with side.hold(pool(KEY, max_size=1)) as slot:
            with pytest.raises(TypeError, match=rf'^renew\(\) needs {NEEDS["renew_for"]}'):
                await side.renew(slot)
            assert slot.lost is False
        assert await side.size(pool(KEY, max_size=1)) == 0

    side.run(body())


# --- 'cancel' needs a body that can be cancelled


def test_threads_cannot_be_cancelled(cachify: Cachify) -> None:
    """The error says which pool, and what to use instead; nothing is taken."""
    of = cachify.pool(KEY, max_size=1, on_lost='cancel')
    message = r"^pool 'reports': on_lost='cancel' cancels .* use 'raise', 'log' or a function$"
    with pytest.raises(TypeError, match=message), of:
        raise AssertionError('the body ran')
    with pytest.raises(TypeError, match=message):
        of.acquire()
    with pytest.raises(TypeError, match=message):
        of.pooled()(lambda: 1)()
    assert of.size() == 0


def test_an_acquire_without_a_body_has_nothing_to_cancel() -> None:
    init_cachify()
    of = pool(KEY, max_size=1, on_lost='cancel')

    async def main() -> None:
        with pytest.raises(TypeError, match=r"^pool 'reports': on_lost='cancel' cancels the body"):
            await of.aacquire()
        assert await of.asize() == 0

    asyncio.run(main())


# --- copies, and how a pool is shown


GIVEN: dict[str, Any] = {
    'wait': 5,
    'max_waiting': 7,
    'renew_for': 60,
    'on_lost': note,
    'fence': True,
    'label': 'import of 14:00',
}


def pickled(of: pool, protocol: int) -> pool:
    """Return what another process gets."""
    made: pool = pickle.loads(pickle.dumps(of, protocol))
    return made


COPIES: dict[str, Callable[[pool], pool]] = {
    'copy': copy.copy,
    'deepcopy': copy.deepcopy,
    **{f'pickle {number}': partial(pickled, protocol=number) for number in range(pickle.HIGHEST_PROTOCOL + 1)},
}


@pytest.mark.parametrize('copied', COPIES)
@pytest.mark.parametrize('names', [(), ('label',), ('renew_for', 'fence'), tuple(GIVEN)])
def test_a_copy_of_a_pool_has_all_its_options(copied: str, names: tuple[str, ...]) -> None:
    """Also in another process; and it is shown like the original."""
    of = pool(KEY, max_size=3, slot_exp=30, **{name: GIVEN[name] for name in names if name != 'max_waiting'})
    again = COPIES[copied](of)
    assert again is not of
    assert (again._options, again._waiting) == (of._options, of._waiting)
    assert repr(again) == repr(of)


def test_a_copy_renews_as_the_original_does() -> None:
    """It is not only shown like it."""
    client = MemoryClient()
    init_cachify(client)
    with pickle.loads(pickle.dumps(pool(KEY, max_size=3, renew_for=None, label='nightly'))):
        [holder] = pool(KEY, max_size=3).holders()
    assert (holder.renewing, holder.label) == (True, 'nightly')


def test_a_pool_shows_the_options_that_were_set() -> None:
    assert repr(pool(KEY, max_size=3)) == "pool(key='reports', max_size=3, slot_exp=UNSET)"
    assert repr(pool(KEY, 3, 30, renew_for=None, fence=True)) == (
        "pool(key='reports', max_size=3, slot_exp=30, renew_for=None, fence=True)"
    )
    assert repr(pool(KEY, 3, 30, wait=5, max_waiting=7, renew_for=0.5, on_lost='raise', label='a')) == (
        "pool(key='reports', max_size=3, slot_exp=30, wait=5, max_waiting=7, renew_for=0.5, on_lost='raise', label='a')"
    )
    assert eval(repr(pool(KEY, 3, 30, renew_for=None, label="it's")))._options.label == "it's"


def test_the_options_of_a_decorator_replace_those_of_its_pool() -> None:
    """The others stay; ``UNSET`` is the default."""
    client = MemoryClient()
    init_cachify(client)
    of = pool(KEY, max_size=9, slot_exp=30, renew_for=None, label='of the pool')
    seen = []

    def look() -> None:
        seen.append(of.holders())

    of.pooled()(look)()
    of.pooled(label='of the function')(look)()
    of.pooled(renew_for=0)(look)()
    assert [(one.renewing, one.label) for [one] in seen] == [
        (True, 'of the pool'),
        (True, 'of the function'),
        (False, 'of the pool'),
    ]
