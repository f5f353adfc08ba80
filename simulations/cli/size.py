"""``pool-sim size``: find how big the pool must be, and which expiry it needs."""

import argparse
import dataclasses
import json
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from simulations.arguments import whole_number
from simulations.cli.options.option import Option, add_options, option_words
from simulations.cli.options.output import NO_PICTURES, check_writable, folder_option, json_option
from simulations.cli.options.pool import MAX_SIZE, SLOT_EXP
from simulations.cli.options.runs import PROCESSES, STORE
from simulations.cli.parser import KEPT, UNDECIDED
from simulations.cli.request import add_scenario, any_scenario, assumed_expiry, run_words
from simulations.scenarios.scenario import Scenario
from simulations.sizing import Expiry, Sizing, choose_expiry, size_pool
from simulations.sizing.length import MOST_JOBS as MOST_JOBS_BY_DEFAULT
from simulations.sweeps.processes import processes


IGNORED_SIZE = dataclasses.replace(MAX_SIZE, help='has no effect here: this command finds the number of slots')
TARGET = Option(
    '--target',
    default=0.01,
    read=float,
    metavar='SHARE',
    help='find the smallest pool that refuses less than SHARE of the jobs (default %(default)s)',
)
MOST_JOBS = Option(
    '--most-jobs',
    default=MOST_JOBS_BY_DEFAULT,
    read=int,
    metavar='N',
    help='make the runs of a short scenario longer, up to N jobs at one size (default %(default)s)',
)
EXPIRY = (
    Option(
        '--recovery',
        default=None,
        read=float,
        metavar='SECONDS',
        help="also choose slot_exp: the longest expiry that frees a crashed holder's slot within SECONDS",
    ),
    Option(
        '--overrun-share',
        default=0.001,
        read=float,
        metavar='SHARE',
        help='with --recovery, let at most SHARE of the granted jobs outlive their slot (default %(default)s)',
    ),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command to its parser."""
    add_scenario(parser, (IGNORED_SIZE, SLOT_EXP))
    output = (folder_option('the pictures'), NO_PICTURES, json_option('the answer'))
    add_options(parser, (TARGET, MOST_JOBS, *EXPIRY, PROCESSES, STORE, *output))
    parser.set_defaults(do=_do)


def request(options: argparse.Namespace) -> tuple[Scenario, list[str]]:
    """Return the scenario that the options describe, and the words that repeat the command."""
    scenario, words = any_scenario(options)
    own = (TARGET, MOST_JOBS) if options.recovery is None else (TARGET, MOST_JOBS, *EXPIRY)
    return scenario, ['size', *words, *option_words(own, vars(options)), *run_words(options, scenario)]


def _do(options: argparse.Namespace) -> int:
    out = sys.stderr if options.json == '-' else sys.stdout
    scenario, words = request(options)
    check_writable(options)
    if options.processes is not None:
        whole_number('workers', options.processes, 1)
    expiry: Expiry | None = None
    if options.recovery is not None:
        expiry = choose_expiry(
            scenario,
            options.recovery,
            options.overrun_share,
            store=options.store,
            workers=options.processes,
            progress=True,
        )
        scenario = expiry.scenario
    with ExitStack() as stack:
        executor = None
        if options.processes != 1 and scenario.random:
            executor = stack.enter_context(processes(options.processes))
        found = size_pool(
            scenario,
            options.target,
            most_jobs=options.most_jobs,
            store=options.store,
            executor=executor,
            progress=True,
        )
    written = [] if options.no_pictures else _pictures(found, expiry, options.out)
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
    elif (assumed := assumed_expiry(options, scenario)) is not None:
        print(assumed, file=out)
    print(found, file=out)
    print(f'  repeat it with: {shlex.join(["pool-sim", *words])}', file=out)
    for path in written:
        print(f'  wrote {path}', file=out)
    return KEPT if found.max_size is not None else UNDECIDED


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
