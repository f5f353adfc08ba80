"""Intervals, batch means, warm-up and stopping rules for simulation output.

This package takes numbers and returns numbers; it does not depend on pools.
"""
