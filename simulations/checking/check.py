"""Check a client against the plain contract, clause by clause."""

import functools
import math
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from tqdm.auto import tqdm

from py_cachify import init_cachify
from simulations.arguments import positive, whole_number
from simulations.checking.board import Board
from simulations.checking.calls import Call, Script, delete, get, perform
from simulations.checking.clauses import BY_NAME, CLAUSES, PROCESS_CLAUSES, TIMED_CLAUSES
from simulations.checking.expiries import Left, watch
from simulations.checking.factory import NoClientError, open_host
from simulations.checking.host import Factory, Host, StuckError
from simulations.checking.interrupts import break_off, can_break_off
from simulations.checking.kills import kill_in_set
from simulations.checking.outcome import FAILS, HOLDS, NOT_CHECKED, ClientCheck, Finding
from simulations.checking.process_races import race_processes, shared_calls, why_not_shared
from simulations.checking.processes import TRIES, NoProcessError, Worker, WorkerError, workers
from simulations.checking.races import Race, judge, race_tasks, race_threads
from simulations.checking.random_sequences import random_requests, wrong_order
from simulations.checking.rounds import Round, make_rounds
from simulations.checking.sequences import SCRIPTS, BrokenClauseError, Names
from simulations.units import count


THREADS, PROCESSES, ROUNDS, SECONDS, PATIENCE = 8, 4, 120, 20.0, 30.0
BATCH = 12
"""The rounds that run before the next look at the clock; at least so many are always run."""


def check_client(
    make_client: Factory,
    *,
    threads: int = THREADS,
    processes: int = PROCESSES,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
    patience: float = PATIENCE,
    allow_errors: bool = False,
    seed: int = 0,
    progress: bool = False,
) -> ClientCheck:
    """Check whether a client keeps the plain contract of :mod:`py_cachify.clients`.

    The check calls the client as a pool does: one caller, several threads or tasks that share the
    client, and several processes with a client each. It uses names with a prefix of their own and
    deletes them in the end. It takes about five seconds, because names must expire, and up to
    ``seconds`` more for the races.

    Args:
        make_client: returns a new client of the store, synchronous or asynchronous; it may be
            ``async`` if the client is. It is called in each process, and its clients are closed.
        threads: how many threads, or tasks of an asynchronous client, share the client in a race.
        processes: how many processes race; 0 leaves out the clauses about processes.
        rounds: how many rounds a race has.
        seconds: after this many seconds the races begin no further rounds.
        patience: a call that takes longer than this many seconds counts as one that never returns.
        allow_errors: whether calls may raise, for a client whose store fails on purpose. Such a
            call may have happened or not; everything else must hold.
        seed: the seed of the random calls and rounds. Even with the same seed, threads and
            processes interleave differently in each run.
        progress: show a progress bar on standard error, or in the notebook.

    Raises:
        TypeError, ValueError: an option is wrong. What the client or the factory raise is a
            finding, or the ``problem`` of the outcome.

    Example::

        def test_my_client_keeps_the_contract():
            check_client(make_client).assert_holds()
    """
    if not callable(make_client):
        raise TypeError(f'make_client must be a function that returns a client, not {make_client!r}')
    whole_number('threads', threads, 2)
    if whole_number('processes', processes) == 1:
        raise ValueError('processes must be 0 or at least 2, got 1')
    whole_number('rounds', rounds, 1)
    whole_number('seed', seed)
    positive('seconds', seconds)
    positive('patience', patience)
    prefix = f'check-{secrets.token_hex(6)}:'
    began = time.monotonic()
    names = Names(prefix)
    try:
        host = open_host(make_client, names.new('missing'), patience, TRIES if allow_errors else 1)
    except NoClientError as error:
        return ClientCheck('', False, (), prefix, seed, time.monotonic() - began, problem=str(error))
    check = _Check(make_client, host, names, _Options(threads, processes, rounds, seconds, allow_errors, seed))
    try:
        with tqdm(
            total=len(check.names_of_clauses()), unit=' clauses', disable=not progress, dynamic_ncols=True
        ) as bar:
            check.run(bar)
    finally:
        left = check.clean_up()
        host.close()
    return ClientCheck(
        type(host.client).__name__,
        host.asynchronous,
        tuple(check.findings[name] for name in check.names_of_clauses()),
        prefix,
        seed,
        time.monotonic() - began,
        tuple(left),
    )


