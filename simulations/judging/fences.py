"""Judge the fencing tokens that clients receive, in the order in which they receive them.

The model is written from the reference and shares no code with the library. Each fencing token is
greater than all that were received before it. In a pool of one slot they also follow the grants:
whoever got the slot earlier has the smaller one, so a store that remembers the greatest one it saw
can refuse a holder that was too slow. More slots are held at the same time, so there only the first
rule holds.
"""

from typing import NamedTuple

from simulations.judging.queues import Standing


class Fences(NamedTuple):
    """What is known of the fencing tokens; a value, from which the next one is made.

    Attributes:
        greatest: the greatest one received.
        order: the tokens of slots in the order in which the store granted them, those that were
            granted before anybody that can still receive a fencing token left out.
        fenced: those of them that have received one.
    """

    greatest: int = 0
    order: tuple[str, ...] = ()
    fenced: frozenset[str] = frozenset()

    def after(self, before: Standing, then: Standing) -> 'Fences':
        """Return what is known after a request, before and after which this was in the store."""
        new = [token for token in then.slots if token not in before.slots]
        if not new:
            return self
        return self._replace(order=(*(token for token in self.order if token not in new), *sorted(new)))

    def received(self, token: str, fence: int, max_size: int) -> tuple['Fences', str | None]:
        """Return what is known after a client received a fencing token, and what is wrong."""
        wrong = None
        if fence <= self.greatest:
            wrong = f'{token} received the fencing token {fence} after {self.greatest}'
        later = self.order[self.order.index(token) + 1 :] if token in self.order else ()
        overtook = [other for other in later if other in self.fenced]
        if max_size == 1 and overtook:
            wrong = f'{token} received a greater fencing token than {overtook[0]}, which got the slot later'
        return Fences(max(fence, self.greatest), self.order, self.fenced | {token}), wrong

    def kept(self, tokens: frozenset[str]) -> 'Fences':
        """Return what matters if only these tokens can still receive a fencing token."""
        first = next((place for place, token in enumerate(self.order) if token in tokens), len(self.order))
        order = self.order[first:]
        return Fences(self.greatest, order, self.fenced & set(order))
