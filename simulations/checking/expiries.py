"""The clauses about expiry: names with short lives, watched together until all must be gone.

A verdict compares instants that were read just before and after each call, so a busy machine cannot
make a correct client fail. If it was too busy to see a name alive or gone, the lives are doubled.
"""

import time
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

from py_cachify.commands import DeleteName, GetValue, SetIfAbsent
from py_cachify.protocols import INDEXED, Lease, slot_name
from simulations.checking.calls import Call, Request, delete, get, perform, put, shown, take
from simulations.checking.host import Host
from simulations.checking.sequences import Names


EARLY = 0.05
"""How much too early a name may be gone, in seconds: stores count in milliseconds."""
LATE = 1.0
"""How much too late a name may be gone, in seconds: some stores count in whole seconds."""
HOUR, LONG = 3600, 400 * 86400
"""Expiries that do not pass during the check, in seconds; the second is more than a year."""
_POLL = 0.1
_ATTEMPTS = 3
_TRIES = 10
"""How often a life is begun again whose calls raised, with ``allow_errors``."""


class Fault(NamedTuple):
    """A clause that does not hold: what was observed, and the calls that show it."""

    clause: str
    observed: str
    calls: tuple[Call, ...]


class Left(NamedTuple):
    """A name that a fault may have left: the clause, the call that was broken off, and where.

    The name must be gone ``ex`` seconds after ``since`` at the latest, if it exists at all.
    """

    clause: str
    call: Call
    since: float
    where: str


class Seen(NamedTuple):
    """What the watch has shown.

    Attributes:
        faults: the clauses that do not hold, the first fault of each.
        unjudged: the clauses that could not be judged, because the machine was too busy.
        seconds: how long the names were watched.
    """

    faults: tuple[Fault, ...]
    unjudged: tuple[str, ...] = ()
    seconds: float = 0.0


class _Life:
    """One name: the calls that gave it its life, and what ``get`` returned since."""

    def __init__(self, clause: str, value: str, ex: int | None, calls: Sequence[Call]) -> None:
        self.clause, self.value, self.ex = clause, value, ex
        self.calls = list(calls)
        self.born = calls[-1]
        self.gets: list[Call] = []

    def begin(self, born: Call) -> '_Life':
        """Let the life begin with this call instead of the last."""
        self.born = born
        return self

    @property
    def name(self) -> str:
        return self.born.request.name

    def fault(self) -> Fault | None:
        """Return what is wrong with the life, if anything is."""
        for call in self.calls:
            if call.error:
                return Fault(self.clause, f'{call.request.method} raised {call.error}', tuple(self.calls))
        if not self.born.reply and self.born.request.nx:
            return Fault(
                self.clause,
                'set with nx=True returned a false value although the name did not exist',
                tuple(self.calls),
            )
        for call in self.gets:
            if call.error:
                return Fault(self.clause, f'get raised {call.error}', (*self.calls, call))
            age = call.returned - self.born.called
            if self._alive_at(call) and call.reply != self.value:
                what = f'get returned {shown(call.reply)} {age:.2f} s after the set'
                if call.reply is None:
                    life = 'without an expiry' if self.ex is None else f'for {self.ex:,} s'
                    what = f'the name was set {life}, and was gone after {age:.2f} s'
                return Fault(self.clause, what, (*self.calls, call))
            if self._gone_at(call) and call.reply is not None:
                age = call.called - self.born.returned
                return Fault(
                    self.clause,
                    f'the name was set for {self.ex} s, and was still there after {age:.2f} s',
                    (*self.calls, call),
                )
        return None

    def judged(self) -> bool:
        """Return whether the name was looked at both while it had to exist and afterwards."""
        alive = any(self._alive_at(call) for call in self.gets)
        return alive and (self.ex is None or self.ex >= HOUR or any(self._gone_at(call) for call in self.gets))

    def _alive_at(self, call: Call) -> bool:
        return self.ex is None or call.returned < self.born.called + self.ex - EARLY

    def _gone_at(self, call: Call) -> bool:
        return self.ex is not None and call.called > self.born.returned + self.ex + LATE


