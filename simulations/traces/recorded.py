"""What a recording says of each pool besides its jobs: the facts behind caveats and defaults."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


WAITED = 0.05
"""The seconds from which on an attempt counts as one that waited.

A recording does not say whether an attempt was queued; a call of the server takes less.
"""


@dataclass(kw_only=True)
class RecordedPool:
    """The attempts of one pool, or of one template if the trace was read with ``key='template'``.

    Attributes:
        templates: the templates of its attempts; ``None`` stands for an attempt without one.
        attempts: how many attempts were recorded.
        without_slot: how many of them got no slot.
        drawn: how many of these are jobs whose holding time was drawn; the others are left out.
        waited: how many attempts took longer than :data:`WAITED` to get a slot, or to give up.
        max_sizes: the sizes that the attempts allowed.
        slot_exps: the lives of their slots in seconds; ``None`` for slots that never expire.

    Example::

        read_trace('pool.csv').recorded['3f9a1c-8d0e5b7a91c2f4e6'].max_sizes     # {2}
    """

    templates: set[str | None] = field(default_factory=set)
    attempts: int = 0
    without_slot: int = 0
    drawn: int = 0
    waited: int = 0
    max_sizes: set[int] = field(default_factory=set)
    slot_exps: set[float | None] = field(default_factory=set)

    @property
    def template(self) -> str | None:
        """The template, if all attempts have the same one."""
        return next(iter(self.templates)) if len(self.templates) == 1 else None


def together(pools: Collection[RecordedPool]) -> RecordedPool:
    """Return the facts of several pools together."""
    return RecordedPool(
        templates=set().union(*(pool.templates for pool in pools)),
        attempts=sum(pool.attempts for pool in pools),
        without_slot=sum(pool.without_slot for pool in pools),
        drawn=sum(pool.drawn for pool in pools),
        waited=sum(pool.waited for pool in pools),
        max_sizes=set().union(*(pool.max_sizes for pool in pools)),
        slot_exps=set().union(*(pool.slot_exps for pool in pools)),
    )


def by_template(recorded: Mapping[str, RecordedPool]) -> dict[str, list[str]]:
    """Return the keys of the pools by label, the busiest label first.

    Pools of one template share its label, because one decorated function gives all of them its
    ``max_size``.  The label of any other pool is its key, so two of these never come together.
    """
    groups: dict[str, list[str]] = {}
    for key, pool in recorded.items():
        groups.setdefault(pool.template or key, []).append(key)
    busy = {label: sum(recorded[key].attempts for key in keys) for label, keys in groups.items()}
    return dict(sorted(groups.items(), key=lambda group: (-busy[group[0]], group[0])))
