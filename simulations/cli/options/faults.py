"""Options for the workers, their network, and faults."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from simulations.cli.options.option import Option, reader
from simulations.distributions import Constant, Holding, parse_holding
from simulations.faults import KINDS, parse_fault
from simulations.faults.network import Network
from simulations.stores.protocols import PROTOCOLS


def _latency(text: str) -> Holding:
    if ':' in text:
        return parse_holding(text)
    try:
        return Constant(float(text))
    except ValueError:
        raise ValueError(
            f'latency must be a number of seconds such as 0.002, or a distribution such as exp:0.002, got {text!r}'
        ) from None


_option = functools.partial(Option, group='network and faults')

NETWORK = (
    _option('--workers', 'workers', read=int, metavar='N', help='run the jobs in N processes (default 1)'),
    _option(
        '--latency',
        'network.latency',
        read=reader(_latency),
        metavar='SECONDS',
        help='delay each request and each reply by SECONDS; a number, or a distribution such as exp:0.002',
    ),
    _option(
        '--timeout',
        'network.timeout',
        read=float,
        metavar='SECONDS',
        help="let a worker's client library stop waiting for a reply after SECONDS (default 5)",
    ),
    _option(
        '--driver-retries',
        'network.retries',
        read=int,
        metavar='N',
        help='let the client library then repeat the request up to N times before the worker sees an error',
    ),
)
FAULT = _option(
    '--fault',
    'faults',
    repeatable=True,
    read=reader(parse_fault),
    metavar="'KIND name=value ...'",
    help='inject a fault, such as "pause at=20 lasting=15" or "crash every=exp:60 workers=one"; repeatable;'
    f' kinds: {", ".join(KINDS)}',
)
PROTOCOL = _option(
    '--protocol',
    'protocol',
    choices=PROTOCOLS,
    metavar='NAME',
    help='take slots by this protocol instead of the one that the store uses: nx (the plain contract) or a broken'
    f' pool ({", ".join(name for name in PROTOCOLS if name != "nx")}); needs --store memory',
)
FAULTS = (*NETWORK, FAULT, PROTOCOL)


def changed_network(network: Network | None, changes: Mapping[str, Any]) -> Network:
    """Return the network with the changes that the options make.

    Raises:
        TypeError, ValueError: a value is out of range.
    """
    return dataclasses.replace(Network() if network is None else network, **changes)
