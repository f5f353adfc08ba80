"""A sample of ``python -m tests.coverage``, and of ``.sizes`` and ``.differences`` in it.

The full studies run by hand; the sample shows that they work, and that caveats are where they must
be.
"""

import math
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from simulations import PoissonArrivals, Synthetic
from simulations.theory import engset, erlang_b
from tests.coverage import differences
from tests.coverage.cases import CASES, Case
from tests.coverage.queues import QUEUES
from tests.coverage.sizes import CASES as SIZES
from tests.coverage.sizes import SizeCase, answer
from tests.coverage.study import above, study
from tests.coverage.truth import batch_loss, bursty_loss
from tests.coverage.waits import CASES as WAITS
from tests.coverage.waits import WaitCase


BY_NAME = {case.name: case for case in [*CASES, *QUEUES]}
NEVER_SURE = ('Pareto 1.2', 'Pareto 1.5', 'crashes, long life', 'crashes, long life, ten runs', 'slow bursts')
QUICK = ('M/M/5', 'one slot', 'batches', 'queue, M/M/5', 'Erlang A')
SHORT_WAITS = ('Erlang C, half a second', 'M/M/c+D, both goals', 'M/D/c', 'two pools by key')
SHORT = ('three erlangs, 1 %', 'crashes, two minutes', 'Pareto 1.5', 'batches', 'rushes')


@pytest.fixture(scope='module')
def here() -> Executor:
    """Return an executor without processes, which would take longer to start than to run."""
    return ThreadPoolExecutor(1)


def test_no_two_intervals_share_a_seed() -> None:
    """The seeds are a function of the name of a case and the number of the interval."""
    cases = [*CASES, *QUEUES]
    seeds = {case.seed(number) for case in cases for number in range(300)}

    assert len(CASES) >= 15
    assert len(QUEUES) >= 15
    assert len(seeds) == 300 * len(cases)


@pytest.mark.parametrize('name', QUICK)
def test_intervals_without_a_caveat_hold_the_truth(name: str, here: Executor) -> None:
    """Of 24 intervals of each figure, hardly any has a caveat, and hardly any misses."""
    for found in study(BY_NAME[name], 24, here):
        assert found.clean >= 20, found
        assert found.p > 1e-5, found


@pytest.mark.parametrize('name', NEVER_SURE)
def test_an_interval_that_cannot_be_trusted_has_a_caveat(name: str, here: Executor) -> None:
    """This holds for every interval of these cases."""
    for found in study(BY_NAME[name], 4, here):
        assert (found.clean, found.intervals) == (0, 4), found


def test_the_probability_of_misses_is_binomial() -> None:
    """Ten misses of 300 reject a coverage of 99 % at a thousandth, nine do not."""
    assert above(300, 0, 0.01) == 1
    assert above(300, 10, 0.01) < 0.0012 < above(300, 9, 0.01)


def test_the_exact_answers_are_those_of_formulas_where_there_are_any() -> None:
    """Bursts of one rate are Poisson arrivals; a batch that ends before the next sees nobody."""
    refused, occupancy = bursty_loss(((3, 10), (3, 5)), 1, 5)
    assert refused == pytest.approx(erlang_b(5, 3), rel=1e-9)
    assert occupancy == pytest.approx(3 * (1 - refused), rel=1e-9)
    assert batch_loss(1000, 10, 1, 6) == pytest.approx((0.4, 6 / 1000), rel=1e-9)
    assert engset(5, 10, 0.5).call_congestion == pytest.approx(0.106961, abs=1e-6)


@pytest.mark.parametrize('case', [case for case in SIZES if case.name in SHORT], ids=lambda case: case.name)
def test_a_size_is_never_too_small_without_saying_so(case: SizeCase) -> None:
    """Most are near the truth; a short workload without theory may give no answer."""
    found = answer(case)

    assert found.honest, (found.found, case.truth)
    assert found.near or found.found.max_size is None, (found.found, case.truth)


def test_the_cases_are_named_once() -> None:
    assert len({case.name for case in SIZES}) == len(SIZES) == 20
    assert all(isinstance(case, Case) for case in CASES)


def test_intervals_of_a_known_difference_hold_it_and_are_narrower_than_without_pairing(here: Executor) -> None:
    """Of 12 intervals of each figure hardly any misses; the scatter of the estimates agrees."""
    for found in differences.study(differences.CASES[0], 12, here):
        assert found.p > 1e-4, found
        assert found.without_pairing > 2, found
        assert found.scatter > 2, found


def test_no_two_comparisons_share_a_seed() -> None:
    seeds = {pair.seed(number) for pair in differences.CASES for number in range(200)}

    assert len(seeds) == 200 * len(differences.CASES)


def test_each_queue_has_exact_figures_that_fit_each_other() -> None:
    """Little's law ties the queue to the waiting time; what is not refused occupies the slots."""
    for case in QUEUES:
        scenario, truth = case.scenario, case.truth
        workload = scenario.workload()
        assert isinstance(workload, Synthetic)
        assert isinstance(workload.arrivals, PoissonArrivals)
        rate = workload.arrivals.rate()
        held = workload.holding.mean_until(scenario.conditions().held_for(math.inf))
        assert truth['queue_mean'] == pytest.approx(rate * truth['wait_mean']), case.name
        assert truth['occupancy_mean'] == pytest.approx(rate * held * (1 - truth.get('refusal_share', 0))), case.name
        assert truth.get('timed_out_share', 0) <= truth.get('refusal_share', 0), case.name


@pytest.mark.parametrize('case', [case for case in WAITS if case.name in SHORT_WAITS], ids=lambda case: case.name)
def test_a_size_for_waiting_times_is_near_the_truth_without_help_from_theory(case: WaitCase) -> None:
    """The simulation alone decides; the truth is of formulas that the workbench does not use."""
    found = answer(case)

    assert found.found.max_size_theory is None
    assert found.near, (found.found, case.truth)
    assert found.honest, (found.found, case.truth)
