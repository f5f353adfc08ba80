"""Run a workload in virtual time with commands that take time and with faults.

A job is a SimPy process that drives the library's own protocol command by command.  Each command is
a request to the server and a reply.  Commands of other jobs can run in between, and a fault can
happen at any of those points.
"""

from simulations.engine.stepwise.run import StepwiseRun


__all__ = ['StepwiseRun']
