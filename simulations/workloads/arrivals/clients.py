"""A given number of clients that ask again and again."""

from dataclasses import dataclass

from simulations.arguments import whole_number
from simulations.distributions import Holding
from simulations.distributions.parse import as_holding


SHORTEST = 1e-9
"""In seconds, on average: with shorter times between requests a run would not end."""


@dataclass(frozen=True)
class Clients:
    """Each client thinks for a while, asks, holds its slot if it got one, and thinks again.

    Who holds a slot does not ask, so when jobs arrive depends on what the pool answered.

    Args:
        number: how many, at least 1.
        thinking: the distribution of the time between two requests, as an object or as
            :func:`simulations.parse_holding` reads it; its mean is a nanosecond or more.

    Example::

        Clients(40, 'exp:10')
    """

    number: int
    thinking: Holding

    def __init__(self, number: int, thinking: Holding | str) -> None:
        """Raises ``TypeError`` or ``ValueError`` that names the value."""
        object.__setattr__(self, 'number', whole_number('number', number, 1))
        object.__setattr__(self, 'thinking', as_holding('thinking', thinking))
        if not self.thinking.mean() >= SHORTEST:
            raise ValueError(
                f'thinking must take a nanosecond or more on average, got {self.thinking}, else time stands still'
            )

    def __str__(self) -> str:
        return f'clients:{self.number}:{self.thinking}'

    @property
    def steady(self) -> bool:
        """Always: the clients are the same at all times."""
        return True

    def times(self, factor: float) -> 'Clients':
        """So many times as many clients, to the nearest whole number."""
        return Clients(max(1, round(self.number * factor)), self.thinking)

    def words(self) -> str:
        """What it is, for reports."""
        clients = '1 client that thinks' if self.number == 1 else f'{self.number:,} clients that think'
        return f'{clients} for {self.thinking}'
