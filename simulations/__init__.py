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

from simulations.arrivals import (
    Arrivals,
    Bursty,
    Clients,
    Periodic,
    PoissonArrivals,
    Recorded,
    Varying,
    parse_arrivals,
)
from simulations.batches import BatchMeans, batch_means
from simulations.bundled import bundled_trace
from simulations.checks import Violation
from simulations.engine import replay
from simulations.expectation import Expectation, expect
from simulations.figures import Figures
from simulations.history import Event, History
from simulations.holding import (
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
from simulations.intervals import Interval, mean_interval, ratio_interval
from simulations.keys import Keys, Zipf, parse_keys
from simulations.network import Network
from simulations.refusals import Leave, OnRefusal, Retry
from simulations.replications import replicate
from simulations.results import Result
from simulations.scenario import Scenario
from simulations.sizing import Expiry, Sizing, choose_expiry, size_pool
from simulations.stopping import Judgement, StoppingRule
from simulations.stores import Store, StoreError, open_store
from simulations.student import student_t
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
from simulations.traces import TraceError, read_azure, read_swf, read_table, read_trace, recognise, select_jobs
from simulations.violated import InvariantError
from simulations.warmup import Warmup, mser5
from simulations.workloads import Job, Poisson, Synthetic, Trace, Turn, Workload


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
