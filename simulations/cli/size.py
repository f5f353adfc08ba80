"""``pool-sim size``: find how big the pool must be, and which expiry it needs."""

import argparse
import dataclasses
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from simulations.arguments import whole_number
from simulations.cli.options.option import Option, add_options, option_words
from simulations.cli.options.output import NO_PICTURES, check_writable, folder_option, json_option, write_json
from simulations.cli.options.pool import MAX_SIZE, MAX_WAITING, RENEW_FOR, SLOT_EXP, WAIT, WAIT_WITHIN
from simulations.cli.options.runs import PROCESSES, STORE
from simulations.cli.parser import KEPT, UNDECIDED
from simulations.cli.request import add_scenario, any_scenario, as_recorded, assumed_expiry, run_words
from simulations.results.recorded import percent, recorded_caveats, recorded_json, sizes_words
from simulations.results.words import skipped_words
from simulations.scenarios.scenario import Scenario
from simulations.sizing import Expiry, Sizing, choose_expiry, size_pool
from simulations.sizing.goals import TARGET as DEFAULT_TARGET
from simulations.sizing.goals import Goals
from simulations.sizing.length import MOST_JOBS as MOST_JOBS_BY_DEFAULT
from simulations.sizing.pools import Group, pool_groups, size_for_each
from simulations.sweeps.processes import processes
from simulations.traces import recognise
from simulations.traces.recorded import together
from simulations.units import duration
from simulations.workloads.sizes import Sizes


KEY_FIELD = 'key'
"""The option of a trace that says what a pool is; with it there is one answer for all pools."""


