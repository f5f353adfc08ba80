"""The notebooks run in JupyterLab and a real browser, and the pictures follow their sliders.

The tests start JupyterLab as Binder does, on a copy of the notebooks.  They move the controls with
the keyboard and the mouse, and compare the pictures that the browser shows.
"""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from simulations.drawing.colours import OCCUPANCY_BAND, RUNNING, RUNNING_BAND, WAITING
from tests.support.browser import Notebook, browser, chromium_binary, lab, texts
from tests.support.paths import NOTEBOOKS
from tests.support.servers import or_skip


READABLE = 4.5
"""The minimum contrast of text in the Web Content Accessibility Guidelines 2.1, level AA."""

Open = Callable[[str], Notebook]


@pytest.fixture(scope='module')
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """A function that opens and runs a notebook, once for all tests of this module."""
    folder = tmp_path_factory.mktemp('checkout')
    copy = Path(shutil.copytree(NOTEBOOKS, folder / 'notebooks'))
    with or_skip(FileNotFoundError), browser() as chromium, lab(folder) as address:

        @cache
        def open_and_run(name: str) -> Notebook:
            page = chromium.new_page(viewport={'width': 1280, 'height': 800})
            notebook = Notebook(page, address, copy / f'{name}.ipynb')
            notebook.run_all()
            return notebook

        yield open_and_run


def count_pixels(png: bytes, *colours: str) -> int:
    """Return how many pixels of a picture have one of these colours."""
    pixels = imread(BytesIO(png))[..., :3]
    return sum(int((np.abs(pixels - to_rgb(colour)) < 0.01).all(axis=-1).sum()) for colour in colours)


@pytest.mark.parametrize(
    'name', ['1_a_first_pool', '2_slot_expiry', '3_how_big', '4_waiting', '7_holding_on', '10_laboratory']
)
def test_a_notebook_runs_in_jupyterlab(opened: Open, name: str) -> None:
    """Every cell runs without an error; the saved file shows pictures without a kernel."""
    cells = [cell for cell in opened(name).saved().cells if cell.cell_type == 'code']
    outputs = [output for cell in cells for output in cell.outputs]

    assert [output.evalue for output in outputs if output.output_type == 'error'] == []
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any('image/png' in output.get('data', {}) for output in outputs)


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('2_slot_expiry', [['slot_exp', 'holding'], ['slot_exp', 'holding']]),
        ('3_how_big', [['rate', 'holding', 'max_size']]),
        ('4_waiting', [['rate', 'max_size', 'patience']]),
        ('7_holding_on', [['seconds']]),
        ('10_laboratory', [['offered load', 'holding', 'max_size', 'slot_exp', 'holders that crash', 'fault']]),
    ],
)
def test_every_control_moves_its_picture(opened: Open, name: str, expected: list[list[str]]) -> None:
    """One key changes the picture, and the opposite key restores it."""
    followers = opened(name).followers()
    assert [follower.controls for follower in followers] == expected

    for follower in followers:
        begun = follower.png()
        for control in follower.controls:
            shown = follower.control(control)
            shown.scroll_into_view_if_needed()
            assert shown.is_visible()
            there, back = ('ArrowDown', 'ArrowUp') if follower.is_choice(control) else ('ArrowRight', 'ArrowLeft')
            follower.press(control, there)
            assert follower.png() != begun, f'{control} changes nothing'
            follower.press(control, back)
            assert follower.png() == begun, f'the opposite key on {control} does not restore the picture'


_SIZES = """
image => [image.naturalWidth, image.getBoundingClientRect().width, getComputedStyle(image).objectFit]
"""


@pytest.mark.parametrize('size', [(1280, 800), (1920, 1080)], ids=str)
def test_a_slider_picture_is_as_large_and_as_sharp_as_its_neighbour(opened: Open, size: tuple[int, int]) -> None:
    """Both figures are nine inches wide: they have as many pixels and take as much room."""
    notebook = opened('2_slot_expiry')
    width, height = size
    notebook.page.set_viewport_size({'width': width, 'height': height})
    pictures = [notebook.output('three-picture').locator('img'), notebook.followers()[0].image]
    (pixels, room, _), (slider_pixels, slider_room, fit) = [picture.evaluate(_SIZES) for picture in pictures]

    assert slider_pixels == pytest.approx(pixels, abs=3)
    assert slider_room == pytest.approx(room, abs=3)
    assert fit == 'contain'


