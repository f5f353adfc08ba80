"""The pictures of a run show what happened: each is drawn on given axes, labelled, and returned."""

import base64
import functools
import itertools
import re
import struct

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from simulations import (
    InvariantError,
    Network,
    Poisson,
    Result,
    Scenario,
    Synthetic,
    Trace,
    parse_holding,
    replay,
    size_pool,
    sweep,
)
from simulations.drawing import colours
from simulations.faults import Restart
from simulations.history.events import Block
from simulations.measuring.holders import Part, follow, nobody
from simulations.results.plots.close_up import choose, counts
from simulations.results.plots.occupancy import SPANS_DRAWN
from simulations.workloads.refusals import Retry


mpl.use('agg')


def axes() -> Axes:
    return Figure().add_subplot()


def legend(ax: Axes) -> list[str]:
    shown = ax.get_legend()
    assert shown is not None
    return [text.get_text() for text in shown.get_texts()]


@pytest.fixture
def expiring() -> Result:
    """Return a run with one body that outlives its slot, one that takes it, and one refusal."""
    return replay(Trace([(0, 10), (4, 3), (5, 1)]), max_size=1, slot_exp=4)


PICTURES = ['plot_occupancy', 'plot_slots', 'plot_occupancy_shares', 'plot_overrun_shares', 'plot_expiry']


@pytest.mark.parametrize('picture', PICTURES)
def test_a_picture_is_drawn_where_it_is_wanted(expiring: Result, picture: str) -> None:
    """It is drawn on given axes or new ones; both axes are labelled, with the unit of time."""
    ax = axes()
    draw = getattr(expiring, picture)

    assert draw(ax) is ax
    assert draw() is not ax
    assert ax.get_xlabel() == {
        'plot_expiry': 'seconds since job 0 acquired its slot',
        'plot_occupancy_shares': 'occupancy (live slots)',
        'plot_overrun_shares': 'overrun (bodies beyond their slot)',
    }.get(picture, 'seconds since the first arrival')
    assert ax.get_ylabel()
    assert ax.get_title()


def test_occupancy_stays_below_the_line_and_running_is_drawn_beside_it(expiring: Result) -> None:
    """The curve is the history's, and running exceeds ``max_size`` where it did."""
    ax = expiring.plot_occupancy(axes())
    curves = {str(line.get_label()): line for line in ax.get_lines()}

    assert legend(ax) == ['running (bodies)', 'occupancy (live slots)', 'max_size = 1']
    assert np.asarray(curves['occupancy (live slots)'].get_ydata()).tolist() == [1, 0, 1, 1, 0, 0]
    assert np.asarray(curves['running (bodies)'].get_ydata()).tolist() == [1, 1, 2, 2, 1, 0]
    assert np.asarray(curves['occupancy (live slots)'].get_xdata()).tolist() == [0, 4, 4, 5, 7, 10]


def test_running_is_left_out_where_it_is_the_occupancy() -> None:
    """Without an expiry under a running body, the two are one curve."""
    assert legend(replay(Trace([(0, 1)]), max_size=1).plot_occupancy(axes())) == [
        'occupancy (live slots)',
        'max_size = 1',
    ]


