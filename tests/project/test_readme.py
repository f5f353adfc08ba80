"""The notebooks, the badge and the links of README.md and other pages are right."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.badge import FIRST_PAGE, badge, repository, with_badge
from tests.support.paths import PAGES, ROOT


README = (ROOT / 'README.md').read_text(encoding='utf-8')
NOTEBOOKS = sorted(
    (path.name for path in (ROOT / 'notebooks').glob('*.ipynb')), key=lambda name: int(name.partition('_')[0])
)
BUILT = {'notebooks/html/index.html'}
"""Targets that exist only after the command next to the link has run."""


def listed(page: str, folder: str) -> list[tuple[str, str, str]]:
    """Return the rows of the table of notebooks on a page: title, file, minutes."""
    text = (ROOT / page).read_text(encoding='utf-8')
    return re.findall(rf'^\|(?: \d+ \|)? \[([^]]+)\]\({folder}(\d\w+\.ipynb)\) \|.*?\b(\d+) \|', text, re.MULTILINE)


def test_every_notebook_is_listed() -> None:
    """The table has their order, their titles and the minutes of TEACHING.md."""
    rows = listed('README.md', 'notebooks/')

    assert [name for _, name, _ in rows] == NOTEBOOKS
    for title, name, _ in rows:
        assert f'"# {title}' in (ROOT / 'notebooks' / name).read_text(encoding='utf-8')
    assert rows == listed('notebooks/TEACHING.md', '')


@pytest.mark.parametrize('path', PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Each link within this repository leads to a file, a folder or a heading that exists."""
    links = re.findall(r'\]\(([^)\s]+)\)', path.read_text(encoding='utf-8'))
    internal = [link for link in links if not re.match(r'https?://', link)]

    for link in internal:
        name, _, heading = link.partition('#')
        target = (path.parent / unquote(name)).resolve() if name else path
        assert target.exists() or name in BUILT, link
        if heading:
            assert heading in anchors(target), link


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r'^#+ (.+)$', page.read_text(encoding='utf-8'), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


def test_the_badge_is_that_of_the_repository() -> None:
    """The badge matches ``binder/repository.toml``, and the page that it opens exists."""
    place = repository(ROOT)

    assert with_badge(README, place) == README, 'rewrite the badge with: python -m tests.badge'
    assert README.count('mybinder.org/v2') == 1
    assert (ROOT / FIRST_PAGE.removeprefix('lab/tree/')).is_file()


def test_a_badge_of_another_place() -> None:
    """The address contains owner, name and tag; a slash in the tag is escaped."""
    page = 'before\n<!-- badge -->\nold\n<!-- end of badge -->\nafter\n'

    rewritten = with_badge(page, {'owner': 'ann', 'name': 'pools', 'tag': 'v1/rc'})

    assert f'(https://mybinder.org/v2/gh/ann/pools/v1%2Frc?urlpath={FIRST_PAGE})' in rewritten
    assert rewritten.splitlines()[0] == 'before'
    assert rewritten.splitlines()[-1] == 'after'
    assert badge('ann', 'pools', 'v1/rc') in rewritten
    with pytest.raises(ValueError, match='must have <!-- badge -->'):
        with_badge('no place for it', {'owner': 'ann', 'name': 'pools', 'tag': 'v1'})


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ("owner = 'ann'\nname = 'pools'\n", 'must give owner, name and tag'),
        ("owner = 'ann bob'\nname = 'pools'\ntag = 'v1'\n", 'owner must be letters'),
        ("owner = 'ann'\nname = 'a/b'\ntag = 'v1'\n", 'name must be letters'),
        ("owner = 'ann'\nname = 'pools'\ntag = 1\n", 'tag must be letters'),
    ],
)
def test_an_invalid_place_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The error names the setting, and no address is made."""
    (tmp_path / 'binder').mkdir()
    (tmp_path / 'binder' / 'repository.toml').write_text(text)

    with pytest.raises(ValueError, match=message):
        repository(tmp_path)


@pytest.mark.parametrize('path', PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_prose_is_wrapped_at_100_columns(path: Path) -> None:
    """Tables, code, headings, and links and pictures that cannot be broken may be longer."""
    outside = re.sub(r'```.*?```', '', path.read_text(encoding='utf-8'), flags=re.DOTALL)
    prose = [line for line in outside.splitlines() if not re.match(r'\||#|\[?!\[', line) and ' ' in line]

    assert [line for line in prose if len(line) > 100] == []
