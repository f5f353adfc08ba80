"""Axes, titles, legends and colours shared by all pictures; this package depends on no result."""