def test_a_gantt_bar_is_hatched_from_expiry_to_end(expiring: Result) -> None:
    """It is solid until the expiry and hatched until the end; the next holder has its own row."""
    ax = expiring.plot_slots(axes(), window=(0, 10))
    spans = [(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_hatch() is not None) for bar in bars(ax)]

    assert spans == [(0, 4, False), (4, 7, False), (4, 10, True)]
    assert [round(bar.get_y() + bar.get_height() / 2) for bar in bars(ax)] == [0, 1, 0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ['job 0', 'job 1']
    assert legend(ax) == ['slot held', 'released', 'slot expired', 'still running', 'released late', 'job refused']


def test_a_gantt_shows_a_sample_where_there_are_too_many_holders() -> None:
    """At most thirty rows are drawn, some of them expired; the title says how many there are."""
    run = replay(Poisson(rate=60, holding=parse_holding('exp:1'), jobs=3000, seed=1), max_size=60, slot_exp=2)
    ax = run.plot_slots(axes())

    assert len(ax.get_yticklabels()) == 30
    assert '30 of' in ax.get_title()
    assert any(bar.get_hatch() for bar in ax.patches)


@pytest.mark.parametrize(('span', 'unit'), [(100, 'seconds'), (1000, 'minutes'), (30_000, 'hours'), (1e6, 'days')])
def test_time_is_shown_in_the_unit_one_would_choose(span: float, unit: str) -> None:
    """A trace of months is not drawn in seconds."""
    run = replay(Trace([(7, 1), (7 + span, 0)]), max_size=1)

    assert run.plot_occupancy(axes()).get_xlabel() == f'{unit} since the first arrival'


def test_a_long_run_is_drawn_as_an_envelope_that_touches_every_extreme() -> None:
    """The number of points does not grow with the events, and the peak is not smoothed away."""
    run = replay(Poisson(rate=6, holding=parse_holding('exp:1'), jobs=20_000, seed=1), max_size=8, slot_exp=1.5)
    ax = run.plot_occupancy(axes())
    most, mean = (np.asarray(line.get_ydata()) for line in ax.get_lines()[2:4])
    edges = np.asarray(ax.get_lines()[3].get_xdata())

    assert SPANS_DRAWN // 2 < len(most) == len(mean) <= SPANS_DRAWN + 1
    assert most.max() == run.figures.occupancy_peak == 8
    lengths = np.diff(edges)
    times, occupancy = run.history.block().times, run.history.block().occupancy
    entire = occupancy[:-1] @ np.diff(times) / (times[-1] - times[0])
    assert mean[:-1] @ lengths / lengths.sum() == pytest.approx(entire, rel=1e-9)


def test_no_short_peak_is_lost_in_an_envelope() -> None:
    """Each of many peaks is drawn, however short."""
    peaks = [37.2 + 101 * number for number in range(29)]
    jobs = [*((float(second), 0.1) for second in range(3000)), *((peak, 0.01) for peak in peaks for _ in range(4))]
    ax = replay(Trace(jobs), max_size=4).plot_occupancy(axes())
    edges, most = (np.asarray(values) for values in ax.get_lines()[0].get_data())
    # The horizontal axis is in minutes; a peak may be at an edge.
    spans = [np.searchsorted(edges * 60, [peak, peak + 0.01], side='right') - 1 for peak in peaks]

    assert [most[span].max() for span in spans] == [4] * len(peaks)


def test_the_colours_differ_in_grey() -> None:
    """Bands, lines and limit still have different lightness without colour."""
    lightness = sorted(
        float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114)))
        for colour in (colours.LIMIT, colours.OCCUPANCY, colours.RUNNING, colours.HELD, colours.DEAD)
    )

    assert min(np.diff(lightness)) > 0.08


def test_a_result_shows_itself_in_a_notebook(expiring: Result) -> None:
    """The card has figures and a picture; the name of the workload cannot break it."""
    page = replay(Trace([(0, 1)], name='<b>mine</b>'), max_size=1)._repr_html_()

    assert '&lt;b&gt;mine' in page
    assert 'data:image/png;base64,' in page
    assert 'occupancy never exceeded max_size 1' in expiring._repr_html_()


@pytest.mark.parametrize('jobs', [1, 3000])
def test_what_happened_in_one_instant_can_be_drawn(jobs: int) -> None:
    """There is no warning, whatever the number of events."""
    run = replay(Trace([(5, 0)] * jobs), max_size=1)

    run.plot_occupancy(axes())
    run.plot_slots(axes())
    assert run.figures.granted == jobs


def bars(ax: Axes) -> list[Rectangle]:
    return [bar for bar in ax.patches if isinstance(bar, Rectangle)]


def test_the_histogram_stands_beside_the_distribution_of_theory() -> None:
    """A bar for each number of slots has its share as height; theory's probabilities are on top."""
    run = replay(Poisson(6, 'exp:1', jobs=20_000, seed=1), max_size=5, slot_exp=0.5)
    ax = run.plot_occupancy_shares(axes())
    [theory] = [line for line in ax.get_lines() if line.get_label() == 'theory']

    assert [bar.get_height() for bar in bars(ax)] == pytest.approx(run.occupancy_shares.tolist())
    assert sum(bar.get_height() for bar in bars(ax)) == pytest.approx(1)
    assert run.theory is not None
    assert np.asarray(theory.get_ydata()).tolist() == pytest.approx(run.theory.occupancy_distribution)
    assert np.asarray(theory.get_ydata()) == pytest.approx(run.occupancy_shares, abs=0.02)
    assert 'max_size = 5' in legend(ax)


