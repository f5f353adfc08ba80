"""A rule that says when enough runs were made does not say it too early."""

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from simulations import Interval, StoppingRule, batch_means, mean_interval


pytestmark = pytest.mark.quick


def run_by(rule: StoppingRule, one_more: Callable[[], float]) -> list[float]:
    values: list[float] = []
    while not rule.judge(values).stop:
        values.append(one_more())
    return values


def test_it_stops_as_soon_as_the_half_width_is_reached() -> None:
    """It stops at the absolute half-width, the relative one, or the narrower of both."""
    stream = random.Random(1)
    for rule, target in [
        (StoppingRule(half_width=0.5), 0.5),
        (StoppingRule(relative=0.02), 0.2),
        (StoppingRule(half_width=0.3, relative=0.5), 0.3),
        (StoppingRule(half_width=5, relative=0.03), 0.3),
    ]:
        values = run_by(rule, lambda: stream.gauss(10, 1))
        assert mean_interval(values).half_width <= target * 1.05
        assert mean_interval(values[:-1]).half_width > target * 0.95
        assert rule.judge(values).reached
        assert rule.judge(values).target == pytest.approx(target, rel=0.05)


def test_it_makes_the_least_number_of_runs_and_not_more_than_the_most() -> None:
    """These limits hold however similar the first runs are, and however far the target is."""
    alike = run_by(StoppingRule(half_width=1, at_least=12), lambda: 5.0)
    stream = random.Random(1)
    rule = StoppingRule(half_width=1e-6, at_most=25)
    capped = run_by(rule, stream.random)

    assert len(alike) == 12
    assert len(capped) == 25
    assert rule.judge(capped)[:2] == (True, False)
    assert len(run_by(StoppingRule(half_width=1, at_least=12, at_most=12), lambda: 5.0)) == 12


def test_enough_runs_first_keep_the_promise_of_the_interval() -> None:
    """At 95 %, starting at ten runs nearly keeps the coverage; starting at two does not."""

    def coverage(at_least: int) -> float:
        stream = random.Random(4)
        rule = StoppingRule(half_width=0.5, confidence=0.95, at_least=at_least)
        runs = [run_by(rule, lambda: stream.gauss(5, 1)) for _ in range(400)]
        return sum(5.0 in rule.judge(values).interval for values in runs) / 400

    assert coverage(2) < 0.89
    assert coverage(10) > 0.95 - 3 * math.sqrt(0.95 * 0.05 / 400)


def test_what_was_never_seen_is_not_known_to_a_share_of_itself() -> None:
    """Zeros have no spread, but say nothing about how rare the event is."""
    assert not StoppingRule(relative=0.1).judge([0.0] * 50).stop
    assert StoppingRule(relative=0.1).judge([0.0] * 50).expected is None
    assert StoppingRule(half_width=0.1).judge([0.0] * 50).stop


def test_it_says_about_how_many_runs_it_will_take() -> None:
    """Half the width needs four times as many runs."""
    stream = random.Random(3)
    values = [stream.gauss(0, 1) for _ in range(50)]
    half = mean_interval(values).half_width

    assert StoppingRule(half_width=half / 2).judge(values).expected == pytest.approx(200, abs=1)
    assert StoppingRule(half_width=half * 100).judge(values).expected == 10


def test_without_runs_or_with_one_nothing_is_known() -> None:
    """A loop may begin with an empty list."""
    rule = StoppingRule(relative=0.1)

    assert rule.judge([]).stop is False
    assert rule.judge([3.0])[:3] == (False, False, Interval(3, -math.inf, math.inf))
    assert rule.judge([3.0]).target == pytest.approx(0.3)


def test_batches_of_one_run_may_be_judged_as_well() -> None:
    """So may any interval, together with its number of values."""
    stream = random.Random(3)
    found = batch_means([stream.gauss(10, 1) for _ in range(300)])
    rule = StoppingRule(relative=0.05)

    assert rule.judge_interval(found.interval, found.batches).reached
    assert not rule.judge_interval(found.interval, 9).stop


@pytest.mark.parametrize(
    ('arguments', 'kind', 'complaint'),
    [
        ({}, ValueError, 'StoppingRule needs half_width=..., or relative='),
        ({'half_width': 0}, ValueError, 'half_width must be finite and more than 0, got 0'),
        ({'relative': -0.1}, ValueError, r'relative must be finite and more than 0, got -0\.1'),
        ({'relative': '5%'}, TypeError, "relative must be a number, not '5%'"),
        ({'relative': 0.1, 'confidence': 95}, ValueError, 'confidence must be more than 0 and less than 1, got 95'),
        ({'relative': 0.1, 'at_least': 1}, ValueError, 'at_least must be at least 2, got 1'),
        ({'relative': 0.1, 'at_most': 9}, ValueError, 'at_most must be at least 10, got 9'),
    ],
)
def test_a_rule_that_cannot_be_is_refused(arguments: dict[str, Any], kind: type[Exception], complaint: str) -> None:
    """It is refused when it is created."""
    with pytest.raises(kind, match=complaint):
        StoppingRule(**arguments)
