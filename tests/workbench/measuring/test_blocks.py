"""What is made of a run in blocks of thousands of events is what one makes of it event by event."""

import itertools
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations import Poisson, Result, Trace, replay
from simulations.measuring.holders import Holders
from simulations.measuring.series import Series
from simulations.measuring.timeline import Envelope
from simulations.workloads.refusals import Leave, Retry


SECONDS = st.one_of(st.integers(0, 6).map(float), st.floats(0, 20))
JOBS = st.lists(st.tuples(SECONDS, SECONDS, st.sampled_from([None, 'a'])), min_size=1, max_size=40)
RUNS = st.fixed_dictionaries(
    {
        'max_size': st.integers(1, 4),
        'slot_exp': st.sampled_from([1.0, 2.5, 100.0]),
        'on_refusal': st.sampled_from([Leave(), Retry('exp:1', tries=3)]),
        'crash_probability': st.sampled_from([0.0, 0.4]),
    }
)


@pytest.fixture(params=[1, 7, 8192], ids='in blocks of {}'.format)
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Set how many events are handed on together."""
    monkeypatch.setattr('simulations.engine.immediate.BLOCK', request.param)
    size: int = request.param
    return size


def levels(result: Result) -> Iterator[tuple[float, float, tuple[int, int, int], tuple[int, int, int]]]:
    """Yield, for each event, its instant, the seconds since the last, and the counts around it."""
    held: set[int] = set()
    running: set[int] = set()
    before, last = (0, 0, 0), None
    for event in result.history:
        match event.what:
            case 'granted':
                held.add(event.job)
                running.add(event.job)
            case 'released':
                held.remove(event.job)
                running.remove(event.job)
            case 'expired' | 'recovered':
                held.remove(event.job)
            case 'overran' | 'crashed':
                running.remove(event.job)
        after = (len(held), len(running), len(running - held))
        yield event.time, event.time - (event.time if last is None else last), before, after
        before, last = after, event.time


@settings(max_examples=60, deadline=None)
@given(JOBS, RUNS)
def test_figures_are_those_of_a_count_event_by_event(jobs: Any, run: dict[str, Any]) -> None:
    """Means, peaks, shares, attempts, crashes and recoveries equal a count event by event."""
    result = replay(Trace(jobs), **run)
    rows, figures = list(levels(result)), result.figures
    arrived = max({event.job: place for place, event in reversed(list(enumerate(result.history)))}.values())
    means = rows[: arrived + 1] if rows[0][0] < rows[arrived][0] else rows
    whole = sum(seconds for _, seconds, _, _ in means)
    whats = [event.what for event in result.history]

    def mean(which: int) -> float:
        return sum(before[which] * seconds for _, seconds, before, _ in means) / whole if whole else 0.0

    assert figures.occupancy_mean == pytest.approx(mean(0))
    assert figures.running_mean == pytest.approx(mean(1))
    assert figures.overrun_mean == pytest.approx(mean(2))
    assert figures.running_peak == max(after[1] for *_, after in rows)
    assert figures.overrun_peak == max(after[2] for *_, after in rows)
    assert figures.occupancy_peak == max(event.occupancy for event in result.history)
    assert figures.attempts == sum(what in ('granted', 'refused', 'retrying') for what in whats)
    assert figures.jobs == len(jobs) == figures.granted + figures.refused
    assert (figures.crashed, figures.recovered) == (whats.count('crashed'), whats.count('recovered'))
    assert figures.crashed == figures.recovered
    for which, shares in ((0, result.occupancy_shares), (2, result.overrun_shares)):
        spent = [sum(s for _, s, before, _ in means if before[which] == count) for count in range(len(shares))]
        assert shares.tolist() == pytest.approx([each / whole for each in spent] if whole else [1.0])


@pytest.mark.parametrize('on_refusal', [Leave(), Retry('exp:1', tries=3)], ids=str)
def test_the_size_of_a_block_changes_nothing(block: int, on_refusal: Leave | Retry) -> None:
    """Figures, shares, series and timeline are the same, and the hash is that of the history."""
    result = replay(
        Poisson(6, 'exp:1', jobs=2998, seed=5),
        max_size=5,
        slot_exp=0.5,
        crash_probability=0.1,
        on_refusal=on_refusal,
    )
    rows = list(levels(result))
    edges, occupancy, running, *_ = result.timeline.envelope()

    assert result.history_hash == result.history.hash()
    assert result.timeline.steps() is None
    for band, which in ((occupancy, 0), (running, 1)):
        assert band.maximum.max() == max(after[which] for *_, after in rows)
        lengths = np.append(edges[1:-1], rows[-1][0]) - edges[:-1]
        mean = sum(before[which] * seconds for _, seconds, before, _ in rows)
        assert band.mean @ lengths == pytest.approx(mean)
    assert_envelope(result.timeline.envelope(), rows)
    assert_series(result.estimates.series, result)


def assert_envelope(envelope: Envelope, rows: list[Any]) -> None:
    """Assert that each span has the minimum and the maximum of its counts."""
    times = [time for time, *_ in rows]
    for which, band in ((0, envelope.occupancy), (1, envelope.running)):
        after = [row[3][which] for row in rows]
        for number, (begin, end) in enumerate(itertools.pairwise(envelope.edges)):
            first = int(np.searchsorted(times, begin, side='left'))
            past = int(np.searchsorted(times, end, side='left'))
            there = after[max(first - 1, 0) : max(past, 1)]
            assert band.minimum[number] == min(there)
            assert band.maximum[number] == max(there)
            assert band.minimum[number] - 1e-9 <= band.mean[number] <= band.maximum[number] + 1e-9


def assert_series(series: Series, result: Result) -> None:
    """Assert that stretches have equal numbers of arrivals and sum up all that happened in them."""
    history = list(result.history)
    first = {event.job: place for place, event in reversed(list(enumerate(history)))}
    last, width = max(first.values()), 4
    stretches = -(-len(first) // width)
    jobs, refused, overrun = np.zeros(stretches), np.zeros(stretches), np.zeros(stretches)
    arrived = -1
    for place, ((_, seconds, before, _), event) in enumerate(zip(levels(result), history, strict=True)):
        before_it = max(arrived, 0) // width
        arrived += first[event.job] == place
        stretch = max(arrived, 0) // width
        jobs[stretch] += event.what in ('granted', 'refused')
        refused[stretch] += event.what == 'refused'
        if place <= last:
            overrun[before_it] += before[2] * seconds
    cut = stretches - len(series.jobs)
    assert cut % 4 == 0 < cut < stretches // 4
    assert jobs[cut:].tolist() == series.jobs.tolist()
    assert refused[cut:].tolist() == series.refused.tolist()
    assert overrun[cut:].tolist() == pytest.approx(series.overrun.tolist())


def as_jobs(holders: Holders) -> dict[int, tuple[float, float, float, bool]]:
    return {
        int(job): (float(granted), float(slot), float(body), bool(crashed))
        for job, granted, slot, body, crashed in zip(*holders, strict=True)
    }


def test_the_part_that_is_kept_knows_who_was_running_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The part knows as much about its holders as the history does, up to its end."""
    monkeypatch.setattr('simulations.engine.immediate.BLOCK', 50)
    run = replay(
        Poisson(6, 'exp:1', jobs=3000, seed=5),
        max_size=5,
        slot_exp=0.9,
        crash_probability=0.1,
        on_refusal=Retry('exp:1'),
    )
    first, last = run.part.block.times[0], run.part.block.times[-1]
    known, whole = as_jobs(run.part.holders()), as_jobs(run.known_part.holders())

    assert 50 < len(run.part.block.times) < 300
    assert first > run.figures.last / 3
    assert len(run.part.before.jobs)
    for job, (granted, slot_until, body_until, crashed) in whole.items():
        if granted <= last and max(slot_until, body_until) > first:
            seen = known.pop(job)
            assert seen[0] == granted
            if max(slot_until, body_until) < last:
                assert seen == (granted, slot_until, body_until, crashed)
    assert all(max(slot, body) == first or granted == last for granted, slot, body, _ in known.values())
    assert (run.part.block.whats == 3).any()


def test_without_a_history_the_rest_is_the_same() -> None:
    """Figures, intervals, hash and pictures are the same; asking for the history is an error."""
    jobs = Poisson(6, 'exp:1', jobs=500, seed=5)
    kept, not_kept = (replay(jobs, max_size=5, slot_exp=0.5, history=history) for history in (True, False))

    assert not_kept.figures == kept.figures
    assert not_kept.history_hash == kept.history_hash
    assert not_kept.estimates.refusal_share == kept.estimates.refusal_share
    with pytest.raises(ValueError, match=r'was not kept: replay\(\.\.\., history=True\)'):
        _ = not_kept.history


def test_memory_does_not_grow_with_a_run_whose_history_is_not_kept() -> None:
    """Three times the jobs need no more memory; a history needs about 40 bytes for each event."""

    def most(jobs: int, history: bool) -> int:
        workload = Poisson(6, 'exp:1', jobs=jobs, seed=1)
        tracemalloc.start()
        try:
            replay(workload, max_size=5, slot_exp=600, history=history)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # The first run imports what it needs; a short one does not need all of it.
    most(20_000, history=False)
    few, many = most(20_000, history=False), most(60_000, history=False)
    assert many < few + 500_000
    assert most(20_000, history=True) > few + 700_000
