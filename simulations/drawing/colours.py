"""The colours of all pictures.

They are from Okabe and Ito's palette, which is distinct for all kinds of colour vision and in grey.
What waits has a dark colour outside of that palette, because it must also differ in grey from slots
and bodies.
"""

HELD = '#56B4E9'
OCCUPANCY = '#0072B2'
RUNNING = '#D55E00'
WAITING = '#7A1C4B'
LIMIT = '#000000'
THEORY = '#000000'
# Opaque: the mixed colour of two overlapping bands would have no meaning.
OCCUPANCY_BAND = '#B5DCF3'
RUNNING_BAND = '#F2C9AA'
WAITING_BAND = '#F7E6EE'
RECOVERY = '#009E73'
RECOVERY_BAND = '#A6DBCC'
QUIET = '#999999'
DEAD = '#DDDDDD'
FAULTS = ('#F0E442', '#CC79A7', '#009E73', '#999999', '#E69F00', '#000000')
"""The colours of the bands for kinds of faults, drawn pale."""
