"""Time and memory of the harness from ten thousand to a million jobs: ``python -m tests.benchmarks.curve``."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.colours import OCCUPANCY, QUIET, RUNNING


SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
_PROGRAM = """
import pathlib, re, sys, time
from simulations import Poisson, replay
jobs, kept = int(sys.argv[1]), sys.argv[2] == 'kept'
def run(count): replay(Poisson(3, 'exp:1', jobs=count, seed=1), max_size=5, slot_exp=600, history=kept)
def memory(what): return int(re.search(what + r':\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1]) / 1e3
run(20_000)
pathlib.Path('/proc/self/clear_refs').write_text('5')
before, began = memory('VmRSS'), time.perf_counter()
run(jobs)
print(time.perf_counter() - began, memory('VmHWM') - before)
"""


def measure(jobs: int, kept: bool) -> tuple[float, float]:
    """Seconds, and megabytes at the peak beyond what was there before, of one run in a process of its own; on Linux."""
    done = subprocess.run(
        [sys.executable, '-c', _PROGRAM, str(jobs), 'kept' if kept else 'not kept'],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, megabytes = map(float, done.stdout.split())
    return seconds, megabytes


def draw(measured: dict[str, list[tuple[int, float, float]]], path: Path) -> None:
    """Seconds and megabytes against jobs, with what is proportional as a thin line."""
    figure = Figure(figsize=(10, 4), layout='constrained')
    axes: tuple[Axes, Axes] = figure.subplots(1, 2)
    for place, (ax, label) in enumerate(zip(axes, ('seconds', 'megabytes of memory'), strict=True)):
        for (name, points), colour, marker in zip(measured.items(), (OCCUPANCY, RUNNING), 'os', strict=True):
            ax.plot([p[0] for p in points], [p[1 + place] for p in points], color=colour, marker=marker, label=name)
        last = measured['history kept'][-1]
        ends = [points[0][0], points[-1][0]]
        ax.plot(
            ends, [last[1 + place] * end / last[0] for end in ends], color=QUIET, linestyle=':', label='proportional'
        )
        ax.set_xscale('log')
        ax.set_xlabel('jobs')
        ax.set_ylabel(label)
        ax.legend(frameon=False)
    for ax in axes:
        ax.set_yscale('log')
    figure.suptitle('The harness in memory, every event checked')
    figure.savefig(path, dpi=100)


def main() -> None:
    """Measure, print, and draw if that is asked for."""
    parser = argparse.ArgumentParser(prog='python -m tests.benchmarks.curve', description=__doc__)
    parser.add_argument('--sizes', type=int, nargs='+', default=SIZES, help='how many jobs', metavar='JOBS')
    parser.add_argument('--picture', type=Path, help='draw the curve', metavar='FILE')
    parser.add_argument('--json', type=Path, help='write the numbers', metavar='FILE')
    options = parser.parse_args()
    measured: dict[str, list[tuple[int, float, float]]] = {'no history': [], 'history kept': []}
    print('| jobs | history | seconds | jobs a second | more memory |\n|---|---|---|---|---|')
    for jobs in options.sizes:
        for name, points in measured.items():
            seconds, megabytes = measure(jobs, kept=name == 'history kept')
            points.append((jobs, seconds, megabytes))
            print(f'| {jobs:,} | {name} | {seconds:.2f} | {jobs / seconds:,.0f} | {megabytes:.1f} MB |', flush=True)
    if options.picture:
        draw(measured, options.picture)
    if options.json:
        options.json.write_text(json.dumps(measured) + '\n')


if __name__ == '__main__':
    main()
