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


# --- renewals


def renew(token: str, called: float, returned: float, answer: str = 'renewed', **more: Any) -> Call:
    """A renewal."""
    return Call('renew', token, called, returned, answer, **more)


def test_a_slot_lives_on_from_its_renewal() -> None:
    """Another may have its place a life after that, and not before."""
    first = [acquire('a', 0, 1), renew('a', 8, 9)]
    terms = Terms(max_size=1, slot_exp=10.0)
    early, late = [*first, acquire('b', 12, 13)], [*first, acquire('b', 18, 20)]

    assert [each.rule for each in judge(early, terms).violations] == ['grants']
    assert linearizable(early, terms).violation is not None
    assert judge(late, terms).violations == []
    assert linearizable(late, terms).violation is None


def test_a_refusal_is_honest_as_long_as_a_renewed_slot_may_be_there() -> None:
    """From the return of its renewal a slot may live for a life, and no longer."""
    first = [acquire('a', 0, 1), renew('a', 8, 9)]
    terms = Terms(max_size=1, slot_exp=10.0)

    assert judge([*first, acquire('b', 18, 18.5, 'refused')], terms).violations == []
    assert [each.rule for each in judge([*first, acquire('b', 20, 21, 'refused')], terms).violations] == [
        'honest refusal'
    ]


@pytest.mark.parametrize(
    ('asked', 'until'),
    [
        (renew('a', 8, 9, 'unknown', settled=15.0), 21),
        (renew('a', 8, 9, repeated=True, settled=10.5), 20.5),
    ],
)
def test_a_renewal_that_is_not_settled_may_happen_as_long_as_its_slot_lives(asked: Call, until: float) -> None:
    """The slot may be there until a life after that, and may be gone before."""
    first = [acquire('a', 0, 1), asked]
    terms = Terms(max_size=1, slot_exp=10.0)
    refused = [*first, acquire('b', until - 0.2, until - 0.1, 'refused')]
    granted = [*first, acquire('b', 18, 20)]
    wrong = [*first, acquire('b', until + 0.1, until + 0.2, 'refused')]

    for calls in (refused, granted):
        assert judge(calls, terms).violations == []
        assert linearizable(calls, terms)[:2] == (None, 1)
    assert [each.rule for each in judge(wrong, terms).violations] == ['honest refusal']
    assert linearizable(wrong, terms).why_not_all == 'the outcome of a renewal is unknown'


def test_an_expired_slot_is_not_revived() -> None:
    """A renewal that was called after the latest expiry must not succeed."""
    calls = [acquire('a', 0, 1), renew('a', 12, 13)]
    [found] = judge(calls, Terms(max_size=1, slot_exp=10.0)).violations

    assert found.rule == 'renewal'
    assert 'a renewed a slot that had expired at 11 s' in found.detail
    assert linearizable(calls, Terms(max_size=1, slot_exp=10.0)).violation is not None


@pytest.mark.parametrize(('called', 'rules'), [(5, ['renewal']), (9.5, [])])
def test_a_renewal_must_not_find_a_slot_gone_that_surely_lives(called: float, rules: list[str]) -> None:
    """Between its earliest and its latest expiry, either answer is right."""
    calls = [acquire('a', 0, 1), renew('a', called, called + 0.7, 'too late')]
    terms = Terms(max_size=1, slot_exp=10.0)

    assert [each.rule for each in judge(calls, terms).violations] == rules
    assert (linearizable(calls, terms).violation is None) == (not rules)


@pytest.mark.parametrize(('repeated', 'rules'), [(True, []), (False, ['renewal'])])
def test_a_repeated_renewal_may_have_shortened_the_life_when_the_clock_went_back(
    repeated: bool, rules: list[str]
) -> None:
    """Its first copy came after the clock went back, its second after the clock jumped ahead."""
    clock = StoreClock([(2, 8), (5, -8), (8, 8)])
    late = renew('a', 6, 9, 'too late')._replace(repeated=repeated)
    calls = [acquire('a', 0, 1), renew('a', 3, 4), late]

    found = judge(calls, Terms(max_size=1, slot_exp=10.0, clock=clock)).violations

    assert [each.rule for each in found] == rules


def test_a_renewal_may_find_gone_what_is_being_released() -> None:
    """The release was called before the renewal returned."""
    calls = [acquire('a', 0, 1), renew('a', 4, 6, 'too late'), release('a', 5, 7)]
    terms = Terms(max_size=1, slot_exp=10.0)

    assert judge(calls, terms).violations == []
    assert linearizable(calls, terms).violation is None


def test_a_released_slot_is_not_renewed() -> None:
    """A renewal that was called after the release must not succeed: no order explains it."""
    calls = [acquire('a', 0, 1), release('a', 2, 3), renew('a', 4, 5)]

    assert linearizable(calls, Terms(max_size=1, slot_exp=10.0)).violation is not None
    assert [each.rule for each in judge(calls, Terms(max_size=1, slot_exp=10.0)).violations] == ['renewal']


def test_a_release_after_a_renewal_finds_its_slot() -> None:
    """Without the renewal it would have expired; a release that finds it gone is wrong now."""
    calls = [acquire('a', 0, 1), renew('a', 8, 9), release('a', 15, 16)]
    terms = Terms(max_size=1, slot_exp=10.0)
    gone = [*calls[:2], release('a', 15, 16, 'too late')]

    assert judge(calls, terms).violations == []
    assert [each.rule for each in judge([calls[0], calls[2]], terms).violations] == ['own release']
    assert [each.rule for each in judge(gone, terms).violations] == ['own release']
    assert linearizable(calls, terms).violation is None
    assert linearizable(gone, terms).violation is not None


def test_a_lost_renewal_is_no_promise() -> None:
    """The store forgot it, so that the slot expires as if it had not been renewed."""
    calls = [acquire('a', 0, 1), renew('a', 8, 9), acquire('b', 12, 13)]
    found = judge(calls, Terms(max_size=1, slot_exp=10.0, losses=(Loss(10.0, 3.0),)))

    assert found.violations == []
    assert [each.rule for each in found.limits] == ['lost writes']


def test_the_slots_of_one_renewal_are_renewed_in_one_step() -> None:
    """Twelve together do not exhaust the search for an order, and a wrong answer is found."""
    tokens = [str(number) for number in range(12)]
    calls = [acquire(token, number, number + 0.5) for number, token in enumerate(tokens)]
    for round_ in range(1, 20):
        calls += [renew(token, 12.0 * round_, 12.0 * round_ + 1) for token in tokens]
    terms = Terms(max_size=12, slot_exp=30.0)
    found = linearizable(calls, terms)
    wrong = [*calls[:-1], calls[-1]._replace(answer='too late')]

    assert (found.violation, found.judged) == (None, len(calls))
    assert linearizable(wrong, terms).violation is not None
