"""What the tasks of one event loop ask at about the same time travels together, in few batches.

A client that notes what it is asked answers when the test says so.  The real server, cut
connections and cancelled tasks are in other modules.
"""

import asyncio
import contextvars
import gc
import math
import time
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import fakeredis
import pytest
import redis.asyncio
import redis.exceptions
import valkey.asyncio

from py_cachify import init_cachify, pool
from py_cachify._cancellation import Request
from py_cachify._unsent import SHORTEST_PAUSE, was_never_sent
from py_cachify.backends import _batches as batches_module
from py_cachify.backends._batches import (
    _FORGETTING,
    MOST_TOGETHER,
    MOST_UNDER_WAY,
    WORTHWHILE,
    Batches,
    _error_for_one,
    can_batch,
)
from py_cachify.backends._opened import LoopClients
from py_cachify.backends.pool_keys import slots_key
from py_cachify.backends.redis import AsyncRedisBackend


pytestmark = pytest.mark.quick

Name = str


class MaxConnectionsError(ConnectionError):
    """As client packages have one."""


class Client:
    """A client whose requests are answered by the test, each with its own name.

    Attributes:
        sent: the names of the requests of each batch, in the order in which the batches left.
        lacks: how many of the next batches find no connection.
    """

    def __init__(self) -> None:
        self.connection_pool: Any = None
        self.sent: list[tuple[Name, ...]] = []
        self.lacks = 0.0
        self._answers: dict[int, asyncio.Future[list[Any]]] = {}

    def pipeline(self, *, transaction: bool) -> 'Pipeline':
        assert not transaction
        return Pipeline(self)

    async def execute_command(self, *request: Any) -> Any:
        [answer] = await self.send([request])
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def send(self, requests: list[tuple[Any, ...]]) -> list[Any]:
        """Wait until the test answers."""
        if self.lacks > 0:
            self.lacks -= 1
            raise MaxConnectionsError
        number = len(self.sent)
        self.sent.append(tuple(request[-1] for request in requests))
        answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        return await answer

    @property
    def under_way(self) -> list[int]:
        """The numbers of the batches that are not answered yet."""
        return [number for number, answer in self._answers.items() if not answer.done()]

    def answer(self, number: int, answers: list[Any] | BaseException | None = None) -> None:
        """Answer a batch: with the names of its requests, with these answers, or with an error."""
        if isinstance(answers, BaseException):
            self._answers[number].set_exception(answers)
        else:
            self._answers[number].set_result(list(self.sent[number]) if answers is None else answers)


class Pipeline:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._requests: list[tuple[Any, ...]] = []

    def execute_command(self, *request: Any, NEVER_DECODE: bool) -> None:  # noqa: N803 - the package's name
        assert NEVER_DECODE
        self._requests.append(request)

    async def execute(self, *, raise_on_error: bool) -> list[Any]:
        assert not raise_on_error
        return await self._client.send(self._requests)


class World:
    """A client, its batches, and the tasks that ask."""

    def __init__(self) -> None:
        self.client = Client()
        self.batches = Batches(self.client)
        self.asked: dict[Name, asyncio.Task[Any]] = {}

    def ask(self, *names: Name, pool: str = 'reports') -> None:
        """Let a task for each name send a request of that name."""
        for name in names:
            self.asked[name] = asyncio.create_task(self._ask(pool, name))

    async def _ask(self, pool: str, name: Name) -> Any:
        asking = self.batches._ask(('EVALSHA', 'digest', 1, pool, name))
        if not name.startswith('short'):
            return await asking
        request = Request(asking)
        request.unsent_until = time.monotonic() + 0.05
        await request
        return request.result()

    async def turns(self) -> None:
        """Let everything run that needs no answer and no time."""
        for _ in range(12):
            await asyncio.sleep(0)

    async def until_sent(self, batches: int) -> None:
        """Wait until so many batches have left."""
        async with asyncio.timeout(10):
            while len(self.client.sent) < batches:  # noqa: ASYNC110 - the client has no event to wait for
                await asyncio.sleep(0.001)

    async def answer_all(self) -> None:
        """Answer until nothing is left, and see that each task has got its own answer."""
        await self.turns()
        while self.client.under_way:
            for number in self.client.under_way:
                self.client.answer(number)
            await self.turns()
        for name, task in self.asked.items():
            assert await asyncio.wait_for(task, 10) == name


