"""Values from outside in a key: they reach another pool's key only if the templates let them.

The guide says how to write a safe template.  The tests prove it, and show what an unsafe one
allows.
"""

import ast
import os
import re
from typing import Any

import fakeredis
import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from py_cachify import CachifyPoolFullError, MemoryClient, init_cachify, pool, pooled
from py_cachify._keys import KeyTemplate
from py_cachify.protocols import slot_name
from tests.support.stores import DictClient, Driver


pytestmark = pytest.mark.quick


EXAMPLES = int(os.environ.get('FUZZ_EXAMPLES', '300'))
QUOTES = '\'"'


# --- a safe template

texts = st.text(alphabet=st.one_of(st.characters(exclude_categories=()), st.sampled_from('\'"\\-:{}[]()0a\n\0')))

scalars = st.one_of(
    texts, st.binary(), st.integers(), st.floats(), st.booleans(), st.none(), st.complex_numbers(allow_nan=True)
)

values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner),
        st.tuples(inner, inner),
        st.dictionaries(texts, inner, max_size=2),
    ),
    max_leaves=4,
)


def _two(a: Any, b: Any) -> None: ...


@given(
    conversion=st.sampled_from('ar'),
    between=st.sampled_from(['-', ':', '/', ', ', ' and ']),
    one=st.tuples(values, values),
    other=st.tuples(values, values),
)
@settings(max_examples=EXAMPLES)
def test_a_safe_template_keeps_apart_whatever_looks_different(
    conversion: str, between: str, one: tuple[Any, Any], other: tuple[Any, Any]
) -> None:
    """With ``{a!a}`` for each field and text between them, only equal values share a key."""
    template = KeyTemplate(f'r-{{a!{conversion}}}{between}{{b!{conversion}}}', _two)
    assert (template.key(one, {}) == template.key(other, {})) == ([*map(repr, one)] == [*map(repr, other)])


@st.composite
def nearly_equal_pairs(draw: st.DrawFn) -> tuple[tuple[str, str], tuple[str, str]]:
    """Two pairs of texts that are equal when joined, cut at two places."""
    text = draw(st.text(alphabet='\'"\\-a', max_size=12))
    cuts = [draw(st.integers(0, len(text))) for _ in range(2)]
    return (text[: cuts[0]], text[cuts[0] :]), (text[: cuts[1]], text[cuts[1] :])


@given(pairs=nearly_equal_pairs(), between=st.sampled_from(['', '-', '--', 'a', 'a-a']))
@settings(max_examples=EXAMPLES)
def test_texts_in_a_safe_template_are_kept_apart(pairs: Any, between: str) -> None:
    """One key for two calls means equal texts, even with nothing between the fields."""
    template = KeyTemplate(f'r-{{a!a}}{between}{{b!a}}', _two)
    one, other = pairs
    assert (template.key(one, {}) == template.key(other, {})) == (one == other)


def readings(key: str) -> list[list[str]]:
    """All ways to split a key into text without quotes and results of ``{field!a}`` for texts."""
    if not key:
        return [[]]
    if key[0] not in QUOTES:
        return [[key[0], *rest] for rest in readings(key[1:])]
    ends = [end for end in range(2, len(key) + 1) if _is_shown_text(key[:end])]
    return [[key[:end], *rest] for end in ends for rest in readings(key[end:])]


def _is_shown_text(part: str) -> bool:
    try:
        value = ast.literal_eval(part)
    except (SyntaxError, ValueError):
        return False
    return isinstance(value, str) and ascii(value) == part


@given(
    parts=st.lists(
        st.one_of(st.text('ab-:1', min_size=1, max_size=1), st.text('\'"\\ab-:1\u00e9\n').map(ascii)), max_size=8
    )
)
@settings(max_examples=EXAMPLES)
def test_a_key_of_a_safe_template_can_be_read_in_one_way_only(parts: list[str]) -> None:
    """So two templates with only such fields, and no other quotes, share no key unless equal."""
    assert readings(''.join(parts)) == [parts]


@given(value=texts)
@settings(max_examples=EXAMPLES)
def test_a_safe_template_takes_every_text(value: str) -> None:
    """Even text that cannot be encoded; the key is ASCII, so all Python versions agree."""
    key = KeyTemplate('r-{a!a}', _two).key((value,), {})
    assert key.isascii()
    assert key.isprintable()


