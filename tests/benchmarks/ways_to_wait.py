"""The ways to wait for a slot: the library's, retrying, and a signal through ``BLPOP``."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from py_cachify import CachifyPoolFullError, init_cachify
from tests.benchmarks.clients import make_client
from tests.benchmarks.polls import PollCounter, counting_client
from tests.benchmarks.sizes import BACK_OFF, ENOUGH_CONNECTIONS, MAX_SIZE
from tests.benchmarks.waiting import AsyncWait, Wait


TOKENS = 'waiting-tokens'
_LONGEST_BLPOP = 4
"""In seconds: less than the client's own time-out of a read, which is 5 s."""


# --- the library


def waiting(client: Any) -> Callable[[], Wait]:
    """Return what threads wait with, which share one pool object."""
    shared = init_cachify(client, is_global=False).pool('waiting', MAX_SIZE, wait=None)

    def wait(body: Callable[[], None]) -> None:
        with shared:
            body()

    return lambda: wait


def async_waiting(client: Any) -> Callable[[], AsyncWait]:
    """Return what tasks wait with, which share one pool object."""
    shared = init_cachify(None, client, is_global=False).pool('waiting', MAX_SIZE, wait=None)

    async def wait(body: Callable[[], Awaitable[None]]) -> None:
        async with shared:
            await body()

    return lambda: wait


# --- the same pool without waiting, tried again each millisecond


def retrying(client: Any) -> Callable[[], Wait]:
    """Return what threads try again with, which share one pool object."""
    shared = init_cachify(client, is_global=False).pool('retrying', MAX_SIZE)

    def wait(body: Callable[[], None]) -> None:
        while True:
            try:
                with shared:
                    return body()
            except CachifyPoolFullError:
                time.sleep(BACK_OFF)

    return lambda: wait


def async_retrying(client: Any) -> Callable[[], AsyncWait]:
    """Return what tasks try again with, which share one pool object."""
    shared = init_cachify(None, client, is_global=False).pool('retrying', MAX_SIZE)

    async def wait(body: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                async with shared:
                    return await body()
            except CachifyPoolFullError:
                await asyncio.sleep(BACK_OFF)

    return lambda: wait


# --- a list of tokens: `BLPOP` takes one, `RPUSH` gives it back.  The server serves those that are
# blocked in order of arrival.  Nothing gives back the token of a holder that crashed.


def signal(client: Any) -> Callable[[], Wait]:
    """Return what threads wait with, and make the tokens."""
    fill(client)
    return _signal(client)


def _signal(client: Any) -> Callable[[], Wait]:
    def wait(body: Callable[[], None]) -> None:
        while client.blpop([TOKENS], timeout=_LONGEST_BLPOP) is None:
            pass
        try:
            body()
        finally:
            client.rpush(TOKENS, b'1')

    return lambda: wait


def async_signal(client: Any, sync_client: Any) -> Callable[[], AsyncWait]:
    """Return what tasks wait with; ``sync_client`` makes the tokens."""
    fill(sync_client)

    async def wait(body: Callable[[], Awaitable[None]]) -> None:
        while await client.blpop([TOKENS], timeout=_LONGEST_BLPOP) is None:
            pass
        try:
            await body()
        finally:
            await client.rpush(TOKENS, b'1')

    return lambda: wait


def fill(client: Any) -> None:
    """Make the tokens."""
    client.delete(TOKENS)
    client.rpush(TOKENS, *[b'1'] * MAX_SIZE)


# --- the same for each of several processes, from the socket of the server


def waiting_at(socket: str) -> tuple[Callable[[], Wait], PollCounter]:
    """Return what the threads of a process wait with."""
    return waiting(make_client(socket, ENOUGH_CONNECTIONS)), PollCounter()


def counted_at(socket: str) -> tuple[Callable[[], Wait], PollCounter]:
    """Return what the threads of a process wait with, and what counts their polls in vain."""
    counter = PollCounter()
    return waiting(counting_client(socket, counter)), counter


def retrying_at(socket: str) -> tuple[Callable[[], Wait], PollCounter]:
    """Return what the threads of a process try again with."""
    return retrying(make_client(socket, ENOUGH_CONNECTIONS)), PollCounter()


def signal_at(socket: str) -> tuple[Callable[[], Wait], PollCounter]:
    """Return what the threads of a process wait with; somebody else makes the tokens."""
    return _signal(make_client(socket, ENOUGH_CONNECTIONS)), PollCounter()
