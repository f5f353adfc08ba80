"""Check whether a history of calls is linearizable, as far as reasonable time allows.

:mod:`simulations.judging.monitor` follows all possible orders. In the worst case each call under
way triples their number, and a call of unknown outcome stays under way until nothing of it can
happen. So the check of a pool stops when more than ``MAX_ORDERINGS`` orders are open, when the
store loses writes or when its clock jumps, and says so. It also stops at a renewal of unknown
outcome, because its slot could expire at any of too many instants. A history of clients that wait
is not checked: with each one that waits, a call is under way.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from simulations.judging.calls import ACQUIRE, FAILED, GRANTED, RELEASED, RENEW, RENEWED, UNKNOWN, Call
from simulations.judging.monitor import TOGETHER, Monitor
from simulations.judging.terms import Terms
from simulations.judging.violation import Violation


MAX_ORDERINGS = 60_000
"""The check stops at more open orderings: possible states, times three for each call under way."""
MAX_STEPS = 400_000
"""The check of one pool stops after this many steps."""
_TICKS = 1_000_000_000
"""Instants are whole nanoseconds here, so that counting down stays exact."""
_UNDO, _AGAIN = 'undo', 'acquire again'
_NEARLY = 2
"""The ticks by which the store's instants may differ, because it adds seconds in another order."""
_FOR_EVER = 1 << 62


class Linearity(NamedTuple):
    """The outcome of the check.

    Attributes:
        violation: the first return that fits no order, if there is one.
        judged: the number of calls that were checked before the end or the bound.
        calls: the number of calls.
        why_not_all: why not all calls were checked; empty if they were.
    """

    violation: Violation | None
    judged: int
    calls: int
    why_not_all: str = ''


class _Event(NamedTuple):
    tick: int
    happens: int
    calls: tuple[Call, ...]
    """One call, or those of one request that renews several slots."""

    @property
    def call(self) -> Call:
        return self.calls[0]


_CALLED, _RETURNED, _SETTLED = range(3)
"""The order of events at one instant, which allows the most orders of calls."""


def linearizable(calls: Sequence[Call], terms: Terms) -> Linearity:
    """Look for an order in which each call happened at one instant between its call and its return.

    Pools are checked one by one, which is enough (M. Herlihy and J. Wing, 1990, theorem 1:
    locality).

    Example::

        linearizable(result.calls, Terms(max_size=5, slot_exp=60.0)).violation
    """
    if not terms.owned:
        return Linearity(None, 0, len(calls), 'a release of this protocol may free the slot of another')
    if terms.waiting:
        return Linearity(None, 0, len(calls), 'clients wait, so the order of the queue is judged instead')
    pools: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        pools[call.key].append(call)
    judged, whys = 0, []
    for of_pool in pools.values():
        found = _pool(of_pool, terms)
        judged += found.judged
        if found.violation is not None:
            return Linearity(found.violation, judged, len(calls))
        whys += [found.why_not_all] if found.why_not_all else []
    return Linearity(None, judged, len(calls), whys[0] if whys else '')


def _pool(calls: Sequence[Call], terms: Terms) -> Linearity:
    life = _FOR_EVER if terms.slot_exp is None else round(terms.slot_exp * _TICKS) + _NEARLY
    monitor = Monitor.start(terms.max_size, life, terms.honest)
    ends, why = _end(calls, terms)
    now, judged, steps = None, 0, 0
    for event in _events(calls):
        if ends is not None and event.tick >= ends:
            return Linearity(None, judged, len(calls), why)
        orderings = len(monitor.states) * 3 ** len(monitor.pending)
        steps += orderings
        if orderings > MAX_ORDERINGS or steps > MAX_STEPS:
            under_way = f'{len(monitor.pending)} calls were under way at the same time'
            words = under_way if orderings > MAX_ORDERINGS else f'the check took more than {MAX_STEPS:,} steps'
            return Linearity(None, judged, len(calls), f'{words} at {event.tick / _TICKS:.6g} s')
        if now is not None and event.tick > now:
            monitor = _nearly_over(monitor.passed(event.tick - now))
        now = event.tick
        monitor, wrong = _take(monitor, event)
        # Leases are judged elsewhere, by instants that are not in the order of these events.
        monitor = monitor._replace(leases=frozenset())
        judged += len(event.calls) if event.happens == _RETURNED else 0
        if wrong is not None:
            return Linearity(Violation('linearizability', event.call.returned, wrong), judged, len(calls))
    return Linearity(None, len(calls), len(calls))


