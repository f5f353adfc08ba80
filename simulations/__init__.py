"""A workbench for pools: put a workload through one in virtual time, check every event, see it.

::

    from simulations import Poisson, replay

    result = replay(Poisson(rate=6, holding='exp:1', jobs=2000), max_size=5, slot_exp=0.5)
    print(result)
    result.plot_occupancy()
"""

from importlib.util import find_spec


if missing := [
    name
    for name in ('fakeredis', 'matplotlib', 'numpy', 'redis', 'simpy', 'tomli_w', 'tqdm')
    if find_spec(name) is None
]:
    raise ModuleNotFoundError(
        f"simulations needs what the extra `sim` installs, {', '.join(missing)}: pip install 'py-cachify-lab[sim]'",
        name=missing[0],
    )

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
)
from simulations.theory.expectation import Expectation, expect
from simulations.traces import TraceError, read_azure, read_swf, read_table, read_trace, recognise, select_jobs
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
from simulations.workloads.synthetic import Poisson, Synthetic
from simulations.workloads.workload import Workload


__all__ = [
    'Arrivals',
    'BatchMeans',
    'Bursty',
    'Clients',
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
    'OnRefusal',
    'Pareto',
    'Periodic',
    'Poisson',
    'PoissonArrivals',
    'Recorded',
    'Result',
    'Retrials',
    'Retry',
    'Scenario',
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
    'Warmup',
    'Workload',
    'Zipf',
    'batch_means',
    'bundled_trace',
    'choose_expiry',
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
    'open_store',
    'parse_arrivals',
    'parse_holding',
    'parse_keys',
    'parse_vary',
    'ratio_interval',
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
]
