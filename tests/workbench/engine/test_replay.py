"""A replay in virtual time has the same history on every store, and every event is checked."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from py_cachify import MemoryClient
from py_cachify.backends.memory import MemoryBackend
from py_cachify.commands import Refusal
from simulations import InvariantError, Poisson, StoreError, Trace, bundled_trace, open_store, parse_holding, replay
from simulations.history.events import Event
from simulations.stores.store import Store


pytestmark = pytest.mark.quick


def short_run(jobs: int = 400, seed: int = 3) -> Poisson:
    return Poisson(rate=6, holding=parse_holding('exp:1'), jobs=jobs, seed=seed)


def events(*rows: tuple[float, str, int, int, int]) -> list[Event]:
    return [Event(time, what, job, '', occupancy, running) for time, what, job, occupancy, running in rows]


def test_three_jobs_in_a_pool_of_two_give_the_history_that_one_expects(anywhere: str) -> None:
    """The third job finds the pool full; the others release at the end of their holding times."""
    result = replay(Trace([(0, 5), (1, 5), (2, 5)]), max_size=2, store=anywhere)

    assert list(result.history) == events(
        (0, 'granted', 0, 1, 1),
        (1, 'granted', 1, 2, 2),
        (2, 'refused', 2, 2, 2),
        (5, 'released', 0, 1, 1),
        (6, 'released', 1, 0, 0),
    )


def test_a_slot_expires_and_its_body_goes_on(anywhere: str) -> None:
    """At the instant of expiry another job can take the slot while the first body still runs."""
    result = replay(Trace([(0, 10), (4, 1)]), max_size=1, slot_exp=4, store=anywhere)

    assert list(result.history) == events(
        (0, 'granted', 0, 1, 1),
        (4, 'expired', 0, 0, 1),
        (4, 'granted', 1, 1, 2),
        (5, 'released', 1, 0, 1),
        (10, 'overran', 0, 0, 0),
    )
    assert result.figures.expired_while_running == 1
    assert (result.figures.overrun_mean, result.figures.drain) == (0, 6)
    later = replay(Trace([(0, 10), (4, 1), (10, 0)]), max_size=1, slot_exp=4, store=anywhere)
    assert later.figures.overrun_mean == pytest.approx(6 / 10)
    assert result.figures.overrun_peak == 1


def test_a_slot_that_becomes_free_can_be_taken_at_the_same_instant(anywhere: str) -> None:
    """Bodies end before jobs arrive, a job of length 0 before the next arrival of that instant."""
    jobs = Trace([(0, 3), (3, 0), (3, 0), (3, 2), (5, 1)])

    assert replay(jobs, max_size=1, store=anywhere).figures.refused == 0


def test_the_figures_are_those_one_computes_by_hand() -> None:
    """Two jobs of 4 s at 0 and 2 s, a third refused at 3 s: occupancy 1, 1, 2 until then."""
    figures = replay(Trace([(0, 4), (2, 4), (3, 1)]), max_size=2).figures

    assert (figures.jobs, figures.granted, figures.refused) == (3, 2, 1)
    assert figures.refusal_share == pytest.approx(1 / 3)
    assert figures.occupancy_mean == pytest.approx(4 / 3)
    assert (figures.occupancy_peak, figures.running_peak) == (2, 2)
    assert (figures.first, figures.last, figures.warm_up, figures.drain, figures.measured) == (0, 6, 0, 3, 3)
    assert [figures.utilisation, figures.throughput] == pytest.approx([4 / 3 / 2, 2 / 3])


def test_means_begin_with_the_first_arrival() -> None:
    """A trace may start at any instant, also before 0."""
    for start in (-50.0, 0.0, 1.4e9):
        figures = replay(Trace([(start, 4), (start + 2, 2), (start + 4, 0)]), max_size=2).figures
        assert figures.occupancy_mean == pytest.approx(6 / 4)


def test_jobs_of_one_instant_have_means_over_the_entire_run() -> None:
    """No time passes while they arrive, so the time in which they end is measured instead."""
    figures = replay(Trace([(7, 2), (7, 4)]), max_size=2).figures

    assert (figures.occupancy_mean, figures.measured, figures.drain) == (6 / 4, 4, 4)


def test_jobs_with_keys_have_pools_of_their_own(anywhere: str) -> None:
    """Each key has a pool of ``max_size``; jobs with different keys do not affect each other."""
    jobs = Trace([(0, 5, 'a'), (1, 5, 'b'), (2, 5, 'a'), (3, 5, None)])
    result = replay(jobs, max_size=1, store=anywhere, audit=True)

    assert [(event.job, event.key) for event in result.history if event.what == 'refused'] == [(2, 'a')]
    assert (result.figures.pools, result.figures.occupancy_peak, result.figures.running_peak) == (3, 1, 3)
    # At 0, 1 and 3 s a job takes a slot, and means end with the last arrival, at 3 s.
    assert result.figures.utilisation == pytest.approx(5 / 3 / 3)
    others = replay(Trace([(job.arrival, job.holding, job.key and 'other ' + job.key) for job in jobs]), max_size=1)
    assert others.history_hash != result.history_hash


def test_the_same_seed_gives_the_same_history_byte_for_byte_on_every_store(socket: str) -> None:
    """Memory, fakeredis and a real server decide alike, event by event."""
    csv = {
        store: replay(short_run(), max_size=5, slot_exp=0.5, store=store, audit=True).history.to_csv()
        for store in ('memory', 'fakeredis', f'unix://{socket}')
    }

    assert len(set(csv.values())) == 1
    assert csv['memory'].count('\n') > 800


def test_another_seed_gives_another_history() -> None:
    """The hash differs for different runs, and is equal for a repeated run."""
    hashes = [replay(short_run(seed=seed), max_size=5, slot_exp=0.5).history.hash() for seed in (1, 1, 2)]

    assert hashes[0] == hashes[1] != hashes[2]


def test_the_real_trace_keeps_every_promise_under_audit() -> None:
    """20,000 jobs of a real cluster run, and the store is counted after every event."""
    result = replay(bundled_trace(), max_size=200, slot_exp=3 * 86400, audit=True)

    assert result.violations == []
    assert (result.figures.jobs, result.skipped) == (19_996, {'without a run time': 4})
    assert result.figures.occupancy_peak == 200
    assert result.figures.running_peak > 200


class _Miscounts(MemoryClient):
    """Lets one holder too many in."""

    def take_slot(self, key: str, token: str, max_size: int, slot_exp: float | None) -> bool | Refusal:
        return super().take_slot(key, token, max_size + 1, slot_exp)


class _RefusesEarly(MemoryClient):
    """Says full while a slot is free."""

    def take_slot(self, key: str, token: str, max_size: int, slot_exp: float | None) -> bool | Refusal:
        return super().take_slot(key, token, max_size - 1, slot_exp)


class _NeverExpires(MemoryClient):
    """Keeps a slot past its expiry."""

    def take_slot(self, key: str, token: str, max_size: int, slot_exp: float | None) -> bool | Refusal:
        return super().take_slot(key, token, max_size, None)


class _DropsAnother(MemoryClient):
    """Releases whichever slot comes first."""

    def drop_slot(self, key: str, token: str) -> bool:
        return super().drop_slot(key, min(self._slots.live.get(key, {token: 0.0})))


class _Leaks(MemoryClient):
    """Says released, and keeps the slot of the last job."""

    def drop_slot(self, key: str, token: str) -> bool:
        return token == '4' or super().drop_slot(key, token)


class _StoreWith(Store):
    def __init__(self, client: Callable[[Callable[[], float]], MemoryClient]) -> None:
        super().__init__('broken')
        self._make = client

    def backend(self, clock: Callable[[], float]) -> MemoryBackend:
        return MemoryBackend(self._make(clock))


@pytest.mark.parametrize(
    ('broken', 'rule', 'jobs'),
    [
        (_Miscounts, 'occupancy', [(0, 9), (1, 9), (2, 9)]),
        (_RefusesEarly, 'honest refusal', [(0, 9), (1, 9)]),
        (_NeverExpires, 'honest refusal', [(0, 9), (1, 9), (4, 9)]),
        (_NeverExpires, 'own release', [(0, 9)]),
        (_DropsAnother, 'honest refusal', [(0, 9), (1, 1), (4.5, 9), (4.6, 9)]),
        (_Leaks, 'at rest', [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]),
    ],
)
def test_a_store_that_breaks_a_promise_is_found_out(
    broken: type[MemoryClient], rule: str, jobs: list[tuple[float, float]]
) -> None:
    """The run stops at the first broken promise, names it, and shows the events before it."""
    with pytest.raises(InvariantError) as stopped:
        replay(Trace(jobs), max_size=2, slot_exp=4, store=_StoreWith(broken))

    assert stopped.value.violation.rule == rule
    assert stopped.value.events == list(stopped.value.result.history)[-12:]
    assert len(stopped.value.result.violations) == 1
    assert rule in str(stopped.value)


def test_a_store_that_lies_about_its_size_is_found_out_by_an_audit() -> None:
    """If the replies hide a fault, the count after every event reveals it."""

    class KeepsTwice(MemoryClient):
        def take_slot(self, key: str, token: str, max_size: int, slot_exp: float | None) -> bool | Refusal:
            super().take_slot(key, f'{token} again', max_size, slot_exp)
            return super().take_slot(key, token, max_size, slot_exp)

    jobs = Trace([(0, 1), (5, 1)])
    with pytest.raises(InvariantError, match='the store counts 2 slots, but 1 are taken'):
        replay(jobs, max_size=9, slot_exp=4, store=_StoreWith(KeepsTwice), audit=True)


def test_a_run_leaves_nothing_behind_and_touches_nothing_else(server: 'redis.Redis', socket: str) -> None:
    """On a shared server, a run creates and removes only its own keys, even if it is stopped."""
    server.set('theirs', 'kept')

    class Interrupting(Trace):
        def __iter__(self) -> Any:
            yield from list(super().__iter__())[:2]
            assert len(server.keys('pool-sim-*')) == 1
            assert 0 < server.pttl(server.keys('pool-sim-*')[0]) <= 86_400_000
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(Interrupting([(0, 9), (1, 9), (2, 9)]), max_size=5, store=f'unix://{socket}')
    replay(short_run(), max_size=5, slot_exp=0.5, store=f'unix://{socket}')

    assert server.keys('*') == [b'theirs']


def test_one_open_store_serves_one_run_after_another(socket: str) -> None:
    """Consecutive runs on an open store do not see each other's slots."""
    with open_store(f'unix://{socket}') as store:
        hashes = {replay(short_run(50), max_size=2, slot_exp=9, store=store).history.hash() for _ in range(3)}

    assert len(hashes) == 1


