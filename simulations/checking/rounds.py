"""The rounds of a race: what each of several callers does at the same time.

In each round all callers begin together. Three kinds of rounds alternate:

* ``one winner``: all set one name, and ask who has it.
* ``hand over``: all try to take one name; the winner gives it back as a pool's release does.
* ``own names``: each uses its own name, so that a mixed-up reply is seen.
"""

from typing import NamedTuple

from simulations.checking.calls import Script, delete, get, take


KINDS = ('one winner', 'hand over', 'own names')
_TURNS = 2
"""How often a caller tries to take the name in a round of the kind ``hand over``."""


class Round(NamedTuple):
    """One round.

    Attributes:
        kind: one of ``KINDS``.
        name: the name that the callers share; their own names begin with it.
        pauses: whether the client's code is paused at random places, to make a race likely.
    """

    kind: str
    name: str
    pauses: bool

    def names(self, callers: int) -> list[str]:
        """Return all names that the round uses."""
        if self.kind == 'own names':
            return [self.own(caller) for caller in range(callers)]
        return [self.name]

    def own(self, caller: int) -> str:
        """Return the caller's own name."""
        return f'{self.name}-{caller}'

    def script(self, caller: int) -> Script[None]:
        """Return what a caller does in this round."""
        match self.kind:
            case 'one winner':
                yield take(self.name, f'of {caller}')
                yield get(self.name)
            case 'hand over':
                for turn in range(_TURNS):
                    value = f'{turn} of {caller}'
                    granted = yield take(self.name, value)
                    # Refused callers ask as well: a client that caches may have an old value.
                    if (yield get(self.name)) == value and granted:
                        yield delete(self.name)
            case _:
                value = f'of {caller}'
                yield take(self.own(caller), value)
                yield get(self.own(caller))
                yield delete(self.own(caller))
                yield get(self.own(caller))


def make_rounds(prefix: str, first: int, count: int) -> list[Round]:
    """Return ``count`` rounds from number ``first`` on; the kinds alternate, and so do pauses."""
    return [
        Round(KINDS[number % len(KINDS)], f'{prefix}{number}', pauses=number // len(KINDS) % 2 == 0)
        for number in range(first, first + count)
    ]
