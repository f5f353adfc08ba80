"""Write the badge of README.md anew, from ``binder/repository.toml``: ``python -m tests.badge``."""

import re
import tomllib
from pathlib import Path
from urllib.parse import quote

from tests.support.paths import ROOT


FIRST_PAGE = 'lab/tree/notebooks/1_a_first_pool.ipynb'
"""What Binder opens, below the server's address."""

_MARKED = re.compile(r'(?<=<!-- badge -->\n).*?(?=<!-- end of badge -->)', re.DOTALL)
_BINDER = 'https://mybinder.org'


def main() -> None:
    """Write it into README.md."""
    path = ROOT / 'README.md'
    path.write_text(with_badge(path.read_text(encoding='utf-8'), repository(ROOT)), encoding='utf-8')


def repository(root: Path) -> dict[str, str]:
    """The owner, the name and the tag, as ``binder/repository.toml`` gives them.

    Raises ``ValueError`` if it gives others, or one that is no word.
    """
    given = tomllib.loads((root / 'binder' / 'repository.toml').read_text(encoding='utf-8'))
    if set(given) != {'owner', 'name', 'tag'}:
        raise ValueError(f'binder/repository.toml must give owner, name and tag, and gives {sorted(given)}')
    for what, value in given.items():
        if not isinstance(value, str) or not re.fullmatch(r'[\w./-]+' if what == 'tag' else r'[\w.-]+', value):
            raise ValueError(f'binder/repository.toml: {what} must be letters, digits, "-", "_" and ".", got {value!r}')
    return given


def badge(owner: str, name: str, tag: str) -> str:
    """The badge in Markdown: a picture that links to Binder."""
    address = f'{_BINDER}/v2/gh/{owner}/{name}/{quote(tag, safe="")}?urlpath={FIRST_PAGE}'
    return f'[![Open in Binder]({_BINDER}/badge_logo.svg)]({address})'


def with_badge(page: str, given: dict[str, str]) -> str:
    """The page with this badge between its two markers.  ``ValueError`` if they are not there."""
    written, times = _MARKED.subn(lambda _: badge(**given) + '\n', page)
    if times != 1:
        raise ValueError('README.md must have <!-- badge --> and <!-- end of badge --> once, a line each')
    return written


if __name__ == '__main__':
    main()
