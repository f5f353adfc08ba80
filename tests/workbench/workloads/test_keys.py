"""Keys are drawn as often as their shares say, and are read and written as text."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from simulations import Zipf, parse_keys


pytestmark = pytest.mark.quick


KEYS = st.builds(
    Zipf, st.integers(1, 50), st.floats(0, 5), st.sampled_from(['user-{id}', '{id}', 'a:{id}:b', '{{id}}'])
)


@pytest.mark.parametrize(('pools', 'exponent'), [(1, 1.0), (5, 0.0), (100, 1.0), (20, 2.5)])
def test_each_key_is_drawn_as_often_as_its_share_says(pools: int, exponent: float) -> None:
    """A chi-squared test of 100,000 draws sees no difference, and no other key appears."""
    keys, stream = Zipf(pools, exponent), random.Random(6)
    drawn = Counter(keys.draw(stream) for _ in range(100_000))
    names = [f'user-{rank}' for rank in range(1, pools + 1)]
    expected = [100_000 * share for share in keys.shares()]

    assert set(drawn) <= set(names)
    assert pools == 1 or chisquare([drawn[name] for name in names], expected).pvalue > 1e-4


def test_shares_fall_with_the_rank_as_its_power() -> None:
    """The weights are 1, 1/2, 1/3 and so on, or equal for the exponent 0; the shares sum to 1."""
    assert Zipf(3).shares() == pytest.approx((6 / 11, 3 / 11, 2 / 11), rel=1e-15)
    assert Zipf(3, 2).shares() == pytest.approx((36 / 49, 9 / 49, 4 / 49), rel=1e-15)
    assert Zipf(4, 0).shares() == (0.25, 0.25, 0.25, 0.25)


@given(KEYS)
def test_shares_are_those_of_a_choice(keys: Zipf) -> None:
    """They sum to 1 and never rise, and every draw is one of the keys."""
    shares = keys.shares()

    assert sum(shares) == pytest.approx(1, rel=1e-12)
    assert list(shares) == sorted(shares, reverse=True)
    for number in (0.0, 0.5, 1 - 2**-53):
        assert keys.draw(_Always(number)) in {keys.name.replace('{id}', str(rank)) for rank in range(1, keys.pools + 1)}
    assert keys.draw(_Always(0.0)) == keys.name.replace('{id}', '1')


class _Always(random.Random):
    def __init__(self, number: float) -> None:
        super().__init__()
        self._number = number

    def random(self) -> float:
        return self._number


def test_a_steep_choice_is_always_the_first() -> None:
    """The weights of the other keys vanish as floats."""
    keys, stream = Zipf(1000, 1e6), random.Random(1)

    assert {keys.draw(stream) for _ in range(100)} == {'user-1'}
    assert keys.shares()[:2] == (1, 0)


def test_a_key_string_is_made_once() -> None:
    """A million jobs do not keep a million strings in memory."""
    keys, stream = Zipf(2), random.Random(1)

    assert len({id(keys.draw(stream)) for _ in range(50)}) == 2


@given(KEYS)
def test_keys_are_written_as_they_are_read(keys: Zipf) -> None:
    """Every digit and the name are kept."""
    assert parse_keys(str(keys)) == keys


@pytest.mark.parametrize(
    ('text', 'keys'),
    [
        ('zipf:100', Zipf(100)),
        ('zipf:100:0.8', Zipf(100, 0.8)),
        ('zipf:7:0:tenant-{id}:jobs', Zipf(7, 0, 'tenant-{id}:jobs')),
    ],
)
def test_exponent_and_name_may_be_left_out(text: str, keys: Zipf) -> None:
    """The name is the rest of the text, including colons."""
    assert parse_keys(text) == keys
    assert str(keys).startswith(text)


@pytest.mark.parametrize(
    ('call', 'kind', 'complaint'),
    [
        (lambda: parse_keys('pareto:3'), ValueError, r"keys 'pareto:3': write zipf:POOLS\[:EXPONENT"),
        (lambda: parse_keys('zipf'), ValueError, r'write zipf:POOLS\[:EXPONENT'),
        (lambda: parse_keys('zipf:many'), ValueError, 'with numbers'),
        (lambda: parse_keys('zipf:2.5'), ValueError, 'with numbers'),
        (lambda: parse_keys('zipf:3:x'), ValueError, 'with numbers'),
        (
            lambda: parse_keys('zipf:3:1:me'),
            ValueError,
            "name must contain {id}, or else all keys are equal, got 'me'",
        ),
        (lambda: parse_keys(3), TypeError, "must be a string such as 'zipf:100:1', not 3"),  # type: ignore[arg-type]
        (lambda: Zipf(0), ValueError, 'pools must be at least 1, got 0'),
        (lambda: Zipf(2, -1), ValueError, 'exponent must be finite and at least 0, got -1'),
        (lambda: Zipf(2, float('inf')), ValueError, 'exponent must be finite'),
        (lambda: Zipf(2, 1, 5), TypeError, 'name must be a string such as'),  # type: ignore[arg-type]
        (lambda: Zipf(2, 1, '{id}\ud800'), ValueError, 'name must be text that UTF-8 can encode'),
    ],
)
def test_a_choice_that_cannot_be_is_refused(call: Callable[[], Any], kind: type[Exception], complaint: str) -> None:
    """The error names the argument and its value."""
    with pytest.raises(kind, match=complaint):
        call()
