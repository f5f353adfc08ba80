"""Options for how a scenario is run: seed, independent runs, store, checks."""

from simulations.cli.options.option import Option
from simulations.stores.store import STORES, without_password


SEED = Option('--seed', 'seed', read=int, help='seed the random numbers')
REPLICATIONS = Option(
    '--replications',
    'replications',
    read=int,
    metavar='N',
    alternative='runs',
    help='make N independent runs',
)
HALF_WIDTH = Option(
    '--half-width',
    'half_width',
    read=float,
    metavar='SHARE',
    alternative='runs',
    help='make independent runs until the share of refused jobs is known to within plus or minus SHARE, such as 0.002',
)
RUNS = (SEED, REPLICATIONS, HALF_WIDTH)

STORE = Option(
    '--store', write=without_password, default='memory', help=f'use this store: {STORES} (default %(default)s)'
)
AUDIT = Option('--audit', switch=True, help="also check the store's count of slots after every event")
TWICE = Option(
    '--twice', switch=True, help='run twice with the same seed, and compare the two histories event by event'
)
PROCESSES = Option(
    '--workers',
    # Not the workers of the scenario.
    dest='processes',
    default=None,
    read=int,
    metavar='N',
    help='spread the runs over N processes (default: one for each processor)',
)
CHECKS = (AUDIT, TWICE)
