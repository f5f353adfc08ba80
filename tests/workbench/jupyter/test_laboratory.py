"""The controls of the laboratory do what they say, on the same jobs."""

import math

import pytest

from simulations.jupyter.laboratory import FAULTS, HOLDING, laboratory, picture, run, sentence


def test_every_choice_can_be_drawn() -> None:
    """No distribution or fault exceeds ``max_size``, with or without expiry."""
    for holding in HOLDING:
        assert run(holding=holding).figures.occupancy_peak == 5
    for fault in FAULTS:
        for life in 2.0, None:
            result = run(slot_exp=life, fault=fault)
            assert result.figures.occupancy_peak <= 5
            assert not result.violations
            assert bool(result.episodes) == (fault != 'none')


@pytest.mark.parametrize('name', HOLDING)
def test_holding_times_have_a_mean_of_one_second(name: str) -> None:
    """So the offered load equals the arrivals per second."""
    from simulations import parse_holding

    assert parse_holding(HOLDING[name]).mean() == pytest.approx(1.0)


def test_the_same_jobs_arrive_whatever_happens_to_them() -> None:
    """Only the load changes which jobs arrive."""
    jobs = {run(max_size=size, slot_exp=life).figures.jobs for size in (2, 9) for life in (0.5, None)}

    assert len(jobs) == 1
    assert run(offered_load=12.0).figures.jobs > 1.5 * jobs.pop()


def test_a_long_life_ends_the_overrun() -> None:
    """This is what the defaults are meant to show."""
    short, long = run().figures, run(slot_exp=16.0).figures

    assert short.running_peak > 5 >= long.running_peak
    assert short.refusal_share < long.refusal_share


def test_the_headline_shows_the_measurement_and_the_theory() -> None:
    """The numbers are those of the run; theory is left out if it does not apply."""
    assert sentence(run()) == '4.7% refused (theory 6.0%), at most 5 of 5 slots taken, at most 10 bodies running'
    assert 'theory' not in sentence(run(fault='a worker pauses'))


def test_the_picture_shows_course_holders_and_shares() -> None:
    """The figure has three axes under one headline."""
    figure = picture(max_size=4)

    assert [axes.get_title() for axes in figure.axes] == [
        'occupancy and running bodies over time',
        'who held a slot when',
        'share of the time',
    ]
    assert 'of 4 slots' in figure.get_suptitle()


def test_the_controls_change_the_picture() -> None:
    """Each control changes the first picture."""
    shown = laboratory()
    begun = bytes(shown.picture.value)
    moves = {
        'offered_load': 3.0,
        'holding': 'constant',
        'max_size': 8,
        'slot_exp': math.inf,
        'crashes': 0.3,
        'fault': 'the server forgets',
    }

    assert set(moves) == set(shown.controls)
    seen = {begun}
    for name, value in moves.items():
        before = shown.controls[name].value
        shown.controls[name].value = value
        assert not shown.complaint.value
        seen.add(bytes(shown.picture.value))
        shown.controls[name].value = before
    assert len(seen) == 1 + len(moves)
    assert bytes(shown.picture.value) == begun


@pytest.mark.parametrize(('name', 'value'), [('holding', 'exp:1'), ('fault', 'fire')])
def test_an_unknown_choice_is_refused(name: str, value: str) -> None:
    """The error names the control, its value and the choices."""
    with pytest.raises(ValueError, match=f"{name} must be one of '.*', got '{value}'"):
        run(**{name: value})  # type: ignore[arg-type]