def run(test: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    """Run ``test(world)`` in an event loop."""

    async def main() -> None:
        await test(World())

    asyncio.run(main())


async def error_of(task: 'asyncio.Task[Any]') -> BaseException:
    """Return what a task raised."""
    try:
        await task
    except BaseException as error:
        return error
    raise AssertionError('it raised nothing')


def names(count: int, beginning: str = 'a') -> list[Name]:
    return [f'{beginning}{number}' for number in range(count)]


@pytest.fixture
def _no_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for more to travel with it waits for long."""
    monkeypatch.setattr(batches_module, 'LONGEST_HOLD', 60.0)


# --- together, or alone


def test_a_request_on_an_idle_client_leaves_at_once_and_by_itself() -> None:
    """In the same turn of the event loop, and through the client's own method."""

    async def test(world: World) -> None:
        asking = world._ask('reports', 'one')
        asking.send(None)
        assert world.client.sent == [('one',)]
        asking.close()
        world.ask('two')
        await world.answer_all()
        assert world.client.sent == [('one',), ('two',)]

    run(test)


def test_what_is_asked_in_one_turn_of_the_loop_travels_together() -> None:
    """But the first, which found an idle client."""

    async def test(world: World) -> None:
        world.ask(*names(20))
        await world.turns()
        assert world.client.sent == [('a0',), tuple(names(20)[1:])]
        await world.answer_all()

    run(test)


def test_tasks_that_one_batch_has_woken_travel_together_again() -> None:
    """None of them is the first that finds an idle client."""

    async def test(world: World) -> None:
        async def twice(name: Name) -> None:
            assert await world._ask('reports', name) == name
            assert await world._ask('reports', name * 2) == name * 2

        world.ask('first')
        tasks = [asyncio.create_task(twice(name)) for name in 'xyz']
        await world.turns()
        assert world.client.sent == [('first',), ('x', 'y', 'z')]
        world.client.answer(0)
        await world.turns()
        world.client.answer(1)
        await world.turns()
        assert world.client.sent[2:] == [('xx', 'yy', 'zz')]
        await world.answer_all()
        await asyncio.gather(*tasks)

    run(test)


@pytest.mark.usefixtures('_no_hold')
def test_a_few_wait_for_more_while_many_are_under_way() -> None:
    """Until there is one for each four of those."""

    async def test(world: World) -> None:
        world.ask(*names(41))
        await world.turns()
        assert [len(batch) for batch in world.client.sent] == [1, 40]
        enough = int(41 * WORTHWHILE) + 1
        world.ask(*names(enough - 1, 'b'))
        await world.turns()
        assert len(world.client.sent) == 2
        world.ask('last')
        await world.turns()
        assert [len(batch) for batch in world.client.sent] == [1, 40, enough]

        world.ask('late')
        world.client.answer(0)
        await world.turns()
        assert len(world.client.sent) == 3
        world.client.answer(1)
        world.client.answer(2)
        await world.turns()
        assert world.client.sent[3:] == [('late',)]
        await world.answer_all()

    run(test)


@pytest.mark.usefixtures('_no_hold')
def test_on_a_slow_connection_nobody_waits_for_more() -> None:
    """The shortest batches tell, and earlier ones count less and less."""

    async def test(world: World) -> None:
        world.ask(*names(3, 'fast'))
        await world.answer_all()
        fast = world.batches._shortest
        assert 0 < fast < 60
        world.ask(*names(41))
        await world.turns()
        world.ask('held')
        await world.turns()
        assert len(world.client.under_way) == 2
        await world.answer_all()
        assert world.batches._shortest <= fast * _FORGETTING**2

        world.batches._shortest = 61.0
        world.ask(*names(41))
        await world.turns()
        world.ask('late')
        await world.turns()
        assert world.client.sent[-1] == ('late',)
        await world.answer_all()

    run(test)


def test_nothing_waits_long_for_more() -> None:
    """A batch that is not answered holds up nobody, if another connection may be used."""

    async def test(world: World) -> None:
        world.ask(*names(100))
        await world.turns()
        for number, name in enumerate(('late', 'later'), 2):
            world.ask(name)
            await world.turns()
            assert len(world.client.sent) == number
            await world.until_sent(number + 1)
            world.client.answer(number)
            assert await world.asked[name] == name
        assert world.client.under_way == [0, 1]
        await world.answer_all()

    run(test)


# --- how many


@pytest.mark.parametrize('tasks', [MOST_UNDER_WAY * MOST_TOGETHER, 5000])
def test_at_most_eight_batches_are_under_way_and_none_is_too_large(tasks: int) -> None:
    """Whatever is answered when; all get their answers."""

    async def test(world: World) -> None:
        world.ask(*names(tasks))
        await world.turns()
        most = 0
        while under_way := world.client.under_way:
            most = max(most, len(under_way))
            world.client.answer(under_way[len(under_way) // 2])
            await world.turns()
        assert most == MOST_UNDER_WAY
        assert max(map(len, world.client.sent)) == MOST_TOGETHER
        assert sorted(name for batch in world.client.sent for name in batch) == sorted(names(tasks))
        await world.answer_all()

    run(test)


def test_a_thousand_requests_for_one_pool_delay_another_by_one_batch() -> None:
    """Its request is in the next batch that leaves."""

    async def test(world: World) -> None:
        world.ask(*names(5000))
        await world.turns()
        assert len(world.client.under_way) == MOST_UNDER_WAY
        world.ask('urgent', pool='mail')
        await world.turns()
        assert len(world.client.sent) == MOST_UNDER_WAY
        world.client.answer(1)
        await world.turns()
        assert 'urgent' in world.client.sent[MOST_UNDER_WAY]
        await world.answer_all()

    run(test)


def test_requests_for_one_pool_leave_in_their_order() -> None:
    """Also if other pools take turns with it, and after batches that found no connection."""

    async def test(world: World) -> None:
        world.ask('first')
        await world.turns()
        world.client.lacks = MOST_UNDER_WAY - 1
        for name in names(600):
            world.ask(name)
            world.ask(name.replace('a', 'b'), pool='mail')
        await world.turns()
        assert len(world.client.sent) == 1
        await world.answer_all()
        sent = [name for batch in world.client.sent[1:] for name in batch]
        assert [name for name in sent if name[0] == 'a'] == names(600)
        assert [name for name in sent if name[0] == 'b'] == names(600, 'b')

    run(test)


# --- errors, and requests that are given up


def test_an_error_of_the_server_belongs_to_its_request() -> None:
    async def test(world: World) -> None:
        world.ask(*names(4))
        await world.turns()
        error = redis.exceptions.NoScriptError('no such script')
        world.client.answer(1, ['a1', error, 'a3'])
        await world.turns()
        with pytest.raises(redis.exceptions.NoScriptError) as raised:
            await world.asked.pop('a2')
        assert raised.value is error
        await world.answer_all()

    run(test)


def test_an_answer_that_is_no_text_disturbs_no_other_request(socket: str, server: 'redis.Redis') -> None:
    """A stranger's member of one pool, whose listing travels with requests for others."""

    async def work(number: int) -> str:
        async with pool(f'other{number}', max_size=1, slot_exp=60):
            return 'held'

    async def main() -> None:
        async with redis.asyncio.Redis(unix_socket_path=socket, decode_responses=True) as client:
            init_cachify(async_client=client)
            server.zadd(slots_key('PYC-strange'), {b'\xff': math.inf})
            for _ in range(3):
                strange = (pool('strange', max_size=1).aholders() for _ in range(2))
                others = (work(number) for number in range(20))
                answers = await asyncio.gather(*others, *strange, return_exceptions=True)
                assert answers[:20] == ['held'] * 20

    asyncio.run(main())


def test_a_batch_that_breaks_fails_each_request_with_an_error_of_its_own() -> None:
    """Of the same class, with the same text and origin; a note on one is on no other."""

    async def test(world: World) -> None:
        world.ask(*names(4))
        await world.turns()
        error = redis.exceptions.ConnectionError('Connection closed by server.')
        world.client.answer(1, error)
        await world.turns()
        errors = [world.asked.pop(name).exception() for name in names(4)[1:]]
        assert {type(each) for each in errors} == {redis.exceptions.ConnectionError}
        assert {str(each) for each in errors} == {'Connection closed by server.'}
        assert len({id(each) for each in (*errors, error)}) == 4
        assert all(each is not None and each.__traceback__ is not None for each in errors)
        first, *others = errors
        assert first is not None
        first.add_note('mine')
        assert not any(hasattr(each, '__notes__') for each in others)
        await world.answer_all()

    run(test)


def test_a_request_that_is_given_up_before_it_leaves_does_not_leave() -> None:
    """And one that has left is answered in vain; the others notice neither."""

    async def test(world: World) -> None:
        world.ask(*names(4))
        await asyncio.sleep(0)
        early = world.asked.pop('a1')
        early.cancel()
        await world.turns()
        assert world.client.sent == [('a0',), ('a2', 'a3')]
        late = world.asked.pop('a2')
        late.cancel()
        await world.turns()
        assert [was_never_sent(await error_of(task)) for task in (early, late)] == [True, False]
        await world.answer_all()

    run(test)


# --- without a connection


def test_a_batch_waits_for_the_end_of_another_if_no_connection_is_free() -> None:
    """It does not ask again and again meanwhile."""

    async def test(world: World) -> None:
        world.ask('first')
        await world.turns()
        world.client.lacks = 1
        world.ask(*names(3))
        await world.turns()
        await asyncio.sleep(0.1)
        assert (world.client.sent, world.client.lacks) == ([('first',)], 0)
        world.client.answer(0)
        await world.turns()
        assert world.client.sent[1:] == [tuple(names(3))]
        await world.answer_all()

    run(test)


@pytest.mark.parametrize('tasks', [1, 3])
def test_it_asks_again_after_pauses_if_others_use_all_connections(tasks: int) -> None:
    """Pauses grow, so it costs little."""

    async def test(world: World) -> None:
        world.client.lacks = 1000
        world.ask(*names(tasks))
        await asyncio.sleep(0.3)
        tried = 1000 - world.client.lacks
        assert 2 <= tried <= 50
        world.client.lacks = 0
        await world.until_sent(1)
        await world.answer_all()

    run(test)


@pytest.mark.parametrize('tasks', [1, 3])
def test_pauses_begin_again_once_a_connection_was_free(tasks: int) -> None:
    """The next lack has nothing to do with the last."""

    async def test(world: World) -> None:
        pauses = world.batches._pauses
        for _ in range(20):
            pauses.next()
        world.ask(*names(tasks))
        await world.answer_all()
        assert pauses.next() <= SHORTEST_PAUSE

    run(test)


@pytest.mark.parametrize('tasks', [1, 3])
def test_each_request_waits_as_long_as_it_may(tasks: int) -> None:
    """Then it gets the client's own error; those that may wait longer go on."""

    async def test(world: World) -> None:
        world.client.lacks = 1_000_000
        world.ask(*names(tasks, 'short'))
        world.ask('long')
        for name in names(tasks, 'short'):
            with pytest.raises(MaxConnectionsError):
                await asyncio.wait_for(world.asked.pop(name), 10)
        assert not world.asked['long'].done()
        world.client.lacks = 0
        await world.until_sent(1)
        await world.answer_all()

    run(test)


# --- event loops and tasks


def test_a_batch_belongs_to_the_context_of_no_task() -> None:
    """What a task has set, such as the request that it serves, is not seen there."""
    served = contextvars.ContextVar('served', default='nobody')
    seen = []

    class Noting(Client):
        async def send(self, requests: list[tuple[Any, ...]]) -> list[Any]:
            seen.append((len(requests), served.get()))
            return await super().send(requests)

    async def test(world: World) -> None:
        world.client = world.batches._client = Noting()
        served.set('somebody')
        world.ask(*names(3))
        await world.answer_all()

    run(test)
    assert seen == [(1, 'somebody'), (2, 'nobody')]


@pytest.mark.parametrize('kind', ['Task', 'eager_task_factory'])
def test_a_batch_may_end_at_once(kind: str) -> None:
    """Also with eager tasks, which are new in Python 3.12."""

    class Immediate(Client):
        async def send(self, requests: list[tuple[Any, ...]]) -> list[Any]:
            if self.lacks > 0:
                self.lacks -= 1
                raise MaxConnectionsError
            self.sent.append(tuple(request[-1] for request in requests))
            return list(self.sent[-1])

    async def test(world: World) -> None:
        if kind != 'Task':
            asyncio.get_running_loop().set_task_factory(getattr(asyncio, kind, None))
        world.client = world.batches._client = Immediate()
        world.client.lacks = 2
        world.ask(*names(500))
        async with asyncio.timeout(10):
            assert await asyncio.gather(*world.asked.values()) == names(500)

    run(test)


def test_a_factory_of_tasks_that_knows_no_contexts_makes_nobody_wait_forever() -> None:
    """Such factories were usual before Python 3.11, when tasks had no argument for it."""

    async def test(world: World) -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(lambda loop, work: asyncio.Task(work, loop=loop))
        world.ask(*names(5))
        await world.answer_all()

    run(test)


class LimitError(BaseException):
    """What a signal handler raises at any instant."""


@pytest.mark.parametrize('instant', ['_fill', '_note_begin', '_put_back', 'begin_again'])
def test_an_interrupt_at_any_instant_makes_nobody_wait_forever(instant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it broke off fails, and what is asked afterwards is answered."""

    async def test(world: World) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        of: Any = world.batches if instant.startswith('_') else world.batches._pauses
        original = getattr(of, instant)

        def interrupted(*arguments: Any) -> None:
            original(*arguments)
            if arguments != (1,):
                monkeypatch.setattr(of, instant, original)
                raise LimitError

        world.ask('first')
        await world.turns()
        monkeypatch.setattr(of, instant, interrupted)
        world.client.lacks = 1 if instant == '_put_back' else 0
        world.ask(*names(500))
        await world.turns()
        world.client.answer(len(world.client.sent) - 1)
        await world.turns()
        while world.client.under_way:
            world.client.answer(world.client.under_way[0])
            await world.turns()
        async with asyncio.timeout(10):
            answers = await asyncio.gather(*world.asked.values(), return_exceptions=True)
        failed = [answer for answer in answers if isinstance(answer, ConnectionError)]
        assert 0 < len(failed) <= MOST_TOGETHER
        assert [answer for answer in answers if answer not in failed] == [
            name for name, answer in zip(world.asked, answers, strict=True) if answer not in failed
        ]
        batches = world.batches
        assert (batches._batches, batches._requests, batches._number_waiting, batches._under_way) == (0, 0, 0, {})
        world.asked.clear()
        world.ask(*names(20, 'z'))
        await world.answer_all()

    run(test)


def test_all_tasks_cancelled_at_the_end_of_a_loop_get_their_answers() -> None:
    """A batch is a task as well, and it does not break off."""

    async def test(world: World) -> None:
        async def insist(name: Name) -> Any:
            return await asyncio.shield(asyncio.ensure_future(world._ask('reports', name)))

        world.ask('first')
        tasks = [asyncio.create_task(insist(name)) for name in 'xyz']
        await world.turns()
        everything = asyncio.all_tasks() - {asyncio.current_task()}
        batch = [task for task in everything if '_carry' in repr(task)]
        assert len(batch) == 1
        batch[0].cancel()
        await world.turns()
        assert not batch[0].done()
        await world.answer_all()
        assert await asyncio.gather(*tasks) == ['x', 'y', 'z']
        assert batch[0].cancelled()

    run(test)


def test_batches_keep_no_event_loop_alive() -> None:
    """They are found by the loop, which may end without notice."""
    left = []

    async def test(world: World) -> None:
        left.append((world, weakref.ref(asyncio.get_running_loop())))
        world.ask(*names(3))
        await world.answer_all()
        world.asked.clear()
        world.client._answers.clear()

    run(test)
    gc.collect()
    assert left[0][1]() is None


def test_who_uses_the_same_client_in_a_loop_shares_its_batches() -> None:
    """For as long as somebody uses them; another loop has others, and so has another client."""
    client, other = Client(), Client()
    found = []

    async def main() -> None:
        found.append(Batches.of(client))
        assert Batches.of(client) is found[-1]
        assert Batches.of(other) is not found[-1]

    for _ in range(2):
        asyncio.run(main())
    assert found[0] is not found[1]
    gone = weakref.ref(found.pop())
    assert gone() is None


@pytest.mark.usefixtures('_no_hold')
def test_a_loop_that_ends_while_something_waits_for_more_is_not_kept() -> None:
    """As the last of a hundred tasks may do."""
    left = []

    async def test(world: World) -> None:
        left.append((world, weakref.ref(asyncio.get_running_loop())))
        world.ask(*names(40))
        await world.turns()
        world.ask('late')
        await world.turns()
        assert 'late' not in str(world.client.sent)
        await world.answer_all()
        world.asked.clear()
        world.client._answers.clear()

    run(test)
    gc.collect()
    assert left[0][1]() is None


def test_a_loop_that_was_closed_while_tasks_waited_is_not_kept() -> None:
    """Without their end, as a program does that calls ``loop.close()`` in the middle."""
    backend = AsyncRedisBackend(redis.asyncio.Redis())
    ended = []
    for _ in range(3):
        loop = asyncio.new_event_loop()
        ended.append(weakref.ref(loop))

        async def ask() -> None:
            batches = backend._sender()
            batches._requests = 100
            task = asyncio.ensure_future(batches.evalsha('digest', 1, 'reports', 'name'))
            task._log_destroy_pending = False
            await asyncio.sleep(0)
            assert batches._number_waiting == 1

        loop.run_until_complete(ask())
        loop.close()
        del loop
    gc.collect()
    assert [loop() is None for loop in ended] == [True, True, False]


def test_what_waited_in_a_closed_loop_does_not_leave_in_another_one() -> None:
    """When the coroutines of the closed one are thrown away there."""
    worlds = []
    thrown_away: list[Any] = []

    async def begin() -> None:
        world = World()
        worlds.append(world)
        for name in names(5):
            asking = world._ask('reports', name)
            asking.send(None)
            thrown_away.append(asking)
            # Many are under way, so that the others wait for more.
            world.batches._requests = 100

    async def throw_away() -> None:
        while thrown_away:
            thrown_away.pop(0).close()
        await worlds[0].turns()
        for number in worlds[0].client.under_way:
            worlds[0].client.answer(number, names(4))

    asyncio.run(begin())
    worlds[0].client.sent.clear()
    worlds[0].batches._requests = 1
    asyncio.run(throw_away())
    assert worlds[0].client.sent == []


def test_the_error_of_each_request_has_notes_of_its_own() -> None:
    """And says what it came from, as the error of the batch does."""
    error = ConnectionError('lost')
    error.__context__ = OSError('no route')
    error.add_note('for all')
    first, second = _error_for_one(error), _error_for_one(error)
    first.add_note('for one')
    assert second.__notes__ == error.__notes__ == ['for all']
    assert isinstance(first.__context__, OSError)
    assert not first.__suppress_context__


# --- which clients


class Quiet(redis.asyncio.Redis):
    """A subclass that sends its commands as its parent does."""

    def describe(self) -> str:
        return 'quiet'


class Own(redis.asyncio.Redis):
    """A subclass that sends its commands in its own way."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]


def behind_sentinels() -> Any:
    make: Any = redis.asyncio.Sentinel
    return make([('localhost', 1)]).master_for('reports')


def patched() -> 'redis.asyncio.Redis':
    client = redis.asyncio.Redis()
    client.evalsha = client.evalsha  # type: ignore[method-assign]
    return client


@pytest.mark.parametrize(
    ('make', 'expected'),
    [
        (redis.asyncio.Redis, True),
        (valkey.asyncio.Valkey, True),
        (fakeredis.FakeAsyncRedis, True),
        (lambda: LoopClients(redis.asyncio.BlockingConnectionPool), True),
        (behind_sentinels, True),
        (Quiet, True),
        (Own, False),
        (patched, False),
        (lambda: redis.asyncio.Redis(single_connection_client=True), False),
        (lambda: redis.asyncio.Redis().pipeline(), False),
        (lambda: redis.asyncio.RedisCluster(host='localhost'), False),
        (Client, False),
    ],
    ids=[
        'redis',
        'valkey',
        'fakeredis',
        'url',
        'sentinel',
        'subclass',
        'own way',
        'patched',
        'single',
        'pipeline',
        'cluster',
        '-',
    ],
)
def test_only_clients_that_send_as_their_package_does_have_batches(make: Callable[[], Any], expected: bool) -> None:
    """All others send each request by itself."""
    assert can_batch(make()) is expected
