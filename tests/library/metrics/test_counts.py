"""Each event changes what it should, for Prometheus and OpenTelemetry alike."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from py_cachify.events import Event
from py_cachify.metrics import SECONDS, by_key
from tests.library.metrics.attempts import GRANTED, QUEUED, tell, while_held, without_slot
from tests.library.metrics.scrapes import KIND, KINDS_OF_LISTENER, POOL, Scraped, scraped


pytestmark = pytest.mark.quick

COURSES = {
    'refused': [without_slot('refused')],
    'timed out': [without_slot('timed_out')],
    'failed without a slot': [without_slot('failed', redis.ConnectionError())],
    'cancelled': [without_slot('failed', asyncio.CancelledError())],
    'released': [GRANTED, while_held('released')],
    'renewed': [GRANTED, while_held('renewed'), while_held('renewed'), while_held('released')],
    'overrun': [GRANTED, while_held('overrun')],
    'lost': [GRANTED, while_held('lost'), while_held('overrun')],
    'failed release': [GRANTED, while_held('failed', redis.ConnectionError())],
    'held for no time': [GRANTED, while_held('released', held=0.0)],
}


def gauges(scrape: Scraped) -> tuple[float, float]:
    return scrape.value('pending_requests'), scrape.value('count')


def test_a_slot_is_counted_while_it_is_held(scrape: Scraped) -> None:
    scrape.listener(QUEUED)
    assert gauges(scrape) == (1, 0)
    scrape.listener(GRANTED)
    assert gauges(scrape) == (0, 1)
    scrape.listener(while_held('renewed'))
    scrape.listener(while_held('lost'))
    assert gauges(scrape) == (0, 1)
    scrape.listener(while_held('overrun'))
    assert gauges(scrape) == (0, 0)


@pytest.mark.parametrize('course', COURSES.values(), ids=COURSES)
def test_each_course_ends_what_it_began(scrape: Scraped, course: list[Event]) -> None:
    """Another attempt of the same pool stays pending, and a third holds its slot."""
    scrape.listener(QUEUED)
    scrape.listener(QUEUED)
    scrape.listener(GRANTED)

    for _ in range(3):
        tell(scrape.listener, *course)

    assert gauges(scrape) == (1, 1)


@pytest.mark.parametrize('course', COURSES.values(), ids=COURSES)
def test_each_event_is_counted_by_its_kind(scrape: Scraped, course: list[Event]) -> None:
    tell(scrape.listener, *course)

    kinds = [event.kind for event in course]
    for kind in set(kinds):
        assert scrape.value('events_total', kind=kind) == kinds.count(kind)
    assert scrape.value('events_total') == len(kinds)
    assert scrape.value('timeouts_total') == kinds.count('timed_out')


@pytest.mark.parametrize(
    ('error', 'name'),
    [
        (redis.ConnectionError('at 10.0.0.7'), 'redis.exceptions.ConnectionError'),
        (asyncio.CancelledError(), 'asyncio.exceptions.CancelledError'),
        (KeyboardInterrupt(), 'KeyboardInterrupt'),
    ],
)
def test_a_failure_is_counted_by_the_class_of_its_error(scrape: Scraped, error: BaseException, name: str) -> None:
    tell(scrape.listener, without_slot('failed', error))
    tell(scrape.listener, GRANTED, while_held('failed', error))

    assert scrape.value('events_total', kind='failed', error=name) == 2


def test_waiting_is_timed_for_grants_alone_and_holding_for_every_slot(scrape: Scraped) -> None:
    for course in COURSES.values():
        tell(scrape.listener, *course)

    granted = [course for course in COURSES.values() if GRANTED in course]
    assert scrape.value('wait_time_seconds_count') == len(granted)
    assert scrape.value('wait_time_seconds_sum') == pytest.approx(0.2 * len(granted))
    assert scrape.value('use_time_seconds_count') == len(granted)
    assert scrape.value('use_time_seconds_sum') == pytest.approx(7.0 * (len(granted) - 1))


def test_the_buckets_reach_from_a_millisecond_to_ten_minutes(scrape: Scraped) -> None:
    tell(scrape.listener, GRANTED._replace(waited=0.0005), while_held('released', held=599.0))
    tell(scrape.listener, GRANTED._replace(waited=0.0025), while_held('released', held=601.0))

    bounds = {sample.labels['le'] for sample in scrape.samples() if sample.name.endswith('_wait_time_seconds_bucket')}
    assert sorted(map(float, bounds)) == [*SECONDS, float('inf')]
    assert scrape.value('wait_time_seconds_bucket', le='0.001') == 1
    assert scrape.value('wait_time_seconds_bucket', le='0.0025') == 2
    assert scrape.value('use_time_seconds_bucket', le='300.0') == 0
    assert scrape.value('use_time_seconds_bucket', le='600.0') == 1
    assert scrape.value('use_time_seconds_bucket', le='+Inf') == 2


@pytest.mark.parametrize('kind', KINDS_OF_LISTENER)
def test_other_buckets_can_be_chosen(kind: str) -> None:
    with scraped(kind, buckets=(1, 3600)) as scrape:
        tell(scrape.listener, GRANTED)
        assert scrape.value('wait_time_seconds_bucket', le='1.0') == 1
        assert {sample.labels['le'] for sample in scrape.samples() if 'le' in sample.labels} == {
            '1.0',
            '3600.0',
            '+Inf',
        }


def test_counters_are_there_before_the_first_refusal(scrape: Scraped) -> None:
    """So that rate() sees it."""
    scrape.listener(QUEUED)

    shown = {sample.labels[KIND] for sample in scrape.samples() if sample.name.endswith('_events_total')}
    assert shown == {'granted', 'refused', 'timed_out', 'released', 'overrun', 'renewed', 'lost'}
    assert scrape.value('events_total') == scrape.value('timeouts_total') == 0


def test_the_size_and_the_life_are_those_of_the_last_attempt(scrape: Scraped) -> None:
    scrape.listener(QUEUED)
    assert (scrape.value('max'), scrape.value('exp_seconds')) == (3, 30)
    scrape.listener(QUEUED._replace(max_size=5))
    assert (scrape.value('max'), scrape.value('exp_seconds')) == (5, 30)
    scrape.listener(QUEUED._replace(max_size=5, slot_exp=None))
    assert (scrape.value('max'), scrape.value('exp_seconds')) == (5, 0)


USERS = [f'ann-{number}@example.org' for number in range(5)]


def tell_of_users(scrape: Scraped) -> None:
    for user in USERS:
        tell(scrape.listener, GRANTED._replace(key=f'mail-{user}'), while_held('released')._replace(key=f'mail-{user}'))
        tell(scrape.listener, without_slot('refused')._replace(key=f'mail-{user}'))
        tell(scrape.listener, GRANTED._replace(key=user, template=None))


def test_no_label_contains_a_key(scrape: Scraped) -> None:
    tell_of_users(scrape)

    texts = {text for sample in scrape.samples() for text in sample.labels.values()}
    assert not [text for text in texts if 'example.org' in text]
    assert {sample.labels[POOL] for sample in scrape.samples()} == {'mail-{user_id}', '(no template)'}
    assert scrape.value('count', pool='mail-{user_id}') == 0
    assert scrape.value('count', pool='(no template)') == len(USERS)


@pytest.mark.parametrize('kind', KINDS_OF_LISTENER)
def test_the_keys_of_pools_without_a_template_are_labels_if_asked_for(kind: str) -> None:
    with scraped(kind, name=by_key) as scrape:
        tell_of_users(scrape)
        assert {sample.labels[POOL] for sample in scrape.samples()} == {'mail-{user_id}', *USERS}


@pytest.mark.parametrize('kind', KINDS_OF_LISTENER)
def test_a_function_names_the_pools(kind: str) -> None:
    with scraped(kind, name=lambda event: event.key.partition('-')[0]) as scrape:
        tell(scrape.listener, GRANTED)
        assert scrape.value('count', pool='mail') == 1


def test_threads_lose_no_event(scrape: Scraped) -> None:
    threads, attempts = 8, 500
    begin = threading.Barrier(threads)

    def work(number: int) -> None:
        begin.wait()
        for turn in range(attempts):
            key = f'k{turn % 7}'
            tell(scrape.listener, GRANTED._replace(template=key), while_held('released')._replace(template=key))

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, number) for number in range(threads)]:
            done.result()

    assert gauges(scrape) == (0, 0)
    for name in ('wait_time_seconds_count', 'use_time_seconds_count'):
        assert scrape.value(name) == threads * attempts
    assert scrape.value('events_total', kind='granted') == scrape.value('events_total', kind='released')
    assert scrape.value('events_total') == 2 * threads * attempts


def test_all_have_the_same_names_and_labels() -> None:
    """So one dashboard serves both."""

    def shown(kind: str) -> dict[str, set[frozenset[tuple[str, str]]]]:
        found: dict[str, set[frozenset[tuple[str, str]]]] = {}
        with scraped(kind) as scrape:
            for course in COURSES.values():
                tell(scrape.listener, *course)
            for sample in scrape.samples():
                labels = {name: text for name, text in sample.labels.items() if not name.startswith('otel_scope')}
                found.setdefault(sample.name, set()).add(frozenset(labels.items()))
        return found

    assert shown('prometheus') == shown('opentelemetry') == shown('prometheus, multiprocess')


@pytest.mark.parametrize('kind', KINDS_OF_LISTENER)
@pytest.mark.parametrize('buckets', [(), (0, 1), (1, 1), (2, 1), (1, float('inf')), (float('nan'),)])
def test_wrong_buckets_are_refused(kind: str, buckets: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r'^buckets must be upper bounds in seconds'), scraped(kind, buckets=buckets):
        pass


@pytest.mark.parametrize('kind', KINDS_OF_LISTENER)
def test_a_name_that_is_no_function_is_refused(kind: str) -> None:
    with (
        pytest.raises(TypeError, match=r'^name must be a function of an event .* not .mail.'),
        scraped(kind, name='mail'),
    ):
        pass


@pytest.mark.parametrize('kind', ['prometheus', 'opentelemetry'])
@pytest.mark.parametrize(('name', 'label'), [('a\udcffb', 'a?b'), (7, '7'), (None, '(no template)')])
def test_a_name_that_is_no_proper_text_makes_no_scrape_fail(kind: str, name: Any, label: str) -> None:
    with scraped(kind, name=lambda _: name) as scrape:
        tell(scrape.listener, GRANTED)
        assert scrape.value('count', pool=label) == 1


@pytest.mark.parametrize('kind', ['prometheus', 'opentelemetry'])
def test_a_name_that_cannot_be_made_makes_no_scrape_fail(kind: str) -> None:
    with scraped(kind, name=lambda event: event.key[99]) as scrape:
        with pytest.raises(IndexError):
            scrape.listener(GRANTED)
        assert scrape.samples() is not None
