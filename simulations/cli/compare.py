"""``pool-sim compare``: two designs on the same jobs."""

import argparse
import dataclasses
import math
import shlex
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

from simulations.arguments import nearest
from simulations.cli.options.faults import FAULT, NETWORK, PROTOCOL
from simulations.cli.options.jobs import JOBS
from simulations.cli.options.option import Option, add_options, option_words, reader
from simulations.cli.options.output import NO_PICTURES, check_writable, folder_option, json_option, write_json
from simulations.cli.options.pool import POOL
from simulations.cli.options.runs import HALF_WIDTH, PROCESSES, REPLICATIONS, SEED, STORE
from simulations.cli.options.trace import TRACE_ONLY
from simulations.cli.parser import KEPT
from simulations.cli.request import USERS, add_scenario, any_scenario, assumed_expiry, run_words
from simulations.cli.sweep import VARY, varied
from simulations.comparing import compare
from simulations.comparing.figures import FIGURES
from simulations.comparing.plots import save_picture
from simulations.scenarios.scenario import Scenario


class Change(NamedTuple):
    """An option that only B has: the text that the user typed, the option, and its value."""

    text: str
    option: Option
    value: Any


# `--workers` is the number of processes that make the runs, as in the other commands of many runs.
_FAULTS = (*(option for option in NETWORK if option.name != 'workers'), FAULT, PROTOCOL)
_CHANGEABLE = {
    option.name: option
    for option in (*JOBS, *TRACE_ONLY, *POOL, *USERS, *NETWORK, FAULT, PROTOCOL)
    if not option.switch
}
_CHANGEABLE |= {option.field: option for option in _CHANGEABLE.values() if '.' not in option.field}


def parse_change(text: str) -> Change:
    """Return the change that ``NAME=VALUE`` means: the option ``--NAME VALUE`` for B alone.

    Raises:
        ValueError: the text has another form, there is no such option, or it has no such value.

    Example::

        parse_change('slot_exp=5')
    """
    name, equals, value = text.partition('=')
    name = name.strip().removeprefix('--').replace('-', '_')
    if not equals or not value:
        raise ValueError(f'{text!r}: write NAME=VALUE, such as slot_exp=5')
    if name not in _CHANGEABLE:
        raise ValueError(
            f'{text!r}: there is no option --{name.replace("_", "-")} that describes a scenario: did you mean'
            f' {nearest(name, _CHANGEABLE)}?'
        )
    option = _CHANGEABLE[name]
    try:
        read = option.read(value)
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise ValueError(f'{text!r}: {error}') from None
    if option.choices is not None and read not in option.choices:
        raise ValueError(f'{text!r}: choose from {", ".join(option.choices)}')
    return Change(text, option, read)


