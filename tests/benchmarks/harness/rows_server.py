"""Jobs a second on a real server in virtual time, against the round trips that they take."""

from simulations import open_store
from tests.benchmarks.bench import Bench
from tests.benchmarks.harness.load import Amounts
from tests.benchmarks.harness.replayed import BrokenPromiseError, Replayed
from tests.benchmarks.loops import limit_loop
from tests.benchmarks.rounds import ratios
from tests.benchmarks.table import NotMeasured, Row, jobs_a_second


TARGET = 0.7
ROW = 'replay on a server'


def server_rows(bench: Bench, amounts: Amounts) -> list[Row | NotMeasured]:
    """On an embedded server, the one that the store ``valkey`` starts too.

    The round trips are those that the run makes: one to acquire for each job, and one to release for each that got a
    slot.  So a refused job is half of LIMIT.
    """
    jobs = amounts.server_jobs
    with bench.client() as client, open_store(f'unix://{bench.socket}') as store:
        ours = Replayed(store)
        try:
            with bench.store_cores():
                times = bench.times({'LIMIT': limit_loop(client), 'ours': ours.chunk}, jobs)
        except BrokenPromiseError as error:
            return [NotMeasured(ROW, 'its round trips', '', broken=(str(error),))]
    made = round_trips(jobs, ours.refused)
    limit = [two * made / (2 * jobs) for two in times['LIMIT']]
    two_each = ratios(times['LIMIT'], times['ours']).median
    return [
        Row(
            ROW,
            ratios(limit, times['ours']),
            'its round trips',
            jobs_a_second(times['ours'], limit),
            bound=TARGET,
            at_least=True,
            seen=f'{made:,} round trips of {jobs:,} jobs; against two for each job {two_each:.2f}',
        )
    ]


def round_trips(jobs: int, refused: int) -> int:
    """How many the jobs of a run make: all acquire, and those release that got a slot."""
    return 2 * jobs - refused
