"""Workloads whose jobs queue, with the exact figures, named before any of them was run."""

from simulations import Scenario
from simulations.theory.expectation import Expectation, expect, expect_renewed
from tests.coverage.cases import Case


FIGURES = ('refusal_share', 'timed_out_share', 'waited_share', 'wait_mean', 'queue_mean', 'occupancy_mean')


def expected(scenario: Scenario) -> Expectation:
    """Return what theory says; it must be exact."""
    conditions = scenario.conditions()
    more = (conditions.on_refusal, conditions.crash_probability)
    waits = {'wait': conditions.wait, 'max_waiting': conditions.max_waiting}
    if conditions.renewed:
        found = expect_renewed(scenario.workload(), scenario.max_size, conditions.renew_for, *more, **waits)  # type: ignore[arg-type]
    else:
        found = expect(scenario.workload(), scenario.max_size, conditions.slot_exp, *more, **waits)  # type: ignore[arg-type]
    assert not isinstance(found, str), (scenario.title, found)
    assert found.exact, scenario.title
    return found


def _case(
    name: str,
    arrivals: str,
    holding: str,
    max_size: int,
    jobs: int,
    wait: float | str | None,
    *,
    sufficient: bool = False,
    **more: object,
) -> Case:
    scenario = Scenario(
        title=name,
        arrivals=arrivals,
        holding=holding,
        max_size=max_size,
        jobs=jobs,
        **{'slot_exp': None, 'wait': wait, **more},  # type: ignore[arg-type]
    )
    found = expected(scenario)
    # A share that is 0 because nothing can be refused or time out has no interval to judge.
    return Case(name, scenario, {figure: value for figure in FIGURES if (value := getattr(found, figure))}, sufficient)


QUEUES = [
    _case('queue, M/M/5', 'poisson:3', 'exp:1', 5, 24_000, None, sufficient=True),
    _case('queue, M/M/5, busy', 'poisson:4.5', 'exp:1', 5, 90_000, None),
    _case('queue, M/M/5, near the limit', 'poisson:4.9', 'exp:1', 5, 40_000, None),
    _case('queue, M/M/1', 'poisson:0.5', 'exp:1', 1, 16_000, None, sufficient=True),
    _case('queue, M/M/1, busy', 'poisson:0.8', 'exp:1', 1, 80_000, None),
    _case('queue, M/M/30', 'poisson:25', 'exp:1', 30, 60_000, None),
    _case('bounded queue, M/M/5/8', 'poisson:6', 'exp:1', 5, 24_000, None, sufficient=True, max_waiting=3),
    _case('bounded queue, M/M/5/20', 'poisson:4.5', 'exp:1', 5, 60_000, None, max_waiting=15),
    _case('bounded queue, M/M/1/2', 'poisson:0.9', 'exp:1', 1, 16_000, None, sufficient=True, max_waiting=1),
    _case('Erlang A', 'poisson:6', 'exp:1', 5, 24_000, 'exp:2', sufficient=True),
    _case('Erlang A, patient', 'poisson:4', 'exp:1', 5, 40_000, 'exp:10'),
    # Some twenty of its jobs do not wait, and of those below some forty time out.
    _case('Erlang A, crowded', 'poisson:15', 'exp:1', 5, 24_000, 'exp:1'),
    _case('Erlang A, bounded', 'poisson:6', 'exp:1', 5, 24_000, 'exp:2', sufficient=True, max_waiting=4),
    _case('wait of 2 s', 'poisson:6', 'exp:1', 5, 40_000, 2.0, sufficient=True),
    _case('wait of 0.3 s', 'poisson:4.5', 'exp:1', 5, 24_000, 0.3, sufficient=True),
    _case('wait of 2 s, bounded', 'poisson:6', 'exp:1', 5, 24_000, 2.0, max_waiting=4),
    _case('uniform patience', 'poisson:6', 'exp:1', 5, 24_000, 'uniform:0:3', sufficient=True),
    _case('lognormal patience', 'poisson:6', 'exp:1', 5, 24_000, 'lognormal:0:1', sufficient=True),
    _case('patience of two kinds', 'poisson:6', 'exp:1', 5, 24_000, 'mix:0.5*const:0.2+0.5*exp:4'),
    _case('two queues', 'poisson:6', 'exp:1', 5, 60_000, None, keys='zipf:2:1'),
    _case('two queues, Erlang A', 'poisson:9', 'exp:1', 5, 48_000, 'exp:2', keys='zipf:2:1'),
    _case('one slot, constant holding', 'poisson:0.5', 'const:1', 1, 16_000, None, sufficient=True),
    _case('one slot, mixed holding', 'poisson:0.5', 'mix:0.9*exp:0.5+0.1*exp:5.5', 1, 60_000, None),
    _case('one slot, expiry in a queue', 'poisson:0.8', 'exp:1', 1, 40_000, None, slot_exp=1.5),
    _case('Erlang A, renewed', 'poisson:6', 'exp:1', 5, 24_000, 'exp:2', slot_exp=0.5, renew_for=None),
    _case('queue, M/M/5, twenty runs', 'poisson:3', 'exp:1', 5, 1_500, None, replications=20),
]
