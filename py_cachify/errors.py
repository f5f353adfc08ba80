"""What the library raises of its own.

An argument that is wrong is a plain ``TypeError`` or ``ValueError``.  An error of the server or the
network is none of these: it passes through as what the client raised.
"""

from typing import Any


class CachifyError(Exception):
    """The base of everything that the library raises of its own."""


class CachifyInitError(CachifyError):
    """A pool was used without a client: ``init_cachify()`` was not called, or had none for this side."""


class CachifyPoolFullError(CachifyError):
    """Every slot of the pool was taken at one instant during the call.

    Attributes:
        key: the pool's key, without the prefix.
        max_size: how many slots the caller allowed that pool to have.
    """

    key: str
    max_size: int

    def __init__(self, key: str, max_size: int) -> None:
        super().__init__(key, max_size)
        self.key = key
        self.max_size = max_size

    def __str__(self) -> str:
        taken = 'its only slot is taken' if self.max_size == 1 else f'all {self.max_size} slots are taken'
        return f'pool {self.key!r} is full: {taken}'

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.key, self.max_size)
