"""Recorded calls: good histories are accepted, bad ones refused for their reason."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from simulations.judging import Call, Loss, Seen, StoreClock, Terms, judge, linearizable, read_calls, write_calls
from tests.support.paths import HISTORIES


pytestmark = pytest.mark.quick


def acquire(token: str, called: float, returned: float, answer: str = 'granted', repeated: bool = False) -> Call:
    """An acquire."""
    return Call('acquire', token, called, returned, answer, repeated=repeated)


def release(token: str, called: float, returned: float, answer: str = 'released', repeated: bool = False) -> Call:
    """A release."""
    return Call('release', token, called, returned, answer, repeated=repeated)


CALLS = HISTORIES / 'calls'
GOOD, BAD = (sorted((CALLS / kind).glob('*.json')) for kind in ('good', 'bad'))


def recorded(path: Path) -> tuple[list[Call], Terms, dict[str, str]]:
    """Return the calls of a history, its terms, and why it is bad."""
    history = json.loads(path.read_text())
    rows: list[list[Any]] = [[math.inf if value is None else value for value in row] for row in history.pop('calls')]
    calls = [Call(*row) for row in rows]
    return calls, Terms(history.pop('max_size'), history.pop('slot_exp')), history


@pytest.mark.parametrize('path', GOOD, ids=lambda path: path.stem)
def test_a_good_history_is_accepted(path: Path) -> None:
    """If the history is possible, the judge reports nothing."""
    calls, terms, _ = recorded(path)

    assert judge(calls, terms).violations == []
    assert linearizable(calls, terms).violation is None


@pytest.mark.parametrize('path', BAD, ids=lambda path: path.stem)
def test_a_bad_history_is_refused_for_its_reason(path: Path) -> None:
    """The judge reports this reason only, and the history is not linearizable either."""
    calls, terms, bad = recorded(path)
    [found] = judge(calls, terms).violations

    assert found.rule == bad['rule']
    assert bad['why'] in found.detail
    assert linearizable(calls, terms).violation is not None


@pytest.mark.parametrize('path', BAD, ids=lambda path: path.stem)
def test_what_happens_in_other_pools_does_not_matter(path: Path) -> None:
    """Pools are judged separately: two holders at the same time are wrong only in one pool."""
    calls, terms, bad = recorded(path)
    apart = [call._replace(key=call.token) for call in calls]

    found = judge(apart, terms).violations
    assert (found == []) == (bad['rule'] == 'grants'), found


def test_a_refusal_is_judged_by_who_looked_into_the_store_where_someone_did() -> None:
    """An unknown acquire can explain a refusal, unless an observer saw that it did not happen."""
    calls = [acquire('a', 0, 1, 'unknown'), acquire('b', 2, 3, 'refused')]
    terms = Terms(max_size=1, slot_exp=10.0)

    assert judge(calls, terms, Seen({'': [(2.5, 1)]}, {})).violations == []
    assert [each.rule for each in judge(calls, terms, Seen({'': [(0.5, 1), (1.9, 0)]}, {})).violations] == [
        'honest refusal'
    ]
    assert [each.rule for each in judge(calls, terms, Seen({'': []}, {})).violations] == ['honest refusal']


def test_where_refusals_are_not_promised_to_be_due_they_are_a_limit() -> None:
    """The plain contract allows a refusal while a slot is free."""
    found = judge([acquire('a', 0, 1, 'refused')], Terms(max_size=1, slot_exp=10.0, honest=False))

    assert (found.violations, [each.rule for each in found.limits]) == ([], ['spurious refusal'])


def test_what_a_store_lost_is_a_limit_and_nothing_else_is() -> None:
    """Two clients hold the slot if the first grant is among the lost writes, not if it is older."""
    calls = [acquire('a', 0, 1), acquire('b', 4, 5)]

    lost = judge(calls, Terms(max_size=1, slot_exp=10.0, losses=(Loss(3.0),)))
    kept = judge(calls, Terms(max_size=1, slot_exp=10.0, losses=(Loss(3.0, missing=1.5),)))
    assert ([each.rule for each in lost.limits], lost.violations) == (['lost writes'], [])
    assert (kept.limits, [each.rule for each in kept.violations]) == ([], ['grants'])


def test_a_slot_that_the_store_lost_may_be_gone_too_early() -> None:
    """This is a limit; without the loss it would be a violation."""
    calls = [acquire('a', 0, 1), release('a', 4, 5, 'too late')]

    found = judge(calls, Terms(max_size=1, slot_exp=10.0, losses=(Loss(3.0),)))
    assert (found.violations, [each.rule for each in found.limits]) == ([], ['lost writes'])


def test_a_release_that_was_lost_may_keep_its_slot_until_it_expires() -> None:
    """A refusal before the expiry is honest; one after it is not."""
    terms = Terms(max_size=1, slot_exp=10.0, losses=(Loss(4.0, missing=2.0),))
    calls = [acquire('a', 0, 1), release('a', 2, 3)]

    assert judge([*calls, acquire('b', 10, 10.5, 'refused')], terms).violations == []
    assert judge([*calls, acquire('b', 11.5, 12, 'refused')], terms).violations != []


def test_slots_live_by_the_clock_of_the_store() -> None:
    """A jump ahead makes them expire sooner, a jump back later."""
    ahead, back = (Terms(max_size=1, slot_exp=10.0, clock=StoreClock([(3.0, by)])) for by in (5.0, -2.0))
    twice = [acquire('a', 0, 1), acquire('b', 6, 7)]
    late = [acquire('a', 0, 1), release('a', 12, 12.5)]

    assert judge(twice, ahead).violations == []
    assert judge(twice, back).violations != []
    assert judge(late, ahead).violations != []
    assert judge(late, back).violations == []


def test_a_clock_tells_when_it_shows_so_much() -> None:
    """This clock jumps ahead by 5 s at 3 s, and back by 7 s at 20 s."""
    clock = StoreClock([(20.0, -7.0), (3.0, 5.0)])

    assert clock.readings(0, 2) == (0, 2)
    assert clock.readings(2, 4) == (2, 9)
    assert clock.readings(19, 21) == (18, 25)
    assert (clock.first_at(2, 0), clock.first_at(6, 0), clock.first_at(20, 0)) == (2, 3, 15)
    assert (clock.last_below(2, 0), clock.last_below(6, 0), clock.last_below(20, 0)) == (2, 3, 22)


def test_an_expiry_may_be_early_by_the_margin() -> None:
    """Two clocks never run at exactly the same speed."""
    calls = [acquire('a', 0, 1), acquire('b', 8, 9.95)]

    assert judge(calls, Terms(max_size=1, slot_exp=10.0)).violations != []
    assert judge(calls, Terms(max_size=1, slot_exp=10.0, margin=0.1)).violations == []


def test_a_history_beyond_the_bound_is_judged_as_far_as_it_goes_and_says_so() -> None:
    """Calls of unknown outcome stay under way forever."""
    unknown = [acquire(f'u{number}', number, number + 0.5, 'unknown') for number in range(9)]
    found = linearizable([*unknown, *(acquire(f'b{n}', 20 + n, 20.5 + n) for n in range(5))], Terms(1, 10.0))

    assert found.violation is None
    assert found.why_not_all == '6 calls were under way at the same time at 3 s'


def test_a_search_for_an_order_ends_where_the_store_loses_writes_or_its_clock_jumps() -> None:
    """From then on the contents of the store are unknown."""
    calls = [acquire('a', 0, 1), acquire('b', 4, 5)]

    for terms in (Terms(1, 10.0, losses=(Loss(3.0),)), Terms(1, 10.0, clock=StoreClock([(3.0, 20.0)]))):
        found = linearizable(calls, terms)
        assert (found.violation, found.judged) == (None, 1)
        assert found.why_not_all == 'the store lost writes, or its clock jumped'


def test_calls_are_written_and_read_again(tmp_path: Path) -> None:
    """This includes calls that never returned."""
    calls = [acquire('a', 0, math.inf, 'unknown'), release('b', 4, 5, repeated=True)._replace(key='k', worker=3)]
    write_calls(calls, tmp_path / 'calls.jsonl')

    assert read_calls(tmp_path / 'calls.jsonl') == calls


@pytest.mark.parametrize('line', ['', '[]', '{', '["acquire", "a", 2, 1, "granted"]', '["acquire", "a", 1, 2, "x"]'])
def test_what_is_no_call_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    """The message names the line, so that you can find it."""
    path = tmp_path / 'calls.jsonl'
    write_calls([acquire('a', 0, 1)], path)
    path.write_text(path.read_text() + line + '\n')

    with pytest.raises(ValueError, match='line 2 is not a recorded call'):
        read_calls(path)
