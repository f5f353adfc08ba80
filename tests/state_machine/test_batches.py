"""Whatever travels together, each answer is the one that the model gives in the server's order.

Hundreds of tasks use the pools of a real server at the same time, so that their requests leave in
batches.  The server says in which order it carried these out.  The second half proves that the
machine can fail.  A longer search: ``python -m tests.state_machine.batches --operations 1000000``.
"""

import pytest

from py_cachify.backends._batches import MOST_TOGETHER, MOST_UNDER_WAY
from tests.state_machine.batches import main, run_histories, table
from tests.state_machine.mutations import Mutation, planted
from tests.state_machine.shared.crowd import Done
from tests.state_machine.shared.mutations import MUTATIONS, histories_until_found


HAPPENINGS = {
    'ask: True',
    'ask: queued',
    'cancelled',
    'cancelled too late',
    'drop: False',
    'drop: True',
    'fence',
    'flushed the scripts',
    'given up',
    'holders',
    'join: True',
    'join: crowded',
    'join: queued',
    'leave: False',
    'leave: True',
    'nothing to release',
    'released by token',
    'renew: False',
    'renew: True',
    'size',
    'take: False',
    'take: True',
    'take: promised',
    'the server did not know the script',
    'tickets',
    'timed out',
    'undo: False',
    'undo: True',
    'waiter told',
    'waiting',
}
"""What must happen in the sample: a machine that never met a situation could not judge it."""


def test_each_answer_is_right_in_the_order_of_the_server(socket: str) -> None:
    """A sample of the histories; most of their requests travel in batches, small and large."""
    done = Done()
    run_histories(socket, 1, 30_000, done, lambda: None)
    print(table(done))  # shown if the test fails, or with pytest -s
    assert done.travelled.together > done.requests / 2
    assert done.travelled.largest == MOST_TOGETHER
    assert done.travelled.under_way == MOST_UNDER_WAY
    assert done.travelled.without_connection > 0
    assert done.travelled.batches > 1000
    assert set(done.events) >= HAPPENINGS


@pytest.mark.parametrize('mutation', MUTATIONS, ids=[mutation.name for mutation in MUTATIONS])
def test_the_machine_finds_a_bug_that_is_planted_in_the_batches(mutation: Mutation, socket: str) -> None:
    """Answers and errors are exchanged, and requests are lost, sent twice, or left behind."""
    assert histories_until_found(mutation, socket, histories=30) is not None


def test_a_failure_says_how_to_repeat_it(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the work done, and the command that repeats a failure."""
    command = ['--seed', '5', '--operations', '1']
    assert main(command) == 0
    assert 'requests in batches' in capsys.readouterr().out

    mutation = next(each for each in MUTATIONS if each.name == 'the first request of a batch is sent twice')
    with planted(mutation), pytest.raises(Exception):  # noqa: B017, PT011 - any failure
        main(command)
    assert f'to repeat: python -m tests.state_machine.batches {" ".join(command)}' in capsys.readouterr().out
