"""The judge of a race: it accepts what some order explains, and nothing else."""

import itertools
import math
import random

import pytest

from simulations.checking.calls import Call, Request, delete, get, take
from simulations.checking.register import evidence, linearizable, reason


def call(who: str, request: Request, called: float, returned: float, reply: object = None, error: str = '') -> Call:
    return Call(who, request, called, returned, reply, repr(reply), error)


def granted(who: str, called: float, returned: float, reply: bool = True) -> Call:
    return call(who, take('n', f'of {who}'), called, returned, reply)


def read(who: str, called: float, returned: float, reply: str | None) -> Call:
    return call(who, get('n'), called, returned, reply)


RIGHT = {
    'nothing': [],
    'one winner': [granted('a', 0, 2), granted('b', 1, 3, False), read('b', 4, 5, 'of a')],
    'the later call wins': [granted('a', 0, 3, False), granted('b', 1, 2)],
    'handed over': [granted('a', 0, 1), call('a', delete('n'), 2, 4), granted('b', 3, 5)],
    'read during a set': [granted('a', 0, 4), read('b', 1, 2, None), read('b', 2.5, 3, 'of a')],
    'an error that set the name': [
        call('a', take('n', 'of a'), 0, 1, error='lost'),
        granted('b', 2, 3, False),
        read('b', 4, 5, 'of a'),
    ],
    'an error that did not': [call('a', take('n', 'of a'), 0, 1, error='lost'), granted('b', 2, 3)],
    'an error that comes late': [
        call('a', take('n', 'of a'), 0, 1, error='lost'),
        read('b', 2, 3, None),
        read('b', 4, 5, 'of a'),
    ],
    'a delete that raised': [
        granted('a', 0, 1),
        call('a', delete('n'), 2, 3, error='lost'),
        granted('b', 4, 5),
    ],
    'a call under way': [call('a', take('n', 'of a'), 0, math.inf), granted('b', 2, 3, False)],
}
WRONG = {
    'two winners': ([granted('a', 0, 2), granted('b', 1, 3)], 'were both told'),
    'two winners one after the other': ([granted('a', 0, 1), granted('b', 2, 3)], 'were both told'),
    'no winner': ([granted('a', 0, 2, False), granted('b', 1, 3, False)], 'refused although no call can have set'),
    'a value from nowhere': ([granted('a', 0, 1), read('a', 2, 3, 'of x')], 'that nobody had set'),
    'a lost value': ([granted('a', 0, 1), read('a', 2, 3, None)], 'explains that a received None from get'),
    'an old value': (
        [granted('a', 0, 1), call('a', delete('n'), 2, 3), read('b', 4, 5, 'of a')],
        "explains that b received 'of a' from get",
    ),
    'one delete, three winners': (
        [granted('a', 0, 9), granted('b', 0, 9), granted('c', 0, 9), call('a', delete('n'), 1, 8)],
        'more callers were told',
    ),
    'an error cannot excuse two others': (
        [call('x', take('n', 'of x'), 0, 9, error='lost'), granted('a', 0, 9), granted('b', 0, 9)],
        'were both told',
    ),
}


@pytest.mark.parametrize('name', RIGHT)
def test_what_some_order_explains_is_right(name: str) -> None:
    assert linearizable(RIGHT[name])
    assert evidence(RIGHT[name]) == []


@pytest.mark.parametrize('name', WRONG)
def test_what_no_order_explains_is_wrong(name: str) -> None:
    calls, words = WRONG[name]

    assert not linearizable(calls)
    assert words in reason(evidence(calls))


def test_the_evidence_is_the_few_calls_that_contradict_each_other() -> None:
    """Refused callers, readers and what happened later are left out."""
    noise = [granted(f'n{i}', 0.1 * i, 3, False) for i in range(6)] + [read('r', 3.5, 4, 'of a')]
    later = [call('a', delete('n'), 5, 6), granted('z', 7, 8)]
    first, second = granted('a', 0, 2), granted('b', 1, 3.2)

    assert evidence([*noise, first, *later, second]) == [first, second]


def by_brute_force(calls: list[Call]) -> bool:
    """Try each order of complete calls."""
    for order in itertools.permutations(calls):
        if any(later.returned < earlier.called for earlier, later in itertools.combinations(order, 2)):
            continue
        value, fits = None, True
        for each in order:
            if each.request.method == 'delete':
                value = None
            elif each.request.method == 'get':
                fits = fits and each.reply == value
            else:
                fits = fits and each.reply == (value is None)
                value = each.request.value if value is None else value
        if fits:
            return True
    return False


def test_it_agrees_with_trying_every_order() -> None:
    """On 3,000 random histories of up to five calls."""
    stream, verdicts = random.Random(1), []
    for _ in range(3000):
        calls = []
        for number in range(stream.randint(1, 5)):
            called = stream.uniform(0, 5)
            returned = called + stream.uniform(0.1, 4)
            kind = stream.random()
            if kind < 0.5:
                calls.append(granted(f'{number}', called, returned, stream.random() < 0.5))
            elif kind < 0.8:
                calls.append(read('r', called, returned, stream.choice([None, 'of 0', 'of 1'])))
            else:
                calls.append(call('d', delete('n'), called, returned))
        verdicts.append(linearizable(calls))
        assert verdicts[-1] == by_brute_force(calls), calls
    assert 500 < sum(verdicts) < 2500
