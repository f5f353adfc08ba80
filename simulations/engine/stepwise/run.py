"""One workload, worker by worker, command by command, through one store."""

import bisect
import math
import random
from collections.abc import Sequence
from typing import Any

import simpy
from tqdm.auto import tqdm

from py_cachify.commands import Steps
from py_cachify.drivers import run
from py_cachify.protocols import INDEXED, NOT_UNDONE, SlotProtocol
from simulations.conditions import Conditions
from simulations.engine.job_source import JOBS_PER_UPDATE, JobSource
from simulations.engine.ran import Ran
from simulations.engine.stepwise.accidents import Accidents
from simulations.engine.stepwise.ledger import Holder, Ledger, Pool
from simulations.engine.stepwise.server import Server
from simulations.engine.stepwise.worker import Request, Waiting, Worker
from simulations.engine.timers import After, moves_on
from simulations.faults import Failover
from simulations.faults.connection import LostConnectionError
from simulations.faults.network import Network
from simulations.history.events import FAILED as JOB_FAILED
from simulations.history.events import REFUSED as JOB_REFUSED
from simulations.history.events import RETRYING, Event
from simulations.judging import (
    FAILED,
    GRANTED,
    REFUSED,
    RELEASED,
    TAKEN_TWICE,
    TOO_LATE,
    UNKNOWN,
    Call,
    StoreClock,
    Terms,
    judge,
    linearizable,
)
from simulations.judging.violation import EVENTS_SHOWN, Violation
from simulations.measuring.observer import Watch
from simulations.results.facts import Findings
from simulations.stores.protocols import PROTOCOLS
from simulations.stores.store import Store
from simulations.workloads.crashes import Crashes
from simulations.workloads.refusals import Leave
from simulations.workloads.workload import Workload


class _Job(Holder):
    """A job on its way."""

    __slots__ = ('arrival', 'asked', 'client', 'crash', 'holding', 'pauses', 'pool', 'settled')

    def __init__(self, number: int, arrival: float, holding: float, pool: Pool, client: int) -> None:
        super().__init__(number)
        self.arrival = arrival
        self.holding = holding
        self.pool = pool
        self.client = client
        self.crash: float | None = None
        self.asked = 0
        self.pauses: random.Random | None = None
        self.settled = False


