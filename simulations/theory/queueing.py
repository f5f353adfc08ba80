"""What theory expects of a pool whose jobs queue, or why it has no answer."""

import math
from collections import Counter
from typing import NamedTuple

from simulations.distributions import Constant, Exponential, Holding
from simulations.theory.erlang import occupancy_distribution
from simulations.theory.general import Occupation, allen_cunneen, occupation, pollaczek_khinchine
from simulations.theory.queue import (
    MOST_WAITING,
    MixedWaits,
    QueueSystem,
    WaitDistribution,
    check_patience,
    queue_system,
)
from simulations.units import number
from simulations.workloads.arrivals import Arrivals, Clients, Periodic, PoissonArrivals
from simulations.workloads.keys import Keys
from simulations.workloads.patience import Wait, is_patience
from simulations.workloads.refusals import OnRefusal, Retry


MOST_QUEUES = 300
"""The largest number of pools with different loads; each takes a few hundredths of a second."""
MOST_STATES = 100_000
"""The largest pool, in slots, for which the probability of each occupancy is computed."""


class Queued(NamedTuple):
    """The figures of pools whose jobs queue, named as in :class:`simulations.Expectation`."""

    formula: str
    offered_load: float
    refusal_share: float
    occupancy_mean: float
    overrun_mean: float | None
    wait_mean: float
    wait_mean_granted: float
    queue_mean: float
    timed_out_share: float
    waited_share: float | None = None
    wait_distribution: WaitDistribution | MixedWaits | None = None
    occupancy_distribution: tuple[float, ...] | None = None
    exact: bool = True


class Queue(NamedTuple):
    """The pools, and how jobs wait at them.

    Attributes:
        max_size: slots of each pool.
        slot_exp: the life of a slot in seconds; ``None`` if slots never expire.
        crashing: the share of holders that crash.
        wait: how long a job waits: seconds, ``None`` for as long as it takes, or its patience.
        max_waiting: how many jobs may wait at each pool; ``None`` for any number.
    """

    max_size: int
    slot_exp: float | None
    crashing: float
    wait: Wait
    max_waiting: int | None

    @property
    def patience(self) -> Holding | None:
        """The distribution of the patience; ``None`` if jobs wait for as long as it takes."""
        return self.wait if self.wait is None or is_patience(self.wait) else Constant(float(self.wait))  # type: ignore[arg-type]

    @property
    def endless(self) -> bool:
        """Whether each job waits until it gets a slot."""
        return self.wait is None and self.max_waiting is None


def expect_queue(
    arrivals: Arrivals | Clients,
    holding: Holding,
    keys: Keys | None,
    on_refusal: OnRefusal,
    queue: Queue,
    cut: str | None,
) -> Queued | str:
    """Return what theory expects of jobs that queue, or a sentence that says why it does not apply.

    Args:
        arrivals, holding, keys: the jobs.
        on_refusal: what a refused job does.
        queue: the pools.
        cut: why slots are not occupied for exactly the holding times; ``None`` if they are.
    """
    if isinstance(arrivals, Clients):
        return 'No formula here covers clients that wait in a queue: they ask less often while they wait.'
    if isinstance(on_refusal, Retry) and not queue.endless:
        return 'No simple theory covers jobs that wait in a queue for a limited time or place, and then retry.'
    shares = (1.0,) if keys is None else keys.shares()
    if len(set(shares)) > MOST_QUEUES:
        return f'Each queue is computed separately, and {len(set(shares)):,} exceed the limit of {MOST_QUEUES:,}.'
    if queue.crashing and queue.slot_exp is None:
        return 'There is no long run: the slots of crashed holders never expire, so in the end all jobs wait.'
    evenly = isinstance(arrivals, Periodic) and arrivals.together == 1 and not arrivals.spread
    poisson = isinstance(arrivals, PoissonArrivals)
    if not poisson and not (evenly and len(shares) == 1):
        only = 'Poisson arrivals, or evenly spaced ones at one pool'
        return f'Theory covers queues only for {only}, not {arrivals.words()}.'
    try:
        occupied = occupation(holding, queue.slot_exp, queue.crashing)
    except ValueError as error:
        return f'No theory is available for this queue: {error}.'
    busiest = arrivals.rate() * max(shares) * occupied.mean
    if queue.endless and busiest >= queue.max_size:
        return (
            f'{busiest:.4g} erlangs are offered to {queue.max_size:,} slots, and every job waits until it gets one, so'
            ' ever more jobs wait and there is no long run.'
        )
    if poisson and isinstance(holding, Exponential) and not cut:
        return _exponential(arrivals.rate(), holding.mean(), shares, queue)
    if not queue.endless:
        return (
            'Formulas for a queue in which jobs wait for a limited time or place need Poisson arrivals and slots that'
            f' are occupied for exponential times, but {cut or _other(arrivals, holding)}.'
        )
    if math.isinf(occupied.square):
        return f'The mean waiting time is infinite, because the variance of {holding} is.'
    return _general(arrivals.rate(), holding, occupied, shares, queue, poisson=poisson)


