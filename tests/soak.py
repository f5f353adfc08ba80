"""Long live runs, by hand: ``python -m tests.soak threads tasks kills restarts``, some minutes each.

They show at length what the tests show of a small sample.  Each prints its report, and writes it as JSON if a folder is
given with ``--out``; the exit status is 1 if a promise was broken, or less happened than was to.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from simulations import Scenario
from simulations.faults import Crash, Fault, Restart
from simulations.live import LiveResult, TerminalView, live


RESTARTS = 100
KILLS = 500
GRANTS = 200_000


class Soak(NamedTuple):
    """A long run: what is run, how, and whether enough of it happened."""

    scenario: Scenario
    options: dict[str, Any]
    enough: Callable[[LiveResult], bool]


def _scenario(title: str, seconds: float, faults: tuple[Fault, ...], **fields: Any) -> Scenario:
    return Scenario(title=title, horizon=seconds, workers=4, seed=1, faults=faults, **fields)


def threads() -> Soak:
    """More than two hundred thousand grants by threads, in a pool that is nearly always full."""
    scenario = _scenario(
        'Threads under load', 520.0, (), arrivals='poisson:515', holding='exp:0.035', max_size=16, slot_exp=20.0
    )
    return _load(scenario, {'threads': 8})


def tasks() -> Soak:
    """The same by tasks, of which there can be more, so that the pool is larger."""
    scenario = _scenario(
        'Tasks under load', 560.0, (), arrivals='poisson:400', holding='exp:0.25', max_size=100, slot_exp=20.0
    )
    return _load(scenario, {'tasks': 40})


def _load(scenario: Scenario, options: dict[str, Any]) -> Soak:
    return Soak(scenario, options, lambda result: _agrees(result) and result.figures.granted >= GRANTS)


def _agrees(result: LiveResult) -> bool:
    return result.comparison is not None and result.comparison.agree is True


def kills(seconds: float = 200.0) -> Soak:
    """Four workers, one of which is killed every quarter of a second, and replaced."""
    scenario = _scenario(
        'Holders are killed',
        seconds,
        (Crash(every='exp:0.25', lasting=0.02),),
        arrivals='poisson:200',
        holding='exp:0.1',
        max_size=40,
        slot_exp=1.0,
    )
    return Soak(scenario, {'compare': False}, lambda result: result.measured.killed_holding >= KILLS)


def restarts(count: int = RESTARTS, between: float = 1.5) -> Soak:
    """The server is killed and started again, in turns with its data and without."""
    instants = [between * (number + 1) for number in range(count)]
    scenario = _scenario(
        'The server restarts',
        instants[-1] + between,
        (
            Restart(at=tuple(instants[::2]), lasting=0.05, data='kept'),
            Restart(at=tuple(instants[1::2]), lasting=0.05, data='lost'),
        ),
        arrivals='poisson:300',
        holding='exp:0.05',
        max_size=10,
        slot_exp=2.0,
    )

    def enough(result: LiveResult) -> bool:
        happened = result.measured.accidents
        return min(happened[f'restart with data {data}'] for data in ('kept', 'lost')) >= count // 2

    return Soak(scenario, {'compare': False}, enough)


SOAKS: dict[str, Callable[[], Soak]] = {
    'threads': threads,
    'tasks': tasks,
    'kills': kills,
    'restarts': restarts,
}


def main() -> int:
    """Run those that are asked for; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('names', nargs='+', choices=list(SOAKS))
    parser.add_argument('--out', type=Path, help='a folder for the figures')
    options = parser.parse_args()
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
    status = 0
    for name in options.names:
        soak = SOAKS[name]()
        result = live(soak.scenario, show=TerminalView(), **soak.options)
        print(result)
        for violation in result.violations:
            print(f'  {violation}')
        if options.out is not None:
            (options.out / f'{name}.json').write_text(json.dumps(result.to_json(), indent=2), encoding='utf-8')
        enough = soak.enough(result)
        print(f'  {len(result.violations)} violations, {"enough" if enough else "NOT enough"} happened\n', flush=True)
        status |= bool(result.violations) or not enough
    return status


if __name__ == '__main__':
    sys.exit(main())
