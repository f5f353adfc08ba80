"""The outcome of a live run: its notes are put together, judged and counted."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from simulations.faults.episodes import Episode
from simulations.judging import Loss, Terms, judge
from simulations.judging.violation import Violation
from simulations.live import board as cells
from simulations.live import notes
from simulations.live.outcome.attempts import (
    Attempt,
    Clock,
    attempts_of,
    calls_of,
    in_order,
    losses_of,
    renumbered,
    settle,
)
from simulations.live.outcome.course import Pause, course_of
from simulations.live.outcome.measured import Measured, Recoveries
from simulations.live.outcome.promises import (
    freed_early,
    recoveries_of,
    renewed_by_the_dead,
    sizes_too_large,
    sizes_unexplained,
    undocumented_errors,
    wrong_answers,
)
from simulations.live.outcome.queueing import idle_slots, overtaken, wrong_refusals
from simulations.live.outcome.result import LiveResult
from simulations.live.plan import NANO, SLEW, Plan
from simulations.live.supervisor.lookout import Look
from simulations.live.supervisor.run import SLACK, Run
from simulations.measuring.observer import Observed
from simulations.results.facts import Findings
from simulations.stores.store import without_password
from simulations.units import count


class _Gathered(NamedTuple):
    """What the workers noted and the lookout saw, of the whole run.

    Attributes:
        attempts: the attempts, in order of the jobs and of their attempts.
        errors: the errors that workers met, as :class:`simulations.live.notes.Names` has them.
        looks: the looks at the size of a pool.
        leaked: slots, or else keys, that were left at the end.
        bodies: the most bodies that ran at one instant.
        losses: when the server lost its data.
        recoveries: when the slots of killed holders were freed.
    """

    attempts: Sequence[Attempt]
    errors: Sequence[tuple[int, str, str, bool]]
    looks: Sequence[Look]
    leaked: int
    bodies: int
    losses: tuple[Loss, ...]
    recoveries: Recoveries


def result_of(plan: Plan, run: Run) -> LiveResult:
    """Return the result of a run, without its simulation."""
    scenario, clock = plan.scenario, Clock(plan, run.epoch, run.nursery.first)
    workload = scenario.workload()
    gathered = _gather(plan, run, clock)
    losses = gathered.losses
    pauses = [
        Pause(worker, clock.seconds(each.began))
        for each in run.accidents.happened
        if each.kind == 'pause'
        for worker in each.workers
    ]
    course = course_of(
        gathered.attempts,
        scenario.slot_exp,
        [loss.instant for loss in losses],
        pauses if plan.renewed else None,
        scenario.wait_within,
    )
    # The network is real, so the scenario's latency does not apply.
    conditions = dataclasses.replace(scenario.conditions(), workers=plan.processes, network=None)
    observed = course.observer.observed(
        scenario.max_size,
        course.recoveries,
        steady=conditions.steady(workload),
        pace=conditions.pace(workload),
        waits=conditions.waits,
    )
    if run.watch is not None:
        # The library renews by itself: only the looks at the server tell how often.
        observed = observed._replace(figures=observed.figures._replace(renewals=run.watch.renewals))
    calls = calls_of(gathered.attempts, plan.may_repeat, plan.retries > 0, plan)
    margin = 0.0 if plan.slot_exp is None else (SLACK + SLEW * plan.slot_exp) * plan.speed
    terms = Terms(scenario.max_size, scenario.slot_exp, losses=losses, margin=margin, waiting=plan.waits)
    judgement = judge(calls, terms)
    violations = [
        *judgement.violations,
        *_seen_violations(run, gathered, margin, clock),
        *(_queue_violations(run, gathered, clock) if plan.waits else ()),
        *_final_violations(run, gathered, observed, clock),
    ]
    episodes = [
        Episode(each.kind, each.workers, clock.seconds(each.began), clock.seconds(each.ended))
        for each in run.accidents.happened
    ]
    return LiveResult(
        workload=workload.name,
        skipped=workload.skipped,
        store=without_password(plan.store),
        conditions=conditions,
        observed=observed,
        findings=Findings(
            sorted(violations, key=lambda each: each.time),
            episodes,
            calls,
            judgement,
            missed=run.accidents.missed,
        ),
        expectation=conditions.expect(workload),
        seconds=(run.over - run.epoch) / NANO,
        title=scenario.title or None,
        lesson=scenario.lesson,
        measured=_measured(plan, run, gathered),
        simulated=None,
    )


def _gather(plan: Plan, run: Run, clock: Clock) -> _Gathered:
    attempts: list[Attempt] = []
    errors: list[tuple[int, str, str, bool]] = []
    looks: list[Look] = [] if run.watch is None else run.watch.looks
    leaked = run.leaked
    for life in in_order(run.nursery.lives):
        noted, names = notes.read_notes(plan.folder, life.name)
        attempts += attempts_of(life, noted, names, clock, run.accidents.settled.get((life.worker, life.life)))
        errors += names.errors
        sizes = noted[noted['kind'] == notes.SIZE][['instant', 'job', 'key', 'attempt']]
        for instant, size, key, when in sizes.tolist():
            looks.append(Look(instant, instant, names.keys[key], size))
            # In memory, the worker takes its last look (2) after all jobs have ended.
            leaked += size if when == 2 else 0
    attempts = list(settle(attempts, run.accidents.happened, clock))
    if plan.scenario.workload().clients is not None:
        attempts = renumbered(attempts)
    attempts.sort(key=lambda each: (each.job, each.attempt))
    bodies = max(run.board.get(worker, cells.PEAK) for worker in range(plan.processes))
    losses = losses_of(run.accidents.happened, clock)
    return _Gathered(attempts, errors, looks, leaked, bodies, losses, recoveries_of(run))


def _seen_violations(run: Run, gathered: _Gathered, margin: float, clock: Clock) -> Iterator[Violation]:
    """Yield the broken promises that the looks at the server or the workers' errors show."""
    attempts, losses = gathered.attempts, gathered.losses
    yield from sizes_too_large(gathered.looks, clock)
    yield from undocumented_errors(gathered.errors, clock)
    if run.watch is not None:
        yield from wrong_answers(run.watch, clock)
        yield from sizes_unexplained(gathered.looks, attempts, losses, margin, clock)
    yield from freed_early(attempts, losses, clock, run)
    yield from renewed_by_the_dead(clock, run)


