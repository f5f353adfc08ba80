"""Run a scenario and write what came of it."""

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulations.checks import InvariantError
from simulations.cli.options import BROKEN, KEPT, check_writable
from simulations.results import Result
from simulations.scenario import Scenario
from simulations.twice import replay_twice


if TYPE_CHECKING:
    from matplotlib.axes import Axes


def run_and_report(scenario: Scenario, options: argparse.Namespace, words: list[str]) -> int:
    """Run it, show the report, write pictures and files; ``words`` ask for the same again.  Returns the exit status."""
    # With figures on standard output, nothing else may stand there.
    out = sys.stderr if options.json == '-' else sys.stdout
    check_writable(options)
    try:
        if options.twice:
            result = replay_twice(lambda: scenario.replay(store=options.store, audit=options.audit, progress=True))
        else:
            result = scenario.run(
                store=options.store,
                audit=options.audit,
                history=options.csv is not None,
                progress=True,
            )
    except InvariantError as violated:
        result = violated.result
        print(violated, file=sys.stderr)
    written = write_files(result, scenario, options)
    if options.json == '-':
        print(json.dumps(figures(result, scenario), indent=2))
    print(result, file=out)
    print(f'  repeat it with: {shlex.join(["pool-sim", *words])}', file=out)
    if options.twice and not result.violations:
        print(f'  done twice: all {len(result.history):,} events are the same', file=out)
    for path in written:
        print(f'  wrote {path}', file=out)
    return BROKEN if result.violations else KEPT


Picture = tuple[str, Callable[['Axes'], 'Axes'], tuple[float, float]]
"""The name of its file, what draws it, and its size in inches."""

PICTURES = (
    'occupancy.png',
    'slots.png',
    'occupancy-shares.png',
    'overrun-shares.png',
    'expiry.png',
    'comparison.png',
    'recovery.png',
)


def figures(result: Result, scenario: Scenario) -> dict[str, Any]:
    """The figures as plain values, and the seed that they are of."""
    return {'seed': scenario.seed, **result.to_json()}


def write_files(
    result: Result, scenario: Scenario, options: argparse.Namespace, more: Sequence[Picture] = ()
) -> list[Path]:
    """Write the pictures, ``more`` among them, and what else was asked for; returns the files."""
    from matplotlib.figure import Figure

    drawn: list[Picture] = [
        *more,
        ('occupancy.png', result.plot_occupancy, (10, 4.5)),
        ('slots.png', result.plot_slots, (10, 6)),
        ('occupancy-shares.png', result.plot_occupancy_shares, (8, 4)),
    ]
    if result.whole.holders().overran.any():
        drawn += [
            ('overrun-shares.png', result.plot_overrun_shares, (8, 4)),
            ('expiry.png', result.plot_expiry, (10, 4.5)),
        ]
    written = []
    for name in PICTURES:
        # One of another run in the same folder would be taken for this one's.
        (options.out / name).unlink(missing_ok=True)
    for name, draw, size in drawn:
        figure = Figure(figsize=size, layout='constrained')
        draw(figure.add_subplot())
        figure.savefig(options.out / name, dpi=150)
        written.append(options.out / name)
    if options.csv is not None:
        with options.csv.open('w', encoding='utf-8', newline='') as file:
            result.history.write_csv(file)
        written.append(options.csv)
    if options.json not in (None, '-'):
        path = Path(options.json)
        path.write_text(json.dumps(figures(result, scenario), indent=2) + '\n', encoding='utf-8')
        written.append(path)
    return written
