"""Who runs the jobs, over which network, how slots are taken, and what goes wrong."""

from collections.abc import Sequence
from typing import NamedTuple

from simulations.arguments import whole_number
from simulations.exploring.scope import Subject
from simulations.exploring.subjects import SUBJECTS
from simulations.faults import Fault
from simulations.faults.network import Network
from simulations.workloads.refusals import Leave, Retry


NO_NETWORK = Network()
"""Commands that take no time."""
OTHER_PROTOCOLS = tuple(name for name in SUBJECTS if name not in ('redis', 'memory', 'counter'))
"""Those that are not chosen by the store; of a mere counter nobody can see who holds a slot."""


class Setting(NamedTuple):
    """All that makes a run one of commands that take time.

    Attributes:
        workers: the processes that the jobs run in.
        network: between them and the server.
        faults: what befalls them.
        protocol: how slots are taken; ``None``: as the store has it.
    """

    workers: int
    network: Network
    faults: Sequence[Fault]
    protocol: Subject | None


def check_setting(
    workers: int,
    network: Network | None,
    faults: Sequence[Fault],
    protocol: str | None,
    slot_exp: float | None,
    on_refusal: Leave | Retry,
) -> Setting | None:
    """What these make; ``None`` where no command takes time and nothing goes wrong.

    Raises:
        TypeError, ValueError: one of them cannot be; it is named.
    """
    whole_number('workers', workers, 1)
    if not isinstance(network, Network | None):
        raise TypeError(f'network must be a Network(...), not {network!r}')
    for fault in faults:
        if not isinstance(fault, Fault):
            raise TypeError(f'faults must be of simulations.faults, such as Crash(at=10.0), not {fault!r}')
        whom = getattr(fault, 'workers', ())
        if not isinstance(whom, str) and (missing := [each for each in whom if each >= workers]):
            raise ValueError(f'{fault.kind}: there is no worker {missing[0]} where workers is {workers}')
    if faults and slot_exp is None and on_refusal.endless:
        raise ValueError(
            'slots that a fault leaves behind never come back without slot_exp, and jobs would try for ever: give'
            ' slot_exp=..., or tries=... to Retry'
        )
    if protocol is not None:
        if protocol not in OTHER_PROTOCOLS:
            raise ValueError(f'protocol must be one of {", ".join(OTHER_PROTOCOLS)}, got {protocol!r}')
        if slot_exp is None and protocol != 'nx':
            raise ValueError(f'the protocol {protocol} needs slot_exp, a number of seconds')
    if network is None and not faults and protocol is None:
        return None
    return Setting(
        workers,
        NO_NETWORK if network is None else network,
        tuple(faults),
        None if protocol is None else SUBJECTS[protocol],
    )
