"""``pool-sim theory``: Erlang's formulas, without a run."""

import argparse
import json
from pathlib import Path

from simulations.cli.options import max_size, reads
from simulations.cli.parser import KEPT
from simulations.theory.report import theory_figures, theory_text


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command to its parser."""
    parser.add_argument('--max-size', type=reads(max_size), required=True, help='slots of the pool')
    parser.add_argument('--load', type=float, required=True, help='offered load in erlangs')
    parser.add_argument('--target', type=float, help='also tell the smallest pool that refuses at most this share')
    parser.add_argument('--json', metavar='FILE', help='write the figures; - for standard output')
    parser.set_defaults(do=_do)


def _do(options: argparse.Namespace) -> int:
    figures = theory_figures(options.max_size, options.load, options.target)
    if options.json == '-':
        print(json.dumps(figures, indent=2))
        return KEPT
    print(theory_text(figures))
    if options.json is not None:
        Path(options.json).write_text(json.dumps(figures, indent=2) + '\n', encoding='utf-8')
        print(f'  wrote {options.json}')
    return KEPT
