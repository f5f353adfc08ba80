"""Free a slot, as ``pool.slot(token).release()`` does, and say what its holder will notice."""

import math

from py_cachify.cachify import init_cachify
from py_cachify.ctl.reading import read_pool
from py_cachify.ctl.servers import CtlError, Server
from py_cachify.ctl.texts import ago, duration, safe, who
from py_cachify.ctl.values import Pool, Slot


class NoSlotError(CtlError):
    """No slot of the pool has the token: it is not there, or not there any longer."""


def find_slot(server: Server, prefix: str, key: str, token: str) -> tuple[Pool, Slot]:
    """Return the slot of a pool with this token, or with this short id.

    Raises:
        NoSlotError: no slot of the pool has it.
        CtlError: two slots have the id, or it is only a claim.
        redis.RedisError: the server does not answer, or refuses the user.
    """
    pool = read_pool(server, prefix, key)
    found = [slot for slot in pool.slots if token in (slot.token, slot.id)]
    if not found:
        raise NoSlotError(
            f'no slot of {safe(key)!r} has the token {safe(token)!r}: it was given back or has expired, or the token is'
            f' wrong; `pool-ctl show` lists those that are taken'
        )
    if len(found) > 1:
        raise CtlError(f'two slots of {safe(key)!r} have the id {safe(token)!r}: pass the token, as --json shows it')
    [slot] = found
    if slot.claimed:
        raise CtlError(
            f'the slot {slot.id} of {safe(key)!r} is a claim, which a waiter has not confirmed yet: it ends by itself'
            f' in {duration(slot.remaining)}'
        )
    return pool, slot


def free(server: Server, prefix: str, key: str, token: str) -> bool:
    """Free a slot and give it to the first waiter; return whether it was still there.

    Raises:
        redis.RedisError: the server does not answer, or refuses the user.
    """
    made = init_cachify(server.client, prefix=prefix, is_global=False)
    return made.pool(key, max_size=1).slot(token).release()


def consequences(pool: Pool, slot: Slot, *, freed: bool = False) -> list[str]:
    """Return who holds a slot, and what it and others notice if it is freed, in sentences.

    With ``freed`` they are said of a slot that has just been freed.
    """
    if slot.asked_at is None:
        holder = f'{who(slot)} {"had" if freed else "has"} this slot of {safe(pool.key)!r}'
    else:
        asked = duration(ago(slot.asked_at, pool.now))
        holder = f'{who(slot)} asked for this slot of {safe(pool.key)!r} {asked} ago'
    lines = [f'{holder}; it {_end(slot, freed=freed)}.']
    if pool.waiters:
        lines.append(f'The slot goes to {who(pool.waiters[0])}, the first of {len(pool.waiters)} who wait.')
    else:
        lines.append('The slot goes to the next who asks.')
    lines.append('The holder is not stopped: if it still runs, its body runs on beside the next holder.')
    if slot.renewed:
        third = '' if slot.life is None else f', within {duration(slot.life / 3)}'
        lines.append(
            f'It notices at its next renewal{third}: its slot is then lost, and its on_lost decides what follows'
            ' (by default a warning in its log).'
        )
    else:
        lines.append(
            'It does not renew its slot, so it notices only when its body ends, or when the life of the slot has'
            ' passed: its on_lost then decides what follows (by default a warning in its log).'
        )
    return lines


def _end(slot: Slot, *, freed: bool) -> str:
    if math.isinf(slot.remaining):
        return 'would never have expired' if freed else 'never expires'
    return f'{"would have expired" if freed else "expires"} in {duration(slot.remaining)}'
