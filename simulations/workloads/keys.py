"""Which pool a job asks, where there are many: a few favourites, and a long tail."""

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
    """A choice of the key; ``str()`` of one is what :func:`simulations.parse_keys` reads."""

    def draw(self, stream: random.Random) -> str:
        """The key of a job."""
        ...

    def shares(self) -> tuple[float, ...]:
        """How probable each key is."""
        ...


@dataclass(frozen=True)
class Zipf:
    """The key of rank k is asked with a probability proportional to 1/k^exponent (G. K. Zipf, 1949).

    Args:
        pools: how many keys, at least 1.
        exponent: at least 0, where 0 makes all equal.
        name: of a key, in which ``{id}`` stands for its rank, from 1.

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
        """Raises ``TypeError`` or ``ValueError`` that names the value."""
        pools, exponent = whole_number('pools', self.pools, 1), not_negative('exponent', self.exponent)
        if not isinstance(self.name, str):
            raise TypeError(f'name must be a text such as {DEFAULT_NAME!r}, not {self.name!r}')
        if '{id}' not in self.name:
            raise ValueError(f'name must contain {{id}}, else all keys are one, got {self.name!r}')
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
    """Read a choice of the key: ``zipf:POOLS``, ``zipf:POOLS:EXPONENT`` or ``zipf:POOLS:EXPONENT:NAME``.

    Raises:
        ValueError: it is none of them; the message says what was wrong and how to write it.

    Example::

        parse_keys('zipf:100:1.2')          # 100 pools, user-1 the favourite
        parse_keys('zipf:20:0:tenant-{id}') # 20 pools, all alike
    """
    if not isinstance(text, str):
        raise TypeError(f"keys are written as a text such as 'zipf:100:1', not {text!r}")
    form, *values = text.split(':', 3)
    if form != 'zipf' or not values:
        raise ValueError(f'keys {text!r}: write {_FORM}')
    try:
        pools, exponent = int(values[0]), float(values[1]) if len(values) > 1 else 1.0
    except ValueError:
        raise ValueError(f'keys {text!r}: write {_FORM}, with numbers') from None
    return Zipf(pools, exponent, *values[2:])


def as_keys(given: Any) -> Keys | None:
    """The choice that ``given`` is or says; ``None`` is one pool.

    Raises:
        TypeError: it is neither.
        ValueError: it is a text of no form.
    """
    if isinstance(given, str):
        return parse_keys(given)
    if given is not None and not (hasattr(given, 'draw') and hasattr(given, 'shares')):
        raise TypeError(f"keys must be a choice of keys, a text such as 'zipf:100:1', or None, not {given!r}")
    keys: Keys | None = given
    return keys
