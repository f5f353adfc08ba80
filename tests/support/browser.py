"""JupyterLab in a real browser, as a reader who opens the notebooks on Binder sees it.

::

    with lab(folder) as address, browser() as chromium:
        path = folder / 'notebooks' / '2_slot_expiry.ipynb'
        notebook = Notebook(chromium.new_page(), address, path)
        notebook.run_all()
        follower = notebook.followers()[0]
        follower.press('slot_exp', 'ArrowRight')
"""

import base64
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, sync_playwright
from playwright.sync_api import TimeoutError as NothingChangedError

from tests.support.notebooks import read_notebook
from tests.support.servers import end


CHROMIUMS = ('chromium', 'chromium-browser', 'google-chrome')
"""The names under which systems install Chromium."""

# The text of each piece, its colour, and the background colour; a background picture is not
# handled.
_TEXTS = """
root => {
  const behind = e => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (colour !== 'rgba(0, 0, 0, 0)' && colour !== 'transparent') return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const texts = [], walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    if (text && parent.checkVisibility()) texts.push([text, getComputedStyle(parent).color, behind(parent)]);
  }
  return texts;
}
"""
_BYTES = """
async image => {
  const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
  return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''));
}
"""
_PROMPTS = """
() => [document.querySelector('.jp-Notebook-ExecutionIndicator').dataset.status].concat(
  [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(each => each.textContent).filter(each => each))
"""
_STALLED = 2.0
"""Seconds without progress that end a run: after a failed cell, the rest never runs."""


