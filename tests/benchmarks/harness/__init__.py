"""How fast the simulation harness is: ``python -m tests.benchmarks.harness``.

The same load is put through it, through a bare SimPy model and through another simulator, in turns; and through a real
server, against its round trips.  Then time and memory are followed as the jobs become more.
"""
