"""Instants that coincide on paper coincide in a run, although floats round them differently."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulations import Network, Result, Retry, Synthetic, Trace, read_trace, replay
from simulations.engine.timers import Clock


pytestmark = pytest.mark.quick

INTERVALS = ['0.1', '0.01', '0.3', '0.7', '0.007', '86.4']
SIZES = [1, 2, 3, 5, 7, 30]

ENGINES: dict[str, dict[str, Any]] = {'immediate': {}, 'stepwise': {'network': Network()}}


def times(interval: str, count: int) -> float:
    """Return a multiple of a decimal number, rounded once."""
    return float(Decimal(interval) * count)


def decimal_jobs(first: str, interval: str, size: int, jobs: int) -> list[tuple[float, float]]:
    """Return jobs as they stand in a file, in decimals: of D/D/c at a load of c."""
    holding = times(interval, size)
    return [(float(Decimal(first) + Decimal(interval) * count), holding) for count in range(jobs)]


def assert_all_fit(run: Result, size: int) -> None:
    """Each job takes the slot of the one that ends as it arrives."""
    assert run.figures.refused == 0
    assert run.figures.occupancy_peak == size


@pytest.mark.parametrize('engine', ENGINES)
@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('interval', INTERVALS)
def test_evenly_spaced_jobs_of_constant_length_fit(interval: str, size: int, engine: str) -> None:
    """D/D/c at a load of c refuses nobody, for as long as it runs."""
    workload = Synthetic(f'periodic:{interval}', f'const:{times(interval, size)!r}', jobs=1000)

    assert_all_fit(replay(workload, max_size=size, history=False, **ENGINES[engine]), size)
    # With a slot more than needed, that one stays free.
    assert_all_fit(replay(workload, max_size=size + 1, history=False, **ENGINES[engine]), size)


@pytest.mark.parametrize('engine', ENGINES)
@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('interval', INTERVALS)
def test_a_slot_that_expires_as_a_job_arrives_is_free(interval: str, size: int, engine: str) -> None:
    """The bodies run on, so only expiries free slots."""
    workload = Synthetic(f'periodic:{interval}', 'const:9999999', jobs=1000)
    life = times(interval, size)

    assert_all_fit(replay(workload, max_size=size, slot_exp=life, history=False, **ENGINES[engine]), size)


@pytest.mark.parametrize(('share', 'size'), [(3, 1), (3, 2), (3, 7), (7, 3), (7, 5), (11, 4)])
def test_intervals_that_no_float_can_hold_fit_too(share: int, size: int) -> None:
    """A third of a second, or a seventh, is rounded in binary and in decimal."""
    interval = 1 / share
    for holding in (size * interval, size / share, float(f'{size / share:.15g}')):
        workload = Synthetic(f'periodic:{interval!r}', f'const:{holding!r}', jobs=2000)
        assert_all_fit(replay(workload, max_size=size, history=False), size)


@pytest.mark.parametrize('first', ['0', '-1000', '-5.5', '1700000000', '1700000000.123'])
@pytest.mark.parametrize('interval', ['0.1', '0.01', '0.25', '0.003'])
@pytest.mark.parametrize('size', [1, 3, 7])
def test_recorded_jobs_with_decimal_instants_fit(first: str, interval: str, size: int) -> None:
    """The clock of a trace may start anywhere, and floats are coarse far from 0."""
    trace = Trace(decimal_jobs(first, interval, size, 1000))

    assert_all_fit(replay(trace, max_size=size, history=False), size)


def test_a_file_of_recorded_jobs_fits(tmp_path: Path) -> None:
    """They are read from their decimal text."""
    path = tmp_path / 'jobs.csv'
    rows = [f'{Decimal("0.1") * count},0.3' for count in range(1000)]
    path.write_text('\n'.join(['arrival,holding', *rows]))

    assert_all_fit(replay(read_trace(path), max_size=3, history=False), 3)


@pytest.mark.parametrize('together', [2, 5])
def test_jobs_that_arrive_together_fit(together: int) -> None:
    """The ends that come a rounding later are waited for once, by the whole batch."""
    workload = Synthetic(f'periodic:0.1:{together}', 'const:0.3', jobs=3000)

    assert_all_fit(replay(workload, max_size=3 * together, history=False), 3 * together)


@pytest.mark.parametrize('engine', ENGINES)
@pytest.mark.parametrize('attempts', range(2, 40))
def test_a_job_that_tries_again_as_a_slot_becomes_free_gets_it(attempts: int, engine: str) -> None:
    """The pauses add up to the end of the body on paper, and nearly so in floats."""
    jobs = [(0.0, times('0.1', attempts)), (0.1, 1.0)]
    run = replay(Trace(jobs), max_size=1, on_refusal=Retry('const:0.1'), **ENGINES[engine])

    assert run.figures.attempts - run.figures.jobs == attempts - 1


def test_jobs_that_try_again_together_all_see_the_ends_of_that_instant() -> None:
    """Other jobs that ask at this instant do not hide an end that is a rounding later."""
    waiting = [(0.1, 1.0)] * 20
    for attempts in range(2, 40):
        trace = Trace([(0.0, times('0.1', attempts)), *waiting])
        run = replay(trace, max_size=1, on_refusal=Retry('const:0.1', tries=99))
        grants = [event for event in run.history if event.what == 'granted']
        assert grants[1].time == pytest.approx(times('0.1', attempts), rel=1e-12)


def test_the_history_is_the_same_on_every_store() -> None:
    """So is the order of events at each instant."""
    workload = Synthetic('periodic:0.1', 'const:0.3', jobs=300)
    for how in ENGINES.values():
        hashes = {replay(workload, max_size=3, slot_exp=0.6, store=store, **how).history_hash for store in STORES}
        assert len(hashes) == 1


STORES = ('memory', 'fakeredis')


@pytest.mark.parametrize('first', [0.0, 1_700_000_000.0])
def test_a_job_that_arrives_before_an_end_is_refused(first: float) -> None:
    """A microsecond after some minutes, or ten where seconds count from 1970, is no rounding."""
    early = 1e-6 if not first else 1e-5
    jobs = [(first, 500.0), (first + 500 - early, 1.0)]

    assert replay(Trace(jobs), max_size=1).figures.refused == 1


def test_one_look_at_the_queue_is_enough_for_all_jobs_of_an_instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look costs as much as there are events at the instant; a thousand looks would be felt."""
    looks: list[float] = []
    look = Clock._last_end

    def counted(clock: Clock, limit: float, before: int) -> float:
        looks.append(limit)
        return look(clock, limit, before)

    monkeypatch.setattr(Clock, '_last_end', counted)
    replay(Trace([(0.0, 9.0), *[(1.0, 1.0)] * 1000]), max_size=1, on_refusal=Retry('const:1', tries=4), history=False)

    assert 1 < len(looks) < 20
