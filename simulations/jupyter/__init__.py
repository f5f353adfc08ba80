"""What only a notebook uses: sliders, the laboratory, notebooks as HTML pages."""

from simulations.jupyter.laboratory import laboratory, run
from simulations.jupyter.sliders import follow


__all__ = ['follow', 'laboratory', 'run']