def _end(calls: Sequence[Call], terms: Terms) -> tuple[int | None, str]:
    """Return the instant from which the contents of the store are unknown, and why."""
    instants = [loss.instant - (0 if math.isinf(loss.missing) else loss.missing) for loss in terms.losses]
    ends = [
        (_tick(instant), 'the store lost writes, or its clock jumped') for instant in [*instants, *terms.clock.jumps]
    ]
    ends += [
        (_tick(call.called), 'the outcome of a renewal is unknown')
        for call in calls
        if call.what == RENEW and (call.answer == UNKNOWN or call.repeated)
    ]
    return min(ends, default=(None, ''))


def _nearly_over(monitor: Monitor) -> Monitor:
    """Allow that a slot that ends about now has ended, or has not."""
    states = set(monitor.states)
    for state in monitor.states:
        over = [slot for slot in state.slots if slot[1] <= 2 * _NEARLY]
        for count in range(1, len(over) + 1):
            states |= {state._replace(slots=state.slots.difference(some)) for some in combinations(over, count)}
    return monitor._replace(states=frozenset(states))


def _events(calls: Sequence[Call]) -> list[_Event]:
    requests = _requests(calls)
    events = [_Event(_tick(each[0].called), _CALLED, each) for each in requests]
    events += [_Event(_tick(each[0].returned), _RETURNED, each) for each in requests if each[0].returned < math.inf]
    for each in requests:
        call = each[0]
        if (call.answer == UNKNOWN or _may_come_again(call)) and not math.isinf(call.settled):
            since = call.settled if math.isinf(call.returned) else max(call.settled, call.returned)
            events.append(_Event(_tick(since), _SETTLED, each))
    return sorted(events, key=lambda event: event[:2])


def _requests(calls: Sequence[Call]) -> list[tuple[Call, ...]]:
    """Return the calls, those of one renewal together: the store renews its slots in one step."""
    requests: dict[object, list[Call]] = {}
    for number, call in enumerate(calls):
        which = (call.worker, call.called, call.returned) if call.what == RENEW else number
        requests.setdefault(which, []).append(call)
    return [tuple(each) for each in requests.values()]


def _may_come_again(call: Call) -> bool:
    """Return whether the client library sent two requests, so that the first can still happen."""
    return call.what == ACQUIRE and call.repeated


def _tick(instant: float) -> int:
    return round(instant * _TICKS)


def _renew(monitor: Monitor, event: _Event) -> tuple[Monitor, str | None]:
    call = event.call
    token = ' '.join(each.token for each in event.calls)
    what = f'{TOGETHER} {call.worker} {call.called!r}'
    if event.happens == _CALLED:
        return monitor.call(what, token), None
    return monitor.renewed(what, token, frozenset(each.token for each in event.calls if each.answer == RENEWED))


def _take(monitor: Monitor, event: _Event) -> tuple[Monitor, str | None]:
    call = event.call
    if call.what == RENEW:
        return _renew(monitor, event)
    if event.happens == _CALLED:
        monitor = monitor.call(call.what, call.token)
        if call.what == ACQUIRE and call.answer in (UNKNOWN, FAILED):
            # It is undone in the end, as far as possible.
            monitor = monitor.call(_UNDO, call.token)
        if _may_come_again(call):
            monitor = monitor.call(_AGAIN, call.token)
        return monitor, None
    if event.happens == _SETTLED:
        return monitor.settled((what, call.token) for what in (call.what, _UNDO, _AGAIN)), None
    if call.answer == UNKNOWN:
        return monitor, None
    if call.answer == FAILED:
        return monitor.failed(call.token, undone=True).settled([(_UNDO, call.token)]), None
    return monitor.returned(call.what, call.token, call.answer in (GRANTED, RELEASED), call.repeated)
