"""The growth of time and memory with the number of jobs, each run in a fresh process."""

import json
import subprocess
import sys
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

from tests.benchmarks.bench import Bench
from tests.benchmarks.harness.load import Amounts
from tests.benchmarks.harness.replayed import BrokenPromiseError
from tests.benchmarks.rounds import ratios, turns
from tests.benchmarks.table import Absolute, NotMeasured, Row, microseconds
from tests.support.paths import ROOT


LINEAR, FLAT = 1.2, 1.1
"""The bounds of the ratios: time per job in the longest and shortest run, peak to expected."""
ROWS = {
    (what, history): f'{what}, history {"kept" if history else "not kept"}'
    for history in (True, False)
    for what in ('time of a job', 'peak memory')
}
MEGABYTE = 1e6


class Run(NamedTuple):
    """The runs of one length, round by round.

    Attributes:
        jobs: how many jobs each had.
        history: whether the history was kept.
        seconds: how long each took.
        peaks: the peak memory of the whole process in bytes, interpreter and imports included.
    """

    jobs: int
    history: bool
    seconds: list[float]
    peaks: list[float]

    def as_json(self) -> dict[str, Any]:
        """Return the medians, in seconds and bytes."""
        medians = {'seconds': median(self.seconds), 'peak_bytes': median(self.peaks)}
        return {'jobs': self.jobs, 'history': self.history, **medians}


def growth(bench: Bench, amounts: Amounts) -> tuple[list[Row | NotMeasured], list[Run]]:
    """Return the rows and the curve behind them, first the runs that keep their history."""
    runs = {
        f'{jobs} {history}': Run(jobs, history, [], []) for history in (True, False) for jobs in amounts.growth_jobs
    }
    try:
        for name in turns(list(runs), amounts.growth_rounds, bench.tick):
            seconds, peak = _measured(runs[name].jobs, runs[name].history)
            runs[name].seconds.append(seconds)
            runs[name].peaks.append(peak)
    except BrokenPromiseError as error:
        return [NotMeasured(row, 'fewer jobs', '', broken=(str(error),)) for row in ROWS.values()], []
    curve = list(runs.values())
    return [row for history in (True, False) for row in _rows([run for run in curve if run.history is history])], curve


def straight_line(runs: Sequence[Run]) -> list[float]:
    """Return the peaks expected for the last length, round by round.

    They lie on a straight line through the peaks of the first length and the last but one.
    """
    first, near, last = runs[0], runs[-2], runs[-1]
    further = (last.jobs - first.jobs) / (near.jobs - first.jobs)
    return [low + (high - low) * further for low, high in zip(first.peaks, near.peaks, strict=True)]


def _rows(runs: Sequence[Run]) -> list[Row]:
    first, near, last = runs[0], runs[-2], runs[-1]
    history = last.history
    each, each_first = ([seconds / run.jobs for seconds in run.seconds] for run in (last, first))
    expected = straight_line(runs) if history else first.peaks
    peaks = Absolute(median(last.peaks) / MEGABYTE, median(expected) / MEGABYTE, 'MB')
    added = (median(last.peaks) - median(first.peaks)) / (last.jobs - first.jobs)
    return [
        Row(
            ROWS['time of a job', history],
            ratios(each, each_first),
            f'{first.jobs:,} jobs',
            microseconds(each, each_first),
            bound=LINEAR,
            seen=f'{last.jobs:,} jobs in {median(last.seconds):.3g} s',
        ),
        Row(
            ROWS['peak memory', history],
            ratios(last.peaks, expected),
            f'straight line through {first.jobs:,} and {near.jobs:,} jobs' if history else f'{first.jobs:,} jobs',
            peaks,
            bound=FLAT,
            seen=f'{added:.0f} bytes a job',
        ),
    ]


def _measured(jobs: int, history: bool) -> tuple[float, float]:
    command = [sys.executable, '-m', f'{__package__}.one_run', str(jobs), 'kept' if history else 'dropped']
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    answer = json.loads(done.stdout)
    if 'broken' in answer:
        raise BrokenPromiseError(answer['broken'])
    return answer['seconds'], answer['peak']
