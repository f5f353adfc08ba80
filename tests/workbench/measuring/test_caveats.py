"""Every reason to doubt a figure is a value, and reaches whoever reads the figure."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulations import Poisson, Result, Scenario, Trace, replay, size_pool, sweep
from simulations.cli import main
from simulations.faults import Crash
from simulations.measuring import caveats as codes
from simulations.measuring.caveats import OF_AMOUNTS, OF_BATCHES, STARTS_EMPTY, Caveat
from simulations.results.words import message
from simulations.sizing.length import lengthen
from simulations.statistics.tails import tail_index
from simulations.theory.pace import pace_of
from simulations.workloads.refusals import Leave, Retry


FIGURES = ('refusal_share', 'attempts_refusal_share', 'occupancy_mean', 'overrun_mean')
CRASHING = Scenario(arrivals='poisson:6', holding='exp:1', max_size=20, slot_exp=600, crash_probability=0.01, jobs=1000)
LONG = Scenario(arrivals='poisson:3', holding='exp:1', max_size=5, slot_exp=None, jobs=6000, seed=1)


def codes_of(result: Result, figure: str = 'refusal_share') -> set[str]:
    return {caveat.code for caveat in result.caveats if caveat.concerns(figure)}


def test_a_long_run_has_no_caveat() -> None:
    """Neither the values, the report nor the JSON have any."""
    run = LONG.replay(history=False)

    assert run.caveats == ()
    assert run.to_json()['caveats'] == []
    assert 'caveat' not in str(run)


@pytest.mark.parametrize('replications', [1, 10])
def test_a_run_too_short_for_the_slots_of_crashed_holders_says_so(replications: int) -> None:
    """Their slots live for ten minutes, a run lasts less than three; theory says 54 %."""
    run = CRASHING.replace(replications=replications).run(history=False)
    found = codes_of(run)

    assert run.estimates.refusal_share
    assert run.theory
    assert run.theory.refusal_share == pytest.approx(0.542, abs=0.001)
    assert {'starts-empty', 'short-run'} & found
    assert 'starts-empty' in found
    assert ('theory-outside' in found) == (run.theory.refusal_share not in run.estimates.refusal_share)


def test_theory_outside_an_interval_stands_in_the_first_lines() -> None:
    """The line names the figure and theory's value."""
    run = CRASHING.run(replications=10, history=False)
    first = str(run).splitlines()[1]

    assert first.split()[0] == 'caveat'
    assert 'theory is exact here and says 54.20% for the share of refused jobs' in first


def test_the_caveats_of_a_run_are_those_of_its_json_its_report_and_its_card() -> None:
    """JSON has a list of code, message and figure; the report a line, the card a row for each."""
    run = CRASHING.replay(history=False)
    plain = json.loads(json.dumps(run.to_json()))['caveats']

    assert [(each['code'], each['figure']) for each in plain] == [(each.code, each.figure) for each in run.caveats]
    for each in plain:
        assert set(each) == {'code', 'message', 'figure'}
        assert f'{each["message"]} ({each["code"]})' in str(run)
        assert f'({each["code"]})' in run._repr_html_()


def test_replications_keep_the_caveats_that_more_runs_do_not_remove() -> None:
    """Heavy tails stay; what is said of the batches of one run does not concern several."""
    heavy = Scenario(arrivals='poisson:3', holding='pareto:1.2:0.1', max_size=5, slot_exp=None, jobs=500)
    alone, together = heavy.replay(history=False), heavy.run(replications=5, history=False)

    assert 'heavy-tail' in codes_of(alone)
    assert 'heavy-tail' in codes_of(together)
    assert not {each.code for each in together.caveats} & OF_BATCHES


