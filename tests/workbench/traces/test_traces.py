"""Trace files become jobs, and records that cannot be used are reported."""

import gzip
import random
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulations import (
    Empirical,
    Job,
    Trace,
    TraceError,
    bundled_trace,
    loss_system,
    parse_holding,
    read_azure,
    read_swf,
    read_table,
    read_trace,
    recognise,
    replay,
    select_jobs,
)
from simulations.traces.bundled import BUNDLED_TRACE


HEADER = '; Version: 2.2\n;\n'


def record(submit: str, run: str, *, user: str = '7', queue: str = '1') -> str:
    fields = ['1', submit, '5', run, *['-1'] * 7, user, '-1', '-1', queue, '-1', '-1', '-1']
    return ' '.join(fields) + '\n'


def swf(folder: Path, *records: str) -> Path:
    path = folder / 'log.swf'
    path.write_text(HEADER + ''.join(records))
    return path


def test_a_job_of_a_log_arrives_when_submitted_and_holds_for_its_run_time(tmp_path: Path) -> None:
    """One job is one slot, and its wait in the cluster's queue is ignored."""
    trace = read_swf(swf(tmp_path, record('10', '60'), record('20', '358.00'), record('30', '0')))

    assert list(trace) == [Job(10, 60), Job(20, 358), Job(30, 0)]
    assert (trace.name, trace.expected_jobs, trace.skipped) == ('log.swf', 3, {})


def test_a_log_may_be_compressed(tmp_path: Path) -> None:
    """Gzip is recognised by its first bytes, whatever the file is called."""
    path = tmp_path / 'log.swf'
    path.write_bytes(gzip.compress((HEADER + record('1', '2')).encode()))

    assert list(read_swf(path)) == [Job(1, 2)]


