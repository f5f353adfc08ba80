"""What belongs to this process alone: its name in tokens, and the locks that a fork must not inherit.

A forked child copies its parent's memory.  It must not make the tokens that the parent makes, and a
lock that another thread of the parent held at that moment would stay locked in the child for ever.
"""

import itertools
import os
import threading


def _start() -> None:
    global _prefix, _numbers, entries_lock
    _prefix = os.urandom(12).hex()
    _numbers = itertools.count()
    entries_lock = threading.RLock()


_prefix: str
_numbers: 'itertools.count[int]'
entries_lock: threading.RLock
"""Guards the open entries of every pool object; re-entrant, as a finalizer may run inside it."""

_start()
if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_start)


def new_token() -> str:
    """A name for one slot, unlike any other made by any process."""
    return f'{_prefix}-{next(_numbers)}'
