"""In a film, each process uses the library by itself, and may stop for a while or for good."""

import gc
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from py_cachify import CachifyPoolFullError, pool
from simulations.drawing.colours import RUNNING_BAND
from simulations.jupyter import Film


@pytest.fixture
def film() -> Film:
    return Film('reports', max_size=1, slot_exp=6)


def times(film: Film, name: str, what: str) -> list[float]:
    """Return when something happened to a process."""
    return [mark.time for mark in film.marks if (mark.process, mark.what) == (name, what)]


def ignore(slot: Any) -> None:
    """Do nothing at a loss, so that nothing is logged."""


def test_a_process_keeps_its_slot_for_as_long_as_it_renews_it(film: Film) -> None:
    """Nobody enters beside it for ten lives, and it renews at each third of a life."""
    first, second = film.process('first', renew_for=None), film.process('second')
    assert first.enter()

    for _ in range(60):
        film.run(1)
        assert not second.enter()

    assert times(film, 'first', 'renewed') == list(range(2, 60, 2))
    assert times(film, 'second', 'refused') == list(range(1, 61))
    assert first.leave()
    assert second.enter()


@pytest.mark.parametrize('age', [0, 1.75, 2, 31.25])
def test_the_slot_of_a_crashed_process_is_free_after_one_life_at_most(film: Film, age: float) -> None:
    """Its last renewal counts; it is neither renewed nor given back after the crash."""
    first = film.process('first', renew_for=None)
    first.enter()
    film.run(age)
    first.crash()

    last = age // 2 * 2
    film.run(last + 5.75 - age)
    assert film.pool.size() == 1
    film.run(0.25)
    assert film.pool.size() == 0
    film.run(100)
    assert film.running_peak() == (age > 0)


def test_a_process_that_pauses_renews_nothing_and_learns_of_its_loss_afterwards(film: Film) -> None:
    lost = []
    first = film.process('first', renew_for=None, on_lost=lambda slot: lost.append(film.clock()))
    first.enter()
    film.run(7)
    first.pause(15)
    film.run(14.75)

    assert film.pool.size() == 0
    assert lost == []
    film.run(0.25)
    assert lost == [22]
    assert first.slot is not None
    assert first.slot.lost
    assert not first.leave()
    assert times(film, 'first', 'released late') == [22]


def test_what_was_due_in_a_short_pause_happens_after_it(film: Film) -> None:
    """The slot had five seconds left; it is renewed as soon as the pause is over."""
    first = film.process('first', renew_for=None)
    first.enter()
    film.run(7)
    first.pause(4.75)
    film.run(20)

    assert times(film, 'first', 'renewed')[:5] == [2, 4, 6, 11.75, 13.75]
    assert first.leave()


def test_a_pause_stops_one_process_only() -> None:
    film = Film('reports', max_size=2, slot_exp=6)
    first, second = film.process('first', renew_for=None, on_lost=ignore), film.process('second', renew_for=None)
    first.enter()
    second.enter()
    first.pause(30)
    film.run(30)

    assert [holder.label for holder in film.pool.holders()] == ['second']
    assert film.occupancy_peak() == film.running_peak() == 2


def test_nothing_happens_in_a_process_that_is_stopped(film: Film) -> None:
    first, second = film.process('first'), film.process('second')
    first.pause(5)
    second.crash()
    for act in (first.enter, first.leave, first.crash, lambda: first.pause(1), lambda: first.note('wrote')):
        with pytest.raises(RuntimeError, match="process 'first' now, because it pauses until 5 s"):
            act()
    with pytest.raises(RuntimeError, match="process 'second' now, because it has crashed"):
        second.enter()

    film.run(5)
    assert first.enter()


def test_a_process_has_one_body_at_a_time(film: Film) -> None:
    first = film.process('first')
    with pytest.raises(RuntimeError, match="'first' has no body"):
        first.leave()
    first.enter()
    with pytest.raises(RuntimeError, match="'first' is in its body already"):
        first.enter()
    with pytest.raises(ValueError, match="there is a process 'first' already"):
        film.process('first')


def test_the_pool_of_a_film_is_not_the_global_one(film: Film) -> None:
    """A `with` in a cell competes with the processes, and with no other cell."""
    film.process('first').enter()

    with pytest.raises(CachifyPoolFullError), film.pool:
        pass
    assert film.processes['first'].pool.size() == 1
    assert isinstance(film.pool, pool)


def test_the_picture_shows_what_happened() -> None:
    """One row for each process; each kind of bar and symbol is in the legend once."""
    film = Film('ledger $x$', max_size=1, slot_exp=6)
    first, second = film.process('first', renew_for=None, on_lost=ignore), film.process('second')
    first.enter()
    film.run(7)
    first.pause(10)
    film.run(6)
    second.enter()
    film.run(1)
    second.note('wrote')
    second.crash()
    film.run(10)
    first.leave()
    film.run(1)

    counts = film.plot()
    upper = counts.figure.axes[0]
    legend = counts.get_legend()

    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        'slot held',
        'slot taken, no body',
        'still running',
        'paused',
        'renewed',
        'wrote',
        'crashed',
        'released late',
        'occupancy (live slots)',
        'running (bodies)',
        'max_size = 1',
    ]
    assert [label.get_text() for label in upper.get_yticklabels()] == ['first', 'second']
    assert 'ledger $x$' in upper.get_title()
    assert (film.occupancy_peak(), film.running_peak()) == (1, 2)
    assert to_rgba(RUNNING_BAND) in {tuple(np.ravel(area.get_facecolor())) for area in counts.collections}
    plt.close(counts.figure)  # type: ignore[arg-type]


def test_a_film_without_a_frame_has_no_picture(film: Film) -> None:
    with pytest.raises(ValueError, match=r'call run\(\) first'):
        film.plot()


def test_a_film_that_is_dropped_says_nothing(film: Film, caplog: pytest.LogCaptureFixture) -> None:
    """The slots of its processes are dropped too, but that is not a mistake of its reader."""
    films = [film, Film('ledger', max_size=2, slot_exp=6)]
    for each in films:
        each.process('holds', renew_for=None).enter()
        film.run(1)
    films[1].process('crashes', renew_for=None).enter()
    films[1].processes['crashes'].crash()
    films.clear()
    del each
    gc.collect()

    assert caplog.records == []
