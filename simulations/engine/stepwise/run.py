"""Run a workload through a store, worker by worker and command by command."""

import bisect
import math
from collections.abc import Sequence

from tqdm.auto import tqdm

from py_cachify.commands import CLAIM, HEARTBEAT
from py_cachify.pauses import LONGEST_BACKOFF
from py_cachify.protocols import ATOMIC, INDEXED, SlotProtocol
from simulations.conditions import Conditions
from simulations.engine.job_source import JOBS_PER_UPDATE, JobSource
from simulations.engine.ran import Ran
from simulations.engine.stepwise.accidents import Accidents
from simulations.engine.stepwise.audit import Audit
from simulations.engine.stepwise.calls import Calls
from simulations.engine.stepwise.course import Course
from simulations.engine.stepwise.job import Job
from simulations.engine.stepwise.ledger import Ledger
from simulations.engine.stepwise.lines import Lines
from simulations.engine.stepwise.renewer import Renewer
from simulations.engine.stepwise.server import Server
from simulations.engine.stepwise.worker import Waiting, Worker
from simulations.engine.timers import After
from simulations.faults import Failover
from simulations.faults.network import Network
from simulations.history.events import FAILED, Event
from simulations.judging import Seen, StoreClock, Terms, judge, linearizable
from simulations.judging.violation import EVENTS_SHOWN, Violation
from simulations.measuring.observer import Observer
from simulations.results.facts import Findings
from simulations.stores.protocols import PROTOCOLS
from simulations.stores.store import Store
from simulations.workloads.crashes import Crashes
from simulations.workloads.patience import Patience
from simulations.workloads.workload import Workload


