"""The speed of the simulation harness: ``python -m tests.benchmarks.harness``.

The same load runs alternately through the harness, a bare SimPy model and another simulator.  It
also runs on a real server, which is compared with its round trips.  The growth of time and memory
with the number of jobs is measured last.
"""
