"""Choosing an expiry that frees a crashed holder's slot soon and that few bodies outlive."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from py_cachify.arguments import LONGEST_EXPIRATION
from simulations.arguments import inner_probability, positive, whole_number
from simulations.scenarios.scenario import Scenario
from simulations.sizing.facts import ExpiryFacts
from simulations.sweeps.grid import Point
from simulations.sweeps.run import sweep


if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PRECISION = 0.01
"""The precision of the shortest expiry, as a share of it."""
_HALVINGS = 30
"""Down to a billionth of the recovery: below that, nothing outlives its slot at all."""


class Expiry(ExpiryFacts):
    """Which expiries meet the conditions; ``print(...)`` shows the answer in words."""

    def plot(self, ax: 'Axes | None' = None) -> 'Axes':
        """Draw overrun and recovery by ``slot_exp``, and return the axes.

        Overrun is the share of the granted jobs that outlive their slot; recovery is the time until
        the slot of a crashed holder is freed.
        """
        from simulations.sizing.plots import plot_expiry_choice

        return plot_expiry_choice(self, ax)

    def to_json(self) -> dict[str, Any]:
        """Return the answer as plain values, times in seconds."""
        return {
            'recovery': self.recovery,
            'overrun_share_wanted': self.overrun_share,
            'slot_exp': self.slot_exp,
            'slot_exp_shortest': self.shortest,
            'overrun_share': self.point.overrun_share,
            'curve': self.curve.rows(),
        }

    def __str__(self) -> str:
        share, shortest = self.point.overrun_share, self.shortest
        if self.slot_exp is None:
            answer = (
                f'  no slot_exp meets both conditions: with {self.recovery:g} s, {share:.3%} of the granted jobs'
                f' outlive their slot; from {shortest:.4g} s on at most {self.overrun_share:.3%} do, but a slot'
                f' may then stay taken for up to {shortest:.4g} s after a crash'
            )
        else:
            answer = (
                f'  slot_exp {self.slot_exp:g} s is the longest that frees the slot of a crashed holder within'
                f' {self.recovery:g} s\n'
                f'  outlived their slot  {share:.3%} of the granted jobs; the limit is {self.overrun_share:.3%}\n'
                f'  shortest slot_exp    {shortest:.4g} s stays within that limit'
            )
        return f'{self.scenario.title or self.scenario.workload().name}\n{answer}'


def choose_expiry(
    scenario: Scenario,
    recovery: float = 60.0,
    overrun_share: float = 0.001,
    *,
    points: int = 9,
    store: str = 'memory',
    workers: int | None = 1,
    progress: bool = False,
) -> Expiry:
    """Find the longest ``slot_exp`` that frees a crashed holder's slot in time.

    A holder may crash right after its grant, so its slot is certain to be freed within ``recovery``
    only if it expires within that time: the longest such expiry is ``recovery`` itself. The
    function measures whether few enough jobs outlive it, and finds the shortest expiry that few
    enough jobs outlive.

    Args:
        scenario: the workload and the pool; its own ``slot_exp`` does not matter.
        recovery: seconds after a crash within which the slot must be freed, more than 0.
        overrun_share: the share of granted jobs that may outlive their slot, more than 0 and less
            than 1.
        points: how many expiries around the answer to measure for the picture.
        store: where the pools are kept, see :func:`simulations.replay`.
        workers: processes for the picture's expiries, see :func:`simulations.sweep`.
        progress: show a progress bar on standard error, or in the notebook.

    Raises:
        TypeError, ValueError: an argument is invalid, or no job arrives.

    Example::

        scenario = Scenario.load('api-connection-limit')
        choose_expiry(scenario, recovery=60, overrun_share=0.001).slot_exp
    """
    recovery, limit = positive('recovery', recovery), inner_probability('overrun_share', overrun_share)
    whole_number('points', points)
    if recovery > LONGEST_EXPIRATION:
        raise ValueError(f'recovery must be at most {LONGEST_EXPIRATION} seconds, got {recovery!r}')
    if scenario.conditions().renewed:
        raise ValueError(
            f'an expiry is chosen for slots that are not renewed, but renew_for is {scenario.renew_for!r}: a renewed'
            f" slot outlives its slot_exp, so any slot_exp up to the recovery ({recovery:g} s) frees a crashed holder's"
            ' in time; omit renew_for to choose one without renewal'
        )
    with tqdm(unit=' runs', disable=not progress, dynamic_ncols=True) as bar:

        def measured(slot_exp: float) -> Point:
            bar.set_postfix_str(f'slot_exp {slot_exp:.4g} s')
            bar.update()
            return sweep(scenario, {'slot_exp': [slot_exp]}, store=store, workers=1).points[0]

        at_recovery = measured(recovery)
        if not at_recovery.jobs:
            raise ValueError('no job arrives in this scenario: there is nothing to choose an expiry for')
        shortest = _shortest(measured, limit, recovery, at_recovery)
    around = {recovery, shortest, *_spread(min(shortest, recovery) / 4, max(shortest, recovery) * 4, points)}
    found = sweep(scenario, {'slot_exp': sorted(around)}, store=store, workers=workers, progress=progress)
    enough = at_recovery.overrun_share <= limit
    return Expiry(
        scenario=scenario.replace(slot_exp=recovery if enough else shortest),
        recovery=recovery,
        overrun_share=limit,
        slot_exp=recovery if enough else None,
        shortest=shortest,
        point=at_recovery,
        curve=found,
    )


def _shortest(measured: Callable[[float], Point], limit: float, start: float, at_recovery: Point) -> float:
    """Return the shortest expiry within the limit, to 1 %.

    It is bracketed by doubling or halving, then found by bisection.
    """
    few = at_recovery.overrun_share <= limit
    near = far = start
    for _ in range(_HALVINGS):
        near, far = far, far / 2 if few else min(far * 2, LONGEST_EXPIRATION)
        if far == near:
            raise ValueError(
                f'overrun_share {limit:.3%} cannot be met: {at_recovery.overrun_share:.3%} of the granted jobs'
                f' outlive a slot of {start:g} s, and too many outlive the longest possible, {LONGEST_EXPIRATION} s:'
                ' raise overrun_share'
            )
        if (measured(far).overrun_share <= limit) != few:
            break
    else:
        return far
    short, enough = (far, near) if few else (near, far)
    while enough > short * (1 + _PRECISION):
        middle = (short * enough) ** 0.5
        if measured(middle).overrun_share <= limit:
            enough = middle
        else:
            short = middle
    return enough


def _spread(first: float, last: float, count: int) -> list[float]:
    """Return ``count`` values from ``first`` to ``last`` at equal ratios, with three digits."""
    ratio = (last / first) ** (1 / max(1, count - 1))
    return [float(f'{first * ratio**step:.3g}') for step in range(count)]
