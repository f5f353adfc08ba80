from typing import NamedTuple
class Expectation(NamedTuple):
    formula: str
    offered_load: float
    refusal_share: float
    attempts_refusal_share: float | None
    occupancy_mean: float | None
    overrun_mean: float | None
    wait_mean: float | None
    occupancy_distribution: tuple[float, ...] | None
def expect(workload, max_size, slot_exp, on_refusal, crash):
    from simulations.theory import occupancy_distribution
    t = workload.theory(max_size, slot_exp)
    if t is None: return 'no'
    return Expectation('Erlang', t.offered_load, t.refusal_share, t.refusal_share, t.occupancy_mean, t.overrun_mean, None, tuple(occupancy_distribution(max_size, t.offered_load)) if max_size < 1000 else None)
