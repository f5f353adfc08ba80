"""Count and list the slots of a pool, and those who wait for one."""

from typing import TypeVar

from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.commands import Listed, Steps
from py_cachify.drivers import arun, run
from py_cachify.occupants import Holder, Waiter, make_holder, make_waiter
from py_cachify.protocols import SlotProtocol


R = TypeVar('R')


def size(backend: Backend, key: str, max_size: int) -> int:
    """Return the number of live slots of a pool."""
    return run(backend.protocol.size(key, max_size), backend.perform)


async def asize(backend: AsyncBackend | MemoryBackend, key: str, max_size: int) -> int:
    """Return the number of live slots of a pool, from asyncio."""
    return await _arun(backend, backend.protocol.size(key, max_size))


def queue_size(backend: Backend, key: str) -> int:
    """Return how many wait for a slot of a pool."""
    return run(_count_waiting(backend.protocol, key), backend.perform)


async def aqueue_size(backend: AsyncBackend | MemoryBackend, key: str) -> int:
    """Return how many wait for a slot of a pool, from asyncio."""
    return await _arun(backend, _count_waiting(backend.protocol, key))


def holders(backend: Backend, key: str, max_size: int) -> list[Holder]:
    """Return who holds the slots of a pool."""
    return _as_holders(run(_list_slots(backend.protocol, key, max_size), backend.perform))


async def aholders(backend: AsyncBackend | MemoryBackend, key: str, max_size: int) -> list[Holder]:
    """Return who holds the slots of a pool, from asyncio."""
    return _as_holders(await _arun(backend, _list_slots(backend.protocol, key, max_size)))


def queue(backend: Backend, key: str) -> list[Waiter]:
    """Return who waits for a slot of a pool."""
    return _as_waiters(run(_list_waiting(backend.protocol, key), backend.perform))


async def aqueue(backend: AsyncBackend | MemoryBackend, key: str) -> list[Waiter]:
    """Return who waits for a slot of a pool, from asyncio."""
    return _as_waiters(await _arun(backend, _list_waiting(backend.protocol, key)))


async def _arun(backend: AsyncBackend | MemoryBackend, steps: Steps[R]) -> R:
    if isinstance(backend, MemoryBackend):
        return run(steps, backend.perform)
    return await arun(steps, backend.aperform)


def _as_holders(slots: tuple[Listed, ...]) -> list[Holder]:
    return [make_holder(slot) for slot in sorted(slots, key=lambda slot: (slot.remaining or 0.0, slot.token))]


def _as_waiters(tickets: tuple[str, ...]) -> list[Waiter]:
    return [make_waiter(ticket, rank) for rank, ticket in enumerate(tickets)]


def _list_slots(protocol: SlotProtocol, key: str, max_size: int) -> Steps[tuple[Listed, ...]]:
    if protocol.holders is None:
        raise NotImplementedError(f'the protocol {protocol.name} cannot list its slots')
    return protocol.holders(key, max_size)


def _count_waiting(protocol: SlotProtocol, key: str) -> Steps[int]:
    if protocol.queue_size is None:
        raise _cannot_queue('queue_size()')
    return protocol.queue_size(key)


def _list_waiting(protocol: SlotProtocol, key: str) -> Steps[tuple[str, ...]]:
    if protocol.queue is None:
        raise _cannot_queue('queue()')
    return protocol.queue(key)


def _cannot_queue(method: str) -> NotImplementedError:
    return NotImplementedError(
        f'{method} needs a store that can queue, memory, Redis or Valkey: with a client of the plain contract, nobody'
        ' knows who waits'
    )
