"""Intervals, batch means, warm-up, stopping rules: numbers in, numbers out; this package knows no pool."""
