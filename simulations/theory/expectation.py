"""What theory expects of a workload in the long run, or why it has no answer."""

import math
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from py_cachify.arguments import check_expiration, check_max_size, check_max_waiting
from simulations.arguments import probability
from simulations.distributions import Constant, Empirical, Exponential, Holding, Mixture, Uniform
from simulations.theory import LossSystem, engset, engset_occupancy, loss_system, occupancy_distribution, retrials
from simulations.theory.queue import MixedWaits, WaitDistribution
from simulations.theory.queueing import Queue, expect_queue
from simulations.theory.renewal import even_spacing, renewal_loss
from simulations.traces.trace import Trace
from simulations.units import number
from simulations.workloads.arrivals import Arrivals, Bursty, Clients, Periodic, PoissonArrivals, Recorded, Varying
from simulations.workloads.keys import Keys
from simulations.workloads.patience import Wait, as_wait
from simulations.workloads.refusals import Leave, OnRefusal, Retry
from simulations.workloads.synthetic import Synthetic
from simulations.workloads.workload import Workload


WITHOUT_FAULTS = 'It covers only pools without faults whose commands take no time.'
"""Why theory does not apply to other runs."""

NEGLIGIBLE = 1e-9
"""The share of the holding time beyond the expiry, and the overrun, below which it counts as 0."""
MOST_POOLS = 100_000
MOST_STATES = 100_000
"""The largest pool, in slots, for which the probability of each occupancy is computed."""
MOST_THAT_RETRY = 500
"""The largest pool, in slots, for jobs that retry; more would take too long for a report."""


class Expectation(NamedTuple):
    """The figures that theory expects in the long run; ``None`` where it has no answer.

    Attributes:
        formula: the formula and its load, as one line for a report.
        offered_load: in erlangs, ``None`` if infinite; for clients, the slots that they would
            occupy if none were ever refused.
        refusal_share: the share of refused jobs; if jobs retry, of refused first attempts.
        attempts_refusal_share: the share of all attempts that are refused.
        occupancy_mean: live slots, in all pools together.
        overrun_mean: bodies that run beyond their slot, in all pools together; ``None`` if their
            number has no finite mean.
        wait_mean: the mean waiting time of all jobs, in seconds: from a job's arrival until it is
            granted a slot or leaves; ``None`` if jobs neither queue nor retry.
        occupancy_distribution: the probability of each number of live slots from 0 to ``max_size``,
            for a single pool of at most :data:`MOST_STATES` slots.
        wait_mean_granted: the mean waiting time of the jobs that are granted a slot, in seconds.
        waited_share: the share of the jobs that wait at all, if jobs queue.
        timed_out_share: the share of all attempts whose wait times out, if jobs queue.
        queue_mean: the mean number of jobs in the queues of all pools together, if jobs queue.
        wait_distribution: the distribution of the waiting time of all jobs, if jobs queue:
            ``beyond(seconds)`` is the share that waits longer, ``served_within(seconds)`` the share
            that gets a slot so soon, ``quantile(share)`` a percentile in seconds.
        exact: whether the figures are exact; if not, ``formula`` says that it is an approximation.
    """

    formula: str
    offered_load: float | None
    refusal_share: float
    attempts_refusal_share: float
    occupancy_mean: float
    overrun_mean: float | None
    wait_mean: float | None
    occupancy_distribution: tuple[float, ...] | None
    wait_mean_granted: float | None = None
    waited_share: float | None = None
    timed_out_share: float | None = None
    queue_mean: float | None = None
    wait_distribution: WaitDistribution | MixedWaits | None = None
    exact: bool = True


