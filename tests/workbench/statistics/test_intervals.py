"""Intervals about a measured mean hold the true one as often as they say."""

import math
import random
from collections.abc import Callable
from statistics import stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student_law

from simulations import Interval, mean_interval, ratio_interval, student_t
from tests.support.series import loss_system_runs


pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    ('freedom', 'ninety_five', 'ninety_nine'),
    [
        (1, 12.706, 63.657),
        (2, 4.303, 9.925),
        (3, 3.182, 5.841),
        (4, 2.776, 4.604),
        (5, 2.571, 4.032),
        (10, 2.228, 3.169),
        (30, 2.042, 2.750),
        (60, 2.000, 2.660),
        (120, 1.980, 2.617),
        (10**9, 1.960, 2.576),
    ],
)
def test_students_t_has_its_tabulated_values(freedom: int, ninety_five: float, ninety_nine: float) -> None:
    """They are the two-sided points of the usual table, from one degree of freedom on."""
    assert student_t(0.975, freedom) == pytest.approx(ninety_five, abs=5.1e-4)
    assert student_t(0.995, freedom) == pytest.approx(ninety_nine, abs=5.1e-4)
    assert student_t(0.025, freedom) == pytest.approx(-ninety_five, abs=5.1e-4)


@pytest.mark.parametrize('freedom', [1, 2, 3, 4, 7, 12, 33, 100, 999, 10_000, 10_001, 10**6])
@pytest.mark.parametrize('probability', [0.01, 0.5, 0.6, 0.9, 0.99, 0.9995, 0.99999])
def test_students_t_is_that_of_another_package(probability: float, freedom: int) -> None:
    """They agree to ten digits, also where the sum ends and the expansion begins."""
    expected = float(student_law.ppf(probability, freedom))

    assert student_t(probability, freedom) == pytest.approx(expected, rel=1e-10, abs=1e-15)


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Of 2,000 intervals at 90 %, about 1,800 cover the true mean, even for three values."""
    stream = random.Random(5)
    for count in (8, 3):
        covered = sum(0.0 in mean_interval([stream.gauss(0, 3) for _ in range(count)], 0.9) for _ in range(2000))
        assert abs(covered / 2000 - 0.9) < 4 * math.sqrt(0.09 / 2000)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20), st.floats(0.01, 0.99))
def test_an_interval_is_the_mean_and_students_half_width(values: list[float], confidence: float) -> None:
    """It follows its definition."""
    interval = mean_interval(values, confidence)
    half = student_t((1 + confidence) / 2, len(values) - 1) * stdev(values) / math.sqrt(len(values))

    assert interval.half_width == pytest.approx(half, rel=1e-6, abs=1e-6)
    assert interval.mean in interval
    assert interval.mean == pytest.approx(math.fsum(values) / len(values), rel=1e-12, abs=1e-9)
    assert interval.low == pytest.approx(interval.mean - half, rel=1e-6, abs=1e-6)


def test_a_ratio_of_sums_is_no_mean_of_ratios() -> None:
    """Nine of ten refused in a small run and none of ninety in a large one make 9 %."""
    interval = ratio_interval([9, 0], [10, 90])

    assert interval.mean == pytest.approx(0.09)
    # The residuals are 9 - 0.9 and 0 - 8.1.
    assert interval.half_width == pytest.approx(student_t(0.995, 1) * math.sqrt(2 * 8.1**2) * math.sqrt(2) / 100)


def test_a_ratio_of_equal_parts_is_a_mean() -> None:
    """The interval is the same as well."""
    values = [3, 1, 4, 1, 5]

    assert ratio_interval(values, [2] * 5) == pytest.approx(mean_interval([value / 2 for value in values]))


def test_a_ratio_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Refusals per arrival come from 30 nearly independent stretches, 1,000 times over."""
    arrived, refused = (each.reshape(1000, 30, 15).sum(axis=2) for each in loss_system_runs(1000, 4500, 1, 1.0, seed=8))
    for confidence in (0.95, 0.99):
        covered = sum(
            0.5 in ratio_interval(above, below, confidence)
            for above, below in zip(refused.tolist(), arrived.tolist(), strict=True)
        )
        assert abs(covered / 1000 - confidence) < 3 * math.sqrt(confidence * (1 - confidence) / 1000)


@pytest.mark.parametrize(
    ('call', 'kind', 'complaint'),
    [
        (lambda: mean_interval([1.0]), ValueError, 'values must have at least two elements, got 1'),
        (lambda: mean_interval([1.0, math.nan]), ValueError, 'values must be finite, got nan'),
        (lambda: mean_interval([1.0, math.inf]), ValueError, 'values must be finite, got inf'),
        (lambda: mean_interval([1, '2']), TypeError, "values must be a number, not '2'"),  # type: ignore[list-item]
        (lambda: mean_interval([1, 2], 1), ValueError, 'confidence must be more than 0 and less than 1, got 1'),
        (lambda: ratio_interval([1, 2], [1]), ValueError, 'per must have as many elements as values, 2, got 1'),
        (lambda: ratio_interval([1, 2], [3, -1]), ValueError, 'per must be at least 0 and not 0 everywhere, got -1.0'),
        (lambda: ratio_interval([1, 2], [0, 0]), ValueError, 'per must be at least 0 and not 0 everywhere, got 0.0'),
        (lambda: student_t(0.9, 0), ValueError, 'freedom must be at least 1, got 0'),
        (lambda: student_t(1, 5), ValueError, 'probability must be more than 0 and less than 1, got 1'),
    ],
)
def test_what_makes_no_interval_is_refused(call: Callable[[], Any], kind: type[Exception], complaint: str) -> None:
    """The error names the argument, its value, and what is allowed."""
    with pytest.raises(kind, match=complaint):
        call()


def test_an_interval_that_holds_no_number_holds_no_other_thing() -> None:
    """``in`` accepts only numbers."""
    assert 1 in Interval(1, 0, 2)
    assert 3 not in Interval(1, 0, 2)
    assert '1' not in Interval(1, 0, 2)  # type: ignore[comparison-overlap]