_AT_ONCE = 50
"""How many names are deleted in one call when the check is over."""


class _Options(NamedTuple):
    threads: int
    processes: int
    rounds: int
    seconds: float
    allow_errors: bool
    seed: int


class _Check:
    def __init__(self, factory: Factory, host: Host, names: Names, options: _Options) -> None:
        self.findings: dict[str, Finding] = {}
        self._factory = factory
        self._host = host
        self._names = names
        self._options = options
        self._can_break_off = can_break_off(host.client)
        self._left: list[Left] = []
        self._spoiled_by: tuple[str, ...] = ()
        """The clause whose failure has left a client that does not work any more."""
        self._sharing = 'tasks' if host.asynchronous else 'threads'

    def names_of_clauses(self) -> list[str]:
        """Return the names of the clauses that apply, in the order of the report."""
        out = {'threads' if self._host.asynchronous else 'tasks'}
        out |= set() if self._options.processes else set(PROCESS_CLAUSES)
        # Where the statements of the client are unknown, it cannot be broken off at one.
        out |= set() if self._can_break_off else {'interrupted'}
        # An error leaves open what has happened, so a model of one caller could not go on.
        out |= {'any order'} if self._options.allow_errors else set()
        return [clause.name for clause in CLAUSES if clause.name not in out]

    def run(self, bar: Any) -> None:
        steps: list[tuple[tuple[str, ...], Callable[[], None]]] = [
            (('methods',), self._check_methods),
            *(((clause,), functools.partial(self._check_scripts, clause, scripts)) for clause, scripts in SCRIPTS),
            (('any order',), self._check_any_order),
            ((self._sharing,), self._check_sharing),
            (('shared', 'processes'), self._check_processes),
            (('killed',), self._check_kills),
            (('interrupted',), self._check_interrupts),
            (TIMED_CLAUSES, self._check_expiries),
        ]
        self._bar = bar
        applying = self.names_of_clauses()
        for clauses, step in steps:
            if clauses[0] not in applying:
                continue
            bar.set_description(clauses[0])
            bar.set_postfix_str('')
            if all(self._lacks(clause) for clause in clauses):
                for clause in clauses:
                    self._conclude(clause, NOT_CHECKED, self._lacks(clause))
            else:
                with self._unless_stuck(clauses):
                    step()
            bar.update(len(clauses))
        for clause in applying:
            self._conclude(clause, NOT_CHECKED, self._lacks(clause))

    @contextmanager
    def _unless_stuck(self, clauses: Sequence[str]) -> Iterator[None]:
        calls: list[Call] = []
        self._calls = calls
        try:
            yield
        except StuckError:
            observed = f'a call did not return within {self._host.patience:g} s'
            if self._calls and math.isinf(self._calls[-1].returned):
                observed = f'{self._calls[-1].request.method} did not return within {self._host.patience:g} s'
            open_clauses = [clause for clause in clauses if clause not in self.findings]
            self._conclude(open_clauses[0], FAILS, observed, self._calls)
            for clause in open_clauses[1:]:
                self._conclude(clause, NOT_CHECKED, 'an earlier call has not returned')

    def _lacks(self, clause: str) -> str:
        """Return why a clause cannot be checked; an empty text if it can be."""
        if self._host.stuck:
            return 'an earlier call has not returned'
        for need in ('methods', *self._spoiled_by, *BY_NAME[clause].needs):
            if need != clause and need in self.findings and self.findings[need].verdict != HOLDS:
                return f'the clause {need!r} does not hold'
        return ''

    def _conclude(self, clause: str, verdict: str, observed: str = '', calls: Sequence[Call] = ()) -> None:
        self.findings.setdefault(clause, Finding(BY_NAME[clause], verdict, observed, tuple(calls)))

    # --- one caller

    def _check_methods(self) -> None:
        client = self._host.client
        try:
            if self._host.asynchronous:
                init_cachify(None, client, is_global=False)
            else:
                init_cachify(client, is_global=False)
        except (TypeError, ValueError) as error:
            self._conclude('methods', FAILS, str(error))
            return
        scripted = callable(getattr(client, 'eval', None)) and callable(getattr(client, 'evalsha', None))
        note = '; a pool will use its eval and evalsha instead' if scripted else ''
        self._conclude('methods', HOLDS, f'get, set and delete{note}')

    def _check_scripts(self, clause: str, scripts: Sequence[Callable[[Names], Script[None]]]) -> None:
        made = finished = 0
        raised = ''
        for make in scripts:
            for _ in range(TRIES if self._options.allow_errors else 1):
                calls: list[Call] = []
                self._calls = calls
                script = make(self._names)
                wrong = self._host.do(functools.partial(_run_script, script=script, calls=calls))
                made += len(calls)
                if not wrong:
                    finished += 1
                    break
                if not (calls[-1].error and self._options.allow_errors):
                    self._conclude(clause, FAILS, wrong, calls)
                    return
                raised = calls[-1].error
        if finished:
            left_out = len(scripts) - finished
            note = f', and {left_out} of {len(scripts)} sequences raised each time' if left_out else ''
            self._conclude(clause, HOLDS, count(made, 'call', 'calls') + note)
        else:
            self._conclude(clause, NOT_CHECKED, f'calls raised each time, the last one {raised}')

    def _check_any_order(self) -> None:
        requests = random_requests(self._options.seed)
        wrong = self._host.do(lambda client: wrong_order(client, requests, self._names), self._host.patience * 10)
        if wrong is None:
            self._conclude('any order', HOLDS, f'{len(requests)} random calls')
        else:
            self._conclude('any order', FAILS, wrong[1], wrong[0])

    # --- several callers

    def _check_sharing(self) -> None:
        host, callers = self._host, self._options.threads

        def run(batch: Sequence[Round]) -> list[list[Call]]:
            if host.asynchronous:
                return race_tasks(host, batch, callers, self._options.seed)
            return race_threads(host.client, batch, callers, self._options.seed, host.patience)

        self._race(self._sharing, callers, run)

    def _check_processes(self) -> None:
        host, names = self._host, self._names
        try:
            with (
                tempfile.TemporaryDirectory(prefix='check-') as folder,
                workers(
                    self._factory,
                    self._options.processes,
                    names.new('missing'),
                    host.patience,
                    allow_errors=self._options.allow_errors,
                ) as started,
            ):
                if not self._check_shared(started):
                    self._conclude('processes', NOT_CHECKED, self._lacks('processes'))
                    return
                board = Path(folder) / 'board'
                Board.create(board, len(started))
                self._race(
                    'processes',
                    len(started),
                    lambda batch: race_processes(batch, started, board, self._options.seed, self._host.patience),
                )
        except WorkerError as error:
            self._without_worker(('shared', 'processes'), error)

    def _check_shared(self, started: Sequence[Worker]) -> bool:
        for _ in range(TRIES if self._options.allow_errors else 1):
            calls = shared_calls(self._host, self._names.new('shared'), started[0])
            if not any(call.error for call in calls):
                break
        if wrong := why_not_shared(calls):
            self._conclude('shared', FAILS, wrong, calls)
            return False
        self._conclude('shared', HOLDS, f'{len(started)} processes')
        return True

    def _race(self, clause: str, callers: int, run: Callable[[Sequence[Round]], list[list[Call]]]) -> None:
        """Race until the rounds are done, the time is over, or something is wrong."""
        until = time.monotonic() + self._options.seconds / (2 if self._options.processes else 1)
        done = made = raised = 0
        prefix = self._names.new(clause) + '-'
        while done < self._options.rounds and (not done or time.monotonic() < until):
            batch = make_rounds(prefix, done, min(BATCH, self._options.rounds - done))
            for each in batch:
                for name in each.names(callers):
                    self._names.keep(name)
            race: Race = judge(run(batch), allow_errors=self._options.allow_errors)
            done, made, raised = done + race.rounds, made + race.made, raised + race.raised
            self._bar.set_postfix_str(f'{done} of {self._options.rounds} rounds')
            if race.wrong:
                self._conclude(clause, FAILS, f'{race.wrong} (round {done} of {self._options.rounds})', race.calls)
                return
        errors = f', of which {raised:,} raised' if raised else ''
        whole = '' if done == self._options.rounds else f' of {self._options.rounds}, because the time was up'
        self._conclude(clause, HOLDS, f'{callers} callers, {done} rounds{whole}, {made:,} calls{errors}')

    # --- calls that are broken off

    def _check_kills(self) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix='check-') as folder:
                killed = kill_in_set(
                    self._host,
                    self._factory,
                    self._names,
                    Path(folder),
                    self._options.seed,
                    allow_errors=self._options.allow_errors,
                )
        except WorkerError as error:
            self._without_worker(('killed',), error)
            return
        self._left += killed.left
        if killed.observed:
            self._conclude('killed', FAILS, killed.observed, killed.calls)
            self._spoiled_by = ('killed',)

    def _check_interrupts(self) -> None:
        broken = break_off(self._host, self._names, allow_errors=self._options.allow_errors)
        self._left += broken.left
        if broken.observed:
            self._conclude('interrupted', FAILS, broken.observed, broken.calls)
            self._spoiled_by = ('interrupted',)

    def _check_expiries(self) -> None:
        seen = watch(self._host, self._names, self._left, allow_errors=self._options.allow_errors)
        faults = {fault.clause: fault for fault in reversed(seen.faults)}
        for clause in (*TIMED_CLAUSES, 'interrupted', 'killed'):
            if clause not in self.names_of_clauses():
                continue
            if lacks := self._lacks(clause):
                self._conclude(clause, NOT_CHECKED, lacks)
            elif clause in faults:
                self._conclude(clause, FAILS, faults[clause].observed, faults[clause].calls)
            elif clause in seen.unjudged:
                self._conclude(clause, NOT_CHECKED, 'the machine was too busy to see the names in time: run it again')
            else:
                self._conclude(clause, HOLDS, self._looked_at(clause, seen.seconds))

    def _looked_at(self, clause: str, seconds: float) -> str:
        broken_off = sum(each.clause == clause for each in self._left)
        if clause == 'killed':
            return f'{count(broken_off, "process was", "processes were")} killed'
        if clause == 'interrupted':
            return f'broken off before {count(broken_off, "statement", "statements")}'
        return f'watched for {seconds:.1f} s'

    def _without_worker(self, clauses: Sequence[str], error: WorkerError) -> None:
        """Conclude the clauses that are still open when a process cannot go on."""
        first, *others = [clause for clause in clauses if clause not in self.findings]
        self._conclude(first, NOT_CHECKED if isinstance(error, NoProcessError) else FAILS, str(error))
        for clause in others:
            self._conclude(clause, NOT_CHECKED, self._lacks(clause))

    # --- the end

    def clean_up(self) -> list[str]:
        """Delete all names; return those that are still there."""
        if self._host.stuck:
            return list(self._names.used)
        with suppress(StuckError):
            return self._host.do(self._remove_all, self._host.patience + len(self._names.used))
        return list(self._names.used)

    async def _remove_all(self, client: Any) -> list[str]:
        names, left = list(self._names.used), []
        for place in range(0, len(names), _AT_ONCE):
            await perform(client, delete(*names[place : place + _AT_ONCE]), 'the caller', [])
        for name in names:
            for _ in range(TRIES):
                call = await perform(client, get(name), 'the caller', [])
                if call.reply is None and not call.error:
                    break
                await perform(client, delete(name), 'the caller', [])
            else:
                left.append(name)
        return left


async def _run_script(client: Any, script: Script[None], calls: list[Call]) -> str:
    """Make the calls of a script; return what is wrong, or an empty text."""
    reply: Any = None
    try:
        while True:
            call = await perform(client, script.send(reply), 'the caller', calls)
            if call.error:
                script.close()
                return f'{call.request.method} raised {call.error}'
            reply = call.reply
    except StopIteration:
        return ''
    except BrokenClauseError as wrong:
        return str(wrong)
