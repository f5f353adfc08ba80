"""What ``py_cachify.recording`` wrote is replayed and sized as it is."""

import gzip
import random
import warnings
from pathlib import Path

import pytest

from py_cachify.events import Event
from py_cachify.recording import Recorder
from simulations import Job, Trace, TraceError, read_attempts, read_trace, recognise, select_jobs
from simulations.cli import main
from simulations.traces.recorded import RecordedPool


HEADER = 'v,arrival,key,template,outcome,wait,holding,max_size,slot_exp\n'


def line(second: int, key: str, outcome: str = 'released', holding: str = '1.500000', template: str = '') -> str:
    return f'1,1970-01-01T00:00:{second:02d}.250000Z,{key},{template},{outcome},0.000001,{holding},2,600\n'


def test_an_attempt_that_held_a_slot_is_a_job(tmp_path: Path) -> None:
    """Jobs come from all files of the recording; they hold as long as the slot was held."""
    path = tmp_path / 'pool.csv'
    path.write_text(HEADER + line(3, 'a') + line(1, 'b', 'overrun', '7.000000'))
    path.with_name('pool.7-0123456789abcdef.0001.csv').write_text(HEADER + line(2, 'a', 'failed', '2.000000') + '1,19')

    trace = read_trace(path)
    assert list(trace) == [Job(1.25, 7.0, 'b'), Job(2.25, 2.0, 'a'), Job(3.25, 1.5, 'a')]
    assert trace.skipped == {'torn by a kill': 1}
    assert trace.name == 'pool.csv, a recording of pools'


def test_an_attempt_without_a_slot_holds_as_long_as_one_of_its_pool_did(tmp_path: Path) -> None:
    """Equal seeds draw equal times, and a pool draws from its own attempts alone."""
    path = tmp_path / 'pool.csv'
    held = [line(second, 'a', holding=f'{second}.000000') for second in range(1, 20)]
    refused = [line(second, 'a', 'refused', '') for second in range(20, 40)]
    others = [line(41, key, holding='99.000000') for key in ('0', 'b')]
    path.write_text(HEADER + ''.join(held + refused + others))

    jobs = list(read_attempts(path))
    assert len(jobs) == 41
    drawn = [job.holding for job in jobs if 20 <= job.arrival < 40]
    assert set(drawn) <= set(range(1, 20))
    assert len(set(drawn)) > 1
    assert list(read_attempts(path)) == jobs != list(read_attempts(path, seed=1))
    assert [job for job in jobs if job.key == 'a'] == list(read_trace(path, only='a'))


def test_attempts_without_a_slot_may_be_omitted(tmp_path: Path) -> None:
    path = tmp_path / 'pool.csv'
    path.write_text(HEADER + line(1, 'a') + line(2, 'a', 'refused', '') + line(3, 'a', 'timed_out', '') + line(4, 'b'))
    trace = read_trace(path, no_slot='omit')
    assert [job.arrival for job in trace] == [1.25, 4.25]
    assert trace.skipped == {'that got no slot, so their holding time is unknown': 2}
    assert read_trace(path, no_slot='omit', only='b').skipped == {'of other pools': 1}
    with pytest.raises(ValueError, match="no_slot must be 'draw' or 'omit', not 'keep'"):
        read_attempts(path, no_slot='keep')  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r'no_slot is for recordings of pools, but .* is read as a CSV table'):
        read_trace(path, 'csv', no_slot='omit')


def test_a_pool_that_granted_nothing_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / 'pool.csv'
    path.write_text(HEADER + line(1, 'a') + line(2, 'b', 'refused', ''))
    assert list(read_trace(path)) == [Job(1.25, 1.5, 'a')]
    assert read_trace(path).skipped == {'that got no slot, so their holding time is unknown': 1}
    with pytest.raises(ValueError, match=r'no attempt of b in .* got a slot, so no holding time is known'):
        read_trace(path, only='b')


def test_the_facts_of_each_pool_are_kept(tmp_path: Path) -> None:
    path = tmp_path / 'pool.csv'
    late = line(3, 'a', 'timed_out', '').replace(',0.000001,', ',2.500000,').replace(',2,600', ',3,')
    path.write_text(HEADER + line(1, 'a', template='t') + late + line(4, 'b'))
    assert read_trace(path).recorded == {
        'a': RecordedPool(
            templates={'t', None},
            attempts=2,
            without_slot=1,
            drawn=1,
            waited=1,
            max_sizes={2, 3},
            slot_exps={600.0, None},
        ),
        'b': RecordedPool(templates={None}, attempts=1, max_sizes={2}, slot_exps={600.0}),
    }


def test_a_pool_is_chosen_by_its_key_or_its_template(tmp_path: Path) -> None:
    path = tmp_path / 'pool.csv'
    lines = [line(1, 'mail-1', template='mail-{u}'), line(2, 'mail-2', template='mail-{u}'), line(3, 'x'), line(4, 'y')]
    path.write_text(HEADER + ''.join(lines))

    def chosen(*only: str) -> set[str | None]:
        return {job.key for job in read_trace(path, only=only)}

    assert chosen('x') == {'x'}
    assert chosen('mail-{u}', 'y') == {'mail-1', 'mail-2', 'y'}
    trace = read_trace(path, only='mail-2', rebase=True)
    assert list(trace) == [Job(0, 1.5, 'mail-2')]
    assert list(trace.recorded or ()) == trace.key_names == ['mail-2']
    assert trace.skipped == {'of other pools': 3}
    assert trace.name == 'pool.csv, a recording of pools, only mail-2, rebased'
    with pytest.raises(ValueError, match=r"only must be the key of a pool of .*, got 'mail-3': there is mail-2"):
        chosen('mail-3')