def test_the_report_names_the_formula_or_says_why_there_is_none() -> None:
    """The formula has its own line, and its numbers appear next to the measured ones."""
    known = str(replay(short_run(), max_size=5, slot_exp=0.5))
    unknown = str(replay(Trace([(0, 4), (2, 4)]), max_size=2))

    assert "theory                 Erlang's loss system M/G/5/5" in known
    assert 'theory 5.96%' in known
    assert 'theory 3.422' in known
    assert 'theory                 does not apply. Recorded arrivals follow no known law' in unknown


def test_a_store_that_cannot_be_had_is_named() -> None:
    """An unknown name or a silent server raises ``StoreError`` without the password."""
    with pytest.raises(StoreError, match=r"no store 'disk': choose memory, fakeredis, valkey"):
        replay(short_run(), max_size=5, store='disk')
    with pytest.raises(StoreError, match='does not answer') as error:
        replay(short_run(), max_size=5, store='redis://me:secret@127.0.0.1:1/0')
    assert 'secret' not in str(error.value)


def test_a_wrong_size_or_life_is_refused_before_anything_happens() -> None:
    """The workbench accepts the same values as the library."""
    with pytest.raises(ValueError, match='max_size must be at least 1, got 0'):
        replay(short_run(), max_size=0)
    with pytest.raises(ValueError, match='slot_exp must be more than 0'):
        replay(short_run(), max_size=1, slot_exp=-1)


def test_a_workload_without_jobs_has_figures_too() -> None:
    """If nothing arrives, the figures show no refusals and no time, and nothing crashes."""
    result = replay(Poisson(rate=0.001, holding=parse_holding('exp:1'), horizon=0.001, seed=1), max_size=1)

    assert (result.figures.jobs, result.figures.refusal_share, result.figures.occupancy_mean) == (0, 0.0, 0.0)
    assert 'no job arrived' in str(result)
    result.plot_occupancy()
    result.plot_slots()


def test_whole_numbers_and_others_give_the_same_history(anywhere: str) -> None:
    """Memory would add integers exactly, but a server has floats only."""
    jobs = Trace([(2**53, 5), (2**53, 5)])

    assert replay(jobs, max_size=1, slot_exp=1, store=anywhere, audit=True).figures.granted == 2


def test_ten_thousand_billion_slots_are_no_reason_to_wait() -> None:
    """The formula stops at the size from which on nothing is refused."""
    assert replay(short_run(50), max_size=2**31 - 1).theory is not None
    with pytest.raises(ValueError, match='max_size must be at most 2147483647'):
        replay(short_run(50), max_size=2**31)
