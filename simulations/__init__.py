"""A workbench for pools: run a workload through a pool in virtual time and check every event.

``README.md`` is the map; each chapter is the ``README.md`` of a package::

    from simulations import Poisson, replay

    result = replay(Poisson(rate=6, holding='exp:1', jobs=2000), max_size=5, slot_exp=0.5)
    print(result)
    result.plot_occupancy()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from simulations.extras import missing


if TYPE_CHECKING:
    from simulations.checking import ClientCheck, check_client
    from simulations.comparing import Comparison, compare
    from simulations.distributions import (
        Constant,
        Empirical,
        Exponential,
        Holding,
        Lognormal,
        Mixture,
        Pareto,
        Uniform,
        parse_holding,
    )
    from simulations.engine.replay import replay
    from simulations.engine.replications import replicate
    from simulations.faults.network import Network
    from simulations.history.events import Event
    from simulations.history.history import History
    from simulations.judging.violation import Violation
    from simulations.measuring.figures import Figures
    from simulations.results.result import Result
    from simulations.results.violated import InvariantError
    from simulations.scenarios.scenario import Scenario
    from simulations.sizing import Expiry, Sizing, choose_expiry, size_pool
    from simulations.statistics.batches import BatchMeans, batch_means
    from simulations.statistics.intervals import Interval, mean_interval, ratio_interval
    from simulations.statistics.stopping import Judgement, StoppingRule
    from simulations.statistics.student_t import student_t
    from simulations.statistics.warmup import Warmup, mser5
    from simulations.stores.store import Store, StoreError, open_store
    from simulations.sweeps import Sweep, parse_vary, sweep
    from simulations.theory import (
        Engset,
        LossSystem,
        Retrials,
        engset,
        engset_occupancy,
        erlang_b,
        erlang_c,
        load_for,
        loss_system,
        max_size_for,
        mean_wait,
        occupancy_distribution,
        retrials,
        wait_beyond,
        wait_quantile,
    )
    from simulations.theory.expectation import Expectation, expect
    from simulations.theory.general import Occupation, allen_cunneen, occupation, pollaczek_khinchine
    from simulations.theory.queue import QueueSystem, WaitDistribution, queue_system
    from simulations.traces import (
        TraceError,
        read_attempts,
        read_azure,
        read_swf,
        read_table,
        read_trace,
        recognise,
        select_jobs,
    )
    from simulations.traces.bundled import bundled_trace
    from simulations.traces.job import Job, Turn
    from simulations.traces.trace import Trace
    from simulations.workloads.arrivals import (
        Arrivals,
        Bursty,
        Clients,
        Periodic,
        PoissonArrivals,
        Recorded,
        Varying,
        parse_arrivals,
    )
    from simulations.workloads.keys import Keys, Zipf, parse_keys
    from simulations.workloads.refusals import Leave, OnRefusal, Retry
    from simulations.workloads.sizes import Sizes, as_sizes
    from simulations.workloads.synthetic import Poisson, Synthetic
    from simulations.workloads.workload import Workload


__all__ = [
    'Arrivals',
    'BatchMeans',
    'Bursty',
    'ClientCheck',
    'Clients',
    'Comparison',
    'Constant',
    'Empirical',
    'Engset',
    'Event',
    'Expectation',
    'Expiry',
    'Exponential',
    'Figures',
    'History',
    'Holding',
    'Interval',
    'InvariantError',
    'Job',
    'Judgement',
    'Keys',
    'Leave',
    'Lognormal',
    'LossSystem',
    'Mixture',
    'Network',
    'Occupation',
    'OnRefusal',
    'Pareto',
    'Periodic',
    'Poisson',
    'PoissonArrivals',
    'QueueSystem',
    'Recorded',
    'Result',
    'Retrials',
    'Retry',
    'Scenario',
    'Sizes',
    'Sizing',
    'StoppingRule',
    'Store',
    'StoreError',
    'Sweep',
    'Synthetic',
    'Trace',
    'TraceError',
    'Turn',
    'Uniform',
    'Varying',
    'Violation',
    'WaitDistribution',
    'Warmup',
    'Workload',
    'Zipf',
    'allen_cunneen',
    'as_sizes',
    'batch_means',
    'bundled_trace',
    'check_client',
    'choose_expiry',
    'compare',
    'engset',
    'engset_occupancy',
    'erlang_b',
    'erlang_c',
    'expect',
    'load_for',
    'loss_system',
    'max_size_for',
    'mean_interval',
    'mean_wait',
    'mser5',
    'occupancy_distribution',
    'occupation',
    'open_store',
    'parse_arrivals',
    'parse_holding',
    'parse_keys',
    'parse_vary',
    'pollaczek_khinchine',
    'queue_system',
    'ratio_interval',
    'read_attempts',
    'read_azure',
    'read_swf',
    'read_table',
    'read_trace',
    'recognise',
    'replay',
    'replicate',
    'retrials',
    'select_jobs',
    'size_pool',
    'student_t',
    'sweep',
    'wait_beyond',
    'wait_quantile',
]

# A name is imported when it is first used, so that ``pool-sim --help`` does not wait for NumPy and
# Matplotlib.
# fmt: off
_HOMES = {
    'simulations.checking': ('ClientCheck', 'check_client'),
    'simulations.comparing': ('Comparison', 'compare'),
    'simulations.distributions': (
        'Constant', 'Empirical', 'Exponential', 'Holding', 'Lognormal', 'Mixture', 'Pareto', 'Uniform',
        'parse_holding',
    ),
    'simulations.engine.replay': ('replay',),
    'simulations.engine.replications': ('replicate',),
    'simulations.faults.network': ('Network',),
    'simulations.history.events': ('Event',),
    'simulations.history.history': ('History',),
    'simulations.judging.violation': ('Violation',),
    'simulations.measuring.figures': ('Figures',),
    'simulations.results.result': ('Result',),
    'simulations.results.violated': ('InvariantError',),
    'simulations.scenarios.scenario': ('Scenario',),
    'simulations.sizing': ('Expiry', 'Sizing', 'choose_expiry', 'size_pool'),
    'simulations.statistics.batches': ('BatchMeans', 'batch_means'),
    'simulations.statistics.intervals': ('Interval', 'mean_interval', 'ratio_interval'),
    'simulations.statistics.stopping': ('Judgement', 'StoppingRule'),
    'simulations.statistics.student_t': ('student_t',),
    'simulations.statistics.warmup': ('Warmup', 'mser5'),
    'simulations.stores.store': ('Store', 'StoreError', 'open_store'),
    'simulations.sweeps': ('Sweep', 'parse_vary', 'sweep'),
    'simulations.theory': (
        'Engset', 'LossSystem', 'Retrials', 'engset', 'engset_occupancy', 'erlang_b', 'erlang_c', 'load_for',
        'loss_system', 'max_size_for', 'mean_wait', 'occupancy_distribution', 'retrials', 'wait_beyond',
        'wait_quantile',
    ),
    'simulations.theory.expectation': ('Expectation', 'expect'),
    'simulations.theory.general': ('Occupation', 'allen_cunneen', 'occupation', 'pollaczek_khinchine'),
    'simulations.theory.queue': ('QueueSystem', 'WaitDistribution', 'queue_system'),
    'simulations.traces': (
        'TraceError', 'read_attempts', 'read_azure', 'read_swf', 'read_table', 'read_trace', 'recognise', 'select_jobs',
    ),
    'simulations.traces.bundled': ('bundled_trace',),
    'simulations.traces.job': ('Job', 'Turn'),
    'simulations.traces.trace': ('Trace',),
    'simulations.workloads.arrivals': (
        'Arrivals', 'Bursty', 'Clients', 'Periodic', 'PoissonArrivals', 'Recorded', 'Varying', 'parse_arrivals',
    ),
    'simulations.workloads.keys': ('Keys', 'Zipf', 'parse_keys'),
    'simulations.workloads.refusals': ('Leave', 'OnRefusal', 'Retry'),
    'simulations.workloads.sizes': ('Sizes', 'as_sizes'),
    'simulations.workloads.synthetic': ('Poisson', 'Synthetic'),
    'simulations.workloads.workload': ('Workload',),
}
# fmt: on
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    try:
        if name in _HOME_OF:
            value = getattr(import_module(_HOME_OF[name]), name)
        else:
            value = import_module(f'{__name__}.{name}')
    except ModuleNotFoundError as error:
        if error.name == f'{__name__}.{name}':
            raise AttributeError(f'module {__name__!r} has no attribute {name!r}') from None
        if (sentence := missing(error)) is None:
            raise
        raise ModuleNotFoundError(f'{__name__}.{name}: {sentence}', name=error.name) from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
