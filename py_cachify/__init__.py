"""A pool of execution slots that many processes share.

At most ``max_size`` holders at a time, over Redis, Valkey, memory, or any client with an atomic
set-if-not-exists; a crashed holder's slot comes back when it expires::

    from py_cachify import init_cachify, pool

    init_cachify(redis.Redis())

    with pool('reports', max_size=3, slot_exp=120):
        make_report()
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
