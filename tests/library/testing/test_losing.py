"""Slots that a test takes away are lost for their holders at once, with all that follows."""

import asyncio
import logging

import pytest

from py_cachify import CachifySlotLostError, Slot, current_slot, pool, pooled
from py_cachify.testing import Pools


pytestmark = pytest.mark.quick


def test_the_holder_learns_it_at_once(cachify_pools: Pools) -> None:
    """Whether its slot is renewed or not."""
    plain, renewed = pool('reports', max_size=2).acquire(), pool('reports', max_size=2, renew_for=None).acquire()
    assert cachify_pools.lose('reports') == 2
    for slot in (plain, renewed):
        assert slot.lost
        with pytest.raises(CachifySlotLostError, match='the store no longer has it'):
            slot.raise_if_lost()
    assert cachify_pools.size('reports') == 0
    assert [event.kind for event in cachify_pools.events].count('lost') >= 1


def test_the_exit_raises(cachify_pools: Pools) -> None:
    with pytest.raises(CachifySlotLostError), pool('reports', max_size=1, on_lost='raise'):
        cachify_pools.lose('reports')


def test_a_task_is_cancelled(cachify_pools: Pools) -> None:
    reached = []

    async def work() -> None:
        async with pool('reports', max_size=1, on_lost='cancel'):
            reached.append('body')
            cachify_pools.lose('reports')
            await asyncio.sleep(60)
            reached.append('end')

    with pytest.raises(CachifySlotLostError):
        asyncio.run(work())
    assert reached == ['body']


def test_a_function_is_called_with_the_slot(cachify_pools: Pools) -> None:
    lost: list[Slot] = []

    @pooled('mail-{user_id}', max_size=1, on_lost=lost.append)
    def send_mail(user_id: int) -> Slot | None:
        cachify_pools.lose(f'mail-{user_id}')
        return current_slot()

    assert [send_mail(7)] == lost


def test_others_keep_their_slots(cachify_pools: Pools) -> None:
    slot, other = pool('reports', max_size=1).acquire(), pool('import', max_size=1).acquire()
    with cachify_pools.full('reports', max_size=3):
        assert cachify_pools.lose('reports') == 1
        assert pool('reports', max_size=3).size() == 3
    assert [each.lost for each in (slot, other)] == [True, False]


def test_a_slot_is_lost_when_it_expires_on_the_way(cachify_pools: Pools, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, 'py_cachify'), pool('reports', max_size=1, slot_exp=30) as slot:
        lost = []
        for seconds in (29, 1):
            cachify_pools.advance(seconds)
            lost.append(slot.lost)
        assert lost == [False, True]
    assert 'the body ran for 30' in caplog.text


def test_a_slot_is_renewed_on_the_way(cachify_pools: Pools) -> None:
    with pool('reports', max_size=1, slot_exp=30, renew_for=3600) as slot:
        lost = []
        for seconds in (3600, 31):
            cachify_pools.advance(seconds)
            lost.append(slot.lost)
        assert lost == [False, True]


def test_a_pool_without_slots_has_none_to_lose(cachify_pools: Pools) -> None:
    """So a wrong key does not pass in silence."""
    with pytest.raises(ValueError, match=r"pool 'report' has no slot to lose.*no slot of any pool is held"):
        cachify_pools.lose('report')
    with pool('reports', max_size=1), cachify_pools.full('import', max_size=1):
        for key in ('report', 'import'):
            with pytest.raises(ValueError, match=rf"pool '{key}' has no slot to lose.*slots are held of 'reports'"):
                cachify_pools.lose(key)
