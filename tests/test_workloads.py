"""Workloads: what a trace file or a distribution turns into, and what is said of records left out."""

import gzip
from collections import Counter
from pathlib import Path

import pytest

from simulations import Job, Poisson, Trace, TraceError, bundled_trace, parse_holding, read_swf


HEADER = '; Version: 2.2\n;\n'


def record(submit: str, run: str, *, user: str = '7', queue: str = '1') -> str:
    fields = ['1', submit, '5', run, *['-1'] * 7, user, '-1', '-1', queue, '-1', '-1', '-1']
    return ' '.join(fields) + '\n'


def swf(folder: Path, *records: str) -> Path:
    path = folder / 'log.swf'
    path.write_text(HEADER + ''.join(records))
    return path


def test_a_job_of_a_log_arrives_when_submitted_and_holds_for_its_run_time(tmp_path: Path) -> None:
    """One job is one slot; its wait in the cluster's queue is not the pool's."""
    trace = read_swf(swf(tmp_path, record('10', '60'), record('20', '358.00'), record('30', '0')))

    assert list(trace) == [Job(10, 60), Job(20, 358), Job(30, 0)]
    assert (trace.name, trace.expected_jobs, trace.skipped) == ('log.swf', 3, {})


def test_a_log_may_be_compressed(tmp_path: Path) -> None:
    """Gzip is known by its first bytes, whatever the file is called."""
    path = tmp_path / 'log.swf'
    path.write_bytes(gzip.compress((HEADER + record('1', '2')).encode()))

    assert list(read_swf(path)) == [Job(1, 2)]


def test_records_that_cannot_be_used_are_counted_by_reason(tmp_path: Path) -> None:
    """Nothing is dropped in silence."""
    records = [record('1', '2'), record('2', '-1'), record('3', '-1'), record('-1', '4'), record('x', '4'), '1 2 3\n']

    assert read_swf(swf(tmp_path, *records)).skipped == {
        'without a run time': 2,
        'without a submit time': 1,
        'with a submit or run time that is no number': 1,
        'without 18 fields': 1,
    }


def test_records_out_of_order_are_put_in_order(tmp_path: Path) -> None:
    """Jobs of one instant keep the order of the file."""
    trace = read_swf(swf(tmp_path, record('5', '1'), record('3', '2'), record('5', '3'), record('3', '4')))

    assert list(trace) == [Job(3, 2), Job(3, 4), Job(5, 1), Job(5, 3)]


@pytest.mark.parametrize(('key', 'name'), [('user', 'user-42'), ('queue', 'queue-3')])
def test_a_pool_for_each_user_or_queue(tmp_path: Path, key: str, name: str) -> None:
    """The key is read from the record's field."""
    trace = read_swf(swf(tmp_path, record('5', '1', user='42', queue='3')), key)  # type: ignore[arg-type]

    assert list(trace) == [Job(5, 1, name)]


@pytest.mark.parametrize(
    ('content', 'complaint'),
    [
        (b'a,b\n1,2\n', 'is not in the Standard Workload Format: none of its 2 records'),
        (b'', 'is not in the Standard Workload Format: none of its 0 records'),
        (b'\x1f\x8b\x08\x00 not gzip at all', 'cannot read the trace'),
    ],
)
def test_what_is_no_log_is_refused_with_its_name(tmp_path: Path, content: bytes, complaint: str) -> None:
    """One line says which file and what is wrong with it."""
    path = tmp_path / 'jobs'
    path.write_bytes(content)

    with pytest.raises(TraceError, match=complaint) as error:
        read_swf(path)
    assert str(path) in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """As any other that cannot be read."""
    with pytest.raises(TraceError, match=r'cannot read the trace .*nowhere'):
        read_swf(tmp_path / 'nowhere')


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
        ({'rate': float('nan'), 'jobs': 1}, 'rate must be more than 0'),
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
