"""Intervals about a measured mean hold the true one as often as they say."""

import math
import random

import pytest

from simulations import mean_interval
from simulations.intervals import student_t


@pytest.mark.parametrize(('freedom', 'quantile'), [(4, 4.604), (11, 3.106), (29, 2.756), (1000, 2.581)])
def test_students_t_has_its_tabulated_values(freedom: int, quantile: float) -> None:
    """The two-sided 99 % point, from the usual table."""
    assert student_t(0.995, freedom) == pytest.approx(quantile, rel=4e-3)


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Of 2,000 intervals at 90 %, about 1,800 hold the true mean."""
    stream = random.Random(5)
    covered = sum(0.0 in mean_interval([stream.gauss(0, 3) for _ in range(8)], 0.9) for _ in range(2000))

    assert abs(covered / 2000 - 0.9) < 4 * math.sqrt(0.09 / 2000)
