"""The command ``pool-sim``, run as a user runs it."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from simulations import Poisson, Scenario, parse_holding, replay
from simulations.cli import main
from tests.support.command import here as pool_sim
from tests.support.command import in_a_process


DRAWN = ['run', '--jobs', '300', '--max-size', '5', '--slot-exp', '0.5']
SHORT = [*DRAWN, '--no-pictures']


def figures(folder: Path, *words: str) -> dict[str, Any]:
    done = pool_sim(folder, *words, '--json', '-')
    assert done.returncode == 0, done.stderr
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


def test_without_arguments_it_replays_the_real_trace_on_a_real_server(tmp_path: Path, running_server: Path) -> None:
    """It shows a progress bar, a report with the repeat line, and writes pictures."""
    done = in_a_process(tmp_path)

    assert done.returncode == 0, done.stderr
    assert '19996/19996' in done.stderr
    assert 'store                  valkey' in done.stdout
    assert 'occupancy never exceeded max_size 200' in done.stdout
    assert '0 violations' in done.stdout
    assert '4 without a run time' in done.stdout
    assert 'pool-sim replay --max-size 200 --slot-exp 259200 --store valkey --seed 0' in done.stdout
    for picture in ('occupancy.png', 'slots.png'):
        assert (tmp_path / 'pool-sim-results' / picture).read_bytes().startswith(b'\x89PNG')


def test_the_figures_as_json_are_alone_on_standard_output(tmp_path: Path) -> None:
    """Everything else goes to standard error; the keys are those that scripts rely on."""
    shown = figures(tmp_path, *SHORT, '--store', 'memory', '--seed', '7')

    assert (
        shown
        | {
            'seed': 7,
            'store': 'memory',
            'jobs': 300,
            'max_size': 5,
            'slot_exp': 0.5,
            'violations': 0,
        }
        == shown
    )
    assert {
        'granted',
        'refused',
        'refusal_share',
        'occupancy_mean',
        'occupancy_peak',
        'expired_while_running',
        'overrun_mean',
        'overrun_peak',
        'history_hash',
        'refusal_share_theory',
        'overrun_theory',
    } <= shown.keys()
    assert shown['granted'] + shown['refused'] == 300


def test_the_command_gives_what_the_library_gives(tmp_path: Path, socket: str) -> None:
    """Python and the command on a server by URL produce the same history for the same seed."""
    own = replay(Poisson(6, parse_holding('exp:1'), jobs=300, seed=7), max_size=5, slot_exp=0.5)
    there = figures(tmp_path, *SHORT, '--seed', '7', '--store', f'unix://{socket}')

    assert there['history_hash'] == own.history.hash()


def test_the_line_that_repeats_a_run_repeats_it(tmp_path: Path) -> None:
    """The repeat line, copied from the report, produces the same history."""
    words = ['run', '--horizon', '40', '--rate', '3.3', '--holding', 'lognormal:-0.123456789:1', '--slot-exp', 'none']
    words += ['--store', 'memory', '--no-pictures']
    first = pool_sim(tmp_path, *words, '--seed', '5', '--csv', 'first.csv')
    line = next(line for line in first.stdout.splitlines() if 'repeat it with: pool-sim ' in line)
    repeated = line.split('repeat it with: pool-sim ')[1].split()
    again = pool_sim(tmp_path, *repeated, '--no-pictures', '--csv', 'again.csv')

    assert again.returncode == 0, again.stderr
    assert (tmp_path / 'first.csv').read_bytes() == (tmp_path / 'again.csv').read_bytes()
    assert (tmp_path / 'first.csv').read_text().startswith('time,what,job,key,occupancy,running\n')


def test_it_is_a_module_as_well(tmp_path: Path) -> None:
    """``python -m simulations`` runs the same command."""
    done = subprocess.run(
        [sys.executable, '-m', 'simulations', *SHORT, '--store', 'memory', '--json', 'figures.json'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / 'figures.json').read_text())['jobs'] == 300


def test_theory_tells_erlangs_formulas_without_a_run(tmp_path: Path) -> None:
    """The text and the JSON contain known values and the smallest pool for a target."""
    told = figures(tmp_path, 'theory', '--max-size', '5', '--load', '3', '--target', '0.01')
    assert told['erlang_b'] == pytest.approx(0.110054347826, abs=1e-12)
    assert told['erlang_c'] == pytest.approx(0.236151603, abs=1e-9)
    assert told['mean_wait'] == pytest.approx(0.118075802, abs=1e-9)
    assert told['max_size_for_target'] == 8
    crowded = figures(tmp_path, 'theory', '--max-size', '3', '--load', '3')
    assert (crowded['erlang_c'], crowded['mean_wait']) == (1, None)

    text = pool_sim(tmp_path, 'theory', '--max-size', '5', '--load', '3', '--json', 'theory.json').stdout
    assert '11.0054%' in text
    text = pool_sim(tmp_path, 'theory', '--load', '3', '--wait', '2', '--max-size', '5', '--target', '0.01').stdout
    assert 'smallest pool that refuses at most 0.01, if no job queues  8 slots' in text
    assert json.loads((tmp_path / 'theory.json').read_text())['erlang_b'] == told['erlang_b']


def test_theory_of_an_infinite_load_takes_every_slot(tmp_path: Path) -> None:
    """Every job is refused and all slots are taken; JSON has no infinity, so the load is null."""
    text = pool_sim(tmp_path, 'theory', '--max-size', '5', '--load', 'inf').stdout
    told = figures(tmp_path, 'theory', '--max-size', '5', '--load', 'inf')

    assert '5 slots, an infinite offered load' in text
    assert '5.0000 slots' in text
    assert (told['offered_load'], told['erlang_b'], told['occupancy_mean']) == (None, 1, 5)


def test_theory_tells_how_long_jobs_wait(tmp_path: Path) -> None:
    """Times are in mean holding times, or in seconds with a mean; an overload has no figures."""
    patient = figures(tmp_path, 'theory', '--max-size', '5', '--load', '3', '--longer-than', '1')
    assert (patient['wait'], patient['queue']['refusal_share']) == ('none', 0)
    assert patient['queue']['wait_mean'] == pytest.approx(patient['mean_wait'])
    assert patient['queue']['longer_than'] == [{'time': 1.0, 'share': pytest.approx(0.0319596441)}]

    calls = ['theory', '--max-size', '50', '--load', '48', '--wait', 'exp:120', '--holding-mean', '60']
    impatient = figures(tmp_path, *calls)['queue']
    assert impatient['timed_out_share'] == impatient['refusal_share'] == pytest.approx(0.030912, abs=1e-6)
    assert impatient['wait_mean'] == pytest.approx(3.7095, abs=1e-4)
    text = pool_sim(tmp_path, *calls, '--longer-than', '20').stdout
    assert 'jobs wait for exp:120\n' in text
    assert 'mean waiting time of all jobs       3.7095 s\n' in text
    assert 'wait longer than 20 s ' in text

    bounded = figures(tmp_path, 'theory', '--max-size', '3', '--load', '6', '--max-waiting', '4')
    assert bounded['queue']['queue_mean'] == pytest.approx(3.09, abs=0.005)
    crowded = ['theory', '--max-size', '5', '--load', '6', '--wait', 'none']
    assert figures(tmp_path, *crowded)['queue'] is None
    assert 'grows without bound' in pool_sim(tmp_path, *crowded).stdout


def test_theory_refuses_sizes_over_time(tmp_path: Path) -> None:
    refused = pool_sim(tmp_path, 'theory', '--max-size', '5,60:10', '--load', '3')

    assert (refused.returncode, refused.stdout) == (2, '')
    assert 'theory is about a pool of one size, but max_size 5,60:10 changes in time' in refused.stderr


def test_any_number_of_jobs_may_wait_again(tmp_path: Path) -> None:
    """As a file says 'none' for other fields that have no bound."""
    run = ['run', '--rate', '6', '--max-size', '5', '--wait', '1', '--jobs', '50', '--no-pictures', '--store', 'memory']
    free = figures(tmp_path, *run)
    assert figures(tmp_path, *run, '--max-waiting', 'none')['history_hash'] == free['history_hash']

    compared = ['compare', *run[1:], '--max-waiting', '1', '--with', 'max_waiting=none', '--replications', '2']
    assert figures(tmp_path, *compared)['queue_peak']['difference'] > 0
    wrong = pool_sim(tmp_path, *run, '--max-waiting', 'many')
    assert "max_waiting must be a whole number, or none for any number, not 'many'" in wrong.stderr


def test_theory_finds_a_size_without_being_given_one(tmp_path: Path) -> None:
    """A target suffices, however large the pool; without size and target there is no question."""
    told = figures(tmp_path, 'theory', '--load', '39.3', '--target', '0.02')
    huge = figures(tmp_path, 'theory', '--max-size', '1000000000', '--load', '1e9', '--target', '1e-300')
    neither = pool_sim(tmp_path, 'theory', '--load', '3')

    assert told == {'offered_load': 39.3, 'target': 0.02, 'max_size_for_target': 49}
    assert huge['max_size_for_target'] == 1_001_165_984
    assert (neither.returncode, neither.stdout) == (2, '')
    assert 'give max_size, target, or both' in neither.stderr


def test_a_table_of_ones_own_is_replayed(tmp_path: Path) -> None:
    """Columns, unit and keys are read from options, and the repeat line repeats them."""
    (tmp_path / 'calls.csv').write_text('start,took,tenant\n0,5000,a\n1000,5000,b\n2000,5000,a\n')
    words = ['replay', 'calls.csv', '--arrival', 'start', '--holding', 'took', '--unit', 'ms', '--key', 'tenant']
    words += ['--max-size', '1', '--slot-exp', 'none', '--store', 'memory', '--json', 'f.json', '--no-pictures']
    done = pool_sim(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / 'f.json').read_text())
    assert (found['jobs'], found['refused'], found['pools']) == (3, 1, 2)
    [repeat] = [line for line in done.stdout.splitlines() if 'repeat it with: pool-sim ' in line]
    again = figures(tmp_path, *repeat.split('pool-sim ')[1].split(), '--no-pictures')
    assert again['history_hash'] == found['history_hash']


@pytest.mark.parametrize(
    ('content', 'words', 'expected'),
    [
        # Instants in seconds since 1970, durations in ms: a unit for each.
        ('at,ms\n1767225600,5000\n1767225601,5000\n', '--arrival at --holding ms --instants s --unit ms', (2, 1, 1)),
        # No header: columns by number, counted from 1.
        ('t1,100,160,A\nt2,110,130,B\nt3,120,180,A\n', '--arrival 2 --end 3 --key 4', (3, 1, 2)),
        ('7,100,160,A\n8,110,130,B\n', '--arrival 2 --end 3 --header yes', (1, 0, 1)),
        ('at;s;a;b\n0;5;x;y\n1;5;x;z\n', '--arrival at --holding s --delimiter ; --key a --key b', (2, 0, 2)),
        ('at,s\n0,5\n10,5\n20,5\n', '--arrival at --holding s --start 5 --until 20 --rebase', (1, 0, 1)),
        ('at,s\n0,5\n1,5\n', '--arrival at --holding s --holding-scale 0.1', (2, 0, 1)),
    ],
)
def test_a_command_reads_all_that_the_library_reads(
    tmp_path: Path, content: str, words: str, expected: tuple[int, int, int]
) -> None:
    """Jobs, refusals and pools; the line that repeats the command gives the same history."""
    (tmp_path / 'log.csv').write_text(content)
    pool = ['--max-size', '1', '--slot-exp', 'none', '--store', 'memory', '--no-pictures', '--json', 'f.json']
    done = pool_sim(tmp_path, 'replay', 'log.csv', *words.split(), *pool)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / 'f.json').read_text())
    assert (found['jobs'], found['refused'], found['pools']) == expected
    [repeat] = [line for line in done.stdout.splitlines() if 'repeat it with: pool-sim ' in line]
    again = figures(tmp_path, *shlex.split(repeat.split('pool-sim ')[1]), '--no-pictures')
    assert again['history_hash'] == found['history_hash']


def test_numbers_that_look_like_milliseconds_are_reported_once(tmp_path: Path) -> None:
    """In one line on standard error, with the option that helps."""
    (tmp_path / 'log.csv').write_text('arrival,holding\n1767225600000,5\n1767235004000,5\n')
    words = ['replay', 'log.csv', '--max-size', '1', '--store', 'memory', '--no-pictures']
    [line] = [line for line in pool_sim(tmp_path, *words).stderr.splitlines() if 'warning' in line]

    assert line.startswith('pool-sim: warning: arrivals from 1767225600000 on look like ms since 1970')
    assert line.endswith('(--instants ms)')
    assert 'warning' not in pool_sim(tmp_path, *words, '--instants', 'ms').stderr


def test_a_scenario_is_run_by_its_name_and_options_change_it(tmp_path: Path) -> None:
    """Options change only what they name, back-off included; the repeat line repeats the run."""
    words = ['run', 'api-connection-limit', '--jobs', '3000', '--tries', '2', '--store', 'memory', '--no-pictures']
    done = pool_sim(tmp_path, *words, '--json', 'f.json')
    found = json.loads((tmp_path / 'f.json').read_text())

    assert done.returncode == 0, done.stderr
    assert 'An API with a connection limit' in done.stdout
    # Its lesson is told of its own numbers, and these are others.
    assert 'the price is waiting' not in done.stdout
    assert 'the price is waiting' in pool_sim(tmp_path, *words[:2], '--seed', '2', *words[-3:]).stdout
    assert found['jobs'] == 3000
    assert found['on_refusal'].startswith('retries after exp:0.2 s, doubled each time up to 5 s')
    assert found['on_refusal'].endswith('at most 2 attempts')
    [repeat] = [line for line in done.stdout.splitlines() if 'repeat it with: pool-sim ' in line]
    again = figures(tmp_path, *repeat.split('pool-sim ')[1].split(), '--no-pictures')
    assert again['history_hash'] == found['history_hash']
    left = figures(tmp_path, *words[:4], '--retry', 'none', *words[-3:])
    assert left['on_refusal'] == 'leaves'


def test_what_was_asked_for_is_saved_as_a_scenario(tmp_path: Path) -> None:
    """The saved file runs and produces the same history."""
    words = [
        '--arrivals',
        'bursty:1:60:20:5',
        '--holding',
        'const:2',
        '--keys',
        'zipf:9',
        '--retry',
        'exp:1',
        '--tries',
        '3',
    ]
    more = ['--crash', '0.1', '--slot-exp', '4', '--max-size', '2', '--horizon', '300', '--seed', '5']
    first = figures(tmp_path, 'run', *words, *more, '--store', 'memory', '--no-pictures', '--save', 'mine.toml')
    again = figures(tmp_path, 'run', 'mine.toml', '--store', 'memory', '--no-pictures')

    assert first['crashed'] > 0
    assert first['pools'] == 9
    assert again['history_hash'] == first['history_hash']
    assert again['seed'] == 5


def test_several_runs_have_an_interval_of_their_own(tmp_path: Path) -> None:
    """A given number of runs is made, or as many as a half-width of the refusal share needs."""
    few = figures(tmp_path, *SHORT, '--store', 'memory', '--replications', '4')
    enough = figures(tmp_path, *SHORT, '--store', 'memory', '--half-width', '0.02')

    assert (few['replications'], few['jobs']) == (4, 1200)
    low, high = enough['refusal_share_ci']
    assert high - low <= 0.04
    assert low <= enough['refusal_share'] <= high
    assert enough['replications'] >= 10


def test_the_history_is_kept_only_if_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ``--csv`` a long run keeps no events, and the pictures are the same five."""
    asked = []
    run = Scenario.run

    def spy(self: Scenario, **options: Any) -> Any:
        asked.append(options['history'])
        return run(self, **options)

    monkeypatch.setattr(Scenario, 'run', spy)
    for more in ([], ['--csv', str(tmp_path / 'events.csv')]):
        assert main([*DRAWN, '--store', 'memory', '--out', str(tmp_path / 'out'), *more]) == 0

    assert asked == [False, True]
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'expiry.png',
        'occupancy-shares.png',
        'occupancy.png',
        'overrun-shares.png',
        'slots.png',
    ]


