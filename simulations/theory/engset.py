"""A loss system with a given number of clients, each of which holds at most one slot.

T. O. Engset, "Die Wahrscheinlichkeitsrechnung zur Bestimmung der Wählerzahl in automatischen
Fernsprechämtern", Elektrotechnische Zeitschrift 39, 1918. Like Erlang's, the formulas hold for any
distribution of the holding time.
"""

from typing import TYPE_CHECKING, NamedTuple

from py_cachify.arguments import LARGEST_SIZE
from simulations.arguments import not_negative, whole_number
from simulations.theory.chain import Chain, free_share, full_share, state_shares


if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_ALL = 1e290
"""At this load of a free client and more, the figures are their limits in all digits."""


class Engset(NamedTuple):
    """The figures in the long run.

    Attributes:
        time_congestion: the share of the time that all servers are busy.
        call_congestion: the share of requests that are refused. It is smaller than
            ``time_congestion``, because a client that holds a slot makes no request.
        occupancy_mean: the mean number of busy servers.
    """

    time_congestion: float
    call_congestion: float
    occupancy_mean: float


def engset(servers: int, sources: int, alpha: float) -> Engset:
    """Return the figures for ``sources`` clients.

    Each client requests a slot at random instants while it holds none. With p(n) proportional to
    (sources choose n) alpha^n, the time congestion is p(servers). The call congestion is the time
    congestion of a system with the other ``sources - 1`` clients.

    Args:
        servers: the number of servers, at least 1.
        sources: the number of clients, at least 1.
        alpha: the offered load of a free client in erlangs: requests a second times the mean
            holding time in seconds; at least 0.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        engset(5, 10, 0.5).call_congestion  # 0.106961...
    """
    servers, sources, alpha = _checked(servers, sources, alpha)
    others = _chain(servers, sources - 1, alpha)
    # The carried load is what the free sources offer minus the refused part: m = alpha (sources -
    # m) (1 - L).
    carried = alpha * free_share(servers, others) if servers < sources else alpha
    return Engset(
        time_congestion=full_share(servers, _chain(servers, sources, alpha)) if servers <= sources else 0.0,
        call_congestion=full_share(servers, others) if servers < sources else 0.0,
        occupancy_mean=sources * (carried / (1 + carried)),
    )


def engset_occupancy(servers: int, sources: int, alpha: float) -> 'NDArray[np.float64]':
    """Return the probability of each occupancy from 0 to ``servers``.

    The arguments are those of :func:`engset`.

    Example::

        engset_occupancy(2, 2, 1.0)         # array([0.25, 0.5 , 0.25])
    """
    import numpy as np

    servers, sources, alpha = _checked(servers, sources, alpha)
    reached = min(servers, sources)
    shares = state_shares(reached, _chain(reached, sources, alpha))
    return np.concatenate([shares, np.zeros(servers - reached)])


def _checked(servers: int, sources: int, alpha: float) -> tuple[int, int, float]:
    servers = whole_number('servers', servers, 1, LARGEST_SIZE)
    sources = whole_number('sources', sources, 1, LARGEST_SIZE)
    return servers, sources, min(not_negative('alpha', alpha), _ALL)


def _chain(servers: int, sources: int, alpha: float) -> Chain:
    return Chain(
        int(min(servers, (sources + 1) * (alpha / (1 + alpha)))), lambda busy: (sources - busy + 1) * alpha / busy
    )