def test_a_heavy_tail_offers_what_is_right_instead() -> None:
    """With Poisson arrivals, theory needs the mean alone; otherwise an expiry would help."""
    heavy = Scenario(arrivals='poisson:3', holding='pareto:1.5:0.2', max_size=5, slot_exp=None, jobs=500)
    [known] = [each for each in heavy.replay().to_json()['caveats'] if each['code'] == 'heavy-tail']
    theory = heavy.expect()
    assert not isinstance(theory, str)
    assert f'{theory.refusal_share:.2%} refused' in known['message']
    retrying = heavy.replace(on_refusal=Retry('exp:1', tries=3)).replay()
    [unknown] = [each for each in retrying.to_json()['caveats'] if each['code'] == 'heavy-tail']
    assert 'an expiry (slot_exp) would bound the time' in unknown['message']
    # An expiry bounds the time in a slot, but not the overrun.
    expiring = heavy.replace(slot_exp=2).replay()
    assert 'heavy-tail' not in codes_of(expiring)
    assert 'heavy-tail' in codes_of(expiring, 'overrun_mean')


def test_the_heavy_tail_of_a_log_is_estimated_from_it() -> None:
    """Recorded times of infinite variance are recognised, exponential ones are not called heavy."""
    stream = np.random.default_rng(1)
    for holdings, heavy in ((0.2 * (1 + stream.pareto(1.3, 3000)), True), (stream.exponential(1, 3000), False)):
        trace = Trace([(float(number), float(holding)) for number, holding in enumerate(holdings)])
        run = replay(trace, max_size=4, history=False)
        assert ('heavy-tail' in codes_of(run)) == heavy
    assert tail_index(1 + stream.pareto(1.5, 100_000)) == pytest.approx(1.5, rel=0.15)
    assert tail_index(np.ones(1000)) == np.inf
    assert tail_index(np.arange(50.0)) == np.inf


def test_slots_that_are_lost_and_jobs_that_pile_up_have_no_long_run() -> None:
    """Without an expiry crashes take all slots; without enough slots ever more jobs wait."""
    lost = LONG.replace(crash_probability=0.1, jobs=500).replay()
    piling = LONG.replace(max_size=2, on_refusal=Retry('exp:1'), jobs=500).replay()

    assert 'slots-lost' in codes_of(lost)
    assert 'unstable' in codes_of(piling, 'attempts_refusal_share')


@pytest.mark.parametrize(
    'scenario',
    [
        CRASHING,
        LONG.replace(jobs=300),
        LONG.replace(on_refusal=Retry('exp:1')),
        LONG.replace(arrivals='varying:60:1:1:8:8'),
        LONG.replace(arrivals='periodic:0.1', holding='const:0.3', max_size=3),
        LONG.replace(slot_exp=0.5),
    ],
    ids=['crashes', 'short', 'retries', 'varying', 'all the same', 'expiry'],
)
@pytest.mark.parametrize('replications', [1, 3])
def test_a_mean_lies_inside_its_own_interval(scenario: Scenario, replications: int) -> None:
    """This holds for every figure, also with a long drain, and for equal batches."""
    numbers = scenario.replace(replications=replications).run(history=False).to_json()

    for figure in FIGURES:
        if (bounds := numbers[f'{figure}_ci']) is not None:
            assert bounds[0] <= numbers[figure] <= bounds[1], figure


def test_the_drain_is_no_part_of_a_mean() -> None:
    """A job of an hour at the end changes the length of the drain, and no mean over time."""
    jobs = [*Poisson(3, 'exp:1', jobs=500, seed=1)]
    last = jobs[-1].arrival
    short, long = (replay(Trace([*jobs, (last, holding)]), max_size=50) for holding in (0.0, 3600.0))

    assert long.figures.drain == 3600
    assert (long.figures.occupancy_mean, long.figures.running_mean) == (
        short.figures.occupancy_mean,
        short.figures.running_mean,
    )
    assert long.figures.throughput == short.figures.throughput
    assert long.occupancy_shares.tolist() == short.occupancy_shares.tolist()


def test_a_histogram_and_its_mean_are_of_the_same_time() -> None:
    """The mean of the shares is the mean occupancy, with a warm-up and a drain left out."""
    for run in (CRASHING.replay(), LONG.replay(), LONG.replace(jobs=200).replay()):
        mean = run.occupancy_shares @ np.arange(len(run.occupancy_shares))
        assert mean == pytest.approx(run.figures.occupancy_mean)
        assert run.figures.warm_up > 0


