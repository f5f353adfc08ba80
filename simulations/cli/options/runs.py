"""Options of how a scenario is run: seed, independent runs, store, checks."""

from simulations.cli.options.option import Option
from simulations.stores.store import STORES, without_password


SEED = Option('--seed', 'seed', read=int, help='of all that is random')
REPLICATIONS = Option(
    '--replications',
    'replications',
    read=int,
    metavar='N',
    alternative='runs',
    help='so many independent runs',
)
HALF_WIDTH = Option(
    '--half-width',
    'half_width',
    read=float,
    metavar='SHARE',
    alternative='runs',
    help='make independent runs until the share of refused jobs is known to within this, such as 0.002',
)
RUNS = (SEED, REPLICATIONS, HALF_WIDTH)

STORE = Option('--store', write=without_password, default='memory', help=f'{STORES} (default %(default)s)')
AUDIT = Option('--audit', switch=True, help='ask the store for its size after every event as well')
TWICE = Option('--twice', switch=True, help='do it a second time with the same seed, and compare event by event')
PROCESSES = Option(
    '--workers',
    # Not those of the scenario.
    dest='processes',
    default=None,
    read=int,
    metavar='N',
    help='processes (default: one for each processor)',
)
CHECKS = (AUDIT, TWICE)
