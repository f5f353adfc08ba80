"""The result of a run: its figures, its history, and its pictures."""

from typing import TYPE_CHECKING, Any

from simulations.measuring.estimates import FIGURES
from simulations.measuring.figures import OF_RENEWAL
from simulations.measuring.waits import QUANTILES
from simulations.results.card import card
from simulations.results.facts import Facts
from simulations.results.report import text
from simulations.results.words import how_made
from simulations.statistics.intervals import Interval
from simulations.workloads.patience import wait_text
from simulations.workloads.sizes import Sizes


if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Result(Facts):
    """The result of putting a workload through a pool.

    ``print(result)`` shows the report. JupyterLab displays a result as a card.
    """

    def __str__(self) -> str:
        return text(self)

    def plot_occupancy(self, ax: 'Axes | None' = None) -> 'Axes':
        """Draw occupancy and running bodies over time, with ``max_size``, and return the axes.

        If jobs waited, the queue is drawn on top of the occupancy.

        Args:
            ax: where to draw; a new figure by default.
        """
        from simulations.results.plots import plot_occupancy

        return plot_occupancy(self, ax)

    def plot_slots(self, ax: 'Axes | None' = None, window: tuple[float, float] | None = None, most: int = 30) -> 'Axes':
        """Draw who held a slot and when, as a Gantt chart, and return the axes.

        It shows slots held, expired under a running body, left by a crash, and released, and how
        long jobs waited in the queue.

        Args:
            ax: where to draw; a new figure by default.
            window: the first and the last instant to draw, in seconds. By default it is three times
                ``slot_exp`` long and contains a slot that expired under a running body; if there is
                none, a crash; if there is none either, the moment when the pool is fullest and its
                queue is longest.
            most: the largest number of rows to draw, one for each holder, and one for each job that
                waited in vain; if there are more, a sample with short and
                long holding times is drawn.

        Raises:
            ValueError: ``most`` or ``window`` is invalid, or the window is not within the part of
                the run that was kept.

        Example::

            result.plot_slots(window=(0, 60))
        """
        from simulations.results.plots import plot_slots

        return plot_slots(self, ax, window, most)

    def plot_occupancy_shares(self, ax: 'Axes | None' = None) -> 'Axes':
        """Draw the share of the time at each occupancy, and return the axes.

        The theoretical distribution is drawn as well if theory has one for this run.

        Args:
            ax: where to draw; a new figure by default.
        """
        from simulations.results.plots import plot_occupancy_shares

        return plot_occupancy_shares(self, ax)

    def plot_overrun_shares(self, ax: 'Axes | None' = None) -> 'Axes':
        """Draw for what share of the time a given number of bodies overrun, and return the axes.

        A line marks the mean; another marks the mean that theory expects, if it has one.

        Args:
            ax: where to draw; a new figure by default.
        """
        from simulations.results.plots import plot_overrun_shares

        return plot_overrun_shares(self, ax)

    def plot_queue(self, ax: 'Axes | None' = None) -> 'Axes':
        """Draw the number of waiting jobs over time, with its mean, and return the axes.

        Of several independent runs it draws the first, with the mean of all. The mean that theory
        expects is drawn as well if it has one.

        Args:
            ax: where to draw; a new figure by default.

        Example::

            Scenario(arrivals='poisson:6', holding='exp:1', max_size=5, wait=3).run().plot_queue()
        """
        from simulations.results.plots import plot_queue

        return plot_queue(self, ax)

    def plot_waits(self, ax: 'Axes | None' = None) -> 'Axes':
        """Draw the share of the jobs that waited longer than each time, and return the axes.

        That is the complementary distribution of the waiting time, on a logarithmic axis, alongside
        that of theory if it has one. Points mark the median and the times that 95% and 99% of the
        jobs do not exceed; a line marks ``wait_within`` if there is one.

        Args:
            ax: where to draw; a new figure by default.

        Example::

            Scenario(arrivals='poisson:6', holding='exp:1', max_size=5, wait=3).run().plot_waits()
        """
        from simulations.results.plots import plot_waits

        return plot_waits(self, ax)

    def plot_expiry(self, ax: 'Axes | None' = None, job: int | None = None) -> 'Axes':
        """Draw a close-up of one slot that expired under a running body, and return the axes.

        Args:
            ax: where to draw; a new figure by default.
            job: which holder; by default the most instructive one, whose slot made room in a full
                pool and was taken by another holder while the body still ran.

        Raises:
            ValueError: in the part of the run that was kept, no slot expired under a running body,
                or the slot of ``job`` did not.
        """
        from simulations.results.plots import plot_expiry

        return plot_expiry(self, ax, job)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values: times in seconds, intervals as ``[low, high]``."""
        numbers: dict[str, Any] = {
            'store': self.store,
            'workload': self.workload,
            'max_size': int(self.max_size),
            **(
                {'max_size_steps': [list(step) for step in self.max_size.steps]}
                if isinstance(self.max_size, Sizes)
                else {}
            ),
            'slot_exp': self.slot_exp,
            **({'renew_for': self.renew_for} if self.renewed else {}),
            **({'wait': wait_text(self.wait), 'max_waiting': self.max_waiting} if self.waits else {}),
            **({} if self.wait_within is None else {'wait_within': self.wait_within}),
            'on_refusal': str(self.on_refusal),
            'crash_probability': self.crash_probability,
            'replications': self.replications,
            **{name: value for name, value in self.figures._asdict().items() if self.renewed or name not in OF_RENEWAL},
            **{f'{name}_ci': _bounds(self.estimates.intervals.get(name)) for name in (*FIGURES, *QUANTILES)},
            'caveats': self.caveats_json(),
            'intervals': how_made(self.estimates.method),
            'occupancy_shares': self.occupancy_shares.tolist(),
            'overrun_shares': self.overrun_shares.tolist(),
            'skipped': self.skipped,
            'seconds': self.seconds,
            'history_hash': self.history_hash,
            'violations': len(self.violations),
        }
        if self.judgement is not None:
            numbers |= {
                'workers': self.workers,
                'network': None if self.network is None else str(self.network),
                'faults': [episode._asdict() for episode in self.episodes],
                'faults_missed': [missed._asdict() for missed in self.missed],
                'limits': [limit._asdict() for limit in self.judgement.limits],
                'unknown': self.judgement.unknown,
                'grants_judged': self.judgement.grants,
                'refusals_judged': self.judgement.refusals,
            }
        if self.theory is None:
            numbers['why_no_theory'] = self.why_no_theory
        else:
            numbers['theory'] = self.theory.formula
            numbers['offered_load'] = self.theory.offered_load
            numbers['refusal_share_theory'] = self.theory.refusal_share
            if self.theory.overrun_mean is not None:
                numbers['overrun_theory'] = self.theory.overrun_mean
        return numbers

    def _repr_html_(self) -> str:
        return card(self)


def _bounds(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]
