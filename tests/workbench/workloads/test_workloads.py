"""Workloads yield the jobs of their distributions, or those that were listed."""

import itertools
import random
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations import (
    Clients,
    Constant,
    Job,
    Poisson,
    PoissonArrivals,
    Recorded,
    Synthetic,
    Trace,
    Turn,
    Workload,
    Zipf,
    bundled_trace,
    parse_holding,
    read_table,
)


pytestmark = pytest.mark.quick


def test_the_bundled_trace_is_the_whole_log() -> None:
    """20,000 records, four of which have no run time; 61 jobs of length 0."""
    jobs = list(bundled_trace())

    assert len(jobs) == 19_996
    assert bundled_trace().skipped == {'without a run time': 4}
    assert Counter(job.holding == 0 for job in jobs)[True] == 61
    assert jobs == sorted(jobs, key=lambda job: job.arrival)


def test_a_workload_gives_the_same_jobs_each_time() -> None:
    """This holds for random workloads too, and the name describes the workload."""
    workload = Poisson(rate=2, holding=parse_holding('lognormal:0:1'), jobs=50, seed=9)

    assert list(workload) == list(workload)
    assert workload.name == 'Poisson arrivals, 2 a second, holding lognormal:0:1'


def test_arrivals_and_holding_times_have_streams_of_their_own() -> None:
    """Another distribution of holding times changes no arrival, and the reverse."""
    jobs = list(Poisson(rate=2, holding=parse_holding('exp:1'), jobs=50, seed=9))
    others = list(Poisson(rate=2, holding=parse_holding('uniform:1:2'), jobs=50, seed=9))
    denser = list(Poisson(rate=4, holding=parse_holding('exp:1'), jobs=50, seed=9))

    assert [job.arrival for job in jobs] == [job.arrival for job in others]
    assert [job.holding for job in jobs] == [job.holding for job in denser]


PARTS: dict[str, Any] = {'arrivals': 'bursty:1:4:9:1', 'holding': 'exp:1', 'keys': 'zipf:9'}
OTHERS = {'arrivals': 'varying:7:1:5', 'holding': 'lognormal:0:1', 'keys': 'zipf:3:0'}


def columns(**parts: Any) -> dict[str, list[Any]]:
    """Return what each stream of a workload yielded."""
    arrivals, holdings, keys = zip(*Synthetic(**{**PARTS, **parts}, jobs=200, seed=4), strict=True)
    return {'arrivals': list(arrivals), 'holding': list(holdings), 'keys': list(keys)}


@pytest.mark.parametrize('part', list(PARTS))
def test_to_change_one_part_shifts_no_other(part: str) -> None:
    """Arrivals, holding times and keys have separate streams, however much each draws."""
    before, after = columns(), columns(**{part: OTHERS[part]})

    assert [name for name in PARTS if before[name] != after[name]] == [part]


def test_the_streams_are_independent_of_each_other() -> None:
    """One law drawn from two streams yields two sequences, and another seed changes both."""
    jobs = list(Synthetic('poisson:1', 'exp:1', 'zipf:100:0', jobs=500, seed=4))
    gaps = np.diff([0.0, *(job.arrival for job in jobs)])
    holdings = [job.holding for job in jobs]
    keys = [int(str(job.key).removeprefix('user-')) for job in jobs]

    for one, two in itertools.combinations([gaps, holdings, keys], 2):
        assert abs(np.corrcoef(np.array(one), np.array(two))[0, 1]) < 5 / 500**0.5
    other = Synthetic('poisson:1', 'exp:1', 'zipf:100:0', jobs=500, seed=5)
    assert not {job.arrival for job in jobs} & {job.arrival for job in other}
    assert not {job.holding for job in jobs} & {job.holding for job in other}


def test_poisson_is_a_synthetic_workload() -> None:
    """The same jobs, the same words; and the very jobs that it gave when it was alone."""
    poisson = Poisson(6, 'exp:1', jobs=100, seed=7)
    arrivals, holdings = random.Random('7 arrivals'), random.Random('7 holdings')
    now = itertools.accumulate(arrivals.expovariate(6) for _ in range(100))

    assert list(poisson) == list(Synthetic('poisson:6', 'exp:1', jobs=100, seed=7))
    assert list(poisson) == [Job(arrival, holdings.expovariate(1)) for arrival in now]
    assert poisson.name == Synthetic(PoissonArrivals(6), 'exp:1', jobs=1).name
    assert (poisson.rate, poisson.arrivals, poisson.holding) == (6, PoissonArrivals(6), parse_holding('exp:1'))
    assert repr(poisson) == '<Poisson arrivals, 6 a second, holding exp:1, seed 7>'