def test_records_that_cannot_be_used_are_counted_by_reason(tmp_path: Path) -> None:
    """No record is dropped silently."""
    records = [record('1', '2'), record('2', '-1'), record('3', '-1'), record('-1', '4'), record('x', '4'), '1 2 3\n']

    assert read_swf(swf(tmp_path, *records)).skipped == {
        'without a run time': 2,
        'without a submit time': 1,
        'with a submit or run time that is not a number': 1,
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
        (b'a,b\n1,2\n', r'is not in the Standard Workload Format: no record \(of 2\) has .*; skipped: 2 without 18'),
        (
            b'',
            r'is not in the Standard Workload Format: no record \(of 0\) has 18 fields with a submit and a run time$',
        ),
        (b'\x1f\x8b\x08\x00 not gzip at all', 'cannot read the trace'),
    ],
)
def test_what_is_no_log_is_refused_with_its_name(tmp_path: Path, content: bytes, complaint: str) -> None:
    """The error says in one line which file is wrong, and why."""
    path = tmp_path / 'jobs'
    path.write_bytes(content)

    with pytest.raises(TraceError, match=complaint) as error:
        read_swf(path)
    assert str(path) in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The error names a missing file like any other that cannot be read."""
    with pytest.raises(TraceError, match=r'cannot read the trace .*nowhere'):
        read_swf(tmp_path / 'nowhere')


def table(folder: Path, content: str | bytes, name: str = 'jobs.csv') -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


INVOCATIONS = """app,func,end_timestamp,duration
a1,f1,late,1
a1,f1,10.5,0.5
a2,f1,10.25,9.25
a1,f2,0.07,0.10
a1,f1,11,
a1,f1,12,-1
a1,f1
"""


def test_an_invocation_arrives_at_its_end_less_its_duration(tmp_path: Path) -> None:
    """The rows are sorted by their ends; one may have begun before the recording."""
    trace = read_azure(table(tmp_path, INVOCATIONS))

    assert list(trace) == [Job(0.07 - 0.1, 0.1), Job(1, 9.25), Job(10, 0.5)]
    assert trace.skipped == {
        'with an end that is not a number': 1,
        'without a holding time': 1,
        'with a negative holding time': 1,
        'with too few columns': 1,
    }
    assert replay(trace, max_size=2).figures.granted == 3


def test_invocations_by_app_or_by_function_of_an_app(tmp_path: Path) -> None:
    """Functions with one name in two apps are different functions."""
    path = table(tmp_path, INVOCATIONS)

    assert [job.key for job in read_azure(path, key='app')] == ['a1', 'a2', 'a1']
    assert [job.key for job in read_azure(path, key='func')] == ['a1/f2', 'a2/f1', 'a1/f1']


@pytest.mark.parametrize(
    ('content', 'arguments'),
    [
        ('arrival,holding\n2,5\n0.5,1.25\n', {}),
        ('arrival,holding,key\n2,5,\n0.5,1.25,\n', {}),
        ('\ufeff# written by hand\n\n arrival , holding \n 2 , 5 \n\n0.5,1.25\n', {}),
        ('seconds;begun;note\n5;2;"a; b"\n1.25;0.5;\n', {'arrival': 'begun', 'holding': 'seconds'}),
        ('2\t7\n0.5\t1.75\n', {'arrival': 1, 'end': 2}),
        ('2|7\n0.5|1.75\n', {'arrival': 1, 'end': 2}),
        ('2   7\n0.5 1.75\n', {'arrival': 1, 'end': 2}),
        ('from to\n2 7\n0.5 1.75\n', {'arrival': 1, 'end': 2}),
        ('7,5\n1.75,1.25\n', {'end': 1, 'holding': 2}),
        ('1,2\n2,7\n0.5,1.75\n', {'arrival': 1, 'end': 2, 'header': True}),
        ('2:7\n0.5:1.75\n', {'arrival': 1, 'end': 2, 'delimiter': ':', 'header': False}),
        ('h,7\n2,7\n0.5,1.75\n', {'arrival': 1, 'end': 2, 'header': True}),
        ('2000,5000\n500,1250\n', {'arrival': 1, 'holding': 2, 'unit': 'ms'}),
        ('2,5000000\n0.5,1250000\n', {'arrival': 1, 'holding': 2, 'unit': 'us', 'instants': 's'}),
        ('2e9,5e9\n5e8,1.25e9\n', {'arrival': 1, 'holding': 2, 'unit': 'ns'}),
        ('t,s\r\n1970-01-01T00:00:02Z,5\r\n1970-01-01 01:00:00.500+01:00,1.25\r\n', {'arrival': 't', 'holding': 's'}),
        ('1970-01-01 00:00:07,5\n1970-01-01 00:00:01.75,1.25\n', {'end': 1, 'holding': 2}),
        ('19700101T000007,5\n19700101T000001.75,1.25\n', {'end': 1, 'holding': 2, 'instants': 'iso'}),
    ],
)  # fmt: skip
def test_a_table_is_read_however_it_is_written(tmp_path: Path, content: str, arguments: dict[str, Any]) -> None:
    """Every delimiter, header, unit, timestamp and pair of times yields the same two jobs."""
    trace = read_table(table(tmp_path, content), **arguments)

    assert (list(trace), trace.skipped) == ([Job(0.5, 1.25), Job(2, 5)], {})
    packed = table(tmp_path, gzip.compress(content.encode()), 'packed')
    assert list(read_table(packed, **arguments)) == [Job(0.5, 1.25), Job(2, 5)]


@pytest.mark.parametrize(
    ('unit', 'seconds'), [('d', 86400.0), ('h', 3600.0), ('min', 60.0), ('s', 1.0), ('ms', 1e-3), ('us', 1e-6)]
)
def test_a_unit_is_that_of_every_number(tmp_path: Path, unit: str, seconds: float) -> None:
    """A decimal number of milliseconds becomes exactly the same decimal number of seconds."""
    trace = read_table(table(tmp_path, '3,1001\n'), arrival=1, holding=2, unit=unit)

    assert list(trace) == [Job(float(f'{3 * seconds:.12g}'), float(f'{1001 * seconds:.12g}'))]


def test_a_timestamp_that_names_no_zone_is_in_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's time zone does not matter."""
    monkeypatch.setenv('TZ', 'Asia/Tokyo')
    time.tzset()
    try:
        without = read_table(table(tmp_path, '1970-01-02,1\n'), arrival=1, holding=2)
        with_one = read_table(table(tmp_path, '1970-01-01T10:00+09:00,1\n'), arrival=1, holding=2)
    finally:
        monkeypatch.undo()
        time.tzset()

    assert (list(without), list(with_one)) == ([Job(86400, 1)], [Job(3600, 1)])


