"""How big the pool must be, and which expiry: answers beside theory, and beside brute force."""

import math
import random
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulations.sizing.measure
from simulations import Retry, Scenario, Trace, choose_expiry, size_pool
from simulations.sizing import Sizing
from simulations.sweeps.outcome import Outcome
from simulations.sweeps.processes import processes
from simulations.sweeps.run import run_once
from simulations.traces.bundled import BUNDLED_SLOT_EXP, BUNDLED_TRACE


@pytest.fixture(scope='module')
def executor() -> Iterator[Executor]:
    """Return an executor of two processes, shared by all cases."""
    with processes(2) as two:
        yield two


def erlang(load: float, size: int) -> float:
    """Return Erlang B by its recursion, written independently."""
    blocked = 1.0
    for slots in range(1, size + 1):
        blocked = load * blocked / (slots + load * blocked)
    return blocked


def engset(clients: int, alpha: float, size: int) -> float:
    """Return the call congestion: a client sees the state of all other clients."""
    weights = [math.comb(clients - 1, busy) * alpha**busy for busy in range(min(size, clients - 1) + 1)]
    return weights[size] / sum(weights) if size < clients else 0.0


def zipf(load: float, pools: int, size: int) -> float:
    """Return the refusals of separate pools, the k-th with a share proportional to 1/k."""
    whole = sum(1 / k for k in range(1, pools + 1))
    return sum(1 / k / whole * erlang(load / k / whole, size) for k in range(1, pools + 1))


def made_up(arrivals: str, holding: str, jobs: int = 600, **fields: Any) -> Scenario:
    return Scenario(arrivals=arrivals, holding=holding, jobs=jobs, max_size=1, seed=1, **fields)


EXPIRING = 6 * (1 - math.exp(-0.5))
CRASHING = 2 * (0.8 * (1 - math.exp(-4)) + 0.2 * 4)
CASES: dict[str, tuple[Scenario, float, Callable[[int], float]]] = {
    'three erlangs, 1 %': (made_up('poisson:3', 'exp:1'), 0.01, lambda size: erlang(3, size)),
    'three erlangs, 10 %': (made_up('poisson:3', 'exp:1'), 0.1, lambda size: erlang(3, size)),
    'twenty, uniform': (made_up('poisson:20', 'uniform:0:2'), 0.03, lambda size: erlang(20, size)),
    'constant': (made_up('poisson:8', 'const:0.5'), 0.05, lambda size: erlang(4, size)),
    'one in a thousand': (made_up('poisson:1', 'exp:1'), 0.001, lambda size: erlang(1, size)),
    'slots expire': (made_up('poisson:6', 'exp:1', slot_exp=0.5), 0.01, lambda size: erlang(EXPIRING, size)),
    'holders crash': (
        made_up('poisson:2', 'exp:1', slot_exp=4.0, crash_probability=0.2),
        0.02,
        lambda size: erlang(CRASHING, size),
    ),
    'many pools': (made_up('poisson:12', 'exp:1', keys='zipf:4:1'), 0.02, lambda size: zipf(12, 4, size)),
    'ten clients': (made_up('clients:10:exp:2', 'exp:1'), 0.05, lambda size: engset(10, 0.5, size)),
    'thirty clients': (made_up('clients:30:exp:4', 'exp:1'), 0.01, lambda size: engset(30, 0.25, size)),
}


@pytest.mark.parametrize('name', CASES)
def test_the_answer_is_that_of_theory(name: str, executor: Executor) -> None:
    """Erlang's and Engset's answers, loads 1 to 20, targets 0.1 to 0.001, and what decided."""
    scenario, target, refused = CASES[name]
    answer = next(size for size in range(1, 100) if refused(size) < target)

    found = size_pool(scenario, target, executor=executor, curve=0)

    assert found.max_size == found.max_size_theory == found.scenario.max_size == answer
    assert found.range[1] is not None
    assert found.range[0] <= answer <= found.range[1]
    below, there = found.curve[answer - 1], found.curve[answer]
    assert (below.enough, there.enough) == (False, True)
    decided = below.share.low > target and there.share.high < target
    assert found.decided_by == ('measurement' if decided else 'theory')
    assert found.refusal_share == there.share
    for size, verdict in found.curve.items():
        assert verdict.point.refusal_share_theory == pytest.approx(refused(size), rel=1e-9)


