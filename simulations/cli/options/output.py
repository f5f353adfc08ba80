"""Options of where results go, and whether they can go there."""

import argparse
import os
from pathlib import Path

from simulations.cli.options.option import Option


CSV = Option('--csv', read=Path, default=None, metavar='FILE', help='write the history, event by event')
NO_PICTURES = Option('--no-pictures', switch=True, help='draw none, which saves half a second')


def folder_option(content: str) -> Option:
    """Return the option of the folder for what is written anyway."""
    return Option(
        '--out',
        read=Path,
        default=Path('pool-sim-results'),
        metavar='FOLDER',
        help=f'where {content} go (default %(default)s)',
    )


def json_option(content: str) -> Option:
    """Return the option of the file for the figures."""
    return Option('--json', default=None, metavar='FILE', help=f'write {content}; - for standard output')


OUTPUT = (folder_option('the pictures'), NO_PICTURES, CSV, json_option('the figures'))


def check_folder(folder: Path) -> None:
    """Make the folder, or refuse it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f'cannot write to the folder {folder}: {error.strerror}') from None


def check_writable(options: argparse.Namespace) -> None:
    """Refuse before the run what could not be written after it."""
    if not options.no_pictures:
        check_folder(options.out)
    given = {name: getattr(options, name, None) for name in ('csv', 'json', 'save', 'calls')}
    files = {name: Path(path) for name, path in given.items() if path is not None and str(path) != '-'}
    for path in files.values():
        if path.is_dir() or not path.name:
            raise ValueError(f'cannot write the file {str(path)!r}: it is a folder')
        if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
            raise ValueError(f'cannot write the file {path}: {path.parent} is not a folder that one can write to')
    if len({path.resolve() for path in files.values()}) < len(files):
        raise ValueError(f'--{" and --".join(files)} name one file: the second would overwrite the first')
    if given['csv'] == Path('-'):
        raise ValueError('--csv - is not possible: name a file')
