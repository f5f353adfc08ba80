"""Workloads with a known answer, named before any of them was run."""

import zlib
from dataclasses import dataclass, field

from simulations import Scenario
from simulations.workloads.refusals import Retry
from tests.coverage.truth import batch_loss, bursty_loss


@dataclass(frozen=True)
class Case:
    """A workload, and what is true of it in the long run.

    Attributes:
        name: the name; the seeds are a function of it.
        scenario: the workload and the pool.
        truth: the true values by figure.
        sufficient: whether the run is long enough for intervals without a caveat: 2,000 refusals,
            and a hundred of the longest lives.
    """

    name: str
    scenario: Scenario
    truth: dict[str, float] = field(default_factory=dict)
    sufficient: bool = False

    def seed(self, number: int) -> int:
        """Return the seed of one of its intervals; no two cases share one."""
        return zlib.crc32(f'{self.name} {number}'.encode())


def _case(
    name: str,
    arrivals: str,
    holding: str,
    max_size: int,
    jobs: int,
    *,
    sufficient: bool = False,
    truth: dict[str, float] | None = None,
    **more: object,
) -> Case:
    scenario = Scenario(
        title=name,
        arrivals=arrivals,
        holding=holding,
        max_size=max_size,
        jobs=jobs,
        **{'slot_exp': None, **more},  # type: ignore[arg-type]
    )
    if truth is None:
        expected = scenario.expect()
        assert not isinstance(expected, str), expected
        retrying = scenario.on_refusal.endless
        share = 'attempts_refusal_share' if retrying else 'refusal_share'
        truth = {share: getattr(expected, share), 'occupancy_mean': expected.occupancy_mean}
        if expected.overrun_mean:
            truth['overrun_mean'] = expected.overrun_mean
    return Case(name, scenario, truth, sufficient)


def _pair(found: tuple[float, float]) -> dict[str, float]:
    return {'refusal_share': found[0], 'occupancy_mean': found[1]}


CASES = [
    _case('M/M/5', 'poisson:3', 'exp:1', 5, 24_000, sufficient=True),
    _case('one slot', 'poisson:0.5', 'exp:1', 1, 8_000, sufficient=True),
    _case('Erlang, 30 slots', 'poisson:25', 'exp:1', 30, 48_000, sufficient=True),
    _case('Erlang, 100 slots', 'poisson:95', 'exp:1', 100, 70_000, sufficient=True),
    _case('more load than slots', 'poisson:20', 'exp:1', 8, 16_000, sufficient=True),
    _case('constant holding', 'poisson:3', 'const:1', 5, 24_000, sufficient=True),
    _case('expiry', 'poisson:6', 'exp:1', 5, 40_000, sufficient=True, slot_exp=0.5),
    _case('rare refusals', 'poisson:3', 'exp:1', 9, 20_000),
    _case('hardly any refusals', 'poisson:3', 'exp:1', 11, 20_000),
    _case('Pareto 1.2', 'poisson:8', 'pareto:1.2:0.16666666666666666', 13, 20_000),
    _case('Pareto 1.5', 'poisson:3', 'pareto:1.5:0.3333333333333333', 5, 20_000),
    _case('Pareto 2.5', 'poisson:3', 'pareto:2.5:0.6', 5, 24_000),
    _case('lognormal, sigma 2', 'poisson:3', 'lognormal:-2:2', 5, 24_000),
    _case('crashes, long life', 'poisson:6', 'exp:1', 40, 20_000, slot_exp=600, crash_probability=0.01),
    _case('crashes, shorter life', 'poisson:1', 'exp:1', 5, 30_000, slot_exp=60, crash_probability=0.05),
    _case(
        'crashes, long life, ten runs',
        'poisson:6',
        'exp:1',
        20,
        1_000,
        slot_exp=600,
        crash_probability=0.01,
        replications=10,
    ),
    _case(
        'crashes, shorter life, ten runs',
        'poisson:1',
        'exp:1',
        5,
        3_000,
        slot_exp=60,
        crash_probability=0.05,
        replications=10,
    ),
    _case(
        'slow bursts',
        'bursty:1:600:8:200',
        'exp:1',
        5,
        20_000,
        truth=_pair(bursty_loss(((1, 600), (8, 200)), 1, 5)),
    ),
    _case('bursts', 'bursty:2:20:8:5', 'exp:1', 5, 20_000, truth=_pair(bursty_loss(((2, 20), (8, 5)), 1, 5))),
    _case('retries', 'poisson:3', 'exp:1', 5, 20_000, on_refusal=Retry('exp:1')),
    _case('retries near the limit', 'poisson:4.5', 'exp:1', 5, 20_000, on_refusal=Retry('exp:1')),
    _case('Zipf pools', 'poisson:60', 'exp:1', 5, 48_000, sufficient=True, keys='zipf:20:1', slot_exp=0.8),
    _case('batches', 'periodic:5:10', 'exp:1', 6, 20_000, sufficient=True, truth=_pair(batch_loss(5, 10, 1, 6))),
    _case('evenly spaced', 'periodic:0.25', 'exp:1', 5, 20_000),
    _case('ten clients', 'clients:10:exp:2', 'exp:1', 5, 20_000),
    _case('M/M/5, twenty runs', 'poisson:3', 'exp:1', 5, 1_200, sufficient=True, replications=20),
]
