"""Notebooks as values: read, written and run.

What does it is imported at the first use, because it takes more than a second, and most processes
of the suite collect the tests of notebooks without running them.
"""

from pathlib import Path
from typing import Any


def read_notebook(path: Path) -> Any:
    """Return the notebook in a file."""
    import nbformat

    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def write_notebook(path: Path, *cells: Any) -> Path:
    """Write a notebook of these cells; return its path."""
    from nbformat import v4, write

    write(v4.new_notebook(cells=list(cells)), path)  # type: ignore[no-untyped-call]
    return path


def prose_cell(text: str) -> Any:
    """Return a cell of Markdown."""
    from nbformat import v4

    return v4.new_markdown_cell(text)  # type: ignore[no-untyped-call]


def code_cell(text: str, **metadata: Any) -> Any:
    """Return a cell of Python."""
    from nbformat import v4

    return v4.new_code_cell(text, metadata=metadata)  # type: ignore[no-untyped-call]


def run_notebook(notebook: Any, folder: Path) -> None:
    """Run a notebook from top to bottom in a new kernel; it then holds its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    from nbclient import NotebookClient

    NotebookClient(notebook, timeout=120, resources={'metadata': {'path': str(folder)}}).execute()
