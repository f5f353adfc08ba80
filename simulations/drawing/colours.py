"""The colours of all pictures.

Okabe and Ito's palette: distinct for all kinds of colour vision, and of different lightness in grey.
"""

HELD = '#56B4E9'
OCCUPANCY = '#0072B2'
RUNNING = '#D55E00'
LIMIT = '#000000'
THEORY = '#000000'
# Not transparent: where two such overlap, a third colour would mean nothing.
OCCUPANCY_BAND = '#B5DCF3'
RUNNING_BAND = '#F2C9AA'
RECOVERY = '#009E73'
QUIET = '#999999'
DEAD = '#DDDDDD'
FAULTS = ('#F0E442', '#CC79A7', '#009E73', '#999999', '#E69F00', '#000000')
"""Of the bands of kinds of faults, drawn pale."""
