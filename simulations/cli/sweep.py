"""``pool-sim sweep``: run a scenario at many points."""

import argparse
import shlex
import sys
from collections.abc import Sequence

from simulations.cli.options.option import Option, add_options, option_words, reader
from simulations.cli.options.output import (
    NO_PICTURES,
    check_folder,
    check_writable,
    folder_option,
    json_option,
    write_json,
)
from simulations.cli.options.runs import PROCESSES, STORE
from simulations.cli.parser import KEPT
from simulations.cli.request import add_scenario, any_scenario, run_words
from simulations.scenarios.scenario import Scenario
from simulations.sweeps import parse_vary, sweep
from simulations.sweeps.plots import save_pictures
from simulations.sweeps.vary import Value


def _text(axis: tuple[str, tuple[Value, ...]]) -> str:
    name, values = axis
    words = ('none' if value is None else value if isinstance(value, str) else repr(value) for value in values)
    return f'{name}={",".join(words)}'


VARY = Option(
    '--vary',
    repeatable=True,
    required=True,
    read=reader(parse_vary),
    write=_text,
    metavar='NAME=VALUES',
    help='vary max_size, slot_exp, load, crash_probability, wait or max_waiting over FIRST:LAST:STEP or A,B,C; repeat'
    ' to vary several',
)
FRESH = Option('--fresh', switch=True, help='start over instead of continuing an interrupted sweep')


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command to its parser."""
    add_scenario(parser)
    output = (folder_option('the table, the pictures and the finished runs'), NO_PICTURES, json_option('the table'))
    add_options(parser, (VARY, PROCESSES, FRESH, STORE, *output))
    parser.set_defaults(do=_do)


def request(options: argparse.Namespace) -> tuple[Scenario, list[str]]:
    """Return the scenario that the options describe, and the words that repeat the command."""
    scenario, words = any_scenario(options)
    words = ['sweep', *words, *option_words([VARY], vars(options)), *run_words(options, scenario)]
    return scenario, [*words, FRESH.flag]


def varied(axes: Sequence[tuple[str, tuple[Value, ...]]]) -> dict[str, tuple[Value, ...]]:
    """Return the values of each name that the options vary.

    Raises:
        ValueError: a name is given twice.
    """
    names = [name for name, _ in axes]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f'--vary {repeated} is given twice: list all its values in one option')
    return dict(axes)


def _do(options: argparse.Namespace) -> int:
    out = sys.stderr if options.json == '-' else sys.stdout
    scenario, words = request(options)
    vary = varied(options.vary)
    check_writable(options)
    check_folder(options.out)
    journal = options.out / 'sweep.jsonl'
    if options.fresh:
        journal.unlink(missing_ok=True)
    found = sweep(
        scenario,
        vary,
        workers=options.processes,
        journal=journal,
        store=options.store,
        progress=True,
    )
    written = [options.out / 'sweep.csv']
    if not options.no_pictures:
        written += save_pictures(found, options.out)
    found.to_csv(written[0])
    written += write_json(options.json, {'seed': scenario.seed, 'points': found.to_json()})
    print(found, file=out)
    print(f'  repeat it with: {shlex.join(["pool-sim", *words])}', file=out)
    for path in written:
        print(f'  wrote {path}', file=out)
    # The table has everything now, and the next sweep into this folder may be a different one.
    journal.unlink(missing_ok=True)
    return KEPT
