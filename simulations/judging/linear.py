"""Check whether a history of calls is linearizable, as far as reasonable time allows.

:mod:`simulations.judging.monitor` follows all possible orders. In the worst case each call under
way triples their number, and a call of unknown outcome stays under way until nothing of it can
happen. So the check of a pool stops when more than ``MAX_ORDERINGS`` orders are open, when the
store loses writes or when its clock jumps, and says so.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from simulations.judging.calls import ACQUIRE, FAILED, GRANTED, RELEASED, UNKNOWN, Call
from simulations.judging.monitor import Monitor
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
    call: Call


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
    ends = _end(terms)
    now, judged, steps = None, 0, 0
    for event in _events(calls):
        if ends is not None and event.tick >= ends:
            return Linearity(None, judged, len(calls), 'the store lost writes, or its clock jumped')
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
        judged += event.happens == _RETURNED
        if wrong is not None:
            return Linearity(Violation('linearizability', event.call.returned, wrong), judged, len(calls))
    return Linearity(None, len(calls), len(calls))


def _end(terms: Terms) -> int | None:
    """Return the instant from which the contents of the store are unknown."""
    instants = [loss.instant - (0 if math.isinf(loss.missing) else loss.missing) for loss in terms.losses]
    return min(map(_tick, [*instants, *terms.clock.jumps]), default=None)


def _nearly_over(monitor: Monitor) -> Monitor:
    """Allow that a slot that ends about now has ended, or has not."""
    states = set(monitor.states)
    for state in monitor.states:
        over = [slot for slot in state.slots if slot[1] <= 2 * _NEARLY]
        for count in range(1, len(over) + 1):
            states |= {state._replace(slots=state.slots.difference(some)) for some in combinations(over, count)}
    return monitor._replace(states=frozenset(states))


def _events(calls: Sequence[Call]) -> list[_Event]:
    events = [_Event(_tick(call.called), _CALLED, call) for call in calls]
    events += [_Event(_tick(call.returned), _RETURNED, call) for call in calls if not math.isinf(call.returned)]
    for call in calls:
        if (call.answer == UNKNOWN or _may_come_again(call)) and not math.isinf(call.settled):
            since = call.settled if math.isinf(call.returned) else max(call.settled, call.returned)
            events.append(_Event(_tick(since), _SETTLED, call))
    return sorted(events, key=lambda event: event[:2])


def _may_come_again(call: Call) -> bool:
    """Return whether the client library sent two requests, so that the first can still happen."""
    return call.what == ACQUIRE and call.repeated


def _tick(instant: float) -> int:
    return round(instant * _TICKS)


def _take(monitor: Monitor, event: _Event) -> tuple[Monitor, str | None]:
    call = event.call
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