def test_timestamps_with_and_without_a_zone_in_one_table_are_refused(tmp_path: Path) -> None:
    """Nobody can know which zone is meant, so the message quotes the first two that disagree."""
    rows = '2026-01-01T10:00Z,1\n2026-01-01T11:00Z,1\n2026-01-01T12:00,1\n'
    with pytest.raises(TraceError, match=r"mixes .* '2026-01-01T10:00Z' and '2026-01-01T12:00': write all of them"):
        read_table(table(tmp_path, rows), arrival=1, holding=2)


def test_a_line_of_thousands_of_names_is_shown_in_part(tmp_path: Path) -> None:
    """JSON in one line looks like a header; the message stays short, and printable."""
    with pytest.raises(TraceError, match='has no column') as refused:
        read_table(table(tmp_path, '[' + ','.join(['{"a\x1b":1}'] * 9000) + ']'))

    words = str(refused.value).replace(str(tmp_path), '')
    assert len(words) < 500
    assert words.isprintable()
    assert 'as arrival=… and holding=… (--arrival, --holding)' in words


def test_a_first_row_that_is_empty_names_no_columns(tmp_path: Path) -> None:
    """It counts as a row that cannot be used."""
    trace = read_table(table(tmp_path, ',\n1,2\n'), arrival=1, holding=2)

    assert (list(trace), trace.skipped) == ([Job(1, 2)], {'without instants that are numbers or timestamps': 1})


def test_a_table_may_have_a_pool_for_each_value_of_a_column_or_of_several(tmp_path: Path) -> None:
    """A row without a value shares the pool of jobs without a key."""
    path = table(tmp_path, 'arrival,holding,key,team\n0,1,red,x\n1,1,,\n2,1,blue,x\n3,1,red,\n')
    both = {'arrival': 'arrival', 'holding': 'holding'}

    assert [job.key for job in read_table(path)] == ['red', None, 'blue', 'red']
    assert [job.key for job in read_table(path, key='team')] == ['x', None, 'x', None]
    assert [job.key for job in read_table(path, key=['team', 3], **both)] == ['x/red', None, 'x/blue', '/red']  # type: ignore[arg-type]
    assert {job.key for job in read_table(path, **both)} == {None}  # type: ignore[arg-type]


def test_rows_that_cannot_be_used_are_counted_by_reason(tmp_path: Path) -> None:
    """No row is dropped silently, and a later row than the first may show the form of instants."""
    rows = ['?,9', '2026-01-01,x', '2026-01-02,2026-01-03', '7,2026-01-03', ',2026-01-03', '2026-01-05,2026-01-01', '1']
    trace = read_table(table(tmp_path, 'a,b\n' + '\n'.join(rows)), arrival='a', end='b')
    counted = read_table(table(tmp_path, 'arrival,holding\n1,2\nnan,1\n1,inf\n1,-1\n1e300,1e300\n1,\n?,?\n'))

    assert list(trace) == [Job(1767312000.0, 86400.0)]
    assert trace.skipped == {
        'without instants that are numbers or timestamps': 2,
        'with an arrival that is not a timestamp': 1,
        'without an arrival': 1,
        'that end before they begin': 1,
        'with too few columns': 1,
    }
    assert counted.expected_jobs == 1
    assert counted.skipped == {
        'with a time that is not finite': 3,
        'with a negative holding time': 1,
        'without a holding time': 1,
        'with an arrival that is not a number': 1,
    }


