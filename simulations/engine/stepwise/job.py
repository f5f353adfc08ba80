"""A job of a stepwise run."""

import random

from simulations.engine.stepwise.ledger import Holder, Pool


class Job(Holder):
    """A job on its way.

    Attributes:
        arrival: when it arrived.
        holding: how long its body runs, in seconds.
        pool: which it asks.
        client: whose it is; -1 if it has none.
        crash: the share of its life after which it crashes; ``None`` if it does not.
        asked: how often it has asked for a slot.
        pauses: where its pauses between attempts are drawn from, once it needs one.
        settled: whether it is known what became of it: it was granted a slot, or has left.
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