WITH = Option(
    '--with',
    dest='changes',
    repeatable=True,
    read=reader(parse_change),
    write=lambda change: str(change.text),
    metavar='NAME=VALUE',
    help='give B alone the option --NAME VALUE, such as slot_exp=5, max_size=20 or retry=none; repeatable;'
    ' without a second scenario, B is otherwise the same as A',
)
COMPARED_VARY = dataclasses.replace(
    VARY,
    required=False,
    help='vary max_size, slot_exp, load, crash_probability, wait or max_waiting over FIRST:LAST:STEP or A,B,C: with one'
    ' scenario, A has the first values and B each of the others; with two, compare them at each of the values',
)
PAIRS = dataclasses.replace(REPLICATIONS, help='make N pairs of runs, at least 2 (default 10)')
UNTIL = dataclasses.replace(
    HALF_WIDTH,
    metavar='WIDTH',
    help='make pairs until the difference in --figure is known to within plus or minus WIDTH, such as 0.002',
)
FIGURE = Option(
    '--figure',
    choices=FIGURES,
    default=None,
    metavar='NAME',
    help='the figure of --half-width, and of the curve that --vary draws: such as refusal_share, wait_mean or'
    ' overrun_mean (default: the most telling one that is not 0)',
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command to its parser."""
    parser.description = (
        'Run two designs on the same random numbers, and show how the figures of B differ from those of A. Options'
        ' apply to both, those of --with to B alone. Name two scenarios, or one and what differs: with --with, or'
        ' with --vary.'
    )
    parser.epilog = (
        'Examples: `pool-sim compare api-connection-limit --with max_size=30`;'
        ' `pool-sim compare crash-loop --vary slot_exp=5,60`;'
        ' `pool-sim compare --rate 8 --max-size 10 --with keys=zipf:2:0 --with max_size=5`, one pool of 10 slots'
        ' against two of 5; `pool-sim compare mine.toml other.toml --vary load=0.5:1.5:0.25`'
    )
    add_scenario(parser, runs=(SEED, PAIRS, UNTIL))
    parser.add_argument(
        'other',
        nargs='?',
        metavar='SCENARIO_B',
        help='the second design, named as the first (default: the first, with what --with or --vary changes)',
    )
    output = (folder_option('the picture'), NO_PICTURES, json_option('the differences'))
    add_options(parser, (WITH, COMPARED_VARY, FIGURE, *_FAULTS, PROCESSES, STORE, *output))
    parser.set_defaults(do=_do)


def request(options: argparse.Namespace) -> tuple[tuple[Scenario, Scenario | None], list[str]]:
    """Return the designs that the options describe, and the words that repeat the command.

    The second is ``None`` if the first is compared with itself at other values.
    """
    changes = getattr(options, WITH.name, [])
    # Only what was typed: what a trace says of one design must not become an option of both.
    stated = POOL if options.scenario is not None else ()
    first, words = any_scenario(options, stated)
    words += option_words(stated, vars(options))
    second = None
    if options.other is not None:
        words.insert(1, options.other)
    if options.other is not None or changes:
        second, _ = any_scenario(_namespace_of_second(options, changes))
    own = option_words((WITH, COMPARED_VARY, FIGURE), {k: v for k, v in vars(options).items() if v is not None})
    return (first, second), ['compare', *words, *own, *run_words(options, first)]


def _namespace_of_second(options: argparse.Namespace, changes: Iterable[Change]) -> argparse.Namespace:
    """Return the options of B: those of A, and the changes in place of what they exclude."""
    given = dict(vars(options), scenario=options.scenario if options.other is None else options.other)
    changed: dict[str, Any] = {}
    for _, option, value in changes:
        for each in _CHANGEABLE.values():
            if each.field == option.field or each.field in option.resets:
                given.pop(each.name, None)
        if option.repeatable:
            changed.setdefault(option.name, []).append(value)
        else:
            changed[option.name] = value
    return argparse.Namespace(**given | changed)


def _do(options: argparse.Namespace) -> int:
    out = sys.stderr if options.json == '-' else sys.stdout
    (first, second), words = request(options)
    vary = varied(getattr(options, COMPARED_VARY.name, None) or [])
    if second is None and math.prod(map(len, vary.values())) < 2:
        raise ValueError(
            'there is nothing to compare: name a second scenario, or say what differs in B with --with slot_exp=5, or'
            ' with --vary slot_exp=5,60'
        )
    check_writable(options)
    found = compare(
        first,
        second,
        vary=vary or None,
        replications=getattr(options, PAIRS.name, None),
        figure=options.figure,
        workers=options.processes,
        store=options.store,
        progress=True,
    )
    written = [] if options.no_pictures else save_picture(found, options.out / 'compare.png')
    written += write_json(options.json, found.to_json())
    print(found, file=out)
    if (assumed := assumed_expiry(options, first)) is not None and first.trace is not None:
        print(f'  {assumed}', file=out)
    print(f'  repeat it with: {shlex.join(["pool-sim", *words])}', file=out)
    for path in written:
        print(f'  wrote {path}', file=out)
    return KEPT