@pytest.mark.parametrize(
    ('content', 'arguments', 'complaint'),
    [
        ('', {}, 'is empty'),
        ('# nothing\n\n', {}, 'is empty'),
        ('start,seconds\n1,2\n', {}, "has no column 'arrival'; its columns are 'start', 'seconds': pass the names"),
        (
            'arrival,holding\n1,2\n',
            {'key': 'user'},
            "has no column 'user'; its columns are 'arrival', 'holding': .* key=…",
        ),
        ('arrival,holding,holding\n1,2,3\n', {}, "has 2 columns named 'holding': give the number of one"),
        ('1,2\n', {'arrival': 1, 'end': 3}, 'has no column 3: its first row has 2'),
        ('arrival,holding\n', {}, r'no record \(of 0\) has an arrival and a holding time$'),
        ('arrival,holding\nx,y\n1,z\n1,\n', {}, r'no record \(of 3\) .*; skipped: 1 without instants'),
        (
            'begin,end\n1,2\n',
            {'arrival': 1, 'end': 2, 'instants': 'iso'},
            'an end; skipped: 1 with an arrival that is not a timest',
        ),
        (b'PAR1\x15\x04\x15', {}, 'is a Parquet file: read it with pandas or pyarrow and give its columns to Trace'),
        (b'\x1f\x8b\x08\x00 not gzip at all', {}, 'cannot read the trace'),
        (gzip.compress(b'arrival,holding\n1,2\n' * 99, mtime=0)[:-9], {}, 'cannot read the trace'),
        ('arrival,holding\n1,"' + 'x' * 200_000, {}, 'cannot be read as a table: field larger than field limit'),
    ],
)
def test_what_is_no_table_is_refused_with_its_name(
    tmp_path: Path, content: str | bytes, arguments: dict[str, Any], complaint: str
) -> None:
    """The error says in one line which file is wrong, why, and what it contains instead."""
    path = table(tmp_path, content)

    with pytest.raises(TraceError, match=complaint) as error:
        read_table(path, **arguments)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ('arguments', 'kind', 'complaint'),
    [
        ({'arrival': 'a'}, ValueError, 'give two of arrival, holding and end, not arrival'),
        ({'arrival': 1, 'holding': 2, 'end': 3}, ValueError, 'give two of arrival, holding and end, not arrival, hold'),
        ({'arrival': 0, 'holding': 1}, ValueError, 'columns are counted from 1, got 0'),
        ({'arrival': 1.5, 'holding': 1}, TypeError, r'by its name or its number, not 1\.5'),
        ({'arrival': True, 'holding': 1}, TypeError, 'by its name or its number, not True'),
        ({'unit': 'weeks'}, ValueError, "unit must be one of d, h, min, s, ms, us, ns, got 'weeks'"),
        ({'instants': 'utc'}, ValueError, "instants must be one of .* or iso, got 'utc'"),
        ({'delimiter': '||'}, ValueError, r"delimiter must be one character, got '\|\|'"),
        ({'header': False}, ValueError, "without a header there is no column 'arrival': give its number instead"),
    ],
)
def test_a_wrong_argument_of_a_reader_is_refused(
    tmp_path: Path, arguments: dict[str, Any], kind: type[Exception], complaint: str
) -> None:
    """The error comes before the file is opened."""
    with pytest.raises(kind, match=complaint):
        read_table(tmp_path / 'nowhere', **arguments)


@pytest.mark.parametrize(('read', 'key'), [(read_swf, 'app'), (read_azure, 'user')])
def test_a_key_that_the_format_does_not_have_is_refused(read: Callable[..., Trace], key: str) -> None:
    """The error lists the keys of the format."""
    with pytest.raises(ValueError, match=f"key must be '.*', '.*' or None, not '{key}'"):
        read('nowhere', key=key)


@pytest.mark.parametrize(
    ('name', 'content', 'kind'),
    [
        ('log', HEADER + record('1', '2'), 'swf'),
        ('log', record('1', '2'), 'swf'),
        ('log.swf', 'whatever\n', 'swf'),
        ('log.swf.gz', b'', 'swf'),
        ('log.txt', INVOCATIONS, 'azure'),
        ('log.csv', 'duration,func,app,end_timestamp,more\n', 'azure'),
        ('log.csv', '# jobs\narrival,holding\n', 'csv'),
        ('log', 'when it came how long it took and what it was and who did it and just why\n', 'csv'),
        ('log', '', 'csv'),
    ],
)
def test_a_format_is_recognised_by_suffix_and_first_line(
    tmp_path: Path, name: str, content: str | bytes, kind: str
) -> None:
    """This works for compressed files too."""
    data = content.encode() if isinstance(content, str) else content

    assert recognise(table(tmp_path, data, name)) == kind
    assert recognise(table(tmp_path, gzip.compress(data), name)) == kind


def test_a_trace_says_what_its_file_was_taken_for(tmp_path: Path) -> None:
    """One function calls each reader with its own arguments."""
    log = read_trace(swf(tmp_path, record('5', '1', user='42')), key='user')
    invocations = read_trace(table(tmp_path, INVOCATIONS), key='app')
    listed = read_trace(table(tmp_path, 'a,b\n1,2000\n'), arrival='a', holding='b', unit='ms', instants='s')

    assert (log.name, list(log)) == ('log.swf, a log in the Standard Workload Format', [Job(5, 1, 'user-42')])
    assert (invocations.name, invocations.expected_jobs) == ('jobs.csv, invocations of Azure Functions', 3)
    assert invocations.key_names == ['a1', 'a2']
    assert (listed.name, list(listed)) == ('jobs.csv, a CSV table', [Job(1, 2)])
    assert list(read_trace(table(tmp_path, record('5', '1')), 'csv', arrival=2, holding=4)) == [Job(5, 1)]


