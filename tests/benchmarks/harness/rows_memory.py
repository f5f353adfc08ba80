"""Jobs a second in memory, compared with a bare SimPy model and with ``ciw``."""

from tests.benchmarks.bench import Bench
from tests.benchmarks.harness.bare import Bare
from tests.benchmarks.harness.load import Amounts
from tests.benchmarks.harness.replayed import BrokenPromiseError, Replayed
from tests.benchmarks.others.environments import CIW
from tests.benchmarks.rounds import Chunk, ratios
from tests.benchmarks.table import NotMeasured, Row, jobs_a_second


BARE_TARGET, CIW_TARGET = 0.6, 1.0
BARE_ROW, CIW_ROW = 'replay in memory, bare SimPy', 'replay in memory, ciw'


def memory_rows(bench: Bench, amounts: Amounts) -> list[Row | NotMeasured]:
    """Return the rows in memory, which are measured in the same rounds."""
    ours, audited, bare = Replayed(), Replayed(audit=True), Bare()
    chunks: dict[str, Chunk] = {'bare': bare.chunk, 'ours': ours.chunk, 'audited': audited.chunk}
    others = bench.other_chunks('loss')
    chunks |= others.ready
    try:
        times = bench.times(chunks, amounts.memory_jobs)
    except BrokenPromiseError as error:
        return [
            NotMeasured(BARE_ROW, 'bare SimPy', '', broken=(str(error),)),
            NotMeasured(CIW_ROW, CIW.title, '', broken=(str(error),)),
        ]
    # Both draw the same jobs, so they must agree on every one.
    differ = (
        f'{ours.refused:,} refused, but bare SimPy refused {bare.refused:,}' if ours.refused != bare.refused else ''
    )
    rows: list[Row | NotMeasured] = [
        Row(
            BARE_ROW,
            ratios(times['bare'], times['ours']),
            'bare SimPy',
            jobs_a_second(times['ours'], times['bare']),
            bound=BARE_TARGET,
            at_least=True,
            seen=f'with audit=True {ratios(times["bare"], times["audited"]).median:.2f}',
            broken=(differ,) if differ else (),
        )
    ]
    if CIW.title not in others.ready:
        return [*rows, NotMeasured(CIW_ROW, CIW.title, 'needs --others')]
    refused = bench.other_chunks('loss refused').ready[CIW.title](1)
    shares = ' and '.join(f'{number / amounts.memory_jobs:.2%}' for number in (ours.refused, refused))
    return [
        *rows,
        Row(
            CIW_ROW,
            ratios(times[CIW.title], times['ours']),
            CIW.title,
            jobs_a_second(times['ours'], times[CIW.title]),
            bound=CIW_TARGET,
            at_least=True,
            seen=f'refused {shares}',
        ),
    ]
