"""A renewal that is on its way while its slot is given back finds it gone, and this is no loss."""

import asyncio
import logging
import threading
from typing import Any

import pytest

from py_cachify import MemoryClient, Slot, init_cachify, pool


class _ReleasesFirst(MemoryClient):
    """A store in which a slot is given back just before its first renewal arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.slot: Slot | None = None
        self.renewed = threading.Event()

    def renew_slots(self, key: str, renewals: Any) -> tuple[bool, ...]:
        slot, self.slot = self.slot, None
        if slot is not None:
            assert slot.release()
        there = super().renew_slots(key, renewals)
        # The next renewal comes after the reply to this one was taken in.
        self.renewed.set()
        return there


@pytest.mark.parametrize('renewed_by', ['thread', 'loop'])
def test_a_slot_that_is_released_during_its_renewal_is_not_lost(
    renewed_by: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither is ``on_lost`` called nor anything logged."""
    client = _ReleasesFirst()
    init_cachify(client)
    lost: list[Slot] = []
    reports = pool('reports', 2, 0.3, renew_for=None, on_lost=lost.append)
    logged = pool('reports', 2, 0.3, renew_for=None)

    async def hold_in_loop(one: pool) -> None:
        client.slot = slot = await one.aacquire()
        await asyncio.to_thread(client.renewed.wait, 10)
        await asyncio.sleep(0.05)
        assert (slot.lost, one.size()) == (False, 0)

    def hold_in_thread(one: pool) -> None:
        client.slot = slot = one.acquire()
        assert client.renewed.wait(10)
        threading.Event().wait(0.05)
        assert (slot.lost, one.size()) == (False, 0)

    for one in (reports, logged):
        client.renewed.clear()
        with caplog.at_level(logging.WARNING, 'py_cachify'):
            if renewed_by == 'loop':
                asyncio.run(hold_in_loop(one))
            else:
                hold_in_thread(one)

    assert lost == []
    assert caplog.messages == []