def test_a_file_that_was_taken_for_the_wrong_thing_says_so(tmp_path: Path) -> None:
    """The error says how to override the guess, unless the format was given."""
    path = table(tmp_path, 'a,b\n1,2\n')

    with pytest.raises(TraceError, match=r"no column 'arrival'.* \(read as a CSV table; give kind=\.\.\. if it is"):
        read_trace(path)
    with pytest.raises(TraceError, match=r'no record \(of 2\) has 18 fields .*; skipped: 2 without 18 fields$'):
        read_trace(path, 'swf')
    with pytest.raises(TraceError, match=r'cannot read the trace .*nowhere'):
        read_trace(tmp_path / 'nowhere')
    with pytest.raises(ValueError, match="kind must be one of swf, azure, recording, csv, got 'xlsx'"):
        read_trace(path, 'xlsx')
    with pytest.raises(TypeError, match=r'unit is for tables, but .* is read as a log in the Standard Workload Format'):
        read_trace(path, 'swf', unit='ms')


FIVE = Trace(
    [Job(10, 1, 'a'), Job(20, 2), Job(30, 3, 'b'), Job(40, 4, 'a'), Job(50, 5)], name='five', skipped={'odd': 1}
)


def test_a_window_keeps_what_arrives_from_its_start_until_before_its_end() -> None:
    """Jobs left out are counted, and the name mentions the window."""
    part = select_jobs(FIVE, start=20, until=40)

    assert list(part) == [Job(20, 2), Job(30, 3, 'b')]
    assert part.skipped == {'odd': 1, 'outside the window': 3}
    assert part.name == 'five, from 20, until 40'
    assert list(select_jobs(FIVE, until=20)) == [Job(10, 1, 'a')]
    assert list(select_jobs(FIVE, start=50)) == [Job(50, 5)]
    assert list(select_jobs(FIVE, start='1970-01-01T00:00:45Z')) == [Job(50, 5)]
    assert FIVE.expected_jobs == 5


def test_a_trace_may_begin_at_zero_and_go_at_another_pace() -> None:
    """It is stretched from its first arrival, which stays where it is unless it is moved to 0."""
    assert [job.arrival for job in select_jobs(FIVE, rebase=True)] == [0, 10, 20, 30, 40]
    assert [job.arrival for job in select_jobs(FIVE, time_scale=0.5)] == [10, 15, 20, 25, 30]
    assert [job.holding for job in select_jobs(FIVE, time_scale=0.5)] == [1, 2, 3, 4, 5]
    both = select_jobs(FIVE, start=30, rebase=True, time_scale=2, holding_scale=3)
    assert list(both) == [Job(0, 9, 'b'), Job(20, 12, 'a'), Job(40, 15)]
    assert both.name == 'five, from 30, rebased, time x 2, holding x 3'


def test_nothing_asked_for_changes_nothing() -> None:
    """Not a digit changes."""
    stream = random.Random(1)
    trace = Trace([(stream.uniform(-9, 9), stream.random(), 'a') for _ in range(99)], name='a', skipped={'odd': 1})
    same = select_jobs(trace)

    assert (list(same), same.name, same.skipped) == (list(trace), 'a', {'odd': 1})


def test_what_two_selections_leave_out_is_added_up() -> None:
    """The counts are added under one reason."""
    assert select_jobs(select_jobs(FIVE, start=20), until=50).skipped == {
        'odd': 1,
        'outside the window': 2,
    }


def test_thinning_keeps_each_job_with_the_probability_asked_for() -> None:
    """It has its own seed and stream: the same seed keeps the same jobs."""
    real = bundled_trace()
    half, again, other = (select_jobs(real, thin=0.5, seed=seed) for seed in (1, 1, 2))
    kept = {job.arrival for job in half}

    assert list(half) == list(again) != list(other)
    assert half.expected_jobs == pytest.approx(10_000, abs=300)
    assert half.skipped == {'without a run time': 4, 'thinned out': 19_996 - half.expected_jobs}
    assert half.name.endswith(', thinned to 0.5 with seed 1')
    assert kept < {job.arrival for job in real}
    state = random.getstate()
    select_jobs(real, thin=0.5)
    assert random.getstate() == state


