"""A sample of ``python -m tests.against_theory``, with fewer runs of each case.

The bounds are three half-widths of a 99 % interval, which is nearly eight standard errors at this
number of runs: a case that misses them is wrong, not unlucky.
"""

import pytest

from simulations import Scenario
from tests.against_theory.cases import CASES
from tests.against_theory.compare import compared, distance


HALF_WIDTHS = 3


def test_there_is_a_case_for_each_thing_that_could_be_wrong() -> None:
    """There are at least twenty cases, of seven formulas, with every kind of holding time."""
    kinds = {str(case.holding).split(':')[0] for case in CASES}

    assert len(CASES) >= 20
    assert {'exp', 'const', 'uniform', 'lognormal', 'pareto', 'mix'} <= kinds
    assert len({case.title for case in CASES}) == len(CASES)


@pytest.mark.parametrize('case', CASES, ids=[case.title for case in CASES])
def test_a_simulation_gives_what_theory_says(case: Scenario) -> None:
    """Refusals, occupancy, overrun and, if theory has one, the distribution agree."""
    # The distribution over many slots needs more jobs to be as near.
    jobs = 3000 if case.max_size < 25 else 5000
    result = case.replace(jobs=jobs, seed=7).run(replications=12, history=False)
    found = list(compared(result))

    assert len(found) >= 2
    for each in found:
        assert each.off < HALF_WIDTHS, each
    off = distance(result)
    assert off is None or off < (0.04 if case.max_size < 50 else 0.12)