def expect(
    workload: Workload,
    max_size: int,
    slot_exp: float | None,
    on_refusal: OnRefusal = Leave(),  # noqa: B008 - it is frozen
    crash_probability: float = 0.0,
    *,
    wait: Wait | str = 0.0,
    max_waiting: int | None = None,
) -> Expectation | str:
    """Return what theory expects of a pool, or a sentence that says why it does not apply.

    Theory applies to Poisson arrivals that leave when refused (:func:`simulations.loss_system`;
    with Zipf-like keys, each pool separately), clients that leave (:func:`simulations.engset`),
    Poisson arrivals that retry after exponential pauses (:func:`simulations.retrials`), and evenly
    spaced arrivals with exponential holding times
    (:func:`simulations.theory.renewal.renewal_loss`). Otherwise the sentence adds, if it can be
    computed, the share of Poisson arrivals with the same mean load that would be refused.

    If jobs queue, theory applies to Poisson arrivals with exponential holding times
    (:func:`simulations.queue_system`; several pools separately), and if they wait for as long as it
    takes, also to other holding times: exactly for one slot
    (:func:`simulations.pollaczek_khinchine`), and as an approximation, which ``exact`` tells, for
    more of them or for evenly spaced arrivals (:func:`simulations.allen_cunneen`).

    Args:
        workload: the jobs.
        max_size: slots of each pool.
        slot_exp: the life of a slot in seconds, ``None`` if slots never expire.
        on_refusal: what a refused job does.
        crash_probability: the share of holders that crash before they release; their slot is freed
            when it expires.
        wait: for how long a job waits in the queue of a full pool: seconds, 0 for not at all;
            ``None`` for as long as it takes; or a distribution of patience, such as ``'exp:5'``.
        max_waiting: how many jobs may wait at each pool; ``None`` for any number.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        expect(Poisson(6, 'exp:1', jobs=1000), max_size=5, slot_exp=0.5).refusal_share  # 0.0596...
        expect(Poisson(3, 'exp:1', jobs=1000), 5, None, wait=None).wait_mean            # 0.1180...
    """
    check_max_size(max_size)
    check_expiration('slot_exp', slot_exp)
    pool = _Pool(max_size, slot_exp, probability('crash_probability', crash_probability))
    wait, max_waiting = as_wait(wait), check_max_waiting(max_waiting)
    if isinstance(workload, Trace):
        return _of_trace(workload, pool, on_refusal, wait)
    if not isinstance(workload, Synthetic):
        return f'No theory is available for a workload of type {type(workload).__name__}.'
    if slot_exp is None and math.isinf(workload.holding.mean()):
        return f'There is no long run: the mean holding time of {workload.holding} is infinite, and slots never expire.'
    if wait != 0:
        return _of_queue(workload, pool, on_refusal, wait, max_waiting)
    if isinstance(workload.arrivals, Clients):
        return _of_clients(workload.arrivals, workload, pool, on_refusal)
    if isinstance(on_refusal, Retry):
        return _of_retries(workload.arrivals, workload, pool, on_refusal)
    if not isinstance(on_refusal, Leave):
        return f'No theory is available for jobs whose on_refusal is {type(on_refusal).__name__}.'
    if isinstance(workload.arrivals, PoissonArrivals):
        return _of_poisson(workload.arrivals.rate(), workload.holding, workload.keys, pool)
    return _of_others(workload.arrivals, workload, pool)


