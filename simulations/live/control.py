"""``live``: run a scenario in wall-clock time, with real processes and a real server, and judge what they were told."""

import dataclasses
import itertools
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from simulations.arguments import whole_number
from simulations.checks import Violation
from simulations.embedded import EmbeddedServerError
from simulations.engine import replay
from simulations.estimates import estimate
from simulations.expectation import expect
from simulations.faults import Restart
from simulations.judging import Terms, judge
from simulations.live import board as cells
from simulations.live import notes
from simulations.live.accidents import Accidents
from simulations.live.attempts import (
    Attempt,
    Clock,
    attempts_of,
    by_life,
    calls_of,
    losses_of,
    renumbered,
    settle,
)
from simulations.live.board import Board, make_board
from simulations.live.clients import control_client
from simulations.live.events import course_of, expired_under_bodies
from simulations.live.nursery import PATIENCE, Life, Nursery
from simulations.live.plan import NANO, LiveError, Plan, check, needs_proxy
from simulations.live.proxy import Proxy
from simulations.live.result import LiveResult, Measured, Recoveries
from simulations.live.server import LiveServer, live_server
from simulations.live.view import Moment, Show
from simulations.live.watch import Look, Watch
from simulations.live.worker import key_in_store
from simulations.results import Result
from simulations.scenario import Scenario
from simulations.stores import StoreError, without_password
from simulations.workloads import Trace


SHOWN_EVERY = 0.25
"""Seconds between two moments that are shown."""
_LOOK = 0.02
_HEAD_START = 0.05
"""Seconds from the moment when all workers are ready until the run begins."""
MARGIN = 0.02
"""Seconds after its expiry within which a slot is to be gone from the server, see :class:`Recoveries`."""
_SLEW = 0.0005
"""By how much a server's clock goes faster or slower than ours, at most: the kernel slews it by 500 in a million."""
_SLACK = 0.002


def live(
    scenario: Scenario,
    *,
    processes: int | None = None,
    threads: int | None = None,
    tasks: int | None = None,
    seconds: float | None = None,
    speed: float = 1.0,
    store: str = 'valkey',
    seed: int | None = None,
    compare: bool = True,
    show: Show | None = None,
) -> LiveResult:
    """Live through a scenario: real processes, threads or asyncio tasks, and a real server.

    Jobs arrive at the instants of the scenario, divided by ``speed``, whether or not their process keeps up: one that
    finds all threads busy starts late, and is counted.  So are jobs that were due while their worker was dead.  Of a
    scenario with :class:`simulations.Clients` each client is a thread or task of its own.

    The faults of the scenario really happen: workers are killed and stopped, the embedded server is killed and started
    again, connections are cut.  ``workers`` in them are the numbers of the processes.  A share of holders that crash
    (``crash_probability``) are contexts that are entered and never left.

    What the workers were told is judged by :func:`simulations.judging.judge`; besides, the server is asked for the
    size of the pool all the time, bodies are counted across processes, and at the end nothing may be left.

    Args:
        scenario: what to run; its network gives the time-out and the retries of the workers' client, but no latency.
        processes: workers; by default as many as the scenario says if that is more than 1, else 4, and 1 in memory.
        threads: of each process, by default 8, and 32 in memory.
        tasks: of each process, to run asyncio in place of threads.
        seconds: for how long jobs arrive, in seconds on the wall; by default all of them do.
        speed: seconds of the scenario that pass in one second.
        store: ``'memory'``, ``'valkey'`` (an embedded server of this run's own), or the URL of a server.
        seed: in place of the scenario's own.
        compare: simulate the same scenario afterwards, and lay both side by side.
        show: called with a :class:`simulations.live.Moment` some times a second.

    Returns:
        figures, history and pictures as of a simulation, in seconds of the scenario, and what was measured besides; its
        ``violations`` are the promises that were broken.

    Raises:
        TypeError, ValueError: this cannot be done, such as a fault that needs a clock of its own; nothing was started.
        StoreError: the store cannot be had, or does not answer.
        LiveError: a worker ended of itself, or nothing happens any more.

    Example::

        result = live(Scenario.load('crash-loop'), processes=4, seconds=30, speed=10)
        print(result.comparison)
    """
    processes, threads = check(
        scenario, processes=processes, threads=threads, tasks=tasks, seconds=seconds, speed=speed, store=store
    )
    scenario = scenario.replace(workers=processes)
    if seed is not None:
        scenario = scenario.replace(seed=whole_number('seed', seed))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix='live-')))
        plan = Plan(
            scenario=scenario.replace(folder=Path(scenario.folder).absolute()),
            processes=processes,
            threads=threads,
            tasks=tasks,
            speed=float(speed),
            span=None if seconds is None else seconds * speed,
            store=store,
            prefix=f'pool-sim-{secrets.token_hex(6)}-',
            folder=folder,
        )
        ran = _Run(plan, show, stack)
        ran.to_the_end()
        result = _result(plan, ran)
    if not compare:
        return result
    return dataclasses.replace(result, simulated=_simulated(plan, ran.nursery.jobs))