def test_a_histogram_of_many_values_has_few_bars() -> None:
    """Neighbouring values share a bar, measured and theoretical alike, and nothing is lost."""
    run = replay(Poisson(300, 'exp:1', jobs=20_000, seed=1), max_size=330)
    ax = run.plot_occupancy_shares(axes())
    [theory] = [line for line in ax.get_lines() if line.get_label() == 'theory']

    assert 20 < len(bars(ax)) <= 60
    assert sum(bar.get_height() for bar in bars(ax)) == pytest.approx(1)
    assert float(np.sum(theory.get_ydata())) == pytest.approx(1, abs=1e-4)
    assert 'values per bar' in ax.get_ylabel()


def ends(ax: Axes) -> list[float]:
    return [bar.get_x() + bar.get_width() for bar in bars(ax)]


def limit(ax: Axes) -> float:
    [line] = [line for line in ax.get_lines() if 'max_size' in str(line.get_label())]
    return float(np.asarray(line.get_xdata())[0])


@pytest.mark.parametrize('max_size', [1, 5, 59, 60, 61, 62, 100, 200])
def test_no_bar_lies_right_of_max_size(max_size: int) -> None:
    """Alone or in a group, the highest occupancy ends at the line, and no tick is beyond it."""
    run = replay(Poisson(2 * max_size, 'exp:1', jobs=40 * max_size, seed=1), max_size=max_size)
    ax = drawn('plot_occupancy_shares', run, (8, 4))
    low, high = ax.get_xlim()
    shown = {label.get_text(): tick for tick, label in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)}

    assert run.figures.occupancy_peak == limit(ax) == max_size
    assert max_size - 1 < max(ends(ax)) <= max_size
    assert all(int(label) == tick + 0.5 for label, tick in shown.items() if low <= tick <= high)
    assert max(int(label) for label, tick in shown.items() if low <= tick <= high) <= max_size


def test_a_bar_stands_above_its_own_number() -> None:
    """The tick of each number is in the middle of its bar, and so is the mark of theory."""
    ax = drawn('plot_occupancy_shares', loss(slot_exp=0.5), (8, 4))
    [theory] = [line for line in ax.get_lines() if line.get_label() == 'theory']
    ticks = {label.get_text(): tick for tick, label in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)}
    middles = [bar.get_x() + bar.get_width() / 2 for bar in bars(ax)]

    assert middles == pytest.approx([ticks[str(slots)] for slots in range(6)])
    assert np.asarray(theory.get_xdata()).tolist() == pytest.approx(middles)


def test_what_exceeds_max_size_is_drawn_right_of_it() -> None:
    """No group has values on both sides of the line, so its bars show for how long a pool did."""
    broken = Scenario(arrivals='poisson:300', holding='exp:1', max_size=90, slot_exp=30.0, jobs=2000, seed=1)
    with pytest.raises(InvariantError) as caught:
        broken.replace(protocol='check-then-add', workers=4, network=Network(latency='exp:0.05')).run()
    shares = caught.value.result.occupancy_shares
    ax = caught.value.result.plot_occupancy_shares(axes())
    above = [bar for bar in bars(ax) if bar.get_x() >= 90]

    assert len(shares) > 91
    assert all(bar.get_x() + bar.get_width() <= 90 or bar in above for bar in bars(ax))
    assert sum(bar.get_height() for bar in above) == pytest.approx(shares[91:].sum())
    assert sum(bar.get_height() for bar in bars(ax)) == pytest.approx(1)


def test_the_slots_of_several_pools_are_counted_together() -> None:
    """The line is at the slots of all of them."""
    run = replay(Synthetic('poisson:60', 'exp:1', 'zipf:4:0', jobs=2000), max_size=5)
    ax = run.plot_occupancy_shares(axes())

    assert limit(ax) == 20
    assert 19 < max(ends(ax)) <= 20
    assert '4 pools x max_size 5 = 20' in legend(ax)


def test_where_theory_has_no_distribution_the_picture_says_why(expiring: Result) -> None:
    """The note takes the place of the points that a reader would look for."""
    ax = expiring.plot_occupancy_shares(axes())

    assert 'theory' not in legend(ax)
    assert 'no theory: Recorded arrivals follow no known law' in ax.get_title().replace('\n', ' ')


