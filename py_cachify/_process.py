"""What belongs to one process: its name in tokens, and its locks.

A forked child copies its parent's memory.  It must not create the same tokens as its parent.  It
must not inherit a lock that another thread held, or data that this thread had half changed.  So all
locks are taken before a fork, as the standard library's ``logging`` does.
"""

import os
import threading
from collections.abc import Callable
from typing import Protocol
from weakref import WeakKeyDictionary


class Locked(Protocol):
    """An object with its own lock, re-entrant because a finalizer may use it while it is in use."""

    lock: 'threading.RLock'


entries_lock: threading.RLock
"""Guards the open entries of all pool objects; none of them holds the lock for long."""

_owners: 'WeakKeyDictionary[Locked, None]' = WeakKeyDictionary()
"""In the order in which they got their locks."""
_registry: threading.RLock
_held_for_fork: list[threading.RLock] = []
_in_child: list[Callable[[], None]] = []
name: str
"""A random text for this process."""
pid: int
"""The id of this process, since Python noticed a fork or :func:`read_pid` was called.

Asking the system takes as long as much of what a pool in memory does.
"""


def _start() -> None:
    global name, pid, _registry, entries_lock
    pid = os.getpid()
    name = os.urandom(8).hex()
    _registry = threading.RLock()
    entries_lock = threading.RLock()


def read_pid() -> int:
    """Ask the system for the id of this process, and keep it as ``pid``.

    Each acquire does, because Python does not notice a fork in C, such as that of an application
    server.  A release does not, so after such a fork within a body, both processes give its slot
    back.
    """
    global pid
    pid = os.getpid()
    return pid


def give_lock(owner: Locked) -> None:
    """Set ``owner.lock``, and replace it in each forked process."""
    with _registry:
        owner.lock = threading.RLock()
        _owners[owner] = None


def _before_fork() -> None:
    # The first lock is held until after the fork, so two forking threads take the others in turn.
    for lock in (_registry, entries_lock):
        lock.acquire()
    # The newest first: a store that holds its lock may take the one of its clock, which is older.
    held = [owner.lock for owner in reversed(list(_owners))]
    for lock in held:
        lock.acquire()
    _held_for_fork[:] = [_registry, entries_lock, *held]


def _after_fork_in_parent() -> None:
    for lock in reversed(_held_for_fork[:]):
        lock.release()


def _after_fork_in_child() -> None:
    _held_for_fork.clear()
    _start()
    for owner in list(_owners):
        owner.lock = threading.RLock()
    for forget in _in_child:
        forget()


def after_fork(forget: Callable[[], None]) -> None:
    """Call a function in each forked process, which has no threads but the one that forked."""
    _in_child.append(forget)


_start()
if hasattr(os, 'register_at_fork'):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
