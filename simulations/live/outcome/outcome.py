"""What a live run comes to: notes put together, judged, and counted."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np

from simulations.faults.episodes import Episode
from simulations.judging import Terms, judge
from simulations.judging.violation import Violation
from simulations.live import board as cells
from simulations.live import notes
from simulations.live.outcome.attempts import (
    Attempt,
    Clock,
    attempts_of,
    by_life,
    calls_of,
    losses_of,
    renumbered,
    settle,
)
from simulations.live.outcome.course import course_of
from simulations.live.outcome.measured import Measured, Recoveries
from simulations.live.outcome.promises import (
    back_too_early,
    back_too_late,
    of_the_lookout,
    oversized,
    recoveries_of,
    unannounced,
    undersized,
)
from simulations.live.outcome.result import LiveResult
from simulations.live.plan import NANO, Plan
from simulations.live.supervisor.lookout import Look
from simulations.live.supervisor.run import SLACK, SLEW, Run
from simulations.results.facts import Findings
from simulations.stores.store import without_password
from simulations.units import count


def result_of(plan: Plan, run: Run) -> LiveResult:
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
    margin = 0.0 if plan.slot_exp is None else (SLACK + SLEW * plan.slot_exp) * plan.speed
    judgement = judge(calls, Terms(scenario.max_size, scenario.slot_exp, losses=losses, margin=margin))
    recoveries = recoveries_of(run)
    violations = [*judgement.violations, *oversized(looks, clock), *unannounced(errors, clock)]
    if run.watch is not None:
        violations += [*of_the_lookout(run.watch, clock), *undersized(looks, attempts, losses, margin, clock)]
    violations += [*back_too_late(recoveries, clock, run), *back_too_early(attempts, losses, clock, run)]
    # Its network is a real one, which takes as long as it does.
    conditions = dataclasses.replace(scenario.conditions(), workers=plan.processes, network=None)
    workload = scenario.workload()
    observed = course.observer.observed(
        scenario.max_size,
        course.recoveries,
        steady=conditions.steady(workload),
        memoryless=getattr(workload, 'memoryless', False),
    )
    figures = observed.figures
    bodies = max(run.board.get(worker, cells.PEAK) for worker in range(plan.processes))
    if bodies > scenario.max_size and figures.pools == 1 and not losses and not figures.expired_while_running:
        words = f'{bodies} bodies ran at one instant, where {scenario.max_size} may, and none had outlived its slot'
        violations.append(Violation('bodies', clock.seconds(run.over), words))
    if leaked and not (scenario.slot_exp is None and figures.crashed):
        words = f'{count(leaked, "slot", "slots")} left after all have left and expired'
        violations.append(Violation('at rest', clock.seconds(run.over), words))
    episodes = [
        Episode(each.kind, each.whom, clock.seconds(each.began), clock.seconds(each.ended))
        for each in run.accidents.happened
    ]
    return LiveResult(
        workload=workload.name,
        skipped=workload.skipped,
        store=without_password(plan.store),
        conditions=conditions,
        observed=observed,
        findings=Findings(sorted(violations, key=lambda each: each.time), episodes, calls, judgement),
        expectation=conditions.expect(workload),
        seconds=(run.over - run.epoch) / NANO,
        title=scenario.title or None,
        lesson=scenario.lesson,
        measured=_measured(plan, run, attempts, errors, looks, leaked, bodies, recoveries),
        simulated=None,
    )


def _measured(
    plan: Plan,
    run: Run,
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
