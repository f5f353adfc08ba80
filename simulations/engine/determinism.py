"""Run something twice with one seed and compare the histories event by event.

A difference shows that something random does not depend on the seed.
"""

import itertools
from collections.abc import Callable

from simulations.history.events import Event
from simulations.history.history import History
from simulations.judging.violation import EVENTS_SHOWN, Violation
from simulations.results.result import Result
from simulations.results.violated import InvariantError


def replay_twice(replay: Callable[[], Result]) -> Result:
    """Call ``replay`` twice and return the first result, which the second must equal.

    Raises:
        InvariantError: the two differ, and the message names the first event that does; or a
            promise was broken.
        ValueError: the histories were not kept.

    Example::

        replay_twice(lambda: Scenario.load('long-pause').replay(store='valkey'))
    """
    one, other = replay(), replay()
    place = first_difference(one.history, other.history)
    if place is None:
        return one
    theirs, ours = _event(other.history, place), _event(one.history, place)
    when = next(event.time for event in (ours, theirs) if event is not None)
    words = f'event {place} is {_words(ours)} in the first run and {_words(theirs)} in the second, with the same seed'
    violation = Violation('determinism', when, words)
    one.violations.append(violation)
    raise InvariantError(violation, [one.history[before] for before in range(max(0, place - EVENTS_SHOWN), place)], one)


def first_difference(one: History, other: History) -> int | None:
    """Return the place of the first event that differs; ``None`` if the histories are equal."""
    for place, (ours, theirs) in enumerate(itertools.zip_longest(one, other)):
        if ours != theirs:
            return place
    return None


def _event(history: History, place: int) -> Event | None:
    return history[place] if place < len(history) else None


def _words(event: Event | None) -> str:
    return 'missing' if event is None else f'job {event.job} {event.what} at {event.time!r} s'