def test_any_trace_with_keys_can_be_cut_to_a_pool() -> None:
    assert list(select_jobs(Trace([(0, 1, 'a'), (1, 2, 'b'), (2, 3, 'a')]), only='b')) == [Job(1, 2, 'b')]
    with pytest.raises(ValueError, match=r'no job of 1 jobs has one: give key=\.\.\.'):
        select_jobs(Trace([(0, 1)]), only='b')


def test_pools_without_a_template_are_never_put_together(tmp_path: Path) -> None:
    path = tmp_path / 'pool.csv'
    path.write_text(
        HEADER + line(1, 'm1', template='m{u}') + line(2, 'm2', template='m{u}') + line(3, 'x') + line(4, 'y')
    )
    assert [job.key for job in read_trace(path, key='template')] == ['m{u}', 'm{u}', 'x', 'y']


def test_different_salts_are_warned_of(tmp_path: Path) -> None:
    path = tmp_path / 'pool.csv'
    path.write_text(HEADER + line(1, 'aaaaaa-0123456789abcdef') + line(1, 'bbbbbb-0123456789abcdef'))
    with pytest.warns(UserWarning, match='hashed with 2 salts'):
        read_trace(path)


def test_pools_of_one_function_may_be_put_together(tmp_path: Path) -> None:
    path = tmp_path / 'pool.csv'
    path.write_text(HEADER + line(1, 'mail-1', template='mail-{user}') + line(2, 'mail-2', template='mail-{user}'))
    assert {job.key for job in read_trace(path, key='template')} == {'mail-{user}'}
    with pytest.raises(ValueError, match="key must be 'key' or 'template', not 'outcome'"):
        read_trace(path, key='outcome')


def test_a_recording_is_recognised_and_may_be_read_as_a_table(tmp_path: Path) -> None:
    path = tmp_path / 'pool.csv'
    path.write_text(HEADER + line(1, 'a') + line(2, 'a', 'refused', ''))
    assert recognise(path) == 'recording'
    table = read_trace(path, 'csv', arrival='arrival', holding='holding')
    assert list(table) == [Job(1.25, 1.5)]
    assert table.skipped == {'without a holding time': 1}


def test_a_recording_whose_first_file_is_gone_is_recognised(tmp_path: Path) -> None:
    (tmp_path / 'pool.7-0123456789abcdef.0002.csv').write_text(HEADER + line(1, 'a'))
    assert recognise(tmp_path / 'pool.csv') == 'recording'
    assert list(read_trace(tmp_path / 'pool.csv')) == [Job(1.25, 1.5, 'a')]


def test_a_recording_may_be_compressed(tmp_path: Path) -> None:
    path = tmp_path / 'pool.csv.gz'
    path.write_bytes(gzip.compress((HEADER + line(1, 'a')).encode()))
    assert list(read_trace(path)) == [Job(1.25, 1.5, 'a')]


def test_a_recording_without_a_held_slot_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'pool.csv'
    path.write_text(HEADER)
    with pytest.raises(TraceError, match=r'pool.csv has no attempt \(of 0\) that held a slot'):
        read_trace(path)
    path.write_text(HEADER.replace('slot_exp', 'slot_exp,more'))
    with pytest.raises(TraceError, match='is a recording of another version'):
        read_trace(path, 'recording')


def test_a_recording_is_sized_and_replayed_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands say what they left out."""
    path, stream, now = tmp_path / 'pool.csv', random.Random(1), 0.0
    recorder = Recorder(path)
    for number in range(400):
        now += stream.expovariate(2)
        held = None if number % 200 == 0 else stream.expovariate(1)
        event = Event('refused' if held is None else 'released', 'reports', None, 0.0, held, 3, None, 600.0)
        recorder._ends.append((event, now + 1e9 + (held or 0.0)))
    recorder.close()

    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert main(['size', str(path), '--target', '0.05']) in (0, None)
        out = capsys.readouterr().out
        assert '0.5 % of the attempts got no slot' in out
        assert 'max_size' in out
        main(['replay', str(path), '--max-size', '3'])
    assert '400' in capsys.readouterr().out


def test_a_pool_without_contention_is_sized_and_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No size refuses anything, so the picture has nothing above zero."""
    monkeypatch.chdir(tmp_path)
    recorder = Recorder('pool.csv')
    for number in range(30):
        recorder._ends.append((Event('released', 'reports', None, 0.0, 0.5, 1, None, 600.0), 1e9 + number))
    recorder.close()
    assert main(['size', 'pool.csv']) in (0, None)
    assert (tmp_path / 'pool-sim-results' / 'size.png').stat().st_size > 1000
