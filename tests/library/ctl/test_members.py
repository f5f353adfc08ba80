"""Which members of a sorted set are tokens, those of older releases included, and which are not."""

import pytest

from py_cachify.backends.pool_keys import derived_key, pool_keys
from py_cachify.ctl.members import read_member
from py_cachify.ctl.names import names_of, pattern, sort_names
from py_cachify.ctl.values import make_slot
from py_cachify.tokens import make_terms, new_anonymous_token, new_short_token, new_token
from tests.support.older import OlderRelease


pytestmark = pytest.mark.quick

TERMS = make_terms(3, 60.0, 'import', True)


@pytest.mark.parametrize(
    'token',
    [
        new_token(7, TERMS),
        new_short_token(7, TERMS),
        new_anonymous_token(7, TERMS),
        OlderRelease(None).new_token(),
        '1:5f0c9a7be2d14c08-4711:2:1795904095964:3:600.0:42',
        f'{"5f" * 12}-4711-3',
        f'{"5f" * 12}-3',
        '2:5f0c9a7be2d14c08-4711:2:1795904095964:3:600.0:web-1:a:r:new:42',
    ],
    ids=['now', 'in memory', 'anonymous', '1.2', '1.3', 'before 1.2', 'the first', 'a later version'],
)
def test_tokens_of_every_release_are_slots(token: str) -> None:
    """And so are their claims."""
    member = read_member(token.encode())
    assert member is not None
    assert (member.token, member.claimed) == (token, False)
    claim = read_member(f'?{token}'.encode())
    assert claim is not None
    assert (claim.token, claim.claimed) == (token, True)


@pytest.mark.parametrize(
    'member',
    [
        b'',
        b'?',
        b'alice',
        b'12:30:45',
        b'1:::::::',
        b'user-1-2',
        b'\xff\xfe',
        b'deadbeef-12-13',
        b'1:p-1:0:x:3:600.0:1',
        b'1:p-1:0:0:-3:600.0:1',
        b'1:p-1:0:1e99:3:600.0:1',
        b'1:p-1:0:nan:3:600.0:1',
        b'1:p-1:0:0:3:nan:1',
        b'1:p-99999999999999999999:0:0:3:600.0:1',
        b'1:p-1:0:0:' + b'9' * 5000 + b':600.0:1',
    ],
)
def test_what_is_no_token_is_no_slot(member: bytes) -> None:
    assert read_member(member) is None


def test_a_label_cannot_command_a_terminal() -> None:
    member = read_member(new_token(7, make_terms(3, None, '\x1b[2J\u202e\n', False)).encode())
    assert member is not None
    assert make_slot(member, 1.0).label.isprintable()


@pytest.mark.parametrize('prefix', ['PYC-', '', 'a*', '[ab]?', '\\', 'é'])
def test_the_pattern_of_a_prefix_takes_it_literally(prefix: str) -> None:
    """Redis reads ``\\``, ``*``, ``?`` and brackets; not after a backslash."""
    text = pattern(prefix).decode()
    assert text.endswith('*')
    assert text[:-1].replace('\\', '') == prefix.replace('\\', '')
    assert all(text[at - 1] == '\\' for at, each in enumerate(text[:-1]) if each in '*?[]')


def test_derived_keys_belong_to_their_pool_and_are_no_pools() -> None:
    odd = 'PYC-a~undone~jhjnnk'
    found = [*pool_keys('PYC-a'), *pool_keys(odd), b'PYC-\xff', b'PYC-b~queue~hhhhhz']
    sorted_names = {names.key: names for names in sort_names(found)}
    a = pool_keys('PYC-a')
    assert sorted_names['PYC-a'] == ('PYC-a', a.slots, a.queue)
    assert sorted_names[odd] == ('PYC-' + odd[4:], pool_keys(odd).slots, pool_keys(odd).queue)
    assert names_of(odd) == sorted_names[odd]
    assert not [key for key in sorted_names if '~fence~' in key or '\xff' in key]


def test_a_queue_whose_letters_are_wrong_is_of_no_pool() -> None:
    """Another program may have such a name; the letters are those of one key only."""
    wrong = derived_key('PYC-a', 'queue')[:-6] + b'hhhhhh'
    assert wrong != derived_key('PYC-a', 'queue')
    assert sort_names([wrong]) == []
