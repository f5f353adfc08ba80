"""The warm-up of a run is found, and left out the mean is better for it."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations import Warmup, batch_means, mser5
from tests.support.series import autoregressive


pytestmark = pytest.mark.quick


@given(st.lists(st.integers(-50, 50).map(float), min_size=20, max_size=150))
def test_the_cut_is_where_the_rule_says(values: list[float]) -> None:
    """A plain implementation of the definition takes the first minimum in the first half."""
    fives = [sum(values[at : at + 5]) / 5 for at in range(0, len(values) // 5 * 5, 5)]
    half = len(fives) // 2
    errors = []
    for cut in range(half + 1):
        rest = fives[cut:]
        mean = sum(rest) / len(rest)
        errors.append(sum((value - mean) ** 2 for value in rest) / len(rest) ** 2)
    found = mser5(values)

    assert (found.of, found.cut % 5) == (len(values), 0)
    assert errors[found.cut // 5] == pytest.approx(min(errors), rel=1e-9, abs=1e-12)
    assert found.conclusive == (found.cut // 5 < half)


@pytest.mark.parametrize('level', [0.0, 0.1, 1 / 3, 1234.567, 1e9 / 7])
def test_a_step_is_cut_off_and_a_constant_is_not(level: float) -> None:
    """Forty values of a step are cut; a series without a beginning loses none."""
    assert mser5([level + 7] * 40 + [level] * 460) == Warmup(40, 500, True)
    assert mser5([level] * 100) == Warmup(0, 100, True)


def test_what_is_cut_off_is_bias() -> None:
    """Of 300 runs that begin far off, a tenth of the bias remains; most intervals hold 0."""
    runs = autoregressive(300, 1500, 0.9, seed=6, start=50.0)
    cuts = [mser5(run.tolist()) for run in runs]
    left = [run[found.cut :] for run, found in zip(runs, cuts, strict=True)]

    assert all(found.conclusive for found in cuts)
    assert abs(np.mean([part.mean() for part in left])) < 0.1 * abs(runs.mean())
    assert sum(0.0 in batch_means(part.tolist(), confidence=0.95).interval for part in left) > 0.85 * 300


def test_hardly_anything_is_cut_off_a_run_that_begins_as_it_goes_on() -> None:
    """On average a few values in a hundred are cut."""
    cuts = [mser5(run).cut for run in autoregressive(200, 1000, 0.5, seed=7).tolist()]

    assert np.mean(cuts) < 30


def test_a_run_that_is_all_warm_up_says_so() -> None:
    """At most half of it is cut, and the sentence asks for a longer run."""
    stream = random.Random(1)
    rising = mser5([number + stream.random() for number in range(1000)])

    assert rising == Warmup(500, 1000, False)
    assert str(rising) == 'warm-up: not over after half of 1,000 values (MSER-5): run longer'
    assert str(Warmup(1250, 10_000, True)) == 'warm-up: the first 1,250 of 10,000 values (MSER-5)'


def test_too_few_values_or_wrong_ones_are_refused() -> None:
    """The error names the values."""
    with pytest.raises(ValueError, match='values must have at least 20 elements, got 19'):
        mser5([1.0] * 19)
    with pytest.raises(ValueError, match='values must be finite, got nan'):
        mser5([1.0] * 19 + [math.nan])
