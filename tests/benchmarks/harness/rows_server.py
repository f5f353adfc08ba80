"""Jobs a second on a real server in virtual time, compared with the round trips that they take."""

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
    """Return the row on an embedded server, the same that the store ``valkey`` starts.

    The run makes one round trip to acquire for each job, and one to release for each job that got a
    slot.  So a refused job counts as half of LIMIT.
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
            seen=f'{made:,} round trips for {jobs:,} jobs; ratio to two for each job {two_each:.2f}',
        )
    ]


def round_trips(jobs: int, refused: int) -> int:
    """Return the round trips of a run: all jobs acquire, and those that got a slot release."""
    return 2 * jobs - refused
