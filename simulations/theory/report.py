"""The report of ``pool-sim theory``: Erlang's formulas for one pool, as figures and as text."""

import math
from typing import Any

from simulations.theory.erlang import erlang_b, erlang_c, max_size_for, mean_wait, occupancy_mean
from simulations.units import count


_SMALL = 1e-4


def theory_figures(max_size: int | None, load: float, target: float | None = None) -> dict[str, Any]:
    """Return Erlang's formulas for an offered load of ``load`` erlangs.

    ``offered_load`` is ``None`` if the load is infinite.  With a ``max_size``, ``erlang_b`` is the
    share of jobs that is refused if none queues, ``occupancy_mean`` the mean occupancy then, and
    ``erlang_c`` the share that waits if all may queue. ``mean_wait`` is in mean holding times; it
    is ``None`` if the load is at least the number of slots, because the queue then grows without
    bound. With a ``target``, ``max_size_for_target`` is the smallest pool that refuses at most that
    share.

    Raises:
        TypeError, ValueError: an argument is invalid, or neither ``max_size`` nor ``target`` is
            given.

    Example::

        theory_figures(5, 3.0)['erlang_b']              # 0.110054...
        theory_figures(None, 39.3, 0.02)['max_size_for_target']     # 49
    """
    if max_size is None and target is None:
        raise ValueError('theory needs a size or a target: give max_size, target, or both')
    figures: dict[str, Any] = {}
    if max_size is not None:
        wait = mean_wait(max_size, load)
        figures = {
            'max_size': max_size,
            'erlang_b': erlang_b(max_size, load),
            'occupancy_mean': occupancy_mean(max_size, load),
            'erlang_c': erlang_c(max_size, load),
            'mean_wait': wait if math.isfinite(wait) else None,
        }
    if target is not None:
        figures |= {'target': target, 'max_size_for_target': max_size_for(load, target)}
    return {'offered_load': load if math.isfinite(load) else None, **figures}


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
    if 'target' in figures:
        name = f'smallest pool that refuses at most {figures["target"]:g}'
        rows.append((name, count(figures['max_size_for_target'], 'slot', 'slots')))
    width = max(len(name) for name, _ in rows)
    return '\n'.join([f'{head}, Poisson arrivals', *(f'  {name:<{width}}  {value}' for name, value in rows)])


def _share(share: float) -> str:
    """Return a share in per cent, with four digits however small it is."""
    return f'{share:.4%}' if not share or share >= _SMALL else f'{100 * share:.3e}%'
