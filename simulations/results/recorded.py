"""What a recording says about itself, in words: what was drawn, and what was not recorded."""

from collections.abc import Collection
from typing import Any

from simulations.traces.recorded import WAITED, RecordedPool, together
from simulations.units import duration


FEW = 0.01
"""The share of attempts without a slot up to which leaving them out changes no answer."""


def recorded_caveats(pools: Collection[RecordedPool], seed: int, *, waits: bool = False) -> list[str]:
    """Return sentences on what the jobs of a recording cannot tell, and what to do.

    Args:
        pools: the facts of the pools whose jobs are used.
        seed: the seed of the holding times that were drawn.
        waits: whether it was said for how long jobs wait, so that nothing is missing.
    """
    facts = together(pools)
    sentences = []
    if facts.drawn:
        sentences.append(
            f'{percent(facts.without_slot, facts.attempts)} of the attempts got no slot: their holding times are drawn'
            f' from attempts of the same pool that got one (seed {seed}). To know them, record again with a larger'
            ' max_size. If refused callers try again, each try counts as a job, and a pool sized for them is too big:'
            ' leave them out with --no-slot omit'
        )
    elif facts.without_slot > FEW * facts.attempts:
        sentences.append(
            f'{percent(facts.without_slot, facts.attempts)} of the attempts got no slot and are left out: a pool sized'
            ' without them is too small, unless they were tries of callers that got a slot later. Record again with a'
            ' larger max_size, or have their holding times drawn with --no-slot draw'
        )
    if facts.waited and not waits:
        sentences.append(
            f'{percent(facts.waited, facts.attempts)} of the attempts took longer than {WAITED:g} s to get a slot or to'
            ' give up, so they may have waited. For how long they would wait at most is not recorded: say so with'
            ' --wait, such as --wait 5; without it, an attempt that finds the pool full counts as refused'
        )
    return sentences


def percent(part: int, total: int) -> str:
    """Return a share as people say it: ``43 %``, or ``0.5 %`` for less than one."""
    share = 100 * part / total if total else 0.0
    return f'{share:.0f} %' if share >= 1 or not share else f'{share:.1g} %'


def sizes_words(pools: Collection[RecordedPool]) -> str:
    """Return the recorded ``max_size``, or all of them."""
    return ', '.join(f'{size:,}' for size in sorted(together(pools).max_sizes))


def lives_words(pools: Collection[RecordedPool]) -> str:
    """Return the recorded lives of slots."""
    lives = sorted(together(pools).slot_exps, key=lambda life: (life is None, life))
    return ', '.join('none' if life is None else duration(life) for life in lives)


def recorded_json(pools: Collection[RecordedPool], seed: int) -> dict[str, Any]:
    """Return the facts as plain values."""
    facts = together(pools)
    return {
        'attempts': facts.attempts,
        'without_slot': facts.without_slot,
        'drawn': facts.drawn,
        'waited': facts.waited,
        'max_size': sorted(facts.max_sizes),
        'slot_exp': sorted(facts.slot_exps, key=lambda life: (life is None, life)),
        'caveats': recorded_caveats(pools, seed),
    }
