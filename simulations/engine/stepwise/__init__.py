"""Runs in which commands take time and faults happen, in virtual time.

A job is a process of SimPy that drives the library's own protocol command by command.  Each command is a request to the
server and a reply back; other jobs' commands fall in between, and a fault may hit at any of those points.
"""

from simulations.engine.stepwise.run import StepwiseRun


__all__ = ['StepwiseRun']
