"""The ``max_size`` of a pool that changes in time: a deployment, or the steps of an autoscaler.

Each process passes its own ``max_size``, so a change reaches the pool process by process.  The text
of a schedule names the size at the beginning and then its steps::

    5,60:10,120:5           5 slots, 10 from 60 s after the first arrival on, and 5 from 120 s on
    5,60:10:30              10 from 60 s on, but the processes change one after the other, the
                            last of them 30 s after the first: a rolling deployment
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

from py_cachify.arguments import check_max_size
from simulations.arguments import not_negative, positive
from simulations.units import number


_FORM = 'SIZE,SECONDS:SIZE[:OVER],..., such as 5,60:10,120:5'


class Step(NamedTuple):
    """One change of ``max_size``.

    Attributes:
        at: when the first process changes, in seconds after the first arrival.
        size: the slots from then on.
        over: for how many seconds processes change, one after the other; 0 if all change at once.
    """

    at: float
    size: int
    over: float = 0.0


class Sizes(int):
    """The sizes of a pool over time.

    As a number it is the largest of them, so it can stand wherever one size can: no more slots than
    that are ever granted.  It equals only the same sizes.

    Attributes:
        steps: the changes in order; the first is that of the beginning.

    Example::

        sizes = as_sizes('5,60:10')
        int(sizes), sizes.at(59.0), sizes.at(60.0)          # (10, 5, 10)
    """

    steps: tuple[Step, ...]

    def __new__(cls, steps: Iterable[Step]) -> Self:
        """Raise ``TypeError`` or ``ValueError`` for steps that are not allowed."""
        checked = _checked(tuple(steps))
        made = super().__new__(cls, max(step.size for step in checked))
        made.steps = checked
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return Sizes, (self.steps,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sizes) and self.steps == other.steps

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.steps)

    def __str__(self) -> str:
        first, *others = self.steps
        texts = [f'{number(each.at)}:{each.size}' + (f':{number(each.over)}' if each.over else '') for each in others]
        return ','.join([str(first.size), *texts])

    def __repr__(self) -> str:
        return f'as_sizes({str(self)!r})'

    def at(self, seconds: float, worker: int = 0, workers: int = 1) -> int:
        """Return the size that a process has so many seconds after the first arrival.

        Args:
            seconds: the time since the first arrival.
            worker: the number of the process, from 0.
            workers: how many processes there are; they change in the order of their numbers.
        """
        share = worker / (workers - 1) if workers > 1 else 0.0
        size = self.steps[0].size
        for step in self.steps[1:]:
            if step.at + step.over * share > seconds:
                break
            size = step.size
        return size

    def mean(self, begin: float, end: float, workers: int = 1) -> float:
        """Return the mean size between two instants, over all processes."""
        return math.fsum(self._mean(begin, end, worker, workers) for worker in range(workers)) / workers

    def _mean(self, begin: float, end: float, worker: int, workers: int) -> float:
        share = worker / (workers - 1) if workers > 1 else 0.0
        instants = [step.at + step.over * share for step in self.steps[1:]]
        if end <= begin:
            return float(self.steps[bisect_right(instants, begin)].size)
        edges = [begin, *(each for each in instants if begin < each < end), end]
        sizes = [self.steps[bisect_right(instants, edge)].size for edge in edges[:-1]]
        spans = zip(sizes, edges, edges[1:], strict=False)
        return math.fsum(size * (after - before) for size, before, after in spans) / (end - begin)

    def words(self, workers: int = 2) -> str:
        """Return the sizes in words, such as ``5 slots, 10 from 60 s on``.

        One process, of ``workers``, changes at once.
        """
        first, *others = self.steps
        slots = '1 slot' if first.size == 1 else f'{first.size:,} slots'
        texts = [
            f'{each.size:,} from {number(each.at)} s on'
            + (f' (within {number(each.over)} s)' if each.over and workers > 1 else '')
            for each in others
        ]
        return ', '.join([slots, *texts])


def _checked(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    if len(steps) < 2 or steps[0].at != 0:
        raise ValueError(f'max_size that changes must begin with a size and have a step: write {_FORM}')
    made = [Step(0.0, check_max_size(steps[0].size))]
    for step in steps[1:]:
        at, over = positive('the instant of a step of max_size', step.at), not_negative('over', step.over)
        before = made[-1]
        if at < before.at + before.over or at == before.at:
            raise ValueError(
                f'the steps of max_size must be in order and not overlap, but one begins at {number(at)} s and the one'
                f' before it ends at {number(before.at + before.over)} s'
            )
        made.append(Step(at, check_max_size(step.size), over))
    return tuple(made)


def as_sizes(given: Any) -> int:
    """Return a size, or the sizes over time, checked.

    Args:
        given: a whole number; or the sizes over time, as an object, as text (see the module), or as
            a sequence of steps ``[seconds, size]`` or ``[seconds, size, over]`` that begins at 0.

    Raises:
        TypeError, ValueError: it is none of these, or a size is not allowed.

    Example::

        as_sizes('5,60:10,120:5').steps[1].size     # 10
    """
    if isinstance(given, Sizes):
        return given
    if isinstance(given, str):
        return _parsed(given)
    if isinstance(given, Sequence):
        try:
            return Sizes(Step(float(at), size, *map(float, over)) for at, size, *over in given)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f'max_size must be a number of slots, or steps such as [[0, 5], [60, 10]]: {error}'
            ) from None
    return check_max_size(given)


def _parsed(text: str) -> int:
    first, *others = text.split(',')
    try:
        if not others:
            return check_max_size(int(first))
        steps = [Step(0.0, int(first))]
        for part in others:
            at, size, *over = part.split(':')
            steps.append(Step(float(at), int(size), *map(float, over)))
    except (TypeError, ValueError) as error:
        if str(error).startswith('max_size'):
            raise
        if not others:
            raise ValueError(f'max_size must be a whole number, not {text!r}') from None
        raise ValueError(f'max_size must be a whole number, or sizes over time as {_FORM}, not {text!r}') from None
    return Sizes(steps)


def size_value(size: int) -> int | str:
    """Return a value that :func:`as_sizes` reads as ``size``: a number or a text."""
    return str(size) if isinstance(size, Sizes) else size
