"""The explorer, or a named test, catches every changed decision of the shipped code."""

import re

import pytest

from simulations.exploring import Scope, explore
from tests.mutants.apply import changed_text, mutated
from tests.mutants.elsewhere import fails
from tests.mutants.measure import measure
from tests.mutants.table import BEYOND, MUTANTS, Beyond, Mutant
from tests.support.paths import TESTS


def _name(mutant: Mutant | Beyond) -> str:
    return f'{mutant.subject}: {mutant.title}'


@pytest.mark.parametrize('mutant', MUTANTS, ids=_name)
def test_each_changed_decision_is_caught_for_its_reason(mutant: Mutant) -> None:
    """The search is exhaustive, in the scope in which the unchanged protocol passes."""
    known, _ = mutated(mutant)
    found = explore(known, mutant.scope)

    assert found.violation is not None
    assert found.violation.reason == mutant.reason


@pytest.mark.parametrize('name', sorted({each.subject for each in MUTANTS}))
def test_the_same_search_finds_nothing_in_the_unchanged_code(name: str) -> None:
    """Unchanged text runs in the same way as that of a mutant.

    For redis, the search goes as far as any mutant needed.
    """
    for mutant in {each.scope: each for each in MUTANTS if each.subject == name}.values():
        known, _ = mutated(mutant._replace(new=mutant.old))
        if name != 'redis' or mutant.scope is not None:
            found = explore(known, mutant.scope)
            assert found.complete
        else:
            found = explore(known, most_states=1500)
            assert found.states == 1500
        assert found.violation is None, found


@pytest.mark.parametrize('mutant', BEYOND, ids=_name)
def test_the_explorer_does_not_find_a_change_that_no_schedule_can_show(mutant: Beyond) -> None:
    """Otherwise it would belong in the other table."""
    known, _ = mutated(mutant)
    scope = Scope(clients=2, max_size=1, rounds=1, faults=1, pauses=known.scope.pauses)
    own = known.scope
    assert explore(known, scope._replace(renewals=own.renewals, fences=own.fences)).violation is None


@pytest.mark.parametrize('mutant', BEYOND, ids=_name)
def test_each_change_that_no_schedule_can_show_names_a_test(mutant: Beyond) -> None:
    """The test exists; ``python -m tests.mutants`` runs it against the change."""
    file, _, test = mutant.test.partition('::')
    assert re.search(rf'def {test}\(', (TESTS / file).read_text(encoding='utf-8'))
    assert changed_text(mutant)


def test_the_named_test_fails_with_the_change() -> None:
    """This runs one of these tests as an example."""
    beyond = next(each for each in BEYOND if each.title == 'slot_exp is rounded down to whole seconds')

    assert fails(beyond)
    with pytest.raises(RuntimeError, match='cannot be run'):
        fails(beyond._replace(test='library/stores/test_protocols.py::test_nothing'))


def test_a_change_whose_place_is_gone_is_refused() -> None:
    """The table must follow the code."""
    mutant = MUTANTS[0]
    with pytest.raises(ValueError, match='its old text occurs 0 times'):
        mutated(mutant._replace(old='no such line'))
    with pytest.raises(ValueError, match='not once'):
        mutated(mutant._replace(old='yield'))


def test_a_mutant_caught_for_another_reason_is_an_error() -> None:
    """The table contains only measured rows."""
    found = measure(MUTANTS[0], seed=0, seeds=1)

    assert (found.moves, found.missed) == (3, 0)
    assert found.random >= 1
    with pytest.raises(RuntimeError, match='expected "another"'):
        measure(MUTANTS[0]._replace(reason='another'), seed=0, seeds=1)
