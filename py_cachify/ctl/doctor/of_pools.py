"""The checks of the pools: each takes the facts and yields what it found."""

from collections.abc import Callable, Iterator

from py_cachify.ctl.doctor.facts import Facts, PoolFacts
from py_cachify.ctl.doctor.findings import Finding, Unchecked
from py_cachify.ctl.texts import count, sizes


Found = Iterator[Finding | Unchecked]

MANY = 0.25
"""From this share of a pool's slots on, those near their expiry are many."""


def check_endless_slots(facts: Facts) -> Found:
    """Find slots that never expire."""
    pools = _those(facts, lambda pool: pool.endless > 0)
    if pools:
        slots = sum(pool.endless for pool in pools)
        verb = 'expires' if slots == 1 else 'expire'
        yield Finding(
            'endless-slots',
            f'{count(slots, "slot")} of {count(len(pools), "pool")} never {verb} (slot_exp=None).',
            'If the holder crashes, its slot stays taken forever.',
            'Use a short slot_exp with renew_for=None; free a slot whose holder is gone with `pool-ctl free`.',
            _keys(pools),
        )
    yield from _without_pools('endless-slots', facts)


def check_endless_keys(facts: Facts) -> Found:
    """Find keys that stay on the server although nothing in them needs it."""
    pools = _those(facts, lambda pool: bool(pool.kept))
    if pools:
        names = ', '.join(repr(name) for pool in pools[:5] for name in pool.kept)
        yield Finding(
            'endless-keys',
            f'{count(sum(len(pool.kept) for pool in pools), "key")} without an expiry: {names}.',
            'Every key of a pool expires with what is in it. Somebody ran PERSIST, or restored the key without its'
            ' expiry; it stays on the server forever if the pool is not used again.',
            'Take and give back a slot of the pool, or run EXPIRE KEY SECONDS with more than the longest slot_exp.',
            _keys(pools),
        )
    if facts.ttl_refused:
        yield Unchecked('endless-keys', 'the user may not run PTTL: allow +pttl')
    yield from _without_pools('endless-keys', facts)


def check_sizes(facts: Facts) -> Found:
    """Find pools whose users do not agree on ``max_size``."""
    pools = _those(facts, lambda pool: len(pool.sizes) > 1)
    if pools:
        shown = '; '.join(f'{pool.key!r} with {sizes(pool.sizes)}' for pool in pools[:5])
        yield Finding(
            'sizes',
            f'{count(len(pools), "pool")} used with unequal values of max_size: {shown}.',
            'Each acquire counts against its own max_size: those with the smaller one are refused while the others'
            ' get slots, and one that waits holds up those behind it.',
            'Use one max_size for one key. During a deployment that changes it, this passes when the old processes'
            ' have ended.',
            _keys(pools),
        )
    yield from _without_pools('sizes', facts)


def check_expiries(facts: Facts) -> Found:
    """Find pools in which many slots are near their expiry."""
    pools = _those(facts, lambda pool: pool.near > 0 and pool.near >= MANY * pool.mortal)
    if pools:
        near = sum(pool.near for pool in pools)
        yield Finding(
            'expiries',
            f'{near:,} of {count(sum(pool.mortal for pool in pools), "slot")} without renewal, seen in'
            f' {count(len(pools), "pool")}, had less than a tenth of {"its" if near == 1 else "their"} life left.',
            'Bodies take nearly as long as slot_exp: one that takes longer loses its slot and runs on beside the next'
            ' holder. Or their processes have crashed.',
            'Set a longer slot_exp, or let the slots be renewed (renew_for=None). To count the bodies that outlived'
            ' their slots, look for overrun in the metrics, the log or a recording of their program.',
            _keys(pools),
        )
    yield from _without_pools('expiries', facts)


def check_renewals(facts: Facts) -> Found:
    """Find slots whose holders have stopped renewing them.

    A token says that its slot is renewed, but not until when.
    """
    pools = _those(facts, lambda pool: pool.missed > 0)
    if pools:
        slots = sum(pool.missed for pool in pools)
        yield Finding(
            'renewals',
            f'{count(slots, "slot")} of {count(len(pools), "pool")} missed two renewals, or'
            f' {"its" if slots == 1 else "their"} renew_for is over.',
            'Either the holder has crashed, is paused, hangs or cannot reach the server, or its body takes longer than'
            ' renew_for. Its slot is given to others when it expires, and a body that is still alive runs on beside'
            ' them.',
            'Look at the processes that `pool-ctl show` names, and let renew_for be longer than the longest body; where'
            ' two holders do harm, use a fencing token.',
            _keys(pools),
        )
    yield from _without_pools('renewals', facts)


def _without_pools(check: str, facts: Facts) -> Iterator[Unchecked]:
    if facts.forbidden:
        yield Unchecked(check, f'{count(facts.forbidden, "key")} under the prefix, which the user may not read')


def _those(facts: Facts, concerned: Callable[[PoolFacts], bool]) -> list[PoolFacts]:
    return [pool for pool in facts.pools if concerned(pool)]


def _keys(pools: list[PoolFacts]) -> tuple[str, ...]:
    return tuple(pool.key for pool in pools)
