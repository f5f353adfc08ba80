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
``events``            what listeners are told about each attempt to take a slot
``observing``         ``observe()``, which adds listeners
``occupants``         who holds the slots of a pool, and who waits for one
``renewals``          when slots are renewed
``pauses``            when a waiter asks again, and when its time is up
``protocols``         how a slot is taken, given back and counted: written once, for threads,
                      asyncio and simulation
``drivers``           run a protocol to its result, for threads and for asyncio
``backends``          carry out commands in memory, on Redis and Valkey, or with any client
``slots``             ``Slot``, what a ``with pool(...)`` gives, and ``current_slot()``
``decorators``        the functions that ``@pooled`` returns
``pools``             ``pool``, as a context manager and a decorator factory
``cachify``           ``init_cachify`` and ``Cachify``
``recording``         record attempts in a file, and read it again
``testing``           pools in memory for your tests, and a clock that only they move
``metrics``           listeners that count for Prometheus and OpenTelemetry
``ctl``               ``pool-ctl``, which shows the pools of a server from outside
====================  ==============================================================================

The table lists the lowest layer first: each module imports only modules listed before it.  Between
``backends`` and ``decorators`` are private modules: ``_taking`` and ``_waiting`` take a slot,
``_giving_back`` gives it back, ``_watching`` renews it meanwhile and notices its loss, and
``_settings`` holds the arguments of ``init_cachify()``.
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
    CachifySlotLostError,
)
from py_cachify.events import Event
from py_cachify.observing import Observation, observe
from py_cachify.occupants import Holder, Waiter
from py_cachify.pools import pool
from py_cachify.slots import Slot, current_slot


__all__ = [
    'UNSET',
    'AsyncClient',
    'Cachify',
    'CachifyDeadlockError',
    'CachifyError',
    'CachifyInitError',
    'CachifyPoolFullError',
    'CachifyPoolTimeoutError',
    'CachifySlotLostError',
    'Event',
    'Holder',
    'MemoryClient',
    'Observation',
    'Slot',
    'SyncClient',
    'UnsetType',
    'Waiter',
    'WrappedFunctionPool',
    'current_slot',
    'init_cachify',
    'observe',
    'pool',
    'pooled',
]