def test_where_the_measurement_cannot_tell_theory_does_and_the_answer_says_so() -> None:
    """The target is nearly theory's value for five slots, so no measurement separates 5 from 6."""
    scenario = made_up('poisson:3', 'exp:1', 500)
    for target, answer in ((erlang(3, 5) * 0.9999, 6), (erlang(3, 5) * 1.0001, 5)):
        found = size_pool(scenario, target, most_runs=20, curve=0)
        assert (found.max_size, found.decided_by) == (answer, 'theory')
        assert found.range[1] is not None
        assert found.range[0] <= 5 < 6 <= found.range[1] + (answer == 5)
        assert 'not excluded' in str(found)
        assert 'so theory did' in str(found)


def test_where_neither_tells_there_is_no_answer_but_a_range() -> None:
    """Bursts have no theory here, and ten short runs say little."""
    scenario = made_up('bursty:1:20:9:5', 'exp:1', 100)
    rough = size_pool(scenario, 0.1, most_runs=10, most_jobs=1, curve=0)
    assert (rough.max_size, rough.decided_by, rough.max_size_theory) == (None, 'nothing', None)
    low, high = rough.range
    assert high is not None
    assert low + 1 < high
    assert low <= rough.nearest <= high
    assert rough.refusal_share.mean < 0.1 <= rough.curve[rough.nearest - 1].share.mean
    assert f'max_size cannot be told: from so short a workload: every size from {low} to {high}' in str(rough)
    assert 'cannot be told' in rough.plot().get_title()


def test_where_jobs_ask_until_they_get_a_slot_the_target_is_of_attempts(executor: Executor) -> None:
    """No job is refused in the end; theory is that of retrials."""
    scenario = made_up('poisson:3', 'exp:1', on_refusal=Retry('exp:1'))
    found = size_pool(scenario, 0.12, executor=executor, curve=0)
    plain = found.to_json()
    assert plain['of'] == 'attempts'
    assert found.max_size == found.max_size_theory
    for size, enough in ((found.nearest, True), (found.nearest - 1, False)):
        figures = scenario.replace(max_size=size, jobs=10_000).replay(history=False).figures
        assert figures.refused == 0
        assert (figures.attempts_refusal_share < 0.12) == enough
    limited = size_pool(scenario.replace(on_refusal=Retry('exp:1', tries=3)), 0.05, most_runs=10, curve=0)
    assert limited.to_json()['of'] == 'jobs'


def test_clients_that_ask_until_they_get_a_slot_may_have_fewer_slots_than_they_would_like() -> None:
    """They wait for one another, so their number is limited and their load is no lower bound."""
    scenario = made_up('clients:10:exp:1', 'exp:1', on_refusal=Retry('exp:1'))
    found = size_pool(scenario, 0.6, most_runs=10, curve=0)
    shares = [scenario.replace(max_size=size).replay().figures.attempts_refusal_share for size in (1, 2, 3, 4, 5)]
    assert shares[3] < 0.6 < shares[2]
    assert found.max_size == 4


def recorded(folder: Path, jobs: 'list[tuple[float, float]]', **fields: Any) -> Scenario:
    Trace(jobs).to_csv(folder / 'trace.csv')
    return Scenario(trace=folder / 'trace.csv', max_size=1, **fields)


@pytest.mark.parametrize('target', [0.3, 0.05, 0.004])
@pytest.mark.parametrize('jobs', [4, 30, 300])
def test_a_trace_without_chance_is_run_once_at_each_size_and_the_answer_is_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int, target: float
) -> None:
    """It is the smallest of all sizes, each tried, however few the jobs."""
    stream = random.Random(jobs)
    scenario = recorded(tmp_path, [(stream.random() * jobs / 10, stream.expovariate(1)) for _ in range(jobs)])
    runs: list[int] = []

    def counted(scenario: Scenario, seed: int, store: str) -> Outcome:
        runs.append(scenario.max_size)
        return run_once(scenario, seed, store)

    monkeypatch.setattr(simulations.sizing.measure, 'run_once', counted)
    found = size_pool(scenario, target)
    shares = [scenario.replace(max_size=size).replay().figures.refusal_share for size in range(1, found.nearest + 1)]
    assert shares[-1] < target
    assert all(share >= target for share in shares[:-1])
    assert found.refusal_share.mean == pytest.approx(shares[-1], abs=1e-12)
    assert len(runs) == len(set(runs)) == len(found.curve)
    assert found.range == (found.max_size, found.max_size)
    assert 1 < found.nearest <= found.peak


