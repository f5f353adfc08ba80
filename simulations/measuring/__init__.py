"""Figures, series, timeline, holders, estimates: everything that is computed from the events of a run."""
