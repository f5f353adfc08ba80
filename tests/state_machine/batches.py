"""Let many tasks share batches: ``python -m tests.state_machine.batches --operations 1000000``.

Histories of some thousand operations run on a server of their own, in virtual time.  With
``--mutations`` it breaks the batches in each known way instead, and reports after how many
histories the machine finds the bug.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable

from tqdm.auto import tqdm

from simulations.stores.embedded import embedded_server
from tests.state_machine.shared.crowd import Done, run_history
from tests.state_machine.shared.mutations import MUTATIONS, histories_until_found


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog='python -m tests.state_machine.batches', description=__doc__)
    parser.add_argument(
        '--operations',
        type=int,
        default=100_000,
        help='run whole histories until there were so many operations (default: %(default)s)',
    )
    parser.add_argument('--seed', type=int, help='seed of the first history (default: random)')
    parser.add_argument('--mutations', action='store_true', help='plant each known bug and search for it')
    options = parser.parse_args(argv)
    first = random.randrange(10**9) if options.seed is None else options.seed
    with embedded_server() as socket:
        if options.mutations:
            return _find_mutations(str(socket), first)
        began = time.monotonic()
        print(f'seeds from {first} on', flush=True)
        done = Done()
        with tqdm(total=options.operations, unit=' operations', file=sys.stderr) as bar:
            run_histories(str(socket), first, options.operations, done, bar.update)
        print(f'{table(done)}\n\n{time.monotonic() - began:.0f} s')
    return 0


def run_histories(socket: str, first: int, operations: int, done: Done, note: Callable[[], object]) -> None:
    """Run histories until there were so many operations; say how to repeat one that fails."""
    while done.operations < operations:
        seed = first + done.histories
        try:
            run_history(socket, str(seed), done, note)
        except Exception:
            print(
                f'seed {seed} fails; to repeat: python -m tests.state_machine.batches --seed {seed} --operations 1\n'
                'The tasks draw the same numbers again, but the server may carry out what travels on several'
                ' connections in another order, so repeat it several times.',
                flush=True,
            )
            raise


def table(done: Done) -> str:
    """Return what was done, as a table."""
    travelled = done.travelled
    rows = {
        'histories': done.histories,
        'operations': done.operations,
        'requests': done.requests,
        'batches': travelled.batches,
        'requests in batches': travelled.together,
        'requests in the largest batch': travelled.largest,
        'batches under way, at most': travelled.under_way,
        'connections, with those of flushes': done.connections,
        'batches without a connection': travelled.without_connection,
        **dict(sorted(done.events.items())),
    }
    return '\n'.join(f'{name:35}  {number:11,}' for name, number in rows.items())


def _find_mutations(socket: str, seed: int) -> int:
    missed = 0
    for mutation in MUTATIONS:
        found = histories_until_found(mutation, socket, histories=100, number=seed)
        missed += found is None
        after = 'NOT FOUND' if found is None else f'{found:6}   '
        print(f'{after}  {mutation.name}', flush=True)
    return int(missed > 0)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
