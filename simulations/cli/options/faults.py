"""Options of the workers, their network, and what goes wrong."""

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
            f'latency must be seconds such as 0.002, or a distribution such as exp:0.002, got {text!r}'
        ) from None


_option = functools.partial(Option, group='commands take time, and things go wrong')

NETWORK = (
    _option('--workers', 'workers', read=int, metavar='N', help='processes that the jobs run in (default 1)'),
    _option(
        '--latency',
        'network.latency',
        read=reader(_latency),
        metavar='SECONDS',
        help='of a request, and of a reply, such as exp:0.002',
    ),
    _option('--timeout', 'network.timeout', read=float, metavar='SECONDS', help='after which a worker waits no longer'),
    _option('--driver-retries', 'network.retries', read=int, metavar='N', help='how often its driver then asks again'),
)
FAULT = _option(
    '--fault',
    'faults',
    repeatable=True,
    read=reader(parse_fault),
    metavar="'KIND name=value ...'",
    help=f'such as "pause at=20 lasting=15" or "crash every=exp:60 workers=one"; kinds: {", ".join(KINDS)}',
)
PROTOCOL = _option(
    '--protocol',
    'protocol',
    choices=PROTOCOLS,
    metavar='NAME',
    help=f"how slots are taken, in memory, in place of the store's way: {', '.join(PROTOCOLS)}",
)
FAULTS = (*NETWORK, FAULT, PROTOCOL)


def changed_network(network: Network | None, changes: Mapping[str, Any]) -> Network:
    """Return the network once the options have changed it.

    Raises:
        TypeError, ValueError: a value cannot be.
    """
    return dataclasses.replace(Network() if network is None else network, **changes)
