"""A scenario is a value that defines a run, and is saved and loaded as a TOML file."""

import math
import os
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import simulations.scenarios.file
from simulations import (
    Bursty,
    Clients,
    Constant,
    Empirical,
    Job,
    Leave,
    Periodic,
    PoissonArrivals,
    Recorded,
    Retry,
    Scenario,
    Synthetic,
    Trace,
    Varying,
    Zipf,
)
from tests.support.distributions import HOLDINGS


pytestmark = pytest.mark.quick


SIMPLE = Scenario(title='An API', arrivals='poisson:6', holding='exp:1', max_size=5, slot_exp=600.0, jobs=100)
NUMBERS = st.floats(1e-3, 1e6)
TITLES = st.text(st.characters(exclude_categories=['Cs']), max_size=30)
SCENARIOS = st.builds(
    Scenario,
    title=TITLES.filter(str.strip),
    lesson=TITLES,
    arrivals=st.one_of(
        st.builds(PoissonArrivals, NUMBERS),
        st.builds(Periodic, NUMBERS, st.integers(1, 99)),
        st.builds(lambda one, two: Bursty(((one, two), (two, one))), NUMBERS, NUMBERS),
        st.builds(lambda period, *rates: Varying(period, rates), NUMBERS, NUMBERS, NUMBERS),
        st.builds(Clients, st.integers(1, 99), HOLDINGS.filter(lambda holding: holding.mean() > 0)),
    ),
    holding=HOLDINGS,
    keys=st.none() | st.builds(Zipf, st.integers(1, 9), st.floats(0, 4), st.sampled_from(['user-{id}', 'a:{id}'])),
    on_refusal=st.just(Leave())
    | st.builds(
        Retry,
        HOLDINGS.filter(lambda holding: holding.mean() > 0),
        st.floats(1, 9),
        st.none() | NUMBERS,
        st.floats(0, 1),
        st.none() | st.integers(2, 99),
    ),
    crash_probability=st.floats(0, 1),
    max_size=st.integers(1, 10**6),
    slot_exp=NUMBERS,
    renew_for=st.none() | st.just(0.0) | NUMBERS,
    jobs=st.integers(1, 10**6),
    horizon=st.none() | NUMBERS,
    seed=st.integers(0, 2**40),
    replications=st.integers(1, 30),
)


@given(SCENARIOS)
def test_a_scenario_that_was_saved_is_loaded_again(
    tmp_path_factory: pytest.TempPathFactory, scenario: Scenario
) -> None:
    """Every field and digit is equal, also without an expiry."""
    path = tmp_path_factory.mktemp('scenarios') / 'one.toml'
    scenario.save(path)
    loaded = Scenario.load(path)
    lasting = scenario.replace(slot_exp=None, renew_for=0, crash_probability=0.0)

    assert loaded == scenario
    assert hash(loaded) == hash(scenario)
    assert Scenario.from_toml(lasting.to_toml()) == lasting != scenario


def test_a_file_is_as_one_would_write_it() -> None:
    """It leaves out what has its default value."""
    scenario = SIMPLE.replace(keys='zipf:100', on_refusal=Retry('exp:1', factor=2, tries=5), lesson='It is full.')

    assert scenario.to_toml() == (
        'title = "An API"\n'
        'lesson = "It is full."\n'
        'arrivals = "poisson:6"\n'
        'holding = "exp:1"\n'
        'keys = "zipf:100:1"\n'
        'max_size = 5\n'
        'slot_exp = 600.0\n'
        'jobs = 100\n'
        'seed = 0\n'
        '\n'
        '[on_refusal]\n'
        'pause = "exp:1"\n'
        'factor = 2.0\n'
        'tries = 5\n'
    )
    assert 'slot_exp = "none"\n' in SIMPLE.replace(slot_exp=None).to_toml()
    assert 'renew_for = "none"\n' in SIMPLE.replace(renew_for=None).to_toml()
    assert 'renew_for = 30.0\n' in SIMPLE.replace(renew_for=30).to_toml()


