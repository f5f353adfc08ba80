"""How attempts are written: each on one line, safe for spreadsheets, and readable again."""

import csv
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_cachify.recording import COLUMNS, read_recording
from py_cachify.recording.lines import EPOCH, LineMaker, field, parse, restored
from tests.library.recording.conftest import MakeRecorder, ended


pytestmark = pytest.mark.quick

TEXTS = st.text(st.characters(exclude_categories=['Cs']))
NOON = datetime(2026, 7, 1, 12, 0, 0, 250_000, UTC).timestamp()


def line(now: float = NOON, **changes: Any) -> str:
    made = LineMaker(lambda _prefix, key: key).line(ended(**changes), now)
    assert made is not None
    return made


def test_a_line_has_the_documented_columns() -> None:
    made = line(template='mail-{user_id}', key='mail-7')

    assert made == '1,2026-07-01T11:59:58.500000Z,mail-7,mail-{user_id},released,1.500000,0.250000,2,600\n'
    assert COLUMNS == ('v', 'arrival', 'key', 'template', 'outcome', 'wait', 'holding', 'max_size', 'slot_exp')


def test_what_an_attempt_does_not_have_is_empty() -> None:
    made = line(kind='refused', held=None, slot_exp=None, waited=0.00025)

    assert made == '1,2026-07-01T12:00:00.249750Z,reports,,refused,0.000250,,2,\n'


@pytest.mark.parametrize('seconds', [0.25, 1e-05, 0.1 + 0.2, 86400.5, 3e9])
def test_the_life_of_a_slot_keeps_every_digit(seconds: float) -> None:
    assert parse(line(slot_exp=seconds).rstrip('\n')).slot_exp == seconds


@given(
    st.floats(3e6, 4e9),
    st.sampled_from(['released', 'overrun', 'refused', 'timed_out', 'failed']),
    st.floats(0, 1e6),
    st.none() | st.floats(0, 1e6),
    TEXTS,
    st.none() | TEXTS.filter(bool),
)
def test_a_line_is_read_as_it_was_written(
    now: float, kind: str, waited: float, held: float | None, key: str, template: str | None
) -> None:
    made = line(now, kind=kind, waited=waited, held=held, key=key, template=template)
    attempt = parse(made.removesuffix('\n'))

    assert made.splitlines() == [made.removesuffix('\n')]
    assert (attempt.outcome, attempt.key, attempt.template) == (kind, key, template)
    assert attempt.wait == pytest.approx(waited, abs=1e-6)
    assert attempt.holding == (None if held is None else pytest.approx(held, abs=1e-6))
    began = EPOCH + timedelta(seconds=now - waited - (held or 0))
    assert abs(attempt.arrival - began) <= timedelta(microseconds=2)


@given(TEXTS)
def test_any_text_is_one_field_of_one_line(text: str) -> None:
    written = field(text)

    [[read, after]] = csv.reader([f'{written},after'], strict=True)
    assert (restored(read), after) == (text, 'after')
    assert not any(char in written for char in '\n\r\x00\x0b\x0c\x1c\x85\u2028\u2029;\t')


@pytest.mark.parametrize('text', ['=1+1', '+1', '-1', '@A1', '\uff1d1', '\t=1', "'=1", 'a;=1', 'a\t=1', '"=1', ',=1'])
@pytest.mark.parametrize('delimiter', [',', ';', '\t'])
def test_no_cell_of_a_spreadsheet_begins_like_a_formula(text: str, delimiter: str) -> None:
    """Whatever separates fields where it is opened."""
    for cell in next(csv.reader([field(text)], delimiter=delimiter)):
        assert not cell.lstrip().startswith(('=', '+', '-', '@', '\uff1d'))
    assert restored(next(csv.reader([field(text)]))[0]) == text


def test_the_arrival_is_in_the_time_of_a_clock_that_was_set_meanwhile(
    recorder_of: MakeRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its durations come from another clock, so they are right."""
    recorder = recorder_of()
    monkeypatch.setattr(time, 'time', lambda: NOON + 3600)
    recorder(ended())
    recorder.flush()

    [attempt] = read_recording(recorder.files[0])
    assert attempt.arrival == datetime(2026, 7, 1, 12, 59, 58, 500_000, UTC)
    assert (attempt.wait, attempt.holding) == (1.5, 0.25)


def test_a_virtual_clock_that_is_ahead_of_1970_is_no_error() -> None:
    assert parse(line(5.0, held=1e12).rstrip('\n')).arrival < EPOCH + timedelta(minutes=1)


def test_texts_of_pools_do_not_pile_up() -> None:
    maker = LineMaker(lambda _prefix, key: key)
    for number in range(25_000):
        maker.line(ended(f'mail-{number}'), 60.0 * number)
    assert len(maker._pools) <= 10_000
    assert len(maker._minutes) <= 1_000
