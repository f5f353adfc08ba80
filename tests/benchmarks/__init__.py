"""How fast the library is, as ratios that are measured side by side: ``python -m tests.benchmarks``.

It uses nothing of the library but its public names, and no test depends on what it measures.
"""