@pytest.mark.parametrize(
    ('workload', 'description'),
    [
        (Poisson(6, 'exp:1', jobs=9), ('Poisson arrivals, 6 a second, holding exp:1', 9, True, None, None, None)),
        (
            Synthetic('varying:60:1:5', Constant(1), Zipf(3), horizon=99),
            (
                'arrivals at 1 to 5 a second, varying over 60 s, holding const:1, keys zipf:3:1',
                None,
                False,
                60,
                99,
                None,
            ),
        ),
        (
            Synthetic('periodic:2', 'const:1', jobs=5, horizon=4),
            ('an arrival every 2 s, holding const:1', 5, True, 2, 4, None),
        ),
        (
            Synthetic('clients:4:exp:9', 'exp:1', jobs=50),
            ('4 clients that think for exp:9, holding exp:1', 50, True, None, None, Clients(4, 'exp:9')),
        ),
        (
            Synthetic(Recorded([1, 2, 3]), 'exp:1', jobs=50),
            ('the 3 arrivals, holding exp:1', 3, False, None, None, None),
        ),
        (Trace([(0, 1)]), ('1 jobs', 1, False, None, None, None)),
    ],
)
def test_a_workload_says_what_it_is(workload: Workload, description: tuple[Any, ...]) -> None:
    """Its properties say whether it is steady, its period, its horizon and its clients."""
    assert description == (
        workload.name,
        workload.expected_jobs,
        workload.steady,
        workload.period,
        workload.horizon,
        workload.clients,
    )
    assert workload.skipped == {}


def test_recorded_arrivals_end_by_themselves() -> None:
    """They end before the requested number of jobs is reached."""
    assert [job.arrival for job in Synthetic(Recorded([5, 6, 8]), 'exp:1', jobs=50)] == [0, 1, 3]


def turns(client: int, **parts: Any) -> list[Turn]:
    workload = Synthetic(
        **{'arrivals': 'clients:4:exp:9', 'holding': 'exp:1', 'keys': 'zipf:9', 'seed': 3, **parts}, jobs=1
    )
    return list(itertools.islice(workload.turns(client), 100))


def test_each_client_has_streams_of_its_own() -> None:
    """More clients change none of the others, and one part of a turn shifts no other."""
    before = turns(2)
    thinking, holding, keys = map(list, zip(*before, strict=True))

    assert before == turns(2) == turns(2, arrivals='clients:40:exp:9')
    assert not set(thinking) & {turn.thinking for client in (0, 1, 3) for turn in turns(client)}
    assert [turn.holding for turn in turns(2, arrivals='clients:4:lognormal:0:1')] == holding
    assert [turn.key for turn in turns(2, holding='lognormal:0:1')] == keys
    assert [turn.thinking for turn in turns(2, holding='lognormal:0:1', keys=None)] == thinking
    assert thinking != [turn.thinking for turn in turns(2, seed=4)]
    assert [turn.key for turn in turns(2, keys=None)] == [None] * 100
    assert np.mean(thinking) == pytest.approx(9, rel=0.5)


def test_the_jobs_of_clients_cannot_be_listed() -> None:
    """They depend on the pool's answers; and a workload with listed jobs has no turns."""
    calls: list[tuple[Callable[[], object], type[Exception], str]] = [
        (lambda: iter(Synthetic('clients:4:exp:9', 'exp:1', jobs=5)), TypeError, 'cannot be listed: use replay'),
        (lambda: Poisson(6, 'exp:1', jobs=5).turns(0), TypeError, 'Poisson arrivals.* has no clients'),
        (lambda: Trace([(0, 1)]).turns(0), TypeError, 'recorded jobs have no clients'),
        (
            lambda: Synthetic('clients:4:exp:9', 'exp:1', jobs=5).turns(4),
            ValueError,
            'client must be less than 4, got 4',
        ),
        (lambda: Synthetic('clients:4:exp:9', 'exp:1', jobs=5).turns(-1), ValueError, 'client must be at least 0'),
    ]
    for call, kind, complaint in calls:
        with pytest.raises(kind, match=complaint):
            call()


class _Endless:
    steady, period = False, None

    def instants(self, stream: random.Random) -> Iterator[float]:
        return itertools.repeat(1e300)

    def rate(self) -> float:
        return 1.0

    def words(self) -> str:
        return 'jobs at the end of time'


@pytest.mark.parametrize(
    ('parts', 'kind', 'complaint'),
    [
        (
            {'arrivals': 6, 'jobs': 1},
            TypeError,
            "arrivals must be a law of arrivals, or a string such as 'poisson:6', not 6",
        ),
        ({'holding': 1, 'jobs': 1}, TypeError, "holding must be a distribution, or a string such as 'exp:1', not 1"),
        (
            {'keys': 5, 'jobs': 1},
            TypeError,
            "keys must be a law of keys, a string such as 'zipf:100:1', or None, not 5",
        ),
        ({}, ValueError, 'jobs or horizon must be given'),
        ({'jobs': True}, ValueError, 'jobs must be a whole number of at least 1, got True'),
        ({'horizon': 'x'}, TypeError, "horizon must be a number, not 'x'"),
        ({'jobs': 1, 'seed': 'x'}, TypeError, "seed must be a whole number, not 'x'"),
        ({'jobs': 1, 'arrivals': _Endless()}, ValueError, 'a job needs a finite arrival'),
    ],
)
def test_parts_that_make_no_workload_are_refused(parts: dict[str, Any], kind: type[Exception], complaint: str) -> None:
    """The error names the argument and its value."""
    with pytest.raises(kind, match=complaint):
        list(Synthetic(**{'arrivals': 'poisson:6', 'holding': 'exp:1', **parts}))


