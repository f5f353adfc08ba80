"""What theory expects of a workload in the long run, or why it has no answer."""

import math
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from py_cachify.arguments import check_expiration, check_max_size
from simulations.arguments import probability
from simulations.distributions import Constant, Empirical, Exponential, Holding, Mixture, Uniform
from simulations.theory import LossSystem, engset, engset_occupancy, loss_system, occupancy_distribution, retrials
from simulations.theory.renewal import even_spacing, renewal_loss
from simulations.traces.trace import Trace
from simulations.units import number
from simulations.workloads.arrivals import Arrivals, Bursty, Clients, Periodic, PoissonArrivals, Recorded, Varying
from simulations.workloads.keys import Keys
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
        wait_mean: the mean time from a job's arrival to its grant, in seconds, if jobs retry.
        occupancy_distribution: the probability of each number of live slots from 0 to ``max_size``,
            for a single pool of at most :data:`MOST_STATES` slots.
    """

    formula: str
    offered_load: float | None
    refusal_share: float
    attempts_refusal_share: float
    occupancy_mean: float
    overrun_mean: float | None
    wait_mean: float | None
    occupancy_distribution: tuple[float, ...] | None


def expect(
    workload: Workload,
    max_size: int,
    slot_exp: float | None,
    on_refusal: OnRefusal = Leave(),  # noqa: B008 - it is frozen
    crash_probability: float = 0.0,
) -> Expectation | str:
    """Return what theory expects of a pool, or a sentence that says why it does not apply.

    Theory applies to Poisson arrivals that leave when refused (:func:`simulations.loss_system`;
    with Zipf-like keys, each pool separately), clients that leave (:func:`simulations.engset`),
    Poisson arrivals that retry after exponential pauses (:func:`simulations.retrials`), and evenly
    spaced arrivals with exponential holding times
    (:func:`simulations.theory.renewal.renewal_loss`). Otherwise the sentence adds, if it can be
    computed, the share of Poisson arrivals with the same mean load that would be refused.

    Args:
        workload: the jobs.
        max_size: slots of each pool.
        slot_exp: the life of a slot in seconds, ``None`` if slots never expire.
        on_refusal: what a refused job does.
        crash_probability: the share of holders that crash before they release; their slot is freed
            when it expires.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        expect(Poisson(6, 'exp:1', jobs=1000), max_size=5, slot_exp=0.5).refusal_share  # 0.0596...
    """
    check_max_size(max_size)
    check_expiration('slot_exp', slot_exp)
    pool = _Pool(max_size, slot_exp, probability('crash_probability', crash_probability))
    if isinstance(workload, Trace):
        return _of_trace(workload, pool, on_refusal)
    if not isinstance(workload, Synthetic):
        return f'No theory is available for a workload of type {type(workload).__name__}.'
    if slot_exp is None and math.isinf(workload.holding.mean()):
        return f'There is no long run: the mean holding time of {workload.holding} is infinite, and slots never expire.'
    if isinstance(workload.arrivals, Clients):
        return _of_clients(workload.arrivals, workload, pool, on_refusal)
    if isinstance(on_refusal, Retry):
        return _of_retries(workload.arrivals, workload, pool, on_refusal)
    if not isinstance(on_refusal, Leave):
        return f'No theory is available for jobs whose on_refusal is {type(on_refusal).__name__}.'
    if isinstance(workload.arrivals, PoissonArrivals):
        return _of_poisson(workload.arrivals.rate(), workload.holding, workload.keys, pool)
    return _of_others(workload.arrivals, workload, pool)


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


def _of_trace(trace: Trace, pool: _Pool, on_refusal: OnRefusal) -> str:
    compared = None
    if trace.expected_jobs > 1 and trace.keys is None and isinstance(on_refusal, Leave):
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
