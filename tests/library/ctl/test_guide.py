"""The guide's chapter on ``pool-ctl`` shows what the command shows, and says what it does."""

import re

from rich.console import Console

from py_cachify.ctl.reading import FIRST
from tests.library.ctl.running import pool_ctl
from tests.seen_from_outside import staged, views
from tests.support.stores import GUIDE


CHAPTER = GUIDE.read_text(encoding='utf-8').partition('\n## Seeing a pool from outside')[2].partition('\n## ')[0]


def same(text: str) -> list[list[str]]:
    """Return the words of each line; one for each duration, because time passes."""
    text = re.sub(r'\d+[dhm] \d\d[hms]|\d+(\.\d)?s', 'duration', text)
    return [re.sub('─{20,}', '─', line).split() for line in text.splitlines() if line.strip()]


def test_the_list_of_the_guide_is_that_of_the_command() -> None:
    [shown] = re.findall(r'```text\n(.*?)```', CHAPTER, re.DOTALL)
    console = Console(width=90, color_system=None)
    with staged() as server, console.capture() as capture:
        console.print(views(server, 90)['list'])
    assert same(capture.get()) == same(shown)


def test_the_guide_names_every_command_and_option() -> None:
    names = re.findall(r'^\| `(\w+)[^|`]*` \| [a-z]', CHAPTER, re.MULTILINE)
    assert list(dict.fromkeys(names)) == ['list', 'show', 'watch', 'free', 'doctor']
    help_of = {name: pool_ctl(name, '--help').out for name in names}
    for name, text in help_of.items():
        for option in set(re.findall(r'--[a-z]+', text)) - {'--help', '--url'}:
            assert option in CHAPTER, (name, option)


def test_the_guide_says_how_much_of_a_foreign_set_is_read() -> None:
    assert f'it reads {FIRST} members' in ' '.join(CHAPTER.split())
