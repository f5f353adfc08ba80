"""One long run gives an interval too, and says where it is not to be trusted."""

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from simulations import batch_means, erlang_b, mean_interval, ratio_interval
from tests.support.series import autoregressive, loss_system_runs


pytestmark = pytest.mark.quick


def near(covered: int, runs: int, confidence: float) -> bool:
    """Return whether a count lies within three deviations of its binomial mean."""
    return abs(covered / runs - confidence) < 3 * math.sqrt(confidence * (1 - confidence) / runs)


@pytest.mark.parametrize(('memory', 'length'), [(0.0, 300), (0.5, 1000), (0.8, 1500)])
@pytest.mark.parametrize('confidence', [0.95, 0.99])
def test_batches_cover_the_truth_as_often_as_they_say(memory: float, length: int, confidence: float) -> None:
    """This holds over 400 runs each, with independent and with correlated values."""
    found = [batch_means(run, confidence=confidence) for run in autoregressive(400, length, memory, seed=3).tolist()]

    assert near(sum(0.0 in each.interval for each in found), 400, confidence)
    assert sum(each.independent for each in found) > 380


def test_the_values_themselves_would_make_an_interval_that_is_far_too_narrow() -> None:
    """Without batches, 95 % intervals would cover the true mean in only one run of three."""
    runs = autoregressive(200, 1000, 0.9, seed=4).tolist()

    assert sum(0.0 in mean_interval(run, 0.95) for run in runs) < 100
    assert sum(0.0 in batch_means(run, confidence=0.95).interval for run in runs) > 175


@pytest.mark.parametrize(('servers', 'load'), [(1, 1.0), (5, 3.0)])
@pytest.mark.parametrize('confidence', [0.95, 0.99])
def test_batches_of_refusals_by_arrivals_cover_erlangs_share(servers: int, load: float, confidence: float) -> None:
    """400 runs of a loss system, each with its first tenth left out, are a ratio of sums."""
    arrived, refused = loss_system_runs(400, 4000, servers, load, seed=3)
    share = erlang_b(servers, load)
    found = [
        batch_means(above[40:], per=below[40:], confidence=confidence)
        for above, below in zip(refused.tolist(), arrived.tolist(), strict=True)
    ]

    assert near(sum(share in each.interval for each in found), 400, confidence)


def test_a_run_that_is_too_short_for_its_memory_is_not_trusted() -> None:
    """Fewer batches are made while they are correlated; if ten still are, the result says so."""
    found = [batch_means(run) for run in autoregressive(200, 300, 0.99, seed=5).tolist()]

    assert sum(each.batches == 10 for each in found) > 150
    assert sum(not each.independent for each in found) > 100
    assert all(each.correlation > 0.3 for each in found if not each.independent)


def test_all_values_count_and_batches_differ_by_one_at_most() -> None:
    """The mean covers every value, whatever their number; a constant run has no width."""
    stream = random.Random(2)
    values = [stream.random() for _ in range(317)]
    found = batch_means(values, batches=7)
    sums = [math.fsum(values[317 * batch // 7 : 317 * (batch + 1) // 7]) for batch in range(7)]
    sizes = [317 * (batch + 1) // 7 - 317 * batch // 7 for batch in range(7)]

    assert found.batches == 7
    assert found.interval.mean == pytest.approx(math.fsum(values) / 317, rel=1e-12)
    assert found.interval == pytest.approx(ratio_interval(sums, sizes), rel=1e-12)
    assert set(sizes) == {45, 46}
    assert batch_means([0.0] * 50) == ((0, 0, 0), 30, 0, True)


def test_the_correlation_is_that_of_neighbouring_batches() -> None:
    """Alternating values are negatively correlated, which does no harm; a slope is correlated."""
    turns, slope = batch_means([0.0, 1.0] * 15), batch_means([float(number) for number in range(30)])

    assert turns.correlation == pytest.approx(-1, abs=0.1)
    assert (turns.batches, turns.independent) == (30, True)
    assert slope.correlation == pytest.approx(1, abs=0.1)
    assert (slope.batches, slope.independent) == (10, False)
    # For a ratio, it is the correlation of the residuals: 0 here, however the numbers grow.
    growing = batch_means([2.0 * number for number in range(30)], per=[float(number) for number in range(30)])
    assert (growing.interval.mean, growing.correlation, growing.batches) == (2, 0, 30)


@pytest.mark.parametrize(
    ('call', 'kind', 'complaint'),
    [
        (lambda: batch_means([1.0] * 9), ValueError, 'values must have at least 10 elements, got 9'),
        (lambda: batch_means([1.0] * 9, batches=10), ValueError, 'values must have at least 10 elements, got 9'),
        (lambda: batch_means([1.0] * 9, batches=1), ValueError, 'batches must be at least 2, got 1'),
        (
            lambda: batch_means([1.0] * 20, per=[1.0] * 19),
            ValueError,
            'per must have as many elements as values, 20, got 19',
        ),
        (lambda: batch_means([math.nan] * 20), ValueError, 'values must be finite, got nan'),
        (lambda: batch_means([1.0] * 20, confidence=2), ValueError, 'confidence must be more than 0 and less than 1'),
        (lambda: batch_means(['1'] * 20), TypeError, "values must be a number, not '1'"),  # type: ignore[list-item]
    ],
)
def test_what_makes_no_batches_is_refused(call: Callable[[], Any], kind: type[Exception], complaint: str) -> None:
    """The error names the argument, its value, and what is allowed."""
    with pytest.raises(kind, match=complaint):
        call()
