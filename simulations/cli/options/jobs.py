"""Options of jobs that are made up: when they arrive, how long they hold a slot, which pool is theirs, how many."""

from typing import Any

from simulations.cli.options.option import Option, reader
from simulations.distributions import parse_holding
from simulations.units import number
from simulations.workloads.arrivals import Arrivals, Clients, parse_arrivals
from simulations.workloads.keys import parse_keys


def _poisson(rate: float) -> Arrivals | Clients:
    return parse_arrivals(f'poisson:{number(rate)}')


# Jobs that are made up take the place of recorded ones.
_WITHOUT_TRACE: dict[str, Any] = {'trace': None, 'trace_options': {}}

RATE = Option(
    '--rate',
    'arrivals',
    read=float,
    convert=_poisson,
    resets=_WITHOUT_TRACE,
    alternative='arrivals',
    help='Poisson arrivals, so many a second (default 6)',
)
ARRIVALS = Option(
    '--arrivals',
    'arrivals',
    read=reader(parse_arrivals),
    resets=_WITHOUT_TRACE,
    alternative='arrivals',
    help='poisson:RATE, periodic:INTERVAL, bursty:RATE:SECONDS:RATE:SECONDS, varying:PERIOD:RATE:RATE:...,'
    ' clients:NUMBER:THINKING, trace:FILE',
)
HOLDING = Option(
    '--holding',
    'holding',
    # Only now: the same option names a column where the jobs are a trace.
    convert=parse_holding,
    help='holding time in seconds: exp:MEAN, const:X, uniform:A:B, lognormal:MU:SIGMA, pareto:SHAPE:MIN,'
    ' values:A:B:..., file:FILE, trace:FILE, or a mixture such as mix:0.9*exp:1+0.1*const:30 (default exp:1)',
)
KEYS = Option('--keys', 'keys', read=reader(parse_keys), help='many pools: zipf:POOLS or zipf:POOLS:EXPONENT')
NUMBER = Option(
    '--jobs', 'jobs', read=int, resets={'horizon': None}, alternative='end', help='how many jobs (default 10000)'
)
HORIZON = Option(
    '--horizon',
    'horizon',
    read=float,
    resets={'jobs': None},
    alternative='end',
    help='let jobs arrive for so many seconds instead',
)
JOBS = (RATE, ARRIVALS, HOLDING, KEYS, NUMBER, HORIZON)