def _other(arrivals: Arrivals, holding: Holding) -> str:
    if isinstance(arrivals, PoissonArrivals):
        return f'the holding times are {holding}'
    return f'the arrivals are {arrivals.words()}'


def _exponential(rate: float, mean: float, shares: tuple[float, ...], queue: Queue) -> Queued | str:
    patience = queue.patience
    if (queue.max_waiting or 0) > MOST_WAITING:
        return f'Queues with a limit are computed for at most {MOST_WAITING:,} jobs, but it is {queue.max_waiting:,}.'
    try:
        check_patience(patience)
    except ValueError as error:
        return f'No theory is available for this queue: {error}.'

    def system(share: float) -> QueueSystem:
        return queue_system(rate * share, mean, queue.max_size, patience=patience, max_waiting=queue.max_waiting)

    systems = [(share, count, system(share)) for share, count in Counter(shares).items()]

    def by_job(figure: str) -> float:
        return math.fsum(share * count * getattr(system, figure) for share, count, system in systems)

    def in_all(figure: str) -> float:
        return math.fsum(count * getattr(system, figure) for _, count, system in systems)

    granted = math.fsum(share * count * (1 - system.refusal_share) for share, count, system in systems)
    waited_by_granted = math.fsum(
        share * count * (1 - system.refusal_share) * system.wait_mean_granted for share, count, system in systems
    )
    waits = MixedWaits(tuple((share * count, system.wait) for share, count, system in systems))
    single = systems[0][2] if len(shares) == 1 else None
    return Queued(
        formula=_formula(queue) + _where(rate * mean, len(shares)),
        offered_load=rate * mean,
        refusal_share=by_job('refusal_share'),
        occupancy_mean=in_all('occupancy_mean'),
        overrun_mean=0.0,
        wait_mean=by_job('wait_mean'),
        wait_mean_granted=waited_by_granted / granted if granted else 0.0,
        queue_mean=in_all('queue_mean'),
        timed_out_share=by_job('timed_out_share'),
        waited_share=by_job('waited_share'),
        wait_distribution=waits if single is None else single.wait,
        occupancy_distribution=None if single is None else _occupancies(single, queue.max_size),
    )


def _formula(queue: Queue) -> str:
    """Return the name of the formula in the notation of Kendall."""
    size = f'M/M/{queue.max_size}' + ('' if queue.max_waiting is None else f'/{queue.max_size + queue.max_waiting}')
    match queue.patience:
        case None:
            return f"Erlang's queue {size}" if queue.max_waiting is None else f'The bounded queue {size}'
        case Exponential() as patience:
            return f'Erlang A, {size}+M with patience {patience} s'
        case Constant(seconds):
            return f'The queue {size}+D with a patience of {number(seconds)} s'
        case patience:
            return f'The queue {size}+G with patience {patience} s'


def _where(load: float, pools: int) -> str:
    if pools == 1:
        return f', at an offered load of {load:.4g} erlangs'
    return f', for each of {pools:,} pools, at a total offered load of {load:.4g} erlangs'


def _occupancies(system: QueueSystem, max_size: int) -> tuple[float, ...] | None:
    if max_size > MOST_STATES:
        return None
    below = occupancy_distribution(max_size - 1, system.offered_load) * (1 - system.all_busy)
    return (*below.tolist(), system.all_busy)


def _general(
    rate: float, holding: Holding, occupied: Occupation, shares: tuple[float, ...], queue: Queue, *, poisson: bool
) -> Queued:
    """Return the figures of queues in which all jobs get a slot, however long they occupy it."""
    load = rate * occupied.mean
    exact = poisson and queue.max_size == 1

    def wait(share: float) -> float:
        if not occupied.mean:
            return 0.0
        if exact:
            return pollaczek_khinchine(rate * share, occupied)
        return allen_cunneen(queue.max_size, load * share, occupied.mean, float(poisson), occupied.variation)

    mean = math.fsum(share * count * wait(share) for share, count in Counter(shares).items())
    name = f'{"M" if poisson else "D"}/G/{queue.max_size}'
    formula = f"Pollaczek and Khinchine's {name}" if exact else f"Allen and Cunneen's approximation for {name}"
    beyond = 0.0 if queue.slot_exp is None else rate * (1 - queue.crashing) * holding.mean_beyond(queue.slot_exp)
    waited = math.fsum(share * share * count * load for share, count in Counter(shares).items())
    return Queued(
        formula=formula + _where(load, len(shares)),
        offered_load=load,
        refusal_share=0.0,
        occupancy_mean=load,
        overrun_mean=None if math.isinf(beyond) else beyond,
        wait_mean=mean,
        wait_mean_granted=mean,
        queue_mean=rate * mean,
        timed_out_share=0.0,
        waited_share=waited if exact else None,
        occupancy_distribution=(1 - load, load) if exact and len(shares) == 1 else None,
        exact=exact,
    )
