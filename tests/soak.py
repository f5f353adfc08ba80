"""Long live runs: ``python -m tests.soak threads tasks kills restarts waiting``, some minutes each.

They check at length what the tests check with a small sample.  Each prints its report; with
``--out FOLDER`` it also writes its figures as JSON.  The exit status is 1 if a promise was broken,
or if too little happened.
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
WAITED = 100


class Soak(NamedTuple):
    """A long run.

    Attributes:
        scenario: the scenario to run.
        options: the options of :func:`simulations.live.live`.
        enough: returns whether enough happened in the run.
    """

    scenario: Scenario
    options: dict[str, Any]
    enough: Callable[[LiveResult], bool]


def _scenario(title: str, seconds: float, faults: tuple[Fault, ...], **fields: Any) -> Scenario:
    return Scenario(title=title, horizon=seconds, workers=4, seed=1, faults=faults, **fields)


def threads() -> Soak:
    """Return a run of threads with over 200,000 grants, in a pool that is nearly always full."""
    scenario = _scenario(
        'Threads under load', 520.0, (), arrivals='poisson:515', holding='exp:0.035', max_size=16, slot_exp=20.0
    )
    return _load(scenario, {'threads': 8})


def tasks() -> Soak:
    """Return such a run of tasks; there can be more tasks than threads, so the pool is larger."""
    scenario = _scenario(
        'Tasks under load', 560.0, (), arrivals='poisson:400', holding='exp:0.25', max_size=100, slot_exp=20.0
    )
    return _load(scenario, {'tasks': 40})


def _load(scenario: Scenario, options: dict[str, Any]) -> Soak:
    return Soak(scenario, options, lambda result: _agrees(result) and result.figures.granted >= GRANTS)


def _agrees(result: LiveResult) -> bool:
    return result.comparison is not None and result.comparison.agree is True


def kills(seconds: float = 200.0) -> Soak:
    """Return a run of four workers, one of which is killed and replaced four times a second."""
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
    """Return a run in which the server restarts, alternately with its data and without."""
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


def waiting(seconds: float = 200.0) -> Soak:
    """Return a run of impatient jobs, whose workers are killed while many of them wait."""
    scenario = _scenario(
        'Waiters are killed',
        seconds,
        (Crash(every='exp:2', lasting=0.02),),
        arrivals='poisson:120',
        holding='exp:0.1',
        max_size=12,
        slot_exp=1.0,
        wait='exp:0.5',
    )

    def enough(result: LiveResult) -> bool:
        withdrew = sum(event.what == 'withdrew' for event in result.history)
        return result.figures.timed_out >= WAITED and withdrew >= WAITED

    return Soak(scenario, {'compare': False, 'tasks': 60}, enough)


SOAKS: dict[str, Callable[[], Soak]] = {
    'threads': threads,
    'tasks': tasks,
    'kills': kills,
    'restarts': restarts,
    'waiting': waiting,
}


def main() -> int:
    """Run the named soaks, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('names', nargs='+', choices=list(SOAKS), help='which long runs to make')
    parser.add_argument('--out', type=Path, metavar='FOLDER', help='write the figures to FOLDER')
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