def test_the_memory_of_a_pool_is_that_of_the_slots_seen_at_random() -> None:
    """It is E[X^2] / 2 E[X] for slots occupied for X, and longer with bursts or retries."""

    def memory(arrivals: str = 'poisson:1', holding: str = 'exp:1', life: float | None = None, **more: Any) -> float:
        scenario = Scenario(arrivals=arrivals, holding=holding, max_size=5, slot_exp=life, jobs=10)
        pace = pace_of(scenario.workload(), 5, life, more.get('on_refusal', Leave()), more.get('crashing', 0.0))
        assert pace is not None
        return pace.memory

    assert memory() == pytest.approx(1, rel=1e-3)
    assert memory(holding='const:4') == pytest.approx(2, rel=1e-3)
    assert memory(holding='uniform:0:6') == pytest.approx(36 / 3 / 2 / 3, rel=1e-3)
    assert memory(holding='lognormal:0:1') == pytest.approx(np.exp(1.5) / 2, rel=1e-2)
    assert memory(holding='pareto:2.5:1') == pytest.approx(5 / 2 / (5 / 3), rel=1e-2)
    assert memory(holding='pareto:2:1') == memory(holding='pareto:1.2:1') == np.inf
    mean = 0.99 * (1 - np.exp(-600)) + 0.01 * 600
    assert memory(life=600, crashing=0.01) == pytest.approx((0.99 * 2 + 0.01 * 600**2) / 2 / mean, rel=1e-2)
    assert memory('bursty:1:60:8:20') == pytest.approx(81, rel=1e-3)
    assert memory(on_refusal=Retry('exp:1')) > 2


def test_every_code_has_a_message() -> None:
    """A message says what to do, and no code is told twice."""
    known = {value for name, value in vars(codes).items() if name.isupper() and isinstance(value, str)}

    for code in known:
        for figure in (None, *FIGURES):
            text = message(Caveat(code, 2.0, figure, 4.0))
            assert 20 < len(text) < 260, text
            assert text[0].islower()
            assert not text.endswith('.')
    assert known >= OF_BATCHES | OF_AMOUNTS