IGNORED_SIZE = dataclasses.replace(MAX_SIZE, help='has no effect here: this command finds the number of slots')
TARGET = Option(
    '--target',
    default=None,
    read=float,
    metavar='SHARE',
    help='find the smallest pool that refuses less than SHARE of the jobs, those whose wait times out included (default'
    f' {DEFAULT_TARGET:g}, or no such condition if --share is given); example: --wait 5 --target 0.01',
)
WITHIN = dataclasses.replace(
    WAIT_WITHIN, help='the time until a slot that --share is about; without --share it is only reported'
)
IN_TIME = Option(
    '--share',
    default=None,
    read=float,
    metavar='SHARE',
    help='find the smallest pool in which at least SHARE of the jobs get a slot within the time of --wait-within; with'
    ' --target, both must hold; example: --wait none --wait-within 1 --share 0.95',
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
    add_scenario(parser, (IGNORED_SIZE, SLOT_EXP, RENEW_FOR, WAIT, MAX_WAITING, WITHIN))
    output = (folder_option('the pictures'), NO_PICTURES, json_option('the answer'))
    add_options(parser, (TARGET, IN_TIME, MOST_JOBS, *EXPIRY, PROCESSES, STORE, *output))
    parser.set_defaults(do=_do)


def request(options: argparse.Namespace) -> tuple[Scenario, list[str]]:
    """Return the scenario that the options describe, and the words that repeat the command."""
    # What a recording says is in its file, and each of its pools may have another expiry.
    recorded = options.scenario is not None and not hasattr(options, SLOT_EXP.name) and _is_recording(options.scenario)
    omit = (MAX_SIZE, SLOT_EXP) if recorded else (MAX_SIZE,)
    # The answer does not depend on a given size, so neither does the scenario.
    sizeless = {name: value for name, value in vars(options).items() if name != MAX_SIZE.name}
    scenario, words = any_scenario(argparse.Namespace(**sizeless), omit)
    given = [goal for goal in (TARGET, IN_TIME) if getattr(options, goal.name) is not None]
    own = (*given, MOST_JOBS) if options.recovery is None else (*given, MOST_JOBS, *EXPIRY)
    return scenario, ['size', *words, *option_words(own, vars(options)), *run_words(options, scenario)]


def _is_recording(name: str) -> bool:
    return Path(name).suffix != '.toml' and Path(name).is_file() and recognise(name) == 'recording'


def _do(options: argparse.Namespace) -> int:
    out = sys.stderr if options.json == '-' else sys.stdout
    scenario, words = request(options)
    sizes = scenario.max_size
    goals = Goals.of(scenario, options.target, options.share)
    check_writable(options)
    if options.processes is not None:
        whole_number('workers', options.processes, 1)
    groups = [] if KEY_FIELD in scenario.trace_options else pool_groups(scenario)
    if len(groups) > 1:
        return _answer_each(options, scenario, goals, groups, words, out)
    expiry, found = _find(options, scenario)
    scenario = found.scenario if expiry is None else expiry.scenario
    written = [] if options.no_pictures else _pictures(found, expiry, options.out)
    answer: dict[str, Any] = {'seed': scenario.seed, **_to_json(found, expiry)}
    each = for_each_pool(found)
    if each is not None:
        answer['max_size_for_each_pool'] = each
    written += write_json(options.json, answer)
    if expiry is not None:
        print(expiry, file=out)
    elif (assumed := assumed_expiry(options, scenario)) is not None:
        print(assumed, file=out)
    if isinstance(sizes, Sizes):
        print(f'assumed: one size at all times, instead of {sizes.words()}', file=out)
    print(found, file=out)
    if each is not None:
        print(
            f'  max_size {each:,} is the smallest with which each of the {found.pools:,} pools does so alone', file=out
        )
    _end(words, written, out)
    return KEPT if found.max_size is not None else UNDECIDED


def _answer_each(
    options: argparse.Namespace,
    scenario: Scenario,
    goals: Goals,
    groups: list[Group],
    words: list[str],
    out: TextIO,
) -> int:
    """Answer for each pool of a recording, because one pool's size says nothing about another's."""
    answers: list[dict[str, Any]] = []
    rows = [('pool', 'max_size', 'recorded', 'attempts', 'got no slot', 'slot_exp')]
    for group in groups:
        facts, size, life = together(group.pools), None, '-'
        about: dict[str, Any] = {'pool': group.label, 'pools': len(group.pools), 'max_size': None}
        if group.scenario is None:
            about['why_not'] = 'no attempt got a slot, so no holding time is known'
            about['recorded'] = recorded_json(group.pools, scenario.seed)
        else:
            expiry, found = _find(options, as_recorded(options, group.scenario))
            about |= _to_json(found, expiry) | {'pools': len(group.pools)}
            each = for_each_pool(found)
            size = found.max_size if each is None else each
            about |= {'max_size': size, 'max_size_together': found.max_size}
            life = 'none' if found.scenario.slot_exp is None else duration(found.scenario.slot_exp)
        answers.append(about)
        many = f' ({len(group.pools):,} pools)' if len(group.pools) > 1 else ''
        rows.append(
            (
                group.label + many,
                'cannot be told' if size is None else f'{size:,}',
                sizes_words(group.pools),
                f'{facts.attempts:,}',
                percent(facts.without_slot, facts.attempts),
                life,
            )
        )
    written: list[Path] = []
    wanted = {'target': goals.target, 'share': goals.share, 'wait_within': goals.within}
    written += write_json(options.json, {'seed': scenario.seed, **wanted, 'pools': answers})
    workload = scenario.workload()
    print(workload.name, file=out)
    print(f'  the smallest max_size with which each pool {goals.words("its")}', file=out)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        line = [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))]
        print(f'  {"  ".join(line)}', file=out)
    for about in answers:
        if about['max_size'] is None:
            print(f'  {about["pool"]}: {about["why_not"]}', file=out)
    waits = any(group.scenario is not None and group.scenario.conditions().waits for group in groups)
    for sentence in recorded_caveats([pool for group in groups for pool in group.pools], scenario.seed, waits=waits):
        print(f'  caveat: {sentence}', file=out)
    if workload.skipped:
        print(f'  records not used: {skipped_words(workload.skipped)}', file=out)
    print('  choose one with --only POOL for its picture and more about its answer', file=out)
    _end(words, written, out)
    return UNDECIDED if any(about['max_size'] is None for about in answers) else KEPT


def for_each_pool(found: Sizing) -> int | None:
    """Return the size with which each of several recorded pools meets the goals alone."""
    if found.max_size is None or found.pools < 2 or not found.recorded or found.scenario.random:
        return None
    return size_for_each(found.scenario, found.goals, found.max_size)


def _to_json(found: Sizing, expiry: Expiry | None) -> dict[str, Any]:
    return found.to_json() if expiry is None else {**found.to_json(), 'expiry': expiry.to_json()}


def _end(words: list[str], written: list[Path], out: TextIO) -> None:
    print(f'  repeat it with: {shlex.join(["pool-sim", *words])}', file=out)
    for path in written:
        print(f'  wrote {path}', file=out)


def _find(options: argparse.Namespace, scenario: Scenario) -> tuple[Expiry | None, Sizing]:
    """Choose the expiry, if asked for, and find the size."""
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
            share=options.share,
            most_jobs=options.most_jobs,
            store=options.store,
            executor=executor,
            progress=True,
        )
    return expiry, found


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
