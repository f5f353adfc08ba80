"""Every notebook runs from top to bottom in a clean kernel, and its assertions hold."""

from pathlib import Path

import pytest

from tests.support.notebooks import read_notebook, run_notebook
from tests.support.paths import NOTEBOOKS


PATHS = sorted(NOTEBOOKS.glob('*.ipynb'))
WIDGET = 'application/vnd.jupyter.widget-view+json'


def test_there_are_notebooks() -> None:
    """Otherwise the tests below would test nothing."""
    assert PATHS


@pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    """No cell fails, and the notebook shows pictures and results."""
    notebook = read_notebook(path)

    run_notebook(notebook, tmp_path)

    outputs = [output for cell in notebook.cells if cell.cell_type == 'code' for output in cell.outputs]
    assert any('image/png' in output.get('data', {}) for output in outputs)
    assert any({'text/html', WIDGET} & set(output.get('data', {})) for output in outputs)
    # Without a kernel, a reader sees the image that is stored with the widget.
    assert all('image/png' in output['data'] for output in outputs if WIDGET in output.get('data', {}))


@pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_its_outputs(path: Path) -> None:
    """No outputs are stored, and at least three cells make an assertion."""
    cells = [cell for cell in read_notebook(path).cells if cell.cell_type == 'code']

    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    assert sum('assert ' in cell.source for cell in cells) >= 3


@pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)
def test_an_exercise_has_an_answer_that_is_run(path: Path) -> None:
    """The text of an answer is folded away; its code is hidden and asserts what it found."""
    cells = read_notebook(path).cells
    answers = [number for number, cell in enumerate(cells) if 'answer' in cell.metadata.get('tags', ())]

    assert answers
    for number in answers:
        assert cells[number].metadata.jupyter.source_hidden
        assert 'assert ' in cells[number].source
        text = next(cell for cell in reversed(cells[:number]) if cell.cell_type == 'markdown')
        assert '<details><summary>Answer</summary>' in text.source
        assert '## Exercise' in text.source


@pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)
def test_code_in_a_notebook_is_short(path: Path) -> None:
    """The reader can see all of it together with the picture that it makes."""
    cells = [cell for cell in read_notebook(path).cells if cell.cell_type == 'code']

    assert max(len(cell.source.splitlines()) for cell in cells) <= 20
