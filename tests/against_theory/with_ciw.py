"""Compare the formulas of queues with ``ciw``, a simulator of queueing networks.

``python -m tests.against_theory.with_ciw`` runs in an environment that has ``ciw`` and NumPy. Each
cell shows the mean of the runs, the formula, and their distance in standard errors.
"""

import argparse
import math
from statistics import mean, stdev

import ciw

from simulations.distributions import parse_holding
from simulations.theory.queue import queue_system


SERVERS, LONG = 5, 0.4
WARM_UP, END = 50.0, 1400.0
CASES = (
    (4.0, None, None),
    (6.0, None, 4),
    (6.0, 'exp:2', None),
    (6.0, 'const:1', None),
    (6.0, 'uniform:0.2:2', None),
    (6.0, 'exp:2', 3),
    (6.0, 'const:1', 3),
)
PATIENCE = {
    'exp:2': ciw.dists.Exponential(0.5),
    'const:1': ciw.dists.Deterministic(1.0),
    'uniform:0.2:2': ciw.dists.Uniform(0.2, 2.0),
}


def simulated(rate: float, patience: str | None, most: int | None, seed: int) -> tuple[float, float, float, float]:
    """Return the figures of one run."""
    ciw.seed(seed)
    more = {} if patience is None else {'reneging_time_distributions': [PATIENCE[patience]]}
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate)],
        service_distributions=[ciw.dists.Exponential(1.0)],
        number_of_servers=[SERVERS],
        queue_capacities=[math.inf if most is None else most],
        **more,
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(END + 100)
    records = [
        record
        for record in simulation.get_all_records(only=['service', 'renege', 'rejection'])
        if WARM_UP < record.arrival_date < END
    ]
    waits = [record.waiting_time for record in records if record.record_type != 'rejection']
    return (
        sum(record.record_type == 'renege' for record in records) / len(records),
        sum(record.record_type == 'rejection' for record in records) / len(records),
        sum(waits) / len(records),
        sum(wait > LONG for wait in waits) / len(records),
    )


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(prog='python -m tests.against_theory.with_ciw', description=__doc__)
    parser.add_argument('--runs', type=int, default=20, help='runs of each case (default %(default)s)')
    options = parser.parse_args()
    print('| arrivals a second | patience | places | timed out | refused at once | mean wait | wait over 0.4 s |')
    print('|---|---|---|---|---|---|---|')
    for number, (rate, patience, most) in enumerate(CASES):
        found = queue_system(
            rate, 1.0, SERVERS, patience=None if patience is None else parse_holding(patience), max_waiting=most
        )
        truths = (found.timed_out_share, found.full_share, found.wait_mean, found.wait.beyond(LONG))
        # No two cases share a seed.
        runs = [simulated(rate, patience, most, 1000 * number + run) for run in range(options.runs)]
        cells = []
        for values, truth in zip(zip(*runs, strict=True), truths, strict=True):
            error = stdev(values) / math.sqrt(len(values))
            off = f' ({(mean(values) - truth) / error:+.1f})' if error else ''
            cells.append(f'{mean(values):.4f}, {truth:.4f}{off}')
        print(
            f'| {rate:g} | {patience or "endless"} | {"any" if most is None else most} | {" | ".join(cells)} |',
            flush=True,
        )


if __name__ == '__main__':
    main()
