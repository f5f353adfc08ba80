"""The message and the exit status of a command that fails."""

import sys
from concurrent.futures import BrokenExecutor

from simulations.cli.parser import BROKEN, IMPOSSIBLE
from simulations.live import LiveError
from simulations.results.violated import InvariantError
from simulations.stores.store import StoreError


def explain(error: Exception) -> int:
    """Print on standard error what went wrong, and return the exit status.

    Raises:
        Exception: ``error`` itself, if it is neither a broken promise nor the fault of the request.
    """
    if isinstance(error, InvariantError):
        print(error, file=sys.stderr)
        return BROKEN
    if isinstance(error, StoreError | LiveError | ValueError | OSError | BrokenExecutor):
        words = '; '.join([str(error), *getattr(error, '__notes__', ())])
        print(f'pool-sim: {words}', file=sys.stderr)
        return IMPOSSIBLE
    raise error
