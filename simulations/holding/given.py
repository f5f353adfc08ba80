"""A holding time that is given as an object or as its text."""

from pathlib import Path
from typing import Any

from simulations.holding.base import Holding
from simulations.holding.parse import parse_holding


def as_holding(name: str, given: Any, folder: str | Path | None = None) -> Holding:
    """The distribution that ``given`` is or says; the error names the argument and its value.

    Args:
        name: of the argument.
        given: a distribution, or what :func:`parse_holding` reads.
        folder: what a file's path in a text is relative to; the working directory by default.

    Raises:
        TypeError: it is neither.
        ValueError: it is a text of no form.
    """
    if isinstance(given, str):
        return parse_holding(given, folder)
    if not hasattr(given, 'draw') or not hasattr(given, 'mean_until'):
        raise TypeError(f"{name} must be a distribution, or a text such as 'exp:1', not {given!r}")
    holding: Holding = given
    return holding
