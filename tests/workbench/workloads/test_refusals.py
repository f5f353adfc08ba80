"""A refused job leaves, or pauses according to its back-off."""

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from simulations import Constant, Exponential, Leave, OnRefusal, Retry
from simulations.workloads.refusals import LONGEST_PAUSE


pytestmark = pytest.mark.quick


def pauses(retry: OnRefusal, attempts: range, seed: int = 1) -> list[float | None]:
    stream = random.Random(seed)
    return [retry.pause(n, stream) for n in attempts]


def test_who_leaves_does_not_come_back() -> None:
    """There is no pause after any number of refusals."""
    assert pauses(Leave(), range(1, 4)) == [None, None, None]
    assert str(Leave()) == 'leaves'


def test_a_back_off_grows_by_its_factor_up_to_its_longest() -> None:
    """The pauses are 1, 2, 4 and so on, up to the limit."""
    assert pauses(Retry('const:1', factor=2, longest=20), range(1, 8)) == [1, 2, 4, 8, 16, 20, 20]
    assert pauses(Retry(Constant(3)), range(1, 4)) == [3, 3, 3]
    assert pauses(Retry('const:5', longest=2), range(1, 3)) == [2, 2]


def test_the_last_of_so_many_tries_is_followed_by_none() -> None:
    """Three tries include the first attempt, so there are two pauses."""
    assert pauses(Retry('const:1', tries=3), range(1, 5)) == [1, 1, None, None]
    assert pauses(Retry('const:1', tries=2), range(1, 3)) == [1, None]


def test_a_pause_is_drawn_from_its_distribution() -> None:
    """The draw is multiplied by a power of the factor."""
    retry, stream = Retry(Exponential(2), factor=3), random.Random(5)

    assert kstest([retry.pause(3, stream) for _ in range(5000)], 'expon', args=(0, 18)).pvalue > 1e-4


def test_jitter_takes_a_uniform_share_off_what_the_back_off_came_to() -> None:
    """It also shortens the longest pause; a jitter of 1 can shorten a pause to nothing."""
    retry, stream = Retry('const:8', factor=2, longest=10, jitter=0.25), random.Random(5)
    drawn = [retry.pause(4, stream) for _ in range(5000)]

    assert kstest(drawn, 'uniform', args=(7.5, 2.5)).pvalue > 1e-4
    full = [Retry('const:8', jitter=1).pause(1, stream) for _ in range(5000)]
    assert kstest(full, 'uniform', args=(0, 8)).pvalue > 1e-4


@given(
    st.integers(1, 10**400),
    st.floats(1, 1e300),
    st.none() | st.floats(1e-9, 1e300),
    st.floats(0, 1),
    st.sampled_from(['exp:1', 'const:1e-9', 'const:1e300', 'values:0:1', 'lognormal:600:1']),
    st.integers(0, 1000),
)
def test_no_pause_is_too_long_to_be_counted(
    n: int, factor: float, longest: float | None, jitter: float, pause: str, seed: int
) -> None:
    """After any number of attempts, a pause is at most ``longest`` or a hundred years."""
    drawn = Retry(pause, factor, longest, jitter).pause(n, random.Random(seed))

    assert drawn is not None
    assert 0 <= drawn <= (LONGEST_PAUSE if longest is None else longest)


@pytest.mark.parametrize(
    ('retry', 'text'),
    [
        (Retry(), 'retries after exp:1 s'),
        (
            Retry('exp:1', factor=2, longest=60, tries=5),
            'retries after exp:1 s, doubled each time up to 60 s, at most 5 attempts',
        ),
        (Retry('const:1', factor=1.5), 'retries after const:1 s, 1.5 times as long each time'),
        (Retry('exp:9', longest=30), 'retries after exp:9 s, at most 30 s'),
        (
            Retry('exp:1', factor=3, jitter=0.5),
            'retries after exp:1 s, tripled each time, shortened at random by up to 50 %',
        ),
    ],
)
def test_a_report_says_what_a_refused_job_does(retry: Retry, text: str) -> None:
    """The report says it in words, and the repr recreates the object."""
    assert str(retry) == text
    assert eval(repr(retry)) == retry


def test_two_that_do_the_same_are_equal() -> None:
    """This holds for texts and objects alike."""
    assert Retry('exp:2', 2) == Retry(Exponential(2), factor=2.0) != Retry('exp:2', 3)
    assert len({Retry(), Retry('exp:1'), Retry(tries=2), Leave(), Leave()}) == 3


@pytest.mark.parametrize(
    ('call', 'kind', 'complaint'),
    [
        (lambda: Retry('gamma:1'), ValueError, "holding 'gamma:1': write exp:MEAN"),
        (lambda: Retry(1), TypeError, "pause must be a distribution, or a string such as 'exp:1', not 1"),  # type: ignore[arg-type]
        (lambda: Retry('const:0'), ValueError, 'pause must have a mean of at least a nanosecond, got const:0'),
        (lambda: Retry(factor=0.5), ValueError, 'factor must be finite and at least 1, got 0.5'),
        (lambda: Retry(factor=math.inf), ValueError, 'factor must be finite and at least 1, got inf'),
        (lambda: Retry(factor='2'), TypeError, "factor must be a number, not '2'"),  # type: ignore[arg-type]
        (lambda: Retry(longest=0), ValueError, 'longest must be finite and more than 0, got 0'),
        (lambda: Retry(jitter=1.5), ValueError, 'jitter must be between 0 and 1, got 1.5'),
        (lambda: Retry(tries=1), ValueError, 'tries must be at least 2, got 1'),
        (lambda: Retry(tries=2.0), TypeError, 'tries must be a whole number, not 2.0'),  # type: ignore[arg-type]
    ],
)
def test_a_back_off_that_cannot_be_is_refused(call: Callable[[], Any], kind: type[Exception], complaint: str) -> None:
    """The constructor raises an error that names the argument and its value."""
    with pytest.raises(kind, match=complaint):
        call()
