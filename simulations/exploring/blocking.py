"""Clients that wait within a command, which the store carries out as soon as it can.

Such a client makes no step until then. Its time can be up before; it then receives ``None``.
"""

from collections.abc import Callable
from typing import Any

from py_cachify.commands import Steps
from simulations.exploring.clients import Asked, Client, close_steps, follow
from simulations.exploring.outcomes import Outcomes
from simulations.exploring.worlds import Snapshot
from simulations.judging.monitor import Monitor


_MOST_EXPIRIES = 1000


class Blocking:
    """Which clients wait within a command.

    Args:
        outcomes: the outcomes of commands in a world that has ``blocked``.
        steps: return the steps of a client's operation.
    """

    def __init__(self, outcomes: Outcomes, steps: Callable[[Client], Steps[Any]]) -> None:
        self._outcomes = outcomes
        self._steps = steps
        self._next: dict[Client, Any] = {}

    def command(self, client: Client, store: Snapshot) -> Any:
        """Return the command within which a client waits, or could; ``None`` if it does not."""
        if client.over:
            return None
        command = self._command(client)
        return None if self._outcomes.blocked(command, store) is None else command

    def blocks(self, client: Client, store: Snapshot) -> bool:
        """Return whether a client cannot make its next step yet."""
        return not client.over and self._outcomes.blocked(self._command(client), store) is True

    def _command(self, client: Client) -> Any:
        if client not in self._next:
            steps = self._steps(client)
            position = follow(steps, client.answers or ())
            close_steps(steps)
            self._next[client] = position.command if isinstance(position, Asked) else None
        return self._next[client]

    def hang(self, clients: tuple[Client, ...], store: Snapshot, now: float, monitor: Monitor) -> str | None:
        """Return who waits forever, if all clients wait and no expiry helps any; else ``None``."""
        waiting = [client for client in clients if not client.over]
        if not waiting:
            return None
        for _ in range(_MOST_EXPIRIES):
            if not all(self.blocks(client, store) for client in waiting):
                return None
            seconds = self._outcomes.next_expiry(store)
            if seconds is None:
                break
            store = self._outcomes.after(store, now, seconds)
        names = [client.token for client in waiting]
        held = 'nobody holds a slot'
        if monitor.slot_exp == float('inf'):
            # The slots of crashed clients stay, and one that crashed in its acquire may have one.
            taken = max(sum(token not in names for token, _ in way.slots) for way in monitor.ways())
            if taken >= monitor.max_size:
                return None
            held = 'a slot is free' if taken else held
        return f'{", ".join(names)} {"waits" if len(names) == 1 else "wait"} forever although {held}'


def arrived(order: tuple[str, ...], client: Client, awaits: bool, ended: str) -> tuple[tuple[str, ...], str | None]:
    """Return who waits in which order after a move of a client, and what is wrong, if anything.

    Args:
        order: the tokens of those that waited, in the order in which they came.
        client: the client before its move.
        awaits: whether it waits for a slot now.
        ended: how its acquire ended; empty if it goes on.
    """
    token, wrong = client.token, None
    if client.lease is not None:
        return order, None
    if ended == 'granted':
        before = order[: order.index(token)] if token in order else order
        wrong = f'{token} was given a slot although {before[0]} has waited longer' if before else None
    if awaits:
        return (order if token in order else (*order, token)), wrong
    if ended:
        return tuple(each for each in order if each != token), wrong
    return order, wrong
