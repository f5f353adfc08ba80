"""The import of the package in a fresh process, compared with that of the modules it needs."""

import subprocess
import sys
import time
from pathlib import Path

import py_cachify
from tests.benchmarks.bench import Bench
from tests.benchmarks.rounds import Chunk, ratios
from tests.benchmarks.table import Row, microseconds


TARGET = 1.5


def import_rows(bench: Bench) -> list[Row]:
    """Return the row; the time of a bare interpreter is subtracted from both sides."""
    times = bench.times({name: _processes(code) for name, code in _CODE.items()})
    ours, needed = ([over - bare for over, bare in zip(times[name], times['bare'], strict=True)] for name in _OVER_BARE)
    return [
        Row('import py_cachify', ratios(ours, needed), 'its imports', microseconds(ours, needed), bound=TARGET),
    ]


_CODE = {'bare': 'pass', 'ours': 'import py_cachify', 'needed': 'import asyncio, inspect, dataclasses'}
_OVER_BARE = 'ours', 'needed'


def _processes(code: str) -> Chunk:
    # In this folder, `-c` finds the package first, whatever is installed.
    folder = Path(py_cachify.__file__).parents[1]

    def chunk(count: int) -> float:
        began = time.perf_counter()
        for _ in range(count):
            subprocess.run([sys.executable, '-c', code], cwd=folder, check=True)
        return time.perf_counter() - began

    return chunk
