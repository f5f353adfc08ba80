"""Drive an operation to its end, command by command, and record what its caller saw."""

import math
from collections.abc import Generator, Sequence
from typing import Any

import simpy

from py_cachify.commands import Steps
from py_cachify.protocols import NOT_UNDONE, Lease, NoLease
from simulations.engine.stepwise.answers import Answered, Granted, Refused, Unanswered
from simulations.engine.stepwise.job import Job
from simulations.engine.stepwise.worker import Request, Waiting, Worker
from simulations.faults.connection import LostConnectionError
from simulations.judging import FAILED, GRANTED, REFUSED, RELEASED, TAKEN_TWICE, TOO_LATE, UNKNOWN, Call, Loss
from simulations.judging.calls import ACQUIRE, RELEASE
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
        return Granted(lease) if lease else Refused()

    def release(self, job: Job, worker: Worker, steps: Steps[bool]) -> Waiting:
        """Drive a release; the job gives up if no reply comes."""
        try:
            yield from self._drive(RELEASE, job, worker, steps)
        except LostConnectionError:
            return

    def _drive(self, what: str, job: Job, worker: Worker, steps: Steps[Any]) -> Waiting:
        called, requests = self._env.now, list[Request]()
        commands, returned, answer, overtaken = 0, math.inf, UNKNOWN, False
        try:
            command = next(steps)
            while True:
                commands += 1
                try:
                    reply = yield from worker.ask(command, job.pool, requests)
                except LostConnectionError as error:
                    # The commands that undo it may overtake requests that are still on the network.
                    overtaken |= not self._remembers and any(request.on_the_way for request in requests)
                    command = steps.throw(error)
                else:
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
            self.made.append(Call(what, job.token, called, returned, answer, job.pool.key, worker.number, repeated))
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
        elif answer == REFUSED and job.taken < requests[-1].carried_out:
            rule, words = 'own slot', f'{job.token} was refused, but it has a slot'
        else:
            return
        found = Violation(rule, self._env.now, words)
        if self._owned:
            self._violations.append(found)
        else:
            self.limits.append(found._replace(rule=TAKEN_TWICE))

    def _settle(self, under_way: list[Request]) -> None:
        """Note in the record of the last call when none of its requests is under way any longer."""
        place = len(self.made) - 1

        def landed() -> None:
            if not any(request.on_the_way for request in under_way):
                call = self.made[place]._replace(settled=self._env.now)
                if call.answer == FAILED and any(loss.instant >= call.called for loss in self._losses):
                    # The server may have forgotten that the acquire was undone.
                    call = call._replace(answer=UNKNOWN)
                self.made[place] = call

        for request in under_way:
            request.landed = landed
        landed()


def _answer(what: str, result: Any) -> str:
    if what == ACQUIRE:
        return REFUSED if result is None else GRANTED
    return RELEASED if result else TOO_LATE
