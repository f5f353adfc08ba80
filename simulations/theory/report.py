"""The report of ``pool-sim theory``: the formulas for one pool, as figures and as text."""

import math
from collections.abc import Sequence
from typing import Any

from simulations.arguments import not_negative, positive
from simulations.distributions import Constant
from simulations.theory.erlang import erlang_b, erlang_c, max_size_for, mean_wait, occupancy_mean
from simulations.units import count, number
from simulations.workloads.patience import Wait, as_wait, wait_text
from simulations.workloads.sizes import Sizes


_SMALL = 1e-4


def theory_figures(
    max_size: int | None,
    load: float,
    target: float | None = None,
    *,
    wait: Wait | str = 0.0,
    max_waiting: int | None = None,
    longer_than: Sequence[float] = (),
    holding_mean: float | None = None,
) -> dict[str, Any]:
    """Return the formulas for an offered load of ``load`` erlangs.

    ``offered_load`` is ``None`` if the load is infinite.  With a ``max_size``, ``erlang_b`` is the
    share of jobs that is refused if none queues, ``occupancy_mean`` the mean occupancy then, and
    ``erlang_c`` the share that waits if all may queue. ``mean_wait`` is in mean holding times; it
    is ``None`` if the load is at least the number of slots, because the queue then grows without
    bound. With a ``target``, ``max_size_for_target`` is the smallest pool that refuses at most that
    share.

    With ``wait``, ``max_waiting`` or ``longer_than``, the figures of a queue come with it under
    ``queue``, as in :func:`simulations.queue_system`; holding times are exponential there. It is
    ``None`` if the queue grows without bound.

    Args:
        max_size: slots of the pool, or ``None`` if only a size for the target is wanted.
        load: offered load in erlangs.
        target: the largest share of refused jobs.
        wait: how long a job waits: seconds, 0 (the default) for not at all; ``None`` for as long as
            it takes; or the distribution of its patience. With ``max_waiting`` or ``longer_than``,
            0 means as long as it takes.
        max_waiting: how many jobs may wait; ``None`` for any number.
        longer_than: times for which the share of jobs that wait longer is wanted.
        holding_mean: the mean holding time in seconds. ``None``, the default, makes it the unit of
            all times.

    Raises:
        TypeError, ValueError: an argument is invalid, or neither ``max_size`` nor ``target`` is
            given, or a queue without ``max_size``.

    Example::

        theory_figures(5, 3.0)['erlang_b']              # 0.110054...
        theory_figures(None, 39.3, 0.02)['max_size_for_target']     # 49
        theory_figures(5, 6.0, wait='exp:2')['queue']['timed_out_share']    # 0.2263...
    """
    if max_size is None and target is None:
        raise ValueError('theory needs a size or a target: give max_size, target, or both')
    if isinstance(max_size, Sizes):
        raise ValueError(  # noqa: TRY004
            f'theory is about a pool of one size, but max_size {max_size} changes in time: choose one, such as'
            f' {int(max_size)}'
        )
    figures: dict[str, Any] = {}
    if max_size is not None:
        if_queued = mean_wait(max_size, load)
        figures = {
            'max_size': max_size,
            'erlang_b': erlang_b(max_size, load),
            'occupancy_mean': occupancy_mean(max_size, load),
            'erlang_c': erlang_c(max_size, load),
            'mean_wait': if_queued if math.isfinite(if_queued) else None,
        }
    wait = as_wait(wait)
    if max_waiting is not None or longer_than:
        wait = None if wait == 0 else wait
    if wait != 0:
        if max_size is None:
            raise ValueError('the figures of a queue need a size: give max_size')
        figures |= _queue_figures(max_size, load, wait, max_waiting, longer_than, holding_mean)
    if target is not None:
        figures |= {'target': target, 'max_size_for_target': max_size_for(load, target)}
    return {'offered_load': load if math.isfinite(load) else None, **figures}


