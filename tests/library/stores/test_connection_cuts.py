"""The connection is cut at every point, with and without the client's retries, sync and async.

Whatever was cut, nobody gets a second slot, no slot stays, and no holder is refused by its own
slot.
"""

import asyncio
import itertools
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from py_cachify import init_cachify, pool
from tests.support.proxy import CUTS, CuttingProxy, cutting_proxy


# Each operation is one request, repeated at most twice here.
POINTS = 5
ONE_CUT = [{number: cut} for number in range(1, POINTS) for cut in CUTS]
TWO_CUTS = [
    {first: cut, second: other}
    for first, second in itertools.combinations(range(1, POINTS), 2)
    for cut, other in itertools.product(CUTS, CUTS)
]


@pytest.fixture
def proxy(socket: str) -> Iterator[CuttingProxy]:
    with cutting_proxy(socket) as made:
        yield made


def clients(proxy: CuttingProxy, repeats: int) -> tuple[Any, Any]:
    """Clients that send the server no greeting, so that each request is the library's."""
    plain: Any = {'unix_socket_path': proxy.path, 'protocol': 2, 'driver_info': None}
    return (
        redis.Redis(retry=Retry(NoBackoff(), repeats), **plain),
        redis.asyncio.Redis(retry=AsyncRetry(NoBackoff(), repeats), **plain),
    )


def run_once(side: str, proxy: CuttingProxy, repeats: int, body: list[str]) -> None:
    """Enter and leave a pool of one; ``body`` receives whether the body ran, and the size then."""
    sync, asynchronous = clients(proxy, repeats)
    init_cachify(sync, asynchronous)
    single = pool('reports', max_size=1, slot_exp=60)
    if side == 'sync':
        try:
            with single:
                body.append('ran')
        finally:
            sync.close()
        return

    async def main() -> None:
        try:
            async with single:
                body.append('ran')
        finally:
            await asynchronous.aclose()

    asyncio.run(main())


@pytest.fixture(autouse=True)
def _scripts_are_known(server: 'redis.Redis', socket: str) -> None:
    """So that a run without cuts is two requests: one acquire, one release."""
    init_cachify(server)
    with pool('warm', max_size=1) as warm:
        warm.size()


@pytest.mark.parametrize('side', ['sync', 'async'])
def test_without_a_cut_it_is_one_request_each(proxy: CuttingProxy, side: str) -> None:
    """The numbers of the other tests count these."""
    proxy.start_counting({})
    body: list[str] = []
    run_once(side, proxy, 0, body)

    assert (body, proxy.requests) == (['ran'], 2)


@pytest.mark.parametrize('cuts', ONE_CUT + TWO_CUTS, ids=str)
@pytest.mark.parametrize('side', ['sync', 'async'])
def test_a_client_that_repeats_notices_no_cut(
    proxy: CuttingProxy, server: 'redis.Redis', side: str, cuts: dict[int, str]
) -> None:
    """With two retries for each request, one or two cuts anywhere change nothing."""
    proxy.start_counting(cuts)
    body: list[str] = []
    run_once(side, proxy, 2, body)

    assert body == ['ran']
    assert server.zcard('PYC-reports') == 0


@pytest.mark.parametrize('cuts', ONE_CUT, ids=str)
@pytest.mark.parametrize('side', ['sync', 'async'])
def test_one_cut_leaves_no_slot_also_without_repeats(
    proxy: CuttingProxy, server: 'redis.Redis', side: str, cuts: dict[int, str]
) -> None:
    """A cut acquire raises the client's error and is undone; a cut release is requested again."""
    proxy.start_counting(cuts)
    body: list[str] = []
    if 1 in cuts:
        with pytest.raises(redis.ConnectionError):
            run_once(side, proxy, 0, body)
        assert body == []
    else:
        run_once(side, proxy, 0, body)
        assert body == ['ran']

    assert server.zcard('PYC-reports') == 0


@pytest.mark.parametrize('cuts', TWO_CUTS, ids=str)
@pytest.mark.parametrize('side', ['sync', 'async'])
def test_where_two_cuts_leave_a_slot_it_is_said_and_expires(
    proxy: CuttingProxy,
    server: 'redis.Redis',
    side: str,
    cuts: dict[int, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Both requests cut before the server saw the second one: only the expiry can free the slot."""
    proxy.start_counting(cuts)
    body: list[str] = []
    caplog.set_level(logging.WARNING, logger='py_cachify')
    failed = None
    try:
        run_once(side, proxy, 0, body)
    except redis.ConnectionError as error:
        failed = error

    acquired_unknown = cuts.get(1) in ('before the reply', 'within the reply')
    undo_lost = cuts.get(2) == 'before the request'
    release_lost = cuts.get(2) == cuts.get(3) == 'before the request'
    left = (acquired_unknown and undo_lost) or (1 not in cuts and release_lost)
    assert server.zcard('PYC-reports') == left
    if left:
        assert 0 < server.pttl('PYC-reports') <= 60_001
        report = '\n'.join([caplog.text, *getattr(failed, '__notes__', [])])
        assert 'until it expires' in report
    assert (failed is not None) == (1 in cuts)
    assert body == ([] if 1 in cuts else ['ran'])