class _Run:
    """One run, from its first process to its last slot."""

    def __init__(self, plan: Plan, show: Show | None, stack: ExitStack) -> None:
        self._show = show
        self.server: LiveServer | None = None
        self.watch: Watch | None = None
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
        self.leaked = 0
        self.epoch = self.over = 0

    def _open(self, plan: Plan, stack: ExitStack) -> str:
        """Start or reach the server; gives its URL."""
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
        stack.callback(self._clean_up, plan.prefix)
        key = key_in_store('') if _one_pool(plan.scenario) else None
        self.watch = Watch(watching, plan.prefix, key, plan.scenario.max_size)
        return address

    def _clean_up(self, prefix: str) -> None:
        """Take the keys of the run off the server: it may be one that others use."""
        if self.server is None:
            for name in self._control.scan_iter(f'{prefix}*', 1000):
                self._control.delete(name)

    def to_the_end(self) -> None:
        """Let all jobs come and go, and all slots come back."""
        for worker in range(self.plan.processes):
            self.nursery.start(worker)
        self._wait_until_ready()
        self.epoch = time.monotonic_ns() + round(_HEAD_START * NANO)
        self.board.epoch = self.epoch
        if self.watch is not None:
            self.watch.start()
        self.accidents.start(self.epoch)
        try:
            self._follow()
        finally:
            self.accidents.finish(PATIENCE)
        self._check_accidents()
        self._wait_for_the_dead()
        self.over = time.monotonic_ns()
        if self.watch is not None:
            self.watch.stop(PATIENCE)
            self._look_for_leaks(self.watch)

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + PATIENCE
        while self.board.total(cells.READY) < self.plan.processes:
            self._check_lives()
            if time.monotonic() > until:
                raise LiveError(f'the workers did not get ready. {self.nursery.errors()}'.strip())
            time.sleep(_LOOK)

    def _follow(self) -> None:
        """Show how things stand until all workers have ended."""
        last = self.nursery.last
        end = None if last is None else self.epoch + self.plan.nanoseconds(last)
        moments = _Moments(self)
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
                raise LiveError(f'nothing happens any more, and workers {living} have not ended')
            if self._show is not None and moments.due(now):
                self._show(moments.moment(now, end))
            time.sleep(_LOOK)
        if self._show is not None:
            self._show(moments.moment(time.monotonic_ns(), end))

    def _busy(self, worker: int) -> int:
        return self.board.get(worker, cells.BUSY_UNTIL)

    def _check_accidents(self) -> None:
        if self.accidents.error is not None:
            raise LiveError(f'an accident could not be brought about: {self.accidents.error!r}')

    def _check_lives(self) -> None:
        for life in list(self.nursery.lives.values()):
            if life.status and life.killed is None:
                raise LiveError(f'worker {life.worker} ended of itself. {self._errors(life)}'.strip())

    def _errors(self, life: Life) -> str:
        path = self.plan.folder / f'{life.name}.stderr'
        return path.read_text(encoding='utf-8', errors='replace')[-2000:] if path.exists() else ''

    def _wait_for_the_dead(self) -> None:
        """Until the slots that nobody gave back have expired: no longer than a life from now."""
        if self.plan.slot_exp is None or self.watch is None:
            return
        until = time.monotonic() + self.plan.slot_exp * (1 + _SLEW) + _SLACK
        while time.monotonic() < until and any(map(self.watch.size, self.watch.pools())):
            time.sleep(_LOOK)

    def _look_for_leaks(self, watch: Watch) -> None:
        keys = watch.pools()
        self.leaked = sum(watch.size(key) for key in keys)
        # What is empty is no key: a key that is left counts, whatever is in it.
        self.leaked += len(watch.pools()) if not self.leaked else 0


