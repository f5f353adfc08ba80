"""What people read: durations, instants and names, none of which commands a terminal."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_cachify.ctl.texts import ago, duration, instant, safe, shortened


pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [
        (0.0, '0.0s'),
        (9.94, '9.9s'),
        (9.96, '10s'),
        (59.4, '59s'),
        (59.6, '1m 00s'),
        (192.4, '3m 12s'),
        (3599.9, '1h 00m'),
        (86399, '23h 59m'),
        (90000, '1d 01h'),
        (1e15, '11,574,074,074d 01h'),
        (-120, '-2m 00s'),
        (math.inf, 'never'),
        (math.nan, '?'),
        (None, '?'),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@given(st.floats())
def test_every_number_is_a_duration_and_an_instant(seconds: float) -> None:
    assert duration(seconds).isprintable()
    assert instant(seconds).isprintable()


@given(st.text())
def test_every_text_is_shown_on_one_line_that_no_terminal_obeys(text: str) -> None:
    assert safe(text).isprintable()
    assert shortened(text * 50).isprintable()
    assert len(shortened(text * 50)) <= 121
    if text.isprintable():
        assert safe(text) == text


def test_escapes_stand_for_what_is_unprintable() -> None:
    assert safe('a\x1b[2Jb\n\x9b\u202e') == r'a\x1b[2Jb\n\x9b\u202e'


def test_an_asker_whose_clock_is_ahead_asked_just_now() -> None:
    assert (ago(110.0, 100.0), ago(90.0, 100.0), ago(None, 100.0)) == (0.0, 10.0, None)
