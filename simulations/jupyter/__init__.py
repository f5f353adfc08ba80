"""Sliders and films for notebooks, a laboratory to play with, and notebooks as HTML pages."""

from simulations.jupyter.film import Film
from simulations.jupyter.laboratory import laboratory, run
from simulations.jupyter.sliders import follow


__all__ = ['Film', 'follow', 'laboratory', 'run']
