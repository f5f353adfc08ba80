"""Live runs: a scenario in wall-clock time, with real processes and a real server.

A simulation shows what the protocol does; a live run shows that the real world agrees.  The
package's ``README.md`` says what a live run checks.
"""

from simulations.live.control import live, live_view
from simulations.live.outcome.compare import Comparison
from simulations.live.outcome.measured import Measured, Recoveries
from simulations.live.outcome.result import LiveResult
from simulations.live.plan import LiveError
from simulations.live.view import Moment, NotebookView, TerminalView


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
