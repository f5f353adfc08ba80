"""``pool-sim size``: how big the pool must be, and which expiry."""

import argparse
import json
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from simulations.arguments import whole_number
from simulations.cli.options import add_folder, add_store, check_writable, words
from simulations.cli.parser import KEPT
from simulations.cli.requested import add_asked, asked_scenario, run_words
from simulations.sizing import Expiry, Sizing, choose_expiry, size_pool
from simulations.sweeps.processes import processes


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command to its parser."""
    add_asked(parser)
    parser.add_argument(
        '--target', type=float, default=0.01, metavar='SHARE', help='refuse less than this share (default %(default)s)'
    )
    parser.add_argument(
        '--recovery',
        type=float,
        metavar='SECONDS',
        help='choose the expiry as well: the longest that frees the slot of a crashed holder within this',
    )
    parser.add_argument(
        '--overrun-share',
        type=float,
        default=0.001,
        metavar='SHARE',
        help='with --recovery: of the granted jobs, so many may outlive their slot (default %(default)s)',
    )
    parser.add_argument('--workers', type=int, metavar='N', help='processes (default: one for each processor)')
    add_store(parser, audit=False)
    add_folder(parser, 'the pictures')
    parser.add_argument('--json', metavar='FILE', help='write the answer; - for standard output')
    parser.set_defaults(do=_do)


def _do(options: argparse.Namespace) -> int:
    out = sys.stderr if options.json == '-' else sys.stdout
    scenario, said = asked_scenario(options)
    check_writable(options)
    if options.workers is not None:
        whole_number('workers', options.workers, 1)
    expiry: Expiry | None = None
    if options.recovery is not None:
        expiry = choose_expiry(
            scenario,
            options.recovery,
            options.overrun_share,
            store=options.store,
            workers=options.workers,
            progress=True,
        )
        scenario = expiry.scenario
    with ExitStack() as stack:
        executor = None
        if options.workers != 1 and scenario.random:
            executor = stack.enter_context(processes(options.workers))
        found = size_pool(scenario, options.target, store=options.store, executor=executor, progress=True)
    written = _pictures(found, expiry, options.out)
    answer: dict[str, Any] = {'seed': scenario.seed, **found.to_json()}
    if expiry is not None:
        answer['expiry'] = expiry.to_json()
    if options.json == '-':
        print(json.dumps(answer, indent=2))
    elif options.json is not None:
        Path(options.json).write_text(json.dumps(answer, indent=2) + '\n', encoding='utf-8')
        written.append(Path(options.json))
    if expiry is not None:
        print(expiry, file=out)
    print(found, file=out)
    told = {name: getattr(options, name) for name in ('target', 'recovery', 'overrun_share')}
    if options.recovery is None:
        told = {'target': options.target}
    print(
        f'  repeat it with: {shlex.join(["pool-sim", "size", *said, *words(told), *run_words(options, scenario)])}',
        file=out,
    )
    for path in written:
        print(f'  wrote {path}', file=out)
    return KEPT


def _pictures(found: Sizing, expiry: Expiry | None, folder: Path) -> list[Path]:
    from matplotlib.figure import Figure

    drawn = [('size.png', found.plot)] + ([] if expiry is None else [('expiry.png', expiry.plot)])
    written = []
    for name, draw in drawn:
        figure = Figure(figsize=(9, 4.5), layout='constrained')
        draw(figure.add_subplot())
        figure.savefig(folder / name, dpi=150)
        written.append(folder / name)
    return written
