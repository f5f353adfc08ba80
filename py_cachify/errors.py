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

    Your own code and mocks may raise it as well: without arguments, or with a text.

    Attributes:
        key: the pool's key, without the prefix; empty if it was raised without a pool.
        max_size: the number of slots that the caller allowed; 0 if it was raised without a pool.

    Example::

        raise CachifyPoolFullError('all printers are busy')
    """

    key: str
    max_size: int

    @overload
    def __init__(self, text: str = ..., /) -> None: ...
    @overload
    def __init__(self, key: str, max_size: int) -> None: ...
    def __init__(self, key: str = '', max_size: int | None = None) -> None:
        if max_size is None:
            super().__init__(*filter(None, [key]))
            self.key, self.max_size = '', 0
        else:
            super().__init__(key, max_size)
            self.key, self.max_size = key, max_size

    def __str__(self) -> str:
        if len(self.args) < 2:
            return super().__str__() or 'the pool is full'
        taken = 'its only slot is taken' if self.max_size == 1 else f'all {self.max_size} slots are taken'
        return f'pool {self.key!r} is full: {taken}'

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args
