"""Run the machine for any length of time, over all stores, and report the work done."""

import time
from collections import Counter
from collections.abc import Callable

from tests.state_machine.machine import Tally, examine, machine_over


BATCH = 25
"""Examples for each seed: a find can be repeated in a few seconds."""


def repeat_command(backend: str, driver: str, seed: int) -> str:
    """How to run one batch again."""
    return f'python -m tests.state_machine --backend {backend} --driver {driver} --seed {seed} --batches 1'


def soak(
    pairs: list[tuple[str, str]],
    socket: str,
    first_seed: int,
    goes_on: Callable[[int], bool],
    say: Callable[[str], None],
) -> dict[tuple[str, str], Tally]:
    """Run batches, each over every pair of backend and driver, while ``goes_on(batches so far)``.

    A find is raised, after ``say`` was told how to repeat it.
    """
    tallies = {pair: Tally() for pair in pairs}
    batches, told = 0, time.monotonic()
    while goes_on(batches):
        seed = first_seed + batches
        for backend, driver in pairs:
            with machine_over(backend, driver, socket) as machine:
                try:
                    examine(machine, BATCH, steps=50, number=f'{backend} {driver} {seed}')
                except Exception:
                    say(f'found with seed {seed}; to repeat: {repeat_command(backend, driver, seed)}')
                    raise
            _add(tallies[backend, driver], machine.tally)
        batches += 1
        if time.monotonic() - told > 10:
            told = time.monotonic()
            say(f'seed {seed}: {sum(tally.examples for tally in tallies.values())} examples, nothing found')
    return tallies


def _add(total: Tally, more: Tally) -> None:
    total.examples += more.examples
    total.steps += more.steps
    total.events += more.events


def table(tallies: dict[tuple[str, str], Tally]) -> str:
    """Examples and steps on each backend and driver, and what came about in all of them."""
    lines = [f'{"backend":10}  {"driver":6}  {"examples":>9}  {"steps":>9}']
    for (backend, driver), tally in tallies.items():
        lines.append(f'{backend:10}  {driver:6}  {tally.examples:9}  {tally.steps:9}')
    events: Counter[str] = Counter()
    for tally in tallies.values():
        events += tally.events
    lines += ['', *(f'{count:9}  {event}' for event, count in sorted(events.items()))]
    return '\n'.join(lines)
