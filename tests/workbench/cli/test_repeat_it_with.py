"""The words of "repeat it with" ask for the same again, whatever options were given."""

import argparse
import functools
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simulations.cli import _parser, compare, explore, live, size, sweep
from simulations.cli.options.option import Option
from simulations.cli.options.runs import CHECKS, STORE
from simulations.exploring import SUBJECTS
from simulations.exploring.moves import KINDS


Texts = st.SearchStrategy[str]
Words = st.SearchStrategy[list[str]]

nothing: Words = st.just([])
counts = st.integers(1, 10**6).map(str)
# As people type them, and with every digit that a float has.
numbers = st.one_of(
    st.sampled_from(['1', '2.50', '1e3', '0.1', '7.0']), st.floats(1e-3, 1e6, allow_nan=False).map(repr)
)
shares = st.one_of(st.sampled_from(['0', '1', '.5']), st.floats(0.01, 1.0).map(repr))
durations = st.one_of(
    st.builds('exp:{}'.format, numbers),
    st.builds('const:{}'.format, numbers),
    st.builds('mix:0.9*exp:{}+0.1*const:{}'.format, numbers, numbers),
)
faults = st.one_of(
    st.builds('pause at={},1e6 lasting={} workers=0'.format, numbers, numbers),
    st.builds('crash every={} workers=one'.format, st.builds('exp:{}'.format, numbers)),
    st.builds('lose replies every=exp:{} lasting=exp:{} share=0.3 workers=all'.format, numbers, numbers),
)

SLOTS: dict[str, Texts] = {'--max-size': counts}
LIFE: dict[str, Texts] = {'--slot-exp': numbers, '--crash': shares}
NETWORK: dict[str, Texts] = {
    # The scenarios that come with the package speak of worker 0 at most.
    '--workers': st.integers(1, 50).map(str),
    '--latency': numbers | durations,
    '--timeout': numbers,
    '--driver-retries': counts,
    '--protocol': st.just('nx'),
}
RETRY: dict[str, Texts] = {
    '--back-off': st.floats(1, 10).map(repr),
    '--longest-pause': numbers,
    '--jitter': shares,
    '--tries': st.integers(2, 100).map(str),
}
SEED: dict[str, Texts] = {'--seed': st.integers(0, 10**12).map(str)}
# Not opened, only named.
STORES: dict[str, Texts] = {'--store': st.sampled_from(['memory', 'valkey', 'redis://localhost:6379/1'])}
COLUMNS: dict[str, Texts] = {
    '--kind': st.just('csv'),
    '--key': st.sampled_from(['tenant', 'a user', '--odd']),
    '--unit': st.sampled_from(['s', 'ms', 'h']),
    '--thin': st.floats(0.5, 1.0).map(repr),
    '--time-scale': numbers,
    '--holding-scale': numbers,
    # Values with which the table below can be read: its instants are numbers from 0 to 49.
    '--instants': st.sampled_from(['s', 'us']),
    '--delimiter': st.just(','),
    '--header': st.just('yes'),
    '--start': st.sampled_from(['-12.5', '1969-12-01T00:00Z']),
    '--until': st.sampled_from(['1e9', '2027-01-01T00:00Z']),
}


def some_of(options: Mapping[str, Texts]) -> Words:
    """Draw any of these options, in any order."""

    def in_order(chosen: dict[str, str]) -> Words:
        return st.permutations([f'{flag}={text}' for flag, text in chosen.items()])

    return st.fixed_dictionaries({}, optional=dict(options)).flatmap(in_order)


def one_of(options: Mapping[str, Texts]) -> Words:
    """Draw one of these options, which exclude each other, or none."""
    return nothing | st.one_of(
        [texts.map(f'{flag}={{}}'.format).map(lambda word: [word]) for flag, texts in options.items()]
    )


def together(*parts: Words) -> Words:
    """Concatenate the words of all parts."""
    return st.tuples(*parts).map(lambda lists: [word for words in lists for word in words])


