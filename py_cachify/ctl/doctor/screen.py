"""The diagnosis for a terminal, drawn with ``rich``."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from py_cachify.ctl.doctor.findings import Diagnosis, Finding, some_pools
from py_cachify.ctl.texts import count, safe


_DIM = 'bright_black'


def doctor_screen(diagnosis: Diagnosis, title: str, *, utf: bool = True) -> RenderableType:
    """Return each check with its verdict, and below them each finding in full."""
    parts: list[RenderableType] = [Text(safe(title), style=_DIM), _checks(diagnosis, utf)]
    for number, finding in enumerate(diagnosis.findings, 1):
        parts.append(_finding(number, finding))
    for each in diagnosis.unchecked:
        parts.append(Text(f'Not checked ({each.check}): {safe(each.problem)}.', style='yellow'))
    if diagnosis.unchecked:
        parts.append(Text())
    findings = len(diagnosis.findings)
    looked = f'{count(diagnosis.pools, "pool")} looked at'
    verdict = Text(f'{count(findings, "finding")}; {looked}.', style='bold red') if findings else None
    parts.append(verdict or Text(f'Nothing wrong was found; {looked}.', style='bold green'))
    return Group(*parts)


def _checks(diagnosis: Diagnosis, utf: bool) -> RenderableType:
    good, bad, unknown = ('✓', '✗', '?') if utf else ('ok', '!!', '?')
    table = Table.grid(padding=(0, 1))
    for name, about in diagnosis.checks:
        wrong = any(each.check == name for each in diagnosis.findings)
        left_out = any(each.check == name for each in diagnosis.unchecked)
        mark = (
            Text(bad, style='bold red') if wrong else Text(unknown, style='yellow') if left_out else Text(good, 'green')
        )
        table.add_row(mark, Text(name, style='bold' if wrong else ''), Text(about, style=_DIM))
    return Padding(table, (1, 0))


def _finding(number: int, finding: Finding) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(justify='right', no_wrap=True, style=_DIM, width=6)
    table.add_column(ratio=1)
    table.add_row(Text(f'{number}'), Text(safe(finding.problem), style='bold red'))
    table.add_row(Text('why'), Text(safe(finding.reason)))
    table.add_row(Text('do'), Text(safe(finding.remedy), style='green'))
    if finding.pools:
        table.add_row(Text('pools'), Text(some_pools(finding.pools)))
    return Padding(table, (0, 0, 1, 0))