def test_pictures_of_the_queue_are_written_if_jobs_waited(tmp_path: Path) -> None:
    """The next run, in which no job waits, removes them."""
    words = [*DRAWN, '--store', 'memory', '--out', str(tmp_path)]
    assert main([*words, '--wait', '2']) == 0
    assert {'queue.png', 'waits.png'} < {path.name for path in tmp_path.iterdir()}
    assert main(words) == 0
    assert not {'queue.png', 'waits.png'} & {path.name for path in tmp_path.iterdir()}


def test_without_pictures_there_is_no_folder_for_them(tmp_path: Path) -> None:
    """Pictures of an earlier run are removed, because they would be mistaken for this run's."""
    left, other = tmp_path / 'pool-sim-results' / 'slots.png', tmp_path / 'pool-sim-results' / 'notes.txt'
    assert pool_sim(tmp_path, *SHORT, '--store', 'memory').returncode == 0
    assert not left.parent.exists()

    left.parent.mkdir()
    left.touch()
    other.touch()
    assert 'wrote' not in pool_sim(tmp_path, *SHORT, '--store', 'memory').stdout
    assert list(left.parent.iterdir()) == [other]


def test_the_scenarios_are_listed_with_what_they_teach(tmp_path: Path) -> None:
    """Each entry has a name to run, a title and a sentence."""
    listed = pool_sim(tmp_path, 'scenarios').stdout

    assert 'crash-loop: A crash loop\n    One holder in twenty crashes' in listed