refusals = st.one_of(
    nothing,
    st.just(['--retry=none']),
    together(durations.map(lambda law: [f'--retry={law}']), some_of(RETRY)),
)
arrivals = one_of(
    {
        '--rate': numbers,
        '--arrivals': st.one_of(
            st.builds('poisson:{}'.format, numbers),
            st.builds('periodic:{}'.format, numbers),
            st.builds('clients:{}:exp:{}'.format, st.integers(1, 1000), numbers),
        ),
    }
)
ends = one_of({'--jobs': counts, '--horizon': numbers})
jobs = together(
    arrivals,
    ends,
    some_of({'--holding': durations, '--keys': st.builds('zipf:{}:{}'.format, st.integers(2, 99), shares)}),
)
# Without an expiry jobs may have to give up, or else they would try for ever, which is refused.
forever = st.sampled_from([['--retry=none'], ['--retry=exp:1', '--tries=3']]).map(
    lambda words: ['--slot-exp=none', *words]
)
# Only slots that expire can be renewed.
renewed = together(
    numbers.map(lambda life: [f'--slot-exp={life}']),
    st.one_of(st.sampled_from(['none', '0']), numbers).map(lambda seconds: [f'--renew-for={seconds}']),
)
users = together(some_of(SLOTS), forever | renewed | together(some_of(LIFE), refusals))
things_that_go_wrong = together(
    some_of(NETWORK), st.lists(faults, max_size=3).map(lambda texts: [f'--fault={text}' for text in texts])
)
replications = {'--replications': st.integers(1, 1000).map(str)}
runs = together(
    some_of(SEED | STORES), one_of(replications | {'--half-width': shares.filter(lambda text: text != '0')})
)
checks = st.lists(st.sampled_from(['--audit', '--twice']), unique=True)
scenarios = st.sampled_from([['long-pause'], ['flaky-network'], ['api-connection-limit'], ['day-of-traffic']])
# With an expiry, because jobs that retry for ever after faults need one.
table = st.sampled_from(
    [['table.csv', '--slot-exp=60', '--arrival=start', f'--{end}'] for end in ('holding=took', 'end=stop')]
)
few_runs = some_of(SEED | STORES | replications)
sizes_to_vary = st.sampled_from([['--vary=max_size=3:9:2'], ['--vary=slot_exp=none,0.1,5', '--vary=load=0.5,1']])
pairs = one_of(
    {'--replications': st.integers(2, 1000).map(str), '--half-width': numbers.filter(lambda n: float(n) > 0)}
)
changes = st.sampled_from(
    [
        ['--vary=slot_exp=5,60'],
        ['--with=max_size=7'],
        ['--with=max-size=7', '--with=slot_exp=5', '--vary=load=1,2', '--figure=wait_mean'],
        ['--with=fault=pause at=3 lasting=1', '--with=latency=exp:0.1', '--with=fault=crash at=4'],
    ]
)
answer = together(some_of({'--target': shares}), nothing | st.just(['--recovery=30', '--overrun-share=0.01']))
pace = together(
    some_of({'--processes': counts, '--seconds': numbers, '--speed': numbers}),
    one_of({'--threads': counts, '--tasks': counts}),
)
made_up = together(nothing | scenarios, jobs, users)
switches = st.sampled_from([[], ['--rebase'], ['--key=tenant', '--key=3']])
recorded = together(table, some_of(COLUMNS), switches, users)

COMMANDS: dict[str, tuple[Words, tuple[Option, ...]]] = {
    'run': (together(made_up, things_that_go_wrong, runs, checks), (STORE, *CHECKS)),
    'replay': (together(recorded, things_that_go_wrong, runs, checks), (STORE, *CHECKS)),
    'live': (together(made_up, pace, some_of(SEED | STORES)), (STORE, *live.PACE)),
    'sweep': (together(made_up | recorded, few_runs, sizes_to_vary), (STORE, sweep.VARY)),
    'compare': (
        together(made_up | recorded, some_of(SEED | STORES), pairs, changes),
        (STORE, compare.WITH, compare.COMPARED_VARY, compare.FIGURE),
    ),
    'size': (together(made_up | recorded, few_runs, answer), (STORE, size.TARGET, *size.EXPIRY)),
}
"""Words that ask for something, and the options of the command that are no part of the scenario."""


@pytest.fixture(scope='module', autouse=True)
def _in_a_folder_with_a_table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp('table')
    rows = [f'{start},2,{start + 2},a,b,c' for start in range(50)]
    (folder / 'table.csv').write_text('\n'.join(['start,took,stop,tenant,a user,--odd', *rows]) + '\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield


parser = functools.cache(_parser)


def parsed(command: str, words: list[str]) -> argparse.Namespace:
    return parser(command).parse_args([command, *words])


def values(namespace: argparse.Namespace, options: tuple[Option, ...]) -> dict[str, Any]:
    """Return the values in the namespace; an option that was not given may be absent."""
    return {option.name: vars(namespace)[option.name] for option in options if option.name in vars(namespace)}


@pytest.mark.parametrize('command', COMMANDS)
@settings(max_examples=60)
@given(data=st.data())
def test_the_words_give_an_equal_scenario_and_the_same_options(command: str, data: st.DataObject) -> None:
    """The repeat line of the repeated request is the same as well."""
    request = import_module(f'simulations.cli.{command}').request
    words_of_options, own = COMMANDS[command]
    options = parsed(command, data.draw(words_of_options))
    # No protocol that has a name here can renew.
    assume(not (hasattr(options, 'renew_for') and hasattr(options, 'protocol')))
    scenario, words = request(options)

    repeated = parsed(command, words[1:])

    assert request(repeated) == (scenario, words)
    assert values(repeated, own) == values(options, own)


scope = some_of(
    {
        **dict.fromkeys(('--clients', '--max-size', '--rounds', '--faults', '--between'), counts),
        '--slot-exp': st.one_of(st.just('none'), counts),
        '--kinds': st.lists(st.sampled_from(KINDS), min_size=1, unique=True).map(','.join),
    }
)
search = st.one_of(
    nothing,
    st.just(['--exhaustive']),
    counts.map(lambda n: [f'--most-states={n}']),
    together(counts.map(lambda n: [f'--schedules={n}']), some_of(SEED)),
)


@settings(max_examples=60)
@given(st.sampled_from(list(SUBJECTS)), together(scope, search, some_of(STORES)))
def test_the_words_of_a_search_give_the_same_search(protocol: str, flags: list[str]) -> None:
    """They repeat its scope, its kinds of faults, its schedules and its store."""
    options = parsed('explore', [protocol, *flags])
    words = explore.request(options)

    repeated = parsed('explore', words[1:])

    assert explore.request(repeated) == words
    own = (*explore.SCOPE, *explore.RANDOM, explore.LIMIT, explore.STORE)
    assert values(repeated, own) == values(options, own)
