"""Ask the store for the size of a pool and compare it with the slots that are really there."""

import simpy

from py_cachify.drivers import run
from simulations.engine.stepwise.ledger import Ledger, Pool
from simulations.engine.stepwise.server import Server
from simulations.judging.violation import Violation
from simulations.stores.contents import Contents


class Audit:
    """The audit of the store of a run.

    Args:
        env: virtual time.
        contents: the store.
        server: the server, whose clock decides what has expired.
        ledger: the ledger, which knows who has a slot.
        slot_exp: the life of a slot in seconds; ``None`` for a slot that never expires.
        violations: the list to which violations are added.
    """

    def __init__(
        self,
        env: simpy.Environment,
        contents: Contents,
        server: Server,
        ledger: Ledger,
        slot_exp: float | None,
        violations: list[Violation],
    ) -> None:
        self._env = env
        self._contents = contents
        self._server = server
        self._ledger = ledger
        self._slot_exp = slot_exp
        self._violations = violations

    def look(self, pool: Pool, at_rest: bool = False) -> None:
        """Compare the two counts of a pool.

        Args:
            pool: the pool.
            at_rest: whether all jobs have left and all slots have had time to expire.
        """
        steps = self._contents.protocol.size(self._ledger.name(pool), self._ledger.max_size)
        size = run(steps, lambda command: self._contents.perform(command, self._server.clock()))
        self._ledger.observe(pool)
        where = f' of the pool {pool.key!r}' if pool.key else ''
        if size != len(pool.slots):
            words = f'the store counts {size} slots{where}, but {len(pool.slots)} are live'
            self._violations.append(Violation('at rest' if at_rest else 'occupancy', self._env.now, words))
        elif at_rest and size and self._slot_exp is not None:
            words = f'{size} slots{where} are left after all jobs have gone and all slots should have expired'
            self._violations.append(Violation('at rest', self._env.now, words))
