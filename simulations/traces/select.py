"""Select a part of a trace, or change its pace."""

import difflib
import math
import random
from collections.abc import Collection

import numpy as np

from simulations.arguments import positive, probability
from simulations.traces.recording import NO_SLOT
from simulations.traces.times import instant_seconds
from simulations.traces.trace import Trace
from simulations.units import number


_NAMED = 3
"""How many chosen pools the name of a trace lists."""


def select_jobs(
    trace: Trace,
    *,
    only: Collection[str] | str | None = None,
    start: float | str | None = None,
    until: float | str | None = None,
    thin: float = 1.0,
    seed: int = 0,
    rebase: bool = False,
    time_scale: float = 1.0,
    holding_scale: float = 1.0,
) -> Trace:
    """Return a new trace with some of the jobs, or with other times.

    The arguments take effect in the order given here.  Jobs that are left out are counted in
    ``skipped``.

    Args:
        trace: the trace, which is not changed.
        only: leave out all pools except these: a key, or several; for a recording also a template,
            which chooses all of its pools.
        start: leave out jobs that arrive before this instant, in seconds or as an ISO timestamp.
        until: leave out jobs that arrive at this instant or later.
        thin: keep each job with this probability, more than 0.
        seed: equal seeds keep equal jobs; this random stream is used for nothing else.
        rebase: move the first arrival that is kept to 0.
        time_scale: multiply the time between arrivals by this factor, starting from the first
            arrival; less than 1 shortens it.
        holding_scale: multiply holding times by this factor.

    Raises:
        TypeError, ValueError: no job is left, or an argument is not allowed; the message says
            which.

    Example::

        select_jobs(bundled_trace(), thin=0.5, seed=1, time_scale=0.5)  # same load, other bursts
    """
    begin = -math.inf if start is None else instant_seconds('start', start)
    end = math.inf if until is None else instant_seconds('until', until)
    kept_share = probability('thin', thin)
    stretch, lengthen = positive('time_scale', time_scale), positive('holding_scale', holding_scale)
    if not kept_share:
        raise ValueError(f'thin must be more than 0, got {thin!r}')

    changes: list[str] = []
    if only is not None:
        chosen_pools = [only] if isinstance(only, str) else list(only)
        trace = _only(trace, chosen_pools)
        names = ', '.join(chosen_pools) if len(chosen_pools) <= _NAMED else f'{len(chosen_pools):,} pools'
        changes.append(f'only {names}')
    arrivals, skipped = trace.arrivals, dict(trace.skipped)
    kept = slice(*np.searchsorted(arrivals, [begin, end]).tolist())
    arrivals, holdings = arrivals[kept], trace.holdings[kept]
    keys = None if trace.keys is None else trace.keys[kept]
    if start is not None or until is not None:
        changes += [f'from {start}'] * (start is not None) + [f'until {until}'] * (until is not None)
        _leave_out(skipped, 'outside the window', len(trace.arrivals) - len(arrivals))
        if not len(arrivals):
            raise ValueError(f'no job of {trace.name} arrives {" ".join(changes)}: {_range(trace)}')
    if kept_share < 1:
        changes.append(f'thinned to {number(kept_share)} with seed {seed}')
        stream = random.Random(f'{seed} thinning')
        chosen = np.fromiter((stream.random() < kept_share for _ in range(len(arrivals))), np.bool_, len(arrivals))
        _leave_out(skipped, 'thinned out', len(arrivals) - int(np.count_nonzero(chosen)))
        arrivals, holdings = arrivals[chosen], holdings[chosen]
        keys = None if keys is None else keys[chosen]
        if not len(arrivals):
            raise ValueError(f'no job of {trace.name} is left of {len(chosen):,} with thin={thin!r} and seed {seed}')
    if len(arrivals) and (rebase or stretch != 1):
        first = arrivals[0]
        arrivals = (0.0 if rebase else first) + (arrivals - first) * stretch
    changes += ['rebased'] * rebase + [f'time x {number(stretch)}'] * (stretch != 1)
    changes += [f'holding x {number(lengthen)}'] * (lengthen != 1)
    if lengthen != 1:
        holdings = holdings * lengthen
    selected = Trace.from_seconds(
        arrivals, holdings, keys, trace.key_names, name=', '.join([trace.name, *changes]), skipped=skipped
    )
    selected.recorded = trace.recorded
    return selected


def _only(trace: Trace, pools: list[str]) -> Trace:
    """Return the jobs of some pools."""
    if not trace.key_names or trace.keys is None:
        raise ValueError(f'only={pools!r} chooses pools by key, but no job of {trace.name} has one: give key=...')
    recorded = trace.recorded or {}
    templates = {template for pool in recorded.values() for template in pool.templates if template is not None}
    known = {*trace.key_names, *recorded, *templates}
    for each in pools:
        if each not in known:
            near = difflib.get_close_matches(each, known, n=1) or sorted(known)[:3]
            raise ValueError(
                f'only must be the key of a pool of {trace.name}, or a template of a recording, got {each!r}: there'
                f' {"is" if len(near) == 1 else "are"} {", ".join(near)}'
            )
    chosen = {*trace.key_names, *recorded}.intersection(pools)
    chosen |= {key for key, pool in recorded.items() if not pool.templates.isdisjoint(pools)}
    wanted = np.array([name in chosen for name in trace.key_names] + [False])
    kept = wanted[trace.keys]
    if not kept.any():
        raise ValueError(f'no attempt of {", ".join(pools)} in {trace.name} got a slot, so no holding time is known')
    skipped = dict(trace.skipped)
    if trace.recorded is not None:
        skipped.pop(NO_SLOT, None)
        _leave_out(skipped, NO_SLOT, sum(recorded[key].without_slot - recorded[key].drawn for key in chosen))
    _leave_out(skipped, 'of other pools', len(kept) - int(np.count_nonzero(kept)))
    places = np.cumsum(wanted, dtype=np.int32) - 1
    part = Trace.from_seconds(
        trace.arrivals[kept],
        trace.holdings[kept],
        places[trace.keys[kept]],
        [name for name in trace.key_names if name in chosen],
        name=trace.name,
        skipped=skipped,
    )
    if trace.recorded is not None:
        part.recorded = {key: pool for key, pool in recorded.items() if key in chosen}
    return part


def _leave_out(skipped: dict[str, int], reason: str, count: int) -> None:
    if count:
        skipped[reason] = skipped.get(reason, 0) + count


def _range(trace: Trace) -> str:
    if not trace.expected_jobs:
        return 'the trace is empty'
    return f'they arrive from {number(trace.arrivals[0])} to {number(trace.arrivals[-1])} s'
