"""Search for any length of time: ``python -m tests.state_machine --seconds 600``.

With ``--mutations`` it breaks the library in each known way instead, and reports after how many
examples the machine finds the bug.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from simulations.stores.embedded import embedded_server
from tests.state_machine.mutations import MUTATIONS, examples_until_found
from tests.state_machine.sides import DRIVERS
from tests.state_machine.soak import soak, table
from tests.state_machine.stores import BACKENDS


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog='python -m tests.state_machine', description=__doc__)
    parser.add_argument('--seconds', type=float, default=60, help='seconds to search (default: 60)')
    parser.add_argument('--batches', type=int, help='number of batches to run, instead of --seconds')
    parser.add_argument(
        '--backend', choices=BACKENDS, action='append', help='a store to search; may be repeated (default: all)'
    )
    parser.add_argument(
        '--driver',
        choices=DRIVERS,
        action='append',
        help='sync for threads, async for tasks; may be repeated (default: both)',
    )
    parser.add_argument('--seed', type=int, help='seed of the first batch (default: random)')
    parser.add_argument('--mutations', action='store_true', help='plant each known bug and search for it')
    options = parser.parse_args(argv)
    if options.mutations:
        with _server(BACKENDS) as socket:
            return _find_mutations(socket, options.seed)
    backends = tuple(options.backend or BACKENDS)
    first_seed = random.randrange(10**9) if options.seed is None else options.seed
    end = time.monotonic() + options.seconds

    def continues(batches: int) -> bool:
        return time.monotonic() < end if options.batches is None else bool(batches < options.batches)

    print(f'seeds from {first_seed} on', flush=True)
    pairs = [(backend, driver) for backend in backends for driver in options.driver or DRIVERS]
    with _server(backends) as socket:
        print(table(soak(pairs, socket, first_seed, continues, lambda text: print(text, flush=True))))
    return 0


@contextmanager
def _server(backends: tuple[str, ...]) -> Iterator[str]:
    server: Any = embedded_server() if 'valkey' in backends else nullcontext('')
    with server as socket:
        yield str(socket)


def _find_mutations(socket: str, seed: int | None) -> int:
    missed = 0
    for mutation in MUTATIONS:
        found = examples_until_found(mutation, socket, examples=1000, number=seed)
        missed += found is None
        after = 'NOT FOUND' if found is None else f'{found:6}   '
        print(f'{after}  {mutation.backend:9}  {mutation.driver:5}  {mutation.name}', flush=True)
    return int(missed > 0)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