def expect_renewed(
    workload: Workload,
    max_size: int,
    renew_for: float | None,
    on_refusal: OnRefusal = Leave(),  # noqa: B008 - it is frozen
    crash_probability: float = 0.0,
    *,
    wait: Wait | str = 0.0,
    max_waiting: int | None = None,
) -> Expectation | str:
    """Return what theory expects of a pool whose slots are renewed, or why it does not apply.

    A job occupies its slot as long as its body runs, as if slots never expired. Two things would
    change that: a body that runs longer than its slot is renewed, and a holder that crashes. Then
    the time until the slot is freed depends on when its process last renewed, and so on the other
    slots of that process.

    Args:
        workload, max_size, on_refusal, crash_probability, wait, max_waiting: as in :func:`expect`.
        renew_for: for how many seconds a slot is renewed; ``None`` for as long as its body runs.

    Example::

        expect_renewed(Poisson(6, 'exp:1', jobs=1000), max_size=5, renew_for=None).refusal_share
    """
    crashing = probability('crash_probability', crash_probability)
    covers = 'With renewal it covers only slots that are occupied as long as their body runs, but'
    if crashing:
        return f'{covers} {number(round(100 * crashing, 9))} % of the holders crash.'
    if renew_for is not None and _outlived(workload, renew_for):
        return f'{covers} some bodies run for longer than the {number(renew_for)} s for which slots are renewed.'
    if isinstance(workload, Synthetic) and math.isinf(workload.holding.mean()):
        return (
            f'There is no long run: the mean holding time of {workload.holding} is infinite, and slots are renewed as'
            ' long as a body runs.'
        )
    return expect(workload, max_size, None, on_refusal, wait=wait, max_waiting=max_waiting)


def _outlived(workload: Workload, seconds: float) -> bool:
    """Return whether some bodies run for longer than this."""
    if isinstance(workload, Trace):
        return bool((workload.holdings > seconds).any())
    if not isinstance(workload, Synthetic):
        return False
    mean = workload.holding.mean()
    return math.isinf(mean) or workload.holding.mean_beyond(seconds) > NEGLIGIBLE * mean


class _Pool(NamedTuple):
    max_size: int
    slot_exp: float | None
    crashing: float

    def loss(self, rate: float, holding: Holding) -> LossSystem:
        return loss_system(rate, holding, self.max_size, self.slot_exp, self.crashing)

    def cuts(self, holding: Holding) -> str | None:
        """Return why slots are not occupied for exactly the holding times; ``None`` if they are."""
        if self.crashing:
            return f'{number(round(100 * self.crashing, 9))} % of the holders crash'
        mean = holding.mean()
        if self.slot_exp is not None and (math.isinf(mean) or holding.mean_beyond(self.slot_exp) > NEGLIGIBLE * mean):
            return f'slots expire after {number(self.slot_exp)} s, while some bodies still run'
        return None

    def distribution(self, shares: Callable[[], NDArray[np.float64]]) -> tuple[float, ...] | None:
        return tuple(shares().tolist()) if self.max_size <= MOST_STATES else None


def _of_queue(
    workload: Synthetic, pool: _Pool, on_refusal: OnRefusal, wait: Wait, max_waiting: int | None
) -> Expectation | str:
    queue = Queue(pool.max_size, pool.slot_exp, pool.crashing, wait, max_waiting)
    holding = workload.holding
    found = expect_queue(workload.arrivals, holding, workload.keys, on_refusal, queue, pool.cuts(holding))
    if isinstance(found, str):
        return found
    return Expectation(attempts_refusal_share=found.refusal_share, **found._asdict())


def _of_poisson(rate: float, holding: Holding, keys: Keys | None, pool: _Pool) -> Expectation | str:
    shares = (1.0,) if keys is None else keys.shares()
    if len(shares) > MOST_POOLS:
        return f'Each pool is computed separately, and {len(shares):,} pools exceed the limit of {MOST_POOLS:,}.'
    # Pools with the same share of the arrivals are computed once.
    systems = [(share, count, pool.loss(rate * share, holding)) for share, count in Counter(shares).items()]

    def over_all(value: Callable[[float, LossSystem], float]) -> float:
        return math.fsum(count * value(share, system) for share, count, system in systems)

    refused = over_all(lambda share, system: share * system.refusal_share)
    load = over_all(lambda _, system: system.offered_load)
    overrun = over_all(lambda _, system: system.overrun_mean)
    one = f"Erlang's loss system M/G/{pool.max_size}/{pool.max_size}"
    if len(shares) == 1:
        formula = f'{one} at {_load_words(load)}'
        distribution = pool.distribution(lambda: occupancy_distribution(pool.max_size, load))
    else:
        formula = f'{one} for each of {len(shares):,} pools, at {_load_words(load, "a total")}'
        distribution = None
    return Expectation(
        formula=formula,
        offered_load=load if math.isfinite(load) else None,
        refusal_share=refused,
        attempts_refusal_share=refused,
        occupancy_mean=over_all(lambda _, system: system.occupancy_mean),
        overrun_mean=None if math.isinf(overrun) else overrun if overrun >= NEGLIGIBLE else 0.0,
        wait_mean=None,
        occupancy_distribution=distribution,
    )


