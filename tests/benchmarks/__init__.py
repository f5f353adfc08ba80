"""The speed of the library, as ratios to other code: ``python -m tests.benchmarks``.

The benchmarks use only the public names of the library, and no test depends on their figures.
"""
