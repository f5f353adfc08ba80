"""What ``init_cachify()`` settles, and the one that is global."""

from typing import NamedTuple

from py_cachify._slots import Wanted
from py_cachify.arguments import UnsetType
from py_cachify.backends._choose import Backends
from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.errors import CachifyInitError


class Settings(NamedTuple):
    """Where the pools are kept, and what holds where a pool says nothing."""

    backends: Backends
    prefix: str
    default_slot_exp: float | None

    def wanted(self, key: str, max_size: int, slot_exp: float | UnsetType | None) -> Wanted:
        """A slot of the pool ``key`` as the store is asked for it."""
        if isinstance(slot_exp, UnsetType):
            slot_exp = self.default_slot_exp
        return Wanted(self.prefix + key, max_size, slot_exp)

    def sync_backend(self) -> Backend:
        """Where threads keep their slots; ``CachifyInitError`` if no client was given for them."""
        if self.backends.sync is None:
            raise CachifyInitError(_no_client('sync_client', 'synchronously'))
        return self.backends.sync

    def async_backend(self) -> AsyncBackend | MemoryBackend:
        """Where tasks keep their slots; ``CachifyInitError`` if no client was given for them."""
        if self.backends.asynchronous is None:
            raise CachifyInitError(_no_client('async_client', 'asynchronously'))
        return self.backends.asynchronous


def _no_client(argument: str, how: str) -> str:
    return f'this pool was used {how}, but init_cachify() was given no {argument}: pass {argument}=... as well'


_global_settings: Settings | None = None


def set_global_settings(settings: Settings) -> None:
    """From here on the global ``pool`` and ``@pooled`` use these."""
    global _global_settings
    _global_settings = settings


def global_settings() -> Settings:
    """Those of the last ``init_cachify()`` with ``is_global=True``; ``CachifyInitError`` without one."""
    if _global_settings is None:
        raise CachifyInitError('call init_cachify() before a pool is used')
    return _global_settings
