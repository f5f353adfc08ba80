"""Recorded histories: good ones are accepted, and each bad one is refused for its reason."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.judging.monitor import Monitor
from tests.support.paths import HISTORIES


pytestmark = pytest.mark.quick


GOOD, BAD = (sorted((HISTORIES / kind).glob('*.json')) for kind in ('good', 'bad'))


def judged(history: dict[str, Any], honest: bool = True) -> tuple[str | None, int]:
    """Return what is wrong, if anything, and the number of events up to there."""
    monitor = Monitor.start(history['max_size'], float(history['slot_exp']), honest)
    wrong: str | None = None
    for count, (kind, *rest) in enumerate(history['events'], 1):
        match kind:
            case 'call':
                monitor = monitor.call(*rest)
            case 'return':
                monitor, wrong = monitor.returned(rest[0], rest[1], rest[2], repeated='repeated' in rest)
            case 'failed':
                monitor = monitor.failed(*rest)
            case 'renewal failed':
                monitor = monitor.renewal_failed(*rest)
            case 'expired':
                monitor, wrong = monitor.expired(*rest)
            case 'pass':
                monitor = monitor.passed(*rest)
            case _:
                raise AssertionError(kind)
        if wrong:
            return wrong, count
    return None, len(history['events'])


@pytest.mark.parametrize('path', GOOD, ids=lambda path: path.stem)
def test_a_good_history_is_accepted(path: Path) -> None:
    """Each call can be placed at one instant between its call and its return."""
    assert judged(json.loads(path.read_text())) == (None, len(json.loads(path.read_text())['events']))


@pytest.mark.parametrize('path', BAD, ids=lambda path: path.stem)
def test_a_bad_history_is_refused_for_its_reason(path: Path) -> None:
    """The monitor objects at the last event, and no sooner."""
    history = json.loads(path.read_text())

    assert judged(history) == (history['why'], len(history['events']))


def test_where_refusals_are_not_promised_to_be_due_none_is_wrong() -> None:
    """Every other bad history is still wrong."""
    refusals = [path for path in BAD if 'was refused' in json.loads(path.read_text())['why']]

    assert len(refusals) >= 4
    for path in BAD:
        assert (judged(json.loads(path.read_text()), honest=False)[0] is None) == (path in refusals), path.stem


@given(
    st.integers(1, 3),
    st.lists(
        st.tuples(st.sampled_from(['acquire', 'renew', 'release', 'pass']), st.sampled_from('ABCDE')), max_size=25
    ),
)
def test_what_a_sequential_pool_answers_is_accepted_and_the_opposite_is_not(
    max_size: int, operations: list[tuple[str, str]]
) -> None:
    """A call that overlaps no other has one right answer, which a dictionary knows."""
    monitor, held, now = Monitor.start(max_size, 10.0, honest=True), dict[str, float](), 0.0
    for number, (what, who) in enumerate(operations):
        held = {token: until for token, until in held.items() if until > now}
        if what == 'pass':
            now += 4
            monitor = monitor.passed(4.0)
            continue
        tokens = [token for token in held if token.startswith(who)]
        token = tokens[0] if what != 'acquire' and tokens else f'{who}{number}'
        if what == 'acquire':
            answer = len(held) < max_size
            if answer:
                held[token] = now + 10
        elif what == 'renew':
            answer = token in held
            held |= {token: now + 10} if answer else {}
        else:
            answer = held.pop(token, None) is not None
        called = monitor.call(what, token)
        assert called.returned(what, token, not answer)[1]
        monitor, wrong = called.returned(what, token, answer)
        assert wrong is None
        assert monitor.counts() == {len(held)}
