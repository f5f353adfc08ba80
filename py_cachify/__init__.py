"""A pool of execution slots that many processes share.

At most ``max_size`` holders run at a time, over Redis, Valkey, memory, or any client with an atomic
set-if-not-exists.  A crashed holder's slot is freed when it expires::

    from py_cachify import init_cachify, pool

    init_cachify('redis://localhost')

    with pool('reports', max_size=3, slot_exp=120):
        make_report()

Import everything that a program needs from here.  The modules below are public too, for anyone who
writes a backend, a driver or a simulation.  Every other module begins with an underscore and may
change at any time.

====================  ==============================================================================
``arguments``         the checks of arguments, which the workbench shares
``errors``            the library's exceptions
``clients``           what a client must be able to do
``tokens``            the text that identifies a slot, and says who asked for what
``commands``          the requests of a protocol to a store, each of them indivisible
``protocols``         how a slot is taken, given back and counted: written once, for threads,
                      asyncio and simulation
``drivers``           run a protocol to its result, for threads and for asyncio
``backends``          carry out commands in memory, on Redis and Valkey, or with any client
``decorators``        the functions that ``@pooled`` returns
``pools``             ``pool``, as a context manager and a decorator factory
``cachify``           ``init_cachify`` and ``Cachify``
``testing``           a clock for your tests, which moves only when they move it
====================  ==============================================================================

The table lists the lowest layer first: each module imports only modules listed before it.  Between
``backends`` and ``decorators`` are the private ``_slots``, which takes a slot for a body and gives
it back, and ``_settings``, which holds the arguments of ``init_cachify()``.
"""

from py_cachify.arguments import UNSET, UnsetType
from py_cachify.backends.memory import MemoryClient
from py_cachify.cachify import Cachify, init_cachify, pooled
from py_cachify.clients import AsyncClient, SyncClient
from py_cachify.decorators import WrappedFunctionPool
from py_cachify.errors import (
    CachifyDeadlockError,
    CachifyError,
    CachifyInitError,
    CachifyPoolFullError,
    CachifyPoolTimeoutError,
)
from py_cachify.pools import pool


__all__ = [
    'UNSET',
    'AsyncClient',
    'Cachify',
    'CachifyDeadlockError',
    'CachifyError',
    'CachifyInitError',
    'CachifyPoolFullError',
    'CachifyPoolTimeoutError',
    'MemoryClient',
    'SyncClient',
    'UnsetType',
    'WrappedFunctionPool',
    'init_cachify',
    'pool',
    'pooled',
]