class StepwiseRun:
    """One workload on its way through one store, see :func:`simulations.replay`."""

    def __init__(
        self,
        workload: Workload,
        conditions: Conditions,
        store: Store,
        audit: bool,
        keep: bool,
    ) -> None:
        self._source = JobSource(workload, self._arrive, self._see_whether_over)
        self._env = env = self._source.env
        self._max_size = max_size = conditions.max_size
        self._slot_exp = slot_exp = conditions.slot_exp
        self._on_refusal = conditions.on_refusal
        self._crashes = Crashes(conditions.seed, conditions.crash_probability)
        self._seed = seed = conditions.seed
        self._store = store
        self._audit = audit
        self.watch = Watch(keep)
        self._server = Server(env)
        protocol = None if conditions.protocol is None else PROTOCOLS[conditions.protocol]
        self._contents = store.contents(None if protocol is None else protocol.steps, self._server.clock)
        self._protocol: SlotProtocol = self._contents.protocol
        self._honest = protocol is None or protocol.honest
        self._owned = self._protocol is not INDEXED
        # Under the plain contract a life is in whole seconds.
        whole = slot_exp is not None and self._protocol is INDEXED
        self._life = math.ceil(slot_exp) if whole and slot_exp is not None else slot_exp
        missing = max((fault.missing for fault in conditions.faults if isinstance(fault, Failover)), default=0.0)
        self._ledger = Ledger(
            env, self._contents, self._server.clock, max_size, store.new_run(), self.watch.recorder, missing
        )
        self._server.open(self._contents, self._ledger)
        network = conditions.network or Network()
        self._workers = [Worker(number, env, network, self._server, seed) for number in range(conditions.workers)]
        self._accidents = Accidents(env, conditions.faults, seed, self._workers, self._server)
        self._busy = 0
        self._over = env.event()
        self._calls: list[Call] = []
        self._violations: list[Violation] = []
        self._limits: list[Violation] = []

    def _to_the_end(self, bar: 'tqdm[None]') -> None:
        """Let all jobs come and go, and all slots come back."""
        ledger, env = self._ledger, self._env
        self._bar = bar
        try:
            # What goes wrong at the first instant does so before the first job comes.
            After(env, 0.0, lambda _: self._start(), After.AFTER_ALL_ENDS)
            env.run(until=self._over)
            self._accidents.over = True
            while ledger.waits or self._server.busy or any(worker.on_the_way for worker in self._workers):
                env.step()
            for pool in ledger.pools.values():
                self._look(pool, at_rest=True)
        finally:
            bar.update(self._source.came - bar.n)
            self.watch.recorder.hand_on()
            self._store.remove(map(ledger.name, ledger.pools.values()))

    def _start(self) -> None:
        self._source.start()
        self._see_whether_over()

    def through(self, bar: 'tqdm[None]') -> Ran:
        """Run it to its end, and judge it."""
        with self._store.errors():
            self._to_the_end(bar)
        clock, losses = StoreClock(self._server.jumps), tuple(self._server.losses)
        terms = Terms(self._max_size, self._life, self._honest, self._owned, clock, losses)
        judgement = judge(self._calls, terms, self._ledger.seen())
        judgement.limits.extend(self._limits)
        judgement.limits.sort(key=lambda limit: limit.time)
        bar.set_description('judging')
        linearity = linearizable(self._calls, terms)
        found = [*self._violations, *self._ledger.violations, *judgement.violations]
        if linearity.violation is not None:
            found.append(linearity.violation)
        found.sort(key=lambda violation: violation.time)
        findings = Findings(found, self._accidents.episodes, self._calls, judgement, linearity)
        return Ran(self.watch, self._ledger.recoveries, findings, self._events_before(found))

    def _events_before(self, found: Sequence[Violation]) -> list[Event]:
        if not found or self.watch.history is None:
            return []
        last = bisect.bisect_right(self.watch.history.times, found[0].time)
        return [self.watch.history[place] for place in range(max(0, last - EVENTS_SHOWN), last)]

    # --- jobs come and go

    def _arrive(self, number: int, holding: float, key: str | None, client: int) -> None:
        if not number % JOBS_PER_UPDATE:
            self._bar.update(number - self._bar.n)
        job = _Job(number, self._env.now, holding, self._ledger.pool(key or ''), client)
        job.crash = self._crashes.draw()
        turn = number if client < 0 else client
        self._busy += 1
        for worker in self._workers[turn % len(self._workers) :] + self._workers[: turn % len(self._workers)]:
            if worker.alive:
                process = self._env.process(self._live(job, worker))
                worker.jobs[process] = None
                return
        self._note(JOB_FAILED, job)
        self._gone(job)

    def _live(self, job: _Job, worker: Worker) -> Waiting:
        try:
            yield from self._work(job, worker)
        except simpy.Interrupt:
            if job.running:
                self._ledger.ended(job, job.pool, crashed=True)
            elif not job.settled:
                self._note(JOB_FAILED, job)
        finally:
            worker.jobs.pop(self._env.active_process, None)  # type: ignore[arg-type]  # there is one
            self._gone(job)

    def _gone(self, job: _Job) -> None:
        self._busy -= 1
        if job.client >= 0:
            self._source.think(job.client)
        self._see_whether_over()

    def _see_whether_over(self) -> None:
        if not self._busy and self._source.over and not self._over.triggered:
            self._over.succeed()

    def _note(self, what: int, job: _Job) -> None:
        self._ledger.note(what, job, job.pool)

    # --- what a job does

    def _work(self, job: _Job, worker: Worker) -> Waiting:
        yield from worker.awake()
        while (lease := (yield from self._acquire(job, worker))) is None:
            pause = self._pause(job)
            if pause is None:
                return
            yield self._env.timeout(moves_on(self._env.now, 'pause', pause))
            yield from worker.awake()
        if lease is False:
            return
        if job.asked > 1:
            self.watch.tally.waited(self._env.now - job.arrival)
        job.settled = True
        self._ledger.began(job, job.pool)
        if job.crash is not None:
            life = job.holding if self._slot_exp is None else min(job.holding, self._slot_exp)
            yield self._env.timeout(job.crash * life)
            self._ledger.ended(job, job.pool, crashed=True)
            return
        yield self._env.timeout(job.holding)
        yield from worker.awake()
        self._ledger.ended(job, job.pool)
        yield from self._call('release', job, worker, self._protocol.release(lease))
        self._look(job.pool)

    def _acquire(self, job: _Job, worker: Worker) -> Waiting:
        """Ask for a slot: the lease, ``None`` where the pool is full, ``False`` where nobody answers."""
        # A slot of an earlier attempt is never mistaken for this one's.
        self._ledger.asks(job, f'{job.number}.{job.asked}' if job.asked else str(job.number))
        job.asked += 1
        steps = self._protocol.acquire(self._ledger.name(job.pool), job.token, self._max_size, self._slot_exp)
        lease = yield from self._call('acquire', job, worker, steps)
        self._look(job.pool)
        if isinstance(lease, LostConnectionError):
            job.left, job.settled = self._env.now, True
            self._note(JOB_FAILED, job)
            return False
        return lease

    def _pause(self, job: _Job) -> float | None:
        """For how long a refused job waits until it asks again; ``None`` if it leaves."""
        pause = None
        if not isinstance(self._on_refusal, Leave):
            # A stream for each job: how often one asks does not shift the pauses of another.
            job.pauses = job.pauses or random.Random(f'{self._seed} pauses {job.number}')
            pause = self._on_refusal.pause(job.asked, job.pauses)
        if pause is None:
            job.left, job.settled = self._env.now, True
        self._note(JOB_REFUSED if pause is None else RETRYING, job)
        return pause

    def _call(self, what: str, job: _Job, worker: Worker, steps: Steps[Any]) -> Waiting:
        """Drive an operation to its end, and take down what its caller saw; an error is the result as well."""
        called, requests = self._env.now, list[Request]()
        commands, returned, answer, overtaken = 0, math.inf, UNKNOWN, False
        result: Any = None
        try:
            command = next(steps)
            while True:
                commands += 1
                try:
                    reply = yield from worker.ask(command, job.pool, requests)
                except LostConnectionError as error:
                    # What undoes it may overtake what the network holds back of it.
                    overtaken |= any(request.on_the_way for request in requests)
                    command = steps.throw(error)
                else:
                    command = steps.send(reply)
        except StopIteration as done:
            result = done.value
            returned, answer = self._env.now, _answer(what, result)
        except LostConnectionError as error:
            result = error
            undone = not any(note.startswith(NOT_UNDONE) for note in getattr(error, '__notes__', ()))
            returned = self._env.now
            answer = FAILED if what == 'acquire' and undone and not overtaken else UNKNOWN
        finally:
            steps.close()
            repeated = len(requests) > commands
            self._calls.append(Call(what, job.token, called, returned, answer, job.pool.key, worker.number, repeated))
            if returned < math.inf:
                self._check_own(job, answer, requests)
            self._settle([request for request in requests if request.on_the_way])
        return result

    def _check_own(self, job: _Job, answer: str, requests: list[Request]) -> None:
        """Whoever failed, and undid it, has left nothing; and whoever was refused had nothing when that was decided."""
        if not job.slots:
            return
        if answer == FAILED:
            rule, words = 'undone', f'{job.token} failed and was undone, and its slot is still there'
        elif answer == REFUSED and job.taken < requests[-1].carried_out:
            rule, words = 'own slot', f'{job.token} was refused, and has a slot'
        else:
            return
        found = Violation(rule, self._env.now, words)
        if self._owned:
            self._violations.append(found)
        else:
            self._limits.append(found._replace(rule=TAKEN_TWICE))

    def _settle(self, under_way: list[Request]) -> None:
        """Complete the record of the last call: when nothing of it was under way any more."""
        place = len(self._calls) - 1

        def landed() -> None:
            if not any(request.on_the_way for request in under_way):
                self._calls[place] = self._calls[place]._replace(settled=self._env.now)

        for request in under_way:
            request.landed = landed
        landed()

    # --- the store is looked at

    def _look(self, pool: Pool, at_rest: bool = False) -> None:
        """Ask for the size of the pool, and compare with what is there."""
        if not (self._audit or at_rest):
            return
        steps = self._protocol.size(self._ledger.name(pool), self._max_size)
        size = run(steps, lambda command: self._contents.perform(command, self._server.clock()))
        self._ledger.observe(pool)
        where = f' of the pool {pool.key!r}' if pool.key else ''
        if size != len(pool.slots):
            words = f'the store counts {size} slots{where} where {len(pool.slots)} are live'
            self._violations.append(Violation('at rest' if at_rest else 'occupancy', self._env.now, words))
        elif at_rest and size and self._slot_exp is not None:
            words = f'{size} slots{where} are left when all are gone and had time to expire'
            self._violations.append(Violation('at rest', self._env.now, words))


def _answer(what: str, result: Any) -> str:
    if what == 'acquire':
        return REFUSED if result is None else GRANTED
    return RELEASED if result else TOO_LATE
