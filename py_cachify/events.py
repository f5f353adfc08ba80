"""What happens to each attempt to take a slot, as listeners are told: see ``observe()``."""

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias, get_args


Kind: TypeAlias = Literal[
    'queued', 'granted', 'refused', 'timed_out', 'released', 'overrun', 'renewed', 'lost', 'failed'
]
"""What may happen to an attempt."""

KINDS: frozenset[Kind] = frozenset(get_args(Kind))
"""All kinds."""

USUAL_KINDS = KINDS - {'queued'}
"""The kinds that a listener is told if it does not say which."""

ENDS: frozenset[Kind] = frozenset(('refused', 'timed_out', 'released', 'overrun', 'failed'))
"""The kinds that end an attempt."""

ENDS_WITHOUT_SLOT: frozenset[Kind] = ENDS - {'released', 'overrun'}
"""The kinds that may end an attempt that got no slot."""


class Event(NamedTuple):
    """One thing that happened to an attempt to take a slot.

    An attempt has one of these courses; ``'renewed'`` may come any number of times, and ``'lost'``
    once, before its end::

        refused | timed_out | failed
        granted … released | overrun | failed

    ==============  ================================================================================
    kind            meaning
    ==============  ================================================================================
    ``granted``     it got a slot, and its body begins
    ``refused``     the pool was full, or as many as ``max_waiting`` were waiting
    ``timed_out``   it waited in vain
    ``released``    its slot was given back in time
    ``overrun``     its slot was gone before it was given back, so the body ran on without one
    ``renewed``     its slot got its full life again
    ``lost``        its slot is gone, and this process noticed it while it was held
    ``failed``      an error or a cancellation prevented it from getting a slot (``held`` is
                    ``None``), or its slot from being given back
    ``queued``      it begins to wait in the queue; told only to a listener whose ``kinds`` have it
    ==============  ================================================================================

    Attributes:
        kind: what happened.
        key: the key of the pool, without the prefix.
        template: the key of a decorated function as it was written, such as ``'mail-{user_id}'``;
            ``None`` for a pool that was made by ``pool()``.
        waited: from the beginning of the attempt to its slot, or until it ended without one, in
            seconds.  It includes the time that the store took to answer.
        held: from the grant until now, in seconds; ``None`` unless it held a slot before.
        max_size: how many slots of the pool the attempt allowed.
        token: the token of its slot; ``None`` if it has none.
        slot_exp: the life of a slot in seconds; ``None`` if it never expires.
        prefix: the prefix of the key in the store.
        has_queued: whether it has waited in the queue.
        error: the exception, for ``'failed'``.

    Example::

        Event('granted', 'mail-7', 'mail-{user_id}', 0.001, None, max_size=2, token='1:…')
    """

    kind: Kind
    key: str
    template: str | None
    waited: float
    held: float | None
    max_size: int
    token: str | None
    slot_exp: float | None = None
    prefix: str = ''
    has_queued: bool = False
    error: BaseException | None = None


Listener: TypeAlias = Callable[[Event], object]
"""A function that is told each event; see :func:`py_cachify.observe`."""
