"""A pool of execution slots that many processes share.

At most ``max_size`` holders at a time, over Redis, Valkey, memory, or any client with an atomic
set-if-not-exists; a crashed holder's slot comes back when it expires::

    from py_cachify import init_cachify, pool

    init_cachify(redis.Redis())

    with pool('reports', max_size=3, slot_exp=120):
        make_report()

Everything that a program needs is imported from here.  The modules below are public too, for those who write a
backend, a driver or a simulation.  Every other module begins with an underscore and may change at any time.

====================  ===================================================================================
``arguments``         the checks of arguments, which the workbench shares
``errors``            what the library raises
``clients``           what a client must be able to do
``commands``          what a protocol asks of a store, one indivisible request at a time
``protocols``         how a slot is taken, given back and counted: once, for threads, asyncio and simulation
``drivers``           run a protocol to its result, for threads and for asyncio
``backends``          carry out commands in memory, on Redis and Valkey, or on any client
``decorators``        what ``@pooled`` makes of a function
``pools``             ``pool``, as a context manager and a decorator factory
``cachify``           ``init_cachify`` and ``Cachify``
====================  ===================================================================================

The modules stand in layers, here from the ground up: each imports only those above it in this table.  Between
``backends`` and ``decorators`` stand the private ``_slots``, which takes a slot for a body and gives it back, and
``_settings``, which holds what ``init_cachify()`` was given.
"""

from py_cachify.arguments import UNSET, UnsetType
from py_cachify.backends.memory import MemoryClient
from py_cachify.cachify import Cachify, init_cachify, pooled
from py_cachify.clients import AsyncClient, SyncClient
from py_cachify.decorators import WrappedFunctionPool
from py_cachify.errors import CachifyError, CachifyInitError, CachifyPoolFullError
from py_cachify.pools import pool


__all__ = [
    'UNSET',
    'AsyncClient',
    'Cachify',
    'CachifyError',
    'CachifyInitError',
    'CachifyPoolFullError',
    'MemoryClient',
    'SyncClient',
    'UnsetType',
    'WrappedFunctionPool',
    'init_cachify',
    'pool',
    'pooled',
]
