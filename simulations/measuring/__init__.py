"""Everything computed from the events of a run: figures, series, timeline, holders, estimates.

The ``README.md`` of this package explains the figures and their intervals.
"""
