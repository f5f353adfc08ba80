"""``python -m simulations.jupyter.pages`` writes pages that load nothing from elsewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from simulations.jupyter import pages
from tests.support.notebooks import code_cell, prose_cell, read_notebook, write_notebook
from tests.support.paths import NOTEBOOKS


class Read(HTMLParser):
    """A page as a browser sees it: text outside and inside folds, pictures, links and loads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.shown, self.folded, self.style = '', '', ''
        self.pictures: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self._inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or '' for name, value in attrs}
        self.tags.add(tag)
        if tag == 'img':
            self.pictures.append(values['src'])
        if tag == 'a':
            self.links.append(values['href'])
        else:
            self.loads += [values[name] for name in ('src', 'href', 'data', 'srcset') if name in values]
        if tag in {'details', 'style', 'summary'}:
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in {'details', 'style', 'summary'}:
            assert self._inside.pop() == tag

    def handle_data(self, data: str) -> None:
        if 'style' in self._inside:
            self.style += data
        elif 'summary' in self._inside or 'details' not in self._inside:
            self.shown += data
        else:
            self.folded += data


def test_a_notebook_of_this_project(tmp_path: Path) -> None:
    """The page contains its pictures, folds its answers and loads nothing from elsewhere."""
    (page,) = pages.build([NOTEBOOKS / '2_slot_expiry.ipynb'], tmp_path / 'html')

    read = Read((tmp_path / 'html' / '2_slot_expiry.html').read_text(encoding='utf-8'))
    pictures = [
        out for cell in page.notebook.cells for out in cell.get('outputs', ()) if 'image/png' in out.get('data', {})
    ]
    assert len(pictures) >= 5
    assert sum(picture.startswith('data:image/') for picture in read.pictures) >= len(pictures)
    assert all(load.startswith('data:image/') for load in read.loads)
    assert 'script' not in read.tags
    assert not re.search(r'@import|url\(', read.style)
    assert 'What expiry really does' in read.shown
    assert 'Traceback' not in read.shown
    assert 'Move it yourself' in read.shown
    assert 'seven in a thousand' in read.folded
    assert 'outlived their slot' in read.folded
    assert 'seven in a thousand' not in read.shown
    assert (page.title, page.minutes) == ('What expiry really does', '15')
    assert page.question.startswith('What happens to a holder that has *not* crashed')


def test_sliders_become_their_first_picture(tmp_path: Path) -> None:
    """The page shows one picture and no trace of the controls."""
    source = (
        'import matplotlib.pyplot as plt\n'
        'from simulations.jupyter.sliders import follow\n'
        'def draw(slots=2):\n    return plt.figure(figsize=(3, 1.5))\n'
        'follow(draw, slots=(1, 5))'
    )
    path = write_notebook(tmp_path / 'moving.ipynb', prose_cell('# Moving'), code_cell(source))

    pages.build([path], tmp_path)

    text = (tmp_path / 'moving.html').read_text(encoding='utf-8')
    assert len(Read(text).pictures) == 1
    assert 'widget' not in text


def test_what_a_notebook_hides_is_left_out(tmp_path: Path) -> None:
    """The output of hidden code stays."""
    hidden = code_cell('secret = 6 * 7\nprint("shown", secret)', jupyter={'source_hidden': True})
    pages.build([write_notebook(tmp_path / 'one.ipynb', prose_cell('# One'), hidden)], tmp_path)

    read = Read((tmp_path / 'one.html').read_text(encoding='utf-8'))
    assert 'shown 42' in read.shown
    assert 'secret' not in read.shown + read.folded


def test_formulas_are_drawn(tmp_path: Path) -> None:
    """Each formula becomes a picture with the source as its alternative text."""
    path = write_notebook(tmp_path / 'one.ipynb', prose_cell('# One\n\n$$B = \\frac{a^c}{c!}$$\n\nand'))
    pages.build([path], tmp_path)

    text = (tmp_path / 'one.html').read_text(encoding='utf-8')
    assert [picture[:18] for picture in Read(text).pictures] == ['data:image/svg+xml']
    assert r'alt="B = \frac{a^c}{c!}"' in text
    assert '$$' not in text
    for notebook in NOTEBOOKS.glob('*.ipynb'):
        cells = read_notebook(notebook).cells
        text = ''.join(cell.source for cell in cells if cell.cell_type == 'markdown')
        assert '$' not in re.sub(r'\$\$.+?\$\$', '', text, flags=re.DOTALL), notebook.name


def test_the_index_lists_the_pages(tmp_path: Path) -> None:
    """The index keeps the order and shows questions and minutes; neighbours are linked."""
    question = '# The first\n\n**The question:** who goes\n*first*?\n\nNot this.'
    first = write_notebook(
        tmp_path / '1_first.ipynb',
        prose_cell(question),
        code_cell('import matplotlib.pyplot as plt\nplt.plot([1, 2]);'),
    )
    second = write_notebook(
        tmp_path / '2_second.ipynb', prose_cell('# The <second>\n\nSee [the first](1_first.ipynb).')
    )
    (tmp_path / 'TEACHING.md').write_text('| 1 | [The first](1_first.ipynb) | 25 | it |\n')

    pages.build([first, second], tmp_path / 'html')

    index = Read((tmp_path / 'html' / 'index.html').read_text(encoding='utf-8'))
    assert list(dict.fromkeys(index.links)) == ['1_first.html', '2_second.html']
    assert 'Who goes first?' in index.shown
    assert '25 minutes' in index.shown
    assert 'Not this' not in index.shown
    assert 'The <second>' in index.shown
    assert len(index.pictures) == 1
    assert Read((tmp_path / 'html' / '1_first.html').read_text(encoding='utf-8')).links[:2] == [
        'index.html',
        '2_second.html',
    ]
    assert '1_first.html' in Read((tmp_path / 'html' / '2_second.html').read_text(encoding='utf-8')).links[2:3]


def test_after_a_failing_cell_nothing_is_written(tmp_path: Path) -> None:
    """A failing cell raises before any page is written."""
    good = write_notebook(tmp_path / 'good.ipynb', prose_cell('# Good'))
    bad = write_notebook(tmp_path / 'bad.ipynb', prose_cell('# Bad'), code_cell('1 / 0'))

    from nbclient.exceptions import CellExecutionError

    with pytest.raises(CellExecutionError, match='ZeroDivisionError'):
        pages.build([good, bad], tmp_path / 'html')
    assert not (tmp_path / 'html').exists()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The command runs the folder ``notebooks`` by number, or says that it contains no notebook."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        pages.main([])
    assert 'the folder notebooks contains no notebook' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        pages.main(['lost.ipynb'])
    assert 'no such notebook: lost.ipynb' in capsys.readouterr().err

    (tmp_path / 'notebooks').mkdir()
    for name in ('10_ten', '1_one', '2_two'):
        write_notebook(tmp_path / 'notebooks' / f'{name}.ipynb', prose_cell('# One'))
    assert pages.main([]) == 0
    printed = capsys.readouterr()
    assert re.findall(r'notebooks/html/(\d+_\w+)\.html', printed.out) == ['1_one', '2_two', '10_ten']
    assert '3/3' in printed.err
    assert (tmp_path / 'notebooks' / 'html' / 'index.html').is_file()
