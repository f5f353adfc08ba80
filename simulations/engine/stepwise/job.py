"""Define a job of a stepwise run."""

import random

from simulations.engine.stepwise.ledger import Holder, Pool
from simulations.engine.stepwise.waiter import Waiter


class Job(Holder):
    """A job in the course of a stepwise run.

    Attributes:
        arrival: the instant at which it arrived.
        holding: how long its body runs, in seconds.
        pool: the pool that it asks.
        client: the number of its client; -1 if there is none.
        crash: the share of its life after which it crashes; ``None`` if it does not.
        asked: the number of attempts to get a slot.
        pauses: the random stream of its pauses between attempts, once it needs one.
        settled: whether its outcome is decided: it was granted a slot, or has left.
        since: an instant before its slot was taken, or last renewed, as its worker knows.
        lost: whether its worker knows that its slot is gone while its body runs.
        patience: for how many seconds an attempt waits at most; ``None`` for any time.
        queued: whether it has ever waited in the queue.
        turns: the random stream of its pauses while it waits, once it needs one.
        waiter: the wait of its last attempt; ``None`` if jobs do not wait.
    """

    __slots__ = (
        *('arrival', 'asked', 'client', 'crash', 'holding', 'lost', 'patience', 'pauses', 'pool', 'settled', 'since'),
        *('queued', 'turns', 'waiter'),
    )

    def __init__(
        self,
        number: int,
        arrival: float,
        holding: float,
        pool: Pool,
        client: int,
        crash: float | None,
        patience: float | None = 0.0,
    ) -> None:
        super().__init__(number)
        self.arrival = arrival
        self.holding = holding
        self.pool = pool
        self.client = client
        self.crash = crash
        self.asked = 0
        self.pauses: random.Random | None = None
        self.settled = False
        self.since = arrival
        self.lost = False
        self.patience = patience
        self.queued = False
        self.turns: random.Random | None = None
        self.waiter: Waiter | None = None
