"""What a terminal shows, drawn with ``rich``: values in, something that ``rich`` prints out.

Every text from outside is a ``Text`` of what ``safe()`` returns, because ``rich`` would obey markup
in a ``str``.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from rich import box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from py_cachify.ctl.texts import absence, ago, count, duration, safe, shortened, size_range, sizes, who
from py_cachify.ctl.values import Pool, Slot, Summary, Totals, max_sizes, share_taken, total
from py_cachify.ctl.watching import View


NARROW = 60
"""Below this many columns a table leaves out its bars, and where its holders are."""

WIDE = 110
"""From this many columns on it shows all there is to see."""

HOLDER = 12
"""So many columns at least stay for who has held a slot longest, if the keys are long."""

_FULL, _BUSY, _FREE = 'bold red', 'yellow', 'green'
_DIM = 'bright_black'
_DASH = '\u2013'


def list_screen(
    summaries: Sequence[Summary],
    title: str,
    width: int,
    *,
    utf: bool = True,
    most: int | None = None,
    totals: Totals | None = None,
) -> RenderableType:
    """Return all pools as a table; at most ``most`` rows."""
    totals = totals or total(summaries)
    head = _head(title, _totals_text(totals))
    if not summaries:
        return Group(head, Text('No slot is taken, and nobody waits, in any pool under this prefix.', style=_DIM))
    shown = summaries[:most]
    rows = [_row(each, utf) for each in shown]
    bar, key = _bar_and_key(rows, width, cut=most is not None)
    table = _table()
    table.add_column('pool', overflow='fold' if most is None else 'ellipsis', no_wrap=most is not None, width=key)
    if bar:
        table.add_column('', no_wrap=True, width=bar)
    table.add_column('taken', justify='right', no_wrap=True)
    table.add_column('queue', justify='right', no_wrap=True)
    table.add_column('held', justify='right', no_wrap=True)
    if width >= NARROW:
        table.add_column('longest', overflow='ellipsis', no_wrap=True, ratio=1)
    for each, row in zip(shown, rows, strict=True):
        table.add_row(
            row.key if most is None else Text(without_middle(row.key.plain, key)),
            *([_bar(each.fullness, bar, _colour(each.fullness), utf)] if bar else []),
            row.taken,
            row.queue,
            row.held,
            *([row.longest] if width >= NARROW else []),
        )
    parts: list[RenderableType] = [head, Text(), table]
    if len(summaries) > len(shown):
        parts.append(Text(f'… and {count(len(summaries) - len(shown), "pool")} more', style=_DIM))
    return Group(*parts)


class _Row(NamedTuple):
    """What a row of the list says, in whole."""

    key: Text
    taken: Text
    queue: Text
    held: Text
    longest: Text


def _row(each: Summary, utf: bool) -> _Row:
    return _Row(
        Text(shortened(each.key)),
        _taken(each.occupancy, each.max_sizes, utf),
        _queue(each.waiting),
        Text(duration(ago(each.oldest.asked_at, each.now)) if each.oldest else '', style='cyan'),
        Text(who(each.oldest) if each.oldest else ''),
    )


def _bar_and_key(rows: Sequence[_Row], width: int, *, cut: bool) -> tuple[int, int]:
    """Return the width of the bars and that of the keys in a list.

    A list whose keys are not ``cut`` has no bars if only then each key fits on its line.
    """
    longest_key = max(row.key.cell_len for row in rows)
    bar = _bar_width(width) if width >= NARROW else 0
    key = _key_width(rows, width, bar)
    if not cut and bar and key < longest_key <= _key_width(rows, width, 0):
        return 0, _key_width(rows, width, 0)
    return bar, key


def _key_width(rows: Sequence[_Row], width: int, bar: int) -> int:
    """Return how wide the keys are: half of what the numbers leave, or more if they need it.

    They have less than half if they do not need it and the holders do.
    """
    # No column is narrower than its name.
    taken = max(len('taken'), *(row.taken.cell_len for row in rows))
    queue = max(len('queue'), *(row.queue.cell_len for row in rows))
    held = max(len('held'), *(row.held.cell_len for row in rows))
    # Between two columns are two spaces.
    room = width - sum(each + 2 for each in (taken, queue, held, bar) if each)
    if width < NARROW:
        return max(1, room)
    room -= 2
    needed = max(row.key.cell_len for row in rows)
    holder = max(row.longest.cell_len for row in rows)
    if needed <= room - min(holder, HOLDER):
        return max(needed, min(room // 2, room - holder))
    # A key that fits nowhere leaves a third.
    return max(room // 2, room - min(holder, room // 3))


def without_middle(text: str, width: int) -> str:
    """Return a text in so many columns of a terminal: in place of its middle is ``…``.

    Example::

        without_middle('tenant-000-with-a-long-name-7f3a', 16)      # 'tenant-0…me-7f3a'
    """
    if cell_len(text) <= width:
        return text
    begin = end = ''
    for character in text:
        if cell_len(begin + character) > width // 2:
            break
        begin += character
    for character in reversed(text):
        if cell_len(character + end) > width - 1 - width // 2:
            break
        end = character + end
    return f'{begin}…{end}'


def pool_screen(
    pool: Pool, title: str, width: int, prefix: str, *, utf: bool = True, most: int | None = None
) -> RenderableType:
    """Return one pool: its holders, and who waits; at most ``most`` rows of both together."""
    if not pool.slots and not pool.waiters:
        return _absent_screen(pool, title, width, prefix, most)
    allowed = max_sizes(pool)
    share = share_taken(len(pool.slots), allowed)
    text = Text.assemble(
        _bar(share, _bar_width(width), _colour(share), utf),
        '  ',
        _taken(len(pool.slots), allowed, utf),
        ' taken, ',
        _queue(len(pool.waiters)),
        ' waiting',
    )
    parts: list[RenderableType] = [_head(title, None), Text(shortened(pool.key), style='bold'), text]
    if len(allowed) > 1:
        parts.append(Text(f'Holders and waiters use different values of max_size: {sizes(allowed)}.', style='red'))
    holders = pool.slots if most is None else pool.slots[: max(1, most - min(len(pool.waiters), most // 3))]
    waiters = pool.waiters if most is None else pool.waiters[: max(0, most - len(holders))]
    if holders:
        parts += [Text(), _holders(pool, holders, width, utf, wrap=most is None)]
    else:
        parts.append(Text('No slot is taken.', style=_DIM))
    if len(pool.slots) > len(holders):
        parts.append(Text(f'… and {count(len(pool.slots) - len(holders), "holder")} more', style=_DIM))
    if waiters:
        parts += [Text(), _waiters(pool, len(waiters), width, wrap=most is None)]
    if len(pool.waiters) > len(waiters):
        parts.append(Text(f'… and {count(len(pool.waiters) - len(waiters), "waiter")} more', style=_DIM))
    return Group(*parts)


def _absent_screen(pool: Pool, title: str, width: int, prefix: str, most: int | None) -> RenderableType:
    text = Text(absence(prefix + pool.key))
    if most is not None and _rows(text, width) > most:
        text = Text('No slot is taken.')
    return Group(_head(title, None), Text(shortened(pool.key), style='bold'), text)


def _holders(pool: Pool, slots: Sequence[Slot], width: int, utf: bool, *, wrap: bool) -> Table:
    table = _table()
    table.add_column('slot', no_wrap=True, style=_DIM)
    table.add_column('holder', overflow='fold' if wrap else 'ellipsis', no_wrap=not wrap, ratio=2)
    if width >= NARROW:
        table.add_column('host', overflow='ellipsis', no_wrap=True, ratio=1)
        table.add_column('process', justify='right', no_wrap=True)
    table.add_column('held', justify='right', no_wrap=True)
    if width >= WIDE:
        table.add_column('', no_wrap=True, width=10)
    table.add_column('left', justify='right', no_wrap=True)
    if width >= NARROW:
        table.add_column('renewed', no_wrap=True)
    for slot in slots:
        left = _left(slot)
        row: list[RenderableType] = [Text(slot.id), _label(slot.label, claimed=slot.claimed)]
        if width >= NARROW:
            row += [Text(safe(slot.host or '')), Text('' if slot.pid is None else str(slot.pid))]
        row.append(Text(duration(ago(slot.asked_at, pool.now)), style='cyan'))
        if width >= WIDE:
            row.append(_bar(left, 10, _life_colour(slot), utf) if not math.isnan(left) else Text())
        row.append(Text(duration(slot.remaining), style=_life_colour(slot)))
        if width >= NARROW:
            row.append(Text('yes', style='green') if slot.renewed else Text('no', style=_DIM))
        table.add_row(*row)
    return table


def _waiters(pool: Pool, shown: int, width: int, *, wrap: bool) -> Table:
    table = _table()
    table.add_column('next', justify='right', no_wrap=True, style=_DIM)
    table.add_column('waiter', overflow='fold' if wrap else 'ellipsis', no_wrap=not wrap, ratio=2)
    if width >= NARROW:
        table.add_column('host', overflow='ellipsis', no_wrap=True, ratio=1)
        table.add_column('process', justify='right', no_wrap=True)
    table.add_column('waits', justify='right', no_wrap=True)
    for waiter in pool.waiters[:shown]:
        row: list[RenderableType] = [Text(str(waiter.rank + 1)), _label(waiter.label)]
        if width >= NARROW:
            row += [Text(safe(waiter.host or '')), Text('' if waiter.pid is None else str(waiter.pid))]
        table.add_row(*row, Text(duration(ago(waiter.asked_at, pool.now)), style='cyan'))
    return table


def _rows(text: Text, width: int) -> int:
    """Return how many rows a text takes, or one more."""
    return 1 + text.cell_len // max(1, width - 8)


def _table() -> Table:
    lines = box.Box('    \n    \n ── \n    \n    \n    \n    \n    \n')
    return Table(box=lines, expand=True, pad_edge=False, padding=(0, 1, 0, 0), header_style='bold', show_edge=False)


def _head(title: str, text: Text | None) -> RenderableType:
    line = Text(safe(title), style=_DIM)
    return Group(line, text) if text is not None else line


def _totals_text(totals: Totals) -> Text:
    text = Text.assemble(count(totals.pools, 'pool'), ', ')
    text.append(f'{totals.full:,} full', style=_FULL if totals.full else '')
    text.append(f'; {count(totals.slots, "slot")} taken, {totals.waiting:,} waiting')
    return text


def _label(label: str, *, claimed: bool = False) -> Text:
    text = Text(safe(label)) if label else Text('no label', style=_DIM)
    return Text.assemble(text, Text(' (claim)', style=_DIM)) if claimed else text


def _taken(occupancy: int, allowed: tuple[int, ...], utf: bool) -> Text:
    style = _colour(share_taken(occupancy, allowed)) if allowed else ''
    return Text(f'{occupancy:,} of {size_range(allowed, _DASH if utf else "-")}', style=style)


def _queue(waiting: int) -> Text:
    return Text(f'{waiting:,}', style='magenta' if waiting else _DIM)


def _colour(share: float) -> str:
    return _FULL if share >= 1 else _BUSY if share >= 0.75 else _FREE


def _left(slot: Slot) -> float:
    """Return the share of its life that a slot still has; not a number if it is unknown."""
    if math.isinf(slot.remaining):
        return 1.0
    return math.nan if not slot.life else min(1.0, slot.remaining / slot.life)


def _life_colour(slot: Slot) -> str:
    left = _left(slot)
    if slot.renewed and left < 1 / 3:
        return 'red'
    return _BUSY if left < 0.1 else ''


def _bar_width(width: int) -> int:
    return 10 if width < WIDE else 24


def _bar(share: float, width: int, style: str, utf: bool) -> Text:
    """Return a bar; a share above 0 is at least one cell, and one below 1 is never full."""
    cells = round(min(1.0, share) * width)
    if share > 0:
        cells = max(1, cells)
    if share < 1:
        cells = min(width - 1, cells)
    full, empty = ('━', '─') if utf else ('#', '.')
    return Text.assemble((full * cells, style), (empty * (width - cells), _DIM))


def watch_screen(
    view: View[list[Summary] | Pool], title: str, width: int, height: int, prefix: str, *, utf: bool = True
) -> RenderableType:
    """Return what ``watch`` draws: the last values, and above them why there are no newer ones."""
    parts: list[RenderableType] = []
    if view.error is not None:
        age = '' if view.value is None else f' These values are {duration(view.since)} old.'
        parts.append(Text(f'{safe(view.error)}; trying again.{age}', style='bold red'))
    # An error of more than one line leaves less room.
    room = height - sum(_rows(part, width) for part in parts if isinstance(part, Text)) - _rows(Text(title), width)
    if isinstance(view.value, Pool):
        parts.append(pool_screen(view.value, title, width, prefix, utf=utf, most=max(1, room - 10)))
    elif view.value is not None:
        parts.append(
            list_screen(
                view.value, title, width, utf=utf, most=max(1, room - 4 - _rows(_totals_text(total(view.value)), width))
            )
        )
    else:
        parts.append(_head(title, None))
    return Group(*parts)
