"""A listener outlives nothing: neither its loop nor the waiters for long."""

import asyncio
import threading
from typing import Any

import fakeredis
import pytest

from py_cachify import CachifyPoolTimeoutError, init_cachify, pool
from tests.library.waiting.crowd import LIMIT


pytestmark = pytest.mark.quick


def test_a_client_that_swallows_a_cancellation_does_not_keep_the_loop_running(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time-out within the client may be mixed up with it; ``asyncio.run()`` ends nevertheless."""
    monkeypatch.setattr('py_cachify.backends._listening.IDLE', 1000.0)
    swallowed = threading.Event()
    listens = threading.Event()

    class Client(fakeredis.FakeAsyncRedis):
        def pubsub(self, **options: Any) -> Any:
            made = super().pubsub(**options)
            right = made.get_message

            async def get_message(*args: Any, **kwargs: Any) -> Any:
                listens.set()
                try:
                    return await right(*args, **kwargs)
                except asyncio.CancelledError:
                    if swallowed.is_set():
                        raise
                    swallowed.set()
                    return None

            monkeypatch.setattr(made, 'get_message', get_message)
            return made

    async def main() -> None:
        init_cachify(async_client=Client())
        async with pool('reports', max_size=1):
            while not listens.is_set():
                with pytest.raises(CachifyPoolTimeoutError):
                    async with pool('reports', max_size=1, wait=0.05):
                        pass

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    thread.join(LIMIT / 4)
    assert not thread.is_alive()
    assert swallowed.is_set()
