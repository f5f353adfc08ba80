"""One live run, from the start of its first process to the release of its last slot."""

import dataclasses
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from py_cachify.commands import CLAIM, DEADLINE
from simulations.faults import Restart
from simulations.live import board as cells
from simulations.live.board import Board, make_board
from simulations.live.clients import control_client, is_documented, is_server_error
from simulations.live.plan import NANO, SLEW, LiveError, Plan, needs_proxy
from simulations.live.supervisor.accidents import Accidents
from simulations.live.supervisor.lookout import Lookout
from simulations.live.supervisor.nursery import PATIENCE, Life, Nursery
from simulations.live.supervisor.proxy import Proxy
from simulations.live.supervisor.server import LiveServer, live_server
from simulations.live.view import Moment, Show
from simulations.live.workers.worker import key_in_store
from simulations.scenarios.scenario import Scenario
from simulations.stores.embedded import EmbeddedServerError
from simulations.stores.store import StoreError, without_password


SHOWN_EVERY = 0.25
"""Seconds between two moments that are shown."""
_POLL = 0.02
_HEAD_START = 0.05
"""Seconds between the moment at which all workers are ready and the beginning of the run."""
SLACK = 0.002
"""Seconds by which a slot may expire early or late in addition."""


class Run:
    """One live run, from the start of its first process to the release of its last slot.

    Args:
        plan: what to run.
        show: called with the moments of the run; ``None`` to show nothing.
        stack: closes what the run opened.
    """

    def __init__(self, plan: Plan, show: Show | None, stack: ExitStack) -> None:
        self._show = show
        self.plan = plan
        self.server: LiveServer | None = None
        self.watch: Lookout | None = None
        self._control: Any = None
        proxy: Proxy | None = None
        if not plan.in_memory:
            address = self._open(plan, stack)
            addresses = (address,) * plan.processes
            if needs_proxy(plan.scenario):
                proxy = stack.enter_context(Proxy(plan.folder, address, plan.processes, plan.scenario.seed))
                addresses = tuple(proxy.address(worker) for worker in range(plan.processes))
            plan = dataclasses.replace(plan, addresses=addresses)
        self.plan = plan
        self.board: Board = make_board(plan.folder / 'board', plan.processes)
        stack.callback(self.board.close)
        self.nursery = stack.enter_context(Nursery(plan))
        self.accidents = Accidents(plan, self.nursery, self.server, proxy, self._control)
        self.leaked = self.left_waiting = 0
        self.epoch = self.over = 0

    def _open(self, plan: Plan, stack: ExitStack) -> str:
        """Start the server or connect to it, and return its URL."""
        address = plan.store
        if plan.store == 'valkey':
            keep = any(isinstance(fault, Restart) and fault.data == 'kept' for fault in plan.scenario.faults)
            try:
                self.server = stack.enter_context(live_server(keep))
            except EmbeddedServerError as error:
                raise StoreError(str(error)) from error
            address = f'unix://{self.server.socket}'
        try:
            self._control = control_client(address)
            stack.callback(self._control.close)
            self._control.ping()
            watching = control_client(address)
            stack.callback(watching.close)
        except Exception as error:
            raise StoreError(f'the store {without_password(plan.store)} does not answer: {error}') from error
        stack.push(self._clean_up)
        key = key_in_store('') if _one_pool(plan.scenario) else None
        self.watch = Lookout(watching, plan.prefix, key, plan.scenario.max_size, plan.slot_exp)
        return address

    def _clean_up(self, _: object, error: BaseException | None, __: object) -> None:
        """Delete the keys of the run from a server that others may use."""
        if self.server is not None:
            return
        try:
            for name in self._control.scan_iter(f'{self.plan.prefix}*', 1000):
                self._control.delete(name)
        except Exception as why:
            of_store = self._store_error(why)
            if of_store is None:
                raise
            # The first error is the one to report.
            reported = of_store if error is None else error
            reported.add_note(f'keys of this run may be left on the server; they begin with {self.plan.prefix}')
            if error is None:
                raise of_store from why

    def execute(self) -> None:
        """Run all jobs, and wait until every slot is free.

        Raises:
            StoreError: the store does not answer, or refuses a command.
            LiveError: a worker ended unexpectedly, or the run makes no progress.
        """
        for worker in range(self.plan.processes):
            self.nursery.start(worker)
        self._wait_until_ready()
        if self.watch is not None:
            with self._answering():
                self.watch.start()
        self.epoch = time.monotonic_ns() + round(_HEAD_START * NANO)
        self.board.epoch = self.epoch
        self.accidents.start(self.epoch)
        try:
            self._follow()
        finally:
            self.accidents.finish(PATIENCE)
        self._check_accidents()
        with self._answering():
            self._wait_for_the_dead()
        self.over = time.monotonic_ns()
        if self.watch is not None:
            self.watch.stop(PATIENCE)
            with self._answering():
                self._look_for_leaks(self.watch)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            of_store = self._store_error(error)
            if of_store is None:
                raise
            raise of_store from error

    def _store_error(self, error: Exception) -> StoreError | None:
        """Return the error to report if the store caused this one; else ``None``."""
        store = without_password(self.plan.store)
        if is_documented(error):
            return StoreError(f'the store {store} does not answer: {error}')
        if is_server_error(error):
            return StoreError(f'the store {store} refuses a command that a live run needs: {error}')
        return None

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + PATIENCE
        while self.board.total(cells.READY) < self.plan.processes:
            self._check_lives()
            if time.monotonic() > until:
                ready, all_workers = self.board.total(cells.READY), self.plan.processes
                raise LiveError(
                    f'only {ready} of {all_workers} workers were ready after {PATIENCE:g} s:'
                    f' start fewer processes. {self.nursery.errors()}'.strip()
                )
            time.sleep(_POLL)

    def _follow(self) -> None:
        """Show the progress of the run until all workers have ended."""
        last = self.nursery.last
        end = None if last is None else self.epoch + self.plan.nanoseconds(last)
        moments = Moments(self)
        finished = False
        busy = self.epoch
        while True:
            now = time.monotonic_ns()
            past_end = end is not None and now > end
            if past_end and not finished:
                self.accidents.finish(PATIENCE)
                finished = True
            self._check_accidents()
            self._check_lives()
            living = self.nursery.living()
            if not living and (finished or not self.accidents.replacing):
                break
            waits = self.accidents.under_way or (end is not None and not past_end)
            busy = max(now if waits else busy, *(self._busy(worker) for worker in range(self.plan.processes)))
            if now > busy + PATIENCE * NANO:
                raise LiveError(f'no progress for {PATIENCE:g} s; workers {living} are still running')
            if self._show is not None and moments.due(now):
                self._show(moments.moment(now, end))
            time.sleep(_POLL)
        if self._show is not None:
            self._show(moments.moment(time.monotonic_ns(), end))

    def _busy(self, worker: int) -> int:
        return self.board.get(worker, cells.BUSY_UNTIL)

    def _check_accidents(self) -> None:
        if self.accidents.error is not None:
            raise LiveError(f'a fault of the scenario could not be carried out: {self.accidents.error!r}')

    def _check_lives(self) -> None:
        self.nursery.check()
        for life in list(self.nursery.lives.values()):
            if life.status and life.killed is None:
                raise LiveError(f'{_how_it_ended(life)}. {self._errors(life)}'.strip())

    def _errors(self, life: Life) -> str:
        path = self.plan.folder / f'{life.name}.stderr'
        return path.read_text(encoding='utf-8', errors='replace')[-2000:] if path.exists() else ''

    def _wait_for_the_dead(self) -> None:
        """Wait for slots that nobody released to expire, for at most the life of a slot.

        Their key may live a little longer, if a slot that would have expired last was released.
        The tickets of killed waiters are forgotten a while after these last asked, and a claim of
        theirs expires.
        """
        if self.watch is None:
            return
        killed = any(life.killed is not None for life in self.nursery.lives.values())
        longest = max(self.plan.slot_exp or 0.0, CLAIM if self.plan.waits else 0.0)
        queued = DEADLINE if self.plan.waits and killed else 0.0
        now = time.monotonic()
        until = now + longest * (1 + SLEW) + SLACK
        while time.monotonic() < until and self.watch.pools():
            time.sleep(_POLL)
        until = now + queued * (1 + SLEW) + SLACK
        while time.monotonic() < until and self.watch.queues():
            time.sleep(_POLL)

    def _look_for_leaks(self, watch: Lookout) -> None:
        keys = watch.pools()
        self.leaked = sum(watch.size(key) for key in keys)
        # An empty pool has no key, so a key that is left counts as a leak even if no slot is in it.
        self.leaked += len(watch.pools()) if not self.leaked else 0
        self.left_waiting = len(watch.queues())


