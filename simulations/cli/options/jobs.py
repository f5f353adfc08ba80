"""Options for generated jobs: arrivals, holding times, keys, and how many jobs there are."""

from typing import Any

from simulations.cli.options.option import Option, reader
from simulations.distributions import parse_holding
from simulations.units import number
from simulations.workloads.arrivals import Arrivals, Clients, parse_arrivals
from simulations.workloads.keys import parse_keys


def _poisson(rate: float) -> Arrivals | Clients:
    return parse_arrivals(f'poisson:{number(rate)}')


# Generated jobs replace recorded ones.
_WITHOUT_TRACE: dict[str, Any] = {'trace': None, 'trace_options': {}}

RATE = Option(
    '--rate',
    'arrivals',
    read=float,
    convert=_poisson,
    resets=_WITHOUT_TRACE,
    alternative='arrivals',
    help='let jobs arrive at random, RATE a second on average (Poisson arrivals; default 6)',
)
ARRIVALS = Option(
    '--arrivals',
    'arrivals',
    read=reader(parse_arrivals),
    resets=_WITHOUT_TRACE,
    alternative='arrivals',
    help='let jobs arrive according to poisson:RATE, periodic:INTERVAL, bursty:RATE:SECONDS:RATE:SECONDS,'
    ' varying:PERIOD:RATE:RATE:..., clients:NUMBER:THINKING or trace:FILE',
)
HOLDING = Option(
    '--holding',
    'holding',
    # Converted only here: with a trace, the same option names a column.
    convert=parse_holding,
    help='draw holding times, in seconds, from exp:MEAN, const:X, uniform:A:B, lognormal:MU:SIGMA,'
    ' pareto:SHAPE:MIN, values:A:B:..., file:FILE, trace:FILE, or a mixture such as mix:0.9*exp:1+0.1*const:30'
    ' (default exp:1)',
)
KEYS = Option(
    '--keys',
    'keys',
    read=reader(parse_keys),
    help='spread the jobs over many pools, some busier than others: zipf:POOLS or zipf:POOLS:EXPONENT',
)
NUMBER = Option(
    '--jobs', 'jobs', read=int, resets={'horizon': None}, alternative='end', help='stop after JOBS jobs (default 10000)'
)
HORIZON = Option(
    '--horizon',
    'horizon',
    read=float,
    resets={'jobs': None},
    alternative='end',
    help='stop the arrivals after HORIZON seconds instead',
)
JOBS = (RATE, ARRIVALS, HOLDING, KEYS, NUMBER, HORIZON)
