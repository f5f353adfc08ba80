"""Requests that arrive late or overtake each other do no harm to the shipped atomic protocol."""

import pytest

from simulations.exploring import Scope, explore, subject
from simulations.exploring.moves import FAULTS, LATE, LATE_FAULTS


@pytest.mark.parametrize('slot_exp', [10, None])
@pytest.mark.parametrize('name', ['memory', 'redis'])
def test_every_schedule_with_two_late_requests_keeps_the_promises(name: str, slot_exp: int | None) -> None:
    """An undo that overtakes its acquire leaves a tombstone, which refuses the acquire."""
    found = explore(subject(name), Scope(clients=2, max_size=1, faults=2, kinds=(LATE,), slot_exp=slot_exp))

    assert (found.complete, found.violation) == (True, None)


@pytest.mark.parametrize('name', ['memory', 'redis'])
def test_every_schedule_with_any_two_faults_of_the_network_keeps_the_promises(name: str) -> None:
    """Late requests among lost ones, lost replies, repetitions and crashes."""
    scope = Scope(clients=2, max_size=2, faults=2, kinds=(*FAULTS, *LATE_FAULTS), between=0)
    found = explore(subject(name), scope)

    assert (found.complete, found.violation) == (True, None)


def test_under_the_plain_contract_a_late_request_takes_a_slot_for_ever() -> None:
    """A named limit, which the guide explains."""
    scope = Scope(clients=2, max_size=1, faults=1, kinds=(LATE,), slot_exp=None, pauses=False)
    found = explore(subject('nx'), scope)

    assert found.violation is not None
