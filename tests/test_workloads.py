"""Workloads: what jobs a distribution or a list of them turns into."""

from array import array
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations import Job, Poisson, Trace, bundled_trace, parse_holding, read_table


def test_the_bundled_trace_is_the_whole_log() -> None:
    """20,000 records, four of which have no run time; 61 jobs of length 0."""
    jobs = list(bundled_trace())

    assert len(jobs) == 19_996
    assert bundled_trace().skipped == {'without a run time': 4}
    assert Counter(job.holding == 0 for job in jobs)[True] == 61
    assert jobs == sorted(jobs, key=lambda job: job.arrival)


def test_a_workload_gives_the_same_jobs_each_time() -> None:
    """Also a random one, and the name says what it is."""
    workload = Poisson(rate=2, holding=parse_holding('lognormal:0:1'), jobs=50, seed=9)

    assert list(workload) == list(workload)
    assert workload.name == 'Poisson arrivals, 2 a second, holding lognormal:0:1'


def test_arrivals_and_holding_times_have_streams_of_their_own() -> None:
    """Another distribution of holding times leaves every arrival where it was, and the reverse."""
    jobs = list(Poisson(rate=2, holding=parse_holding('exp:1'), jobs=50, seed=9))
    others = list(Poisson(rate=2, holding=parse_holding('uniform:1:2'), jobs=50, seed=9))
    denser = list(Poisson(rate=4, holding=parse_holding('exp:1'), jobs=50, seed=9))

    assert [job.arrival for job in jobs] == [job.arrival for job in others]
    assert [job.holding for job in jobs] == [job.holding for job in denser]


def test_arrivals_end_at_the_horizon_or_after_so_many_jobs() -> None:
    """Whichever comes first."""
    holding = parse_holding('const:1')
    until = list(Poisson(rate=10, holding=holding, horizon=30, seed=1))

    assert 200 < len(until) < 400
    assert until[-1].arrival <= 30
    assert list(Poisson(rate=10, holding=holding, horizon=30, jobs=20, seed=1)) == until[:20]


@pytest.mark.parametrize(
    ('arguments', 'complaint'),
    [
        ({'rate': 0.0, 'jobs': 1}, 'rate must be more than 0'),
        ({'rate': float('nan'), 'jobs': 1}, 'rate must be a number, got nan'),
        ({'rate': 1.0}, 'say when to stop'),
        ({'rate': 1.0, 'jobs': 0}, 'jobs must be a whole number of at least 1, got 0'),
        ({'rate': 1.0, 'horizon': -1.0}, 'horizon must be more than 0'),
    ],
)
def test_a_workload_that_cannot_be_is_refused(arguments: dict[str, float], complaint: str) -> None:
    """When it is made, naming the argument and its value."""
    with pytest.raises(ValueError, match=complaint):
        Poisson(holding=parse_holding('exp:1'), **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize('job', [(float('nan'), 1.0), (float('inf'), 1.0), (0.0, -1.0), (0.0, float('inf'))])
def test_a_job_that_cannot_be_is_refused(job: tuple[float, float]) -> None:
    """No job arrives never, or holds for a negative time."""
    with pytest.raises(ValueError, match='a job needs a finite arrival'):
        Trace([job])


SECONDS = st.one_of(st.integers(0, 5).map(float), st.floats(0, 1e9))
JOBS = st.lists(st.tuples(SECONDS, SECONDS, st.sampled_from([None, 'a', 'b', 'c,"d"\n'])), max_size=30)


@given(JOBS)
def test_a_trace_holds_the_jobs_given_in_order_of_arrival(jobs: list[tuple[float, float, str | None]]) -> None:
    """Listed or as columns, with or without keys; those of one instant in the order given."""
    names = ['c,"d"\n', 'b', 'a']
    columns = Trace.from_columns(
        array('d', [job[0] for job in jobs]),
        [job[1] for job in jobs],
        np.array([-1 if job[2] is None else names.index(job[2]) for job in jobs], np.int64),
        names,
    )
    expected = sorted((Job(*job) for job in jobs), key=lambda job: job.arrival)

    assert list(Trace(jobs)) == list(columns) == expected
    assert Trace(jobs).expected_jobs == columns.expected_jobs == len(jobs)
    assert list(Trace([job[:2] for job in jobs])) == [job._replace(key=None) for job in expected]
    assert all(type(job.arrival) is type(job.holding) is float for job in columns)


def test_a_trace_of_many_jobs_is_gone_through_piece_by_piece() -> None:
    """Nothing is lost or repeated where one piece ends and the next begins."""
    jobs = [Job(float(number), 1.0, str(number % 7)) for number in range(10_000)]

    assert list(Trace(jobs)) == jobs


@given(JOBS.filter(len))
def test_a_trace_that_was_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, jobs: list[tuple[float, float, str | None]]
) -> None:
    """To the last digit, keys included."""
    path = tmp_path_factory.mktemp('written') / 'jobs.csv'
    Trace(jobs).to_csv(path)

    assert [(job.arrival, job.holding, job.key and job.key.strip()) for job in Trace(jobs)] == list(read_table(path))


def test_a_trace_without_keys_is_written_without_that_column(tmp_path: Path) -> None:
    """Two columns, every digit."""
    Trace([(1, 0.1), (0.5, 2)]).to_csv(tmp_path / 'jobs.csv')

    assert (tmp_path / 'jobs.csv').read_bytes() == b'arrival,holding\n0.5,2.0\n1.0,0.1\n'


@pytest.mark.parametrize(
    ('columns', 'kind', 'complaint'),
    [
        (([0, 1], [5]), ValueError, r'must be of one length, got \[\(2,\), \(1,\)\]'),
        (([0, 1], [5, 5], [0]), ValueError, 'must be of one length'),
        (([[0]], [[5]]), ValueError, 'must be of one length'),
        (([0, 1], [5, -1]), ValueError, r'got \(1\.0, -1\.0\)'),
        (([0, float('nan')], [5, 1]), ValueError, 'a job needs a finite arrival'),
        (([0, float('-inf')], [5, float('inf')]), ValueError, 'a job needs a finite arrival'),
        (([0, 1], [5, 5], [0, 1], ['a']), ValueError, 'keys must be places in the 1 key_names, or -1, got 0 to 1'),
        (([0, 1], [5, 5], [-2, 0], ['a']), ValueError, 'keys must be places in the 1 key_names, or -1, got -2 to 0'),
        (([0], [5], [0], [7]), TypeError, 'a job is .* not'),
    ],
)
def test_columns_that_make_no_jobs_are_refused(columns: Any, kind: type[Exception], complaint: str) -> None:
    """With the first job that cannot be."""
    with pytest.raises(kind, match=complaint):
        Trace.from_columns(*columns)
