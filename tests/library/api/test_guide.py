"""The examples of the guide's chapter *Holding a slot* run as they stand, and do what it says."""

import ast
import asyncio
import contextlib
import gc
import inspect
import itertools
import re
import signal
import sqlite3
from collections import deque
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import fakeredis
import pytest

import py_cachify
from py_cachify import CachifySlotLostError, Holder, MemoryClient, Slot, Waiter, current_slot, init_cachify, pool
from py_cachify.backends.redis import RedisBackend
from py_cachify.testing import ManualClock
from tests import holder_life
from tests.support.paths import ROOT
from tests.support.stores import GUIDE


pytestmark = pytest.mark.quick

CHAPTER = GUIDE.read_text(encoding='utf-8').partition('\n## Holding a slot\n')[2].partition('\n## ')[0]
EXAMPLES = re.findall(r'```python\n(.*?)```', CHAPTER, re.DOTALL)


def example(part: str, **names: Any) -> dict[str, Any]:
    """Run the one example that contains a text, with these names; return its names afterwards."""
    [code] = [each for each in EXAMPLES if part in each]
    known = {name: getattr(py_cachify, name) for name in py_cachify.__all__} | names
    compiled = compile(code, 'README.md', 'exec', ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(compiled, known)
    if inspect.iscoroutine(result):
        asyncio.run(result)
    return known


@pytest.fixture
def clock() -> ManualClock:
    """The clock of the global pools, which a test moves."""
    made = ManualClock()
    init_cachify(MemoryClient(clock=made))
    return made


def test_a_body_of_many_lives_keeps_its_slot(clock: ManualClock) -> None:
    made = []

    def make(report: str) -> None:
        clock.advance(100)
        made.append(report)
        assert pool('reports', max_size=3).holders()[0].renewing

    example('for report in reports', reports=['a', 'b', 'c'], make=make)

    assert made == ['a', 'b', 'c']
    assert pool('reports', max_size=3).size() == 0


def test_the_body_learns_that_its_slot_was_lost(clock: ManualClock) -> None:
    made = []

    def make(report: str) -> None:
        made.append(report)
        slot = current_slot()
        assert slot is not None
        pool('reports', max_size=3).slot(slot.token).release()
        clock.advance(10)

    with pytest.raises(CachifySlotLostError):
        example('for report in reports', reports=['a', 'b', 'c'], make=make)

    assert made == ['a']


def test_a_decorated_function_renews_its_slot_by_itself(clock: ManualClock) -> None:
    labels: list[str] = []

    def send(_part: str) -> None:
        clock.advance(29)
        labels.extend(holder.label for holder in pool('mail-7', max_size=1).holders())

    send_mail = example('current_slot().renew()', send=send)['send_mail']
    send_mail(7, ['a', 'b', 'c'])

    assert labels == ['mail to 7'] * 3


def test_a_body_is_cancelled_when_its_slot_is_lost(clock: ManualClock) -> None:
    ended = []

    async def make_report() -> None:
        slot = current_slot()
        assert slot is not None
        pool('reports', max_size=3).slot(slot.token).release()
        clock.advance(10)
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError:
            ended.append('cancelled')
            raise

    with pytest.raises(CachifySlotLostError):
        example("on_lost='cancel'", make_report=make_report)

    assert ended == ['cancelled']


def test_a_slot_without_a_with(clock: ManualClock) -> None:
    def make_report() -> None:
        clock.advance(1000)
        assert pool('reports', max_size=3).size() == 1

    example('.acquire(wait=5)', make_report=make_report)

    assert pool('reports', max_size=3).size() == 0


def test_a_slot_that_is_released_by_its_token(clock: ManualClock) -> None:
    sent: list[str] = []
    [code] = [each for each in EXAMPLES if 'send_to_worker' in each]

    with pytest.raises(NameError, match='token'):
        example('send_to_worker', send_to_worker=sent.append)
    here, there = code.partition('# and in the worker:\n')[::2]
    known = {'pool': pool, 'send_to_worker': sent.append}
    exec(here, known)

    assert eval(there, {'pool': pool, 'token': sent[-1]}) is True
    assert there.endswith('# True: it was still there\n')
    assert eval(there, {'pool': pool, 'token': sent[-1]}) is False


def test_a_slot_that_is_handed_on_to_a_worker(clock: ManualClock) -> None:
    """The worker keeps it beyond its first life, and nothing is logged where it was taken."""
    queue: deque[tuple[list[str], str]] = deque()
    sizes = []

    def write(_part: str) -> None:
        clock.advance(59)
        sizes.append(pool('reports', max_size=3).size())

    names = example('queue.put', queue=SimpleNamespace(put=queue.append), write=write)
    names['order'](['a', 'b', 'c'])
    gc.collect()
    clock.advance(59)
    names['make'](*queue.popleft())

    assert sizes == [1, 1, 1]
    assert pool('reports', max_size=3).size() == 0


def test_a_slot_whose_message_was_late_is_lost(clock: ManualClock) -> None:
    queue: deque[tuple[list[str], str]] = deque()
    written: list[str] = []

    names = example('queue.put', queue=SimpleNamespace(put=queue.append), write=written.append)
    names['order'](['a'])
    clock.advance(61)
    with pytest.raises(CachifySlotLostError):
        names['make'](*queue.popleft())

    assert written == []


def test_who_took_a_slot_does_not_learn_that_it_is_renewed_elsewhere(clock: ManualClock) -> None:
    lost: list[Slot] = []
    slot = pool('reports', max_size=3, slot_exp=30, on_lost=lost.append).acquire()
    clock.advance(20)
    pool('reports', max_size=3, slot_exp=600).slot(slot.token).renew()
    [holder] = pool('reports', max_size=3).holders()
    clock.advance(11)

    assert holder.remaining == 30, 'it is renewed for the life with which it was taken'
    assert lost == [slot]
    assert slot.lost
    assert pool('reports', max_size=3).size() == 1


def test_a_token_of_another_pool_frees_nothing(clock: ManualClock) -> None:
    slot = pool('reports', max_size=3).acquire()

    assert pool('others', max_size=3).slot(slot.token).release() is False
    assert pool('reports', max_size=3).size() == 1
    assert slot.release()


def test_nothing_but_its_token_is_known_of_a_slot_that_was_taken_elsewhere(clock: ManualClock) -> None:
    slot = pool('reports', max_size=3).slot(pool('reports', max_size=3, fence=True).acquire().token)

    assert (slot.remaining, slot.lost, slot.fence) == (None, None, None)
    with pytest.raises(TypeError, match='taken elsewhere'):
        slot.raise_if_lost()
    assert pool('reports', max_size=3).slot(slot.token[1:]).release() is False
    assert pool('reports', max_size=3).size() == 1


@pytest.mark.parametrize('on_lost', ['raise', 'log'])
def test_the_loss_of_an_acquired_slot_is_logged_although_no_exit_can_raise(
    clock: ManualClock, on_lost: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """With ``'log'`` and without renewal it is not."""
    slot = pool('reports', max_size=3, slot_exp=30, on_lost=on_lost).acquire()
    clock.advance(31)

    assert slot.release() is False
    assert ['a slot was lost' in text for text in caplog.messages] == [True] * (on_lost == 'raise')


@pytest.mark.parametrize('on_lost', ['log', 'raise', 'function'])
def test_a_loss_that_only_the_release_at_the_end_finds(
    clock: ManualClock, on_lost: Any, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[Slot] = []
    noticed: list[bool | None] = []
    outcome: Any = (
        pytest.raises(CachifySlotLostError, match='by its token') if on_lost == 'raise' else contextlib.nullcontext()
    )

    with outcome, pool('reports', 3, on_lost=called.append if on_lost == 'function' else on_lost) as slot:
        pool('reports', max_size=3).slot(slot.token).release()
        noticed.append(slot.lost)
    noticed.append(slot.lost)

    assert noticed == [False, True]
    assert called == [slot] * (on_lost == 'function')
    assert ['somebody released it by its token' in text for text in caplog.messages] == [True] * (on_lost == 'log')


def test_the_exit_raises_although_an_expired_slot_was_released(clock: ManualClock) -> None:
    with pytest.raises(CachifySlotLostError):  # noqa: PT012 - the exit raises
        with pool('reports', max_size=3, slot_exp=30, on_lost='raise') as slot:
            clock.advance(31)
            assert slot.release() is False


def test_sigterm_gives_slots_back_if_it_raises() -> None:
    init_cachify()
    before = signal.getsignal(signal.SIGTERM)
    try:
        example('signal.SIGTERM')
        assert signal.getsignal(signal.SIGTERM) != before, 'or the tests would end'
        with pytest.raises(SystemExit), pool('reports', max_size=1):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert pool('reports', max_size=1).size() == 0


def test_a_resource_refuses_a_holder_that_was_overtaken() -> None:
    """Its last line raises what its comment says; the resource keeps what the later one wrote."""
    clock = ManualClock()
    init_cachify(MemoryClient(clock=clock))
    [code] = [each for each in EXAMPLES if 'sqlite3' in each]
    [said] = re.findall(r'# RuntimeError: (.*)\n', code)
    with contextlib.closing(sqlite3.connect(':memory:')) as database:
        names = {
            'sqlite3': SimpleNamespace(connect=lambda _: database),
            'time': SimpleNamespace(sleep=clock.advance),
        }
        with pytest.raises(RuntimeError) as refused:
            example('sqlite3', **names)
        assert str(refused.value) == said
        assert database.execute('SELECT text FROM report').fetchall() == [('new',)]


def test_who_holds_and_who_waits(capsys: pytest.CaptureFixture[str]) -> None:
    async def wait_in_vain(label: str) -> None:
        async with pool('reports', max_size=1, wait=None, label=label):
            raise AssertionError('it got a slot')

    async def main() -> None:
        waiters = []
        for label in ('first', 'second'):
            waiters.append(asyncio.create_task(wait_in_vain(label)))
            await asyncio.sleep(0)
        while pool('reports', max_size=1).queue_size() < len(waiters):  # noqa: ASYNC110 - nothing sets an event
            await asyncio.sleep(0)
        example('.holders()')
        for waiter in waiters:
            waiter.cancel()
        await asyncio.wait(waiters)

    init_cachify()
    with pool('reports', max_size=1, slot_exp=600, label='import of 14:00'):
        asyncio.run(main())

    held, *waiting = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r'import of 14:00 on \S+, process \d+, for another (600|599) s', held)
    assert waiting == ['first, after 0 others', 'second, after 1 others']


def test_a_claim_is_listed_as_a_holder_for_two_seconds() -> None:
    client: Any = fakeredis.FakeRedis(server=fakeredis.FakeServer())
    init_cachify(client)
    waiter = '1:another process-7:0:1795904095964:1:60.0:web-1:import:r:1'
    with pool('reports', max_size=1):
        RedisBackend(client).join_queue('PYC-reports', waiter, 1, 60, None)
        assert [each.token for each in pool('reports', max_size=1).queue()] == [waiter]

    [claim] = pool('reports', max_size=1).holders()
    assert claim.token == waiter
    assert claim.remaining is not None
    assert 0 < claim.remaining <= 2
    assert pool('reports', max_size=1).queue() == []


def test_every_field_of_a_holder_and_of_a_waiter_is_in_the_table() -> None:
    table = CHAPTER.partition('| field |')[2].partition('\n\n')[0]
    fields = [
        (name, of)
        for names, of in re.findall(r'^\| (.*?)(?: \(`(\w+)`\))? \|', table, re.MULTILINE)
        for name in re.findall(r'`(\w+)`', names)
    ]

    assert [name for name, of in fields if of != 'Waiter'] == list(Holder._fields)
    assert [name for name, of in fields if of != 'Holder'] == list(Waiter._fields)


def test_the_test_of_a_program_that_renews() -> None:
    """From the chapter on tests: the clock of a test renews, and what it says is true."""
    text = GUIDE.read_text(encoding='utf-8').partition('\n## Testing code that uses pools\n')[2].partition('\n## ')[0]
    [code] = [each for each in re.findall(r'```python\n(.*?)```', text, re.DOTALL) if 'renew_for=3600' in each]

    exec(code, {'ManualClock': ManualClock, 'MemoryClient': MemoryClient, 'init_cachify': init_cachify, 'pool': pool})


def test_the_picture_shows_one_holder_at_a_time_and_one_refused_write() -> None:
    """What ``python -m tests.gallery`` draws, from the scripts that a server runs."""
    found = holder_life.answers()

    assert [each.request for each in found if not each.done and each.request.what not in ('join', 'ask')] == [
        (129, 'B', 'write'),
        (129, 'B', 'renew'),
    ]
    *held, end = found
    assert [len(each.slots) for each in held] == [1] * len(held)
    assert end.slots == {}
    assert _changes([next(iter(each.slots)) for each in held]) == ['A', 'B', 'C']
    assert _changes([''.join(each.waiting) for each in found]) == ['', 'B', '', 'C', '']
    fences = [each.fence or 0 for each in found if each.done and each.request.what in ('take', 'ask')]
    assert len(fences) == 3
    assert fences == sorted(set(fences))


def _changes(values: list[str]) -> list[str]:
    return [value for value, _ in itertools.groupby(values)]


def test_the_first_page_shows_a_slot_that_is_renewed(capsys: pytest.CaptureFixture[str]) -> None:
    """The root ``README.md``'s example runs as it stands, and shows its holder."""
    page = (ROOT / 'README.md').read_text(encoding='utf-8')
    [code] = [each for each in re.findall(r'```python\n(.*?)```', page, re.DOTALL) if 'renew_for' in each]
    init_cachify()
    known = {'pool': pool}

    exec(code, known)

    assert re.fullmatch(r'import of 14:00 \S+ (30|29)\.\d+\n', capsys.readouterr().out)
    assert pool('reports', max_size=3).size() == 0


def test_every_option_and_every_property_of_a_slot_is_in_the_tables() -> None:
    options = set(inspect.signature(pool).parameters) - {'key', 'max_size', 'slot_exp', 'wait', 'max_waiting'}
    assert set(re.findall(r'^\| `(\w+)=', CHAPTER, re.MULTILINE)) == options

    kinds = property, FunctionType
    properties = {name for name, kind in vars(Slot).items() if not name.startswith('_') and isinstance(kind, kinds)}
    assert set(re.findall(r'`(?:await )?slot\.(\w+)', CHAPTER)) == properties


def test_every_example_of_the_chapter_has_a_test_here() -> None:
    here = Path(__file__).read_text(encoding='utf-8')
    parts = [ast.literal_eval(part) for part in re.findall(r"""example\(('.+?'|".+?")[,)]""", here)]

    assert [code for code in EXAMPLES if not any(part in code for part in parts)] == []
