"""The interval of a difference between paired runs, against published numbers."""

import random
from statistics import stdev

import pytest

from simulations import Interval, mean_interval
from simulations.statistics.paired import PairedInterval, paired_interval


# Student, "The probable error of a mean", Biometrika 6 (1908), section IX: hours of sleep gained.
SLEEP = ([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0], [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def test_the_paired_interval_is_that_of_a_textbook() -> None:
    """R's manual gives these of ``t.test(extra ~ group, data = sleep)``, paired and by Welch."""
    found = paired_interval(*SLEEP, confidence=0.95)

    assert found.interval.mean == pytest.approx(1.58)
    assert found.interval[1:] == pytest.approx((0.7001142, 2.4598858), abs=1e-6)
    # Welch's has 17.776 degrees of freedom, of which 17 are used: a little wider than 1.78566.
    assert 1.78566 < found.unpaired < 1.795


def test_the_factor_is_the_ratio_of_the_two_widths() -> None:
    found = paired_interval(*SLEEP, confidence=0.95)

    assert found.without_pairing == pytest.approx(found.unpaired / found.interval.half_width)
    assert found.without_pairing is not None
    assert found.without_pairing > 2


def test_what_both_runs_of_a_pair_share_cancels() -> None:
    """Noise that is common to the pair changes the width without pairing alone."""
    stream = random.Random(1)
    common = [stream.gauss(0, 100) for _ in range(12)]
    first = [stream.gauss(0, 1) for _ in common]
    second = [stream.gauss(3, 1) for _ in common]
    alone = paired_interval(first, second)
    together = paired_interval(
        [a + c for a, c in zip(first, common, strict=True)], [b + c for b, c in zip(second, common, strict=True)]
    )

    assert together.interval == pytest.approx(alone.interval)
    assert together.unpaired > 20 * alone.unpaired


def test_the_interval_is_that_of_the_differences() -> None:
    assert paired_interval([1, 2, 4], [2, 5, 6]).interval == mean_interval([1, 3, 2])
    assert stdev([1, 3, 2]) == 1


def test_equal_differences_have_an_interval_without_width() -> None:
    found = paired_interval([1, 2, 3], [2, 3, 4])

    assert found.interval == Interval(1, 1, 1)
    assert found.without_pairing is None
    assert paired_interval([1, 1], [1, 1]) == PairedInterval(Interval(0, 0, 0), 0)


@pytest.mark.parametrize(
    ('first', 'second', 'confidence', 'message'),
    [
        ([1, 2], [1], 0.99, 'second must have as many elements as first, 2, got 1'),
        ([1], [1], 0.99, 'first must have at least two elements, got 1'),
        ([1, 2], [1, float('inf')], 0.99, 'second must be finite, got inf'),
        ([1, 2], [1, 2], 1, 'confidence must be more than 0 and less than 1, got 1'),
    ],
)
def test_a_wrong_argument_is_named(first: list[float], second: list[float], confidence: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        paired_interval(first, second, confidence)
