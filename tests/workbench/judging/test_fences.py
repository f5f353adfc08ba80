"""Fencing tokens increase, and in a pool of one slot they follow the grants."""

import pytest

from simulations.judging.fences import Fences
from simulations.judging.queues import Standing


pytestmark = pytest.mark.quick


def granted(fences: Fences, *tokens: str) -> Fences:
    """Return what is known after the store gave slots to these, one after the other."""
    for token in tokens:
        fences = fences.after(Standing(), Standing({token: 10.0}))
    return fences


def test_increasing_fencing_tokens_are_right() -> None:
    """In the order of the grants, with gaps."""
    fences = Fences()
    for number, token in enumerate('ABC'):
        fences, wrong = granted(fences, token).received(token, 10 * number + 1, 1)
        assert wrong is None
    assert fences.greatest == 21


@pytest.mark.parametrize('second', [5, 4, 0])
@pytest.mark.parametrize('max_size', [1, 2])
def test_one_that_is_not_greater_is_wrong(second: int, max_size: int) -> None:
    """Equal ones too, in a pool of any size."""
    fences, _ = granted(Fences(), 'A', 'B').received('A', 5, max_size)
    fences, wrong = fences.received('B', second, max_size)
    assert wrong == f'B received the fencing token {second} after 5'
    assert fences.greatest == 5


def test_a_late_holder_must_not_have_a_greater_one_than_a_later_one() -> None:
    """In a pool of one slot; in a larger one both may hold theirs."""
    fences, _ = granted(Fences(), 'A', 'B').received('B', 1, 1)
    assert fences.received('A', 2, 1)[1] == 'A received a greater fencing token than B, which got the slot later'
    assert fences.received('A', 2, 2)[1] is None


def test_it_may_have_one_if_the_later_one_has_none_yet() -> None:
    fences, wrong = granted(Fences(), 'A', 'B').received('A', 1, 1)
    assert wrong is None
    assert fences.received('B', 2, 1)[1] is None


def test_who_gets_a_slot_again_is_the_last_one() -> None:
    """As a waiter does that did not know of its first slot."""
    fences, _ = granted(Fences(), 'A', 'B', 'A').received('B', 1, 1)
    assert fences.order == ('B', 'A')
    assert fences.received('A', 2, 1)[1] is None


def test_a_slot_that_stays_is_no_new_grant() -> None:
    fences = granted(Fences(), 'A')
    assert fences.after(Standing({'B': 1.0}), Standing({'B': 1.0})) is fences


def test_only_what_can_still_matter_is_kept() -> None:
    """Who was granted a slot before anybody that can still receive a fencing token."""
    fences, _ = granted(Fences(), 'A', 'B', 'C').received('C', 1, 1)
    assert fences.kept(frozenset('B')) == Fences(1, ('B', 'C'), frozenset('C'))
    assert fences.kept(frozenset()) == Fences(1)
