"""Workloads with a known theoretical result, one for each mistake that could be made."""

from simulations import Scenario
from simulations.workloads.refusals import Retry
from tests.coverage.queues import QUEUES


def _case(
    title: str, arrivals: str, holding: str, max_size: int, slot_exp: float | None = None, **more: object
) -> Scenario:
    return Scenario(
        title=title,
        arrivals=arrivals,
        holding=holding,
        max_size=max_size,
        slot_exp=slot_exp,
        jobs=20_000,
        **more,  # type: ignore[arg-type]
    )


_SLOW = ('queue, M/M/5, near the limit', 'queue, M/M/5, busy', 'queue, M/M/1, busy', 'one slot, mixed holding')
"""Queues that remember for so long that a run of this length says little."""

CASES = [
    _case('one slot', 'poisson:0.5', 'exp:1', 1),
    _case('B(5, 3)', 'poisson:3', 'exp:1', 5),
    _case('B(10, 5)', 'poisson:5', 'exp:1', 10),
    _case('B(30, 25)', 'poisson:25', 'exp:1', 30),
    _case('many slots', 'poisson:95', 'exp:1', 100),
    _case('more load than slots', 'poisson:20', 'exp:1', 8),
    _case('constant holding', 'poisson:3', 'const:1', 5),
    _case('uniform holding', 'poisson:3', 'uniform:0:2', 5),
    _case('lognormal holding, mean 1', 'poisson:3', 'lognormal:-0.5:1', 5),
    _case('Pareto holding, mean 1', 'poisson:3', 'pareto:2.5:0.6', 5),
    _case('mixed holding, mean 1', 'poisson:3', 'mix:0.9*exp:0.5+0.1*const:5.5', 5),
    _case('expiry at half the mean', 'poisson:6', 'exp:1', 5, 0.5),
    _case('expiry at the mean', 'poisson:12', 'exp:1', 10, 1.0),
    _case('expiry, constant holding beyond it', 'poisson:6', 'const:2', 5, 0.5),
    _case('expiry, uniform holding', 'poisson:6', 'uniform:0:2', 5, 0.5),
    _case('expiry, lognormal holding', 'poisson:6', 'lognormal:-0.5:1', 5, 0.5),
    _case('crashes', 'poisson:3', 'exp:1', 5, 4.0, crash_probability=0.2),
    _case('crashes, constant holding', 'poisson:3', 'const:1', 8, 4.0, crash_probability=0.1),
    _case('renewal, lives of half the mean', 'poisson:3', 'exp:1', 5, 0.5, renew_for=None),
    _case('many pools, alike', 'poisson:60', 'exp:1', 5, keys='zipf:20:0'),
    _case('many pools, by Zipf, with expiry', 'poisson:60', 'exp:1', 5, 0.8, keys='zipf:20:1'),
    _case('ten clients', 'clients:10:exp:2', 'exp:1', 5),
    _case('ten clients, nothing exponential', 'clients:10:uniform:1:3', 'const:1', 5),
    _case('retries, long pauses', 'poisson:3', 'exp:1', 5, on_refusal=Retry('exp:10')),
    _case('retries, pauses as long as the holding times', 'poisson:3', 'exp:1', 5, on_refusal=Retry('exp:1')),
    _case('retries, short pauses', 'poisson:3', 'exp:1', 5, on_refusal=Retry('exp:0.1')),
    _case('evenly spaced', 'periodic:0.25', 'exp:1', 5),
    *(
        case.scenario.replace(jobs=20_000)
        for case in QUEUES
        if case.name not in _SLOW and case.scenario.replications == 1
    ),
]