@pytest.mark.parametrize('jobs', [4, 10])
def test_a_share_of_just_the_target_is_not_below_it(tmp_path: Path, jobs: int) -> None:
    """With half as many slots, half of the simultaneous jobs are refused, so one more is needed."""
    assert size_pool(recorded(tmp_path, [(0.0, 1.0)] * jobs), 0.5).max_size == jobs // 2 + 1


def test_jobs_of_one_instant_that_try_again_need_no_slot_each(tmp_path: Path) -> None:
    """A hundred jobs of a second each that retry each second need 34 slots for three rounds."""
    scenario = recorded(tmp_path, [(0.0, 1.0)] * 100, on_refusal=Retry('const:1'))
    assert size_pool(scenario, 0.5).max_size == 34
    asked = [scenario.replace(max_size=size).replay().figures.attempts_refusal_share for size in (33, 34)]
    assert asked[1] < 0.5 <= asked[0]


def test_the_bundled_trace_needs_543_slots_for_one_percent() -> None:
    """With slots of three days, one slot fewer refuses more than one job in a hundred."""
    scenario = Scenario(trace=BUNDLED_TRACE, max_size=1, slot_exp=BUNDLED_SLOT_EXP)
    found = size_pool(scenario, 0.01, curve=0)
    assert found.max_size == 543
    there, below = (scenario.replace(max_size=size).replay(history=False).figures for size in (543, 542))
    assert there.refused / there.jobs < 0.01 <= below.refused / below.jobs
    assert found.refusal_share.mean == pytest.approx(there.refusal_share, abs=1e-12)


@pytest.fixture(scope='module')
def sized() -> Sizing:
    """Return a small answer with its curve."""
    return size_pool(made_up('poisson:3', 'exp:1', 500), 0.05, most_runs=20)


def test_the_curve_goes_around_the_answer(sized: Sizing) -> None:
    """It spans half to one and a half times the answer, falls, and is drawn with the target."""
    sizes = list(sized.curve)
    assert sizes == sorted(sizes)
    assert sizes[0] <= sized.nearest // 2
    assert sizes[-1] >= sized.nearest + 2
    ax = sized.plot()
    heights = {line.get_label(): np.asarray(line.get_ydata()) for line in ax.lines}
    assert set(heights['target 0.05']) == {0.05}
    assert (np.diff(heights['theory']) <= 0).all()
    assert '<img ' in sized._repr_html_()


def test_the_answer_as_plain_values_has_the_keys_that_scripts_rely_on(sized: Sizing) -> None:
    """The keys include size, share and interval."""
    plain = sized.to_json()
    assert plain['max_size'] == sized.max_size
    assert plain['refusal_share'] == sized.refusal_share.mean
    assert plain['refusal_share_ci'] == [sized.refusal_share.low, sized.refusal_share.high]
    assert [row['max_size'] for row in plain['curve']] == list(sized.curve)


@pytest.mark.parametrize('target', [0, 1, -0.1, 1.5, math.nan, math.inf])
def test_targets_that_cannot_be_are_refused(target: float) -> None:
    """No share is below 0, and all are below 1."""
    with pytest.raises(ValueError, match='target must be'):
        size_pool(made_up('poisson:3', 'exp:1'), target)


def test_a_scenario_without_jobs_is_refused() -> None:
    """Sizing and the choice of an expiry both refuse it."""
    empty = Scenario(arrivals='poisson:1', holding='exp:1', horizon=1e-9, max_size=1)
    with pytest.raises(ValueError, match='no job arrives in this scenario: there is nothing to size a pool for'):
        size_pool(empty, 0.01)
    with pytest.raises(ValueError, match='no job arrives in this scenario: there is nothing to choose an expiry for'):
        choose_expiry(empty, 60)


# --- which expiry

HOLDINGS: dict[str, Callable[[float], float]] = {
    'const:2': lambda share: 2.0,
    'uniform:1:3': lambda share: 3 - 2 * share,
    'exp:2': lambda share: -2 * math.log(share),
}


@pytest.mark.parametrize('recovery', [0.7, 30.0])
@pytest.mark.parametrize('holding', HOLDINGS)
def test_the_shortest_expiry_is_that_of_the_distribution(holding: str, recovery: float) -> None:
    """It is the quantile, to 1 % and the uncertainty of 4,000 jobs, from either side."""
    roomy = Scenario(arrivals='poisson:1', holding=holding, max_size=100, jobs=4000, seed=1)
    truth = HOLDINGS[holding](0.05)
    found = choose_expiry(roomy, recovery, 0.05, points=0)
    # The standard error of the share, converted to one of the quantile by the slope of the share.
    slope = {'const:2': math.inf, 'uniform:1:3': truth / 2, 'exp:2': truth / 2 * 0.05}[holding]
    error = math.sqrt(0.05 * 0.95 / 4000) / slope
    assert -5 * error - 1e-9 <= found.shortest / truth - 1 <= 0.01 + 5 * error


