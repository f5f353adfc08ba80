"""Drive an operation to its end, command by command, and record what its caller saw."""

import math
from collections.abc import Generator, Sequence
from typing import Any

import simpy

from py_cachify.commands import AwaitTurn, Queued, Refusal, Steps, Turn
from py_cachify.protocols import NOT_UNDONE, Lease, NoLease
from simulations.engine.stepwise.answers import Answered, Granted, Refused, Unanswered
from simulations.engine.stepwise.job import Job
from simulations.engine.stepwise.worker import Request, Waiting, Worker
from simulations.faults.connection import LostConnectionError
from simulations.judging import (
    FAILED,
    GRANTED,
    REFUSED,
    RELEASED,
    RENEWED,
    TAKEN_TWICE,
    TOO_LATE,
    UNKNOWN,
    Call,
    Loss,
)
from simulations.judging.calls import ACQUIRE, CROWDED, REFUSALS, RELEASE, RENEW, TIMED_OUT
from simulations.judging.violation import Violation


class Calls:
    """The record of the calls of a run.

    Args:
        env: virtual time.
        owned: whether the protocol promises that a client whose acquire failed or was refused has
            no slot.
        remembers: whether the store refuses an acquire that arrives after it was undone.
        losses: the server's losses of writes; with them it forgets what was undone.
        violations: the list to which breaches of this promise are added.

    Attributes:
        made: the calls, in order of their ends.
        limits: breaches of what the protocol does not promise.
    """

    def __init__(
        self,
        env: simpy.Environment,
        owned: bool,
        remembers: bool,
        losses: Sequence[Loss],
        violations: list[Violation],
    ) -> None:
        self._env = env
        self._owned = owned
        self._remembers = remembers
        self._losses = losses
        self._violations = violations
        self.made: list[Call] = []
        self.limits: list[Violation] = []

    def acquire(self, job: Job, worker: Worker, steps: Steps[Lease | NoLease]) -> Generator[simpy.Event, Any, Answered]:
        """Drive an acquire and return its outcome as the job sees it."""
        try:
            lease = yield from self._drive(ACQUIRE, job, worker, steps)
        except LostConnectionError:
            return Unanswered()
        return Granted(lease) if lease else Refused(lease)

    def release(self, job: Job, worker: Worker, steps: Steps[bool]) -> Waiting:
        """Drive a release; the job gives up if no reply comes."""
        try:
            yield from self._drive(RELEASE, job, worker, steps)
        except LostConnectionError:
            return

    def renew(
        self, jobs: Sequence[Job], worker: Worker, steps: Steps[tuple[bool, ...]]
    ) -> Generator[simpy.Event, Any, tuple[bool, ...] | None]:
        """Drive a request that renews slots of one pool; ``None`` if no reply comes."""
        pool, called, requests = jobs[0].pool, self._env.now, list[Request]()
        commands, returned = 0, math.inf
        there: tuple[bool, ...] | None = None
        try:
            command = next(steps)
            while True:
                commands += 1
                command = steps.send((yield from worker.ask(command, pool, requests)))
        except StopIteration as done:
            returned, there = self._env.now, done.value
            return there
        except LostConnectionError:
            returned = self._env.now
            return None
        finally:
            steps.close()
            for place, job in enumerate(jobs):
                answer = UNKNOWN if there is None else RENEWED if there[place] else TOO_LATE
                repeated = len(requests) > commands
                self.made.append(Call(RENEW, job.token, called, returned, answer, pool.key, worker.number, repeated))
            self._settle([request for request in requests if request.on_the_way], len(jobs))

    def _drive(self, what: str, job: Job, worker: Worker, steps: Steps[Any]) -> Waiting:
        called, requests = self._env.now, list[Request]()
        commands, returned, answer, overtaken = 0, math.inf, UNKNOWN, False
        since, waiter = math.inf, job.waiter if what == ACQUIRE else None
        try:
            command = next(steps)
            while True:
                if waiter is not None:
                    if isinstance(command, AwaitTurn):
                        turn = yield from waiter.await_turn(command)
                        if turn is Turn.GRANTED:
                            since = job.since = waiter.granted_at
                        command = steps.send(turn)
                        continue
                    job.since = self._env.now
                commands += 1
                try:
                    reply = yield from worker.ask(command, job.pool, requests)
                except LostConnectionError as error:
                    # The commands that undo it may overtake requests that are still on the network.
                    overtaken |= not self._remembers and any(request.on_the_way for request in requests)
                    command = steps.throw(error)
                else:
                    if isinstance(reply, Queued):
                        # It had no slot when the server carried this out.
                        since = job.since
                    command = steps.send(reply)
        except StopIteration as done:
            returned, answer = self._env.now, _answer(what, done.value)
            return done.value
        except LostConnectionError as error:
            undone = not any(note.startswith(NOT_UNDONE) for note in getattr(error, '__notes__', ()))
            returned = self._env.now
            answer = FAILED if what == ACQUIRE and undone and not overtaken else UNKNOWN
            raise
        finally:
            steps.close()
            repeated = len(requests) > commands
            call = Call(what, job.token, called, returned, answer, job.pool.key, worker.number, repeated)
            self.made.append(call if waiter is None else call._replace(since=since))
            if returned < math.inf:
                self._check_own(job, answer, requests)
            self._settle([request for request in requests if request.on_the_way])

    def _check_own(self, job: Job, answer: str, requests: list[Request]) -> None:
        """Check that the job has no slot after an acquire that was undone or refused.

        A refused job must have had none at the instant at which the server refused it.
        """
        if not job.slots:
            return
        if answer == FAILED:
            rule, words = 'undone', f'the acquire of {job.token} failed and was undone, but its slot is still there'
        elif answer in REFUSALS and job.taken < requests[-1].carried_out:
            rule, words = 'own slot', f'{job.token} was refused, but it has a slot'
        else:
            return
        found = Violation(rule, self._env.now, words)
        if self._owned:
            self._violations.append(found)
        else:
            self.limits.append(found._replace(rule=TAKEN_TWICE))

    def _settle(self, under_way: list[Request], last: int = 1) -> None:
        """Note in the last records when none of their requests is under way any longer."""
        places = range(len(self.made) - last, len(self.made))

        def landed() -> None:
            if any(request.on_the_way for request in under_way):
                return
            for place in places:
                call = self.made[place]._replace(settled=self._env.now)
                if call.answer == FAILED and any(loss.instant >= call.called for loss in self._losses):
                    # The server may have forgotten that the acquire was undone.
                    call = call._replace(answer=UNKNOWN)
                self.made[place] = call

        for request in under_way:
            request.landed = landed
        landed()


_REFUSALS: dict[NoLease, str] = {Refusal.TIMED_OUT: TIMED_OUT, Refusal.CROWDED: CROWDED}


def _answer(what: str, result: Any) -> str:
    if what == ACQUIRE:
        return GRANTED if result else _REFUSALS.get(result, REFUSED)
    return RELEASED if result else TOO_LATE
