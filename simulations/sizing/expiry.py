"""Which expiry: short enough to free a crashed holder's slot soon, long enough for the bodies to end before it."""

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
"""Of the shortest expiry, as a share of it."""
_HALVINGS = 30
"""Down to a billionth of what is asked for: below that nothing outlives its slot at all."""


class Expiry(ExpiryFacts):
    """Which expiries will do; ``print(...)`` gives the words."""

    def plot(self, ax: 'Axes | None' = None) -> 'Axes':
        """Draw who outlives its slot, and when a crashed holder's slot is back, against ``slot_exp``."""
        from simulations.sizing.plots import plot_expiry_choice

        return plot_expiry_choice(self, ax)

    def to_json(self) -> dict[str, Any]:
        """The answer as plain values, times in seconds."""
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
                f'  no slot_exp does both: at {self.recovery:g} s {share:.3%} of the granted jobs outlive their slot;'
                f' from {shortest:.4g} s on no more than {self.overrun_share:.3%} do, and a slot is back at most'
                f' {shortest:.4g} s after a crash'
            )
        else:
            answer = (
                f'  slot_exp {self.slot_exp:g} s is the longest that frees the slot of a crashed holder within'
                f' {self.recovery:g} s\n'
                f'  outlived their slot  {share:.3%} of the granted jobs, of at most {self.overrun_share:.3%}\n'
                f'  any slot_exp         from {shortest:.4g} s on keeps to that'
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
    """The longest ``slot_exp`` that frees a crashed holder's slot in time, if few enough jobs outlive it.

    A holder may crash right after its grant, so a slot is surely back within ``recovery`` only if it expires within
    it: the longest such expiry is ``recovery`` itself.  Whether it will do is measured, and so is the shortest that
    would.

    Args:
        scenario: the workload and the pool; its own ``slot_exp`` does not matter.
        recovery: seconds after a crash within which the slot must be back, more than 0.
        overrun_share: the share of granted jobs that may outlive their slot, more than 0 and less than 1.
        points: expiries measured around the answer, for the picture.
        store: where the pools are kept, see :func:`simulations.replay`.
        workers: processes for these, see :func:`simulations.sweep`.
        progress: show a progress bar on standard error, or in the notebook.

    Raises:
        TypeError, ValueError: an argument is not so, or no job arrives.

    Example::

        choose_expiry(Scenario.load('api'), recovery=60, overrun_share=0.001).slot_exp
    """
    recovery, wanted = positive('recovery', recovery), inner_probability('overrun_share', overrun_share)
    whole_number('points', points)
    if recovery > LONGEST_EXPIRATION:
        raise ValueError(f'recovery must be at most {LONGEST_EXPIRATION} seconds, got {recovery!r}')
    with tqdm(unit=' runs', disable=not progress, dynamic_ncols=True) as bar:

        def measured(slot_exp: float) -> Point:
            bar.set_postfix_str(f'slot_exp {slot_exp:.4g} s')
            bar.update()
            return sweep(scenario, {'slot_exp': [slot_exp]}, store=store, workers=1).points[0]

        there = measured(recovery)
        if not there.jobs:
            raise ValueError('no job arrives in this scenario: there is nothing to choose an expiry for')
        shortest = _shortest(measured, wanted, recovery, there)
    around = {recovery, shortest, *_spread(min(shortest, recovery) / 4, max(shortest, recovery) * 4, points)}
    found = sweep(scenario, {'slot_exp': sorted(around)}, store=store, workers=workers, progress=progress)
    enough = there.overrun_share <= wanted
    return Expiry(
        scenario=scenario.replace(slot_exp=recovery if enough else shortest),
        recovery=recovery,
        overrun_share=wanted,
        slot_exp=recovery if enough else None,
        shortest=shortest,
        point=there,
        curve=found,
    )


def _shortest(measured: Callable[[float], Point], wanted: float, start: float, there: Point) -> float:
    """By doubling or halving, and then between the two, up to 1 %."""
    few = there.overrun_share <= wanted
    near = far = start
    for _ in range(_HALVINGS):
        near, far = far, far / 2 if few else min(far * 2, LONGEST_EXPIRATION)
        if far == near:
            raise ValueError(
                f'{there.overrun_share:.3%} of the granted jobs outlive a slot of {start:g} s, and with the longest'
                f' that there is, {LONGEST_EXPIRATION} s, it is still more than {wanted:.3%}: allow more'
            )
        if (measured(far).overrun_share <= wanted) != few:
            break
    else:
        return far
    short, enough = (far, near) if few else (near, far)
    while enough > short * (1 + _PRECISION):
        middle = (short * enough) ** 0.5
        if measured(middle).overrun_share <= wanted:
            enough = middle
        else:
            short = middle
    return enough


def _spread(first: float, last: float, count: int) -> list[float]:
    """So many values between two, at equal ratios, with three digits each."""
    ratio = (last / first) ** (1 / max(1, count - 1))
    return [float(f'{first * ratio**step:.3g}') for step in range(count)]
