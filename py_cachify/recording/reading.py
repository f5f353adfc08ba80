"""Read recordings: all files of a recording, merged in the order of arrival."""

import csv
import os
import re
import warnings
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import TypeAlias

from py_cachify.recording.files import part_pattern
from py_cachify.recording.lines import HEADER, Attempt, parse
from py_cachify.recording.opening import DAMAGED, bare, damage, fault_of_header, opened


PathLike: TypeAlias = str | os.PathLike[str]

_SALTED = re.compile('([0-9a-f]{6})-[0-9a-f]{16}')


class RecordingError(ValueError):
    """A file is no recording, or there is none."""


@dataclass
class Losses:
    """What could not be read.

    Attributes:
        torn: how many files end with an incomplete line, because their process was killed while it
            wrote.  Such a line is dropped.
        unreadable: how many other lines make no sense.  A recording has none unless something else
            changed its files.
        deleted: how many files were deleted, by a rotation for example, between their listing and
            their reading.
        damaged: the files that are no recordings, because something else has overwritten them, for
            example, or that cannot be read to their end; each with what is wrong.
    """

    torn: int = 0
    unreadable: int = 0
    deleted: int = 0
    damaged: dict[Path, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The attempts of a recording, in the order of their arrivals; iterate over it.

    Attributes:
        attempts: the attempts.
        files: the files that were read.
        losses: what could not be read.
        salts: the ids of the salts with which keys are hashed; empty if keys are clear.
    """

    attempts: list[Attempt] = field(repr=False)
    files: tuple[Path, ...]
    losses: Losses
    salts: frozenset[str]

    def __iter__(self) -> Iterator[Attempt]:
        return iter(self.attempts)

    def __len__(self) -> int:
        return len(self.attempts)


def read_recording(path: PathLike | Iterable[PathLike]) -> Recording:
    """Read all attempts of one or more recordings, in the order of arrival.

    A copy that a spreadsheet saved as CSV in UTF-8 can be read too.

    Args:
        path: the path that :func:`record` was given, such as ``'pool.csv'``, whether a file of this
            very name exists or not; or a single file; or several of these.

    Raises:
        RecordingError: there is no such recording, or none of its files is one.
        OSError: a file cannot be read.

    Warns:
        UserWarning: keys were hashed with different salts, so one pool has several names; or some
            files are damaged or something else, and are left out.

    Example::

        for attempt in read_recording('pool.csv'):
            print(attempt.arrival, attempt.key, attempt.outcome, attempt.holding)
    """
    files = recording_files(path)
    losses = Losses()
    attempts = sorted(_merged(files, losses), key=attrgetter('arrival'))
    _warn_of_damage(losses.damaged)
    salts = salts_of(attempt.key for attempt in attempts)
    if len(salts) > 1:
        warnings.warn(
            f'the keys of this recording are hashed with {len(salts)} salts, so one pool has several names: set'
            ' PY_CACHIFY_SALT for all processes that record',
            stacklevel=2,
        )
    return Recording(attempts=attempts, files=tuple(files), losses=losses, salts=salts)


def iter_recording(files: Iterable[PathLike], losses: Losses | None = None) -> Iterator[Attempt]:
    """Yield the attempts of files one by one, in the order in which each file has them.

    Args:
        files: the files, as :func:`recording_files` lists them, plain or gzip.
        losses: counts what could not be read.

    Raises:
        RecordingError, OSError: as in :func:`read_recording`.

    Warns:
        UserWarning: after the last attempt, as in :func:`read_recording`, but not of salts.

    Example::

        refused = sum(each.holding is None for each in iter_recording(recording_files('pool.csv')))
    """
    counts = Losses() if losses is None else losses
    known = set(counts.damaged)
    yield from _merged(files, counts)
    _warn_of_damage({path: fault for path, fault in counts.damaged.items() if path not in known})


def _merged(files: Iterable[PathLike], losses: Losses) -> Iterator[Attempt]:
    """Yield the attempts of all files that are recordings, if at least one is."""
    refused: RecordingError | None = None
    deleted: Path | None = None
    some = False
    for path in map(Path, files):
        try:
            fault = yield from _attempts_of(path, losses)
        except FileNotFoundError:
            losses.deleted += 1
            deleted = path
        except RecordingError as error:
            losses.damaged[path] = str(error)
            refused = refused or RecordingError(f'{path} {error}')
        else:
            some = True
            if fault is not None:
                losses.damaged[path] = fault
    if some:
        return
    if refused is not None:
        raise refused
    if deleted is not None:
        raise RecordingError(f'{deleted} does not exist, or was deleted before it was opened: list the files again')


def _attempts_of(path: Path, losses: Losses) -> Generator[Attempt, None, str | None]:
    """Yield the attempts of a file, and return why the last ones are missing, if they are.

    Raises:
        RecordingError: it is no recording; the message follows the name of the file.
    """
    started = False
    with opened(path) as lines:
        try:
            # A file that is something else may have no ends of lines.
            header = lines.readline(10 * len(HEADER))
            fault = fault_of_header(header)
            if fault is not None:
                raise RecordingError(fault)
            started = True
            losses.torn += bool(header) and not header.endswith(b'\n')
            for line in lines:
                if not line.endswith(b'\n'):
                    losses.torn += 1
                    continue
                try:
                    attempt = parse(bare(line).decode())
                except (ValueError, csv.Error):
                    losses.unreadable += 1
                else:
                    yield attempt
        except EOFError:
            losses.torn += 1
        except DAMAGED as error:
            if not started:
                raise RecordingError(damage(error)) from error
            return damage(error)
    return None


def _warn_of_damage(damaged: dict[Path, str]) -> None:
    for path, fault in damaged.items():
        warnings.warn(
            f'{path} {fault}: what could not be read of it is left out of the recording; move the file away, or put'
            ' back the original',
            stacklevel=3,
        )


def recording_files(path: PathLike | Iterable[PathLike]) -> list[Path]:
    """Return the files of one or more recordings, as :func:`read_recording` finds them.

    Raises:
        RecordingError: there is no such recording.

    Example::

        for file in recording_files('pool.csv'):
            file.unlink()
    """
    paths = [path] if isinstance(path, str | os.PathLike) else list(path)
    found: dict[Path, None] = {}
    for each in map(Path, paths):
        pattern = part_pattern(each)
        beside = sorted(file for file in each.parent.glob('*') if pattern.fullmatch(file.name))
        files = [each] * each.is_file() + beside
        if not files:
            raise RecordingError(f'there is no recording {each}, nor a file {each.stem}.PID-RANDOM.NUMBER{each.suffix}')
        found.update(dict.fromkeys(files))
    return list(found)


def salts_of(keys: Iterable[str]) -> frozenset[str]:
    """Return the ids of the salts with which these keys were hashed."""
    return frozenset(match[1] for key in set(keys) if (match := _SALTED.fullmatch(key)))