@pytest.mark.parametrize('size', [(1280, 800), (1920, 1080)], ids=str)
def test_the_laboratory_fits_the_screen(opened: Open, size: tuple[int, int]) -> None:
    """The controls and the undistorted picture fit on a laptop and on a projector."""
    notebook = opened('10_laboratory')
    width, height = size
    notebook.page.set_viewport_size({'width': width, 'height': height})
    output = notebook.output('laboratory')
    output.evaluate('output => output.scrollIntoView()')

    room = notebook.page.locator('.jp-WindowedPanel-outer').bounding_box()
    controls = output.locator('.widget-vbox').bounding_box()
    picture = output.locator('img').bounding_box()
    assert room is not None
    assert controls is not None
    assert picture is not None
    assert (
        room['y'] - 1 <= controls['y'] < picture['y'] < picture['y'] + picture['height'] <= room['y'] + room['height']
    )
    assert output.locator('img').evaluate('image => getComputedStyle(image).objectFit') == 'contain'


def test_a_slot_that_outlives_the_job_ends_the_overrun(opened: Open) -> None:
    """Notebook 2, three jobs: with the longest life, 12 s, nothing is hatched."""
    three = opened('2_slot_expiry').followers()[0]
    before = count_pixels(three.png(), RUNNING)

    three.press('slot_exp', 'End')

    assert three.reads('slot_exp') == '12.00'
    # The symbols of refusals have the same colour.
    assert count_pixels(three.png(), RUNNING) < before / 4


def test_longer_jobs_overrun_more(opened: Open) -> None:
    """Notebook 2, under load: every key press enlarges the area of the overrun."""
    load = opened('2_slot_expiry').followers()[1]
    before, areas = float(load.reads('holding')), [count_pixels(load.png(), RUNNING_BAND)]
    for _ in range(3):
        load.press('holding', 'ArrowRight')
        areas.append(count_pixels(load.png(), RUNNING_BAND))

    assert float(load.reads('holding')) == before + 0.75
    assert areas == sorted(areas)
    assert areas[-1] > areas[0]


def test_a_slider_that_is_dragged_ends_with_the_picture_of_where_it_stops(opened: Open) -> None:
    """Notebook 3: dragging ends with the same picture as the keyboard."""
    course = opened('3_how_big').followers()[0]
    begun = course.png()
    course.press('max_size', 'End')
    last = course.png()
    course.press('max_size', 'Home')
    assert last != course.png() != begun

    course.drag_to_the_end('max_size')

    assert course.reads('max_size') == '20'
    course.wait_for(last)


def test_patient_jobs_make_a_longer_queue_and_a_small_load_makes_none(opened: Open) -> None:
    """Notebook 4: more patience enlarges the queue on top of the slots."""
    course = opened('4_waiting').followers()[0]
    course.press('patience', 'Home')
    impatient = count_pixels(course.png(), WAITING)
    course.press('patience', 'End')
    assert course.reads('patience') == '16'
    assert count_pixels(course.png(), WAITING) > 1.5 * impatient > 0

    course.press('rate', 'Home')
    assert count_pixels(course.png(), WAITING) == 0


def test_the_laboratory_shows_what_expiry_costs(opened: Open) -> None:
    """Notebook 10: a long life ends the overrun, and more load fills the pool."""
    shown = opened('10_laboratory').followers()[0]
    short = shown.png()
    shown.press('slot_exp', 'End')
    never = shown.png()
    assert shown.reads('slot_exp') == 'never'
    assert count_pixels(short, RUNNING_BAND) > 10_000
    assert count_pixels(never, RUNNING_BAND) < 100

    shown.press('offered load', 'Home')
    assert count_pixels(shown.png(), OCCUPANCY_BAND) < count_pixels(never, OCCUPANCY_BAND) / 2


@pytest.mark.parametrize('theme', ['JupyterLab Light', 'JupyterLab Dark', 'JupyterLab Dark High Contrast'])
def test_pools_and_results_can_be_read_in_every_theme(opened: Open, theme: str) -> None:
    """A pool and a run show themselves, with enough contrast between text and background."""
    first, second, ninth = opened('1_a_first_pool'), opened('2_slot_expiry'), opened('9_in_your_own_code')
    for notebook, cell, words in (
        (first, 'store-make', {'pool', 'key', 'reports', 'free'}),
        (first, 'fill-run', {'occupancy', '2 of 3', '90 s', '120 s', 'free'}),
        (second, 'load-run', {'refused', 'overrun', 'more'}),
        (ninth, 'occupants-show', {'3 waiting', 'holders', 'picture of Ann', 'queue', 'picture of a dog'}),
    ):
        notebook.choose('Settings', 'Theme', theme)
        notebook.page.locator(f'body[data-jp-theme-name="{theme}"]').wait_for(state='attached')
        shown = texts(notebook.output(cell))
        assert words <= {text for text, _ in shown}
        assert {text: contrast for text, contrast in shown if contrast < READABLE} == {}


def test_without_chromium_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The system's Chromium or the one of Playwright will do."""
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(FileNotFoundError, match='apt-get install chromium; or python -m playwright install'):
        chromium_binary(str(tmp_path / 'chrome'))

    own = tmp_path / 'chrome'
    own.touch()
    assert chromium_binary(str(own)) == str(own)
