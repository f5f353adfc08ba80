"""The outcome of a check: each clause with what was observed, as a value, as text and as JSON."""

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

from simulations.checking.calls import Call, table
from simulations.checking.clauses import Clause
from simulations.units import count


HOLDS, FAILS, NOT_CHECKED = 'holds', 'FAILS', 'not checked'
_WIDTH = 100
_MOST_CALLS = 16
"""The most calls that the report shows for a clause; the JSON has all."""


class Finding(NamedTuple):
    """One clause of the contract, and whether it holds.

    Attributes:
        clause: the clause: its name, what it promises, and how to mend a client that breaks it.
        verdict: ``'holds'``, ``'FAILS'`` or ``'not checked'``.
        observed: what was observed, or why the clause was not checked.
        calls: the calls that show the fault; empty if the clause holds.
    """

    clause: Clause
    verdict: str
    observed: str = ''
    calls: tuple[Call, ...] = ()

    @property
    def name(self) -> str:
        """The name of the clause."""
        return self.clause.name

    def lines(self, prefix: str = '') -> list[str]:
        """Return the finding as lines of text; names are shown without ``prefix``."""
        observed = self.observed.replace(prefix, '') if prefix else self.observed
        lines = _wrapped(f'  {self.name:<15} {self.verdict:<11} ', observed)
        if self.verdict != FAILS:
            return lines
        lines += _wrapped('      contract  ', self.clause.promise)
        shown = table(self.calls, prefix)
        if len(shown) > _MOST_CALLS:
            left_out = len(shown) - _MOST_CALLS
            shown = [*shown[: _MOST_CALLS // 2], f'… {left_out} more calls …', *shown[-_MOST_CALLS // 2 :]]
        lines += [f'      {line}' for line in shown]
        return [*lines, *_wrapped('      mend it   ', self.clause.remedy)]

    def to_json(self) -> dict[str, Any]:
        """Return the finding as plain values."""
        return {
            'clause': self.name,
            'verdict': self.verdict.lower(),
            'promise': self.clause.promise,
            'observed': self.observed,
            'remedy': self.clause.remedy if self.verdict == FAILS else None,
            'calls': [call.to_json() for call in self.calls],
        }


class ClientCheck(NamedTuple):
    """What the check of a client has found.

    Attributes:
        client: the class of the client.
        asynchronous: whether the client must be awaited.
        findings: one for each clause that applies to the client and was not left out.
        prefix: how the names that the check used begin.
        seed: the seed of the random calls and rounds.
        seconds: how long the check took.
        left: names that may be left in the store, because they could not be deleted.
        problem: why there was no client to check; empty if there was one.
    """

    client: str
    asynchronous: bool
    findings: tuple[Finding, ...]
    prefix: str
    seed: int
    seconds: float
    left: tuple[str, ...] = ()
    problem: str = ''

    @property
    def holds(self) -> bool:
        """Whether there was a client, and every clause was checked and holds."""
        return not self.problem and all(finding.verdict == HOLDS for finding in self.findings)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The clauses that do not hold."""
        return tuple(finding for finding in self.findings if finding.verdict == FAILS)

    def __bool__(self) -> bool:
        # Otherwise `assert check_client(…)` would hold for every client.
        return self.holds

    def assert_holds(self) -> None:
        """Do nothing if the client keeps the contract.

        Raises:
            AssertionError: it does not, or there was no client to check; the message is the report.
        """
        if not self.holds:
            raise AssertionError(f'the client does not keep the plain contract\n{self}')

    def __str__(self) -> str:
        if self.problem:
            return f'no client was checked: {self.problem}'
        kind = 'asynchronous' if self.asynchronous else 'synchronous'
        lines = [f'{self.client}: {kind} client, checked against the plain contract']
        for finding in self.findings:
            lines += finding.lines(self.prefix)
        lines.append(f'  verdict     {self._verdict()}')
        lines.append(
            f'  took        {self.seconds:.1f} s, seed {self.seed}; names begin with {self.prefix!r}, left out above'
        )
        if self.left:
            lines.append(f'  left        these names may be left in the store: {_listed(self.left)}')
        return '\n'.join(lines)

    def _verdict(self) -> str:
        wrong = [finding.name for finding in self.failures]
        unchecked = sum(finding.verdict == NOT_CHECKED for finding in self.findings)
        if wrong:
            do = 'does' if len(wrong) == 1 else 'do'
            return f'{count(len(wrong), "clause", "clauses")} {do} not hold: {", ".join(wrong)}'
        if unchecked:
            return f'undecided: {count(unchecked, "clause was", "clauses were")} not checked'
        return f'all {len(self.findings)} clauses hold'

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as plain values."""
        return {
            'client': self.client,
            'asynchronous': self.asynchronous,
            'holds': self.holds,
            'failures': [finding.name for finding in self.failures],
            'findings': [finding.to_json() for finding in self.findings],
            'prefix': self.prefix,
            'seed': self.seed,
            'seconds': self.seconds,
            'left': list(self.left),
            'problem': self.problem or None,
        }


def _wrapped(start: str, text: str) -> list[str]:
    """Return ``start`` and the text in lines of at most 100 columns, the further ones indented."""
    return textwrap.wrap(text, _WIDTH, initial_indent=start, subsequent_indent=' ' * len(start)) or [start.rstrip()]


def _listed(names: Sequence[str]) -> str:
    most = 5
    more = f' and {len(names) - most} more' if len(names) > most else ''
    return ', '.join(repr(name) for name in names[:most]) + more