def _load_words(load: float, article: str = 'an') -> str:
    return f'{article} offered load of {load:.4g} erlangs' if math.isfinite(load) else 'an infinite offered load'


def _of_clients(clients: Clients, workload: Synthetic, pool: _Pool, on_refusal: OnRefusal) -> Expectation | str:
    name = "Engset's formula"
    if not isinstance(on_refusal, Leave):
        return f'{name} applies to clients that think again when they are refused, but these retry.'
    if workload.keys is not None and len(workload.keys.shares()) > 1:
        return f'{name} applies to clients of one pool, but these choose among {len(workload.keys.shares()):,}.'
    if reason := pool.cuts(workload.holding):
        return f'{name} applies to slots that are occupied as long as their client is busy, but {reason}.'
    if not (has_density(workload.holding) or has_density(clients.thinking)):
        return (
            f'{name} needs continuously distributed times, but here thinking and holding times take only single values,'
            ' so the clients fall into step.'
        )
    alpha = workload.holding.mean() / clients.thinking.mean()
    system = engset(pool.max_size, clients.number, alpha)
    load = clients.number * (alpha / (1 + alpha))
    return Expectation(
        formula=f"Engset's system of {clients.number:,} clients on {pool.max_size:,} slots, each free one offering"
        f' {alpha:.4g} erlangs',
        offered_load=load,
        refusal_share=system.call_congestion,
        attempts_refusal_share=system.call_congestion,
        occupancy_mean=system.occupancy_mean,
        overrun_mean=0.0,
        wait_mean=None,
        occupancy_distribution=pool.distribution(lambda: engset_occupancy(pool.max_size, clients.number, alpha)),
    )


def has_density(holding: Holding) -> bool:
    """Return whether a distribution has a continuous part, so that events do not fall on a grid."""
    if isinstance(holding, Mixture):
        return any(weight > 0 and has_density(part) for weight, part in holding.parts)
    if isinstance(holding, Uniform):
        return holding.low < holding.high
    return not isinstance(holding, Constant | Empirical)


def _of_retries(arrivals: Arrivals, workload: Synthetic, pool: _Pool, retry: Retry) -> Expectation | str:
    if reason := _no_retrials(arrivals, workload, pool, retry):
        return f'The chain of busy slots and waiting jobs is computed only for {reason}.'
    load = arrivals.rate() * workload.holding.mean()
    if load >= pool.max_size:
        return (
            f'{load:.4g} erlangs are offered to {pool.max_size:,} slots, and every job tries until it gets one, so'
            ' ever more jobs wait and there is no long run.'
        )
    try:
        system = retrials(pool.max_size, load, 1 / retry.pauses.mean(), workload.holding.mean())
    except ValueError as error:
        return f'The chain of busy slots and waiting jobs is too long: {error}.'
    return Expectation(
        formula=f'M/M/{pool.max_size} with retries after {retry.pauses} s, at an offered load of {load:.4g} erlangs',
        offered_load=load,
        refusal_share=system.all_busy,
        attempts_refusal_share=system.refusal_share,
        occupancy_mean=load,
        overrun_mean=0.0,
        wait_mean=system.wait_mean,
        occupancy_distribution=None,
        wait_mean_granted=system.wait_mean,
    )