class _Moments:
    """How things stand, at one moment after the other."""

    def __init__(self, run: _Run) -> None:
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
            # In memory nobody else can ask, and bodies are what is known.
            looks[-1].size if looks else bodies,
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
        )


def _one_pool(scenario: Scenario) -> bool:
    return scenario.keys is None and (scenario.trace is None or scenario.trace_options.get('key') is None)


def _result(plan: Plan, run: _Run) -> LiveResult:
    """What a run comes to."""
    scenario, clock = plan.scenario, Clock(plan, run.epoch, run.nursery.first)
    attempts: list[Attempt] = []
    errors: list[tuple[int, str, str, bool]] = []
    looks: list[Look] = [] if run.watch is None else run.watch.looks
    leaked = run.leaked
    for life in by_life(run.nursery.lives):
        noted, names = notes.read_notes(plan.folder, life.name)
        attempts += attempts_of(life, noted, names, clock, run.accidents.settled.get((life.worker, life.life)))
        errors += names.errors
        for instant, size, key, when in noted[noted['kind'] == notes.SIZE][
            ['instant', 'job', 'key', 'attempt']
        ].tolist():
            looks.append(Look(instant, instant, names.keys[key], size))
            # The last look in memory is the one after all have left.
            leaked += size if when == 2 else 0
    attempts = list(settle(attempts, run.accidents.happened, clock))
    if scenario.workload().clients is not None:
        attempts = renumbered(attempts)
    attempts.sort(key=lambda each: (each.job, each.attempt))
    losses = losses_of(run.accidents.happened, clock)
    course = course_of(attempts, scenario.slot_exp, [loss.instant for loss in losses])
    calls = calls_of(attempts, plan.may_repeat, plan.retries > 0)
    margin = 0.0 if plan.slot_exp is None else (_SLACK + _SLEW * plan.slot_exp) * plan.speed
    judgement = judge(calls, Terms(scenario.max_size, scenario.slot_exp, losses=losses, margin=margin))
    recoveries = _recoveries(run)
    violations = [*judgement.violations, *_sampled(looks, clock), *_unannounced(errors, clock)]
    violations += _too_late(recoveries, clock, run)
    bodies = max(run.board.get(worker, cells.PEAK) for worker in range(plan.processes))
    if bodies > scenario.max_size and len(course.names) == 1 and not losses and not expired_under_bodies(course):
        words = f'{bodies} bodies ran at one instant, where {scenario.max_size} may, and none had outlived its slot'
        violations.append(Violation('bodies', clock.seconds(run.over), words))
    if leaked and not (scenario.slot_exp is None and course.tally.figures(1, 1, (0, 0, 0)).crashed):
        words = f'{leaked} slots are left after all have left and expired'
        violations.append(Violation('at rest', clock.seconds(run.over), words))
    expectation = expect(
        scenario.workload(), scenario.max_size, scenario.slot_exp, scenario.on_refusal, scenario.crash_probability
    )
    workload = scenario.workload()
    return LiveResult(
        workload=workload.name,
        skipped=workload.skipped,
        store=without_password(plan.store),
        max_size=scenario.max_size,
        slot_exp=scenario.slot_exp,
        on_refusal=scenario.on_refusal,
        crash_probability=scenario.crash_probability,
        figures=course.tally.figures(len(course.names), scenario.max_size, course.recoveries),
        estimates=estimate(course.series.series(), workload.steady, getattr(workload, 'memoryless', False)),
        occupancy_shares=course.tally.occupancy_shares(),
        overrun_shares=course.tally.overrun_shares(),
        timeline=course.timeline,
        part=course.parts.part(),
        history_hash=course.digest.hexdigest(course.names),
        kept=course.history,
        seconds=(run.over - run.epoch) / NANO,
        violations=sorted(violations, key=lambda each: each.time),
        theory=None if isinstance(expectation, str) else expectation,
        why_no_theory=expectation if isinstance(expectation, str) else '',
        title=scenario.title or None,
        lesson=scenario.lesson,
        measured=_measured(plan, run, attempts, errors, looks, leaked, bodies, recoveries),
        calls=calls,
        judgement=judgement,
        simulated=None,
    )


