"""Whether a whole history of calls is linearizable, as far as can be told in reasonable time.

:mod:`simulations.exploring.monitor` follows all ways in which it can have happened.  Each call under way doubles them
at worst, and one of unknown outcome is under way for ever; so the judgement of a pool ends where ``MOST_PENDING`` are,
or the store loses writes, or its clock jumps, and says so.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simulations.checks import Violation
from simulations.exploring.monitor import Monitor
from simulations.judging.calls import FAILED, GRANTED, RELEASED, UNKNOWN, Call
from simulations.judging.terms import Terms


MOST_PENDING = 8
MOST_CALLS = 20_000
"""Of each pool."""
_TICKS = 1_000_000_000
"""Instants are whole nanoseconds here: seconds left that are counted down stay exact."""
_FOR_EVER = 1 << 62


class Linearity(NamedTuple):
    """What was found.

    Attributes:
        violation: the first return that fits no order, if there is one.
        judged: how many calls were, up to there or to where the bound ended it.
        calls: how many there are.
        why_not_all: in words, where not all were.
    """

    violation: Violation | None
    judged: int
    calls: int
    why_not_all: str = ''


class _Event(NamedTuple):
    tick: int
    returns: bool
    call: Call


def linearizable(calls: Sequence[Call], terms: Terms) -> Linearity:
    """Look for an order in which all calls happened one after the other, each between its call and its return.

    Pools are judged one by one, which is enough (M. Herlihy and J. Wing, 1990, theorem 1: locality).

    Example::

        linearizable(result.calls, Terms(max_size=5, slot_exp=60.0)).violation
    """
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
    life = _FOR_EVER if terms.slot_exp is None else round(terms.slot_exp * _TICKS)
    monitor = Monitor.start(terms.max_size, life, terms.honest)
    ends = _end(terms)
    now, judged = None, 0
    for event in _events(calls):
        if ends is not None and event.tick >= ends:
            return Linearity(None, judged, len(calls), 'the store lost writes, or its clock jumped')
        if len(monitor.pending) >= MOST_PENDING:
            instant = event.tick / _TICKS
            return Linearity(
                None, judged, len(calls), f'{len(monitor.pending)} calls were under way at once at {instant:.6g} s'
            )
        if judged >= MOST_CALLS:
            return Linearity(None, judged, len(calls), f'the first {MOST_CALLS:,} are')
        if now is not None and event.tick > now:
            monitor = monitor.passed(event.tick - now)
        now = event.tick
        monitor, wrong = _take(monitor, event)
        judged += event.returns
        if wrong is not None:
            return Linearity(Violation('linearizability', event.call.returned, wrong), judged, len(calls))
    return Linearity(None, len(calls), len(calls))


def _end(terms: Terms) -> int | None:
    """From when on it cannot be told what the store holds."""
    instants = [loss.instant - (0 if math.isinf(loss.missing) else loss.missing) for loss in terms.losses]
    return min(map(_tick, [*instants, *terms.clock.jumps]), default=None)


def _events(calls: Sequence[Call]) -> Iterator[_Event]:
    events = [_Event(_tick(call.called), False, call) for call in calls]
    events += [_Event(_tick(call.returned), True, call) for call in calls if not math.isinf(call.returned)]
    # At one instant calls come before returns: that allows the most orders.
    yield from sorted(events, key=lambda event: (event.tick, event.returns))


def _tick(instant: float) -> int:
    return round(instant * _TICKS)


def _take(monitor: Monitor, event: _Event) -> tuple[Monitor, str | None]:
    call = event.call
    if not event.returns:
        return monitor.call(call.what, call.token), None
    if call.answer == UNKNOWN:
        return monitor, None
    if call.answer == FAILED:
        return monitor.failed(call.token, undone=True), None
    return monitor.returned(call.what, call.token, call.answer in (GRANTED, RELEASED), call.repeated)
