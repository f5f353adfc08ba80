"""Who held a slot and whose body ran, where the two begin and end at instants of their own."""

import numpy as np

from simulations.history.events import BEGAN, BEGAN_LATE, ENDED, EXPIRED, FREED, OVERRAN, RECOVERED, TAKEN, Block
from simulations.measuring.holders import Holders, follow, nobody


def seen(*rows: tuple[float, int, int]) -> Holders:
    """Return the holders after these events, given as instant, kind and job."""
    return follow(nobody(), Block.of([(time, what, job, 0, 0, 0) for time, what, job in rows]))


def test_a_slot_that_was_taken_has_no_body_until_that_begins() -> None:
    """A body that has begun runs until it ends."""
    taken = seen((1.0, TAKEN, 0))
    begun = seen((1.0, TAKEN, 0), (2.0, BEGAN, 0))
    ended = seen((1.0, TAKEN, 0), (2.0, BEGAN, 0), (5.0, ENDED, 0), (6.0, FREED, 0))

    assert taken.body_until.tolist() == [1.0]
    assert np.isnan(begun.body_until).tolist() == [True]
    assert (ended.body_until.tolist(), ended.slot_until.tolist()) == ([5.0], [6.0])


def test_a_slot_whose_job_was_never_told_is_abandoned_from_the_first() -> None:
    """A slot whose body overran is not abandoned."""
    stray = seen((1.0, TAKEN, 0), (11.0, RECOVERED, 0))
    late = seen((1.0, TAKEN, 0), (2.0, BEGAN, 0), (11.0, EXPIRED, 0), (15.0, OVERRAN, 0))

    assert (stray.abandoned.tolist(), stray.overran.tolist()) == ([True], [False])
    assert (late.abandoned.tolist(), late.overran.tolist()) == ([False], [True])


def test_events_of_who_is_not_known_any_more_change_nobody_else() -> None:
    """A body may begin late, when its slot is already gone and forgotten."""
    found = seen((1.0, TAKEN, 7), (2.0, BEGAN_LATE, 3), (3.0, BEGAN_LATE, 9), (4.0, OVERRAN, 3), (5.0, OVERRAN, 9))

    assert found.jobs.tolist() == [7]
    assert found.body_until.tolist() == [1.0]
