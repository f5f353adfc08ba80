"""Whatever holders do and whatever happens to them, the pool agrees with a model of a few lines.

The state machine of ``tests/state_machine`` runs over every kind of store, by threads and by tasks,
in virtual time. The second half proves that it can fail: it finds each of many planted bugs. A
longer search: ``python -m tests.state_machine --seconds 600``.
"""

import pytest

from tests.state_machine.__main__ import main
from tests.state_machine.machine import Tally, examine, machine_over
from tests.state_machine.mutations import MUTATIONS, Mutation, examples_until_found
from tests.state_machine.sides import DRIVERS
from tests.state_machine.soak import table
from tests.state_machine.stores import BACKENDS


EXAMPLES = 15
"""The examples for each store and driver; the command runs any number."""

HAPPENINGS = {
    'granted',
    'refused',
    'one object entered again',
    'an acquire was repeated',
    'entered when a slot ended',
    'released',
    'released too late: expired',
    'released too late: lost',
    'left in another order',
    'left in another place',
    'left from another frame',
    'left too often',
    'crashed',
    'forked',
    'the data was lost',
    'a call was refused: nothing',
    'a call was refused: on_full',
    'a call was refused: raise',
    'an acquire failed',
    'an acquire was cancelled',
    'a failed acquire left a slot and reported it',
    'a release was repeated',
    'a release was given up',
    'a release was cancelled',
    'a release failed and raised',
}
"""Every event that the machine can reach and judges."""


def run_over(backend: str, driver: str, number: int, socket: str) -> Tally:
    """Run some histories; return what was done in them."""
    with machine_over(backend, driver, socket) as machine:
        examine(machine, EXAMPLES, number=f'{backend} {driver} {number}')
    print(table({(backend, driver): machine.tally}))  # shown if a test fails, or with pytest -s
    return machine.tally


@pytest.mark.parametrize('driver', DRIVERS)
@pytest.mark.parametrize('backend', BACKENDS)
def test_every_history_agrees_with_the_model(backend: str, driver: str, request: pytest.FixtureRequest) -> None:
    """The store and the model agree after each step, on every store.

    Histories contain entries, exits, crashes, expiries, accidents, cancellations and forks.
    """
    socket = request.getfixturevalue('socket') if backend == 'valkey' else ''
    assert run_over(backend, driver, 0, socket).steps > 10 * EXAMPLES


def test_the_histories_have_all_that_happens_to_holders() -> None:
    """A machine that never met a situation could not judge it."""
    happened: set[str] = set()
    for number in range(20):
        happened |= set(run_over('plain', 'async', number, '').events)
        happened |= set(run_over('memory', 'sync', number, '').events)
        if happened == HAPPENINGS:
            return
    assert happened == HAPPENINGS


@pytest.mark.parametrize('mutation', MUTATIONS, ids=[mutation.name for mutation in MUTATIONS])
def test_the_machine_finds_a_planted_bug(mutation: Mutation, request: pytest.FixtureRequest) -> None:
    """Bugs are in scripts, memory, protocols, exits, bodies, cancelled tasks and functions."""
    socket = request.getfixturevalue('socket') if mutation.backend == 'valkey' else ''
    assert examples_until_found(mutation, socket, examples=500) is not None


def test_a_search_says_what_it_did_and_how_to_repeat_a_find(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command prints the work done on each store, and the command that repeats a failure."""
    command = ['--backend', 'memory', '--driver', 'sync', '--seed', '5', '--batches', '1']
    assert main(command) == 0
    output = capsys.readouterr().out
    assert 'seeds from 5 on' in output
    assert 'memory      sync' in output

    monkeypatch.setattr('py_cachify.backends.memory.MemoryClient.count_slots', lambda self, key: 7)
    with pytest.raises(AssertionError):
        main(command)
    assert f'to repeat: python -m tests.state_machine {" ".join(command)}' in capsys.readouterr().out
