"""Tokens: what they say; those of older and of later releases hold slots like any other."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_cachify import MemoryClient, init_cachify, pool, tokens
from py_cachify.backends.base import Backend
from py_cachify.commands import CountSlots, CountWaiting, DropSlot, JoinQueue, Queued, TakeSlot
from tests.support.stores import Clients, Driver, VirtualClock, backend_in_virtual_time, slots_in


pytestmark = pytest.mark.quick

OLD = '5f0c9a7be2d14c08-4711-42'
WAITING = '1:5f0c9a7be2d14c08-4711:2:1795904095964:3:600.0:42'
FUTURE = '2:later-process:7:1795904095964:1:600.0:web-1:import%20of%2014%3A00:r:an addition:one more:42'

lives = st.none() | st.floats(1e-9, 3.2e9) | st.integers(1, 10**9)


@given(max_size=st.integers(1, 2**31 - 1), slot_exp=lives, channel=st.integers(0, 10**6))
def test_a_token_says_what_was_asked_for(max_size: int, slot_exp: float | None, channel: int) -> None:
    """``read_token()`` returns what ``new_token()`` was told, to the last digit."""
    before = int(time.time() * 1000) / 1000
    token = tokens.new_token(os.getpid(), tokens.make_terms(max_size, slot_exp), channel)
    after = time.time()
    assert token.count(':') == 9
    said = tokens.read_token(token)
    assert said is not None
    assert said.process.endswith(f'-{os.getpid()}')
    assert (said.channel, said.max_size, said.slot_exp) == (str(channel), max_size, slot_exp)
    assert said.instant is not None
    assert before <= said.instant <= after


def test_a_short_token_says_neither_channel_nor_instant() -> None:
    """A store in this process needs neither, and a pool in memory would notice their time."""
    terms = tokens.make_terms(3, 600)
    token = tokens.new_short_token(os.getpid(), terms)
    said = tokens.read_token(token)
    assert token.count(':') == 9
    assert said is not None
    whole = tokens.read_token(tokens.new_token(os.getpid(), terms, 5))
    assert whole is not None
    assert (said.channel, said.instant) == ('', None)
    assert (whole.channel, whole.instant is None) == ('5', False)
    assert said == whole._replace(channel='', instant=None, number=said.number)


def test_no_two_tokens_are_equal() -> None:
    """Of either kind, in any thread, even at one instant."""

    def several(_number: int) -> list[str]:
        pid = os.getpid()
        return [
            make(pid, tokens.make_terms(1, None))
            for make in (tokens.new_token, tokens.new_short_token)
            for _ in range(500)
        ]

    with ThreadPoolExecutor(8) as threads:
        made = [token for found in threads.map(several, range(16)) for token in found]
    numbers = {token.rpartition(':')[2] for token in made}
    assert len(numbers) == len(made) == 16_000


def test_the_documented_token_is_read_as_documented() -> None:
    [example] = [line.strip() for line in str(tokens.__doc__).splitlines() if line.startswith('    1:')]
    assert tokens.read_token(example) == (
        *('5f0c9a7be2d14c08-4711', '2', 1795904095.964, 3, 600.0, '42'),
        *('web-1', 'import of 14:00', True),
    )


def test_a_token_of_a_release_without_labels_is_read_too() -> None:
    """It has the fields from process to life, and says nothing of the rest."""
    said = tokens.read_token(WAITING)
    assert said == ('5f0c9a7be2d14c08-4711', '2', 1795904095.964, 3, 600.0, '42', None, '', False)


def test_a_token_of_a_later_release_is_read_too() -> None:
    """It may have more fields before the number, and the others keep their places."""
    said = tokens.read_token(FUTURE)
    assert said == ('later-process', '7', 1795904095.964, 1, 600.0, '42', 'web-1', 'import of 14:00', True)


@pytest.mark.parametrize(
    'token',
    [
        *(OLD, '', '1', '1:p', '1:p:0:0:1:42'),
        *('x:p:0:0:1:600:42', ':p:0:0:1:600:42', '1:p:0:0:one:600:42', '1:p:0:now:1:600:42'),
    ],
)
def test_a_text_of_another_form_says_nothing(token: str) -> None:
    """Such as a token of an older release; in the store it is a text like any other."""
    assert tokens.read_token(token) is None


@given(text=st.text() | st.from_regex(r'\d*:[\w:.-]*', fullmatch=True))
def test_no_text_makes_reading_fail(text: str) -> None:
    """Whoever may write to the store may have written anything."""
    said = tokens.read_token(text)
    if said is not None:
        assert text.split(':')[1] == said.process
        assert text.endswith(f':{said.number}')


def test_a_channel_has_a_name_that_an_access_list_can_allow() -> None:
    assert tokens.channel_name('a-4711', 2) == 'py-cachify:a-4711:2'


# --- in a store


@pytest.fixture(params=['memory', 'fakeredis', 'valkey', 'redis'])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    socket = {'valkey': 'running_server', 'redis': 'running_redis'}.get(request.param)
    place = '' if socket is None else str(request.getfixturevalue(socket))
    with backend_in_virtual_time(request.param, place, VirtualClock(1_700_000_000.0)) as made:
        yield made


@pytest.mark.parametrize(
    'token', [OLD, WAITING, FUTURE, ':', 'ü', '?', '!', 'x' * 1000], ids=lambda text: text[:9] or 'none'
)
def test_a_slot_of_any_token_counts_and_is_given_back(backend: Backend, token: str) -> None:
    """It refuses others while it is there, and its release serves a waiter."""
    waiter = '1:p:0:0:1:600.0:1'
    assert backend.perform(TakeSlot('k', token, 1, 600)) is True
    assert backend.perform(CountSlots('k')) == 1
    assert backend.perform(TakeSlot('k', 'another', 1, 600)) is False
    assert isinstance(backend.perform(JoinQueue('k', waiter, 1, 600, None)), Queued)
    assert backend.perform(DropSlot('k', token)) is True
    assert (backend.perform(CountSlots('k')), backend.perform(CountWaiting('k'))) == (1, 0)
    assert backend.perform(DropSlot('k', token)) is False


def test_a_ticket_of_a_later_release_is_served(backend: Backend) -> None:
    """In its turn, before those behind it."""
    ours = '1:later-process:0:0:1:600.0:1'
    backend.perform(TakeSlot('k', '1:later-process:0:0:1:600.0:0', 1, 600))
    for ticket in (FUTURE, ours):
        assert isinstance(backend.perform(JoinQueue('k', ticket, 1, 600, None)), Queued)
    assert backend.perform(DropSlot('k', '1:later-process:0:0:1:600.0:0')) is True
    assert backend.perform(CountWaiting('k')) == 1
    assert backend.perform(DropSlot('k', FUTURE)) is True
    assert backend.perform(DropSlot('k', ours)) is True


@pytest.mark.parametrize('store', ['fakeredis', 'valkey', 'redis'])
def test_the_token_of_a_slot_on_a_server_says_what_was_asked_for(driver: Driver, clients: Clients) -> None:
    """Under every pool, waiting or not."""
    init_cachify(clients.sync, clients.asynchronous)

    async def body() -> None:
        for wait in (0, None):
            async with driver.hold(pool('reports', max_size=3, slot_exp=None, wait=wait)):
                [token] = slots_in(clients, 'PYC-reports')
                said = tokens.read_token(token)
                assert said is not None
                assert (said.max_size, said.slot_exp) == (3, None)
                assert token.startswith('1:')

    driver.run(body())


def test_the_token_of_a_slot_in_memory_is_short() -> None:
    """The instant would take as long as the whole acquire; what the pool says is made only once."""
    client = MemoryClient()
    init_cachify(client)
    with pool('reports', max_size=3):
        [token] = client.contents().slots['PYC-reports']
    said = tokens.read_token(token)
    assert said is not None
    assert (said.channel, said.instant, said.max_size, said.slot_exp) == ('', None, 3, 600.0)
