"""Size pools whose right size is known, from short workloads: ``python -m tests.coverage.sizes``.

With ``--waits`` these are the cases of :mod:`tests.coverage.waits`, about waiting times. The cases
were named before any of them was run. The answer must never be too small without saying so, and
most must be within one slot or a tenth of the truth. The exit status is 1 otherwise.
"""

import argparse
import sys
import tempfile
import zlib
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tqdm.auto import tqdm

from simulations import Scenario, Sizing, size_pool
from simulations.workloads.refusals import Retry
from tests.coverage.truth import batch_loss, bursty_loss
from tests.coverage.waits import CASES as WAITS
from tests.coverage.waits import WaitCase, trace_cases, without_theory


ENOUGH = 15
"""How many answers must be near the truth, of twenty."""


class SizeCase(NamedTuple):
    """A workload, a target, and the share that a pool of each size refuses in truth."""

    name: str
    scenario: Scenario
    target: float
    refused: Callable[[int], float]

    @property
    def truth(self) -> int:
        """The smallest size that refuses less than the target."""
        return next(size for size in range(1, 1000) if self.refused(size) < self.target)


class Answer(NamedTuple):
    """What sizing said of a case."""

    case: SizeCase | WaitCase
    found: Sizing

    @property
    def honest(self) -> bool:
        """Whether the answer is at least the truth, or says that it may be too small."""
        low, high = self.found.range
        says_so = self.found.max_size is None or self.found.decided_by == 'mean'
        holds = low <= self.case.truth and (high is None or self.case.truth <= high)
        return (self.found.max_size or 0) >= self.case.truth or (says_so and holds)

    @property
    def near(self) -> bool:
        """Whether the answer is within one slot or a tenth of the truth."""
        truth = self.case.truth
        return self.found.max_size is not None and abs(self.found.max_size - truth) <= max(1, truth / 10)


def _case(
    name: str,
    target: float,
    arrivals: str,
    holding: str,
    jobs: int,
    refused: Callable[[int], float] | None = None,
    **more: object,
) -> SizeCase:
    scenario = Scenario(
        title=name,
        arrivals=arrivals,
        holding=holding,
        max_size=1,
        jobs=jobs,
        seed=zlib.crc32(name.encode()),
        **{'slot_exp': None, **more},  # type: ignore[arg-type]
    )

    def by_theory(size: int) -> float:
        expected = scenario.expect(size)
        if isinstance(expected, str):
            return 1.0
        return expected.attempts_refusal_share if scenario.on_refusal.endless else expected.refusal_share

    return SizeCase(name, scenario, target, refused or by_theory)


CASES = [
    _case('three erlangs, 1 %', 0.01, 'poisson:3', 'exp:1', 300),
    _case('one erlang, 0.1 %', 0.001, 'poisson:1', 'exp:1', 300),
    _case('twenty erlangs, uniform', 0.03, 'poisson:20', 'uniform:0:2', 600),
    _case('four erlangs, constant', 0.05, 'poisson:8', 'const:0.5', 300),
    _case('two erlangs, 0.01 %', 0.0001, 'poisson:2', 'exp:1', 500),
    _case('expiry', 0.01, 'poisson:6', 'exp:1', 600, slot_exp=0.5),
    _case('crashes', 0.02, 'poisson:2', 'exp:1', 600, slot_exp=4, crash_probability=0.2),
    _case('crashes, long life', 0.01, 'poisson:6', 'exp:1', 1000, slot_exp=600, crash_probability=0.01),
    _case('crashes, two minutes', 0.05, 'poisson:2', 'exp:1', 500, slot_exp=120, crash_probability=0.02),
    _case('Pareto 1.2', 0.05, 'poisson:8', 'pareto:1.2:0.16666666666666666', 5000),
    _case('Pareto 1.5', 0.02, 'poisson:5', 'pareto:1.5:0.3333333333333333', 1000),
    _case('lognormal, sigma 2', 0.01, 'poisson:3', 'lognormal:-2:2', 500),
    _case('Zipf pools', 0.02, 'poisson:12', 'exp:1', 600, keys='zipf:4:1'),
    _case('ten clients', 0.05, 'clients:10:exp:2', 'exp:1', 500),
    _case('retries', 0.12, 'poisson:3', 'exp:1', 600, on_refusal=Retry('exp:1')),
    _case('evenly spaced', 0.05, 'periodic:0.25', 'exp:1', 500),
    _case('bursts', 0.05, 'bursty:2:20:8:5', 'exp:1', 1000, lambda size: bursty_loss(((2, 20), (8, 5)), 1, size)[0]),
    _case(
        'slow bursts',
        0.05,
        'bursty:1:600:8:200',
        'exp:1',
        2000,
        lambda size: bursty_loss(((1, 600), (8, 200)), 1, size)[0],
    ),
    _case(
        'rushes', 0.1, 'bursty:0:10:20:1', 'exp:0.5', 500, lambda size: bursty_loss(((0, 10), (20, 1)), 0.5, size)[0]
    ),
    _case('batches', 0.1, 'periodic:5:10', 'exp:1', 500, lambda size: batch_loss(5, 10, 1, size)[0]),
]


def answer(case: SizeCase | WaitCase, executor: Executor | None = None) -> Answer:
    """Size the pool of a case."""
    if isinstance(case, SizeCase):
        return Answer(case, size_pool(case.scenario, case.target, curve=0, executor=executor))
    with without_theory():
        return Answer(case, size_pool(case.scenario, case.target, share=case.share, curve=0, executor=executor))


def _goals(case: SizeCase | WaitCase) -> str:
    share = None if isinstance(case, SizeCase) else case.share
    target = [] if case.target is None else [f'{case.target:g}']
    return ' and '.join(target if share is None else [*target, f'{share:g} within {case.scenario.wait_within:g} s'])


def main() -> int:
    """Size all pools, and print the table as Markdown."""
    parser = argparse.ArgumentParser(prog='python -m tests.coverage.sizes', description=__doc__)
    parser.add_argument('--workers', type=int, default=None, help='processes (default: one for each processor)')
    parser.add_argument('--waits', action='store_true', help='size for waiting times, and let theory not decide')
    options = parser.parse_args()
    cases = [*WAITS, *trace_cases(Path(tempfile.mkdtemp()))] if options.waits else CASES
    print('| case | goal | truth | answer | not excluded | decided by | |')
    print('|---|---|---|---|---|---|---|')
    answers = []
    with ProcessPoolExecutor(options.workers) as executor:
        for case in tqdm(cases, unit=' cases', file=sys.stderr):
            each = answer(case, executor)
            answers.append(each)
            low, high = each.found.range
            size = 'cannot be told' if each.found.max_size is None else f'{each.found.max_size}'
            verdict = '' if each.near else 'too small' if not each.honest else 'far'
            between = f'{low} to {high}' if high is not None else f'{low} and more'
            row = [case.name, _goals(case), str(case.truth), size, between, each.found.decided_by, verdict]
            print(f'| {" | ".join(row)} |', flush=True)
    near, dishonest = sum(each.near for each in answers), sum(not each.honest for each in answers)
    print(f'\n{near} of {len(answers)} answers are near the truth; {dishonest} are too small without saying so.')
    return 1 if dishonest or near < ENOUGH * len(cases) / 20 else 0


if __name__ == '__main__':
    sys.exit(main())