def test_commands_write_the_list_for_each_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This covers `run`, `replay`, `size` and each point of a sweep; it may be empty."""
    monkeypatch.chdir(tmp_path)
    Trace([(number, 3) for number in range(50)]).to_csv('log.csv')
    made = ['--rate', '3', '--jobs', '4000', '--slot-exp', 'none', '--no-pictures', '--json', 'out.json']

    def written(*words: str) -> dict[str, Any]:
        assert main([*words]) == 0
        found: dict[str, Any] = json.loads(Path('out.json').read_text())
        return found

    assert written('run', *made)['caveats'] == []
    caveats = written('replay', 'log.csv', '--max-size', '5', '--no-pictures', '--json', 'out.json')['caveats']
    assert ('not-steady', None) in [(each['code'], each['figure']) for each in caveats]
    assert written('size', *made, '--target', '0.05', '--workers', '1')['caveats'] == []
    points = written('sweep', *made, '--vary', 'max_size=2,9', '--workers', '1')['points']
    assert [[each['code'] for each in point['caveats']] for point in points] == [[], ['few-refusals']]


def test_a_sweep_keeps_the_caveats_of_its_points() -> None:
    """Points with a doubt are marked in the table, and the reason stands below it."""
    found = sweep(CRASHING, {'max_size': (20, 60)}, replications=3, workers=1)

    assert all(not point.sound for point in found.points)
    assert '? at max_size 20: ' in str(found)
    assert 'starts-empty' in found.points[0].row()['caveats']
    assert {each['code'] for each in found.to_json()[0]['caveats']} >= {'starts-empty'}


def test_size_follows_theory_where_short_runs_mislead() -> None:
    """One crash in a hundred needs 55 slots, and the runs are made long enough to see it."""
    found = size_pool(CRASHING, 0.01, curve=0, most_jobs=200_000)

    assert (found.max_size, found.max_size_theory) == (55, 55)
    assert found.lengthened > 10
    assert 'lengthened' in str(found)


# --- what all runs share


BURSTS: dict[str, Any] = {'arrivals': 'bursty:1:1000:20:20', 'holding': 'exp:1', 'max_size': 14, 'seed': 1}


def found_in(scenario: Scenario) -> list[tuple[str, str | None]]:
    return [(caveat.code, caveat.figure) for caveat in scenario.run(history=False).caveats]


def test_runs_that_end_early_in_a_burst_have_a_caveat_however_many_they_are() -> None:
    """Each gives bursts too little weight: 160 of them agreed on 4 % where the truth is 10 %."""
    found = found_in(Scenario(**BURSTS, jobs=300, replications=40))
    assert {('short-run', 'refusal_share'), ('short-run', 'occupancy_mean')} <= set(found)
    [caveat] = [
        each
        for each in Scenario(**BURSTS, jobs=300, replications=40).run(history=False).caveats
        if (each.code, each.figure) == ('short-run', 'refusal_share')
    ]
    assert 'horizon' in message(caveat)

    assert ('short-run', 'refusal_share') not in found_in(Scenario(**BURSTS, horizon=300, replications=40))


def test_a_size_is_sought_in_runs_of_many_bursts() -> None:
    """With runs of 300 jobs, a little more than one cycle, four of four answers were too small."""
    scenario = Scenario(arrivals='bursty:1:200:20:10', holding='exp:1', max_size=22, jobs=300)
    longer = lengthen(scenario, 0.05, most_runs=40, least_runs=2, most_jobs=500_000).scenario
    assert longer.jobs == 300 * 200 / 3

    in_time = scenario.replace(jobs=None, horizon=150.0)
    assert lengthen(in_time, 0.05, most_runs=40, least_runs=2, most_jobs=500_000).factor < 10


@pytest.mark.parametrize('replications', [1, 5])
def test_slots_of_crashed_holders_count_in_the_load_of_retries(replications: int) -> None:
    """0.9 erlangs of bodies and 6 of crashed holders are too many for five slots."""
    scenario = Scenario(
        arrivals='poisson:1',
        holding='exp:1',
        max_size=5,
        on_refusal=Retry('exp:20'),
        slot_exp=60,
        crash_probability=0.1,
        jobs=800,
        replications=replications,
        seed=1,
    )
    assert ('unstable', None) in found_in(scenario)
    assert ('unstable', None) not in found_in(scenario.replace(crash_probability=0.01))


@pytest.mark.parametrize(('jobs', 'replications'), [(6000, 1), (1500, 10)])
def test_an_overrun_of_rare_long_bodies_needs_a_long_run(jobs: int, replications: int) -> None:
    """Its interval missed the truth, 2.6 bodies, in 87 of 100 sets of ten runs."""
    scenario = Scenario(
        arrivals='periodic:0.3333333333333333',
        holding='lognormal:-4.5:3',
        max_size=40,
        slot_exp=1.0,
        jobs=jobs,
        replications=replications,
        seed=1,
    )
    assert ('short-run', 'overrun_mean') in found_in(scenario)
    assert ('short-run', 'overrun_mean') not in found_in(scenario.replace(holding='exp:0.8'))


@pytest.mark.parametrize('replications', [1, 10])
def test_the_slots_that_random_crashes_leave_behind_count_in_the_pace(replications: int) -> None:
    """They live ten minutes, so runs of five minutes see few of them."""
    scenario = Scenario(
        arrivals='poisson:3',
        holding='exp:1',
        max_size=60,
        slot_exp=600.0,
        faults=(Crash(every='exp:500'),),
        jobs=900,
        replications=replications,
        seed=1,
    )
    assert {'short-run', 'starts-empty'} & {code for code, _ in found_in(scenario)}


@pytest.mark.parametrize(
    ('missing', 'words'), [(0.0123, ' 1.23% of'), (1e-4, ' 0.01% of'), (1e-7, ' less than 0.01% of')]
)
def test_a_caveat_never_says_that_nothing_was_missing(missing: float, words: str) -> None:
    """A share of almost nothing matters where the interval is as narrow."""
    assert words in message(Caveat(STARTS_EMPTY, missing, 'wait_p99', 7.9))
