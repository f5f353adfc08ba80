"""What ``init_cachify()`` sets, and the global settings."""

from collections.abc import Callable
from typing import NamedTuple

from py_cachify._options import DEFAULTS, Options, check_renewable
from py_cachify._spec import SlotSpec
from py_cachify.arguments import UnsetType
from py_cachify.backends._choose import Backends
from py_cachify.backends.atomic import new_tuple
from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.errors import CachifyInitError
from py_cachify.observing import Audience, Observation
from py_cachify.tokens import LONGEST_LABEL, make_terms


class Settings(NamedTuple):
    """Where pools are kept, and the defaults of their arguments."""

    backends: Backends
    prefix: str
    default_slot_exp: float | None
    identify: bool = True
    observations: tuple[Observation, ...] = ()

    def slot_spec(
        self,
        key: str,
        max_size: int,
        slot_exp: float | UnsetType | None,
        options: Options = DEFAULTS,
        template: str | None = None,
    ) -> SlotSpec:
        """Return the arguments of an acquire, with the prefix and the default life.

        ``template`` is the key as it was written for a decorated function.

        Raises:
            ValueError: the slots would be renewed, and never expire by default.
        """
        if isinstance(slot_exp, UnsetType):
            slot_exp = self.default_slot_exp
        check_renewable(options.renew_for, slot_exp)
        # Cut here, because what makes the terms keeps its arguments.
        label = options.label[:LONGEST_LABEL]
        terms = make_terms(max_size, slot_exp, label, options.renews, self.identify)
        is_plain = options is DEFAULTS and not self.observations
        return SlotSpec(
            self.prefix + key,
            max_size,
            slot_exp,
            terms,
            key,
            options,
            self.backends,
            is_plain,
            template,
            self.observations,
            self.prefix,
        )

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


class Specs:
    """Makes the arguments of the acquires of one pool, or of one decorated function.

    What does not change from call to call is kept, because a pool in memory notices the time.
    """

    def __init__(
        self, max_size: int, slot_exp: float | UnsetType | None, options: Options, template: str | None
    ) -> None:
        self._arguments = max_size, slot_exp, options, template
        self._last: tuple[Settings | None, str, SlotSpec | None] = None, '', None

    def make(self, settings: Settings, key: str) -> SlotSpec:
        """Return the arguments of an acquire; see :meth:`Settings.slot_spec`."""
        # Read once, because another thread may replace it.
        made_for, last_key, spec = self._last
        if made_for is settings and spec is not None:
            if last_key == key:
                return spec
            _, max_size, slot_exp, terms, _, *others = spec
            made: SlotSpec = new_tuple(SlotSpec, (settings.prefix + key, max_size, slot_exp, terms, key, *others))
            return made
        spec = settings.slot_spec(key, *self._arguments)
        self._last = settings, key, spec
        return spec


def _no_client(argument: str, use: str) -> str:
    return f'this pool was used {use}, but init_cachify() received no {argument}: pass {argument}=... too'


class Place(Audience):
    """Where the settings of one ``init_cachify()`` are, because listeners come and go.

    Attributes:
        settings: what pools use; another object whenever the listeners have changed, so that pools
            make anew what they keep, and need not ask who listens.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        super().__init__()

    def current(self) -> Settings:
        """Return the settings."""
        return self.settings

    def note(self, observations: tuple[Observation, ...]) -> None:
        self._keep(self.settings._replace(observations=observations))

    def put(self, settings: Settings) -> None:
        """Let pools use other settings from now on; who listens stays the same."""
        listening = self.settings.observations
        self._keep(settings if settings.observations == listening else settings._replace(observations=listening))

    def _keep(self, settings: Settings) -> None:
        global _global_settings
        self.settings = settings
        if _global_place is self:
            _global_settings = settings


_global_place: Place | None = None
_global_settings: Settings | None = None
"""Those of the place, kept because reading them takes less time."""


_before_use: Callable[[Place], object] | None = None


def set_before_use(call: Callable[[Place], object] | None) -> Callable[[Place], object] | None:
    """Call a function with each place before it becomes the global one; return the last function.

    A test keeps pools in memory by it, so that not one request reaches a server.
    """
    global _before_use
    last, _before_use = _before_use, call
    return last


def set_global_place(place: Place | None) -> Place | None:
    """Make the global ``pool`` and ``@pooled`` use this place from now on; return the last one."""
    global _global_place, _global_settings
    if place is not None and _before_use is not None:
        _before_use(place)
    before, _global_place = _global_place, place
    _global_settings = None if place is None else place.settings
    return before


def global_place() -> Place | None:
    """Return the place of the global settings; ``None`` if there are none."""
    return _global_place


def global_settings() -> Settings:
    """Return the settings of the last ``init_cachify()`` with ``is_global=True``.

    Raises ``CachifyInitError`` if there was none.
    """
    if _global_settings is None:
        raise CachifyInitError('call init_cachify() before you use a pool')
    return _global_settings
