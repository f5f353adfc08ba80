"""What belongs to this process alone: its name in tokens, and the locks that a fork must not inherit.

A forked child copies its parent's memory.  It must not make the tokens that the parent makes, and a
lock that another thread of the parent held at that moment would stay locked in the child for ever.
"""

import itertools
import os
import threading
from typing import Protocol
from weakref import WeakSet


class Locked(Protocol):
    """An object with a lock of its own; re-entrant, as a finalizer may use the object while it is used."""

    lock: 'threading.RLock'


def _start() -> None:
    global _prefix, _numbers
    _prefix = os.urandom(12).hex()
    _numbers = itertools.count()
    for owner in _owners:
        owner.lock = threading.RLock()


_owners: 'WeakSet[Locked]' = WeakSet()
_prefix: str
_numbers: 'itertools.count[int]'

_start()
if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_start)


def new_token() -> str:
    """A name for one slot, unlike any other made by any process."""
    return f'{_prefix}-{next(_numbers)}'


def give_lock(owner: Locked) -> None:
    """Set ``owner.lock``, and set it anew in each process that is forked."""
    owner.lock = threading.RLock()
    _owners.add(owner)
