"""Run notebooks and write them as HTML pages, by default into ``notebooks/html``.

::

    python -m simulations.jupyter.pages

Each page is a single file that contains its pictures and formulas and loads nothing from elsewhere.
In place of sliders a page shows the picture of their first values.  Answers are folded away, and
code that a notebook hides is left out.  ``index.html`` lists the pages.  The command needs the
extra ``lab``.
"""

import argparse
import base64
import io
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from copy import deepcopy
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import DictLoader
from tqdm.auto import tqdm


try:
    import nbformat
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter
    from nbconvert.filters.markdown import markdown2html
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"notebook pages need {error.name}, which the extra `lab` installs: pip install 'py-cachify-lab[lab]'",
        name=error.name,
    ) from error


class Page(NamedTuple):
    """A notebook that was run.

    Attributes:
        name: the file name, without the suffix.
        title: the first heading.
        question: the question of the notebook, in Markdown.
        minutes: the reading time from ``TEACHING.md``; empty if it lists no such notebook.
        thumbnail: the first meaningful picture, reduced, as PNG; ``None`` if there is no picture.
        notebook: the notebook with its outputs.
        seconds: how long the run took, in seconds.
    """

    name: str
    title: str
    question: str
    minutes: str
    thumbnail: bytes | None
    notebook: Any
    seconds: float


_TIMEOUT = 300
_WIDGET = 'application/vnd.jupyter.widget-view+json'
_THUMBNAIL = (560, 400)
_STRIP = 0.4
_DISPLAYED_FORMULA = re.compile(r'\$\$(.+?)\$\$', re.DOTALL)

_STYLE = """
body { max-width: 58rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff;
  font: 1rem/1.5 system-ui, sans-serif; }
h1, h2, h3 { line-height: 1.2; margin: 2rem 0 .7rem; }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .8rem; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.4; }
.input_area { background: #f6f6f6; border-left: 3px solid #0072b2; padding: .6rem .8rem; margin: .8rem 0 .4rem; }
.output_area { margin: .4rem 0; overflow-x: auto; }
.output_area > * { padding-left: .95rem; }
.output_stderr { background: #fff4e8; }
.output_area > .output_html.rendered_html { background: none; }
.rendered_html table, .output_html table { border-collapse: collapse; margin: .8rem 0; }
th, td { padding: .2rem .7rem; text-align: left; border-bottom: 1px solid #ddd; vertical-align: top; }
img { max-width: 100%; }
img.formula { display: block; margin: 1rem auto; }
details { border: 1px solid #ddd; border-radius: 4px; padding: .4rem .8rem; margin: .8rem 0; }
summary { cursor: pointer; font-weight: 600; }
nav { display: flex; justify-content: space-between; gap: 1rem; margin: 2rem 0; font-size: .9rem; }
.anchor-link { display: none; }
"""

_INDEX_STYLE = f"""
td h2 {{ margin: 0 0 .4rem; font-size: 1.2rem; }}
td img {{ width: {_THUMBNAIL[0] // 2}px; max-width: none; }}
"""

_TEMPLATE = """
{%- extends 'basic/index.html.j2' -%}
{%- block header -%}
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ resources.title | e }}</title><style>{{ resources.style }}</style></head><body>{{ resources.links }}
{%- endblock header -%}
{%- block codecell -%}
{%- if 'answer' in cell.metadata.get('tags', []) -%}
<details><summary>The answer in code</summary>{{ super() }}</details>
{%- else -%}{{ super() }}{%- endif -%}
{%- endblock codecell -%}
{%- block input_group -%}
{%- if 'answer' in cell.metadata.get('tags', []) or not cell.metadata.get('jupyter', {}).get('source_hidden') -%}
{{ super() }}
{%- endif -%}
{%- endblock input_group -%}
{%- block footer -%}{{ resources.links }}</body></html>{%- endblock footer -%}
"""