def test_arrivals_end_at_the_horizon_or_after_so_many_jobs() -> None:
    """The first of the two ends them."""
    holding = parse_holding('const:1')
    until = list(Poisson(rate=10, holding=holding, horizon=30, seed=1))

    assert 200 < len(until) < 400
    assert until[-1].arrival <= 30
    assert list(Poisson(rate=10, holding=holding, horizon=30, jobs=20, seed=1)) == until[:20]


@pytest.mark.parametrize(
    ('arguments', 'complaint'),
    [
        ({'rate': 0.0, 'jobs': 1}, 'rate must be finite and more than 0'),
        ({'rate': float('nan'), 'jobs': 1}, 'rate must be a number, got nan'),
        ({'rate': 1.0}, 'jobs or horizon must be given'),
        ({'rate': 1.0, 'jobs': 0}, 'jobs must be a whole number of at least 1, got 0'),
        ({'rate': 1.0, 'horizon': -1.0}, 'horizon must be more than 0'),
    ],
)
def test_a_workload_that_cannot_be_is_refused(arguments: dict[str, float], complaint: str) -> None:
    """The constructor raises an error that names the argument and its value."""
    with pytest.raises(ValueError, match=complaint):
        Poisson(holding=parse_holding('exp:1'), **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize('job', [(float('nan'), 1.0), (float('inf'), 1.0), (0.0, -1.0), (0.0, float('inf'))])
def test_a_job_that_cannot_be_is_refused(job: tuple[float, float]) -> None:
    """A job must have a finite arrival and a holding time that is not negative."""
    with pytest.raises(ValueError, match='a job needs a finite arrival'):
        Trace([job])


SECONDS = st.one_of(st.integers(0, 5).map(float), st.floats(0, 1e9))
JOBS = st.lists(st.tuples(SECONDS, SECONDS, st.sampled_from([None, 'a', 'b', 'c,"d"\n'])), max_size=30)


@given(JOBS)
def test_a_trace_holds_the_jobs_given_in_order_of_arrival(jobs: list[tuple[float, float, str | None]]) -> None:
    """This holds for lists and columns, with and without keys; ties keep the given order."""
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
    """Nothing is lost or repeated between two chunks."""
    jobs = [Job(float(number), 1.0, str(number % 7)) for number in range(10_000)]

    assert list(Trace(jobs)) == jobs


@given(JOBS.filter(len))
def test_a_trace_that_was_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, jobs: list[tuple[float, float, str | None]]
) -> None:
    """Every digit is kept, and so are the keys."""
    path = tmp_path_factory.mktemp('written') / 'jobs.csv'
    Trace(jobs).to_csv(path)

    assert [(job.arrival, job.holding, job.key and job.key.strip()) for job in Trace(jobs)] == list(read_table(path))


def test_a_trace_without_keys_is_written_without_that_column(tmp_path: Path) -> None:
    """The file has two columns with every digit."""
    Trace([(1, 0.1), (0.5, 2)]).to_csv(tmp_path / 'jobs.csv')

    assert (tmp_path / 'jobs.csv').read_bytes() == b'arrival,holding\n0.5,2.0\n1.0,0.1\n'


@pytest.mark.parametrize(
    ('columns', 'kind', 'complaint'),
    [
        (([0, 1], [5]), ValueError, r'must have the same length, got \[\(2,\), \(1,\)\]'),
        (([0, 1], [5, 5], [0]), ValueError, 'must have the same length'),
        (([[0]], [[5]]), ValueError, 'must have the same length'),
        (([0, 1], [5, -1]), ValueError, r'got \(1\.0, -1\.0\)'),
        (([0, float('nan')], [5, 1]), ValueError, 'a job needs a finite arrival'),
        (([0, float('-inf')], [5, float('inf')]), ValueError, 'a job needs a finite arrival'),
        (([0, 1], [5, 5], [0, 1], ['a']), ValueError, 'keys must be positions in the 1 key_names, or -1, got 0 to 1'),
        (([0, 1], [5, 5], [-2, 0], ['a']), ValueError, 'keys must be positions in the 1 key_names, or -1, got -2 to 0'),
        (([0], [5], [0], [7]), TypeError, 'a job must be .* not'),
    ],
)
def test_columns_that_make_no_jobs_are_refused(columns: Any, kind: type[Exception], complaint: str) -> None:
    """The error names the first job that is not allowed."""
    with pytest.raises(kind, match=complaint):
        Trace.from_columns(*columns)
