"""Define a job of a stepwise run."""

import random

from simulations.engine.stepwise.ledger import Holder, Pool


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
    """

    __slots__ = ('arrival', 'asked', 'client', 'crash', 'holding', 'pauses', 'pool', 'settled')

    def __init__(
        self, number: int, arrival: float, holding: float, pool: Pool, client: int, crash: float | None
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