def build(notebooks: Sequence[Path], folder: Path, *, progress: bool = False) -> list[Page]:
    """Run notebooks, and write a page for each of them and an ``index.html``.

    Args:
        notebooks: the files, in the order in which the index lists them.
        folder: where to write the pages; it is created if it does not exist.
        progress: show a progress bar on standard error.

    Returns:
        The notebooks that were run, in the same order.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails; then nothing is written.
        FileNotFoundError: a file does not exist.
        ValueError: ``notebooks`` is empty, or a formula cannot be drawn.

    Example::

        build([Path('notebooks/1_a_first_pool.ipynb')], Path('pages'))
    """
    if not notebooks:
        raise ValueError('notebooks must name at least one file, got none')
    pages = []
    with tqdm(notebooks, unit=' notebooks', disable=not progress, dynamic_ncols=True) as bar:
        for path in bar:
            bar.set_postfix_str(path.stem)
            pages.append(run(path))
    texts = [page_html(page, *_neighbours(pages, number)) for number, page in enumerate(pages)]
    folder.mkdir(parents=True, exist_ok=True)
    for page, text in zip(pages, texts, strict=True):
        (folder / f'{page.name}.html').write_text(text, encoding='utf-8')
    (folder / 'index.html').write_text(index_html(pages), encoding='utf-8')
    return pages


def run(path: Path) -> Page:
    """Run a notebook from top to bottom, in a temporary folder."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        # Only errors: a kernel warns that it listens on TCP, which only this machine can reach.
        client = NotebookClient(
            notebook,
            timeout=_TIMEOUT,
            resources={'metadata': {'path': folder}},
            extra_arguments=['--IPKernelApp.log_level=ERROR'],
        )
        client.execute()
    seconds = time.monotonic() - began
    _drop_widgets(notebook)
    first = notebook.cells[0].source
    heading = re.search(r'^# (.+)$', first, re.MULTILINE)
    question = re.search(r'\*\*The question:\*\* (.+?)(?:\n\n|\Z)', first, re.DOTALL)
    return Page(
        name=path.stem,
        title=heading[1] if heading else path.stem,
        question=_sentence(question[1]) if question else '',
        minutes=_reading_time(path),
        thumbnail=_thumbnail(notebook),
        notebook=notebook,
        seconds=seconds,
    )


def page_html(page: Page, before: Page | None = None, after: Page | None = None) -> str:
    """Return the page of a notebook that was run, with links to the previous and the next one."""
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name='basic',
        template_file='page.html.j2',
        extra_loaders=[DictLoader({'page.html.j2': _TEMPLATE})],
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    notebook = deepcopy(page.notebook)
    for cell in notebook.cells:
        if cell.cell_type == 'markdown':
            cell.source = _links_to_pages(_DISPLAYED_FORMULA.sub(_draw_formula, cell.source))
    links = (
        (f'<a href="{before.name}.html">← {escape(before.title)}</a>' if before else '<span></span>')
        + '<a href="index.html">All notebooks</a>'
        + (f'<a href="{after.name}.html">{escape(after.title)} →</a>' if after else '<span></span>')
    )
    style = _STYLE + _code_style()
    resources = {'title': page.title, 'style': style, 'links': f'<nav>{links}</nav>'}
    text, _ = exporter.from_notebook_node(notebook, resources=resources)
    return str(text)


def index_html(pages: Sequence[Page]) -> str:
    """Return the index: a list of all pages with their questions, times and first pictures."""
    rows = ''
    for page in pages:
        picture = '' if page.thumbnail is None else f'<img alt="" src="{_data(page.thumbnail, "image/png")}">'
        minutes = f'<p>{page.minutes} minutes</p>' if page.minutes else ''
        rows += (
            f'<tr><td><a href="{page.name}.html">{picture}</a></td>'
            f'<td><h2><a href="{page.name}.html">{escape(page.title)}</a></h2>'
            f'{markdown2html(page.question)}{minutes}</td></tr>\n'
        )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Notebooks</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<style>{_STYLE}{_INDEX_STYLE}</style></head><body><h1>Notebooks</h1>'
        '<p>Each notebook explains one idea with a question, a few lines of code, a picture, its meaning and an'
        ' exercise. These pages are copies to read. To move the controls, open the notebooks in JupyterLab.</p>\n'
        f'<table>{rows}</table></body></html>\n'
    )


def _neighbours(pages: Sequence[Page], number: int) -> tuple[Page | None, Page | None]:
    return (pages[number - 1] if number else None), (pages[number + 1] if number + 1 < len(pages) else None)


def _sentence(text: str) -> str:
    """Return the text in one line, beginning with a capital letter."""
    text = ' '.join(text.split())
    return text[:1].upper() + text[1:]


def _drop_widgets(notebook: Any) -> None:
    """Drop the widgets, which do nothing without a kernel; their pictures stay."""
    notebook.metadata.pop('widgets', None)
    for cell in notebook.cells:
        for output in cell.get('outputs', ()):
            output.get('data', {}).pop(_WIDGET, None)


def _reading_time(path: Path) -> str:
    """Return the minutes from the ``TEACHING.md`` of the same folder; empty if it has none."""
    try:
        text = (path.parent / 'TEACHING.md').read_text(encoding='utf-8')
    except FileNotFoundError:
        return ''
    row = re.search(rf'\({re.escape(path.name)}\) \| (\d+) \|', text)
    return row[1] if row else ''


def _number(path: Path) -> int:
    """Return the number with which the name of a notebook begins."""
    return int(re.findall(r'^\d+', path.name)[0])


def _thumbnail(notebook: Any) -> bytes | None:
    """Return the first picture that is not just a narrow strip; if all are, the first."""
    from PIL import Image, ImageOps

    pictures = [
        Image.open(io.BytesIO(base64.b64decode(output.data['image/png']))).convert('RGB')
        for cell in notebook.cells
        for output in cell.get('outputs', ())
        if 'image/png' in output.get('data', {})
    ]
    if not pictures:
        return None
    picture = next((each for each in pictures if each.height > _STRIP * each.width), pictures[0])
    box = ImageOps.invert(picture).getbbox()
    picture = picture.crop(box) if box else picture
    picture.thumbnail(_THUMBNAIL)
    small = io.BytesIO()
    picture.quantize(32).save(small, 'png', optimize=True)
    return small.getvalue()


def _draw_formula(formula: re.Match[str]) -> str:
    """Return a formula as a picture.

    A script that draws it in the browser would be as large as all pages together.
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import math_to_image

    picture = io.BytesIO()
    tex = ' '.join(formula[1].split())
    # A formula on a separate line is drawn large.
    large = tex.replace(r'\frac', r'\dfrac')
    math_to_image(f'${large}$', picture, prop=FontProperties(size=18), format='svg')
    return f'<img class="formula" alt="{escape(tex)}" src="{_data(picture.getvalue(), "image/svg+xml")}">'


