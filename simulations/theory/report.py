"""The report of ``pool-sim theory``: Erlang's formulas for one pool, as figures and as text."""

from typing import Any

from simulations.theory import erlang_b, erlang_c, max_size_for, mean_wait


def theory_figures(max_size: int, load: float, target: float | None = None) -> dict[str, Any]:
    """Return Erlang's formulas for ``max_size`` slots at an offered load of ``load`` erlangs.

    ``erlang_b`` is the share of jobs that is refused if none queues, ``erlang_c`` the share that
    waits if all may queue. ``mean_wait`` is in mean holding times; it is ``None`` if the load is at
    least the number of slots, because the queue then grows without bound. With a ``target``,
    ``max_size_for_target`` is the smallest pool that refuses at most that share.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        theory_figures(5, 3.0)['erlang_b']              # 0.110054...
    """
    refused = erlang_b(max_size, load)
    figures: dict[str, Any] = {
        'max_size': max_size,
        'offered_load': load,
        'erlang_b': refused,
        'occupancy_mean': load * (1 - refused),
        'erlang_c': erlang_c(max_size, load),
        'mean_wait': mean_wait(max_size, load, 1.0) if load < max_size else None,
    }
    if target is not None:
        figures |= {'target': target, 'max_size_for_target': max_size_for(load, target)}
    return figures


def theory_text(figures: dict[str, Any]) -> str:
    """Return these figures as a readable text."""
    wait = figures['mean_wait']
    rows = [
        ('refused, if no job queues (Erlang B)', f'{figures["erlang_b"]:.4%}'),
        ('mean occupancy, if no job queues', f'{figures["occupancy_mean"]:.4f} slots'),
        ('must wait, if jobs queue (Erlang C)', f'{figures["erlang_c"]:.4%}'),
        ('mean waiting time, if jobs queue', 'unbounded' if wait is None else f'{wait:.4f} mean holding times'),
    ]
    if 'target' in figures:
        rows.append((f'smallest pool that refuses at most {figures["target"]:g}', f'{figures["max_size_for_target"]}'))
    width = max(len(name) for name, _ in rows)
    head = f'{figures["max_size"]:,} slots, an offered load of {figures["offered_load"]:g} erlangs, Poisson arrivals'
    return '\n'.join([head, *(f'  {name:<{width}}  {value}' for name, value in rows)])
