"""A simulation can read from the memory store, and restore, all that decides what happens next."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from py_cachify import MemoryClient
from py_cachify.backends.memory import Held, MemoryBackend
from py_cachify.backends.plain import PlainBackend
from py_cachify.protocols import Lease


FOREVER = float('inf')


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_contents_are_the_tokens_with_the_instants_at_which_they_expire(clock: Clock) -> None:
    client = MemoryClient(clock)
    backend = MemoryBackend(client)
    backend.acquire('reports', 'a', 3, 5.0)
    clock.now = 1.5
    backend.acquire('reports', 'b', 3, 5.0)
    backend.acquire('reports', 'c', 3, None)
    backend.acquire('mails', 'd', 3, 5.0)

    assert backend.contents('reports') == {'a': 5.0, 'b': 6.5, 'c': FOREVER}
    assert backend.contents('nobody asked for it') == {}
    assert client.contents(('mails', 'nobody asked for it')) == Held({'mails': {'d': 6.5}}, {}, {})


def test_an_expired_slot_is_part_of_the_contents_until_an_operation_drops_it(clock: Clock) -> None:
    """Reading changes nothing, not even what the next operation would find."""
    backend = MemoryBackend(MemoryClient(clock))
    backend.acquire('reports', 'a', 1, 5.0)
    clock.now = 9.0

    assert backend.contents('reports') == backend.contents('reports') == {'a': 5.0}
    assert backend.count_slots('reports') == 0
    assert backend.contents('reports') == {}


def test_a_change_to_what_was_read_or_put_back_does_not_reach_the_store(clock: Clock) -> None:
    client = MemoryClient(clock)
    backend = MemoryBackend(client)
    backend.acquire('reports', 'a', 2, 5.0)
    backend.contents('reports').clear()
    client.contents().slots['reports'].clear()
    assert backend.contents('reports') == {'a': 5.0}

    slots = {'b': 5.0}
    backend.restore('reports', slots)
    slots.clear()
    assert backend.contents('reports') == {'b': 5.0}


def test_a_pool_that_is_put_back_counts_refuses_expires_and_releases(clock: Clock) -> None:
    backend = MemoryBackend(MemoryClient(clock))
    backend.acquire('reports', 'lost', 2, None)
    backend.restore('reports', {'a': 5.0, 'b': FOREVER})

    assert backend.acquire('reports', 'c', 2, 5.0) is None
    assert not backend.release(Lease('reports', 'lost'))
    assert backend.release(Lease('reports', 'b'))
    clock.now = 5.0
    assert backend.count_slots('reports') == 0


def test_only_the_pool_that_is_named_is_put_back(clock: Clock) -> None:
    backend = MemoryBackend(MemoryClient(clock))
    backend.acquire('reports', 'a', 2, None)
    backend.acquire('mails', 'b', 2, None)
    backend.restore('reports', {})

    assert (backend.contents('reports'), backend.contents('mails')) == ({}, {'b': FOREVER})


def test_names_of_the_plain_contract_are_read_and_put_back_with_their_values(clock: Clock) -> None:
    client = MemoryClient(clock)
    client.set('reports:0', 'a', ex=5.0)
    client.set('reports:1', 'b')
    client.set('mails:0', 'c')
    reports = client.contents(('reports:0', 'reports:1', 'reports:2'))
    client.set('reports:0', 'later', ex=9.0)
    client.delete('reports:1')
    client.set('reports:2', 'later')
    client.restore(reports, ('reports:0', 'reports:1', 'reports:2'))

    assert reports == Held({}, {'reports:0': 5.0, 'reports:1': FOREVER}, {'reports:0': 'a', 'reports:1': 'b'})
    assert client.contents() == Held({}, {**reports.names, 'mails:0': FOREVER}, {**reports.values, 'mails:0': 'c'})
    clock.now = 5.0
    assert [client.get(name) for name in ('reports:0', 'reports:1', 'reports:2')] == [None, 'b', None]


def test_what_is_restored_without_keys_is_all_that_there_is(clock: Clock) -> None:
    client = MemoryClient(clock)
    MemoryBackend(client).acquire('reports', 'a', 2, None)
    client.set('name', 'value')
    held = Held({'mails': {'b': 5.0}}, {'other': 5.0}, {'other': 'value'})
    client.restore(held)

    assert client.contents() == held
    assert client.get('name') is None


@pytest.mark.parametrize('backend', [MemoryBackend, PlainBackend])
@pytest.mark.parametrize('seed', range(20))
def test_a_store_that_is_given_the_contents_of_another_answers_as_that_one_does(
    clock: Clock, backend: Any, seed: int
) -> None:
    """From then on, through any history; what it held before makes no difference."""
    stream = random.Random(seed)
    clients = [MemoryClient(clock), MemoryClient(clock)]
    one, other = (backend(client) for client in clients)
    for _ in _history(stream, clock, [one]):
        pass
    for _ in _history(stream, clock, [other]):
        pass
    clients[1].restore(clients[0].contents())

    for answers in _history(stream, clock, [one, other]):
        assert answers[0] == answers[1]
    assert clients[0].contents() == clients[1].contents()


def _history(stream: random.Random, clock: Clock, backends: list[Any]) -> Iterator[list[Any]]:
    """Ask the same of each, and return the answers of each."""
    leases: list[Lease] = []
    for _ in range(60):
        clock.now += stream.choice((0.0, 0.5, 1.0))
        key = stream.choice(('reports', 'mails'))
        if leases and stream.random() < 0.3:
            lease = leases.pop(stream.randrange(len(leases)))
            yield [backend.release(lease) for backend in backends]
        else:
            token = f'token {stream.randrange(10**9)}'
            life = stream.choice((2.0, 5.0, None))
            answers = [backend.acquire(key, token, 3, life) for backend in backends]
            leases += [answers[0]] if answers[0] is not None else []
            yield answers


def test_to_put_a_pool_back_again_and_again_takes_no_more_memory(clock: Clock) -> None:
    client = MemoryClient(clock)
    backend = MemoryBackend(client)
    for _ in range(1000):
        backend.restore('reports', {'a': 5.0, 'b': 6.0})

    assert len(client._slots.heap) < 100