class Moments:
    """The moments of a run, each with the rates since the one before."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._then = run.epoch
        self._before = dict.fromkeys((cells.GRANTED, cells.REFUSED, cells.LATENCY, cells.ASKED), 0)

    def due(self, now: int) -> bool:
        return now - self._then >= SHOWN_EVERY * NANO

    def moment(self, now: int, end: int | None) -> Moment:
        run, board, plan = self._run, self._run.board, self._run.plan
        counts = {cell: board.total(cell) for cell in self._before}
        since = {cell: counts[cell] - self._before[cell] for cell in counts}
        passed = max(now - self._then, 1) / NANO
        self._then, self._before = now, counts
        bodies = board.bodies()
        looks = run.watch.looks if run.watch is not None else []
        return Moment(
            max(0, now - run.epoch) / NANO,
            None if end is None else (end - run.epoch) / NANO,
            # In memory, only the worker itself can ask.
            board.total(cells.SIZE) if run.watch is None else looks[-1].size if looks else None,
            plan.scenario.max_size,
            bodies,
            counts[cells.GRANTED],
            counts[cells.REFUSED],
            board.total(cells.FAILED),
            board.total(cells.LATE),
            since[cells.GRANTED] / passed,
            since[cells.REFUSED] / passed,
            since[cells.LATENCY] / NANO / since[cells.ASKED] if since[cells.ASKED] else 0.0,
            len(run.nursery.living()),
            board.total(cells.WAITING) if plan.waits else None,
        )


def _how_it_ended(life: Life) -> str:
    assert life.status is not None
    if life.status > 0:
        return f'worker {life.worker} ended unexpectedly with exit status {life.status}'
    name = signal.Signals(-life.status).name
    why = ' (perhaps out of memory: use fewer processes, threads or seconds)' if name == 'SIGKILL' else ''
    return f'worker {life.worker} was ended by {name}, which this run did not send{why}'


def _one_pool(scenario: Scenario) -> bool:
    return scenario.keys is None and (scenario.trace is None or scenario.trace_options.get('key') is None)