def test_overrun_stands_beside_its_mean_by_theory() -> None:
    """There is a bar for each number of bodies beyond their slot."""
    run = replay(Poisson(6, 'exp:1', jobs=5000, seed=1), max_size=5, slot_exp=0.5)
    ax = run.plot_overrun_shares(axes())

    assert [bar.get_height() for bar in bars(ax)] == pytest.approx(run.overrun_shares.tolist())
    assert f'mean {run.figures.overrun_mean:.4g}' in legend(ax)
    assert 'theoretical mean 3.422' in legend(ax)


def words(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_an_expiry_in_close_up_tells_its_story(expiring: Result) -> None:
    """It shows acquired, expired, still running, taken, released late, and the counts."""
    ax = expiring.plot_expiry(axes())

    assert words(ax) == [
        'acquired',
        'slot expired',
        'released late',
        'still running, without a slot',
        'slot taken by job 1',
        'running 0',
        'occupancy 0',
    ]
    drawn = [(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_hatch() is not None) for bar in bars(ax)]
    assert drawn == [(0, 4, False), (4, 10, True), (4, 7, False)]


def test_who_took_the_slot_is_said_only_where_it_is_certain() -> None:
    """Both slots were taken until one expired, and the next grant came before another release."""
    close = replay(Trace([(0, 10), (3, 2), (4.5, 2)]), max_size=2, slot_exp=4).plot_expiry(axes(), job=0)

    assert 'slot taken by job 2' in words(close)


def test_the_next_holder_of_a_full_pool_is_called_just_that() -> None:
    """Another slot had become free as well before the grant, and slots have no names."""
    close = replay(Trace([(0, 10), (3, 2), (6, 2)]), max_size=2, slot_exp=4).plot_expiry(axes(), job=0)

    assert 'next holder: job 2' in words(close)
    assert not any('taken' in word for word in words(close))


def test_of_a_pool_with_free_slots_no_next_holder_is_shown() -> None:
    """It would have found a slot anyway."""
    close = replay(Trace([(0, 10), (5, 2)]), max_size=2, slot_exp=4).plot_expiry(axes(), job=0)

    assert [word for word in words(close) if 'job' in word] == []
    assert len(bars(close)) == 2


@given(st.integers(0, 10_000), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_each_claim_about_a_next_holder_is_borne_out_by_the_history(seed: int, max_size: int) -> None:
    """The events of the pool are followed one by one, from each expiry on."""
    run = replay(Poisson(5, 'exp:1', jobs=40, seed=seed), max_size=max_size, slot_exp=0.4)
    events = [event for event in run.history if event.what in ('granted', 'released', 'expired')]
    ended = {event.job: event.time for event in run.history if event.what == 'overran'}
    for place, expiry in enumerate(events):
        if expiry.what != 'expired':
            continue
        after = events[place + 1 :]
        grant = next((event for event in after if event.what == 'granted' and event.time < ended[expiry.job]), None)
        claims = [word for word in words(run.plot_expiry(axes(), job=expiry.job)) if 'job' in word]
        if expiry.occupancy < max_size - 1 or grant is None:
            assert claims == []
        else:
            claim = 'slot taken by' if after[0] is grant else 'next holder:'
            assert claims == [f'{claim} job {grant.job}']


def test_a_slot_that_the_server_lost_did_not_expire() -> None:
    """The close-up says which of the two happened."""
    restart = Restart(at=2.0, lasting=0.1, data='lost')
    run = replay(Trace([(0, 10), (5, 3)]), max_size=1, slot_exp=30, faults=[restart])
    close = run.plot_expiry(axes(), job=0)

    assert 'slot lost' in words(close)
    assert 'a slot that is lost under a running body' in close.get_title()


def test_the_close_up_is_of_the_holder_one_asks_for() -> None:
    """If that job did not outlive its slot, or none did, the error says so."""
    run = replay(Trace([(0, 6), (1, 7), (20, 1)]), max_size=5, slot_exp=4)

    assert 'since job 1 acquired its slot' in run.plot_expiry(axes(), job=1).get_xlabel()
    with pytest.raises(ValueError, match='job 2 did not outlive its slot'):
        run.plot_expiry(axes(), job=2)
    with pytest.raises(ValueError, match='slots live 40 s, longer than every body'):
        replay(Trace([(0, 6)]), max_size=5, slot_exp=40).plot_expiry(axes())
    with pytest.raises(ValueError, match='slots never expire'):
        replay(Trace([(0, 6)]), max_size=5).plot_expiry(axes())


def test_a_crashed_holder_leaves_a_slot_that_waits_for_its_expiry() -> None:
    """Its bar continues in another style from the crash until the slot is freed."""
    run = replay(Trace([(0, 4)]), max_size=1, slot_exp=10, crash_probability=1)
    ax = run.plot_slots(axes())
    crash = run.history[1].time

    ends = [end for bar in bars(ax) for end in (bar.get_x(), bar.get_x() + bar.get_width())]
    assert ends == pytest.approx([0, crash, crash, 10])
    assert [bar.get_hatch() for bar in bars(ax)] == [None, '..']
    assert legend(ax) == ['slot held', 'crashed', 'slot of a crashed holder']


@functools.cache
def long_run(history: bool) -> Result:
    """Return a run of 60,000 jobs, one for all tests."""
    return replay(Poisson(6, 'exp:1', jobs=60_000, seed=1), max_size=5, slot_exp=0.5, history=history)


def test_a_window_that_was_not_kept_is_refused_in_words() -> None:
    """Without a history only a part of a long run is kept; the message names it."""
    run = long_run(history=False)
    first, last = (float(run.part.block.times[place]) for place in (0, -1))

    assert 'job' in run.plot_slots(axes(), window=(first + 1, first + 3)).get_yticklabels()[0].get_text()
    assert first > 100
    assert last < run.figures.last
    with pytest.raises(ValueError, match=r'that was kept, .* s, got 0 to 10 s: replay\(\.\.\., history=True\)'):
        run.plot_slots(axes(), window=(0, 10))


@functools.cache
def many_pools(history: bool) -> Result:
    """Return a run of many pools, with retries, crashes and the instants of a real log."""
    jobs = [(1.4e9 + job.arrival, job.holding, job.key) for job in Scenario.load('worker-per-customer').workload()][
        :9000
    ]
    return replay(
        Trace(jobs), max_size=2, slot_exp=1, crash_probability=0.05, on_refusal=Retry(tries=2), history=history
    )


@pytest.mark.parametrize('picture', PICTURES)
@pytest.mark.parametrize('history', [True, False], ids=['with a history', 'without one'])
def test_a_long_run_has_all_its_pictures(picture: str, history: bool) -> None:
    """Its history kept or not."""
    ax = getattr(many_pools(history), picture)(axes())

    low, high = ax.get_xlim()
    assert np.isfinite([low, high]).all()
    assert high < 1e6


def test_a_long_title_is_cut_to_what_fits() -> None:
    """It does not extend beyond the edges of the picture."""
    run = replay(Trace([(0, 1)], name='a name of many words ' * 20), max_size=1)

    assert len(run.plot_occupancy(axes()).get_title().splitlines()[0]) <= 90


@functools.cache
def loss(**how: object) -> Result:
    """Return a run with Poisson arrivals at a pool of five, one for all tests."""
    return replay(Poisson(6, 'exp:1', jobs=3000, seed=1), max_size=5, **how)  # type: ignore[arg-type]


def drawn(picture: str, result: Result, size: tuple[float, float] = (9, 4)) -> Axes:
    """Return the picture on a figure of this size, laid out."""
    figure = Figure(figsize=size, layout='constrained')
    ax: Axes = getattr(result, picture)(figure.add_subplot())
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return ax


@pytest.mark.parametrize('picture', PICTURES)
@pytest.mark.parametrize(
    'how',
    [{'slot_exp': 0.5}, {'slot_exp': 2, 'crash_probability': 0.2}, {'slot_exp': 2, 'on_refusal': Retry(tries=3)}],
    ids=['expiring', 'crashing', 'retrying'],
)
def test_nothing_is_wider_than_the_picture(picture: str, how: dict[str, object]) -> None:
    """Neither title nor legend is cut off, and no legend squeezes the axes."""
    ax = drawn(picture, loss(**how))
    figure = ax.get_figure(root=True)
    assert figure is not None
    boxes = [ax.title.get_window_extent()]
    if (shown := ax.get_legend()) is not None:
        boxes.append(shown.get_window_extent())

    for box in boxes:
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
    assert ax.get_window_extent().width > 0.75 * figure.bbox.width


@pytest.mark.parametrize('picture', PICTURES)
def test_a_long_title_fits_narrow_axes_too(picture: str) -> None:
    """It is cut to the width of the given axes."""
    jobs = Trace([(0, 10), (4, 3), (5, 1)], name='a name of many words ' * 20)
    ax = drawn(picture, replay(jobs, max_size=1, slot_exp=4), (5, 4))
    figure = ax.get_figure(root=True)
    assert figure is not None
    box = ax.title.get_window_extent()

    assert '…' in ax.get_title()
    assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1


def test_running_differs_from_occupancy_without_colour() -> None:
    """Its area is hatched and its mean dashed, because both areas have the same lightness."""
    ax = loss(slot_exp=0.5).plot_occupancy(axes())
    areas = {str(area.get_label()): area.get_hatch() for area in ax.collections}
    lines = {str(line.get_label()): line.get_linestyle() for line in ax.get_lines()}

    assert areas == {'running (bodies), minimum to maximum': '////', 'occupancy (live slots), minimum to maximum': None}
    assert lines['running (bodies), mean'] == '--'
    assert lines['occupancy (live slots), mean'] == '-'
    assert all(bar.get_hatch() for bar in bars(loss(slot_exp=0.5).plot_overrun_shares(axes())))


def test_what_is_not_there_takes_no_room(expiring: Result) -> None:
    """Without crashes there is no crash symbol in a corner, and the axes keep their height."""
    ax = expiring.plot_slots(window=(0, 10))

    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    legend = ax.get_legend()
    assert legend is not None
    assert legend.get_window_extent().y0 < 0.05 * figure.bbox.height
    assert all(len(np.atleast_1d(line.get_xdata())) for line in ax.get_lines())


def test_the_legend_of_a_short_run_shows_its_areas(expiring: Result) -> None:
    """Two lines would look alike in grey, so the legend shows the hatched area."""
    shown = expiring.plot_occupancy(axes()).get_legend()
    assert shown is not None

    assert {entry.get_label(): entry.get_hatch() for entry in shown.get_patches()} == {
        'running (bodies)': '////',
        'occupancy (live slots)': None,
    }


def test_a_symbol_at_the_edge_is_whole_and_none_is_beyond_it(expiring: Result) -> None:
    """The last release is at the right edge; events outside the window have no symbol."""
    released = {str(line.get_label()): line for line in expiring.plot_slots(axes(), window=(0, 7)).get_lines()}

    assert np.asarray(released['released'].get_xdata()).tolist() == [7]
    assert not released['released'].get_clip_on()
    assert 'released late' not in released


def test_a_slot_that_never_comes_back_is_held_by_a_crashed_holder() -> None:
    """It extends to the end of the picture, without a marked expiry."""
    run = replay(Trace([(0, 4), (5, 1)]), max_size=2, crash_probability=1)
    ax = run.plot_slots(axes(), window=(0, 0.1))

    assert legend(ax) == ['slot held']
    whole = run.plot_slots(axes(), window=(0, 20))
    assert [bar.get_x() + bar.get_width() for bar in bars(whole) if bar.get_hatch()] == [20, 20]


def test_refused_attempts_are_not_called_refused_jobs() -> None:
    """With retries, a refused job may still be granted a slot later."""
    run = replay(Trace([(0, 3), (1, 1)]), max_size=1, on_refusal=Retry('const:1'))

    assert run.figures.refused == 0
    assert legend(run.plot_slots(axes())) == ['slot held', 'released', 'attempt refused']
    assert 'attempts refused' in run.plot_occupancy(axes()).get_title()


def test_a_window_partly_beyond_what_was_kept_is_refused_too() -> None:
    """An empty window would suggest that no slot was held; the default window lies within."""
    long = Poisson(6, 'mix:0.99*exp:1+0.01*const:800', jobs=60_000, seed=1)
    run = replay(long, max_size=60, slot_exp=700, history=False)
    first, last = (float(run.part.block.times[place]) for place in (0, -1))

    assert first > run.figures.first
    with pytest.raises(ValueError, match=re.escape(f'the part of the run that was kept, {first!r} to {last!r} s, got')):
        run.plot_slots(axes(), window=(first - 1, first + 1))
    assert last - first < 3 * 700
    low, high = run.plot_slots(axes(), window=(first, last)).get_xlim()
    shown = run.plot_slots(axes())
    assert low <= shown.get_xlim()[0] < shown.get_xlim()[1] <= high
    assert 'slot expired' in legend(shown)


def test_a_short_window_late_in_a_run_counts_from_its_own_beginning() -> None:
    """Ticks have neither ten digits nor an offset."""
    run = replay(Trace([(0, 1), (1e9, 2), (1e9 + 1, 2)]), max_size=2)
    ax = run.plot_slots(axes(), window=(1e9, 1e9 + 4))

    assert ax.get_xlabel() == 'seconds since 1.157e+04 days after the first arrival'
    assert ax.get_xlim() == (0, 4)


def test_max_size_is_marked_where_it_is_or_told_where_it_is_far() -> None:
    """A pool of a million slots, of which few are used, does not flatten the bars."""
    near = loss(slot_exp=0.5).plot_occupancy_shares(axes())
    [limit] = [line for line in near.get_lines() if line.get_label() == 'max_size = 5']
    assert np.asarray(limit.get_xdata()).tolist() == [5, 5]
    assert legend(near) == ['measured', 'theory', 'max_size = 5']

    far = replay(Trace([(0, 1)]), max_size=100_000).plot_occupancy_shares(axes())
    assert far.get_xlabel() == 'occupancy (live slots, of max_size = 100,000)'
    assert legend(far) == ['measured']


def test_where_theory_knows_only_means_the_picture_says_so() -> None:
    """With retries theory has a mean, but no distribution."""
    run = replay(Poisson(3, 'exp:1', jobs=500, seed=1), max_size=5, on_refusal=Retry('exp:1'))
    title = run.plot_occupancy_shares(axes()).get_title().replace('\n', ' ')

    assert run.theory is not None
    assert 'theory provides only means, no distribution' in title
    assert 'theory 3' in title


def test_a_close_up_is_of_a_full_pool_if_there_was_one() -> None:
    """If another slot was free, nobody took the slot of the late body."""
    run = replay(Trace([(0, 8), (5, 4), (100, 9), (101, 5), (104, 3)]), max_size=2, slot_exp=4)

    assert run.plot_expiry(axes()).get_xlabel() == 'seconds since job 2 acquired its slot'
    assert 'slot taken by job 4' in words(run.plot_expiry(axes()))


def test_the_slot_is_taken_by_a_job_of_the_same_pool() -> None:
    """A grant of another pool in between does not count, nor one after the body's end."""
    run = replay(Trace([(0, 10, 'a'), (5, 2, 'b'), (6, 2, 'a')]), max_size=1, slot_exp=4)
    assert 'slot taken by job 2' in words(run.plot_expiry(axes()))

    alone = replay(Trace([(0, 10, 'a'), (5, 2, 'b'), (11, 2, 'a')]), max_size=1, slot_exp=4)
    assert not any('taken' in word for word in words(alone.plot_expiry(axes())))

    never = replay(Trace([(0, 10, 'a'), (5, 2, 'b')]), max_size=1, slot_exp=4)
    assert not any('taken' in word for word in words(never.plot_expiry(axes())))


def test_a_close_up_is_of_a_holder_that_was_kept_from_grant_to_end() -> None:
    """A more instructive holder that is only partly known is not chosen."""
    run = replay(Trace([(0, 8), (4, 3), (20, 5), (24.5, 1)]), max_size=1, slot_exp=4)
    block = run.known_part.block
    rows = [*zip(*(column.tolist() for column in block), strict=True)]
    part = Part(follow(nobody(), Block.of(rows[:1])), Block.of(rows[1:]))
    known, less = (choose(kept, kept.holders(), 1, None) for kept in (run.known_part, part))

    assert known is not None
    assert less is not None
    assert run.known_part.holders().jobs[known.late] == 0
    assert part.holders().jobs[less.late] == 2


@pytest.mark.parametrize(
    'jobs',
    [
        [(0, 4.2), (4, 4)],
        [(0, 100), (4, 4)],
        [(0, 10), (9.5, 4)],
        [(0, 10), (4, 0.1)],
        [(0, 4.5), (4.4, 4), (4.45, 1)],
        [(0, 10), (9.9, 0.05)],
        [(0, 4.01)],
    ],
    ids=['short overrun', 'long overrun', 'taken late', 'a moment', 'all at once', 'a moment at the end', 'not taken'],
)
def test_no_words_of_a_close_up_overlap(jobs: list[tuple[float, float]]) -> None:
    """This holds however close the instants are."""
    ax = drawn('plot_expiry', replay(Trace(jobs), max_size=1, slot_exp=4), (7, 4.5))
    boxes = {text.get_text(): text.get_window_extent() for text in ax.texts}

    assert len(boxes) == (7 if len(jobs) > 1 else 6)
    for word, box in boxes.items():
        assert ax.bbox.x0 <= box.x0 < box.x1 <= ax.bbox.x1, word
    for one, other in itertools.combinations(boxes, 2):
        assert not boxes[one].overlaps(boxes[other]), (one, other)


def test_the_close_up_of_a_part_shows_just_what_the_whole_run_would() -> None:
    """Occupancy and running are those of the history, and begin with the grant."""
    part, whole = long_run(history=False), long_run(history=True)
    ax = part.plot_expiry(axes())
    job = int(ax.get_yticklabels()[0].get_text().removeprefix('job '))
    other = whole.plot_expiry(axes(), job=job)
    curves, expected = (
        [curve for line in each.get_lines() if len(curve := np.asarray(line.get_xydata())) > 1] for each in (ax, other)
    )

    assert part.part.block.times[0] > part.figures.first
    assert len(curves) == 2
    for curve, same in zip(curves, expected, strict=True):
        assert curve[0, 0] == 0
        assert curve == pytest.approx(same)


def test_counts_are_not_invented_where_nothing_was_kept() -> None:
    """They begin with the part that was kept, at the level of this pool's first event."""
    jobs = [(0.0, 9.0, 'a'), (1.0, 8.0, 'a'), (2.0, 1.0, 'b'), (4.0, 0.0, 'b'), (6.0, 1.0, 'a')]
    run = replay(Trace(jobs), max_size=3)
    block = run.known_part.block
    kept = run.part._replace(block=Block.of([*zip(*(column[2:].tolist() for column in block), strict=True)]))
    times, occupancy, running = counts(kept, 0, 0.0, 8.0)

    assert times.tolist() == [2, 6, 7, 8]
    assert occupancy.tolist() == running.tolist() == [2, 3, 2, 2]


def test_a_body_that_ended_outside_of_what_was_kept_is_not_denied() -> None:
    """The message does not claim that no slot expired under a running body."""
    jobs = [(0.0, 30_000.0), *((float(second), 0.1) for second in range(1, 20_000))]
    run = replay(Trace(jobs), max_size=5, slot_exp=1, history=False)

    assert run.figures.expired_while_running == 1
    with pytest.raises(
        ValueError,
        match=r'ended in the part of the run that was kept: replay\(\.\.\., history=True\) keeps the entire run',
    ):
        run.plot_expiry(axes())


@pytest.mark.parametrize('picture', PICTURES[:4])
def test_a_run_without_jobs_has_pictures(picture: str) -> None:
    """They are empty, on axes that begin at 0."""
    ax = getattr(replay(Trace([]), max_size=2), picture)(axes())

    assert ax.get_xlabel()
    assert ax.get_title().startswith('0 jobs')
    if picture in ('plot_occupancy', 'plot_slots'):
        assert ax.get_xlim() == (0, 1)


def test_the_card_is_compact_and_takes_the_colours_of_the_notebook(expiring: Result) -> None:
    """It is at most 900 pixels wide, takes the theme's text colour, and folds the rest away."""
    page = expiring._repr_html_()
    found = re.search(r'alt="([^"]+)"[^>]*base64,([^"]+)"', page)
    assert found is not None
    width, height = struct.unpack('>II', base64.b64decode(found[2])[16:24])
    shown, more = page.split('<details>')

    assert found[1].startswith('occupancy over time')
    assert 800 < width <= 900 > 2 * height
    assert 'color' not in re.sub('base64,[^"]+', '', page)
    assert 'white-space:normal' in shown
    assert '>verdict<' in shown
    assert '>refused<' in shown
    assert 'sha256' not in shown
    assert 'sha256' in more


@pytest.mark.parametrize('title', ['$\\frac{$', 'a\\$b$\\x$', 'from $5 to $9', 'two\nlines', '<b>', '\u2603'])
def test_a_title_stands_as_it_was_written(title: str) -> None:
    """A dollar sign begins no formula, and no title breaks a picture."""
    scenario = Scenario(title=title, arrivals='poisson:6', holding='exp:1', max_size=5, slot_exp=0.5, jobs=400)
    run = scenario.replay()
    for picture in PICTURES:
        ax = getattr(run, picture)(axes())
        ax.figure.canvas.draw()
        assert ax.get_title().split('\n')[0] == title.split('\n')[0].replace('\n', ' ') or title == 'two\nlines'
    assert run._repr_html_()
    found = sweep(scenario, {'slot_exp': [0.5, 1.0]}, workers=1)
    for drawn in (found.plot(axes()), size_pool(scenario, 0.05, curve=0).plot(axes())):
        drawn.figure.canvas.draw()