# --- what a single plain field does


@given(one=texts, other=texts)
@settings(max_examples=EXAMPLES)
def test_one_plain_field_keeps_texts_apart(one: str, other: str) -> None:
    """Within the pools of one template; half a surrogate pair is refused."""
    template = KeyTemplate('mail-{a}', _two)
    keys = []
    for value in (one, other):
        try:
            value.encode()
        except UnicodeEncodeError:
            with pytest.raises(ValueError, match='makes must be text that UTF-8 can encode'):
                template.key((value,), {})
            return
        keys.append(template.key((value,), {}))
    assert (keys[0] == keys[1]) == (one == other)


NASTY = [
    *('{a}', '{0.__class__}', '}', '%s', '*', '[a-z]', '\\', "'", 'a\r\nDEL a', 'a\0b', 'a', '', '\x1b[2J', '\u202e'),
    *('\u00e9', 'e\u0301', '\U0001f600', 'all', 'a:0', 'a:0:1', ':0', 'PYC-mail-a', 'mail-a', '../a', 'a' * 1_000_000),
]


def test_each_value_has_a_pool_of_its_own(driver: Driver, cachify: object) -> None:
    """On every store: no other pool counts its slot, and it is given back to its own."""

    def size(a: str) -> Any:
        return mail.size(a)

    mail = pooled('mail-{a}', max_size=1)(driver.function(size))

    async def body() -> None:
        for value in NASTY:
            assert await driver.result(mail(value)) == 1
            async with driver.hold(pool(f'mail-{value}', max_size=1)):
                assert await driver.result(mail(value)) is None
                counted = [await driver.result(mail.size(each)) for each in NASTY]
                assert counted == [each == value for each in NASTY]
        assert sum([await driver.result(mail.size(each)) for each in NASTY]) == 0

    driver.run(body())


def test_what_no_server_could_be_sent_is_refused_before_it_is_sent() -> None:
    """Half a surrogate pair, as JSON can contain: the same on every store, and no slot is taken."""
    for client in (MemoryClient(), fakeredis.FakeRedis(), DictClient()):
        init_cachify(client)
        ran: list[str] = []
        mail = pooled('mail-{name}', max_size=1)(lambda name, ran=ran: ran.append(name))
        for call in (mail, mail.size):
            with pytest.raises(ValueError, match=r"'mail-\\ud800'$"):
                call('\ud800')
        assert not ran


# --- what a template must not do


@pytest.mark.parametrize(
    ('template', 'one', 'other'),
    [
        ('{a}-{b}', ('x-y', 'z'), ('x', 'y-z')),
        ('{a}{b}', ('x', 'yz'), ('xy', 'z')),
        ('{a!a:.5}', ('aaaa', ''), ('aaaab', '')),
        ('{a!a}{b!a}', (1, 23), (12, 3)),
    ],
    ids=['plain fields', 'nothing between', 'cut off', 'numbers with nothing between'],
)
def test_an_unsafe_template_confuses_two_calls(template: str, one: tuple[Any, Any], other: tuple[Any, Any]) -> None:
    """What the guide warns of, made visible."""
    made = KeyTemplate(template, _two)
    assert made.key(one, {}) == made.key(other, {})


def test_a_plain_field_reaches_the_pool_of_another_template() -> None:
    """Their key begins in the same way; with ``!a`` it does not."""
    init_cachify()

    @pooled('mail-{user}', max_size=1)
    def mail(user: str) -> str:
        return 'sent'

    @pooled('mail-{user!a}', max_size=1)
    def safe_mail(user: str) -> str:
        return 'sent'

    with pool('mail-all', max_size=1):
        assert mail('all') is None
        assert safe_mail('all') == 'sent'


def test_an_object_that_shows_what_it_was_told_is_not_safe() -> None:
    """Its ``repr()`` does not quote; its attribute does."""

    class User:
        def __init__(self, name: str) -> None:
            self.name = name

        def __repr__(self) -> str:
            return f'<User {self.name}>'

    one, other = (User('x>-<User y'), User('z')), (User('x'), User('y>-<User z'))
    unsafe, safe = KeyTemplate('{a!a}-{b!a}', _two), KeyTemplate('{a.name!a}-{b.name!a}', _two)
    assert unsafe.key(one, {}) == unsafe.key(other, {})
    assert safe.key(one, {}) != safe.key(other, {})


