"""Live runs: a scenario in wall-clock time, with real processes and a real server.

Virtual time shows what the protocol does; this shows that the world agrees.
"""

from simulations.live.compare import Comparison
from simulations.live.control import live
from simulations.live.plan import LiveError
from simulations.live.result import LiveResult, Measured, Recoveries
from simulations.live.view import Moment, NotebookView, TerminalView, live_view


__all__ = [
    'Comparison',
    'LiveError',
    'LiveResult',
    'Measured',
    'Moment',
    'NotebookView',
    'Recoveries',
    'TerminalView',
    'live',
    'live_view',
]