def test_a_scenario_makes_its_workload() -> None:
    """The workload uses the scenario's seed, or that of a replication."""
    workload = SIMPLE.workload()

    assert list(workload) == list(Synthetic('poisson:6', 'exp:1', jobs=100))
    assert list(SIMPLE.workload(seed=3)) == list(Synthetic('poisson:6', 'exp:1', jobs=100, seed=3))
    assert list(SIMPLE.replace(seed=3).workload()) == list(SIMPLE.workload(seed=3))
    assert SIMPLE.replace(keys='zipf:3', horizon=2.0).workload().name == (
        'Poisson arrivals, 6 a second, holding exp:1, keys zipf:3:1'
    )
    assert all(job.arrival <= 2 for job in SIMPLE.replace(horizon=2.0).workload())
    assert SIMPLE.replace(arrivals='clients:4:exp:9').workload().clients == Clients(4, 'exp:9')


def test_equal_scenarios_are_equal_however_they_were_written() -> None:
    """Texts and objects compare equal, and a scenario can be sent to another process."""
    other = Scenario(
        title='An API',
        arrivals=PoissonArrivals(6),
        holding='exp:1.0',
        max_size=5,
        slot_exp=600,
        jobs=100,
        folder='/tmp',
    )

    assert other == SIMPLE != SIMPLE.replace(title='Another')
    assert pickle.loads(pickle.dumps(SIMPLE)) == SIMPLE


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A folder with a trace and a file of holding times."""
    Trace([Job(float(number), 2.0, f'user-{number % 3}') for number in range(100)]).to_csv(tmp_path / 'jobs.csv')
    (tmp_path / 'holdings.txt').write_text('1\n4\n')
    return tmp_path


def test_a_recorded_trace_takes_the_place_of_the_rest(recorded: Path) -> None:
    """The options are those of read_trace(), and the scenario's seed thins the trace."""
    text = """
        title = 'As it was'
        max_size = 3
        slot_exp = 'none'
        seed = 4
        [trace]
        path = 'jobs.csv'
        thin = 0.5
        until = 50
        arrival = 'arrival'
        end = 'holding'
        key = ['key']
    """
    (recorded / 'one.toml').write_text(text.replace("end = 'holding'", "holding = 'holding'"))
    scenario = Scenario.load(recorded / 'one.toml')
    jobs = list(scenario.workload())

    assert 10 < len(jobs) < 40
    assert set(jobs) <= {Job(float(number), 2.0, f'user-{number % 3}') for number in range(50)}
    assert jobs == list(scenario.workload(seed=4)) != list(scenario.workload(seed=5))
    scenario.save(recorded / 'two.toml')
    assert Scenario.load(recorded / 'two.toml') == scenario


def test_what_a_file_and_python_write_differently_is_the_same(recorded: Path) -> None:
    """This concerns TOML dates, Python tuples, and options that are not given."""
    options = {'until': datetime(2026, 1, 1, tzinfo=UTC), 'key': ('key',), 'kind': None}
    scenario = Scenario(title='x', trace=recorded / 'jobs.csv', trace_options=options, max_size=1)
    by_file = Scenario.from_toml(
        f'title = "x"\nmax_size = 1\n[trace]\npath = "{recorded}/jobs.csv"\nuntil = 2026-01-01T00:00:00Z\nkey = ["key"]'
    )

    assert by_file == scenario
    assert Scenario.from_toml(scenario.to_toml()) == scenario


def test_paths_are_relative_to_the_file(recorded: Path) -> None:
    """A folder with a scenario and its files can be moved, and loaded from anywhere."""
    (recorded / 'one.toml').write_text(
        'title = "x"\nmax_size = 1\njobs = 9\narrivals = "trace:jobs.csv"\nholding = "file:holdings.txt"\n'
        '[on_refusal]\npause = "mix:1*file:holdings.txt+1*exp:1"\n'
    )
    scenario = Scenario.load(recorded / 'one.toml')

    assert scenario.holding == Empirical([1, 4])
    assert scenario.arrivals == Recorded(range(100))
    assert scenario.replace(seed=1).to_toml() == scenario.to_toml().replace('seed = 0', 'seed = 1')
    scenario.save(recorded / 'two.toml')
    assert Scenario.load(recorded / 'two.toml') == scenario


