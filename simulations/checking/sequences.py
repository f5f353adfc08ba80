"""The clauses that one caller can check without waiting: short scripts of calls on new names.

A script yields requests and is sent the replies. It raises :class:`BrokenClauseError` with what it
observed at the first wrong reply, so its calls up to there are the shortest that show the fault:
each script has only the calls that it needs.
"""

from collections.abc import Callable, Iterator

from simulations.checking.calls import Script, delete, get, put, shown, take


class BrokenClauseError(Exception):
    """A reply that the contract does not allow; the text says in a sentence what was observed."""


class Names:
    """New names under one prefix; it keeps those that may be left in the store."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.used: dict[str, None] = {}
        self._number = 0

    def new(self, label: str) -> str:
        """Return a name that was never used."""
        self._number += 1
        return self.keep(f'{self.prefix}{label}-{self._number}')

    def keep(self, name: str) -> str:
        """Remember a name, to be deleted in the end; return it."""
        self.used[name] = None
        return name


SequenceScript = Callable[[Names], Script[None]]


def _missing(names: Names) -> Script[None]:
    reply = yield get(names.new('missing'))
    if reply is not None:
        raise BrokenClauseError(f'get returned {shown(reply)} for a name that was never set')


def _stored(names: Names) -> Script[None]:
    name = names.new('stored')
    yield put(name, 'first')
    yield from _expect(name, 'first', 'the value that was set')
    yield put(name, 'second')
    yield from _expect(name, 'second', 'the value that replaced the first')


def _stored_with_expiry(names: Names) -> Script[None]:
    name = names.new('stored')
    yield put(name, 'token', 3600)
    yield from _expect(name, 'token', 'the value that was set for an hour')


def _expect(name: str, value: str | None, what: str) -> Script[None]:
    reply = yield get(name)
    if reply != value:
        raise BrokenClauseError(f'get returned {shown(reply)}, not {shown(value)}, {what}')


def _accepted(ex: int | None) -> SequenceScript:
    def script(names: Names) -> Script[None]:
        name = names.new('accepted')
        if not (yield take(name, 'token', ex)):
            raise BrokenClauseError('set with nx=True returned a false value although the name did not exist')
        yield from _expect(name, 'token', 'the value that was set')

    return script


def _refused(names: Names) -> Script[None]:
    name = names.new('refused')
    yield take(name, 'first')
    granted = yield take(name, 'second')
    if granted:
        raise BrokenClauseError('set with nx=True returned a true value although the name existed')
    yield from _expect(name, 'first', 'the value from before the refused set')


def _refused_on_a_plain_set(names: Names) -> Script[None]:
    name = names.new('refused')
    yield put(name, 'first')
    if (yield take(name, 'second')):
        raise BrokenClauseError('set with nx=True returned a true value although a set without nx had stored the name')
    yield from _expect(name, 'first', 'the value from before the refused set')


def _deleted(names: Names) -> Script[None]:
    name = names.new('delete')
    yield take(name, 'first')
    yield delete(name)
    yield from _expect(name, None, 'after the name was deleted')
    if not (yield take(name, 'second')):
        raise BrokenClauseError('set with nx=True returned a false value although the name had been deleted')


def _deleted_missing(names: Names) -> Script[None]:
    yield delete(names.new('delete'))


def _deleted_several(names: Names) -> Script[None]:
    first, second = names.new('delete'), names.new('delete')
    yield put(first, 'a')
    yield put(second, 'b')
    yield delete(first, names.new('delete'), second)
    yield from _expect(first, None, 'after both names were deleted in one call')
    yield from _expect(second, None, 'after both names were deleted in one call')


def _deletes_nothing_else(other: Callable[[str], str]) -> SequenceScript:
    def script(names: Names) -> Script[None]:
        name = names.new('delete')
        neighbour = names.keep(other(name))
        yield put(neighbour, 'other')
        yield put(name, 'value')
        yield delete(name)
        yield from _expect(neighbour, 'other', 'the value of a name that was not to be deleted')

    return script


def _deletes_no_pattern(names: Names) -> Script[None]:
    name = names.new('delete')
    yield put(name, 'value')
    yield delete(names.keep(name[:-1] + '*'), names.keep(name[:-1] + '%'))
    yield from _expect(name, 'value', 'although only names with * and % in them were deleted')


ODD = (
    'a b',
    ' a',
    'a ',
    'A',
    'a',
    'a\tb',
    'a\nb',
    'a\r\nb',
    'é',
    'e\u0301',
    'ß',
    'ss',
    '鍵',
    '🔑',
    '%s',
    '100%',
    '{a}',
    '*',
    '?',
    '[a]',
    '_',
    "'",
    '"',
    '\\',
    ';--',
    '/',
    '../a',
    '#',
    ':0',
    '$',
    '',
)
"""Ends of names, each of which is another name."""

VALUES = ('0', '007', '1e5', 'true', 'null', 'None', ' a ', '"', "'", 'a\nb', '{"a": 1}', 'é鍵🔑', '%s\\', 'x' * 2000)
"""Values that a client could be tempted to parse, strip or cut."""


def _distinct(ends: tuple[str, ...]) -> SequenceScript:
    def script(names: Names) -> Script[None]:
        base = names.new('names')
        for place, end in enumerate(ends):
            name = names.keep(f'{base}{end}')
            if not (yield take(name, str(place))):
                raise BrokenClauseError(
                    f'set with nx=True was refused for a name that ends in {shown(end)}, although only other names'
                    ' had been set'
                )
        for place, end in enumerate(ends):
            yield from _expect(f'{base}{end}', str(place), f'the value of the name that ends in {shown(end)}')

    return script


def _value(value: str) -> SequenceScript:
    def script(names: Names) -> Script[None]:
        name = names.new('values')
        yield take(name, value)
        yield from _expect(name, value, 'the value that was set')

    return script


def _pairs() -> Iterator[SequenceScript]:
    """Each odd name beside a plain one: short, so that a fault is shown by few calls."""
    for end in ODD:
        yield _distinct((end,))
    for first, second in (('a', 'A'), ('a', 'a '), ('a', ' a'), ('é', 'e\u0301'), ('ß', 'ss')):
        yield _distinct((first, second))
    yield _distinct(('x' * 300 + '1', 'x' * 300 + '2'))
    yield _distinct(ODD)


SCRIPTS: tuple[tuple[str, tuple[SequenceScript, ...]], ...] = (
    ('missing', (_missing,)),
    ('stored', (_stored, _stored_with_expiry)),
    ('accepted', (_accepted(3600), _accepted(None))),
    ('refused', (_refused, _refused_on_a_plain_set)),
    (
        'delete',
        (
            _deleted,
            _deleted_missing,
            _deleted_several,
            _deletes_nothing_else(lambda name: f'{name}:1'),
            _deletes_nothing_else(lambda name: f'other-{name}'),
            _deletes_nothing_else(lambda name: name[:-1]),
            _deletes_no_pattern,
        ),
    ),
    ('names', tuple(_pairs())),
    ('values', tuple(_value(value) for value in VALUES)),
)
"""Each clause with its scripts, the shortest first."""