def watch(host: Host, names: Names, left: Sequence[Left], *, allow_errors: bool = False) -> Seen:
    """Let names expire, and return what was wrong; with ``allow_errors``, a call may raise.

    Raises:
        StuckError: a call did not return.
    """
    faults: dict[str, Fault] = {}
    unjudged: tuple[str, ...] = ()
    began = time.monotonic()
    for attempt in range(_ATTEMPTS):
        unit = 2**attempt
        # The machine may be slow, so the patience is added to the time that the watch takes anyway.
        patience = host.patience + 10 * unit

        def work(client: Any, unit: int = unit, left: Sequence[Left] = left) -> 'Coroutine[Any, Any, Seen]':
            return _Watch(client, host, names, unit, allow_errors).run(left)

        seen = host.do(work, patience)
        for fault in seen.faults:
            faults.setdefault(fault.clause, fault)
        unjudged = tuple(clause for clause in seen.unjudged if clause not in faults)
        if not unjudged:
            break
        left = ()
    return Seen(tuple(faults.values()), unjudged, time.monotonic() - began)


class _Watch:
    def __init__(self, client: Any, host: Host, names: Names, unit: int, allow_errors: bool) -> None:
        self._client, self._host, self._names, self._unit = client, host, names, unit
        self._allow_errors = allow_errors
        self._raised: list[Left] = []

    async def run(self, left: Sequence[Left]) -> Seen:
        unit = self._unit
        lives = [await self._live(number) for number in range(len(self._rows()))]
        left = [*left, *self._raised]
        pools = [await self._acquire(self._names.new('stale')) for _ in range(_TRIES if self._allow_errors else 1)]
        # Everything that can expire has expired a second after its life, which is 2 units at most.
        until = max([time.monotonic() + 2 * unit, *(each.since + (each.call.request.ex or 0) for each in left)])
        until += LATE + 0.05
        while True:
            last = time.monotonic() > until
            for life in lives:
                call = await perform(self._client, get(life.name), 'the caller', [])
                if not (call.error and self._allow_errors):
                    life.gets.append(call)
            if last:
                break
            await self._host.pause(_POLL)
        found = [life.fault() for life in lives]
        faults = [fault for fault in found if fault is not None]
        if not any(fault.clause == 'expiry with nx' for fault in faults):
            faults += await self._again(next(life for life in lives if life.clause == 'expiry with nx'))
        faults += await self._leftovers(left)
        wrong, judged = await self._stale_of(pools)
        faults += wrong
        unjudged = dict.fromkeys(life.clause for life in lives if not life.judged())
        return Seen(tuple(faults), (*unjudged, *(() if judged else ('stale token',))))

    def _rows(self) -> list[tuple[str, str, int | None, int, tuple[Request, ...]]]:
        """Each life: its clause, value and expiry, which call begins it, and the calls."""
        unit, new = self._unit, self._names.new
        names = [new('expiry') for _ in range(9)]
        return [
            ('expiry', 'v', unit, -1, (put(names[0], 'v', unit),)),
            ('expiry with nx', 'v', unit, -1, (take(names[1], 'v', unit),)),
            ('refused expiry', 'v', unit, 0, (take(names[2], 'v', unit), take(names[2], 'w', HOUR))),
            ('refused expiry', 'v', HOUR, 0, (take(names[3], 'v', HOUR), take(names[3], 'w', unit))),
            (
                'own expiry',
                'w',
                2 * unit,
                -1,
                (take(names[4], 'v', unit), delete(names[4]), take(names[4], 'w', 2 * unit)),
            ),
            ('own expiry', 'w', HOUR, -1, (put(names[5], 'v', unit), put(names[5], 'w', HOUR))),
            ('no expiry', 'v', None, -1, (take(names[6], 'v', None),)),
            ('no expiry', 'v', None, -1, (put(names[7], 'v'),)),
            ('long expiry', 'v', LONG, -1, (take(names[8], 'v', LONG),)),
        ]

    async def _live(self, number: int) -> '_Life':
        """Begin the life of a row; with ``allow_errors``, try again if a call raises."""
        for _ in range(_TRIES):
            clause, value, ex, begins, requests = self._rows()[number]
            calls: list[Call] = []
            for request in requests:
                call = await perform(self._client, request, 'the caller', calls)
                if call.error and self._allow_errors:
                    if call.request.ex == self._unit and len(calls) == 1:
                        self._raised.append(Left('expiry with nx', call, call.returned, 'by an error'))
                    break
            if not (self._allow_errors and any(call.error for call in calls)):
                break
        return _Life(clause, value, ex, calls).begin(calls[begins])

    async def _again(self, life: _Life) -> list[Fault]:
        """Set a name again that has expired."""
        if not any(call.reply is None and not call.error for call in life.gets):
            return []
        calls = list(life.calls)
        call = await perform(self._client, take(life.name, 'again'), 'the caller', calls)
        if call.reply or (call.error and self._allow_errors):
            return []
        what = call.error or 'a false value'
        return [
            Fault(
                'expiry with nx', f'the name had expired, but setting it again with nx=True gave {what}', tuple(calls)
            )
        ]

    async def _leftovers(self, left: Sequence[Left]) -> list[Fault]:
        faults = []
        for each in left:
            call = await perform(self._client, get(each.call.request.name), 'the caller', [])
            if call.reply is not None:
                age = call.called - each.since
                faults.append(
                    Fault(
                        each.clause,
                        f'set was broken off {each.where}; the name, which was to live {each.call.request.ex} s, was'
                        f' still there after {age:.2f} s',
                        (each.call, call),
                    )
                )
        return faults

    # --- a pool of one slot, by the library's own protocol

    async def _acquire(self, pool: str) -> tuple[str, Lease | None, list[Call]]:
        self._names.keep(slot_name(pool, 0))
        calls: list[Call] = []
        return pool, await self._follow(INDEXED.acquire(pool, 'first', 1, self._unit), calls), calls

    async def _stale_of(self, pools: Sequence[tuple[str, Lease | None, list[Call]]]) -> tuple[list[Fault], bool]:
        """Judge the first pool whose calls do not raise; return what is wrong, and if one did."""
        for pool, lease, calls in pools:
            wrong = await self._stale(pool, lease, calls)
            if not (self._allow_errors and any(call.error for call in calls)):
                return wrong, True
        return [], False

    async def _stale(self, pool: str, lease: Lease | None, calls: list[Call]) -> list[Fault]:
        """Release an expired slot while another holder has it; return what is wrong."""

        def fault(observed: str) -> list[Fault]:
            errors = [call for call in calls if call.error]
            if errors:
                observed = f'{errors[0].request.method} raised {errors[0].error}'
            return [Fault('stale token', observed, tuple(calls))]

        if lease is None:
            return fault('an empty pool refused the first holder')
        second = await self._follow(INDEXED.acquire(pool, 'second', 1, HOUR), calls)
        if second is None:
            return fault('the pool refused the second holder after the first slot had expired')
        released = await self._follow(INDEXED.release(lease), calls)
        call = await perform(self._client, get(slot_name(pool, 0)), 'the caller', calls)
        if released or call.reply != 'second':
            return fault('a release with the token of an expired slot freed the slot of the next holder')
        if not await self._follow(INDEXED.release(second), calls):
            return fault('the second holder could not release its slot')
        return []

    async def _follow(self, steps: Any, calls: list[Call]) -> Any:
        """Run an operation of a pool; return its result, or ``None`` if a call raised."""
        try:
            command = next(steps)
            while True:
                match command:
                    case SetIfAbsent(name, value, ex):
                        request = take(name, value, ex)
                    case GetValue(name):
                        request = get(name)
                    case DeleteName(name):
                        request = delete(name)
                    case _:
                        raise TypeError(f'no request for {command!r}')
                call = await perform(self._client, request, 'the caller', calls)
                if call.error:
                    steps.close()
                    return None
                command = steps.send(call.reply)
        except StopIteration as done:
            return done.value