def test_a_value_in_a_format_specification_is_read_as_one() -> None:
    """So the value decides how long the key is, or refuses the call: never accept one there."""
    template = KeyTemplate('r-{a:{b}}', _two)
    assert len(template.key(('x', '>100000'), {})) == 100_002
    with pytest.raises(ValueError, match=re.escape("the key 'r-{a:{b}}' cannot be made from a='x', b='no")):
        template.key(('x', 'no such thing'), {})


@pytest.mark.parametrize(
    ('template', 'value'),
    [('{a.id}', 'text'), ('{a[id]}', {}), ('{a[0]}', []), ('{a:d}', 'text'), ('{a.id.name}', {'id': 1})],
)
def test_a_value_that_lacks_what_the_template_asks_for_refuses_the_call(template: str, value: Any) -> None:
    """The error names the template and the argument; only the template's attributes are read."""
    with pytest.raises(ValueError, match='cannot be made from a=') as refusal:
        KeyTemplate(f'r-{template}', _two).key((value,), {})
    assert template in str(refusal.value)
    assert refusal.value.__cause__ is not None


# --- across pools

keys = st.text(alphabet='a:01-', min_size=1, max_size=6)
indexes = st.integers(0, 120)


@given(one=st.tuples(keys, indexes), other=st.tuples(keys, indexes))
@settings(max_examples=EXAMPLES)
def test_no_two_pools_share_a_name_under_the_plain_contract(one: tuple[str, int], other: tuple[str, int]) -> None:
    """The name of a slot determines its key and its number, whatever the key ends in."""
    assert (slot_name(*one) == slot_name(*other)) == (one == other)


@given(pools=st.dictionaries(keys, st.integers(1, 3), min_size=2, max_size=4))
@settings(max_examples=EXAMPLES // 5)
def test_pools_with_similar_keys_do_not_count_each_other(pools: dict[str, int]) -> None:
    """``a``, ``a:0`` and ``a:0:1``: each fills up separately, on every kind of store."""
    for client in (MemoryClient(), fakeredis.FakeRedis(), DictClient()):
        init_cachify(client)
        made = [pool(key, max_size=size) for key, size in pools.items()]
        for each in made:
            for _ in range(each._max_size):
                each.__enter__()
            with pytest.raises(CachifyPoolFullError), each:
                pass
        assert [each.size() for each in made] == list(pools.values())
        for each in made:
            for _ in range(each._max_size):
                each.__exit__(None, None, None)
        assert [each.size() for each in made] == [0] * len(made)


def test_a_prefix_is_the_beginning_of_a_key_and_nothing_more() -> None:
    """Two stores on one client share keys that they spell alike: no prefix should begin another."""
    client = MemoryClient()
    short = init_cachify(client, prefix='PYC-', is_global=False)
    long = init_cachify(client, prefix='PYC-LOCAL-', is_global=False)
    with long.pool('task', max_size=1):
        assert short.pool('LOCAL-task', max_size=1).size() == 1


class PlainOverRedis(DictClient):
    """A plain client that keeps its names where scripts keep the sorted sets of a pool."""

    def __init__(self, client: 'redis.Redis') -> None:
        self.client = client

    def get(self, name: str) -> Any:
        return self.client.get(name)

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        return bool(self.client.set(name, value, ex=ex, nx=nx))

    def delete(self, *names: str) -> None:
        self.client.delete(*names)


def test_two_ways_of_counting_in_one_store_never_grant_too_much(socket: str) -> None:
    """A sorted set and a name with the same spelling: one is refused or an error, never a slot."""
    with redis.Redis(unix_socket_path=socket) as client:
        scripted = init_cachify(client, is_global=False)
        plain = init_cachify(PlainOverRedis(client), is_global=False)
        with scripted.pool('a:0', max_size=1), pytest.raises(CachifyPoolFullError), plain.pool('a', max_size=1):
            pass
        with plain.pool('a', max_size=1), pytest.raises(redis.ResponseError, match='WRONGTYPE'):
            scripted.pool('a:0', max_size=1).size()
        assert client.dbsize() == 0