def _sampled(looks: Sequence[Look], clock: Clock) -> Iterator[Violation]:
    most = clock.plan.scenario.max_size
    for look in looks:
        if look.size > most:
            words = f'the store counted {look.size} slots of the pool {look.key!r}, where {most} may be'
            yield Violation('occupancy', clock.seconds(look.ended), words)


def _unannounced(errors: Sequence[tuple[int, str, str, bool]], clock: Clock) -> Iterator[Violation]:
    for instant, _, words, announced in errors:
        if not announced:
            yield Violation('errors', clock.seconds(instant), f'a worker saw what no documentation tells: {words}')


def _recoveries(run: _Run) -> Recoveries:
    """The slots of killed holders that came back by their expiry; not those whose release was under way."""
    killed = {life.pid: life.ended for life in run.nursery.lives.values() if life.killed is not None}
    found = []
    for seen in run.watch.seen if run.watch is not None else []:
        died = killed.get(seen.pid)
        if died is not None and seen.last_seen > died and seen.gone >= seen.expiry - MARGIN * NANO:
            found.append((seen.expiry - died, seen.gone - died, seen.last_seen - seen.expiry))
    columns = np.array(found, np.float64).reshape(-1, 3).T / NANO
    return Recoveries(*columns)


def _too_late(recoveries: Recoveries, clock: Clock, run: _Run) -> Iterator[Violation]:
    for late in recoveries.late[recoveries.late > MARGIN]:
        words = f'the slot of a killed holder was still taken {late:.3g} s after it had expired'
        yield Violation('recovery', clock.seconds(run.over), words)


def _measured(
    plan: Plan,
    run: _Run,
    attempts: Sequence[Attempt],
    errors: Sequence[tuple[int, str, str, bool]],
    looks: Sequence[Look],
    leaked: int,
    bodies: int,
    recoveries: Recoveries,
) -> Measured:
    board, lives = run.board, list(run.nursery.lives.values())
    asked = board.total(cells.ASKED)
    last = run.nursery.last
    end = run.epoch + plan.nanoseconds(last) if last else run.over
    sizes = [look.size for look in looks if look.began <= end]
    killed = {(life.worker, life.life) for life in lives if life.killed is not None}
    happened = Counter(
        f'{each.kind} with data {each.data}' if each.data else each.kind for each in run.accidents.happened
    )
    begun = len({each.job for each in attempts})
    expected = None if plan.scenario.workload().clients is not None else run.nursery.jobs
    return Measured(
        processes=plan.processes,
        threads=plan.threads,
        tasks=plan.tasks,
        speed=plan.speed,
        wall=(run.over - run.epoch) / NANO,
        latency_mean=board.total(cells.LATENCY) / NANO / asked if asked else 0.0,
        late=board.total(cells.LATE),
        missed=0 if expected is None else expected - begun,
        failed=board.total(cells.FAILED),
        errors=Counter(name for _, name, _, announced in errors if announced),
        lives=len(lives),
        killed=len(killed),
        killed_holding=len({(each.worker, each.died) for each in attempts if each.killed}),
        killed_holders=sum(each.killed for each in attempts),
        accidents=happened,
        looks=len(looks),
        looks_failed=0 if run.watch is None else run.watch.failed,
        sampled_peak=max((look.size for look in looks), default=0),
        sampled_mean=float(np.mean(sizes)) if sizes else 0.0,
        bodies_peak=bodies,
        leaked=leaked,
        recoveries=recoveries,
    )


def _simulated(plan: Plan, jobs: int) -> Result:
    """The same in virtual time: just the same jobs, or clients for the same time."""
    scenario = plan.scenario
    workload = scenario.workload()
    if plan.span is None or not jobs:
        ends = [end for end in (plan.span, scenario.horizon) if end is not None]
        if workload.clients is not None and ends:
            scenario = scenario.replace(horizon=min(ends))
        return scenario.replay(history=False)
    if scenario.trace is None:
        return scenario.replace(jobs=jobs).replay(history=False)
    return replay(
        Trace(list(itertools.islice(workload, jobs)), workload.name, workload.skipped),
        max_size=scenario.max_size,
        slot_exp=scenario.slot_exp,
        on_refusal=scenario.on_refusal,
        crash_probability=scenario.crash_probability,
        seed=scenario.seed,
        history=False,
    )
