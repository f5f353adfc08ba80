"""Run the machine for any length of time, over all stores, and report the work done."""

import time
from collections import Counter
from collections.abc import Callable

from tests.state_machine.machine import Tally, examine, machine_over


BATCH = 25
"""The examples for each seed, few enough to repeat a failure in a few seconds."""


def repeat_command(backend: str, driver: str, seed: int) -> str:
    """Return the command that runs one batch again."""
    return f'python -m tests.state_machine --backend {backend} --driver {driver} --seed {seed} --batches 1'


def soak(
    pairs: list[tuple[str, str]],
    socket: str,
    first_seed: int,
    continues: Callable[[int], bool],
    say: Callable[[str], None],
) -> dict[tuple[str, str], Tally]:
    """Run batches, each over every pair of backend and driver, while ``continues(batches so far)``.

    Pass the command that repeats a failure to ``say``, then raise the failure.
    """
    tallies = {pair: Tally() for pair in pairs}
    batches, last_said = 0, time.monotonic()
    while continues(batches):
        seed = first_seed + batches
        for backend, driver in pairs:
            with machine_over(backend, driver, socket) as machine:
                try:
                    examine(machine, BATCH, steps=50, number=f'{backend} {driver} {seed}')
                except Exception:
                    say(f'seed {seed} fails; to repeat: {repeat_command(backend, driver, seed)}')
                    raise
            _add(tallies[backend, driver], machine.tally)
        batches += 1
        if time.monotonic() - last_said > 10:
            last_said = time.monotonic()
            say(f'seed {seed}: {sum(tally.examples for tally in tallies.values())} examples, no failure')
    return tallies


def _add(total: Tally, more: Tally) -> None:
    total.examples += more.examples
    total.steps += more.steps
    total.events += more.events


def table(tallies: dict[tuple[str, str], Tally]) -> str:
    """Return a table of the examples and steps for each backend and driver, and of all events."""
    lines = [f'{"backend":10}  {"driver":6}  {"examples":>9}  {"steps":>9}']
    for (backend, driver), tally in tallies.items():
        lines.append(f'{backend:10}  {driver:6}  {tally.examples:9}  {tally.steps:9}')
    events: Counter[str] = Counter()
    for tally in tallies.values():
        events += tally.events
    lines += ['', *(f'{count:9}  {event}' for event, count in sorted(events.items()))]
    return '\n'.join(lines)
