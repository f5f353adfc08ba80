"""The library's exceptions.

A wrong argument raises a plain ``TypeError`` or ``ValueError``.  Errors of the server and the
network are neither: whatever the client raised passes through.
"""

from typing import Any, overload


class CachifyError(Exception):
    """The base class of the library's exceptions."""


class CachifyInitError(CachifyError):
    """A pool was used without a client.

    Either ``init_cachify()`` was not called, or it received no client for this side: threads or
    asyncio.
    """


class CachifyPoolFullError(CachifyError):
    """The pool was full.

    Every slot was taken at one instant during the call; with a client of the plain contract, each
    slot was taken when it was checked.

    Beside a queue, free slots count as taken, because they are promised to those who wait.

    Your own code and mocks may raise it as well: without arguments, or with a text.

    Attributes:
        key: the pool's key, without the prefix; empty if it was raised without a pool.
        max_size: the number of slots that the caller allowed; 0 if it was raised without a pool.
        reason: why it is full, in words; empty if it was raised without a pool.

    Example::

        raise CachifyPoolFullError('all printers are busy')
    """

    key: str
    max_size: int
    reason: str

    @overload
    def __init__(self, text: str = ..., /) -> None: ...
    @overload
    def __init__(self, key: str, max_size: int, reason: str = ...) -> None: ...
    def __init__(self, key: str = '', max_size: int | None = None, reason: str = '') -> None:
        if max_size is None:
            super().__init__(*filter(None, [key]))
            self.key, self.max_size = '', 0
        else:
            super().__init__(key, max_size, *filter(None, [reason]))
            self.key, self.max_size = key, max_size
        self.reason = reason or (taken_slots(self.max_size) if self.max_size else '')

    def __str__(self) -> str:
        if len(self.args) < 2:
            return Exception.__str__(self) or 'the pool is full'
        return f'pool {self.key!r} is full: {self.reason}'

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args


class CachifyPoolTimeoutError(CachifyPoolFullError):
    """The time to wait for a slot was up, and the pool was still full.

    The builtin ``TimeoutError`` is no base class of it, because that is an ``OSError``.

    Attributes:
        key, max_size: as for ``CachifyPoolFullError``.
        waited: how long it waited, in seconds; 0 if it was raised without a pool.

    Example::

        try:
            with pool('reports', max_size=3, wait=10):
                make_report()
        except CachifyPoolTimeoutError as error:
            print(f'no slot within {error.waited:.0f} s')
    """

    waited: float

    @overload
    def __init__(self, text: str = ..., /) -> None: ...
    @overload
    def __init__(self, key: str, max_size: int, waited: float = ...) -> None: ...
    def __init__(self, key: str = '', max_size: int | None = None, waited: float = 0.0) -> None:
        if max_size is None:
            super().__init__(key)
        else:
            slots = 'its only slot' if max_size == 1 else f'one of its {max_size} slots'
            super().__init__(key, max_size, f'waited {waited:.3g} s for {slots}')
            self.args = key, max_size, waited
        self.waited = waited


class CachifyDeadlockError(CachifyError):
    """Somebody would have waited for a slot that only itself could give back.

    It is raised instead of waiting, where this can be seen: with ``wait=None`` by the task or the
    thread that holds all slots of the pool, if a pool that may wait took them; and by a ``with``
    that would wait in a thread whose event loop runs the tasks that hold all slots.
    """


class CachifySlotLostError(CachifyError):
    """A slot was lost while it was held: it expired, or the store no longer has it.

    Somebody else may hold it now.

    Attributes:
        key: the pool's key, without the prefix; empty if it was raised without a pool.
        token: the token of the slot; empty if it was raised without a pool.
        reason: why it was lost, in words; empty if it was raised without a pool.

    Example::

        with pool('reports', max_size=3, slot_exp=30, renew_for=None) as slot:
            for report in reports:
                slot.raise_if_lost()
                make(report)
    """

    key: str
    token: str
    reason: str

    @overload
    def __init__(self, text: str = ..., /) -> None: ...
    @overload
    def __init__(self, key: str, token: str, reason: str = ...) -> None: ...
    def __init__(self, key: str = '', token: str | None = None, reason: str = '') -> None:
        if token is None:
            super().__init__(*filter(None, [key]))
            self.key, self.token = '', ''
        else:
            super().__init__(key, token, *filter(None, [reason]))
            self.key, self.token = key, token
        self.reason = reason or ('it expired, or the store no longer has it' if self.token else '')

    def __str__(self) -> str:
        if len(self.args) < 2:
            return Exception.__str__(self) or 'a slot was lost'
        return f'pool {self.key!r}: the slot was lost: {self.reason} [token {self.token}]'

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args


def taken_slots(max_size: int) -> str:
    """Return in words that all slots are taken."""
    return 'its only slot is taken' if max_size == 1 else f'all {max_size} slots are taken'
