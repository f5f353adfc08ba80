"""Options for where results are written, and checks that they can be."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from simulations.cli.options.option import Option


CSV = Option('--csv', read=Path, default=None, metavar='FILE', help='write the history to FILE, event by event')
NO_PICTURES = Option('--no-pictures', switch=True, help='draw no pictures, which saves half a second')


def folder_option(content: str) -> Option:
    """Return the option for the folder that receives ``content``."""
    return Option(
        '--out',
        read=Path,
        default=Path('pool-sim-results'),
        metavar='FOLDER',
        help=f'write {content} into FOLDER (default %(default)s)',
    )


def json_option(content: str) -> Option:
    """Return the option for the JSON file that receives ``content``."""
    return Option(
        '--json', default=None, metavar='FILE', help=f'write {content} to FILE as JSON; - for standard output'
    )


def write_json(file: str | None, plain: Any) -> list[Path]:
    """Print plain values as JSON if ``file`` is ``-``, or write them to a file; return its path.

    Args:
        file: the value of the option that :func:`json_option` returns; ``None`` for neither.
        plain: the values.
    """
    if file is None:
        return []
    text = json.dumps(plain, indent=2)
    if file == '-':
        print(text)
        return []
    path = Path(file)
    path.write_text(text + '\n', encoding='utf-8')
    return [path]


OUTPUT = (folder_option('the pictures'), NO_PICTURES, CSV, json_option('the figures'))


def check_folder(folder: Path) -> None:
    """Create the folder.

    Raises:
        ValueError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f'cannot write to the folder {folder}: {error.strerror}') from None


def check_file(option: str, path: str | None) -> None:
    """Check before the run that a file, if one is named, can be written after it.

    Raises:
        ValueError: it cannot be.
    """
    if path is None or path == '-':
        return
    file = Path(path)
    if file.is_dir() or not file.name:
        raise ValueError(f'cannot write the file {path!r} of --{option}: it is a folder, name a file in it')
    if not (file.parent.is_dir() and os.access(file.parent, os.W_OK)):
        raise ValueError(f'cannot write the file {path} of --{option}: {file.parent} is not a writable folder')


def check_writable(options: argparse.Namespace) -> None:
    """Check before the run that its results can be written after it.

    Raises:
        ValueError: a folder or file cannot be written.
    """
    if not options.no_pictures:
        check_folder(options.out)
    given = {name: getattr(options, name, None) for name in ('csv', 'json', 'save', 'calls')}
    files = {name: Path(path) for name, path in given.items() if path is not None and str(path) != '-'}
    for path in files.values():
        if path.is_dir() or not path.name:
            raise ValueError(f'cannot write the file {str(path)!r}: it is a folder, name a file in it')
        if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
            raise ValueError(f'cannot write the file {path}: {path.parent} is not a writable folder')
    if len({path.resolve() for path in files.values()}) < len(files):
        raise ValueError(f'--{" and --".join(files)} name the same file: give each its own')
    if given['csv'] == Path('-'):
        raise ValueError('--csv cannot write to standard output (-): name a file')
