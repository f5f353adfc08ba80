"""What belongs to this process alone: its name in tokens, and its locks.

A forked child copies its parent's memory.  It must not make the tokens that the parent makes, and it
must not find a lock that another thread held, nor what that lock guards half changed.  So all locks are
taken before a fork, as the logging of the standard library does.
"""

import itertools
import os
import threading
from typing import Protocol
from weakref import WeakSet


class Locked(Protocol):
    """An object with a lock of its own; re-entrant, as a finalizer may use the object while it is used."""

    lock: 'threading.RLock'


_owners: 'WeakSet[Locked]' = WeakSet()
_held_for_fork: list[threading.RLock] = []
_prefix: str
_numbers: 'itertools.count[int]'


def _start() -> None:
    global _prefix, _numbers
    _prefix = os.urandom(12).hex()
    _numbers = itertools.count()


def new_token() -> str:
    """A name for one slot, unlike any other made by any process."""
    return f'{_prefix}-{next(_numbers)}'


def give_lock(owner: Locked) -> None:
    """Set ``owner.lock``, and set it anew in each process that is forked."""
    owner.lock = threading.RLock()
    _owners.add(owner)


def _before_fork() -> None:
    for owner in list(_owners):
        owner.lock.acquire()
        _held_for_fork.append(owner.lock)


def _after_fork_in_parent() -> None:
    while _held_for_fork:
        _held_for_fork.pop().release()


def _after_fork_in_child() -> None:
    _held_for_fork.clear()
    for owner in list(_owners):
        owner.lock = threading.RLock()
    _start()


_start()
if hasattr(os, 'register_at_fork'):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