def _links_to_pages(source: str) -> str:
    """Replace links to other notebooks by links to their pages."""
    return re.sub(r'\]\((\w+)\.ipynb\)', r'](\1.html)', source)


def _data(content: bytes, kind: str) -> str:
    return f'data:{kind};base64,{base64.b64encode(content).decode()}'


def _code_style() -> str:
    from pygments.formatters import HtmlFormatter

    return str(HtmlFormatter(style='default').get_style_defs('.highlight')).replace('background: #f8f8f8;', '')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog='python -m simulations.jupyter.pages', description=(__doc__ or '').split('\n')[0]
    )
    parser.add_argument(
        'notebooks', nargs='*', type=Path, help='the notebooks to run (default: all in the folder notebooks, by number)'
    )
    parser.add_argument(
        '--out', type=Path, default=Path('notebooks/html'), help='write the pages to this folder (default: %(default)s)'
    )
    options = parser.parse_args(arguments)
    notebooks = options.notebooks or sorted(Path('notebooks').glob('[0-9]*.ipynb'), key=_number)
    if missing := [str(path) for path in notebooks if not path.is_file()]:
        parser.error(f'no such notebook: {", ".join(missing)}')
    if not notebooks:
        parser.error('the folder notebooks contains no notebook: run this command in a checkout, or name the files')
    for page in build(notebooks, options.out, progress=True):
        file = options.out / f'{page.name}.html'
        print(f'{page.seconds:6.1f} s  {file.stat().st_size / 1000:6.0f} kB  {file}')
    print(f'open {options.out / "index.html"}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