class StepwiseRun:
    """One run of a workload through a store, see :func:`simulations.replay`."""

    def __init__(
        self,
        workload: Workload,
        conditions: Conditions,
        store: Store,
        audit: bool,
        keep: bool,
    ) -> None:
        self._source = JobSource(workload, self._arrive, self._check_over)
        self._env = env = self._source.env
        self._conditions = conditions
        self._crashes = Crashes(conditions.seed, conditions.crash_probability)
        self._store = store
        self.observer = Observer(keep, getattr(workload, 'together', 1), conditions.wait_within, conditions.patience)
        self._server = server = Server(env)
        self._protocol = None if conditions.protocol is None else PROTOCOLS[conditions.protocol]
        contents = store.contents(None if self._protocol is None else self._protocol.steps, server.clock)
        # Only a protocol that assigns each slot to a token promises that no holder has two.
        self._owned = contents.protocol is not INDEXED
        missing = max((fault.missing for fault in conditions.faults if isinstance(fault, Failover)), default=0.0)
        self._ledger = ledger = Ledger(
            env,
            contents,
            server.clock,
            conditions.max_size,
            store.new_run(),
            self.observer.recorder,
            missing,
            waits=conditions.waits,
        )
        server.open(contents, ledger)
        network = conditions.network or Network()
        self._workers = [Worker(number, env, network, server, conditions.seed) for number in range(conditions.workers)]
        self._accidents = Accidents(env, conditions.faults, conditions.seed, self._workers, server)
        self._violations: list[Violation] = []
        self._patience = Patience(conditions.seed, conditions.wait)
        if conditions.waits and contents.protocol is ATOMIC:
            self._let_wait(network)
        remembers = contents.protocol is ATOMIC
        self._calls = Calls(env, self._owned, remembers, server.losses, self._violations)
        self._audit = Audit(env, contents, server, ledger, conditions.slot_exp, self._violations)
        self._course = Course(
            env,
            conditions,
            contents.protocol,
            ledger,
            self._calls,
            self._audit if audit else None,
            self.observer,
            self._renewers(contents.protocol),
        )
        self._busy = 0
        self._over = env.event()

    def _renewers(self, protocol: SlotProtocol) -> list[Renewer]:
        life, renew_for = self._conditions.slot_exp, self._conditions.renew_for
        if life is None or not self._conditions.renewed:
            return []
        return [
            Renewer(self._env, worker, protocol, self._ledger, self._calls, life, renew_for) for worker in self._workers
        ]

    def _let_wait(self, network: Network) -> None:
        """Let messages reach those who wait, and judge the queue."""
        conditions, server = self._conditions, self._server
        limit = math.inf
        if not conditions.faults:
            # A request may take as long as all its repetitions do.
            request = (network.timeout + network.pause) * (network.retries + 1) + LONGEST_BACKOFF
            limit = CLAIM + HEARTBEAT + request
        server.lines = Lines(
            self._env, server.clock, conditions.max_size, conditions.max_waiting, limit, self._violations
        )

        def post(ticket: str) -> None:
            # Messages to a dead process do not reach the one that took its place.
            process = ticket.split(':', 2)[1]
            for worker in self._workers:
                if worker.name == process:
                    worker.hear(ticket)

        server.post = post
        server.on_return = [worker.hear_again for worker in self._workers]

    def run(self, bar: 'tqdm[None]') -> Ran:
        """Run to the end, then judge the run."""
        with self._store.errors():
            self._run_jobs(bar)
        bar.set_description('judging')
        findings = self._findings()
        return Ran(self.observer, self._ledger.recoveries, findings, self._events_before(findings.violations))

    def _run_jobs(self, bar: 'tqdm[None]') -> None:
        """Run all jobs, and wait until all slots are freed."""
        ledger, env = self._ledger, self._env
        self._bar = bar
        try:
            # A fault at the first instant happens before the first job arrives.
            After(env, 0.0, lambda _: self._start(), After.ASKS)
            env.run(until=self._over)
            self._accidents.finish()
            while ledger.waits or self._server.busy or any(worker.on_the_way for worker in self._workers):
                env.step()
            for pool in ledger.pools.values():
                self._audit.look(pool, at_rest=True)
        finally:
            bar.update(self._source.arrived - bar.n)
            self.observer.recorder.flush()
            self._store.remove(map(ledger.name, ledger.pools.values()))

    def _start(self) -> None:
        self._source.start()
        self._check_over()

    # --- jobs come and go

    def _arrive(self, number: int, holding: float, key: str | None, client: int) -> None:
        if not number % JOBS_PER_UPDATE:
            self._bar.update(number - self._bar.n)
        pool, patience = self._ledger.pool(key or ''), self._patience.draw()
        job = Job(number, self._env.now, holding, pool, client, self._crashes.draw(), patience)
        self._busy += 1
        worker = self._worker_for(number if client < 0 else client)
        if worker is None:
            self._ledger.note(FAILED, job, job.pool)
            self._gone(job)
        else:
            process = self._env.process(self._live(job, worker))
            worker.jobs[process] = None

    def _worker_for(self, turn: int) -> Worker | None:
        """Return the worker whose turn it is, or the next one alive; ``None`` if all are dead."""
        count = len(self._workers)
        in_turn = (self._workers[(turn + step) % count] for step in range(count))
        return next((worker for worker in in_turn if worker.alive), None)

    def _live(self, job: Job, worker: Worker) -> Waiting:
        try:
            yield from self._course.run(job, worker)
        finally:
            worker.jobs.pop(self._env.active_process, None)  # type: ignore[arg-type]  # there is one
            self._gone(job)

    def _gone(self, job: Job) -> None:
        self._busy -= 1
        if job.client >= 0:
            self._source.think(job.client)
        self._check_over()

    def _check_over(self) -> None:
        if not self._busy and self._source.over and not self._over.triggered:
            self._over.succeed()

    # --- the judgement

    def _findings(self) -> Findings:
        calls, terms = self._calls.made, self._terms()
        judgement = judge(calls, terms, self._seen())
        judgement.limits.extend(self._calls.limits)
        judgement.limits.sort(key=lambda limit: limit.time)
        linearity = linearizable(calls, terms)
        found = [*self._violations, *self._ledger.violations, *judgement.violations]
        if linearity.violation is not None:
            found.append(linearity.violation)
        found.sort(key=lambda violation: violation.time)
        accidents = self._accidents
        return Findings(found, accidents.episodes, calls, judgement, linearity, accidents.missed)

    def _seen(self) -> Seen:
        lines = self._server.lines
        seen = self._ledger.seen()
        return seen if lines is None else seen._replace(waiting=lines.levels())

    def _terms(self) -> Terms:
        life = self._conditions.slot_exp
        if life is not None and not self._owned:
            # Under the plain contract a life is a whole number of seconds.
            life = math.ceil(life)
        honest = self._protocol is None or self._protocol.honest
        clock, losses = StoreClock(self._server.jumps), tuple(self._server.losses)
        return Terms(
            self._conditions.max_size,
            life,
            honest,
            self._owned,
            clock,
            losses,
            max_waiting=self._conditions.max_waiting,
            waiting=self._conditions.waits,
        )

    def _events_before(self, found: Sequence[Violation]) -> list[Event]:
        if not found or self.observer.history is None:
            return []
        last = bisect.bisect_right(self.observer.history.times, found[0].time)
        return [self.observer.history[place] for place in range(max(0, last - EVENTS_SHOWN), last)]