def test_a_scenario_is_not_saved_where_its_files_are_not_found(recorded: Path) -> None:
    """Nor is it saved where another file has that name. Nothing is written."""
    away = recorded / 'away'
    away.mkdir()
    (away / 'jobs.csv').write_text('arrival,holding\n1,1\n')
    traced = Scenario(title='x', trace='jobs.csv', max_size=1, folder=recorded)
    by_file = SIMPLE.replace(holding='file:holdings.txt', folder=recorded)
    other = SIMPLE.replace(arrivals='trace:jobs.csv', folder=recorded)

    for scenario, complaint in (
        (traced, "trace 'jobs.csv' cannot be found from .*away: save the scenario in the folder that its paths"),
        (by_file, "holding 'file:holdings.txt' cannot be read from a file in .*away: cannot read the holding times"),
        (other, "arrivals 'trace:jobs.csv' would mean something else in a file in .*away: save the scenario in"),
        (SIMPLE.replace(holding=Empirical(range(500))), "holding '500 values of mean 249.5' cannot be read"),
    ):
        with pytest.raises(ValueError, match=complaint):
            scenario.save(away / 'one.toml')
    assert not (away / 'one.toml').exists()
    with pytest.raises(ValueError, match=r"path must end in \.toml to save a scenario, got 'one'"):
        SIMPLE.save('one')