def chromium_binary(playwright_own: str) -> str:
    """Return the path of Chromium, as the system or Playwright installed it.

    Raises:
        FileNotFoundError: Chromium is not installed.
    """
    for name in CHROMIUMS:
        if found := shutil.which(name):
            return found
    if Path(playwright_own).exists():
        return playwright_own
    raise FileNotFoundError(
        'no Chromium is installed: on Debian and Ubuntu, apt-get install chromium;'
        ' or python -m playwright install chromium'
    )


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium without a window.

    Raises:
        FileNotFoundError: Chromium is not installed.
    """
    with sync_playwright() as playwright:
        binary = chromium_binary(playwright.chromium.executable_path)
        # The sandbox does not start as root or in most containers; only local pages are visited.
        chromium = playwright.chromium.launch(executable_path=binary, args=['--no-sandbox'])
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def lab(folder: Path) -> Iterator[str]:
    """Start JupyterLab in ``folder`` as Binder does, with private settings.

    Like there, it has a base URL and a token.  It listens on loopback only.

    Yields:
        Its address, with ``{}`` for a path.  The address contains ``reset``, so files that were
        open before do not open again.
    """
    with tempfile.TemporaryDirectory(prefix='lab-') as own:
        places = ['JUPYTER_CONFIG_DIR', 'JUPYTER_DATA_DIR', 'JUPYTER_RUNTIME_DIR', 'IPYTHONDIR']
        places += ['JUPYTERLAB_SETTINGS_DIR', 'JUPYTERLAB_WORKSPACES_DIR']
        environment = {**os.environ, **{name: str(Path(own) / name) for name in places}}
        environment |= {'PYDEVD_DISABLE_FILE_VALIDATION': '1'}
        _ask_nothing(Path(environment['JUPYTERLAB_SETTINGS_DIR']))
        token = secrets.token_hex(16)
        command = [sys.executable, '-m', 'jupyterlab', '--no-browser', '--ip', '127.0.0.1', '--port', '0']
        command += ['--ServerApp.base_url', '/user/reader/', '--IdentityProvider.token', token]
        # Binder has no language server; here JupyterLab would find the type checker of the tests.
        command += ['--LanguageServerManager.autodetect=False']
        command += ['--allow-root'] if hasattr(os, 'geteuid') and os.geteuid() == 0 else []
        with (Path(own) / 'log').open('w+') as log:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
            try:
                port = _port(process, Path(environment['JUPYTER_RUNTIME_DIR']), Path(log.name))
                yield f'http://127.0.0.1:{port}/user/reader/lab/tree/{{}}?reset&token={token}'
            finally:
                end(process)


def _ask_nothing(settings: Path) -> None:
    """Let JupyterLab neither ask whether to show news nor look for updates."""
    about = settings / '@jupyterlab' / 'apputils-extension'
    about.mkdir(parents=True)
    (about / 'notification.jupyterlab-settings').write_text('{"fetchNews": "false", "checkForUpdates": false}')


def _port(process: 'subprocess.Popen[bytes]', runtime: Path, log: Path) -> int:
    """Wait until the server runs, and return its port."""
    note = runtime / f'jpserver-{process.pid}.json'
    until = time.monotonic() + 60
    while True:
        assert process.poll() is None, f'JupyterLab ended: {log.read_text()}'
        assert time.monotonic() < until, f'JupyterLab did not come up: {log.read_text()}'
        try:
            return int(json.loads(note.read_text())['port'])
        except (FileNotFoundError, json.JSONDecodeError):
            time.sleep(0.05)


class Notebook:
    """A notebook that is open in JupyterLab.

    Args:
        page: the page of the browser, which opens the notebook.
        address: the address from :func:`lab`.
        path: the file, in the folder ``notebooks`` of JupyterLab's folder.
    """

    def __init__(self, page: Page, address: str, path: Path) -> None:
        self.page, self._path = page, path
        page.goto(address.format(f'notebooks/{path.name}'))
        # Running cells without a kernel would open a dialog to choose one.
        page.locator('.jp-StatusBar-Widget').get_by_text('| Idle').wait_for(timeout=60_000)

    def run_all(self) -> None:
        """Run all cells by the menu, and save the notebook; a failed cell ends the run."""
        self.choose('Run', 'Run All Cells')
        seen: list[str] = []
        until, since = time.monotonic() + 120, time.monotonic()
        while True:
            status, *prompts = now = self.page.evaluate(_PROMPTS)
            seen, since = (now, time.monotonic()) if now != seen else (seen, since)
            run = [any(map(str.isdigit, prompt)) for prompt in prompts]
            waiting = status != 'idle' or any('*' in prompt for prompt in prompts)
            if not waiting and (all(run) or (any(run) and time.monotonic() > since + _STALLED)):
                break
            assert time.monotonic() < until, f'the cells are not done: {now}'
            time.sleep(0.2)
        self.choose('File', 'Save Notebook')
        self.page.locator('.lm-TabBar-tab.lm-mod-current:not(.jp-mod-dirty)', has_text=self._path.name).wait_for()

    def saved(self) -> Any:
        """Return the notebook as it is in its file."""
        return read_notebook(self._path)

    def choose(self, *names: str) -> None:
        """Choose an entry of a menu, by the names on the way to it."""
        for name in names:
            words = re.compile(f'^{re.escape(name)}$')
            self.page.locator('.lm-MenuBar-itemLabel, .lm-Menu-itemLabel').filter(has_text=words).click()

    def output(self, name: str) -> Locator:
        """Scroll to a cell, and return its output."""
        number = [cell['id'] for cell in self.saved().cells].index(name)
        cell = self.page.locator('.jp-Notebook .jp-Cell').nth(number)
        cell.scroll_into_view_if_needed()
        return cell.locator('.jp-Cell-outputArea')

    def followers(self) -> list['Follower']:
        """Return the pictures that follow controls, from top to bottom."""
        boxes = self.page.locator('.jp-Cell-outputArea .widget-vbox')
        return [Follower(boxes.nth(number)) for number in range(boxes.count())]


class Follower:
    """The controls and the picture that :func:`simulations.jupyter.sliders.follow` shows.

    Attributes:
        image: the picture.
        patience: how long to wait for the next picture, in seconds; only an end to waiting, not a
            claim about speed.
    """

    def __init__(self, box: Locator) -> None:
        self._box, self.patience = box, 60.0
        self.image = box.locator('img.widget-image')

    @property
    def controls(self) -> list[str]:
        """The labels of the controls."""
        labels = self._box.locator('.widget-hslider > .widget-label, .widget-dropdown > .widget-label')
        return [words.strip() for words in labels.all_text_contents()]

    def control(self, name: str) -> Locator:
        """Return the element that takes the keys of the control with this label."""
        label = self._box.page.get_by_text(name, exact=True)
        row = self._box.locator('.widget-hslider, .widget-dropdown').filter(has=label)
        return row.locator('[role=slider], select')

    def reads(self, name: str) -> str:
        """Return the value that is shown next to a slider."""
        label = self._box.page.get_by_text(name, exact=True)
        return self._box.locator('.widget-hslider').filter(has=label).locator('.widget-readout').text_content() or ''

    def is_choice(self, name: str) -> bool:
        """Return whether the control is a list to choose from, and not a slider."""
        return bool(self.control(name).evaluate("control => control.tagName === 'SELECT'"))

    def png(self) -> bytes:
        """Return the picture as PNG."""
        return base64.b64decode(self.image.evaluate(_BYTES))

    def press(self, name: str, key: str) -> float:
        """Press a key at a control, and return the seconds until the next picture.

        Raises:
            NothingChangedError: no other picture followed.
        """
        control, before = self.control(name), self.image.get_attribute('src')
        control.scroll_into_view_if_needed()
        if self.is_choice(name):
            # A closed list would leave the key to JupyterLab, which moves to another cell.
            control.click()
            control.page.keyboard.press(key)
            key = 'Enter'
        else:
            control.focus()
        began = time.perf_counter()
        control.page.keyboard.press(key)
        self.wait_for_another(before)
        return time.perf_counter() - began

    def wait_for_another(self, before: str | None) -> None:
        """Wait until another picture than that of address ``before`` is drawn."""
        self.image.page.wait_for_function(
            '([image, before]) => image.src !== before && image.complete && image.naturalWidth > 0',
            arg=[self.image.element_handle(), before],
            timeout=1000 * self.patience,
        )

    def drag_to_the_end(self, name: str) -> None:
        """Drag a slider with the mouse to its right end, through all values in between."""
        handle = self.control(name)
        handle.scroll_into_view_if_needed()
        place = handle.bounding_box()
        assert place is not None
        x, y = place['x'] + place['width'] / 2, place['y'] + place['height'] / 2
        mouse = self._box.page.mouse
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + 1000, y, steps=20)
        mouse.up()

    def wait_for(self, png: bytes) -> None:
        """Wait until this very picture is shown."""
        until = time.monotonic() + self.patience
        while self.png() != png:
            assert time.monotonic() < until, 'another picture is shown'
            time.sleep(0.05)


def texts(shown: Locator) -> list[tuple[str, float]]:
    """Return each text in an output and its contrast to the background, from 1 to 21.

    The ratio is that of the Web Content Accessibility Guidelines 2.1.
    """
    return [(words, _contrast(_rgba(ink), _rgba(paper))) for words, ink, paper in shown.evaluate(_TEXTS)]


def _rgba(colour: str) -> list[float]:
    """Return the parts and the opacity of a colour that is written as ``rgb(0, 114, 178)``."""
    parts = [float(part) for part in re.findall(r'[0-9.]+', colour)]
    return [*(part / 255 for part in parts[:3]), *(parts[3:] or [1.0])]


def _contrast(ink: list[float], paper: list[float]) -> float:
    *ink, opaque = ink
    *paper, paper_opacity = paper
    assert paper_opacity == 1, 'the background of a translucent colour is not known'
    seen = [opaque * one + (1 - opaque) * other for one, other in zip(ink, paper, strict=True)]
    darker, lighter = sorted((_luminance(seen), _luminance(paper)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: list[float]) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


__all__ = ['Follower', 'Notebook', 'NothingChangedError', 'browser', 'chromium_binary', 'lab', 'texts']
