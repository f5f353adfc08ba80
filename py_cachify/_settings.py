"""What ``init_cachify()`` sets, and the global settings."""

from typing import NamedTuple

from py_cachify._slots import SlotSpec
from py_cachify.arguments import UnsetType
from py_cachify.backends._choose import Backends
from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.errors import CachifyInitError


class Settings(NamedTuple):
    """Where pools are kept, and the defaults of their arguments."""

    backends: Backends
    prefix: str
    default_slot_exp: float | None

    def slot_spec(self, key: str, max_size: int, slot_exp: float | UnsetType | None) -> SlotSpec:
        """Return the arguments of an acquire, with the prefix and the default life."""
        if isinstance(slot_exp, UnsetType):
            slot_exp = self.default_slot_exp
        return SlotSpec(self.prefix + key, max_size, slot_exp)

    def sync_backend(self) -> Backend:
        """Return the backend for threads; raise ``CachifyInitError`` without a client for them."""
        if self.backends.sync is None:
            raise CachifyInitError(_no_client('sync_client', 'synchronously'))
        return self.backends.sync

    def async_backend(self) -> AsyncBackend | MemoryBackend:
        """Return the backend for asyncio; raise ``CachifyInitError`` without a client for it."""
        if self.backends.asynchronous is None:
            raise CachifyInitError(_no_client('async_client', 'asynchronously'))
        return self.backends.asynchronous


def _no_client(argument: str, use: str) -> str:
    return f'this pool was used {use}, but init_cachify() received no {argument}: pass {argument}=... too'


_global_settings: Settings | None = None


def set_global_settings(settings: Settings) -> None:
    """Make the global ``pool`` and ``@pooled`` use these settings from now on."""
    global _global_settings
    _global_settings = settings


def global_settings() -> Settings:
    """Return the settings of the last ``init_cachify()`` with ``is_global=True``.

    Raises ``CachifyInitError`` if there was none.
    """
    if _global_settings is None:
        raise CachifyInitError('call init_cachify() before you use a pool')
    return _global_settings
