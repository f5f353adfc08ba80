"""Decisions of ``protocols.py``, atomic and plain."""

from tests.mutants.mutant import FOR_EVER, LATE, Mutant


FILE = 'protocols.py'

_UNDO = (
    '        if not was_never_sent(error):\n            yield from _undo(_complete(UndoSlot(key, token)), token, error)'
)
_GRANTED = '        return lease if granted else no_lease(granted)\n'

ATOMIC = (
    Mutant(
        'a failed acquire is not undone',
        FILE,
        _UNDO,
        '        if False:\n            pass',
        'memory',
        'C1 was refused although a slot was free throughout',
    ),
    Mutant(
        'a failed acquire is reported as a refusal',
        FILE,
        f'{_UNDO}\n        raise',
        f'{_UNDO}\n        return None',
        'memory',
        'A1 was refused although a slot was free throughout',
    ),
    Mutant(
        'the error does not say that the acquire could not be undone',
        FILE,
        "        error.add_note(f'{NOT_UNDONE} ({_shown(second)}): {left} [token {token}].')",
        '        pass',
        'memory',
        'C1 was refused although a slot was free throughout',
    ),
    Mutant(
        'an acquire always reports a grant',
        FILE,
        'here too.\n        return lease if granted else no_lease(granted)',
        'here too.\n        return lease',
        'memory',
        '3 clients hold a slot of a pool of 2 at the same time: A1, B1, C1',
    ),
    Mutant(
        'a release always reports success',
        FILE,
        '        return (yield from command)',
        '        yield from command\n        return True',
        'memory',
        'A1 released a slot that it no longer held',
    ),
    Mutant(
        'a crash during an acquire is undone like an error',
        FILE,
        f'{_GRANTED}    except GeneratorExit:\n        raise\n    except BaseException as error:\n        if not',
        f'{_GRANTED}    except BaseException as error:\n        if not',
        'memory',
        "A1 would send UndoSlot(key='pool', token='A1') after its crash, but a crashed client sends nothing",
    ),
    Mutant(
        'the size is always 0',
        FILE,
        'return (yield from CountSlots(key))',
        'yield from CountSlots(key)\n    return 0',
        'memory',
        'at the end 0 of 2 slots were taken instead of 2',
    ),
    Mutant(
        'an undo leaves no tombstone',
        FILE,
        _UNDO,
        _UNDO.replace('UndoSlot', 'DropSlot'),
        'memory',
        'B1 was refused although a slot was free throughout',
        LATE,
    ),
)

INDEXED = (
    Mutant(
        'a failed acquire is not undone',
        FILE,
        'yield from _undo(_release_by_index(lease), token, error)',
        'pass',
        'nx',
        'at the end 1 of 2 slots was taken instead of 0',
    ),
    Mutant(
        'a release deletes the name without checking its owner',
        FILE,
        '    if (yield from GetValue(lease.name)) != lease.token:\n        return False\n',
        '',
        'nx',
        'A1 released a slot that it no longer held',
    ),
    Mutant(
        'a release checks that the name exists, but not its owner',
        FILE,
        '(yield from GetValue(lease.name)) != lease.token',
        '(yield from GetValue(lease.name)) is None',
        'nx',
        'the release of A1 reported its slot as gone although it had not expired',
    ),
    Mutant(
        'a release that finds another owner reports success',
        FILE,
        '!= lease.token:\n        return False',
        '!= lease.token:\n        return True',
        'nx',
        'A1 released a slot that it no longer held',
    ),
    Mutant(
        'a release deletes nothing',
        FILE,
        '    yield from DeleteName(lease.name)\n',
        '',
        'nx',
        'at the end 2 of 2 slots were taken instead of 0',
    ),
    Mutant(
        'a name is set without an expiry',
        FILE,
        'ex = None if slot_exp is None else math.ceil(slot_exp)',
        'ex = None',
        'nx',
        'A1 released a slot that it no longer held',
    ),
    Mutant(
        'a name expires after half of slot_exp',
        FILE,
        'ex = None if slot_exp is None else math.ceil(slot_exp)',
        'ex = None if slot_exp is None else math.ceil(slot_exp / 2)',
        'nx',
        'the release of A1 reported its slot as gone although it had not expired',
    ),
    Mutant(
        'the scan skips the first name',
        FILE,
        'for step in range(max_size):',
        'for step in range(1, max_size):',
        'nx',
        'the pool refuses although only 1 of 2 slots is taken',
    ),
    Mutant(
        'the scan ends one name early',
        FILE,
        'for step in range(max_size):',
        'for step in range(max_size - 1):',
        'nx',
        'the pool refuses although only 1 of 2 slots is taken',
    ),
    Mutant(
        'the scan refuses at the first taken name',
        FILE,
        '            if granted:\n                return lease\n',
        '            return lease if granted else None\n',
        'nx',
        'the pool refuses although only 1 of 2 slots is taken',
    ),
    Mutant(
        'an acquire always reports a grant',
        FILE,
        '            if granted:\n                return lease\n',
        '            return lease\n',
        'nx',
        '3 clients hold a slot of a pool of 2 at the same time: A1, B1, C1',
    ),
    Mutant(
        'the pool has one name more than max_size',
        FILE,
        '(first + step) % max_size',
        '(first + step) % (max_size + 1)',
        'nx',
        '3 clients hold a slot of a pool of 2 at the same time: A1, B1, C1',
    ),
    Mutant(
        'the size skips the last name',
        FILE,
        '    taken = 0\n    for index in range(max_size):',
        '    taken = 0\n    for index in range(max_size - 1):',
        'nx',
        'all 2 slots are taken, but size() returns 1',
    ),
    Mutant(
        'the size counts the free names',
        FILE,
        'slot_name(key, index))) is not None',
        'slot_name(key, index))) is None',
        'nx',
        '2 of 2 slots stay taken forever although nobody holds them',
    ),
    Mutant(
        'a name with slot_exp=None expires',
        FILE,
        'ex = None if slot_exp is None',
        'ex = 1 if slot_exp is None',
        'nx',
        'the release of A1 reported its slot as gone although it had not expired',
        FOR_EVER._replace(pauses=False),
    ),
)
