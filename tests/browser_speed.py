"""Measure the time from a key to the picture, in JupyterLab, over all sliders and choices.

Run it with ``python -m tests.browser_speed``.

A line for each control: how many keys, the median and the worst in seconds.  It takes about a
minute.
"""

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.support.browser import Follower, Notebook, NothingChangedError, browser, lab
from tests.support.paths import NOTEBOOKS


_SLIDER = ('ArrowRight', 'ArrowRight', 'ArrowLeft', 'ArrowLeft', 'End', 'Home', 'ArrowRight', 'ArrowRight')
_CHOICE = ('ArrowDown',) * 4


def main() -> None:
    """Print the table for the notebooks whose names begin with an argument, or for all."""
    wanted = tuple(sys.argv[1:]) or ('2', '3', '5', '6', '9')
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        copy = Path(shutil.copytree(NOTEBOOKS, Path(folder) / 'notebooks'))
        with lab(Path(folder)) as address:
            print(f'{"notebook":24}{"control":22}{"keys":>5}{"median":>8}{"worst":>8}')
            for path in sorted(copy.glob('*.ipynb')):
                if path.name.startswith(wanted):
                    notebook = Notebook(chromium.new_page(), address, path)
                    notebook.run_all()
                    for follower in notebook.followers():
                        follower.patience = 3.0
                        for name in follower.controls:
                            took = _times(follower, name)
                            middle, worst = statistics.median(took), max(took)
                            print(f'{path.stem:24}{name:22}{len(took):5}{middle:8.2f}{worst:8.2f}', flush=True)


def _times(follower: Follower, name: str) -> list[float]:
    """Return the seconds from key to picture for each key; the control ends where it began."""
    control, found = follower.control(name), []
    begun = control.get_attribute('aria-valuenow')
    for key in _CHOICE if begun is None else _SLIDER:
        try:
            found.append(follower.press(name, key))
        except NothingChangedError:
            continue
    control.press('Home')
    while control.get_attribute('aria-valuenow') != begun:
        control.press('ArrowRight')
    time.sleep(1)
    return found


if __name__ == '__main__':
    main()
