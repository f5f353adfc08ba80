"""What README.md says of the notebooks, of Binder and of other files is so."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.badge import FIRST_PAGE, badge, repository, with_badge
from tests.support.paths import ROOT


README = (ROOT / 'README.md').read_text(encoding='utf-8')
NOTEBOOKS = sorted(path.name for path in (ROOT / 'notebooks').glob('*.ipynb'))
PAGES = [
    *('README.md', 'notebooks/TEACHING.md', 'simulations/README.md', 'simulations/ARCHITECTURE.md'),
    *('py_cachify/README.md', 'tests/README.md', 'tests/benchmarks/README.md', 'simulations/scenarios/README.md'),
    *(f'simulations/{package}/README.md' for package in ('distributions', 'faults', 'history', 'stores')),
    *(f'simulations/{package}/README.md' for package in ('traces', 'workloads')),
]
BUILT = {'notebooks/html/index.html'}
"""What a link leads to once the command beside it was run."""


def listed(page: str, folder: str) -> list[tuple[str, str, str]]:
    """The rows of the page's table of notebooks: title, file, minutes."""
    text = (ROOT / page).read_text(encoding='utf-8')
    return re.findall(rf'^\|(?: \d \|)? \[([^]]+)\]\({folder}(\d\w+\.ipynb)\) \|.*?\b(\d+) \|', text, re.MULTILINE)


def test_every_notebook_is_listed() -> None:
    """In their order, by their own titles, and with the minutes that teachers are told."""
    rows = listed('README.md', 'notebooks/')

    assert [name for _, name, _ in rows] == NOTEBOOKS
    for title, name, _ in rows:
        assert f'"# {title}' in (ROOT / 'notebooks' / name).read_text(encoding='utf-8')
    assert rows == listed('notebooks/TEACHING.md', '')


@pytest.mark.parametrize('page', PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Each link and picture within this repository is a file or a folder, and each heading that is named is there."""
    path = ROOT / page
    links = re.findall(r'\]\(([^)\s]+)\)', path.read_text(encoding='utf-8'))
    own = [link for link in links if not re.match(r'https?://', link)]

    assert own
    for link in own:
        name, _, heading = link.partition('#')
        target = (path.parent / unquote(name)).resolve() if name else path
        assert target.exists() or name in BUILT, link
        if heading:
            assert heading in anchors(target), link


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub names them."""
    headings = re.findall(r'^#+ (.+)$', page.read_text(encoding='utf-8'), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


def test_the_badge_is_that_of_the_repository() -> None:
    """``binder/repository.toml`` is the one place that says where that is, and the page that opens is there."""
    given = repository(ROOT)

    assert with_badge(README, given) == README, 'write it anew: python -m tests.badge'
    assert README.count('mybinder.org/v2') == 1
    assert (ROOT / FIRST_PAGE.removeprefix('lab/tree/')).is_file()


def test_a_badge_of_another_place() -> None:
    """All three are in its address, and a tag with a slash is one part of it."""
    page = 'before\n<!-- badge -->\nold\n<!-- end of badge -->\nafter\n'

    written = with_badge(page, {'owner': 'ann', 'name': 'pools', 'tag': 'v1/rc'})

    assert f'(https://mybinder.org/v2/gh/ann/pools/v1%2Frc?urlpath={FIRST_PAGE})' in written
    assert written.splitlines()[0] == 'before'
    assert written.splitlines()[-1] == 'after'
    assert badge('ann', 'pools', 'v1/rc') in written
    with pytest.raises(ValueError, match='must have <!-- badge -->'):
        with_badge('no place for it', {'owner': 'ann', 'name': 'pools', 'tag': 'v1'})


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ("owner = 'ann'\nname = 'pools'\n", 'must give owner, name and tag'),
        ("owner = 'ann bob'\nname = 'pools'\ntag = 'v1'\n", 'owner must be letters'),
        ("owner = 'ann'\nname = 'a/b'\ntag = 'v1'\n", 'name must be letters'),
        ("owner = 'ann'\nname = 'pools'\ntag = 1\n", 'tag must be letters'),
    ],
)
def test_a_place_that_cannot_be(tmp_path: Path, text: str, said: str) -> None:
    """Is refused, and not put into an address."""
    (tmp_path / 'binder').mkdir()
    (tmp_path / 'binder' / 'repository.toml').write_text(text)

    with pytest.raises(ValueError, match=said):
        repository(tmp_path)
