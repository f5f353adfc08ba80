"""Jobs a second with a queue in memory, compared with bare SimPy, with ``ciw``, and without."""

from tests.benchmarks.bench import Bench
from tests.benchmarks.harness.bare import Bare
from tests.benchmarks.harness.load import BUSY_RATE, Amounts
from tests.benchmarks.harness.replayed import BrokenPromiseError, ReplayedQueue
from tests.benchmarks.others.environments import CIW
from tests.benchmarks.rounds import Chunk, ratios
from tests.benchmarks.table import NotMeasured, Row, jobs_a_second


BARE_TARGET, CIW_TARGET, COST_TARGET = 0.8, 1.5, 2.0
BARE_ROW, CIW_ROW, COST_ROW = 'a queue in memory, bare SimPy', 'a queue in memory, ciw', 'a job that waits'
SAME = 1e-9
"""Two sums of waiting times are the same if they differ by no more than this share."""


def queue_rows(bench: Bench, amounts: Amounts) -> list[Row | NotMeasured]:
    """Return the rows with a queue, which are measured in the same rounds."""
    ours, bare = ReplayedQueue(), Bare(waits=True)
    busy, roomy = ReplayedQueue(rate=BUSY_RATE), ReplayedQueue(rate=BUSY_RATE, spare=True)
    chunks: dict[str, Chunk] = {'bare': bare.chunk, 'ours': ours.chunk, 'busy': busy.chunk, 'roomy': roomy.chunk}
    others = bench.other_chunks('queue')
    chunks |= others.ready
    try:
        times = bench.times(chunks, amounts.memory_jobs)
    except BrokenPromiseError as error:
        broken = (str(error),)
        return [
            NotMeasured(BARE_ROW, 'bare SimPy', '', broken=broken),
            NotMeasured(CIW_ROW, CIW.title, '', broken=broken),
            NotMeasured(COST_ROW, 'one that does not', '', broken=broken),
        ]
    # Both draw the same jobs and serve them in order, so all waiting times must agree.
    agree = abs(ours.waited - bare.waited) <= SAME * max(1.0, bare.waited)
    differ = '' if agree else f'jobs waited {ours.waited!r} s in total, but {bare.waited!r} s in bare SimPy'
    rows: list[Row | NotMeasured] = [
        Row(
            BARE_ROW,
            ratios(times['bare'], times['ours']),
            'bare SimPy',
            jobs_a_second(times['ours'], times['bare']),
            bound=BARE_TARGET,
            at_least=True,
            seen=f'{ours.share:.0%} of the jobs wait',
            broken=(differ,) if differ else (),
        )
    ]
    if CIW.title in others.ready:
        rows.append(
            Row(
                CIW_ROW,
                ratios(times[CIW.title], times['ours']),
                CIW.title,
                jobs_a_second(times['ours'], times[CIW.title]),
                bound=CIW_TARGET,
                at_least=True,
                seen=f'{ours.share:.0%} of the jobs wait',
            )
        )
    else:
        rows.append(NotMeasured(CIW_ROW, CIW.title, 'needs --others'))
    return [
        *rows,
        Row(
            COST_ROW,
            ratios(times['busy'], times['roomy']),
            'one that does not',
            jobs_a_second(times['busy'], times['roomy']),
            bound=COST_TARGET,
            seen=f'{busy.share:.0%} of the jobs wait',
        ),
    ]
