"""``pool-sim sweep``: a scenario at many points."""

import argparse
import json
import shlex
import sys
from pathlib import Path

from simulations.cli.options import add_folder, add_store, check_writable, reads
from simulations.cli.parser import KEPT
from simulations.cli.requested import add_asked, asked_scenario, run_words
from simulations.sweeps import parse_vary, sweep
from simulations.sweeps.plots import save_pictures


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command to its parser."""
    add_asked(parser)
    parser.add_argument(
        '--vary',
        action='append',
        required=True,
        type=reads(parse_vary),
        metavar='NAME=VALUES',
        help='max_size, slot_exp, load or crash_probability, as FIRST:LAST:STEP or A,B,C; once for each',
    )
    parser.add_argument('--workers', type=int, metavar='N', help='processes (default: one for each processor)')
    parser.add_argument('--fresh', action='store_true', help='begin anew where the same sweep was interrupted before')
    add_store(parser, audit=False)
    add_folder(parser, 'table, pictures and finished runs')
    parser.add_argument('--json', metavar='FILE', help='write the table; - for standard output')
    parser.set_defaults(do=_do)


def _do(options: argparse.Namespace) -> int:
    out = sys.stderr if options.json == '-' else sys.stdout
    scenario, said = asked_scenario(options)
    names = [name for name, _ in options.vary]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f'--vary {twice} is given twice: list all its values in one')
    check_writable(options)
    journal = options.out / 'sweep.jsonl'
    if options.fresh:
        journal.unlink(missing_ok=True)
    found = sweep(
        scenario,
        dict(options.vary),
        workers=options.workers,
        journal=journal,
        store=options.store,
        progress=True,
    )
    written = [options.out / 'sweep.csv', *save_pictures(found, options.out)]
    found.to_csv(written[0])
    table = json.dumps({'seed': scenario.seed, 'points': found.rows()}, indent=2)
    if options.json == '-':
        print(table)
    elif options.json is not None:
        Path(options.json).write_text(table + '\n', encoding='utf-8')
        written.append(Path(options.json))
    print(found, file=out)
    varied = [word for name, values in options.vary for word in ('--vary', f'{name}={_listed(values)}')]
    words = ['sweep', *said, *varied, *run_words(options, scenario)]
    print(f'  repeat it with: {shlex.join(["pool-sim", *words, "--fresh"])}', file=out)
    for path in written:
        print(f'  wrote {path}', file=out)
    # Everything is in the table now; the next sweep into this folder may be another one.
    journal.unlink(missing_ok=True)
    return KEPT


def _listed(values: tuple[float | int | None, ...]) -> str:
    return ','.join('none' if value is None else repr(value) for value in values)
