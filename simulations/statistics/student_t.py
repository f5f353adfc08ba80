"""Student's t distribution."""

import math
from functools import lru_cache
from statistics import NormalDist

from simulations.arguments import inner_probability, whole_number


_MANY = 10_000


def student_t(probability: float, freedom: int) -> float:
    """Return a quantile of Student's t distribution, to ten digits up to 0.99999 and fewer beyond.

    It is found by bisection on the distribution function, which is a finite sum for whole degrees
    of freedom (26.7.3 and 26.7.4 of Abramowitz and Stegun, Handbook of Mathematical Functions,
    1964). Above 10,000 degrees it is the expansion in powers of 1/freedom around the normal
    quantile (26.7.5).

    Args:
        probability: the probability of a smaller value, more than 0 and less than 1.
        freedom: the degrees of freedom, at least 1.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        student_t(0.975, 9)                 # 2.262157...
    """
    probability, freedom = inner_probability('probability', probability), whole_number('freedom', freedom, 1)
    if probability == 0.5:
        return 0.0
    if probability < 0.5:
        return -_upper_quantile(1 - probability, freedom)
    return _upper_quantile(probability, freedom)


@lru_cache(maxsize=1024)
def _upper_quantile(probability: float, freedom: int) -> float:
    if freedom > _MANY:
        return _expansion(NormalDist().inv_cdf(probability), freedom)
    # Search over the angle whose tangent is t / sqrt(freedom), so that the range is finite.
    low, high = 0.0, math.pi / 2
    while low < (middle := (low + high) / 2) < high:
        if _within(middle, freedom) < 2 * probability - 1:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan(low)


def _within(angle: float, freedom: int) -> float:
    """Return the probability of an absolute value below sqrt(freedom) tan(angle)."""
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2
    # 1 + 1/2 cos^2 + (1 3)/(2 4) cos^4 + ... for even degrees, cos (1 + 2/3 cos^2 + (2 4)/(3 5)
    # cos^4 + ...) for odd.
    total = term = 0.0 if freedom == 1 else math.cos(angle) if odd else 1.0
    for factor in range(2 + odd, freedom - 1, 2):
        term *= square * (factor - 1) / factor
        if total + term == total:
            break
        total += term
    return (angle + sine * total) * 2 / math.pi if odd else sine * total


def _expansion(x: float, freedom: int) -> float:
    first = (x**3 + x) / 4
    second = (5 * x**5 + 16 * x**3 + 3 * x) / 96
    third = (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384
    return x + (first + (second + third / freedom) / freedom) / freedom
