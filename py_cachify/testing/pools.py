"""``Pools``: the pools of one test, in memory, and what a test does to them."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager

from py_cachify._deadlocks import current_owner
from py_cachify._settings import Place, Settings, global_place, set_before_use, set_global_place
from py_cachify.arguments import check_flag, check_key, check_max_size, is_a, shown
from py_cachify.backends._choose import Backends, make_anonymous
from py_cachify.cachify import Cachify, init_cachify
from py_cachify.events import Event
from py_cachify.observing import Observation
from py_cachify.occupants import Holder, make_holder
from py_cachify.testing._store import PATIENCE, BackendOfTest, Keeper, StoreOfTest
from py_cachify.testing.clock import ManualClock


A_MOMENT = 0.001
"""In seconds: how long a task pauses between two looks at a queue."""


class Pools:
    """The pools of one test: :func:`pools_for_tests` and the fixture ``cachify_pools`` give it.

    Global pools and ``@pooled`` functions use it, also those that were made before. The keys that
    its methods take are those of the program, without the prefix. Any thread may call them.

    If the program calls ``init_cachify()`` during the test, its global pools are in memory too,
    with the prefix and the life that it sets, and no client that it passes is used.

    Example::

        def test_reports_are_refused(cachify_pools: Pools) -> None:
            with cachify_pools.full('reports'):
                assert client.post('/reports').status_code == 503
    """

    def __init__(self, takeover: 'Takeover', place: Place) -> None:
        """Use :func:`pools_for_tests` instead."""
        self._takeover = takeover
        self._store = takeover.store
        self._place = place

    def __repr__(self) -> str:
        return f'<Pools of a test at {self.clock():g} s>'

    @property
    def clock(self) -> ManualClock:
        """The clock by which slots expire, are renewed and are waited for; it starts at 0."""
        return self._store.clock

    @property
    def cachify(self) -> Cachify:
        """The same pools as a ``Cachify``, for a program that is given one."""
        return Cachify(self._place.current, audience=self._place)

    @property
    def events(self) -> list[Event]:
        """What has happened to the slots of this test, as ``observe()`` tells it; the last is last.

        Example::

            assert [event.kind for event in cachify_pools.events] == ['granted', 'released']
        """
        return self._store.events

    @property
    def patience(self) -> float | None:
        """After how many real seconds a wait for a slot ends in ``RuntimeError``; 10 by default.

        It ends so only if nothing else can end it, as far as is known: the thread of the test
        stands still and so does the clock, nothing happens to any slot, and no other thread holds
        a slot of the pool, unless it waits too. This finds a test that joins a thread which waits
        for the clock. It never ends while the test is in a debugger. ``None`` means never.

        Raises:
            TypeError, ValueError: it is set to something that is no number of seconds above 0.

        Example::

            cachify_pools.patience = None               # the program runs for a minute for real
        """
        return self._store.patience

    @patience.setter
    def patience(self, seconds: float | None) -> None:
        if seconds is not None:
            seconds = _check_seconds('patience', seconds)
            if seconds == 0:
                raise ValueError('patience must be above 0 seconds; pass None for a test that may take any time')
        self._store.patience = seconds

    def use(self, cachify: Cachify | None = None) -> 'Pools':
        """Keep more pools in memory until the end of the test, and return them.

        Args:
            cachify: a ``Cachify`` that the program has made with ``is_global=False``. The methods
                of the returned object take the keys of its pools. By default these are the global
                pools, which are in memory anyway.

        Raises:
            TypeError: ``cachify`` is something else, or is not from ``init_cachify()``.

        Example::

            yearly = cachify_pools.use(app.reports)     # reports = init_cachify(…, is_global=False)
            with yearly.full('yearly'): ...
        """
        self._store.check_open()
        if cachify is not None:
            place = cachify._audience if isinstance(cachify, Cachify) else None  # noqa: SLF001
            if not isinstance(place, Place):
                raise TypeError(f'cachify must be what init_cachify() returned, not {shown(cachify)}')
            self._takeover.take(place)
            return Pools(self._takeover, place)
        return self._takeover.pools

    # --- time

    def advance(self, seconds: float) -> None:
        """Let time pass: slots expire or are renewed, and waiters get a slot or time out.

        It returns when all threads that have timed out have left the queue; of tasks, those in
        another thread. In a coroutine, use :meth:`aadvance`. What a waiter does afterwards, it does
        in its own time: join its thread, or await its task, before you look at the result.

        Args:
            seconds: how much time passes; 0 or more.

        Raises:
            TypeError, ValueError: ``seconds`` is not a finite number, or is negative.
            TimeoutError: a waiter whose time is up did not leave its queue in ten real seconds.

        Example::

            cachify_pools.advance(31)                   # half a minute later, without waiting
        """
        self._store.check_open()
        self._store.advance(seconds)
        with self._store.changed:
            left = self._store.changed.wait_for(lambda: not self._store.overdue(elsewhere=True), PATIENCE)
        if not left:
            raise self._stuck_waiters()

    async def aadvance(self, seconds: float) -> None:
        """Let time pass as :meth:`advance` does, in a coroutine.

        It returns when the tasks and threads that have timed out have left the queue.
        """
        self._store.check_open()
        self._store.advance(seconds)
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while self._store.overdue(elsewhere=False):
            if loop.time() >= until:
                raise self._stuck_waiters()
            await asyncio.sleep(A_MOMENT)

    def _stuck_waiters(self) -> TimeoutError:
        return TimeoutError(
            f'a waiter whose time is up did not leave its queue in {PATIENCE:g} s: see to it that its thread or event'
            ' loop is not blocked'
        )

    # --- what a test does to a pool

    @contextmanager
    def full(self, key: str, max_size: int | None = None, *, time_passes: bool = False) -> Iterator[None]:
        """Keep a pool full while the ``with`` lasts, whatever ``max_size`` the program uses.

        Slots that bodies hold stay theirs, and all others are taken by stand-ins, so the library
        behaves as for any full pool: it refuses, calls ``on_full``, and queues those who wait. At
        the end, the free slots go to the waiters in their order.

        The clock moves only when the test moves it, with one exception: if the thread or the task
        that this ``with`` is in waits for the pool itself, nothing could end the wait any more, so
        the clock moves to the end of the wait. With ``wait=None`` this raises
        ``CachifyDeadlockError``. The same holds without ``full()`` for a thread or a task that
        waits for a pool while it is in the bodies that hold all of its slots.

        Args:
            key: of the pool; of a decorated function, the key of the call, such as ``'mail-7'``.
            max_size: how many slots are taken from the beginning. By default as many as the
                program allowed when it last used the pool in this test. If it has not used it yet,
                none are taken until the program asks for one, or for the size.
            time_passes: make that exception for each wait for the pool, whoever waits: for a wait
                in another thread while the test itself waits for the answer.

        Raises:
            TypeError, ValueError: an argument is wrong.

        Example::

            with cachify_pools.full('reports'), pytest.raises(CachifyPoolFullError):
                make_report()
        """
        name = self._name(key)
        size = None if max_size is None else check_max_size(max_size)
        keeper = Keeper(current_owner(), check_flag('time_passes', time_passes))
        self._store.keep_full(name, keeper, size)
        try:
            yield
        finally:
            self._store.let_go(name, keeper)

    def lose(self, key: str) -> int:
        """Take all slots of a pool away from their holders, and return how many there were.

        They are gone as if the store had lost its data. Their holders in this process learn it at
        once, as from a renewal: ``slot.lost`` is true, and ``on_lost`` takes effect. (In production
        they learn it at their next renewal or at the exit, whichever is first.) Waiters get the
        slots. Stand-ins of :meth:`full` stay.

        Raises:
            ValueError: no body holds a slot of this pool; the error names the pools with slots.

        Example::

            with pytest.raises(CachifySlotLostError):
                with pool('reports', max_size=1, on_lost='raise'):
                    cachify_pools.lose('reports')
        """
        lost = self._store.lose(self._name(key))
        if not lost:
            prefix = self._place.settings.prefix
            others = ', '.join(repr(name.removeprefix(prefix)) for name in self._store.held())
            raise ValueError(
                f'pool {key!r} has no slot to lose: call lose() while a body holds one of its slots'
                f' ({f"slots are held of {others}" if others else "no slot of any pool is held"})'
            )
        return lost

    # --- what a test sees of a pool

    def size(self, key: str) -> int:
        """Return how many slots of a pool are taken, with the stand-ins of :meth:`full`.

        Raises:
            ValueError: the pool is kept full, but neither ``full()`` nor the program has said in
                this test how many slots it has.
        """
        return self._store.count_slots(self._shown_name(key))

    def holders(self, key: str) -> list[Holder]:
        """Return who holds the slots of a pool; the longest-lived slots last.

        Raises:
            ValueError: as for :meth:`size`.
        """
        listed = self._store.list_slots(self._shown_name(key))
        return [make_holder(slot) for slot in sorted(listed, key=lambda slot: (slot.remaining, slot.token))]

    def queue_size(self, key: str) -> int:
        """Return how many wait for a slot of a pool."""
        return self._store.count_waiting(self._name(key))

    def wait_until_queued(self, key: str, number: int = 1, *, timeout: float = PATIENCE) -> None:
        """Return when at least ``number`` threads or tasks wait for a slot of a pool.

        In a coroutine, use :meth:`await_until_queued`, so that tasks can run meanwhile.

        Args:
            key: of the pool.
            number: how many.
            timeout: how long to wait for them, in real seconds.

        Raises:
            TypeError, ValueError: an argument is wrong.
            TimeoutError: fewer wait when the time is up.

        Example::

            thread = threading.Thread(target=make_report)       # with wait=10
            thread.start()
            cachify_pools.wait_until_queued('reports')
            cachify_pools.advance(10)
            thread.join()
        """
        name, patience = self._name(key), _check_number(number, timeout)
        # Counted, because a tool that freezes time for a test may have stopped the real clock too.
        for _ in range(math.ceil(patience / A_MOMENT)):
            if self._store.count_pausing(name) >= number:
                return
            with self._store.changed:
                self._store.changed.wait(A_MOMENT)
        if self._store.count_pausing(name) < number:
            raise self._too_few(key, name, number, timeout)

    async def await_until_queued(self, key: str, number: int = 1, *, timeout: float = PATIENCE) -> None:  # noqa: ASYNC109
        """Return when so many wait, as :meth:`wait_until_queued`; tasks run meanwhile."""
        name, patience = self._name(key), _check_number(number, timeout)
        loop = asyncio.get_running_loop()
        until = loop.time() + patience
        while self._store.count_pausing(name) < number:
            if loop.time() >= until:
                raise self._too_few(key, name, number, timeout)
            await asyncio.sleep(A_MOMENT)

    def _too_few(self, key: str, name: str, number: int, timeout: float) -> TimeoutError:
        return TimeoutError(
            f'pool {key!r}: {self._store.count_waiting(name)} of {number} waiters are in the queue after {timeout:g} s:'
            ' start them in threads or tasks of their own, while the pool is full, and give the pool wait='
        )

    def assert_all_released(self) -> None:
        """Raise ``AssertionError`` if a slot is still held; it names the pools and the holders.

        An expired slot is not held any more, and stand-ins of :meth:`full` do not count.

        Example::

            run_the_program()
            cachify_pools.assert_all_released()
        """
        __tracebackhide__ = True
        self._store.check_open()
        found = []
        for name, slots in self._store.held().items():
            key = name.removeprefix(self._place.settings.prefix)
            labels = sorted({label for slot in slots if (label := make_holder(slot).label)})
            found.append(f'pool {key!r}: {len(slots)} held' + (f' by {", ".join(map(repr, labels))}' if labels else ''))
        assert not found, f'slots were not given back: {"; ".join(found)}'

    # --- the settings

    def _name(self, key: str) -> str:
        """Return the key of a pool with its prefix."""
        self._store.check_open()
        prefix = self._place.settings.prefix
        name = prefix + check_key(key)
        # The program itself may use a key that begins so.
        if prefix and key.startswith(prefix) and name not in self._store.sizes:
            raise ValueError(
                f'key must be that of the program, without the prefix {prefix!r}: write {key.removeprefix(prefix)!r}'
                f' instead of {key!r} (or use the pool before, if the program has one of that name)'
            )
        return name

    def _shown_name(self, key: str) -> str:
        """Return the key with its prefix of a pool whose slots are known, also if it is full."""
        name = self._name(key)
        if not self._store.is_filled(name):
            raise ValueError(
                f'the size of the full pool {key!r} is not known, because the program has not used it in this test:'
                f' pass it as full({key!r}, max_size=...), or ask pool(...).size(), which has one'
            )
        return name


class Takeover:
    """What is in memory during a test, and what was there before.

    Attributes:
        store: the memory.
        pools: the global pools.
    """

    pools: Pools

    def __init__(self) -> None:
        self.store = StoreOfTest()
        self._before: list[tuple[Place, Settings]] = []
        self._observations: list[Observation] = []

    def take(self, place: Place) -> None:
        """Keep the pools of a place in memory; all but the clients is as it was."""
        if any(place is each for each, _ in self._before):
            return
        settings = place.settings
        backend = BackendOfTest(self.store)
        backends = Backends(backend, backend)
        if not settings.identify:
            make_anonymous(backends)
        self._before.append((place, settings))
        place.put(settings._replace(backends=backends))
        self._observations.append(place.observe(self.store.events.append))

    def take_global(self, place: Place) -> None:
        """Keep the global pools in memory from now on, which another ``init_cachify()`` has set."""
        self.take(place)
        self.pools._place = place  # noqa: SLF001 - it is of this module

    def end(self) -> None:
        """Put back what was there before, and end the store."""
        for observation in self._observations:
            observation.stop()
        for place, settings in reversed(self._before):
            place.put(settings)
        self.store.end()


@contextmanager
def pools_for_tests() -> Iterator[Pools]:
    """Keep global pools in memory while the ``with`` lasts, in time that only the test moves.

    What ``init_cachify()`` received before stays, but for the clients: the prefix, and the life of
    a slot. The same holds for an ``init_cachify()`` that the program calls meanwhile. At the end,
    everything is as before, whatever the test did: the same settings, or none if there were none.
    Threads and tasks that still wait for a slot raise ``RuntimeError``.

    A ``Cachify`` that the program has made with ``is_global=False`` keeps its own store, unless the
    test passes it to :meth:`Pools.use`.

    Returns:
        A context manager that gives :class:`Pools`.

    Example::

        class TestReports(unittest.TestCase):
            def setUp(self) -> None:
                self.pools = self.enterContext(pools_for_tests())
    """
    takeover = Takeover()
    before = global_place()
    if before is None:
        init_cachify()
    place = global_place()
    assert place is not None
    takeover.pools = Pools(takeover, place)
    outer = set_before_use(takeover.take_global)
    try:
        takeover.take(place)
        yield takeover.pools
    finally:
        set_before_use(None)
        set_global_place(before)
        set_before_use(outer)
        takeover.end()


def _check_number(number: int, timeout: float) -> float:
    if is_a(number, bool) or not is_a(number, int):
        raise TypeError(f'number must be a whole number of waiters, not {shown(number)}')
    if number < 1:
        raise ValueError(f'number must be at least 1, got {shown(number)}')
    return _check_seconds('timeout', timeout)


def _check_seconds(name: str, seconds: float) -> float:
    if is_a(seconds, bool) or not (is_a(seconds, int) or is_a(seconds, float)):
        raise TypeError(f'{name} must be a number of seconds, not {shown(seconds)}')
    if not 0 <= seconds < float('inf'):
        raise ValueError(f'{name} must be finite, and 0 or more, got {shown(seconds)}')
    return float(seconds)
