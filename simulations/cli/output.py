"""Run a scenario, show its report, and write its files."""

import argparse
import itertools
import json
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulations.cli.options.output import check_writable
from simulations.cli.parser import BROKEN, IMPOSSIBLE, KEPT
from simulations.engine.determinism import replay_twice
from simulations.results.result import Result
from simulations.results.violated import InvariantError
from simulations.scenarios.scenario import Scenario


if TYPE_CHECKING:
    from matplotlib.axes import Axes


def run_and_report(
    scenario: Scenario, options: argparse.Namespace, words: list[str], caveats: Sequence[str] = ()
) -> int:
    """Run a scenario, show its report and write its files; return the exit status.

    ``words`` are the command-line words that repeat the run, ``caveats`` what to say of its jobs.
    """
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
    more = [*(f'caveat: {sentence}' for sentence in caveats), f'repeat it with: {shlex.join(["pool-sim", *words])}']
    if options.twice and not result.violations:
        more.append(f'ran twice: all {len(result.history):,} events are the same')
    return write_and_show(result, scenario, options, more)


def write_and_show(
    result: Result,
    scenario: Scenario,
    options: argparse.Namespace,
    more: Sequence[str],
    pictures: Sequence['Picture'] = (),
    files: Iterable[Path] = (),
) -> int:
    """Write the files, show the report and the lines ``more``, and return the exit status.

    ``pictures`` are drawn before the usual ones. ``files`` is an iterator that writes each further
    file when it is advanced. The run may have taken long, so the report is shown even if a file
    cannot be written; that error is raised afterwards.
    """
    # The figures must be alone on standard output.
    out = sys.stderr if options.json == '-' else sys.stdout
    written: list[Path] = []
    failed = None
    try:
        for path in itertools.chain(_files(result, scenario, options, pictures), files):
            written.append(path)
    except OSError as error:
        failed = error
    if options.json == '-':
        print(json.dumps(figures(result, scenario), indent=2))
    print(result, file=out)
    for line in [*more, *(f'wrote {path}' for path in written)]:
        print(f'  {line}', file=out)
    if failed is not None:
        raise failed
    if result.violations:
        return BROKEN
    return IMPOSSIBLE if result.figures.jobs and not result.figures.answered else KEPT


Picture = tuple[str, Callable[['Axes'], 'Axes'], tuple[float, float]]
"""The name of the file, the function that draws it, and its size in inches."""

PICTURES = (
    'occupancy.png',
    'slots.png',
    'occupancy-shares.png',
    'overrun-shares.png',
    'expiry.png',
    'queue.png',
    'waits.png',
    'comparison.png',
    'recovery.png',
)


def figures(result: Result, scenario: Scenario) -> dict[str, Any]:
    """Return the figures as plain values, together with their seed."""
    return {'seed': scenario.seed, **result.to_json()}


def _files(result: Result, scenario: Scenario, options: argparse.Namespace, more: Sequence[Picture]) -> Iterator[Path]:
    """Write the pictures, ``more`` first, and the requested files; yield each path when written."""
    for name in PICTURES:
        # A picture of an earlier run in this folder would be mistaken for one of this run.
        (options.out / name).unlink(missing_ok=True)
    if not options.no_pictures:
        yield from _pictures(result, options.out, more)
    if options.csv is not None:
        with named(options.csv), options.csv.open('w', encoding='utf-8', newline='') as file:
            result.history.write_csv(file)
        yield options.csv
    if options.json not in (None, '-'):
        path = Path(options.json)
        with named(path):
            path.write_text(json.dumps(figures(result, scenario), indent=2) + '\n', encoding='utf-8')
        yield path


def _pictures(result: Result, folder: Path, more: Sequence[Picture]) -> Iterator[Path]:
    from matplotlib.figure import Figure

    drawn: list[Picture] = [
        *more,
        ('occupancy.png', result.plot_occupancy, (10, 4.5)),
        ('slots.png', result.plot_slots, (10, 6)),
        ('occupancy-shares.png', result.plot_occupancy_shares, (8, 4)),
    ]
    if result.known_part.holders().overran.any():
        drawn += [
            ('overrun-shares.png', result.plot_overrun_shares, (8, 4)),
            ('expiry.png', result.plot_expiry, (10, 4.5)),
        ]
    if result.figures.queue_peak:
        drawn += [('queue.png', result.plot_queue, (10, 4.5)), ('waits.png', result.plot_waits, (8, 4))]
    for name, draw, size in drawn:
        figure = Figure(figsize=size, layout='constrained')
        draw(figure.add_subplot())
        path = folder / name
        with named(path):
            figure.savefig(path, dpi=150)
        yield path


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Add the path to an error of writing; the system adds it only if opening fails."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
