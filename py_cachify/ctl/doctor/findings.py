"""What ``doctor`` found, and what it could not look at."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from py_cachify.ctl.texts import count, safe


class Finding(NamedTuple):
    """Something that is wrong.

    Attributes:
        check: the name of the check that found it.
        problem: what is wrong.
        reason: why it matters.
        remedy: what to do.
        pools: the keys of the pools that are concerned; empty if it is the server.
    """

    check: str
    problem: str
    reason: str
    remedy: str
    pools: tuple[str, ...] = ()


class Unchecked(NamedTuple):
    """Something that could not be looked at.

    Attributes:
        check: the name of the check.
        problem: why it could not be made.
    """

    check: str
    problem: str


class Diagnosis(NamedTuple):
    """All that ``doctor`` found.

    Attributes:
        checks: the name of each check and what it is about, in order.
        findings: what is wrong.
        unchecked: what could not be looked at.
        pools: how many pools were looked at.
    """

    checks: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    unchecked: tuple[Unchecked, ...]
    pools: int

    def document(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            'pools': self.pools,
            'checks': [name for name, _ in self.checks],
            'findings': [each._asdict() for each in self.findings],
            'unchecked': [each._asdict() for each in self.unchecked],
        }

    def lines(self) -> Iterator[str]:
        """Yield a line for each finding and each check that was not made, with tabs."""
        yield '\t'.join(('what', 'check', 'problem', 'reason', 'remedy', 'pools'))
        for each in self.findings:
            pools = ', '.join(each.pools) or '-'
            yield '\t'.join(map(safe, ('finding', each.check, each.problem, each.reason, each.remedy, pools)))
        for left in self.unchecked:
            yield '\t'.join(map(safe, ('unchecked', left.check, left.problem, '-', '-', '-')))


def some_pools(pools: tuple[str, ...], most: int = 5) -> str:
    """Return the first of some keys, and how many more there are."""
    named = ', '.join(repr(safe(key)) for key in pools[:most])
    return named if len(pools) <= most else f'{named} and {count(len(pools) - most, "more", "more")}'