def _queue_figures(
    max_size: int,
    load: float,
    wait: Wait,
    max_waiting: int | None,
    longer_than: Sequence[float],
    holding_mean: float | None,
) -> dict[str, Any]:
    # Imported here because the other formulas need no NumPy.
    from simulations.theory.queue import queue_system

    mean = 1.0 if holding_mean is None else positive('holding_mean', holding_mean)
    load = not_negative('load', load)
    times = [not_negative('longer_than', each) for each in longer_than]
    told = {'wait': wait_text(wait), 'max_waiting': max_waiting, 'holding_mean': holding_mean}
    if wait is None and max_waiting is None and load >= max_size:
        return {**told, 'queue': None}
    patience = Constant(wait) if isinstance(wait, int | float) else wait
    found = queue_system(load / mean, mean, max_size, patience=patience, max_waiting=max_waiting)
    return {
        **told,
        'queue': {
            'waited_share': found.waited_share,
            'refusal_share': found.refusal_share,
            'timed_out_share': found.timed_out_share,
            'wait_mean': found.wait_mean,
            **{f'wait_p{percent}': found.wait.quantile(percent / 100) for percent in (50, 95, 99)},
            'queue_mean': found.queue_mean,
            'occupancy_mean': found.occupancy_mean,
            'longer_than': [{'time': each, 'share': found.wait.beyond(each)} for each in times],
        },
    }


def theory_text(figures: dict[str, Any]) -> str:
    """Return these figures as a readable text."""
    load = figures['offered_load']
    head = 'an infinite offered load' if load is None else f'an offered load of {load:g} erlangs'
    rows = []
    if 'max_size' in figures:
        head = f'{count(figures["max_size"], "slot", "slots")}, {head}'
        wait = figures['mean_wait']
        rows += [
            ('refused, if no job queues (Erlang B)', _share(figures['erlang_b'])),
            ('mean occupancy, if no job queues', f'{figures["occupancy_mean"]:.4f} slots'),
            ('must wait, if jobs queue (Erlang C)', _share(figures['erlang_c'])),
            ('mean waiting time, if jobs queue', 'unbounded' if wait is None else f'{wait:.4f} mean holding times'),
        ]
    if 'queue' in figures:
        rows += _queue_rows(figures)
    if 'target' in figures:
        name = f'smallest pool that refuses at most {figures["target"]:g}, if no job queues'
        rows.append((name, count(figures['max_size_for_target'], 'slot', 'slots')))
    width = max(len(name) for name, _ in rows)
    return '\n'.join([f'{head}, Poisson arrivals', *(f'  {name:<{width}}  {value}'.rstrip() for name, value in rows)])


def _queue_rows(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what is said of the queue, below how long jobs wait."""
    unit = ' mean holding times' if figures['holding_mean'] is None else ' s'
    wait, room, queue = figures['wait'], figures['max_waiting'], figures['queue']
    patience = 'as long as it takes' if wait == 'none' else wait if isinstance(wait, str) else number(wait) + unit
    places = '' if room is None else f', in a queue of at most {room:,}'
    head = (f'jobs wait for {patience}{places}', '')
    if queue is None:
        return [head, ('  the queue', 'grows without bound')]
    longest = [
        (f'  wait longer than {number(each["time"])}{unit}', _share(each['share'])) for each in queue['longer_than']
    ]
    return [
        head,
        ('  wait', _share(queue['waited_share'])),
        ('  refused or timed out', _share(queue['refusal_share'])),
        ('  timed out', _share(queue['timed_out_share'])),
        ('  mean waiting time of all jobs', f'{queue["wait_mean"]:.4f}{unit}'),
        ('  half of the jobs wait for at most', f'{queue["wait_p50"]:.4f}{unit}'),
        ('  95 % of the jobs wait for at most', f'{queue["wait_p95"]:.4f}{unit}'),
        ('  99 % of the jobs wait for at most', f'{queue["wait_p99"]:.4f}{unit}'),
        *longest,
        ('  mean length of the queue', f'{queue["queue_mean"]:.4f} jobs'),
        ('  mean occupancy', f'{queue["occupancy_mean"]:.4f} slots'),
    ]


def _share(share: float) -> str:
    """Return a share in per cent, with four digits however small it is."""
    return f'{share:.4%}' if not share or share >= _SMALL else f'{100 * share:.3e}%'