def _queue_violations(run: Run, gathered: _Gathered, clock: Clock) -> Iterator[Violation]:
    """Yield the broken promises that concern those who wait."""
    attempts, looks, accidents = gathered.attempts, gathered.looks, run.accidents.happened
    yield from wrong_refusals(attempts, clock)
    yield from overtaken(attempts, looks, [] if run.watch is None else run.watch.slow_claims, accidents, clock)
    yield from idle_slots(attempts, looks, accidents, clock)
    if run.left_waiting:
        words = f'{count(run.left_waiting, "queue", "queues")} left after all waiters had gone'
        yield Violation('at rest', clock.seconds(run.over), words)


def _final_violations(run: Run, gathered: _Gathered, observed: Observed, clock: Clock) -> Iterator[Violation]:
    """Yield the broken promises that the count of bodies or leftover slots show."""
    scenario, figures, over = clock.plan.scenario, observed.figures, clock.seconds(run.over)
    outlived = gathered.losses or figures.expired_while_running
    if gathered.bodies > scenario.max_size and figures.pools == 1 and not outlived:
        words = (
            f'{gathered.bodies} bodies ran at one instant with max_size {scenario.max_size}, and none outlived its slot'
        )
        yield Violation('bodies', over, words)
    if gathered.leaked and not (scenario.slot_exp is None and figures.crashed):
        words = f'{count(gathered.leaked, "slot", "slots")} left after all should have been released or expired'
        yield Violation('at rest', over, words)


def _measured(plan: Plan, run: Run, gathered: _Gathered) -> Measured:
    attempts, looks, recoveries = gathered.attempts, gathered.looks, gathered.recoveries
    board, lives = run.board, list(run.nursery.lives.values())
    asked = board.total(cells.ASKED)
    last = run.nursery.last
    end = run.epoch + plan.nanoseconds(last) if last else run.over
    sizes = [look.size for look in looks if run.epoch <= look.began <= end]
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
        jobs=begun,
        late=board.total(cells.LATE),
        missed=0 if expected is None else expected - begun,
        failed=board.total(cells.FAILED),
        not_released=sum(each.failed_to_release for each in attempts),
        errors=Counter(name for _, name, _, documented in gathered.errors if documented),
        lives=len(lives),
        killed=len(killed),
        killed_holding=len({(each.worker, each.died) for each in attempts if each.killed}),
        killed_holders=sum(each.killed for each in attempts),
        accidents=happened,
        looks=len(looks),
        looks_failed=0 if run.watch is None else run.watch.failed,
        sampled_peak=max((look.size for look in looks), default=0),
        sampled_mean=float(np.mean(sizes)) if sizes else 0.0,
        bodies_peak=gathered.bodies,
        leaked=gathered.leaked,
        recoveries=recoveries,
    )