def test_a_name_finds_a_scenario_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown name raises an error that lists the names."""
    monkeypatch.setattr(simulations.scenarios.file, 'SCENARIOS', tmp_path)
    SIMPLE.save(tmp_path / 'an-api.toml')
    SIMPLE.save(tmp_path / 'another.toml')

    assert Scenario.load('an-api') == SIMPLE
    with pytest.raises(
        ValueError, match=r"no scenario is called 'a-pi': choose an-api, another; or give the path of a file"
    ):
        Scenario.load('a-pi')
    with pytest.raises(ValueError, match=r'cannot load the scenario nowhere\.toml: .*No such file'):
        Scenario.load('nowhere.toml')


GIVEN: dict[str, Any] = {'title': 'x', 'arrivals': 'poisson:6', 'holding': 'exp:1', 'max_size': 5, 'jobs': 9}
TRACED: dict[str, Any] = {'title': 'x', 'trace': __file__, 'max_size': 5}


@pytest.mark.parametrize(
    ('fields', 'kind', 'complaint'),
    [
        (GIVEN | {'title': ' '}, ValueError, "title must not be blank, got ' '"),
        (GIVEN | {'title': 5}, TypeError, 'title must be a string, not 5'),
        (GIVEN | {'lesson': '\ud800'}, ValueError, 'lesson must be text that UTF-8 can encode'),
        (GIVEN | {'max_size': 0}, ValueError, 'max_size must be at least 1, got 0'),
        (GIVEN | {'slot_exp': 0}, ValueError, 'slot_exp must be more than 0'),
        (GIVEN | {'slot_exp': math.inf}, ValueError, 'slot_exp must be more than 0 and at most'),
        (GIVEN | {'crash_probability': 1.5}, ValueError, 'crash_probability must be between 0 and 1, got 1.5'),
        (GIVEN | {'seed': -1}, ValueError, 'seed must be at least 0, got -1'),
        (GIVEN | {'seed': '1'}, TypeError, "seed must be a whole number, not '1'"),
        (GIVEN | {'replications': 0}, ValueError, 'replications must be at least 1, got 0'),
        (GIVEN | {'arrivals': None}, ValueError, "arrivals must be given, such as 'poisson:6', or a trace"),
        (GIVEN | {'holding': None}, ValueError, "holding must be given, such as 'exp:1', or a trace"),
        (GIVEN | {'arrivals': 'gamma:1'}, ValueError, "arrivals 'gamma:1': write poisson:RATE"),
        (GIVEN | {'holding': 'gamma:1'}, ValueError, "holding 'gamma:1': write exp:MEAN"),
        (GIVEN | {'keys': 'gamma:1'}, ValueError, "keys 'gamma:1': write zipf:POOLS"),
        (GIVEN | {'keys': 5}, TypeError, 'keys must be a law of keys'),
        (GIVEN | {'jobs': None}, ValueError, 'jobs or horizon must be given: a number of jobs, or seconds'),
        (GIVEN | {'jobs': 0}, ValueError, 'jobs must be a whole number of at least 1, got 0'),
        (GIVEN | {'horizon': -1}, ValueError, 'horizon must be more than 0 seconds, got -1'),
        (GIVEN | {'on_refusal': 'leave'}, TypeError, r"on_refusal must be Leave\(\) or Retry\(...\), not 'leave'"),
        (GIVEN | {'trace_options': {'thin': 1}}, ValueError, 'trace_options need a trace'),
        (GIVEN | {'on_refusal': Retry(), 'crash_probability': 0.1}, ValueError, 'would retry forever: set slot_exp'),
        (GIVEN | {'trace': 'x.csv'}, ValueError, "arrivals and trace exclude each other, got 'poisson:6' and 'x.csv'"),
        (TRACED | {'trace': 5}, TypeError, 'trace must be a path, not 5'),
        (TRACED | {'trace': 'nowhere.csv'}, ValueError, 'trace must be a file, but there is none at nowhere.csv'),
        (TRACED | {'jobs': 5}, ValueError, r'jobs and trace exclude each other.*use until=\.\.\. for a part'),
        (TRACED | {'trace_options': {'seed': 5}}, ValueError, "trace_options has no 'seed': the nearest is"),
        (TRACED | {'trace_options': {'thn': 5}}, ValueError, "trace_options has no 'thn': the nearest is 'thin'"),
        (TRACED | {'trace_options': {'thin': 0}}, ValueError, 'thin must be finite and more than 0, got 0'),
        (TRACED | {'trace_options': {'thin': 2}}, ValueError, 'thin must be between 0 and 1, got 2'),
        (TRACED | {'trace_options': {'time_scale': 0}}, ValueError, 'time_scale must be finite and more than 0'),
        (TRACED | {'trace_options': {'until': 'noon'}}, ValueError, 'until must be a number of seconds or an ISO'),
        (
            TRACED | {'trace_options': {'kind': 'xls'}},
            ValueError,
            "kind must be one of swf, azure, recording, csv, got 'xls'",
        ),
    ],
)
def test_a_scenario_that_cannot_be_is_refused(fields: dict[str, Any], kind: type[Exception], complaint: str) -> None:
    """The error names the field and its value, and says what to write."""
    with pytest.raises(kind, match=complaint):
        Scenario(**fields)


BASE = 'title = "x"\nmax_size = 5\narrivals = "poisson:6"\nholding = "exp:1"\njobs = 9\n'


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        ('title', 'Expected'),
        ('max_size = 5', 'title must be given'),
        ('title = "x"', 'max_size must be given'),
        (BASE + 'max_sise = 5', "a scenario has no 'max_sise': the nearest is 'max_size'; known are title, lesson"),
        (BASE + 'folder = "x"', "a scenario has no 'folder'"),
        (BASE + 'trace_options = 1', "a scenario has no 'trace_options'"),
        (BASE + 'slot_exp = "never"', "slot_exp must be a number of seconds or 'none', got 'never'"),
        (BASE + 'renew_for = "ever"', "renew_for must be a number of seconds or 'none', got 'ever'"),
        (BASE + 'renew_for = 5', 'renew_for needs slots that expire, but slot_exp is None'),
        (
            BASE + 'on_refusal = "retry"',
            r"on_refusal must be a table, written as \[on_refusal\] .*, not 'retry'",
        ),
        (BASE + '[on_refusal]\npauze = 1', r"the table \[on_refusal\] has no 'pauze': the nearest is 'pause'"),
        (BASE + '[on_refusal]\npause = 1', 'pause must be a distribution, or a string such as'),
        (BASE + '[on_refusal]\ntries = 1', 'tries must be at least 2, got 1'),
        (BASE + '[trace]\nkind = "csv"', r'path must be given in the table \[trace\]'),
        (BASE + '[trace]\npath = "a"\nthn = 1', r"the table \[trace\] has no 'thn': the nearest is 'thin'"),
    ],
)
def test_a_file_that_is_no_scenario_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    """The error names the file, the key and the nearest known key."""
    path = tmp_path / 'one.toml'
    path.write_text(text)

    with pytest.raises(ValueError, match=complaint) as error:
        Scenario.load(path)
    assert str(error.value).startswith(f'cannot load the scenario {path}: ')


def test_a_table_without_keys_is_a_retry_with_its_defaults() -> None:
    """Without the table, a refused job leaves."""
    assert Scenario.from_toml(BASE).on_refusal == Leave()
    assert Scenario.from_toml(BASE + '[on_refusal]').on_refusal == Retry()
    assert Scenario.from_toml(BASE).slot_exp is None


def test_a_field_that_there_is_not_cannot_be_replaced() -> None:
    """The error names the nearest field, and the new scenario is checked as well."""
    calls: list[Callable[[], object]] = [lambda: SIMPLE.replace(sead=1), lambda: SIMPLE.replace(max_size=0)]
    for call, complaint in zip(
        calls, ["has no 'sead': the nearest is 'seed'", 'max_size must be at least 1'], strict=True
    ):
        with pytest.raises(ValueError, match=complaint):
            call()
    assert SIMPLE.replace(holding=Constant(2)).holding == Constant(2)


@pytest.mark.parametrize(
    ('arrivals', 'twice'),
    [
        ('poisson:6', 'poisson:12'),
        ('periodic:4', 'periodic:2'),
        ('periodic:4:1:2', 'periodic:2:1:1'),
        ('periodic:100:30:10', 'periodic:100:60:10'),
        ('bursty:1:60:20:5', 'bursty:2:60:40:5'),
        ('varying:86400:1:2:3', 'varying:86400:2:4:6'),
        ('clients:10:exp:2', 'clients:20:exp:2'),
    ],
)
def test_a_load_factor_multiplies_the_arrivals(arrivals: str, twice: str) -> None:
    """Each law does so in its own way; holding times and everything else stay the same."""
    scenario = Scenario(arrivals=arrivals, holding='exp:1', max_size=5, jobs=100, load_factor=2)
    doubled = scenario.replace(arrivals=twice, load_factor=1)

    assert scenario.workload().name == doubled.workload().name
    assert Scenario.from_toml(scenario.replace(title='a').to_toml()).load_factor == 2
    if not arrivals.startswith('clients'):
        assert list(scenario.workload()) == list(doubled.workload())


def test_a_load_factor_brings_recorded_jobs_closer_together(tmp_path: Path) -> None:
    """Their holding times stay the same; recorded arrivals alone can be scaled as well."""
    (tmp_path / 'jobs.csv').write_text('arrival,holding\n0,5\n10,6\n30,7\n')
    scenario = Scenario(trace='jobs.csv', max_size=5, load_factor=2, folder=tmp_path)
    instants = Scenario(
        arrivals='trace:jobs.csv', holding='const:1', jobs=3, max_size=5, load_factor=2, folder=tmp_path
    )

    assert [(job.arrival, job.holding) for job in scenario.workload()] == [(0, 5), (5, 6), (15, 7)]
    assert [job.arrival for job in instants.workload()] == [0, 5, 15]
    with pytest.raises(ValueError, match='load_factor must be finite and more than 0, got 0'):
        scenario.replace(load_factor=0)


def test_a_trace_is_thinned_anew_for_each_seed_and_read_anew_when_it_changed(tmp_path: Path) -> None:
    """Otherwise it is read once for many runs."""
    path = tmp_path / 'jobs.csv'
    path.write_text('arrival,holding\n' + ''.join(f'{number},1\n' for number in range(200)))
    scenario = Scenario(trace=path, trace_options={'thin': 0.5}, max_size=5)
    some, others = (list(scenario.workload(seed)) for seed in (1, 2))

    assert some != others
    assert list(scenario.workload(1)) == some
    assert scenario.random
    assert not scenario.replace(trace_options={}).random
    path.write_text('arrival,holding\n0,1\n')
    assert len(list(scenario.replace(trace_options={}).workload())) == 1
    path.write_text('arrival,holding\n0,1\n1,1\n')
    os.utime(path, ns=(1, 1))
    assert len(list(scenario.replace(trace_options={}).workload())) == 2


def test_several_runs_of_what_knows_no_chance_are_refused(tmp_path: Path) -> None:
    """They would all be equal, and their interval meaningless."""
    path = tmp_path / 'jobs.csv'
    path.write_text('arrival,holding\n' + '0,1\n' * 50)
    scenario = Scenario(trace=path, max_size=5, replications=3)

    with pytest.raises(ValueError, match='every run of a recorded trace is the same'):
        scenario.run()
    assert scenario.replace(trace_options={'thin': 0.5}).run().replications == 3
    assert scenario.replace(slot_exp=9.0, crash_probability=0.5).run().replications == 3
