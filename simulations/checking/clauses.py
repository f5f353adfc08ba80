"""The clauses of the plain contract: what each promises, and how to mend a client without it."""

from typing import NamedTuple


class Clause(NamedTuple):
    """One promise of the contract.

    Attributes:
        name: the name, which reports and JSON use.
        promise: what must hold, in a sentence.
        remedy: what to change in a client that breaks it.
        needs: the clauses without which this one cannot be checked.
    """

    name: str
    promise: str
    remedy: str
    needs: tuple[str, ...] = ()


_BASIC = ('missing', 'stored', 'accepted', 'refused', 'delete')

_ONE_STEP = (
    'Let one command of the store decide and set: Redis `SET … NX EX`, SQL `INSERT … ON CONFLICT DO NOTHING`,'
    ' memcached `add`, or a lock around the check and the change. A `get` followed by a `set` is never atomic.'
)

CLAUSES = (
    Clause(
        'methods',
        'The library accepts the client.',
        'Give it get(name), set(name, value, ex=None, nx=False) and delete(*names), all synchronous or all'
        ' asynchronous.',
    ),
    Clause(
        'missing',
        'get returns None for a name that does not exist.',
        'Return None itself, not an empty text and not an error.',
    ),
    Clause(
        'stored',
        'set stores the value, and get returns it as text or as its bytes.',
        'Return what was set: the same text, or its UTF-8 bytes.',
    ),
    Clause(
        'accepted',
        'set with nx=True stores the value under a name that does not exist, and returns a true value.',
        'Return True if the value was stored. A driver that returns None on success needs a translation.',
    ),
    Clause(
        'refused',
        'set with nx=True returns a false value if the name exists, and leaves it unchanged.',
        'Pass nx on to the store, and return whether it stored the value: False or None if it did not.',
        ('stored',),
    ),
    Clause(
        'delete',
        'delete removes exactly the names it is given, and a missing name is not an error.',
        'Match whole names only. Ignore a name that does not exist.',
        ('missing', 'stored', 'accepted'),
    ),
    Clause(
        'names',
        'Names that differ in any character are different names.',
        'Use a column or key type that compares byte by byte (in SQL a binary collation), escape what the store'
        ' treats specially, and never cut a name.',
        ('accepted',),
    ),
    Clause(
        'values',
        'get returns the value unchanged, whatever its characters.',
        'Store the value as text or bytes: do not parse, strip or cut it.',
        ('accepted',),
    ),
    Clause(
        'any order',
        'Calls in any order give the replies that the contract promises.',
        'Follow the calls: the last reply is the wrong one.',
        _BASIC,
    ),
    Clause(
        'threads',
        'Of several threads that share the client and set one name with nx=True, exactly one succeeds.',
        f'{_ONE_STEP} Also give each thread its own connection, or put a lock around the shared one.',
        _BASIC,
    ),
    Clause(
        'tasks',
        'Of several tasks that share the client and set one name with nx=True, exactly one succeeds.',
        f'{_ONE_STEP} Between two awaits another task can act.',
        _BASIC,
    ),
    Clause(
        'shared',
        'Clients in different processes use the same store.',
        'Keep the values outside the process. If only one process will ever use the pools, leave the clauses about'
        ' processes out: --processes 0, or processes=0.',
        _BASIC,
    ),
    Clause(
        'processes',
        'Of several processes that set one name with nx=True, exactly one succeeds.',
        f'{_ONE_STEP} A lock of this process does not stop another.',
        (*_BASIC, 'shared'),
    ),
    Clause(
        'interrupted',
        'A set that is interrupted stores the value with its expiry or not at all, and the client still works.',
        'Store the value and its expiry in one step. Release locks with `with` or `finally`.',
        ('accepted', 'expiry with nx'),
    ),
    Clause(
        'killed',
        'A process that is killed during set leaves no name that stays forever, and no lock.',
        'Store the value and its expiry in one step, and use no lock that outlives its process.',
        ('accepted', 'shared', 'expiry with nx'),
    ),
    Clause(
        'expiry',
        'A name set with ex exists for ex seconds, and is gone at most one second later.',
        'Pass ex on as seconds; it is neither a number of milliseconds nor an instant.',
        ('missing', 'stored'),
    ),
    Clause(
        'expiry with nx',
        'The same holds with nx=True, and the expired name can be set again.',
        'Pass ex and nx to the store in the same command, and let nx treat an expired name as missing.',
        ('missing', 'accepted'),
    ),
    Clause(
        'refused expiry',
        'A refused set changes no expiry.',
        'Set the expiry only together with the value, not in a second command that always runs.',
        ('refused', 'expiry with nx'),
    ),
    Clause(
        'own expiry',
        'A name that is set again, after a delete or over its old value, has the expiry of the new set.',
        'Keep the expiry with the value. A timer of the old value must not remove the new one.',
        ('delete', 'expiry', 'expiry with nx'),
    ),
    Clause(
        'no expiry',
        'A name set without ex stays.',
        'Treat ex=None as no expiry, not as a default and not as 0.',
        ('stored', 'accepted'),
    ),
    Clause(
        'long expiry',
        'An expiry may be longer than a year.',
        'Pass ex as a duration. memcached takes more than 30 days for an instant: add the present time to it.',
        ('accepted',),
    ),
    Clause(
        'stale token',
        "A pool's release with the token of an expired slot leaves the next holder's slot alone.",
        'Let get return the value that the last successful set stored.',
        (*_BASIC, 'expiry with nx'),
    ),
)
"""The contract, in the order of the report."""

BY_NAME = {clause.name: clause for clause in CLAUSES}
PROCESS_CLAUSES = ('shared', 'processes', 'killed')
"""The clauses that are left out with ``processes=0``."""
TIMED_CLAUSES = ('expiry', 'expiry with nx', 'refused expiry', 'own expiry', 'no expiry', 'long expiry', 'stale token')
"""The clauses that take time to pass."""
