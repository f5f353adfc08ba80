"""What ``pool-sim theory`` tells: Erlang's formulas for one pool, as figures and as text."""

from typing import Any

from simulations.theory import erlang_b, erlang_c, max_size_for, mean_wait


def theory_figures(max_size: int, load: float, target: float | None = None) -> dict[str, Any]:
    """The formulas for a pool of ``max_size`` slots at an offered load of ``load`` erlangs.

    ``erlang_b`` is the share of jobs that is refused where none waits, ``erlang_c`` the share that waits where
    none is refused; ``mean_wait`` is in mean holding times, ``None`` where the load is no less than the slots and the
    queue grows for ever.  With a ``target``, ``max_size_for_target`` is the smallest pool that refuses no larger
    share.

    Raises:
        TypeError, ValueError: an argument cannot be.

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
    """The same for people."""
    wait = figures['mean_wait']
    rows = [
        ('refused, where none waits (Erlang B)', f'{figures["erlang_b"]:.4%}'),
        ('occupancy then, mean', f'{figures["occupancy_mean"]:.4f} slots'),
        ('must wait, where none is refused (Erlang C)', f'{figures["erlang_c"]:.4%}'),
        ('wait then, mean', 'without bound' if wait is None else f'{wait:.4f} mean holding times'),
    ]
    if 'target' in figures:
        rows.append((f'smallest pool that refuses at most {figures["target"]:g}', f'{figures["max_size_for_target"]}'))
    width = max(len(name) for name, _ in rows)
    head = f'{figures["max_size"]:,} slots, an offered load of {figures["offered_load"]:g} erlangs, Poisson arrivals'
    return '\n'.join([head, *(f'  {name:<{width}}  {value}' for name, value in rows)])
