"""Define a given number of clients that ask for a slot again and again."""

from dataclasses import dataclass

from simulations.arguments import whole_number
from simulations.distributions import Holding
from simulations.distributions.parse import as_duration


SHORTEST = 1e-9
"""The shortest mean of the thinking time, in seconds: with a shorter one a run would not end."""


@dataclass(frozen=True)
class Clients:
    """Clients that each think, ask for a slot, hold it if they got one, and think again.

    A client that holds a slot does not ask, so the arrivals depend on the pool's answers.

    Args:
        number: the number of clients, at least 1.
        thinking: the distribution of the thinking time, as an object or as a string that
            :func:`simulations.parse_holding` reads; its mean must be at least a nanosecond.

    Example::

        Clients(40, 'exp:10')
    """

    number: int
    thinking: Holding

    def __init__(self, number: int, thinking: Holding | str) -> None:
        """Raise ``TypeError`` or ``ValueError`` for an argument that is not allowed."""
        object.__setattr__(self, 'number', whole_number('number', number, 1))
        object.__setattr__(self, 'thinking', as_duration('thinking', thinking))
        if not self.thinking.mean() >= SHORTEST:
            raise ValueError(
                f'thinking must have a mean of at least a nanosecond, got {self.thinking}: a run with shorter times'
                ' would never end'
            )

    def __str__(self) -> str:
        return f'clients:{self.number}:{self.thinking}'

    @property
    def steady(self) -> bool:
        """Whether the law is the same at all times: always true."""
        return True

    def times(self, factor: float) -> 'Clients':
        """Return the law with ``factor`` times as many clients, rounded, at least 1."""
        return Clients(max(1, round(self.number * factor)), self.thinking)

    def words(self) -> str:
        """Describe the clients for reports."""
        clients = '1 client that thinks' if self.number == 1 else f'{self.number:,} clients that think'
        return f'{clients} for {self.thinking}'