def _no_retrials(arrivals: Arrivals, workload: Synthetic, pool: _Pool, retry: Retry) -> str | None:
    """Return why :func:`retrials` does not apply, as its condition and the fact, or ``None``."""
    if not isinstance(arrivals, PoissonArrivals):
        return f'Poisson arrivals, but these are {arrivals.words()}'
    if workload.keys is not None and len(workload.keys.shares()) > 1:
        return f'one pool, but there are {len(workload.keys.shares()):,}'
    if not isinstance(workload.holding, Exponential):
        return f'exponential holding times, but these are {workload.holding}'
    plain = retry.factor == 1 and retry.longest is None and not retry.jitter and retry.tries is None
    if not plain or not isinstance(retry.pauses, Exponential):
        return f'exponential pauses of one mean and without limit, but here a refused job {retry}'
    if reason := pool.cuts(workload.holding):
        return f'slots that are occupied as long as their body runs, but {reason}'
    if pool.max_size > MOST_THAT_RETRY:
        return f'at most {MOST_THAT_RETRY} slots, but there are {pool.max_size:,}'
    return None


def _of_others(arrivals: Arrivals, workload: Synthetic, pool: _Pool) -> Expectation | str:
    evenly = isinstance(arrivals, Periodic) and arrivals.together == 1 and not arrivals.spread
    single = workload.keys is None or len(workload.keys.shares()) == 1
    simple = isinstance(workload.holding, Exponential) and not pool.cuts(workload.holding)
    if evenly and single and simple and pool.max_size <= MOST_STATES:
        return _of_evenly_spaced(arrivals.rate(), workload.holding, pool)
    rate = arrivals.rate()
    compared = _of_poisson(rate, workload.holding, workload.keys, pool) if rate < math.inf else None
    return _why_not(arrivals, evenly) + _compared(compared)


def _of_evenly_spaced(rate: float, holding: Holding, pool: _Pool) -> Expectation:
    load = rate * holding.mean()
    refused = renewal_loss(pool.max_size, even_spacing(1 / rate), holding.mean())
    return Expectation(
        formula=f"Takacs' loss system D/M/{pool.max_size}/{pool.max_size} at an offered load of {load:.4g} erlangs",
        offered_load=load,
        refusal_share=refused,
        attempts_refusal_share=refused,
        occupancy_mean=load * (1 - refused),
        overrun_mean=0.0,
        wait_mean=None,
        occupancy_distribution=None,
    )


def _why_not(arrivals: Arrivals, evenly: bool) -> str:
    match arrivals:
        case Periodic() if evenly:
            return (
                'Theory covers evenly spaced arrivals only for one pool with exponential holding times that no expiry'
                ' and no crash changes'
            )
        case Periodic():
            return 'Theory covers periodic arrivals only if they are evenly spaced'
        case Bursty():
            return 'No simple theory covers bursty arrivals'
        case Varying():
            return 'The arrivals vary with time, so there is no long run'
        case Recorded():
            return 'Recorded arrivals follow no known law'
    return f'No theory is available for {arrivals.words()}'


def _of_trace(trace: Trace, pool: _Pool, on_refusal: OnRefusal, wait: Wait) -> str:
    compared = None
    if wait == 0 and trace.expected_jobs > 1 and trace.keys is None and isinstance(on_refusal, Leave):
        span = float(trace.arrivals[-1] - trace.arrivals[0])
        # A span close to 0 makes a rate that does not fit a float.
        rate = (trace.expected_jobs - 1) / span if span else math.inf
        if rate < math.inf:
            compared = _of_poisson(rate, Empirical(trace.holdings), None, pool)
    return 'Recorded arrivals follow no known law' + _compared(compared)


def _compared(poisson: Expectation | str | None) -> str:
    if poisson is None or isinstance(poisson, str) or poisson.offered_load is None:
        return '.'
    return (
        f'; with Poisson arrivals of the same mean load, {poisson.offered_load:.4g} erlangs,'
        f' {poisson.refusal_share:.2%} would be refused (Erlang B).'
    )
