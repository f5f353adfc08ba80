"""Axes, titles, legends and colours that every picture shares; this package knows no result."""