def test_thinning_keeps_keys_and_holding_times_with_their_jobs() -> None:
    """The columns stay aligned."""
    jobs = [Job(float(number), float(number % 7), f'key-{number % 5}') for number in range(1000)]

    assert set(select_jobs(Trace(jobs), thin=0.3, seed=4)) < set(jobs)


@pytest.mark.parametrize(
    ('arguments', 'complaint'),
    [
        ({'start': 60}, 'no job of five arrives from 60: they arrive from 10 to 50 s'),
        ({'start': 20, 'until': 20}, 'no job of five arrives from 20 until 20'),
        ({'start': 'noon'}, "start must be a number of seconds or an ISO timestamp, not 'noon'"),
        ({'thin': 0}, 'thin must be more than 0, got 0'),
        ({'thin': 1.5}, r'thin must be between 0 and 1, got 1\.5'),
        ({'thin': 1e-9}, 'no job of five is left of 5 with thin=1e-09 and seed 0'),
        ({'time_scale': 0}, 'time_scale must be finite and more than 0, got 0'),
        ({'holding_scale': -1}, 'holding_scale must be finite and more than 0, got -1'),
        ({'time_scale': 1e300}, 'a job needs a finite arrival'),
    ],
)
def test_a_selection_that_cannot_be_is_refused(arguments: dict[str, Any], complaint: str) -> None:
    """The error says which values are possible."""
    with pytest.raises(ValueError, match=complaint):
        select_jobs(FIVE, **arguments)


def test_one_function_reads_and_selects(tmp_path: Path) -> None:
    """A scenario file uses it this way."""
    FIVE.to_csv(tmp_path / 'five.csv')
    trace = read_trace(
        tmp_path / 'five.csv', start=20, until=50, thin=0.999, seed=1, rebase=True, time_scale=2, holding_scale=0.5
    )

    assert list(trace) == [Job(0, 1), Job(20, 1.5, 'b'), Job(40, 2, 'a')]
    read = {tuple(read_trace(tmp_path / 'five.csv', thin=0.8, seed=seed)) for seed in range(9)}
    assert read == {tuple(select_jobs(FIVE, thin=0.8, seed=seed)) for seed in range(9)}
    assert len(read) > 1


def test_holding_times_may_be_those_of_a_trace(tmp_path: Path) -> None:
    """A random workload has the holding times of a real cluster, and theory applies to it."""
    holding = parse_holding(f'trace:{BUNDLED_TRACE}')
    FIVE.to_csv(tmp_path / 'five.csv')

    assert holding == Empirical(bundled_trace().holdings)
    assert loss_system(1 / holding.mean(), holding, 1, None).refusal_share == pytest.approx(0.5)
    assert parse_holding('trace:five.csv', tmp_path) == Empirical([1, 2, 3, 4, 5])
    assert str(parse_holding('trace:five.csv', tmp_path)) == 'trace:five.csv'
    with pytest.raises(TraceError, match='cannot read the trace nowhere'):
        parse_holding('trace:nowhere')
    with pytest.raises(ValueError, match="holding 'trace:': write trace:PATH"):
        parse_holding('trace:')


@pytest.mark.parametrize('kind', ['swf', 'csv'])
def test_a_trace_of_many_jobs_takes_little_memory(tmp_path: Path, kind: str) -> None:
    """It takes under 60 bytes a job at the peak and 20 afterwards; a list of jobs takes 200."""
    jobs = 20_000
    if kind == 'swf':
        path = swf(tmp_path, *(record(str(number ^ 1), '7', user=str(number % 9)) for number in range(jobs)))
    else:
        path = table(
            tmp_path, 'arrival,holding,key\n' + ''.join(f'{number ^ 1},7,{number % 9}\n' for number in range(jobs))
        )
    read_trace(path, key='user' if kind == 'swf' else None)
    tracemalloc.start()
    trace = read_trace(path, key='user' if kind == 'swf' else None)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert trace.expected_jobs == jobs
    assert peak < 60 * jobs + 300_000
    assert kept < 20 * jobs + 50_000
