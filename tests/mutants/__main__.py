"""Print, as Markdown, how the explorer catches each changed decision of the shipped protocols."""

import argparse
import sys
import time

from tqdm.auto import tqdm

from simulations.units import count
from tests.mutants.elsewhere import fails
from tests.mutants.measure import MOST_SCHEDULES, measure
from tests.mutants.table import BEYOND, MUTANTS, Mutant


def main() -> None:
    """Search for each mutant, and run the tests of those that no schedule can show."""
    parser = argparse.ArgumentParser(prog='python -m tests.mutants', description=__doc__)
    parser.add_argument('--seed', type=int, default=0, help='seed of the first random search (default: %(default)s)')
    parser.add_argument(
        '--seeds', type=int, default=10, help='number of random searches for each mutant (default: %(default)s)'
    )
    options = parser.parse_args()
    began = time.perf_counter()
    print('| pool | change | in | caught because | shortest schedule | schedules (states) searched | at random after |')
    print('|---|---|---|---|---|---|---|')
    for mutant in tqdm(MUTANTS, unit=' mutants', file=sys.stderr):
        found = measure(mutant, options.seed, options.seeds)
        missed = f', not within {MOST_SCHEDULES:,} for {found.missed} seeds' if found.missed else ''
        moves = '1 move' if found.moves == 1 else f'{found.moves} moves'
        place = mutant.file.rpartition('/')[2]
        print(
            f'| `{mutant.subject}` | {mutant.title}{_smaller(mutant)} | `{place}` | {mutant.reason} | {moves} '
            f'| {found.schedules:,} ({found.states:,}) | {found.random:g}{missed} |'
        )
    print('\n| pool | change | in | why no schedule shows it | the test that fails |')
    print('|---|---|---|---|---|')
    for beyond in tqdm(BEYOND, unit=' tests', file=sys.stderr):
        if not fails(beyond):
            raise RuntimeError(f'{beyond.title}: {beyond.test} does not fail')
        place = beyond.file.rpartition('/')[2]
        print(f'| `{beyond.subject}` | {beyond.title} | `{place}` | {beyond.why} | `{beyond.test}` |')
    print(
        f'\n{len(MUTANTS)} caught by the explorer, {len(BEYOND)} by a test; {options.seeds} seeds from {options.seed}, '
        f'{time.perf_counter() - began:.0f} s.'
    )


def _smaller(mutant: Mutant) -> str:
    if mutant.scope is None:
        return ''
    clients, slots = mutant.scope.clients, mutant.scope.max_size
    return f' ({count(clients, "client", "clients")}, {count(slots, "slot", "slots")})'


if __name__ == '__main__':
    main()
