"""The judge of a long queue: what it lets pass, and every kind of wrong store that it catches."""

from collections.abc import Sequence

import pytest

from simulations.judging.line import CROWDED, Asked, Line
from simulations.judging.queues import NO, QUEUED, YES


pytestmark = pytest.mark.quick

Step = tuple[float, str, str, str, str, str]
"""Instant, command, token, answer, who has a slot afterwards, and who has got it by this."""


def rules(line: Line, steps: Sequence[Step]) -> list[str]:
    """Return the rules that the steps break, one for each time."""
    places: dict[str, float] = {}
    found = []
    for instant, what, token, answer, taken, given in steps:
        if what == 'JoinQueue' and token not in places:
            places[token] = instant
        asked = Asked(what, token, answer, places.get(token, 0.0))
        found += [rule for rule, _ in line.after(instant, asked, dict.fromkeys(taken, 99.0), list(given))]
    return found


QUEUE: list[Step] = [
    (0.0, 'JoinQueue', 'A', YES, 'A', 'A'),
    (1.0, 'JoinQueue', 'B', QUEUED, 'A', ''),
    (2.0, 'JoinQueue', 'C', QUEUED, 'A', ''),
]
"""A has the only slot, and B and C wait."""


def test_a_queue_that_is_served_in_order_is_right() -> None:
    steps: list[Step] = [
        *QUEUE,
        (3.0, 'DropSlot', 'A', YES, 'B', 'B'),
        (4.0, 'DropSlot', 'B', YES, 'C', 'C'),
        (5.0, 'DropSlot', 'C', YES, '', ''),
    ]
    line = Line(1)
    assert rules(line, steps) == []
    assert line.levels == [(1.0, 1), (2.0, 2), (3.0, 1), (4.0, 0)]


@pytest.mark.parametrize(
    ('steps', 'rule'),
    [
        ([(3.0, 'DropSlot', 'A', YES, 'C', 'C')], 'order'),
        ([(3.0, 'JoinQueue', 'D', YES, 'D', 'D')], 'order'),
        ([(3.0, 'DropSlot', 'A', YES, '', '')], 'waiting'),
        ([(3.0, 'UndoSlot', 'A', YES, '', '')], 'waiting'),
        ([(3.0, 'LeaveQueue', 'B', NO, '', '')], 'waiting'),
        ([(3.0, 'JoinQueue', 'D', QUEUED, '', '')], 'waiting'),
        ([(3.0, 'AskAgain', 'B', QUEUED, '', '')], 'waiting'),
        ([(3.0, 'LeaveQueue', 'B', NO, 'A', ''), (4.0, 'DropSlot', 'A', YES, 'B', 'B')], 'order'),
        ([(20.0, 'DropSlot', 'A', YES, 'B', 'B')], 'order'),
        ([(9.0, 'AskAgain', 'C', QUEUED, 'A', ''), (20.0, 'DropSlot', 'A', YES, 'B', 'B')], 'order'),
    ],
    ids=[
        'a later one is served',
        'a newcomer is served',
        'a release grants nothing',
        'an undo grants nothing',
        'a waiter that leaves grants nothing',
        'one that joins is queued beside a free slot',
        'one that asks is left beside a free slot',
        'one that left is served',
        'silent ones are served',
        'a silent one is served before a live one',
    ],
)
def test_a_store_that_serves_wrongly_is_caught(steps: list[Step], rule: str) -> None:
    assert rule in rules(Line(1), [*QUEUE, *steps])


@pytest.mark.parametrize(
    'steps',
    [
        [(9.0, 'AskAgain', 'C', QUEUED, 'A', ''), (17.0, 'DropSlot', 'A', YES, 'C', 'C')],
        [(30.0, 'AskAgain', 'B', QUEUED, 'A', ''), (31.0, 'DropSlot', 'A', YES, 'B', 'B')],
        [
            (3.0, 'DropSlot', 'A', YES, 'B', 'B'),
            (4.0, 'AskAgain', 'C', QUEUED, 'B', ''),
            # Its claim has expired, and it returns to its place before C.
            (6.0, 'AskAgain', 'B', QUEUED, 'D', ''),
            (7.0, 'DropSlot', 'D', YES, 'B', 'B'),
        ],
        [(3.0, 'AskAgain', 'B', QUEUED, 'B', 'B')],
        [(20.0, 'DropSlot', 'A', YES, '', '')],
        [
            (3.0, 'DropSlot', 'A', YES, 'B', 'B'),
            (4.0, 'DropSlot', 'B', YES, 'C', 'C'),
            (5.0, 'JoinQueue', 'D', QUEUED, 'C', ''),
            (6.0, 'AskAgain', 'B', QUEUED, 'C', ''),
            (7.0, 'DropSlot', 'C', YES, 'B', 'B'),
        ],
    ],
    ids=[
        'a silent one is passed over',
        'a silent one comes back to its place',
        'a lost claim costs no place',
        'a claim for one that is asking',
        'a free slot beside silent ones only',
        'a late copy of a request returns a ticket to its place',
    ],
)
def test_what_a_right_store_does_is_let_pass(steps: list[Step]) -> None:
    assert rules(Line(1), [*QUEUE, *steps]) == []


