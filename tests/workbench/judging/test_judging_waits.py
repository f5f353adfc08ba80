"""Calls that waited: what is certain of their slots, and which refusals are honest."""

from pathlib import Path

import pytest

from simulations.judging import Call, Seen, Terms, judge, linearizable, read_calls, write_calls


pytestmark = pytest.mark.quick

TERMS = Terms(max_size=1, slot_exp=10.0, waiting=True, max_waiting=2)
HELD = [
    Call('acquire', 'A', 0.0, 0.1, 'granted'),
    Call('release', 'A', 5.0, 5.1, 'released'),
]


def rules(calls: list[Call], seen: Seen | None = None) -> list[str]:
    return [violation.rule for violation in judge(calls, TERMS, seen).violations]


def waited(token: str, since: float, returned: float) -> Call:
    """Return an acquire of a job that waited for 50 seconds."""
    return Call('acquire', token, returned - 50.0, returned, 'granted', since=since)


def test_a_slot_that_came_late_expires_late() -> None:
    """A release in time is no surprise, and one that finds it gone is."""
    found, gone = (
        [waited('B', 99.0, 100.0), Call('release', 'B', 105.0, 105.1, answer)] for answer in ('released', 'too late')
    )
    assert rules(found) == []
    assert rules(gone) == ['own release']
    # Of one that asked long ago and may have got its slot then, nothing is known.
    assert rules([waited('B', 60.0, 100.0), gone[1]]) == []


def test_two_that_surely_hold_the_only_slot_are_too_many() -> None:
    assert rules([waited('B', 99.0, 100.0), waited('C', 100.5, 101.0)]) == ['grants']
    assert rules([waited('B', 60.0, 100.0), waited('C', 100.5, 101.0)]) == []


FULL = {'': [(0.0, 1), (5.05, 0)]}


@pytest.mark.parametrize(
    ('call', 'levels', 'waiting', 'honest'),
    [
        (Call('acquire', 'B', 1.0, 4.0, 'timed out'), FULL, [(1.0, 1), (4.0, 0)], True),
        (Call('acquire', 'B', 6.0, 9.0, 'timed out'), FULL, [(6.0, 1), (9.0, 0)], False),
        (Call('acquire', 'B', 6.0, 9.0, 'timed out'), FULL, [(6.0, 2), (7.0, 1), (9.0, 0)], True),
        (Call('acquire', 'B', 1.0, 1.1, 'crowded'), FULL, [(0.5, 2), (2.0, 0)], True),
        (Call('acquire', 'B', 1.0, 1.1, 'crowded'), FULL, [(0.5, 1), (2.0, 0)], False),
        (Call('acquire', 'B', 3.0, 3.1, 'crowded'), FULL, [(0.5, 2), (2.0, 0)], False),
        (Call('acquire', 'B', 6.0, 6.1, 'refused'), FULL, [(0.5, 2), (9.0, 0)], False),
    ],
    ids=[
        'full',
        'never full',
        'never full, but others waited',
        'crowded',
        'one too few',
        'no longer crowded',
        'one that does not wait',
    ],
)
def test_a_refusal_of_a_waiter_has_a_reason(
    call: Call, levels: dict[str, list[tuple[float, int]]], waiting: list[tuple[float, int]], honest: bool
) -> None:
    seen = Seen(levels, {}, {'': waiting})
    assert rules([*HELD, call], seen) == ([] if honest else ['honest refusal'])


def test_without_an_observer_those_that_wait_count() -> None:
    """Two wait for one slot, so it may have been kept for either of them."""
    alone = Call('acquire', 'B', 6.0, 9.0, 'timed out')
    assert rules([*HELD, alone]) == ['honest refusal']
    assert rules([*HELD, alone, Call('acquire', 'C', 7.0, 9.0, 'crowded')]) == []


def test_the_order_of_calls_that_wait_is_not_searched() -> None:
    found = linearizable(HELD, TERMS)
    assert (found.violation, found.judged) == (None, 0)
    assert 'wait' in found.why_not_all


def test_calls_that_waited_are_written_and_read_again(tmp_path: Path) -> None:
    calls = [*HELD, waited('B', 99.0, 100.0), Call('acquire', 'C', 1.0, 2.0, 'crowded')]
    write_calls(calls, tmp_path / 'calls')
    assert read_calls(tmp_path / 'calls') == calls