@pytest.mark.parametrize(
    ('words', 'complaint'),
    [
        (['replay', 'nowhere.swf'], 'trace must be a file, but there is none at nowhere.swf'),
        (['replay', 'README.txt'], 'README.txt has no column'),
        (['replay', 'README.txt', '--kind', 'swf'], 'README.txt is not in the Standard Workload Format'),
        (['replay', '--arrival', 'start'], 'arrival is for tables, but'),
        (['replay', '--key', 'tenant'], "key must be 'user', 'queue' or None, not 'tenant'"),
        (['replay', '--thin', '2'], 'thin must be'),
        (['theory', '--max-size', '0', '--load', '1'], 'max_size must be at least 1, got 0'),
        (['theory', '--max-size', '3', '--load', '-1'], 'load must be at least 0, got -1'),
        (['theory', '--max-size', '3', '--load', '1', '--target', '0'], 'refusal_share must be more than 0'),
        (['theory', '--target', '0.1', '--load', '1', '--wait', '1'], 'figures of a queue need a size: give max_size'),
        (['theory', '--max-size', '3', '--load', 'inf', '--wait', '1'], 'load must be finite and at least 0, got inf'),
        (
            ['theory', '--max-size', '3', '--load', '1', '--longer-than', '-1'],
            'longer_than must be finite and at least 0, got -1',
        ),
        (['replay', '--max-size', '-3'], 'max_size must be at least 1, got -3'),
        (['replay', '--max-size', 'many'], "max_size must be a whole number, not 'many'"),
        (['run', '--slot-exp', '0'], 'slot_exp must be more than 0'),
        (['run', '--slot-exp', 'soon'], "slot_exp must be a number of seconds, or none, not 'soon'"),
        (
            ['run', '--renew-for', 'soon'],
            "renew_for must be a number of seconds that is at least 0, or none, not 'soon'",
        ),
        (['run', '--renew-for', '-1'], "renew_for must be a number of seconds that is at least 0, or none, not '-1'"),
        (['run', '--renew-for', 'none', '--slot-exp', 'none'], 'renew_for needs slots that expire'),
        (['run', '--renew-for', '9', '--protocol', 'nx'], 'the protocol nx cannot renew a slot'),
        (['size', '--renew-for', 'none', '--recovery', '60'], 'an expiry is chosen for slots that are not renewed'),
        (['run', '--rate', '-1'], 'rate must be finite and more than 0 arrivals a second, got -1.0'),
        (['run', '--jobs', '0'], 'jobs must be a whole number of at least 1, got 0'),
        (['run', '--jobs', '5', '--horizon', '5'], 'not allowed with argument'),
        (['run', '--holding', 'gamma:1'], "holding 'gamma:1': write exp:MEAN"),
        (['run', '--store', 'disk'], "there is no store 'disk': choose memory"),
        (['run', '--store', 'redis://127.0.0.1:1/0'], 'redis://127.0.0.1:1/0 does not answer'),
        (['run', '--store', 'redis://127.0.0.1:x/0'], 'the store redis://127.0.0.1:x/0'),
        (['run', '--store', 'memory', '--out', 'README.txt'], 'cannot write to the folder README.txt'),
        (['run', '--store', 'memory', '--csv', 'no/events.csv'], 'cannot write the file no/events.csv'),
        (['run', '--store', 'memory', '--csv', '-'], '--csv cannot write to standard output (-): name a file'),
        (['run', '--holding', 'lognormal:0:1e200'], 'sigma must be more than 0, and less than 100'),
        (['run', '--rate', '1e-320'], 'needs a finite arrival'),
        (['run', '--max-size', '9' * 30], 'max_size must be at most '),
        (['run', '--store', 'redis://localhost/0?foo=bar'], 'the store redis://localhost/0?foo=bar'),
        (['run', '--store', 'redis://me:p@ss@127.0.0.1:1/0?password=word'], 'redis://***@127.0.0.1:1/0?password=***'),
        (['run', 'README.txt'], 'README.txt is not: to replay it as a trace, use pool-sim replay README.txt'),
        (['run', 'no-such-scenario'], "no scenario is called 'no-such-scenario': choose api-connection-limit"),
        (['run', '--tries', '3'], '--tries needs jobs that try again: add --retry PAUSE'),
        (['run', '--retry', 'soon'], "holding 'soon': write exp:MEAN"),
        (['run', '--crash', '2'], 'crash_probability must be'),
        (['run', '--crash', '.1', '--slot-exp', 'none', '--retry', 'exp:1'], 'would retry forever'),
        (['run', '--arrivals', 'poisson:x'], 'poisson:RATE'),
        (['run', '--keys', 'zipf:0'], 'pools must be'),
        (['run', '--rate', '3', '--arrivals', 'poisson:3'], 'not allowed with argument'),
        (['replay', '--replications', '3'], 'every run of a recorded trace is the same'),
        (['run', '--half-width', '0'], 'half_width must be finite and more than 0'),
        (['run', '--store', 'memory', '--save', 'mine.json'], 'path must end in .toml to save a scenario'),
        (['fly'], "invalid choice: 'fly'"),
    ],
)
def test_what_cannot_be_done_gets_one_clear_line_and_status_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    complaint: str,
) -> None:
    """No request ends with a traceback."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'README.txt').write_text('no trace\n')
    try:
        status: object = main(words)
    except SystemExit as ended:
        status = ended.code
    said = capsys.readouterr()

    assert status == 2
    assert complaint in said.err
    assert said.err.startswith('pool-sim: ')
    assert len(said.err.splitlines()) == 1
    assert said.out == ''


def test_the_process_ends_with_the_status(tmp_path: Path) -> None:
    """Nothing else is written to either output."""
    done = in_a_process(tmp_path, 'run', '--tries', '3')

    assert (done.returncode, done.stdout) == (2, '')
    assert len(done.stderr.splitlines()) == 1


def test_a_broken_promise_ends_with_status_1(tmp_path: Path) -> None:
    """The report, the figures so far and the events before the violation are shown."""
    program = (
        'import sys\n'
        'from py_cachify import MemoryClient\n'
        'from simulations.cli import main\n'
        'take = MemoryClient.take_slot\n'
        'MemoryClient.take_slot = lambda self, key, token, size, life: take(self, key, token, size + 1, life)\n'
        f'sys.exit(main({[*SHORT, "--store", "memory", "--json", "-"]!r}))\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', program], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )

    assert done.returncode == 1
    assert json.loads(done.stdout)['violations'] == 1
    assert 'occupancy violated at' in done.stderr
    assert 'the events before it:' in done.stderr
    assert 'Traceback' not in done.stderr


def test_a_report_that_nobody_reads_to_its_end_loses_no_file(tmp_path: Path) -> None:
    """With ``pool-sim | head -1`` the files are written, and nothing is reported."""
    command = Path(sys.executable).with_name('pool-sim')
    writer = subprocess.Popen(
        [str(command), *DRAWN, '--store', 'memory', '--csv', 'events.csv'],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.close()

    assert writer.wait(timeout=300) == 141
    assert 'pipe' not in writer.stderr.read().lower()
    writer.stderr.close()
    assert (tmp_path / 'events.csv').exists()
    assert (tmp_path / 'pool-sim-results' / 'slots.png').exists()


def test_a_server_that_goes_away_in_the_middle_gets_one_clear_line(tmp_path: Path, server: 'redis.Redis') -> None:
    """The line is that of a server that never answered."""
    socket = server.connection_pool.connection_kwargs['path']
    program = (
        'import redis, sys\n'
        'from simulations.cli import main\n'
        'from simulations.workloads.synthetic import Synthetic\n'
        'jobs = Synthetic.__iter__\n'
        'def dying(self):\n'
        '    for number, job in enumerate(jobs(self)):\n'
        '        if number == 50: redis.Redis.evalsha = redis.Redis.delete = gone\n'
        '        yield job\n'
        'def gone(*args): raise redis.ConnectionError("Connection closed by server.")\n'
        'Synthetic.__iter__ = dying\n'
        f'sys.exit(main({[*SHORT, "--store", f"unix://{socket}"]!r}))\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', program], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith('does not answer: Connection closed by server.')
    assert 'Traceback' not in done.stderr


def test_the_embedded_server_is_gone_also_when_the_command_is_killed(tmp_path: Path, running_server: Path) -> None:
    """A server that outlives its command would run forever."""
    program = (
        'import os, signal\n'
        'from redis import Redis\n'
        'from simulations.stores.embedded import embedded_server\n'
        'with embedded_server() as socket:\n'
        '    with Redis(unix_socket_path=str(socket)) as client:\n'
        '        print(client.info("server")["process_id"], socket, flush=True)\n'
        '    os.kill(os.getpid(), signal.SIGKILL)\n'
    )
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, timeout=60, check=False)
    process, socket = done.stdout.split()

    for _ in range(200):
        if not _is_alive(int(process)) and not Path(socket).parent.exists():
            return
        _wait()
    raise AssertionError(f'the server {process} or its folder {Path(socket).parent} is still there')


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # A zombie is dead, but for its name.
    status = Path(f'/proc/{process}/stat')
    return not status.exists() or status.read_text().rsplit(')', 1)[1].split()[0] != 'Z'


def _wait() -> None:
    import time

    time.sleep(0.05)
