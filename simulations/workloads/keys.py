"""Choose the pool that a job asks, if there are many: a few favourites and a long tail."""

import itertools
import math
import random
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, Protocol

from py_cachify.arguments import check_encodable
from simulations.arguments import not_negative, whole_number
from simulations.units import number


DEFAULT_NAME = 'user-{id}'
_FORM = 'zipf:POOLS[:EXPONENT[:NAME]]'


class Keys(Protocol):
    """A law of keys; :func:`simulations.parse_keys` reads what ``str()`` returns."""

    def draw(self, stream: random.Random) -> str:
        """Draw the key of a job."""
        ...

    def shares(self) -> tuple[float, ...]:
        """Return the probability of each key."""
        ...


@dataclass(frozen=True)
class Zipf:
    """Keys by Zipf's law: that of rank k has a probability proportional to 1/k^exponent.

    Source: G. K. Zipf, 1949.

    Args:
        pools: the number of keys, at least 1.
        exponent: at least 0; 0 makes all keys equally probable.
        name: the name of a key, in which ``{id}`` stands for its rank, from 1.

    Example::

        Zipf(100).draw(random.Random(1))    # 'user-1'
        Zipf(3).shares()                    # (0.545..., 0.272..., 0.181...)
    """

    pools: int
    exponent: float = 1.0
    name: str = DEFAULT_NAME
    _keys: list[str] = field(init=False, repr=False, compare=False)
    _cumulated: list[float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raise ``TypeError`` or ``ValueError`` for an argument that is not allowed."""
        pools, exponent = whole_number('pools', self.pools, 1), not_negative('exponent', self.exponent)
        if not isinstance(self.name, str):
            raise TypeError(f'name must be a string such as {DEFAULT_NAME!r}, not {self.name!r}')
        if '{id}' not in self.name:
            raise ValueError(f'name must contain {{id}}, or else all keys are equal, got {self.name!r}')
        check_encodable('name', self.name)
        object.__setattr__(self, '_keys', [self.name.replace('{id}', str(rank)) for rank in range(1, pools + 1)])
        weights = (math.pow(rank, -exponent) for rank in range(1, pools + 1))
        object.__setattr__(self, '_cumulated', list(itertools.accumulate(weights)))

    def __str__(self) -> str:
        text = f'zipf:{self.pools}:{number(self.exponent)}'
        return text if self.name == DEFAULT_NAME else f'{text}:{self.name}'

    def draw(self, stream: random.Random) -> str:
        cumulated = self._cumulated
        return self._keys[bisect_right(cumulated, stream.random() * cumulated[-1], 0, self.pools - 1)]

    def shares(self) -> tuple[float, ...]:
        weights = [math.pow(rank, -self.exponent) for rank in range(1, self.pools + 1)]
        total = math.fsum(weights)
        return tuple(weight / total for weight in weights)


def parse_keys(text: str) -> Zipf:
    """Read a law of keys.

    The forms are ``zipf:POOLS``, ``zipf:POOLS:EXPONENT`` and ``zipf:POOLS:EXPONENT:NAME``.

    Raises:
        TypeError: ``text`` is not a string.
        ValueError: it has none of these forms; the message says what is wrong and how to write it.

    Example::

        parse_keys('zipf:100:1.2')          # 100 pools, user-1 the favourite
        parse_keys('zipf:20:0:tenant-{id}') # 20 pools, all alike
    """
    if not isinstance(text, str):
        raise TypeError(f"keys must be a string such as 'zipf:100:1', not {text!r}")
    form, *values = text.split(':', 3)
    if form != 'zipf' or not values:
        raise ValueError(f'keys {text!r}: write {_FORM}')
    try:
        pools, exponent = int(values[0]), float(values[1]) if len(values) > 1 else 1.0
    except ValueError:
        raise ValueError(f'keys {text!r}: write {_FORM}, with numbers') from None
    return Zipf(pools, exponent, *values[2:])


def as_keys(given: Any) -> Keys | None:
    """Return a law of keys as it is, or read it from a string; ``None`` means one pool.

    Raises:
        TypeError: ``given`` is none of these.
        ValueError: the string cannot be read.
    """
    if isinstance(given, str):
        return parse_keys(given)
    if given is not None and not (hasattr(given, 'draw') and hasattr(given, 'shares')):
        raise TypeError(f"keys must be a law of keys, a string such as 'zipf:100:1', or None, not {given!r}")
    keys: Keys | None = given
    return keys
