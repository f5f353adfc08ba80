"""A workbench for pools: put a workload through one in virtual time, check every event, see it.

::

    from simulations import Poisson, replay

    result = replay(Poisson(rate=6, holding='exp:1', jobs=2000), max_size=5, slot_exp=0.5)
    print(result)
    result.plot_occupancy()
"""

from importlib.util import find_spec


if missing := [
    name for name in ('fakeredis', 'matplotlib', 'numpy', 'redis', 'simpy', 'tqdm') if find_spec(name) is None
]:
    raise ModuleNotFoundError(
        f"simulations needs what the extra `sim` installs, {', '.join(missing)}: pip install 'py-cachify-lab[sim]'",
        name=missing[0],
    )

from simulations.batches import BatchMeans, batch_means
from simulations.bundled import bundled_trace
from simulations.checks import InvariantError, Violation
from simulations.engine import replay
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
from simulations.results import Result
from simulations.stopping import Judgement, StoppingRule
from simulations.stores import Store, StoreError, open_store
from simulations.student import student_t
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
from simulations.warmup import Warmup, mser5
from simulations.workloads import Job, Poisson, Trace, Workload


__all__ = [
    'BatchMeans',
    'Constant',
    'Empirical',
    'Engset',
    'Event',
    'Exponential',
    'Figures',
    'History',
    'Holding',
    'Interval',
    'InvariantError',
    'Job',
    'Judgement',
    'Lognormal',
    'LossSystem',
    'Mixture',
    'Pareto',
    'Poisson',
    'Result',
    'Retrials',
    'StoppingRule',
    'Store',
    'StoreError',
    'Trace',
    'TraceError',
    'Uniform',
    'Violation',
    'Warmup',
    'Workload',
    'batch_means',
    'bundled_trace',
    'engset',
    'engset_occupancy',
    'erlang_b',
    'erlang_c',
    'load_for',
    'loss_system',
    'max_size_for',
    'mean_interval',
    'mean_wait',
    'mser5',
    'occupancy_distribution',
    'open_store',
    'parse_holding',
    'ratio_interval',
    'read_azure',
    'read_swf',
    'read_table',
    'read_trace',
    'recognise',
    'replay',
    'retrials',
    'select_jobs',
    'student_t',
]