def test_the_longest_expiry_that_frees_a_crashed_slot_in_time_is_chosen() -> None:
    """No slot of a crashed holder is freed later, and few enough jobs outlive theirs."""
    scenario = Scenario(
        arrivals='poisson:3', holding='exp:1', max_size=20, slot_exp=900.0, crash_probability=0.1, jobs=4000, seed=1
    )
    found = choose_expiry(scenario, recovery=8, overrun_share=0.01, points=3)
    assert found.slot_exp == found.scenario.slot_exp == 8
    figures = scenario.replace(slot_exp=found.slot_exp).replay().figures
    assert figures.recovered == figures.crashed > 100
    assert 7 < figures.recovery_longest <= 8
    assert figures.expired_while_running / figures.granted == found.point.overrun_share <= 0.01
    assert found.shortest < 8
    assert 'slot_exp 8 s is the longest that frees the slot of a crashed holder within 8 s' in str(found)
    # On an axis of ratios, the numbers to read it by are not powers of ten alone.
    ax = found.plot()
    low, high = ax.get_xlim()
    assert sum(low <= tick <= high for tick in ax.get_xticks()) >= 3
    assert [text.get_text() for text in ax.texts] == [f'shortest {found.shortest:.3g} s', 'freed within 8 s']
    shorter = scenario.replace(slot_exp=found.shortest / 1.02).replay().figures
    assert shorter.expired_while_running / shorter.granted > 0.01


def test_where_no_expiry_does_both_the_answer_says_so() -> None:
    """It says what each condition needs, and continues with the expiry that few jobs outlive."""
    scenario = Scenario(arrivals='poisson:3', holding='const:5', max_size=20, crash_probability=0.1, jobs=500, seed=1)
    found = choose_expiry(scenario, recovery=2, overrun_share=0.01, points=3)
    assert found.slot_exp is None
    assert found.to_json()['slot_exp'] is None
    assert found.point.overrun_share > 0.8
    assert 5 <= found.shortest <= 5.05
    assert found.scenario.slot_exp == found.shortest
    assert 'no slot_exp meets both conditions: with 2 s, ' in str(found)
    assert f'a slot may then stay taken for up to {found.shortest:.4g} s after a crash' in str(found)
    assert 'no slot_exp meets both' in found.plot().get_title()


def test_the_curve_of_expiries_holds_the_answer(tmp_path: Path) -> None:
    """It also includes the requested recovery, and values below and above both."""
    found = choose_expiry(made_up('poisson:3', 'exp:1', 500), recovery=4, overrun_share=0.05, points=5)
    lives = [point.values['slot_exp'] for point in found.curve.points]
    assert {4.0, found.shortest} <= set(lives)
    shares = [point.overrun_share for point in found.curve.points]
    assert shares[0] > 0.05 > shares[-1]


@pytest.mark.parametrize(
    ('given', 'complaint'),
    [
        ({'recovery': 0}, 'recovery must be finite and more than 0, got 0'),
        ({'recovery': 1e300}, 'recovery must be at most 3153600000 seconds, got 1e'),
        ({'overrun_share': 0}, 'overrun_share must be more than 0 and less than 1, got 0'),
        ({'overrun_share': 1}, 'overrun_share must be more than 0 and less than 1, got 1'),
        ({'points': -1}, 'points must be at least 0, got -1'),
    ],
)
def test_wishes_that_cannot_be_are_refused(given: dict[str, Any], complaint: str) -> None:
    """They are refused before any run."""
    with pytest.raises(ValueError, match=complaint):
        choose_expiry(made_up('poisson:3', 'exp:1'), **given)


def test_jobs_that_outlive_even_the_longest_life_are_reported() -> None:
    """Not even a hundred years are enough for them, and the search stops there."""
    scenario = Scenario(arrivals='poisson:1', holding='const:1e10', max_size=9, jobs=20)
    with pytest.raises(ValueError, match='too many outlive the longest possible, 3153600000 s: raise overrun_share'):
        choose_expiry(scenario, recovery=60)