def test_one_that_joins_once_more_is_last() -> None:
    """A second copy of its request arrives after the store took it for dead."""
    line = Line(1)
    assert rules(line, QUEUE) == []
    assert list(line.after(16.5, Asked('AskAgain', 'C', QUEUED, 2.0), {'A': 99.0}, ())) == []
    assert list(line.after(17.0, Asked('JoinQueue', 'B', QUEUED, 17.0), {'A': 99.0}, ())) == []
    assert list(line.after(18.0, Asked('DropSlot', 'A', YES), {'C': 99.0}, ['C'])) == []
    [wrong] = line.after(19.0, Asked('JoinQueue', 'D', YES), {'C': 99.0, 'D': 99.0}, ['D'])
    assert wrong.words == 'D was given a slot although B has waited longer'


def test_a_request_that_gave_as_many_as_it_may_leaves_the_rest_to_the_next() -> None:
    line, names = Line(300), [f'w{number}' for number in range(150)]
    full = dict.fromkeys(map(str, range(300)), 99.0)
    for number, name in enumerate(names):
        assert list(line.after(0.01 * number, Asked('JoinQueue', name, QUEUED, 0.01 * number), full, ())) == []
    given = dict.fromkeys(names[:100], 99.0)
    assert list(line.after(9.0, Asked('DropSlot', '0', YES), given, names[:100])) == []
    few = dict.fromkeys(names[:101], 99.0)
    [wrong] = line.after(9.1, Asked('DropSlot', '1', YES), few, names[100:101])
    assert wrong.rule == 'waiting'


def test_the_crowd_is_counted() -> None:
    """Too many wait, or too few for a refusal."""
    assert rules(Line(1, max_waiting=2), [*QUEUE, (3.0, 'JoinQueue', 'D', CROWDED, 'A', '')]) == []
    assert rules(Line(1, max_waiting=3), [*QUEUE, (3.0, 'JoinQueue', 'D', CROWDED, 'A', '')]) == ['crowd']
    assert rules(Line(1), [*QUEUE, (3.0, 'JoinQueue', 'D', CROWDED, 'A', '')]) == ['crowd']
    assert rules(Line(1, max_waiting=2), [*QUEUE, (3.0, 'JoinQueue', 'D', QUEUED, 'A', '')]) == ['crowd']
    assert rules(Line(1, max_waiting=2), [*QUEUE, (17.0, 'JoinQueue', 'D', QUEUED, 'A', '')]) == []


def test_a_slot_may_be_free_for_a_moment_only() -> None:
    """It became free because time passed, and nobody asks."""
    for limit, found in ((5.0, ['waiting']), (7.0, [])):
        line = Line(1, free_limit=limit)
        assert rules(line, QUEUE) == []
        wrongs = line.after(9.0, Asked('AskAgain', 'B', YES), {'B': 99.0}, ['B'], free_since=3.0)
        assert [rule for rule, _ in wrongs] == found


def test_after_a_loss_or_a_jump_of_the_clock_the_order_is_not_promised_to_those_before() -> None:
    for happen in (Line.forget, Line.clock_jumped):
        line = Line(1)
        assert rules(line, QUEUE) == []
        happen(line)
        steps: list[Step] = [
            (4.0, 'AskAgain', 'C', QUEUED, 'A', ''),
            (4.1, 'AskAgain', 'B', QUEUED, 'A', ''),
            (5.0, 'DropSlot', 'A', YES, 'C', 'C'),
            (6.0, 'DropSlot', 'C', YES, 'B', 'B'),
        ]
        assert rules(line, steps) == []
        # But to those who come afterwards it is.
        later: list[Step] = [
            (7.0, 'JoinQueue', 'E', QUEUED, 'B', ''),
            (8.0, 'JoinQueue', 'F', QUEUED, 'B', ''),
            (9.0, 'DropSlot', 'B', YES, 'F', 'F'),
        ]
        assert rules(line, later) == ['order']
